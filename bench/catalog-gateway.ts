/** A gateway in front of all servers of a catalogue, which answer at once, for as long as a measurement takes. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answers, Fleet, freePort } from './processes.ts';
import { GATEWAY } from './systems.ts';

export interface Catalog {
  readonly servers: readonly {
    readonly server: string;
    readonly description?: string;
    readonly tools: readonly { readonly name: string }[];
  }[];
}

export interface CatalogGateway {
  readonly catalog: Catalog;
  /** Of the servers in the configuration, in the catalogue's order. */
  readonly names: readonly string[];
  readonly discovery: 'search' | 'code';
  /** What every call is answered with; absent: calls are unknown. */
  readonly called?: object;
}

/** How it is reached: the endpoint, its configuration, and the environment that leads to its state. */
export interface Running {
  readonly url: string;
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
}

export async function withCatalogGateway<T>(setup: CatalogGateway, use: (running: Running) => Promise<T>): Promise<T> {
  const { catalog, discovery, names } = setup;
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  const upstream = await serve(setup);
  const fleet = new Fleet();
  try {
    const [port, { port: from }] = [await freePort(), upstream.address() as AddressInfo];
    const servers = catalog.servers.map(({ description = '' }, at) => {
      return [names[at], { url: `http://127.0.0.1:${from}/${at}`, type: 'http', description }] as const;
    });
    const mcpServers = Object.fromEntries(servers);
    const config = { mcpServers, listen: { port }, auth: { mode: 'none' }, store: 'memory', discovery };
    const file = join(folder, 'sallyport.json');
    await writeFile(file, JSON.stringify(config), { mode: 0o600 });
    const log = join(folder, 'log');
    const command = [process.execPath, GATEWAY, 'serve', '--config', file];
    const env = { SALLYPORT_HOME: join(folder, 'state') };
    const started = fleet.launch({ command, env, cwd: folder, log });
    await answers(`http://127.0.0.1:${port}/healthz`, started, log);
    return await use({ url: `http://127.0.0.1:${port}/mcp`, file, env });
  } finally {
    await fleet.close();
    upstream.closeAllConnections();
    upstream.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Lists the tools of one server at each path. */
async function serve({ called, catalog }: CatalogGateway): Promise<Server> {
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
        ...(called !== undefined && { 'tools/call': called }),
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
