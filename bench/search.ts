/**
 * How well `find_tools` finds, through a running gateway: whether the tool that does a step is among the first, and how many of the
 * tools of a whole question are. The catalogue and the questions are given: `node bench/search.ts CATALOG [TASKS] [PHRASES]`, or
 * $SALLYPORT_BENCH_CATALOG and $SALLYPORT_BENCH_TASKS, in the form of LiveMCPBench (`{servers: [{server, description, tools}]}`,
 * `{tasks: [{question, tools, steps: [{step, tool}]}]}`); PHRASES are lines of `sentence | tool`, bench/search/paraphrases.txt unless
 * told, and then those of held-out.txt too, which chose nothing. Small sets: the interval (Wilson, 95 %) is printed with each number.
 */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answers, Fleet, freePort } from './processes.ts';
import { quantile } from './statistics.ts';
import { GATEWAY } from './systems.ts';

interface Catalog {
  readonly servers: readonly {
    readonly server: string;
    readonly description?: string;
    readonly tools: readonly { readonly name: string }[];
  }[];
}

interface Step {
  readonly step: string;
  readonly tool: string;
}

interface Tasks {
  readonly tasks: readonly {
    readonly question: string;
    readonly tools: readonly string[];
    readonly steps: readonly Step[];
  }[];
}

interface Found {
  /** Bare names, the best first. */
  readonly names: readonly string[];
  readonly ms: number;
}

const FIRST = 5;
const RECALL_AT = 10;
const Z = 1.96;

const HERE = dirname(fileURLToPath(import.meta.url));
const [
  catalogPath = process.env['SALLYPORT_BENCH_CATALOG'],
  tasksPath = process.env['SALLYPORT_BENCH_TASKS'],
  phrases,
] = process.argv.slice(2);

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(path, 'utf8')) as T;
}

/** All servers of the catalogue, at one path each. */
async function serve({ servers }: Catalog): Promise<Server> {
  const bySlug = new Map(servers.map((each, at) => [`/${at}`, each]));
  const http = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { id, method } = JSON.parse(body || '{}') as { id?: number; method?: string };
      const own = bySlug.get(request.url ?? '');
      if (request.method !== 'POST' || id === undefined || own === undefined) {
        response.writeHead(202).end();
        return;
      }
      const results: Readonly<Record<string, object>> = {
        initialize: {
          protocolVersion: '2025-11-25',
          capabilities: { tools: {} },
          serverInfo: { name: own.server, version: '1' },
        },
        'tools/list': { tools: own.tools },
      };
      const result = results[method ?? ''];
      const said = result === undefined ? { error: { code: -32601, message: 'Method not found' } } : { result };
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id, ...said }));
    });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return http;
}

/** A name that a configuration may have. */
function serverName(name: string, at: number): string {
  return `${name
    .replaceAll(/[^A-Za-z0-9-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 26)}-${at}`;
}

