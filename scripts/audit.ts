/**
 * Asks the registry for known holes in what is shipped, and checks what the lock file itself promises: integrity of
 * every package, no install scripts, no git or http dependencies. A registry that does not answer is said, never
 * taken for a clean result; it fails the run only with `--require-answer` (the release does that).
 */
import { join } from 'node:path';
import { lockProblems, readLock } from './lockfile.ts';
import { capture, type Capture, type Finished } from './run.ts';
import { root } from './workspace.ts';

/** The only dependency that may run a script at install: it brings the Node binary of this repository. */
const mayRunInstallScripts = ['node'];

export type Verdict =
  | { readonly kind: 'clean' }
  | { readonly kind: 'findings'; readonly lines: readonly string[] }
  | { readonly kind: 'no answer'; readonly reason: string };

interface Report {
  readonly error?: { readonly summary?: string; readonly code?: string };
  readonly message?: string;
  readonly metadata?: { readonly vulnerabilities?: Readonly<Record<string, number>> };
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity?: string; readonly range?: string }>>;
}

const counted = ['high', 'critical'];

/** Reads what `npm audit --json` left behind. Only a complete report counts as an answer. */
export function readAudit(done: Finished): Verdict {
  const report = parse(done.stdout);
  const counts = report?.metadata?.vulnerabilities;
  if (report === undefined || counts === undefined || report.error !== undefined) {
    return { kind: 'no answer', reason: whyNoAnswer(report, done) };
  }
  const lines = Object.entries(report.vulnerabilities ?? {})
    .filter(([, found]) => counted.includes(found.severity ?? ''))
    .map(([name, found]) => `${found.severity ?? ''}: ${name} ${found.range ?? ''}`.trimEnd());
  const total = counted.reduce((sum, severity) => sum + (counts[severity] ?? 0), 0);
  if (total === 0 && lines.length === 0 && done.code === 0) return { kind: 'clean' };
  const summary = `npm audit counts ${String(total)} and ended with ${String(done.code)}`;
  return { kind: 'findings', lines: lines.length > 0 ? lines : [summary] };
}

function whyNoAnswer(report: Report | undefined, { code, stderr }: Finished): string {
  const said = [report?.message, report?.error?.summary, stderr.trim().split('\n')[0]];
  return said.find((each) => each !== undefined && each !== '') ?? `npm audit ended with ${String(code)}`;
}

function parse(text: string): Report | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Audits the repository `from`; answers the exit code. */
export function main(from: string, requireAnswer: boolean, run: Capture, write: (line: string) => void): number {
  const problems = lockProblems(readLock(join(from, 'package-lock.json')), mayRunInstallScripts);
  for (const each of problems) write(`package-lock.json: ${each}`);
  const verdict = readAudit(run(['npm', 'audit', '--omit=dev', '--audit-level=high', '--json'], from));
  if (verdict.kind === 'no answer') write(`audit NOT done: the registry gave no answer (${verdict.reason})`);
  else if (verdict.kind === 'clean') write('audit: no known high or critical holes in what is shipped');
  else for (const line of verdict.lines) write(`audit: ${line}`);
  const failed = verdict.kind === 'findings' || (verdict.kind === 'no answer' && requireAnswer);
  return problems.length > 0 || failed ? 1 : 0;
}

if (import.meta.main) {
  const requireAnswer = process.argv.includes('--require-answer');
  process.exitCode = main(root, requireAnswer, capture, (line) => void process.stdout.write(`${line}\n`));
}
