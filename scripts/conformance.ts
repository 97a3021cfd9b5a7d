/**
 * Runs the official MCP conformance suite both ways, for both revisions: `npm run conformance`.
 *
 *   node scripts/conformance.ts [--only direct|server|across|client] [--revision 2025-11-25|2026-07-28]
 *                               [--scenario REGEXP] [--jobs N] [--gateway PROGRAM]
 *
 * direct: the suite against this repository's everything server · framework: the same against the one on the framework ·
 * server: the first through the gateway · across: the
 * same where the server speaks only the other era · client: a plain client through the gateway against the suite's mock
 * servers. Prints a line for each and the failing scenarios below it; exits with 0 when no scored scenario that was run
 * failed, with 2 on wrong usage.
 */
import { parseArgs } from 'node:util';
import { GATEWAY } from './conformance/gateway.ts';
import { MODES, runMode } from './conformance/modes.ts';
import type { Mode, Report } from './conformance/modes.ts';
import { REVISIONS } from './conformance/suite.ts';
import type { Outcome, Revision } from './conformance/suite.ts';

const LABELS: Readonly<Record<Mode, string>> = {
  direct: 'server direct',
  framework: 'framework server',
  server: 'server',
  across: 'server across eras',
  client: 'client',
  library: 'client library',
};

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function details(kind: string, outcomes: readonly Outcome[]): string[] {
  return outcomes.flatMap(({ scenario, remarks }) => [
    `  ${kind}: ${scenario}`,
    ...remarks.map((remark) => `    ${remark}`),
  ]);
}

function describe(mode: Mode, revision: Revision, report: Report): string[] {
  const failed = report.scored.filter(({ passed }) => !passed);
  const warned = report.scored.filter(({ passed, remarks }) => passed && remarks.length > 0);
  const missed = report.unscored.filter(({ passed }) => !passed).map(({ scenario }) => scenario);
  const { length: unscored } = report.unscored;
  const seconds = (report.elapsedMs / 1000).toFixed(1);
  const head = [
    `${revision} ${LABELS[mode]}: ${report.scored.length - failed.length} passed, ${failed.length} failed`,
    ...(mode === 'across' ? [`${report.leftOut.length} left out`] : []),
  ].join(', ');
  return [
    `${head} (not scored: ${unscored - missed.length} of ${unscored} passed; ${seconds} s)`,
    ...details('failed', failed),
    ...details('warned', warned),
    ...report.leftOut.map(({ scenario, reason }) => `  left out: ${scenario}: ${reason}`),
    ...(missed.length > 0 ? [`  not scored, failed: ${missed.join(', ')}`] : []),
  ];
}

function oneOf<T extends string>(flag: string, value: string | undefined, known: readonly T[]): readonly T[] {
  if (value === undefined) return known;
  const found = known.filter((candidate) => candidate === value);
  if (found.length === 0) throw new TypeError(`--${flag} is one of ${known.join(', ')}, not ${value}`);
  return found;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      revision: { type: 'string' },
      scenario: { type: 'string', default: '.' },
      jobs: { type: 'string', default: '2' },
      gateway: { type: 'string', default: GATEWAY },
    },
  });
  const modes = oneOf('only', values.only, MODES);
  const revisions = oneOf('revision', values.revision, REVISIONS);
  const jobs = Number(values.jobs);
  if (!Number.isInteger(jobs) || jobs < 1) throw new TypeError(`--jobs is a whole number from 1, not ${values.jobs}`);
  const wanted = new RegExp(values.scenario);
  let allPassed = true;
  for (const mode of modes) {
    for (const revision of revisions) {
      try {
        const report = await runMode({ mode, revision, wanted, jobs, gateway: values.gateway });
        for (const line of describe(mode, revision, report)) say(line);
        allPassed &&= report.scored.every(({ passed }) => passed);
      } catch (error) {
        // What kept a whole run from happening must not hide the runs after it.
        say(`${revision} ${LABELS[mode]}: did not run: ${messageOf(error)}`);
        allPassed = false;
      }
    }
  }
  return allPassed;
}

// On a signal the processes that were started are ended by their exit hooks.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  process.stderr.write(`conformance: ${messageOf(error)}\n`);
  process.exitCode = error instanceof TypeError ? 2 : 1;
}
