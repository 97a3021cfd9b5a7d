/** `npm run bench`: measures what the options ask for, prints it, and with `--write` puts it into the repository. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { Bed } from './bed.ts';
import { measureCalls, type CallOptions } from './calls.ts';
import { chart, replaceBetween, sections } from './document.ts';
import { readOptions, type BenchOptions } from './options.ts';
import { replies, type CallResults, type Cell, type Facts, type Results, type ScaleResults } from './results.ts';
import { measureScale, type ScaleOptions } from './scale.ts';
import { allSystems, type System } from './systems.ts';
import { detailTable, listTable, reachTable, sessionTable, startTable } from './table.ts';

const ROOT = join(import.meta.dirname, '..');
const RESULTS = join(import.meta.dirname, 'results');
const DOCUMENT = join(ROOT, 'docs/PERFORMANCE.md');
const CHART = join(ROOT, 'docs/performance.svg');

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const print = (text: string): void => void process.stdout.write(`${text}\n\n`);

function facts(): Facts {
  const cpus = os.cpus();
  const machine = `${cpus.length} × ${cpus[0]?.model.trim() ?? 'unknown processor'}, ${os.type()} ${os.arch()}`;
  return { at: new Date().toISOString(), machine, node: process.versions.node };
}

function chosen(all: readonly System[], { only }: BenchOptions): System[] {
  const unknown = only.filter((name) => !all.some((system) => system.name === name));
  if (unknown.length > 0) {
    const names = [...new Set(all.map((system) => system.name))].join(', ');
    throw new Error(`--only: there is no ${unknown.join(', ')}. There are: ${names}.`);
  }
  return all.filter((system) => only.length === 0 || system.name === 'direct' || only.includes(system.name));
}

function callOptions(options: BenchOptions, upstream: 'http' | 'stdio'): CallOptions {
  const { era, sse, rounds, measureMs } = options;
  const cells: Cell[] = options.bytes.flatMap((bytes) =>
    options.connections.map((connections) => ({ bytes, connections })),
  );
  return { upstream, era, sse, cells, rounds, measureMs, warmUpMs: 400, firstWarmUpMs: 5000, settleMs: 800 };
}

/** Short and everything: both eras, event streams, small and large. */
function smokeOptions(upstream: 'http' | 'stdio'): CallOptions[] {
  const cells: Cell[] = [
    { bytes: 100, connections: 8 },
    { bytes: upstream === 'http' ? 1 << 20 : 10_240, connections: 4 },
  ];
  const small = cells.slice(0, 1);
  const base = { upstream, cells, rounds: 1, measureMs: 250, warmUpMs: 100, firstWarmUpMs: 0, settleMs: 0 };
  const session: CallOptions = { ...base, era: 'session', sse: false };
  if (upstream === 'stdio') return [session];
  return [session, { ...session, era: 'stateless', cells: small }, { ...session, sse: true, cells: small }];
}

function scaleOptions({ smoke, rounds }: BenchOptions): ScaleOptions {
  return smoke
    ? { upstreams: [3], tools: [100], sessions: 20, firstSessions: 5, rounds: 1, settleMs: 0 }
    : {
        upstreams: [1, 20],
        tools: [10, 100, 1000, 10_000],
        sessions: 1000,
        firstSessions: 200,
        rounds,
        settleMs: 5000,
      };
}

function partName({ upstream, era, sse }: CallOptions): string {
  return [upstream, ...(era === 'stateless' ? ['stateless'] : []), ...(sse ? ['sse'] : [])].join('-');
}

async function measure(bed: Bed, options: BenchOptions): Promise<Results> {
  const systems = chosen(allSystems(process.env['BENCH_PEERS'] ?? join(import.meta.dirname, 'peers')), options);
  const upstreams = [...(options.http ? ['http' as const] : []), ...(options.stdio ? ['stdio' as const] : [])];
  const plans = upstreams.flatMap((upstream) =>
    options.smoke ? smokeOptions(upstream) : [callOptions(options, upstream)],
  );
  const calls: CallResults[] = [];
  for (const plan of plans) {
    say(`— ${partName(plan)}`);
    const findings = await measureCalls(bed, systems, plan, say);
    const done = { ...facts(), part: partName(plan), ...findings };
    calls.push(done);
    print(detailTable(done));
  }
  if (!options.scale) return { calls, scale: undefined };
  say('— scale');
  const wanted = ['direct', 'sdk1', 'mcp-hub', 'sallyport', ...options.only];
  const growing = systems.filter((system) => system.upstream === 'http' && wanted.includes(system.name));
  const scale: ScaleResults = {
    ...facts(),
    part: 'scale',
    ...(await measureScale(bed, growing, scaleOptions(options), say)),
  };
  print([startTable(scale), listTable(scale), sessionTable(scale)].join('\n\n'));
  return { calls, scale };
}

/** The parts that are on record, those of today among them. */
function readResults(): Results {
  const files = existsSync(RESULTS) ? readdirSync(RESULTS).filter((name) => name.endsWith('.json')) : [];
  const all = files.map((name) => JSON.parse(readFileSync(join(RESULTS, name), 'utf8')) as CallResults | ScaleResults);
  return {
    calls: all.filter((each): each is CallResults => 'series' in each),
    scale: all.find((each): each is ScaleResults => 'starts' in each),
  };
}

function write(results: Results): void {
  mkdirSync(RESULTS, { recursive: true });
  const written = [...results.calls, ...(results.scale === undefined ? [] : [results.scale])].map((each) => {
    const file = join(RESULTS, `${each.part}.json`);
    writeFileSync(file, JSON.stringify(each));
    return file;
  });
  const recorded = readResults();
  let text = readFileSync(DOCUMENT, 'utf8');
  for (const [name, section] of sections(recorded)) text = replaceBetween(text, name, section);
  writeFileSync(DOCUMENT, text);
  writeFileSync(CHART, chart(recorded));
  execFileSync(join(ROOT, 'node_modules/.bin/oxfmt'), [DOCUMENT, ...written], { cwd: ROOT, stdio: 'ignore' });
  say(`written: ${[...written, DOCUMENT, CHART].join(', ')}`);
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  const bed = new Bed();
  // However this process ends, a closed pipe of its output included, nothing of a run stays behind.
  process.once('exit', () => bed.destroy());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));
  try {
    const results = await measure(bed, options);
    const problems = [...results.calls, ...(results.scale === undefined ? [] : [results.scale])].flatMap(
      (each) => each.problems,
    );
    const { checked, wrong } = replies(results.calls);
    if (!options.smoke) print(reachTable(results));
    if (options.write) write(results);
    for (const problem of problems) say(`problem: ${problem}`);
    print(`${checked} replies checked, ${wrong} wrong or lost, ${problems.length} problems`);
    return problems.length === 0 && wrong === 0 ? 0 : 1;
  } finally {
    await bed.close();
  }
}

process.exitCode = await main().catch((error: Error) => {
  say(error.message);
  return 2;
});
