/**
 * How well `find_tools` finds, through a running gateway: whether the tool that does a step is among the first, and how many of the
 * tools of a whole question are. The catalogue and the questions are given: `node bench/search.ts CATALOG [TASKS] [PHRASES]`, or
 * $SALLYPORT_BENCH_CATALOG and $SALLYPORT_BENCH_TASKS, in the form of LiveMCPBench (`{servers: [{server, description, tools}]}`,
 * `{tasks: [{question, tools, steps: [{step, tool}]}]}`); PHRASES are lines of `sentence | tool`, bench/search/paraphrases.txt unless
 * told, and then those of held-out.txt too, which chose nothing. Small sets: the interval (Wilson, 95 %) is printed with each number.
 */

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withCatalogGateway, type Catalog } from './catalog-gateway.ts';
import { quantile } from './statistics.ts';

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

/** A name that a configuration may have. */
function serverName(name: string, at: number): string {
  return `${name
    .replaceAll(/[^A-Za-z0-9-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 26)}-${at}`;
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
  const names = catalog.servers.map(({ server }, at) => serverName(server, at));
  await withCatalogGateway({ catalog, names, discovery: 'search' }, async ({ url }) => {
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
