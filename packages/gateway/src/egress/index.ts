/**
 * The way out of caged children: for each that may reach some hosts (`sandbox.network`) an HTTP proxy on a unix socket of its
 * own, so that it is known who asks. Names are looked up here, and their addresses are checked as those of URLs from outside.
 * How the child gets to the socket is the business of @sallyport/host/sandbox.
 */

import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
import { Blocked, createChildProxy, type ChildProxy } from './proxy.ts';
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
}

export interface Way {
  /** Of the socket; absolute. */
  readonly path: string;
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
  let folder: Promise<string> | undefined;

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
  return {
    async open({ server, hosts, user }) {
      const list = createHostList(hosts);
      const reach = createHostReach(options.allow());
      // What was opened in the meantime is no news any more.
      notes.set(
        server,
        (notes.get(server) ?? []).filter(({ host, port }) => !list.allows(host, port)),
      );
      const proxy = createChildProxy({
        ...(options.idleMs !== undefined && { idleMs: options.idleMs }),
        reach: async (target, secure, signal) => {
          const { host, port } = target;
          if (!list.allows(host, port)) {
            throw blocked(server, target, `sallyport allow ${server} ${hostEntry(host, port)}`);
          }
          return await dialled(target, secure, { ...options, reach, signal }).catch((error: unknown) => {
            if (!(error instanceof EgressRefused)) throw error;
            throw blocked(
              server,
              target,
              `its address is not public: add ${host} to egress.allow if it may be reached`,
            );
          });
        },
      });
      const made = await (folder ??= makeFolder(options.parent ?? tmpdir()));
      const path = join(made, randomBytes(12).toString('hex'));
      await listenAs(proxy, path, user);
      proxies.add(proxy);
      const close = async (): Promise<void> => {
        proxies.delete(proxy);
        proxy.destroy();
        await rm(path, { force: true });
      };
      return { path, close };
    },
    notes: (server) => (notes.get(server) ?? []).map(({ told }) => told),
    async close() {
      for (const proxy of proxies) proxy.destroy();
      if (folder !== undefined) await rm(await folder, { recursive: true, force: true });
    },
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

/** Others may pass it, who know a name in it, but not list it: a child of root's is another user. */
async function makeFolder(parent: string): Promise<string> {
  const folder = await mkdtemp(join(parent, 'sallyport-egress-'));
  await chmod(folder, process.getuid?.() === 0 ? 0o711 : 0o700);
  return folder;
}

async function listenAs(proxy: ChildProxy, path: string, user: ChildEgress['user']): Promise<void> {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new Error(`"${path}" is too long for the name of a socket: set TMPDIR to a shorter folder.`);
  }
  await proxy.listen(path);
  await chmod(path, 0o600);
  if (user !== undefined) await chown(path, user.uid, user.gid);
}
