/**
 * One configured server and its instances: the gateway's own, which all share unless the configuration says otherwise and
 * which gives the catalogue, and those of single principals, projects or sessions. An instance is an upstream of its own:
 * a child, or a session with a remote server. Which instance a call belongs to is decided elsewhere.
 */

import { pathToFileURL } from 'node:url';
import type {
  Leg,
  OutsideTarget,
  ServerRequestAnswer,
  Upstream,
  UpstreamState,
  UpstreamStatus,
} from '@sallyport/client';
import type { Era, JsonRpcRequest } from '@sallyport/wire';
import type { ApiTarget, Instance, Isolation, SandboxSettings } from '../call.ts';
import { Refused } from '../errors.ts';

export interface UpstreamServer {
  readonly name: string;
  readonly target: OutsideTarget | ApiTarget;
  readonly isolation: Isolation;
  /** Of a child. */
  readonly sandbox?: SandboxSettings;
  /** Whose tokens a remote server gets, where it may ask for some. */
  readonly tokens?: 'principal' | 'gateway';
  readonly era: 'auto' | Era;
  readonly idleMs: number;
  readonly timeout: {
    readonly connectMs: number;
    readonly callMs: number;
    readonly maxMs: number;
    readonly toolsMs?: number;
    readonly resourcesMs?: number;
    readonly promptsMs?: number;
  };
}

/** Of one server, besides the gateway's own. */
const MAX_CHILDREN = 64;
/** A session with a remote server costs little: as many as there may be people. */
const MAX_REMOTE = 10_000;

/** How often a server that was replaced is looked at for calls that are still under way. */
const RETIRE_POLL_MS = 50;

/** In `args`, `cwd` and the paths of the sandbox: the project of whoever calls. */
const ROOT = '{root}';

export interface InstancesOptions {
  readonly server: UpstreamServer;
  /** What a server with `{root}` gets while it is only asked for its lists: nothing of anybody. */
  readonly emptyFolder: string;
  readonly create: (server: UpstreamServer, instance: Instance | undefined) => Upstream;
  /** Instances of a remote server. Default: 10,000. */
  readonly maxRemote?: number;
}

/** An upstream's status, over all instances. */
export interface InstancesStatus extends UpstreamStatus {
  /** Instances that are up or starting. */
  readonly instances: number;
}

interface Other {
  readonly upstream: Upstream;
  /** `principalKey`. */
  readonly owner: string;
}

export class Instances {
  readonly server: UpstreamServer;
  readonly #options: InstancesOptions;
  readonly #own: Upstream;
  readonly #most: number;
  /** By key. */
  readonly #others: Map<string, Other> = new Map();
  #retired = false;

  constructor(options: InstancesOptions) {
    this.#options = options;
    this.server = options.server;
    this.#most = options.server.target.kind === 'stdio' ? MAX_CHILDREN : (options.maxRemote ?? MAX_REMOTE);
    this.#own = options.create(rooted(options.server, options.emptyFolder), undefined);
  }

  /** The gateway's own instance. */
  get own(): Upstream {
    return this.#own;
  }

