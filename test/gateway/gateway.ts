/** A gateway in this process, on a configuration given as a value, with what it logs kept for tests. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGateway, loadConfig } from 'sallyport';
import type { Gateway } from 'sallyport';
import { createInbox } from '../support/inbox.ts';
import type { Inbox } from '../support/inbox.ts';

/** Nobody reads it: its folder is where children run. */
const FILE = join(process.cwd(), 'sallyport.json');

export interface LogLine {
  readonly level: string;
  readonly text: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface Started extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly gateway: Gateway;
  readonly log: Inbox<LogLine>;
}

export interface StartOptions {
  /** Where state is kept; a folder of its own, gone afterwards, without it. */
  readonly stateDirectory?: string;
}

export async function temporaryFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'sallyport-gateway-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** Starts with no key, on a port of its own. `configuration` is what a file would hold. */
export async function startGateway(
  configuration: Record<string, unknown>,
  options: StartOptions = {},
): Promise<Started> {
  const whole = { listen: { port: 0 }, auth: { mode: 'none' }, store: 'memory', ...configuration };
  const bytes = new TextEncoder().encode(JSON.stringify(whole));
  const { config } = await loadConfig({
    file: FILE,
    env: {},
    cwd: process.cwd(),
    home: process.cwd(),
    files: {
      exists: async (path) => path === FILE,
      read: async (path) => {
        if (path !== FILE) throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
        return bytes;
      },
      checkTrusted: async (path) => ({ realPath: path, readableByOthers: false }),
      readSecret: () => Promise.reject(new Error('ENOENT')),
    },
  });
  const log = createInbox<LogLine>();
  const folder = options.stateDirectory === undefined ? await temporaryFolder() : undefined;
  const gateway = await createGateway({
    config,
    env: { PATH: process.env['PATH'] },
    stateDirectory: options.stateDirectory ?? folder?.path,
    version: '0.0.0',
    log: (level, text, detail = {}) => log.push({ level, text, detail }),
    now: Date.now,
  });
  const { port } = await gateway.listen();
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    port,
    gateway,
    log,
    [Symbol.asyncDispose]: async () => {
      await gateway.close();
      await folder?.[Symbol.asyncDispose]();
    },
  };
}

/** Puts a session-era request to a gateway as some local principal, past its door. */
export async function ask(
  { gateway }: Started,
  subject: string,
  method: string,
  params: Record<string, string> = {},
): Promise<unknown> {
  const message = { jsonrpc: '2.0', id: 1, method, params } as const;
  return await gateway.rooms.served.handle({
    message,
    text: JSON.stringify(message),
    era: 'session',
    revision: '2025-11-25',
    transport: 'http',
    endpoint: '/mcp',
    principal: { issuer: 'local', subject, roles: [] },
    client: { info: undefined, capabilities: {} },
    logLevel: undefined,
    session: undefined,
    headers: {},
    cancelled: false,
    onCancel: () => undefined,
    hold: () => undefined,
    notify: () => undefined,
    ask: () => Promise.reject(new Error('nobody is asked')),
  });
}
