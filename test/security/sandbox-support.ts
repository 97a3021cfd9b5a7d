/** What the tests of caged children share: `sallyport serve` as this user and as nobody, on a configuration in a folder of its own. */
import { chmodSync, chownSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDetect, describeSandbox, planSandbox } from '@sallyport/host/sandbox';
import { stateless, textOf } from '../gateway/raw-client.ts';
import { start, type Running } from '../support/process.ts';

const bin: string = fileURLToPath(new URL('../../packages/gateway/bin/sallyport.js', import.meta.url));
const hostileServer: string = fileURLToPath(new URL('fixtures/hostile-server.mjs', import.meta.url));

/** Whom a gateway of these tests runs as. */
export type GatewayUser = 'this user' | 'nobody';
export type CagedLevel = 'strict' | 'standard';

const NOBODY = 65_534;
const BECOME_NOBODY = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];

export const isRoot: boolean = process.getuid?.() === 0;
/** The user of children: root's are not root. */
export const childUid: number | undefined = isRoot ? NOBODY : process.getuid?.();

/** As which users a gateway can be run here; says on the console what is left out and why. */
export function gatewayUsers(test: string): readonly GatewayUser[] {
  if (!isRoot) {
    console.warn(`${test}: gateways of root and of nobody are skipped: only root can become another user.`);
    return ['this user'];
  }
  const closed = closedFolder(bin) ?? closedFolder(process.execPath);
  if (closed === undefined) return ['this user', 'nobody'];
  console.warn(`${test}: a gateway of nobody is skipped: "${closed}" is not open to other users.`);
  return ['this user'];
}

function closedFolder(path: string): string | undefined {
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return folder;
  }
  return undefined;
}

/** The levels whose layers this machine has; says on the console what is left out and why. */
export async function levelsHere(test: string): Promise<readonly CagedLevel[]> {
  const facts = await createDetect()();
  const survey = { read: [], write: [], hidden: [], revealed: [], laterRun: [], problems: [] };
  return (['strict', 'standard'] as const).filter((level) => {
    const spec = { level, command: '/bin/true', args: [], cwd: '/', env: {}, hidden: [] };
    const { missing } = describeSandbox(planSandbox(spec, facts, survey));
    if (missing.length > 0) console.warn(`${test}: "${level}" is skipped: ${missing.join(' ')}`);
    return missing.length === 0;
  });
}

export interface Yard extends AsyncDisposable {
  readonly folder: string;
  readonly user: GatewayUser;
  /** A path in it. */
  readonly at: (path: string) => string;
  /** Writes a file, and the folders it is in, for the child's user: what keeps a child from it is not its mode. */
  put(path: string, text: string): Promise<string>;
  /** Writes a file of the gateway's user. */
  putOwn(path: string, text: string): Promise<string>;
}

/** A folder that is open to all, gone afterwards. `work` is the working folder of children. */
export async function openYard(user: GatewayUser): Promise<Yard> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-cage-')));
  const at = (path: string): string => join(folder, path);
  const own = (path: string, uid = NOBODY): void => {
    if (isRoot) chownSync(path, uid, uid);
  };
  const uid = user === 'nobody' ? NOBODY : (process.getuid?.() ?? 0);
  chmodSync(folder, 0o755);
  own(folder, uid);
  const put = async (path: string, text: string): Promise<string> => {
    for (const parent of parentsOf(path)) {
      if (existsSync(at(parent))) continue;
      await mkdir(at(parent));
      own(at(parent));
    }
    await writeFile(at(path), text);
    own(at(path));
    return at(path);
  };
  await put('work/seen.txt', 'seen');
  return {
    folder,
    user,
    at,
    put,
    putOwn: async (path, text) => {
      await writeFile(at(path), text, { mode: 0o644 });
      own(at(path), uid);
      return at(path);
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}

function parentsOf(path: string): readonly string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_part, index) => parts.slice(0, index + 1).join('/'));
}

export interface Serving extends AsyncDisposable {
  readonly running: Running;
  readonly url: string;
  /** What JavaScript returns in the child of a server made of `hostileServer`. */
  evaluate(code: string, server?: string): Promise<unknown>;
  /** The text of a tool's answer. */
  call(tool: string, args: object): Promise<string>;
  list(): Promise<readonly ListedServer[]>;
  /** All that `list` prints for a person. */
  listed(): Promise<string>;
}

export interface ListedServer {
  readonly name: string;
  readonly state: string;
  readonly error?: string;
  readonly sandbox: { readonly level?: string; readonly summary: string; readonly gaps: readonly string[] };
}

export interface ServeOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Words before those of the gateway, run by who runs this test. */
  readonly before?: readonly string[];
  /** Those words make the user of the yard of this one. */
  readonly becomes?: boolean;
}

/** Serves `mcpServers` on a free port from the yard's `sallyport.json`, with its state in `state`. */
export async function serveIn(
  yard: Yard,
  mcpServers: Readonly<Record<string, object>>,
  { env = {}, before = [], becomes = false }: ServeOptions = {},
): Promise<Serving> {
  const file = yard.at('sallyport.json');
  // What a child tells of its environment would be kept from us by the guard.
  const settings = { listen: { port: 0 }, auth: { mode: 'none' }, guard: { secrets: 'off' } };
  await yard.putOwn('sallyport.json', JSON.stringify({ ...settings, mcpServers }));
  chmodSync(file, 0o600);
  const whole = { PATH: `${dirname(process.execPath)}:${process.env['PATH']}`, HOME: yard.folder, ...env };
  const gateway = { ...whole, SALLYPORT_HOME: yard.at('state'), NO_COLOR: '1', LANG: 'C.UTF-8' };
  const become = [...before, ...(yard.user === 'nobody' && !becomes ? BECOME_NOBODY : [])];
  const run = (words: readonly string[]): Running => {
    const [command = '', ...args] = [...become, process.execPath, bin, ...words];
    return start(command, args, { env: gateway, cwd: yard.folder });
  };
  const running = run(['serve', file]);
  const [, url = ''] = await running.untilLine(/ready at (http:\S+)/);
  const client = stateless(url);
  const call = async (tool: string, args: object): Promise<string> =>
    textOf(await client.call('tools/call', { name: tool, arguments: args }));
  return {
    running,
    url,
    call,
    evaluate: async (code, server = 'mad') => {
      const text = await call(`${server}__run`, { code });
      const value = parsed(text);
      if (value === undefined || isError(value)) throw new Error([text, ...running.lines.slice(-20)].join('\n'));
      return value;
    },
    list: async () => {
      const listing = run(['list', '--json', '--config', file]);
      await listing.exit;
      return (JSON.parse(listing.stdout()) as { servers: readonly ListedServer[] }).servers;
    },
    listed: async () => {
      const listing = run(['list', '--config', file]);
      await listing.exit;
      return listing.stdout() + listing.stderr();
    },
    [Symbol.asyncDispose]: async () => void (await running.stop(10_000)),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isError = (value: unknown): boolean => typeof value === 'object' && value !== null && 'jsonrpc' in value;

/** The server that does whatever it is told. */
export function hostile(sandbox: unknown, more: object = {}): object {
  return { command: process.execPath, args: [hostileServer], cwd: 'work', sandbox, ...more };
}

/** The processes whose command line holds a text. */
export function processesWith(mark: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(mark);
      } catch {
        return false;
      }
    })
    .map(Number);
}