  get all(): readonly Upstream[] {
    return [this.#own, ...[...this.#others.values()].map(({ upstream }) => upstream)];
  }

  /** The upstream of an instance, when there is one. */
  find(instance: Instance | undefined): Upstream | undefined {
    if (instance === undefined) return this.#own;
    const found = this.#others.get(instance.key);
    if (found !== undefined && this.#others.size * 2 > this.#most) {
      // Last asked for, last to give way. While there is much room nobody will, and calls are spared it.
      this.#others.delete(instance.key);
      this.#others.set(instance.key, found);
    }
    return found?.upstream;
  }

  /** The upstream of an instance, made when it is first asked for. Refuses when there are too many that are in use. */
  open(instance: Instance | undefined): Upstream {
    if (instance === undefined) return this.#own;
    const found = this.find(instance);
    if (found !== undefined) return found;
    if (this.#retired)
      throw new Refused('unavailable', 'The configuration of this server has just changed: try again.');
    const { server, create } = this.#options;
    if (this.#others.size >= this.#most && !this.#makeRoom()) {
      throw new Refused('unavailable', `More than ${this.#most} separate instances of this server are in use.`, {
        data: { reason: 'down' },
      });
    }
    const opened = create(rooted(server, instance.root), instance);
    this.#others.set(instance.key, { upstream: opened, owner: instance.owner });
    return opened;
  }

  /** Ends the instances whose key begins so: their owner has gone. */
  release(prefix: string): void {
    this.#releaseThose((key) => key.startsWith(prefix));
  }

  /** Ends the instances of a principal (`principalKey`), whatever else they are kept apart by. */
  releaseOwner(owner: string): void {
    this.#releaseThose((_key, other) => other.owner === owner);
  }

  #releaseThose(isMeant: (key: string, other: Other) => boolean): void {
    for (const [key, other] of this.#others) {
      if (!isMeant(key, other)) continue;
      this.#others.delete(key);
      void other.upstream.close();
    }
  }

  status(): InstancesStatus {
    const all = this.all.map((upstream) => upstream.status());
    const shown = STATES.flatMap((state) => all.filter((status) => status.state === state))[0] as UpstreamStatus;
    return {
      ...shown,
      restarts: all.reduce((sum, { restarts }) => sum + restarts, 0),
      noiseLines: all.reduce((sum, { noiseLines }) => sum + noiseLines, 0),
      instances: all.filter(({ state }) => state === 'up' || state === 'starting').length,
    };
  }

  /** No new instance begins; each ends when nothing is under way on it, or after so many milliseconds. */
  async retire(graceMs: number, now: () => number): Promise<void> {
    this.#retired = true;
    const endMs = now() + graceMs;
    const isBusy = (): boolean => this.all.some(({ legs }) => legs.some(({ inFlight }) => inFlight > 0));
    while (isBusy() && now() < endMs) {
      await new Promise<void>((resolve) => void setTimeout(resolve, RETIRE_POLL_MS).unref());
    }
    await this.close();
    this.destroy();
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map((upstream) => upstream.close()));
  }

  destroy(): void {
    for (const upstream of this.all) upstream.destroy();
  }

  /**
   * The one that was asked for longest ago gives way: of those that are not running, else of sessions with a remote server on
   * which nothing is under way. Children keep what they know.
   */
  #makeRoom(): boolean {
    const isDown = ({ upstream }: Other): boolean => {
      const { state } = upstream.status();
      return state !== 'up' && state !== 'starting';
    };
    const isUnused = ({ upstream }: Other): boolean =>
      upstream.status().state === 'up' && upstream.legs.every(({ inFlight }) => inFlight === 0);
    const isRemote = this.server.target.kind !== 'stdio';
    for (const mayGo of isRemote ? [isDown, isUnused] : [isDown]) {
      for (const [key, other] of this.#others) {
        if (!mayGo(other)) continue;
        this.#others.delete(key);
        void other.upstream.close();
        return true;
      }
    }
    return false;
  }
}

/** Which state stands for the whole: the liveliest. */
const STATES: readonly UpstreamState[] = ['up', 'starting', 'failed', 'idle', 'closed'];

/** The server with the caller's project in the places that were left open for it. */
function rooted(server: UpstreamServer, root: string | undefined): UpstreamServer {
  const { sandbox, target } = server;
  if (root === undefined || target.kind !== 'stdio') return server;
  const fill = (text: string): string => text.replaceAll(ROOT, () => root);
  return {
    ...server,
    target: { ...target, args: target.args.map(fill), cwd: fill(target.cwd) },
    ...(sandbox && { sandbox: { ...sandbox, read: sandbox.read.map(fill), write: sandbox.write.map(fill) } }),
  };
}

/** The answer to `roots/list` where it is not a client that is asked. */
export function rootsOf(root: string | undefined): ServerRequestAnswer {
  return { result: { roots: root === undefined ? [] : [{ uri: pathToFileURL(root).href }] } };
}

/** What a server hears that asks something which no single call can have caused. */
export function answerUnattributed(message: JsonRpcRequest, instance: Instance | undefined): ServerRequestAnswer {
  if (message.method === 'roots/list') return rootsOf(instance?.root);
  return { error: { code: -32603, message: `${message.method} cannot be attributed to one call of one client.` } };
}

/** Calls under way on a leg from which a question came that may belong to any of them. */
export function isContested(leg: Leg): boolean {
  return leg.inFlight > 1;
}