async function withGateway<T>(catalog: Catalog, use: (url: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  const upstream = await serve(catalog);
  const fleet = new Fleet();
  try {
    const [port, { port: from }] = [await freePort(), upstream.address() as AddressInfo];
    const servers = catalog.servers.map(({ description = '', server }, at) => {
      return [serverName(server, at), { url: `http://127.0.0.1:${from}/${at}`, type: 'http', description }] as const;
    });
    const config = {
      mcpServers: Object.fromEntries(servers),
      listen: { port },
      auth: { mode: 'none' },
      store: 'memory',
      discovery: 'search',
    };
    const file = join(folder, 'sallyport.json');
    await writeFile(file, JSON.stringify(config), { mode: 0o600 });
    const started = fleet.launch({
      command: [process.execPath, GATEWAY, 'serve', '--config', file],
      env: { SALLYPORT_HOME: join(folder, 'state') },
      cwd: folder,
      log: join(folder, 'log'),
    });
    await answers(`http://127.0.0.1:${port}/healthz`, started, join(folder, 'log'));
    return await use(`http://127.0.0.1:${port}/mcp`);
  } finally {
    await fleet.close();
    upstream.closeAllConnections();
    upstream.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function finder(url: string): (query: string, limit: number) => Promise<Found> {
  const version = '2026-07-28';
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  return async (query, limit) => {
    const params = { name: 'find_tools', arguments: { query, limit }, _meta };
    const beganMs = performance.now();
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': version,
        'mcp-method': 'tools/call',
        'mcp-name': 'find_tools',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
    });
    const { result } = (await response.json()) as {
      result?: { structuredContent?: { tools: readonly { readonly name: string }[] } };
    };
    const tools = result?.structuredContent?.tools;
    if (tools === undefined) throw new Error(`find_tools answered ${response.status}.`);
    const names = tools.map(({ name }) => name.slice(name.indexOf('__') + 2));
    return { names, ms: performance.now() - beganMs };
  };
}

/** `74.3 % (57.9 to 85.8)`: hits of n, and where the true share is with 95 %. */
function share(hits: number, n: number): string {
  if (n === 0) return 'nothing to measure';
  const p = hits / n;
  const centre = (p + Z ** 2 / (2 * n)) / (1 + Z ** 2 / n);
  const half = (Z / (1 + Z ** 2 / n)) * Math.sqrt((p * (1 - p)) / n + Z ** 2 / (4 * n ** 2));
  const percent = (value: number): string => (value * 100).toFixed(1);
  return `${percent(p)} % (${percent(centre - half)} to ${percent(centre + half)}; n = ${n})`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function measureSteps(label: string, steps: readonly Step[], find: ReturnType<typeof finder>): Promise<void> {
  let [first, among] = [0, 0];
  const times: number[] = [];
  for (const { step, tool } of steps) {
    const { ms, names } = await find(step, FIRST);
    const place = names.findIndex((name) => isSame(name, tool));
    if (place === 0) first += 1;
    if (place !== -1) among += 1;
    times.push(ms);
  }
  const sorted = times.toSorted((one, other) => one - other);
  print(`${label}: among the first ${FIRST} ${share(among, steps.length)}, first ${share(first, steps.length)}`);
  const [half, most] = [quantile(sorted, 0.5), quantile(sorted, 0.95)];
  print(`  ${half?.toFixed(1) ?? '-'} ms at the median, ${most?.toFixed(1) ?? '-'} ms at 95 %, over HTTP`);
}

/** Names with odd characters are shown otherwise: what is left of them counts. */
function isSame(shown: string, wanted: string): boolean {
  return (
    shown === wanted.trim() ||
    shown.replace(/_[0-9a-f]{6}$/, '').trim() === wanted.trim().replaceAll(/[^A-Za-z0-9_-]/g, '_')
  );
}

async function measureQuestions({ tasks }: Tasks, find: ReturnType<typeof finder>): Promise<void> {
  const asked = tasks.filter(({ tools }) => tools.length > 0);
  let recall = 0;
  for (const { question, tools } of asked) {
    const { names } = await find(question, RECALL_AT);
    recall += tools.filter((tool) => names.some((name) => isSame(name, tool))).length / tools.length;
  }
  const mean = ((recall / asked.length) * 100).toFixed(1);
  print(`questions: recall of their tools at ${RECALL_AT} ${mean} % (mean; n = ${asked.length})`);
}

async function sentencesIn(path: string): Promise<readonly Step[]> {
  return (await readFile(path, 'utf8')).split('\n').flatMap((line): Step[] => {
    const [step, tool] = line.split(' | ');
    return line.startsWith('#') || step === undefined || tool === undefined ? [] : [{ step, tool }];
  });
}

if (catalogPath === undefined) {
  process.stderr.write('node bench/search.ts CATALOG [TASKS] [PHRASES]\n');
  process.exitCode = 2;
} else {
  const catalog = await readJson<Catalog>(catalogPath);
  await withGateway(catalog, async (url) => {
    const find = finder(url);
    // The first one waits for the servers and for the index.
    await find('anything', 1);
    const count = catalog.servers.reduce((sum, { tools }) => sum + tools.length, 0);
    print(`${count} tools of ${catalog.servers.length} servers`);
    await measureSteps('sentences', await sentencesIn(phrases ?? join(HERE, 'search/paraphrases.txt')), find);
    if (phrases === undefined)
      await measureSteps('held out', await sentencesIn(join(HERE, 'search/held-out.txt')), find);
    if (tasksPath === undefined) return;
    const tasks = await readJson<Tasks>(tasksPath);
    await measureSteps(
      'steps',
      tasks.tasks.flatMap(({ steps }) => steps),
      find,
    );
    await measureQuestions(tasks, find);
  });
}
