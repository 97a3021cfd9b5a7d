/** A gateway in this process, on a configuration given as a value, with what it logs kept for tests. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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
  /** Of the admin API, where it has a listener of its own. */
  readonly adminPort: number | undefined;
  readonly gateway: Gateway;
  readonly log: Inbox<LogLine>;
}

export interface StartOptions {
  /** Keeps the configuration in this file, and takes over what is written there. */
  readonly file?: string;
  /** Files that it names. */
  readonly named?: readonly string[];
  /** Where state is kept; a folder of its own, gone afterwards, without it. */
  readonly stateDirectory?: string;
  /** The gateway's clock, in ms since 1970. */
  readonly now?: () => number;
  /** Of the gateway, besides PATH. */
  readonly env?: Readonly<Record<string, string>>;
}

export async function temporaryFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'sallyport-gateway-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** What a configuration file of these tests holds. Children are told apart by their numbers: they are caged only where that is written. */
export function configurationText({ mcpServers = {}, ...rest }: Record<string, unknown>): string {
  const servers = Object.entries(mcpServers as Record<string, object>).map(([name, server]) => [
    name,
    'command' in server ? { sandbox: 'none', ...server } : server,
  ]);
  const settings = { listen: { port: 0 }, auth: { mode: 'none' }, store: 'memory' };
  return JSON.stringify({ ...settings, mcpServers: Object.fromEntries(servers), ...rest });
}

/** Starts with no key, on a port of its own. `configuration` is what a file would hold. */
export async function startGateway(
  configuration: Record<string, unknown>,
  options: StartOptions = {},
): Promise<Started> {
  const written = configurationText(configuration);
  const path = options.file ?? FILE;
  if (options.file !== undefined) await writeFile(path, written);
  const bytes = new TextEncoder().encode(written);
  const load = (_anew?: boolean, draft?: Uint8Array): ReturnType<typeof loadConfig> =>
    loadConfig({
      file: path,
      env: {},
      cwd: process.cwd(),
      home: process.cwd(),
      files: {
        exists: async (asked) => asked === path,
        read: async (asked) => {
          if (options.named?.includes(asked) === true) return await readFile(asked);
          if (asked !== path) throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
          return draft ?? (options.file === undefined ? bytes : await readFile(path));
        },
        checkTrusted: async (asked) => ({ realPath: asked, readableByOthers: false }),
        readSecret: () => Promise.reject(new Error('ENOENT')),
      },
    });
  const { config, hash } = await load();
  const log = createInbox<LogLine>();
  const folder = options.stateDirectory === undefined ? await temporaryFolder() : undefined;
  const gateway = await createGateway({
    config,
    env: { PATH: process.env['PATH'], ...options.env },
    stateDirectory: options.stateDirectory ?? folder?.path,
    version: '0.0.0',
    log: (level, text, detail = {}) => log.push({ level, text, detail }),
    now: options.now ?? Date.now,
    ...(options.file !== undefined && { file: { path, hash, load } }),
  });
  const { adminPort, port } = await gateway.listen();
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    port,
    adminPort,
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
    local: { folder: undefined },
    address: undefined,
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
