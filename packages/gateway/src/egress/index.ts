/**
 * The way out of caged children: for each that may reach some hosts (`sandbox.network`) an HTTP proxy on a unix socket of its
 * own, so that it is known who asks. Names are looked up here, and their addresses are checked as those of URLs from outside.
 * How the child gets to the socket is the business of @sallyport/host/sandbox.
 */

import { randomBytes } from 'node:crypto';
import { chmod, chown, lstat, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Duplex } from 'node:stream';
import {
  createHostList,
  createHostReach,
  dialPlain,
  EgressRefused,
  hostEntry,
  hostPortText,
  systemLookup,
  type Lookup,
  type Reach,
} from '@sallyport/client/egress';
import { Blocked, createChildProxy, type ChildProxy, type ChildProxyOptions } from './proxy.ts';
import type { Target } from './request.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** Of what a server was kept from, so many are told; it may make up names without end. */
const MAX_NOTES = 20;
/** struct sockaddr_un, without the NUL at its end. */
const MAX_PATH_BYTES = 107;

export interface EgressRoomOptions {
  /** `egress.allow`. */
  readonly allow: () => readonly string[];
  /** Where the proxies are named that this gateway itself has to go through. */
  readonly env: () => Readonly<Record<string, string | undefined>>;
  readonly log: (level: 'warn', text: string, detail: Readonly<Record<string, unknown>>) => void;
  /** For tests. Default: the system's. */
  readonly lookup?: Lookup;
  /** Where a folder is made. Default: the system's for temporary files. */
  readonly parent?: string;
  /** Milliseconds after which a connection without traffic is cut. Default: 10 min. */
  readonly idleMs?: number;
}

export interface ChildEgress {
  readonly server: string;
  /** As in `sandbox.network`. */
  readonly hosts: readonly string[];
  /** Whom the child runs as, where that is another than this process: the socket is that user's. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** The child has no sight of a socket of ours, but this machine's loopback: a port there, for those who know a secret. */
  readonly onLoopback?: boolean;
}

export interface Way {
  /** Of the socket; absolute. Empty where there is a port instead. */
  readonly path: string;
  /** Of the port on loopback, with the secret. */
  readonly url?: string;
  /** Cuts what goes through it, and takes the socket away. Idempotent. */
  close(): Promise<void>;
}

export interface EgressRoom {
  /** To be closed when the child has ended. Throws on an entry of `hosts` that is none. */
  open(child: ChildEgress): Promise<Way>;
  /** What a server was kept from and the command that opens it, each once. */
  notes(server: string): readonly string[];
  /** Cuts all ways. Idempotent. */
  close(): Promise<void>;
}

/** Where a server wanted to go in vain. */
interface Note extends Target {
  readonly told: string;
}

export function createEgressRoom(options: EgressRoomOptions): EgressRoom {
  const notes = new Map<string, readonly Note[]>();
  const proxies = new Set<ChildProxy>();
  let folder: Promise<Folder> | undefined;

  /** What the child is told, and the operator once. */
  const blocked = (server: string, { host, port }: Target, remedy: string): Blocked => {
    const told = `blocked ${hostPortText(host, port)}; ${remedy}`;
    const known = notes.get(server) ?? [];
    if (known.length < MAX_NOTES && !known.some((note) => note.host === host && note.port === port)) {
      notes.set(server, [...known, { host, port, told }]);
      options.log('warn', told, { server });
    }
    return new Blocked(told);
  };
  const onPort = async (proxied: ChildProxyOptions): Promise<Way> => {
    const secret = randomBytes(24).toString('base64url');
    const proxy = createChildProxy({ ...proxied, secret });
    const port = await proxy.listenOnLoopback();
    return { path: '', url: `http://sallyport:${secret}@127.0.0.1:${port}`, close: keep(proxies, proxy) };
  };
  const onSocket = async (proxied: ChildProxyOptions, user: ChildEgress['user']): Promise<Way> => {
    const proxy = createChildProxy(proxied);
    const parent = options.parent ?? tmpdir();
    checkLength(join(parent, `${FOLDER}000000`, NAME_AS_LONG));
    const made = await (folder ??= makeFolder(parent));
    const path = join(made.path, randomBytes(NAME_AS_LONG.length / 2).toString('hex'));
    await listenAs(proxy, path, user);
    return { path, close: keep(proxies, proxy, path) };
  };
  return {
    async open({ server, hosts, onLoopback = false, user }) {
      const list = createHostList(hosts);
      const reach = createHostReach(options.allow());
      // What was opened in the meantime is no news any more.
      notes.set(
        server,
        (notes.get(server) ?? []).filter(({ host, port }) => !list.allows(host, port)),
      );
      const proxied: ChildProxyOptions = {
        ...(options.idleMs !== undefined && { idleMs: options.idleMs }),
        reach: async (target, secure, signal) => {
          const { host, port } = target;
          if (!list.allows(host, port)) {
            throw blocked(server, target, `sallyport allow ${server} ${hostEntry(host, port)}`);
          }
          return await dialled(target, secure, { ...options, reach, signal }).catch((error: unknown) => {
            if (!(error instanceof EgressRefused)) throw error;
            const remedy = `its address is not public: add ${host} to egress.allow if it may be reached`;
            throw blocked(server, target, remedy);
          });
        },
      };
      return await (onLoopback ? onPort(proxied) : onSocket(proxied, user));
    },
    notes: (server) => (notes.get(server) ?? []).map(({ told }) => told),
    async close() {
      for (const proxy of proxies) proxy.destroy();
      await (await folder)?.remove();
    },
  };
}

