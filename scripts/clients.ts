/**
 * Connects real AI clients to a gateway, each in an empty home and with its own commands: `npm run clients`.
 *
 *   node scripts/clients.ts [--url URL --key KEY] [--only NAME] [--cache FOLDER] [--gateway PROGRAM]
 *
 * Without --url it starts a gateway in front of this repository's everything server; over stdio each client
 * starts one itself, and to join, a program that finds a running one. The clients come from the npm registry into the cache folder (about 1 GB) and stay there.
 * Prints what each client said and a table; exits with 0 when every client that could be installed connected.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startDemo, startJoinable, stdioCommand, writeDemo, type Demo } from './clients/demo.ts';
import { install, prepareCache } from './clients/install.ts';
import { AI_CLIENTS } from './clients/probes.ts';
import type { AiClient, Verdict, Way } from './clients/probes.ts';
import { GATEWAY } from './conformance/gateway.ts';
import { temporaryHome } from '../test/support/home.ts';
import type { TemporaryHome } from '../test/support/home.ts';
import { run, start } from '../test/support/process.ts';

const COMMAND_MS = 90_000;
const SHOWN_LINES = 12;

interface Row {
  readonly title: string;
  readonly way: Way | '-';
  readonly verdict: 'connected' | 'not connected' | 'not installed';
  readonly said: string;
}

interface Target {
  /** Of its MCP endpoint over HTTP. */
  readonly url: string;
  readonly key: string;
  /** The gateway's program, which the clients start over stdio. */
  readonly program: string;
  /** Undefined: the gateway is not ours, so nothing can be connected to it. */
  readonly connect: Demo['connect'] | undefined;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function show(output: string): void {
  const lines = output.trim().split('\n');
  for (const line of lines.slice(0, SHOWN_LINES)) say(`  ${line}`);
  if (lines.length > SHOWN_LINES) say(`  … ${lines.length - SHOWN_LINES} more lines`);
}

/** One client over one transport, in a home that is gone afterwards. */
async function probe(client: AiClient, path: string, way: Way, target: Target): Promise<Verdict> {
  await using home = await temporaryHome();
  say(`\n== ${client.title} over ${way}`);
  if (way !== 'join') return await probeIn(home, { client, path, way, target, file: await writeDemo(home, 0) });
  const gateway = await startJoinable(target.program, home);
  try {
    const verdict = await probeIn(home, { client, path, way, target, file: gateway.file });
    // A client that could not join is connected too: to a gateway of its own.
    if (verdict.connected) await gateway.untilCalled();
    return verdict;
  } finally {
    await gateway.stop();
  }
}

interface Probe {
  readonly client: AiClient;
  /** Of its program. */
  readonly path: string;
  readonly way: Way;
  readonly target: Target;
  /** The configuration for what it starts over stdio. */
  readonly file: string;
}

async function probeIn(home: TemporaryHome, { client, path, way, target, file }: Probe): Promise<Verdict> {
  const hidden = (text: string): string => text.replaceAll(target.key, '[key]').replaceAll(home.path, '~');
  const announce = (args: readonly string[]): void => say(`$ ${client.program} ${hidden(args.join(' '))}`);
  const { connected, said } = await client.probe(way, {
    url: urlFor(way, target.url),
    key: target.key,
    stdio: stdioCommand(target.program, file),
    run: async (args, env) => {
      announce(args);
      const options = { cwd: home.path, env: { ...home.env, ...env }, timeoutMs: COMMAND_MS };
      const finished = await run(path, args, options);
      show(hidden(finished.stdout + finished.stderr));
      return finished;
    },
    connect: async (name) => {
      say(`$ sallyport connect ${name}`);
      if (target.connect === undefined) throw new Error('`connect` is for a gateway of this script: leave out --url');
      const finished = await target.connect(name, home.path);
      show(hidden(finished.stdout + finished.stderr));
      return finished;
    },
    start: (args, env) => {
      announce(args);
      return start(path, args, { cwd: home.path, env: { ...home.env, ...env } });
    },
  });
  return { connected, said: hidden(said) };
}

function urlFor(way: Way, endpoint: string): string {
  const url = new URL(endpoint);
  if (way === 'sse') url.pathname = '/sse';
  if (way === 'ws') url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}

async function rowsOf(client: AiClient, cache: string, target: Target): Promise<Row[]> {
  const { title } = client;
  const rows: Row[] = [];
  try {
    const path = await install(cache, client.packageName, client.program);
    const ways = client.ways.filter((way) => way !== 'connect' || target.connect !== undefined);
    for (const way of ways) {
      const { connected, said } = await probe(client, path, way, target).catch(failed);
      rows.push({ title, way, verdict: connected ? 'connected' : 'not connected', said });
    }
  } catch (error) {
    rows.push({ title, way: '-', verdict: 'not installed', said: messageOf(error) });
  }
  return rows;
}

function failed(error: unknown): Verdict {
  return { connected: false, said: messageOf(error) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function table(rows: readonly Row[]): string[] {
  const cells = [
    ['client', 'over', 'verdict', 'what it said'],
    ...rows.map(({ title, way, verdict, said }) => [title, way, verdict, said.split('\n')[0] ?? '']),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => (row[column] ?? '').length)));
  return cells.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
}

/** Our own gateway, or the one that was named. */
function targetOf(demo: Demo | undefined, named: { url?: string; key?: string; gateway: string }): Target {
  const program = named.gateway;
  if (demo !== undefined) return { url: demo.url, key: demo.key, connect: demo.connect, program };
  return { url: named.url ?? '', key: named.key ?? '', connect: undefined, program };
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      url: { type: 'string' },
      key: { type: 'string' },
      only: { type: 'string', default: '' },
      gateway: { type: 'string', default: GATEWAY },
      cache: { type: 'string', default: join(tmpdir(), `sallyport-clients-${process.getuid?.() ?? 'user'}`) },
    },
  });
  if ((values.url === undefined) !== (values.key === undefined)) throw new TypeError('--url and --key go together');
  const chosen = AI_CLIENTS.filter(({ program }) => program.includes(values.only));
  if (chosen.length === 0) {
    throw new TypeError(`--only names one of ${AI_CLIENTS.map(({ program }) => program).join(', ')}`);
  }
  await prepareCache(values.cache);
  say(`clients are kept in ${values.cache}`);
  await using home = await temporaryHome();
  const demo = values.url === undefined ? await startDemo(values.gateway, home) : undefined;
  const target = targetOf(demo, values);
  const rows: Row[] = [];
  try {
    for (const client of chosen) {
      rows.push(...(await rowsOf(client, values.cache, target)));
    }
  } finally {
    await demo?.running.stop();
  }
  say('');
  for (const line of table(rows)) say(line);
  return rows.every(({ verdict }) => verdict !== 'not connected');
}

// On a signal the processes that were started are ended by their exit hooks.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  process.stderr.write(`clients: ${messageOf(error)}\n`);
  process.exitCode = error instanceof TypeError ? 2 : 1;
}
