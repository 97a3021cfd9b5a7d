/**
 * The everything server as a program: `node test/everything/server.ts [--port N] [--eras session|stateless|both]
 * [--name NAME] [--stdio]`. Over HTTP it prints its URL on stdout and ends on SIGTERM or SIGINT; over stdio it
 * ends when its input does.
 */
import { parseArgs } from 'node:util';
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import { createEverything } from './everything.ts';
import { serveHttp } from './http.ts';
import { createState } from './state.ts';
import type { EverythingState } from './state.ts';

const ERAS = ['session', 'stateless', 'both'] as const;

async function serveOverStdio(state: EverythingState, name: string, eras: (typeof ERAS)[number]): Promise<void> {
  if (eras === 'session') {
    const server = createEverything(state, { name, era: 'legacy', connected: true });
    return server.connect(new StdioServerTransport());
  }
  serveStdio(({ era }) => createEverything(state, { name, era, connected: true }), {
    legacy: eras === 'stateless' ? 'reject' : 'serve',
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: process.env['PORT'] ?? '0' },
      eras: { type: 'string', default: 'both' },
      name: { type: 'string', default: 'everything' },
      stdio: { type: 'boolean', default: false },
    },
  });
  const eras = ERAS.find((known) => known === values.eras);
  if (eras === undefined) throw new Error(`--eras is ${ERAS.join(', ')}, not ${values.eras}`);
  const state = createState();
  const { name } = values;
  if (values.stdio) return serveOverStdio(state, name, eras);
  const http = await serveHttp(state, { name, eras, port: Number(values.port) });
  process.stdout.write(`everything server listening on ${http.url}\n`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void http.close());
}

await main();
