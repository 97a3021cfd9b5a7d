/**
 * `npm run fuzz -- [--runs N] [--seed S] [--target NAME] [--run N]`: mutated inputs into everything that reads what strangers wrote,
 * a million by default. An input that makes its target throw, crash, answer with a 5xx or take over a second is printed with the
 * command that tries it again. Ends with 1 when there is one. It keeps no corpus.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import type { Target } from './fuzz/target.ts';
import { shares, TARGETS } from './fuzz/targets.ts';
import type { Report } from './fuzz/runs.ts';
import type { Work } from './fuzz/worker.ts';

const RUNS = 1_000_000;
const TOO_LONG_MS = 1000;
const POLL_MS = 100;
/** Of a thread; what one input may hold on to is far less. */
const MAX_HEAP_MB = 1024;

type Outcome = Report | { readonly kind: 'slow'; readonly run: number };

/** Runs a part of a target to its end, or to an input that takes too long. */
function runWorker(part: Omit<Work, 'at'>): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const at = new SharedArrayBuffer(4);
  const place = new Int32Array(at);
  Atomics.store(place, 0, -1);
  const worker = new Worker(new URL('fuzz/worker.ts', import.meta.url), {
    workerData: { ...part, at } satisfies Work,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });
  let [last, sinceMs] = [-1, performance.now()];
  const watch = setInterval(() => {
    const run = Atomics.load(place, 0);
    if (run !== last) [last, sinceMs] = [run, performance.now()];
    else if (run !== -1 && performance.now() - sinceMs > TOO_LONG_MS) end({ kind: 'slow', run });
  }, POLL_MS);
  const end = (outcome: Outcome): void => {
    clearInterval(watch);
    void worker.terminate().then(() => resolve(outcome));
  };
  worker.on('message', (report: Report) => end(report));
  worker.on('error', (error) =>
    end({ kind: 'failed', run: Atomics.load(place, 0), reason: `crashed: ${String(error)}` }),
  );
  return promise;
}

interface Tried {
  readonly failure?: { readonly run: number; readonly reason: string };
  readonly slowestMs: number;
}

/** An input that is slow once and not again was not what was slow: the machine was. */
async function tryTarget(target: string, seed: number, from: number, to: number): Promise<Tried> {
  const outcome = await runWorker({ target, seed, from, to });
  if (outcome.kind === 'passed') return { slowestMs: outcome.slowestMs };
  if (outcome.kind === 'failed') return { failure: outcome, slowestMs: 0 };
  const { run } = outcome;
  const again = await runWorker({ target, seed, from: run, to: run + 1 });
  if (again.kind === 'slow') return { failure: { run, reason: `takes over ${TOO_LONG_MS} ms` }, slowestMs: 0 };
  if (again.kind === 'failed') return { failure: again, slowestMs: 0 };
  return await tryTarget(target, seed, run + 1, to);
}

async function tryAll(
  targets: readonly Target[],
  seed: number,
  ranges: readonly (readonly [number, number])[],
): Promise<number> {
  const left = targets.map((target, index) => ({ target, range: ranges[index] as readonly [number, number] }));
  let failures = 0;
  const next = async (): Promise<void> => {
    for (let each = left.shift(); each !== undefined; each = left.shift()) {
      const { range, target } = each;
      const beganMs = performance.now();
      const { failure, slowestMs } = await tryTarget(target.name, seed, ...range);
      const seconds = ((performance.now() - beganMs) / 1000).toFixed(1);
      const inputs = `${range[1] - range[0]} inputs`.padStart(15);
      const took = failure === undefined ? `slowest ${slowestMs.toFixed(1)} ms` : 'FAILED';
      process.stdout.write(
        `${target.name.padEnd(14)}${target.what.padEnd(36)}${inputs}${`${seconds} s`.padStart(9)}   ${took}\n`,
      );
      if (failure === undefined) continue;
      failures++;
      const command = `node scripts/fuzz.ts --seed ${seed} --target ${target.name} --run ${failure.run}`;
      process.stdout.write(`  again with: ${command}\n  ${failure.reason}\n`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), targets.length) }, next));
  return failures;
}

function numberOf(text: string | undefined, otherwise: number): number {
  const value = Number(text ?? otherwise);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${text} is no number`);
  return value;
}

async function main(): Promise<number> {
  const options = {
    runs: { type: 'string' },
    seed: { type: 'string' },
    target: { type: 'string' },
    run: { type: 'string' },
  } as const;
  const { values } = parseArgs({ options });
  const targets = TARGETS.filter(({ name }) => values.target === undefined || values.target === name);
  if (targets.length === 0) throw new Error(`--target is one of ${TARGETS.map(({ name }) => name).join(', ')}`);
  const seed = numberOf(values.seed, Math.floor(Math.random() * 0x1_0000_0000));
  const run = numberOf(values.run, 0);
  const counts = shares(numberOf(values.runs, RUNS), targets);
  const ranges = counts.map((count) => (values.run === undefined ? ([0, count] as const) : ([run, run + 1] as const)));
  const all = ranges.reduce((sum, [from, to]) => sum + to - from, 0);
  process.stdout.write(`${all} inputs for ${targets.length} targets, --seed ${seed}\n`);
  const beganMs = performance.now();
  const failures = await tryAll(targets, seed, ranges);
  const seconds = ((performance.now() - beganMs) / 1000).toFixed(0);
  process.stdout.write(
    `${all} inputs, --seed ${seed}: ${failures === 0 ? 'nothing found' : `${failures} targets FAILED`} in ${seconds} s\n`,
  );
  return failures === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main();
