/**
 * The ways in which the suite is run: against the everything server, against that of the framework, through a gateway to the first, the same with a server of
 * the other era alone, and as a client: a gateway in front of the suite's mock servers, and the client library by itself.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryHome } from '../../test/support/home.ts';
import type { TemporaryHome } from '../../test/support/home.ts';
import { start } from '../../test/support/process.ts';
import { LACKING, OTHER_ERA, leaveOut, requireOnly } from './across.ts';
import type { Lacking } from './across.ts';
import { startGateway } from './gateway.ts';
import { ROOT, outcomes, requirementsOf, runSuite } from './suite.ts';
import type { Leg, Outcome, Requirements, Revision } from './suite.ts';

export const MODES = ['direct', 'framework', 'server', 'across', 'client', 'library'] as const;
export type Mode = (typeof MODES)[number];

export interface RunOptions {
  readonly mode: Mode;
  readonly revision: Revision;
  /** Which scenarios to run, by name. */
  readonly wanted: RegExp;
  /** How many client scenarios run at once. */
  readonly jobs: number;
  readonly gateway: string;
}

export interface Report {
  readonly scored: readonly Outcome[];
  readonly unscored: readonly Outcome[];
  /** Scored scenarios that were run and cannot pass. */
  readonly leftOut: readonly Lacking[];
  readonly elapsedMs: number;
}

const WHOLE_SUITE_MS = 240_000;
const ONE_SCENARIO_MS = 45_000;
const SUITE_CLIENT_MS = 30_000;

async function planOf(options: RunOptions, leg: Leg, env: TemporaryHome['env']): Promise<Requirements> {
  const all = await requirementsOf(options.revision, leg, env);
  const wanted = (name: string): boolean => options.wanted.test(name);
  return { scored: all.scored.filter(wanted), unscored: all.unscored.filter(wanted) };
}

/** Serves the suite's requests on a URL for as long as `use` takes. */
async function withServer(
  options: RunOptions,
  home: TemporaryHome,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const { path: folder, env } = home;
  const only = options.mode === 'across' ? OTHER_ERA[options.revision] : undefined;
  if (options.mode === 'framework') {
    const server = join(ROOT, 'test/framework/everything/server.ts');
    await using running = start(process.execPath, [server], { env });
    const [url] = await running.untilLine(/http:\S+/);
    await use(url);
    return;
  }
  const program = join(ROOT, 'test/everything/server.ts');
  await using everything = start(process.execPath, [program, '--port', '0', '--eras', only ?? 'both'], { env });
  const [upstream] = await everything.untilLine(/http:\S+/);
  if (only !== undefined) await requireOnly(only, upstream);
  if (options.mode === 'direct') {
    await use(upstream);
    return;
  }
  const gateway = await startGateway(upstream, { program: options.gateway, folder, env, ownGroup: true });
  try {
    await use(gateway.url);
  } finally {
    await gateway.running.stop();
  }
}

async function runServerLeg(
  options: RunOptions,
  plan: Requirements,
  home: TemporaryHome,
  results: string,
): Promise<void> {
  const names = [...plan.scored, ...plan.unscored];
  const isWhole = options.wanted.source === '.';
  await withServer(options, home, async (url) => {
    if (isWhole) {
      await runSuite(
        ['server', '--url', url, '--requirements', options.revision, '-o', results],
        WHOLE_SUITE_MS,
        home.env,
      );
      return;
    }
    for (const name of names) {
      const args = ['server', '--url', url, '--scenario', name, '--spec-version', options.revision, '--force'];
      await runSuite([...args, '-o', results], ONE_SCENARIO_MS, home.env);
    }
  });
}

async function runClientLeg(
  options: RunOptions,
  plan: Requirements,
  home: TemporaryHome,
  results: string,
): Promise<void> {
  const queue = [...plan.scored, ...plan.unscored];
  // The suite splits this at spaces and hands it to a shell, in the repository's root.
  const command =
    options.mode === 'library'
      ? 'node scripts/conformance/library.ts'
      : `node scripts/conformance/driver.ts --gateway ${options.gateway}`;
  const worker = async (): Promise<void> => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const args = ['client', '--command', command, '--scenario', name, '--spec-version', options.revision, '--force'];
      await runSuite([...args, '--timeout', String(SUITE_CLIENT_MS), '-o', results], ONE_SCENARIO_MS, home.env);
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, worker));
}

/** Runs one mode for one revision; rejects when something other than a scenario fails. */
export async function runMode(options: RunOptions): Promise<Report> {
  const leg: Leg = options.mode === 'client' || options.mode === 'library' ? 'client' : 'server';
  await using home = await temporaryHome();
  const plan = await planOf(options, leg, home.env);
  const results = join(home.path, 'results');
  await mkdir(results);
  const startedMs = performance.now();
  if (leg === 'client') await runClientLeg(options, plan, home, results);
  else await runServerLeg(options, plan, home, results);
  const scored = await outcomes(results, leg, plan.scored);
  const table = options.mode === 'across' ? LACKING[options.revision] : [];
  return {
    ...leaveOut(
      table.filter(({ scenario }) => options.wanted.test(scenario)),
      scored,
    ),
    unscored: await outcomes(results, leg, plan.unscored),
    elapsedMs: performance.now() - startedMs,
  };
}
