/**
 * The connections that clients hold open over HTTP: WebSockets and the streams of HTTP+SSE. Counted by principal, looked
 * after at every sweep, and ended together. What carries them is not known here.
 */

import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { wireError, type MessageLimits, type WireError } from '@sallyport/wire';
import { principalKey, type LocalClient, type Principal, type Served } from '../exchange.ts';
import { Connection, type Channel } from './connection.ts';

/** How many connections a principal may hold, unless it is told otherwise. */
export const CONNECTIONS_PER_PRINCIPAL = 64;

export interface ConnectionTableOptions {
  readonly served: Served;
  readonly messageLimits: MessageLimits;
  readonly maxPerPrincipal: number;
  /** A connection older than this is drained, as a session of that age is ended. */
  readonly absoluteMs: number;
  readonly now: () => number;
  /** The folder that a client works in, where the request that opened its connection tells. Asked when it is wanted. */
  readonly localOf?: (request: IncomingMessage, principal: Principal) => LocalClient | undefined;
}

/** A channel to somebody who may vanish without a word. */
export interface RemoteChannel extends Channel {
  /** Keeps the connection alive, and destroys it when the client gave no sign of life since the last time. */
  sweep(): void;
}

export interface ConnectionSeed {
  readonly transport: 'ws' | 'sse';
  readonly request: IncomingMessage;
  readonly principal: Principal;
  readonly endpoint: string;
  readonly channel: RemoteChannel;
  readonly stateless: boolean;
}

interface Held extends Pick<ConnectionSeed, 'channel' | 'transport'> {
  readonly endMs: number;
}

export class ConnectionTable {
  /** Open connections, each with its channel and the time of its drain. */
  readonly #open: Map<Connection, Held> = new Map();
  readonly #perPrincipal: Map<string, number> = new Map();
  readonly #options: ConnectionTableOptions;
  #draining = false;

  constructor(options: ConnectionTableOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#open.size;
  }

  /** How many there are, by what carries them. */
  counts(): Readonly<Record<'ws' | 'sse', number>> {
    const ws = [...this.#open.values()].filter(({ transport }) => transport === 'ws').length;
    return { ws, sse: this.#open.size - ws };
  }

  /** Why this principal may not open another connection now. */
  refusal(principal: Principal): WireError | undefined {
    if (this.#draining) return wireError('shutting_down');
    const held = this.#perPrincipal.get(principalKey(principal)) ?? 0;
    return held < this.#options.maxPerPrincipal ? undefined : wireError('rate_limited', TOO_MANY);
  }

  /** Opens a connection that was not refused. It is forgotten when it is destroyed. */
  open({ channel, endpoint, principal, request, stateless, transport }: ConnectionSeed): Connection {
    const { absoluteMs, messageLimits, now, localOf, served } = this.#options;
    const owner = principalKey(principal);
    const connection: Connection = new Connection({
      channel,
      peer: { transport, endpoint, principal, local: () => localOf?.(request, principal) },
      served,
      messageLimits,
      sessionId: randomUUID(),
      stateless,
      onClosed: () => {
        this.#open.delete(connection);
        this.#count(owner, -1);
      },
    });
    this.#open.set(connection, { channel, transport, endMs: now() + absoluteMs });
    this.#count(owner, 1);
    return connection;
  }

  /** Heartbeats, dead peers, and connections that have reached their age. */
  sweep(): void {
    const nowMs = this.#options.now();
    for (const [connection, { channel, endMs }] of this.#open) {
      channel.sweep();
      if (nowMs >= endMs) connection.drain();
    }
  }

  /** Opens no more, and ends each when what is under way on it is answered. */
  drain(): void {
    this.#draining = true;
    for (const connection of this.#open.keys()) connection.drain();
  }

  /** Cuts all. */
  close(): void {
    this.#draining = true;
    for (const connection of this.#open.keys()) connection.destroy();
  }

  #count(owner: string, by: 1 | -1): void {
    const held = (this.#perPrincipal.get(owner) ?? 0) + by;
    if (held === 0) this.#perPrincipal.delete(owner);
    else this.#perPrincipal.set(owner, held);
  }
}

const TOO_MANY = 'Too many connections are open.';
