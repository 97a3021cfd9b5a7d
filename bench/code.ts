/**
 * Code mode through a running gateway: how long a program takes that makes three calls at once and filters 1 MB of JSON, over a server
 * that answers at once; and, where a catalogue is given, what the list of tools costs in tokens (o200k): `node bench/code.ts [CATALOG]`,
 * a catalogue in the form of LiveMCPBench (`{servers: [{server, description, tools}]}`).
 */

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { withCatalogGateway, type Catalog } from './catalog-gateway.ts';
import { quantile } from './statistics.ts';
import { GATEWAY } from './systems.ts';

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
await withCatalogGateway(
  {
    catalog: { servers: [{ server: 's0', tools: [TOOL] }] },
    names: ['s0'],
    discovery: 'code',
    called: { content: [{ type: 'text', text: ROWS }] },
  },
  ({ url }) => measurePrograms(url),
);
if (catalogPath !== undefined) {
  const catalog = JSON.parse(await readFile(catalogPath, 'utf8')) as Catalog;
  const names = catalog.servers.map(
    ({ server }, at) =>
      `${server
        .replaceAll(/[^A-Za-z0-9]+/g, '-')
        .replace(/^-/, '')
        .slice(0, 26)}-${at}`,
  );
  await withCatalogGateway({ catalog, names, discovery: 'code' }, async ({ env, file, url }) => {
    // It waits for the servers.
    await ask(url, 'tools/call', { name: 'find_tools', arguments: { query: 'anything' } });
    const command = [GATEWAY, 'context', '--json', '--config', file];
    const { stdout } = await promisify(execFile)(process.execPath, command, { env: { ...process.env, ...env } });
    const { modes } = JSON.parse(stdout) as { readonly modes: Readonly<Record<string, number>> };
    const count = catalog.servers.reduce((sum, server) => sum + server.tools.length, 0);
    print(`tools/list for ${count} tools of ${names.length} servers, tokens: ${JSON.stringify(modes)}`);
  });
}
