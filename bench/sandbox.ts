/**
 * What a sandbox costs: the time from the start of a child to its first line, and of one line there and back once it runs, bare
 * and under each level that this machine has, interleaved. Prints a table; docs/SANDBOX.md holds one. `node bench/sandbox.ts [STARTS]`.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { childEnvironment, startChild } from '@sallyport/host';
import { createDetect, createSandboxes, planSandbox, surveyPaths, type SandboxLevel } from '@sallyport/host/sandbox';

const STARTS = Number(process.argv[2] ?? 30);
const CALLS = 2000;
/** Answers each line with itself. */
const ECHO = 'console.log("{}"); process.stdin.on("data", (chunk) => process.stdout.write(chunk))';
const LEVELS: readonly SandboxLevel[] = ['none', 'limited', 'standard', 'strict'];

const folder = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-bench-')));
const detect = createDetect();
const facts = await detect();
const groupName = (): string => `sallyport-bench-${process.pid}-${randomUUID()}`;
const sandboxes = createSandboxes({ folder: join(folder, 'filters'), groupName });

interface Sample {
  readonly startMs: number;
  readonly callMs: number;
}

/** Undefined: this machine lacks a layer of the level. */
async function sample(level: SandboxLevel): Promise<Sample | undefined> {
  const { env } = childEnvironment(process.env, {}, process.platform);
  const beganMs = performance.now();
  const spec = { level, command: await realpath(process.execPath), args: ['-e', ECHO], cwd: '/', env, hidden: [] };
  const plan = planSandbox(spec, facts, await surveyPaths(spec));
  if (plan.missing.length > 0) return undefined;
  const prepared = await sandboxes.prepare(plan);
  const { args, command, cwd } = prepared;
  let arrived: () => void = () => undefined;
  const line = (): Promise<void> => new Promise((resolve) => (arrived = resolve));
  const first = line();
  const nothing = (): undefined => undefined;
  const hooks = { onLine: () => arrived(), onOversize: nothing, onStderr: nothing, onExit: nothing };
  const child = await startChild({ command, args, cwd, env: prepared.env, ...hooks, maxLineBytes: 1000 });
  await first;
  const startMs = performance.now() - beganMs;
  const callsMs = performance.now();
  for (let call = 0; call < CALLS; call += 1) {
    const answer = line();
    child.send('{"id":1}');
    await answer;
  }
  const callMs = (performance.now() - callsMs) / CALLS;
  await child.close();
  await prepared.release();
  return { startMs, callMs };
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const samples = new Map<SandboxLevel, Sample[]>();
for (let turn = 0; turn < STARTS; turn += 1) {
  for (const level of LEVELS) {
    const taken = await sample(level);
    if (taken !== undefined) samples.set(level, [...(samples.get(level) ?? []), taken]);
  }
}
await rm(folder, { recursive: true, force: true });
const bare = median((samples.get('none') ?? []).map(({ startMs }) => startMs));
console.log('| level | start, ms | over bare, ms | a line there and back, ms |\n|---|---|---|---|');
for (const level of LEVELS) {
  const taken = samples.get(level) ?? [];
  const startMs = median(taken.map((each) => each.startMs));
  const callMs = median(taken.map((each) => each.callMs));
  const cells =
    taken.length === 0 ? ['not to be had here', '', ''] : [startMs, startMs - bare].map((ms) => ms.toFixed(1));
  console.log(`| ${[level, ...cells, ...(taken.length === 0 ? [] : [callMs.toFixed(3)])].join(' | ')} |`);
}
