/**
 * Code mode through a running gateway: how long a program takes that makes three calls at once and filters 1 MB of JSON, over a server
 * that answers at once; and, where a catalogue is given, what the list of tools costs in tokens (o200k): `node bench/code.ts [CATALOG]`,
 * a catalogue in the form of LiveMCPBench (`{servers: [{server, description, tools}]}`).
 */

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { answers, Fleet, freePort } from './processes.ts';
import { quantile } from './statistics.ts';
import { GATEWAY } from './systems.ts';

interface Catalog {
  readonly servers: readonly {
    readonly server: string;
    readonly description?: string;
    readonly tools: readonly object[];
  }[];
}

const RUNS = 40;
/** A model thinks between two programs. */
const PAUSE_MS = 200;
const THINK_MS = 1500;
const TOOL = { name: 'rows', description: 'Gives rows.', inputSchema: { type: 'object' } };
/** A third of 1 MB of JSON. */
const ROWS = JSON.stringify(
  Array.from({ length: 3500 }, (_, id) => ({
    id,
    name: `row number ${id}`,
    state: id % 50 === 0 ? 'open' : 'closed',
    note: 'x'.repeat(30),
  })),
);
const PROGRAM = `
const all = await Promise.all([1, 2, 3].map(() => tools.s0.rows()));
return all.flat().filter(({ state }) => state === 'open').map(({ id, name }) => ({ id, name }));`;

/** Answers every call with rows; lists the tools of one server at each path. */
async function serve(catalog: Catalog): Promise<Server> {
  const http = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { id, method } = JSON.parse(body || '{}') as { id?: number; method?: string };
      const own = catalog.servers[Number((request.url ?? '').slice(1))];
      if (request.method !== 'POST' || id === undefined || own === undefined) {
        response.writeHead(202).end();
        return;
      }
      const capabilities = { tools: {} };
      const results: Readonly<Record<string, object>> = {
        initialize: { protocolVersion: '2025-11-25', capabilities, serverInfo: { name: own.server, version: '1' } },
        'tools/list': { tools: own.tools },
        'tools/call': { content: [{ type: 'text', text: ROWS }] },
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

/** `s0`, `s1` … where programs are measured; as they are called where tokens are. */
async function withGateway<T>(
  catalog: Catalog,
  names: readonly string[],
  use: (url: string, file: string, env: Readonly<Record<string, string>>) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  const upstream = await serve(catalog);
  const fleet = new Fleet();
  try {
    const [port, { port: from }] = [await freePort(), upstream.address() as AddressInfo];
    const servers = catalog.servers.map(({ description = '' }, at) => {
      return [names[at], { url: `http://127.0.0.1:${from}/${at}`, type: 'http', description }] as const;
    });
    const mcpServers = Object.fromEntries(servers);
    const config = { mcpServers, listen: { port }, auth: { mode: 'none' }, store: 'memory', discovery: 'code' };
    const file = join(folder, 'sallyport.json');
    await writeFile(file, JSON.stringify(config), { mode: 0o600 });
    const log = join(folder, 'log');
    const command = [process.execPath, GATEWAY, 'serve', '--config', file];
    const env = { SALLYPORT_HOME: join(folder, 'state') };
    const started = fleet.launch({ command, env, cwd: folder, log });
    await answers(`http://127.0.0.1:${port}/healthz`, started, log);
    return await use(`http://127.0.0.1:${port}/mcp`, file, env);
  } finally {
    await fleet.close();
    upstream.closeAllConnections();
    upstream.close();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Answered {
  readonly isError?: boolean;
  readonly content?: readonly { readonly text?: string }[];
}

async function ask(url: string, method: string, given: object): Promise<Answered> {
  const version = '2026-07-28';
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': version,
      'mcp-method': method,
      ...('name' in given && { 'mcp-name': String(given.name) }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...given, _meta } }),
  });
  const { result } = (await response.json()) as { readonly result?: Answered };
  if (result === undefined) throw new Error(`${method} was answered ${response.status}.`);
  return result;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function measurePrograms(url: string): Promise<void> {
  // As clients do before they bring a program; a model thinks longer than this.
  await ask(url, 'tools/list', {});
  await new Promise((resolve) => setTimeout(resolve, THINK_MS));
  const times: number[] = [];
  for (let run = 0; run <= RUNS; run++) {
    const beganMs = performance.now();
    const { content, isError } = await ask(url, 'tools/call', { name: 'run_code', arguments: { code: PROGRAM } });
    const tookMs = performance.now() - beganMs;
    const text = content?.[0]?.text ?? '';
    if (isError === true || (JSON.parse(text) as unknown[]).length !== 210) throw new Error(text.slice(0, 500));
    if (run === 0) print(`the first program: ${tookMs.toFixed(0)} ms`);
    else times.push(tookMs);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  const sorted = times.toSorted((one, other) => one - other);
  const [half, most] = [quantile(sorted, 0.5), quantile(sorted, 0.95)];
  const megabytes = ((3 * ROWS.length) / 1e6).toFixed(2);
  print(
    `three calls at once and a filter over ${megabytes} MB: ${half?.toFixed(0) ?? '-'} ms at the median, ${most?.toFixed(0) ?? '-'} ms at 95 % (n = ${RUNS})`,
  );
}

const [catalogPath] = process.argv.slice(2);
await withGateway({ servers: [{ server: 's0', tools: [TOOL] }] }, ['s0'], measurePrograms);
if (catalogPath !== undefined) {
  const catalog = JSON.parse(await readFile(catalogPath, 'utf8')) as Catalog;
  const names = catalog.servers.map(
    ({ server }, at) =>
      `${server
        .replaceAll(/[^A-Za-z0-9]+/g, '-')
        .replace(/^-/, '')
        .slice(0, 26)}-${at}`,
  );
  await withGateway(catalog, names, async (url, file, env) => {
    // It waits for the servers.
    await ask(url, 'tools/call', { name: 'find_tools', arguments: { query: 'anything' } });
    const command = [GATEWAY, 'context', '--json', '--config', file];
    const { stdout } = await promisify(execFile)(process.execPath, command, { env: { ...process.env, ...env } });
    const { modes } = JSON.parse(stdout) as { readonly modes: Readonly<Record<string, number>> };
    const count = catalog.servers.reduce((sum, server) => sum + server.tools.length, 0);
    print(`tools/list for ${count} tools of ${names.length} servers, tokens: ${JSON.stringify(modes)}`);
  });
}