/** Until it is closed, by what this gives: then it is cut, and the socket at `path` goes. */
function keep(proxies: Set<ChildProxy>, proxy: ChildProxy, path?: string): Way['close'] {
  proxies.add(proxy);
  return async () => {
    proxies.delete(proxy);
    proxy.destroy();
    if (path !== undefined) await rm(path, { force: true });
  };
}

function dialled(
  { host, port }: Target,
  secure: boolean,
  { env, lookup, reach, signal }: EgressRoomOptions & { readonly reach: Reach; readonly signal: AbortSignal },
): Promise<Duplex> {
  return dialPlain(new URL(`${secure ? 'https' : 'http'}://${hostPortText(host, port)}/`), {
    reach,
    lookup: lookup ?? systemLookup,
    env: env(),
    timeoutMs: CONNECT_TIMEOUT_MS,
    signal: AbortSignal.any([signal, AbortSignal.timeout(CONNECT_TIMEOUT_MS)]),
  });
}

/** What begins so is a folder of ways, and one whose process lives answers at a socket in it. */
const FOLDER = 'sallyport-egress-';
const ALIVE = 'alive';
const NAME_AS_LONG = '0'.repeat(24);

interface Folder {
  readonly path: string;
  remove(): Promise<void>;
}

/** Others may pass it, who know a name in it, but not list it: a child of root's is another user. */
async function makeFolder(parent: string): Promise<Folder> {
  await sweep(parent);
  const made = await mkdtemp(join(parent, 'sallyport-new-egress-'));
  await chmod(made, process.getuid?.() === 0 ? 0o711 : 0o700);
  const alive = createServer((socket) => socket.destroy()).unref();
  await new Promise<void>((resolve, reject) => alive.on('error', reject).listen(join(made, ALIVE), resolve));
  await chmod(join(made, ALIVE), 0o600);
  // Nobody who sweeps finds it before it answers.
  const path = join(parent, FOLDER + basename(made).slice(-6));
  await rename(made, path);
  return {
    path,
    remove: async () => {
      alive.close();
      await rm(path, { recursive: true, force: true });
    },
  };
}

/** Takes away what gateways of this user left that were killed. */
async function sweep(parent: string): Promise<void> {
  const names = await readdir(parent).catch((): string[] => []);
  for (const name of names.filter((each) => each.startsWith(FOLDER))) {
    const path = join(parent, name);
    const found = await lstat(path).catch(() => undefined);
    const isOurs = found?.isDirectory() === true && found.uid === process.getuid?.();
    if (isOurs && !(await isAlive(join(path, ALIVE)))) await rm(path, { recursive: true, force: true });
  }
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  });
}

function checkLength(path: string): void {
  if (Buffer.byteLength(path) <= MAX_PATH_BYTES) return;
  throw new Error(`"${path}" is too long for the name of a socket: set TMPDIR to a shorter folder.`);
}

async function listenAs(proxy: ChildProxy, path: string, user: ChildEgress['user']): Promise<void> {
  await proxy.listen(path);
  await chmod(path, 0o600);
  if (user !== undefined) await chown(path, user.uid, user.gid);
}
