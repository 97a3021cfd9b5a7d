/**
 * Looks for secrets, paths of this machine and registry hosts in the git tree and in what would be published, and
 * checks that the tarballs hold only what they should. History is not searched.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { findLeaks, leakRules, type LeakRule } from './leaks.ts';
import { capture, outputOf, type Capture } from './run.ts';
import { tarballFiles, tarballProblems, tarballTexts } from './tarball.ts';
import { publishedPackages, repositoryFiles, root } from './workspace.ts';

/** A file that may hold what a rule finds. An entry that nothing needs any more is reported. */
export interface Accepted {
  readonly path: string;
  readonly rule: string;
  readonly reason: string;
}

export const accepted: readonly Accepted[] = [
  { path: 'scripts/secrets.ts', rule: 'registry-host', reason: 'the names that this script looks for' },
  {
    path: 'packages/server/src/http/shield.test.ts',
    rule: 'url-password',
    reason: 'an origin whose password is written like a host that is allowed',
  },
];

const publicRegistries = ['registry.npmjs.org', 'registry.yarnpkg.com', 'npm.pkg.github.com'];

interface Text {
  readonly path: string;
  readonly text: string;
}

/** One line for each find that no entry of `allowList` covers, and for each entry that covers nothing. */
export function scan(texts: readonly Text[], rules: readonly LeakRule[], allowList: readonly Accepted[]): string[] {
  const used = new Set<Accepted>();
  const found = texts.flatMap(({ path, text }) =>
    findLeaks(text, rules)
      .filter((leak) => {
        const entry = allowList.find((each) => each.path === path && each.rule === leak.rule);
        if (entry !== undefined) used.add(entry);
        return entry === undefined;
      })
      .map((leak) => `${path}:${String(leak.line)} [${leak.rule}] ${leak.excerpt}`),
  );
  const idle = allowList.filter((each) => !used.has(each));
  return [...found, ...idle.map((each) => `scripts/secrets.ts: nothing needs the entry ${each.path} [${each.rule}]`)];
}

/** The rules for the repository `from` on this machine. */
export function rulesHere(from: string, run: Capture): LeakRule[] {
  const places = [from, homedir()].filter((each) => each.split('/').length > 2);
  const configured = new URL(outputOf(run, ['npm', 'config', 'get', 'registry'], from).trim()).hostname;
  return leakRules(places, [...new Set([...publicRegistries, configured])]);
}

/** Scans the repository `from`; answers the exit code. */
export function main(
  from: string,
  allowList: readonly Accepted[],
  run: Capture,
  write: (line: string) => void,
): number {
  const rules = rulesHere(from, run);
  const tree = repositoryFiles(from, run).map((path) => ({ path, text: readFileSync(join(from, path), 'utf8') }));
  const problems = scan(tree, rules, allowList);
  for (const each of publishedPackages(from)) {
    const folder = join(from, each.folder);
    const files = tarballFiles(folder, run);
    problems.push(
      ...tarballProblems(folder, each.manifest, files).map((problem) => `tarball of ${each.manifest.name}: ${problem}`),
      ...scan(tarballTexts(from, each, files), rules, []).map((leak) => `tarball of ${each.manifest.name}: ${leak}`),
    );
    write(`${each.manifest.name}: ${String(files.length)} files in the tarball`);
  }
  for (const each of allowList) write(`exception: ${each.path} [${each.rule}] (${each.reason})`);
  for (const each of problems) write(each);
  write(`secrets: ${String(tree.length)} files of the tree, ${String(problems.length)} problems`);
  return problems.length === 0 ? 0 : 1;
}

if (import.meta.main) {
  process.exitCode = main(root, accepted, capture, (line) => void process.stdout.write(`${line}\n`));
}
