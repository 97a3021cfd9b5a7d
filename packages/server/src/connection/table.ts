/**
 * The connections that clients hold open over HTTP: WebSockets and the streams of HTTP+SSE. Looked after at every sweep,
 * and ended together. What carries them is not known here.
 */

import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { wireError, type MessageLimits, type WireError } from '@sallyport/wire';
import type { LocalClient, NotAdmitted, Principal, Served } from '../exchange.ts';
import { Connection, type Channel } from './connection.ts';
import type { Seats } from './seats.ts';

export interface ConnectionTableOptions {
  readonly served: Served;
  readonly messageLimits: MessageLimits;
  readonly seats: Seats;
  /** A connection older than this is drained, as a session of that age is ended. */
  readonly absoluteMs: number;
  readonly now: () => number;
  /** Why a request over a WebSocket, or what is no message there, is not looked at now. Over SSE each was a request over HTTP. */
  readonly admit?: ((client: { readonly address: string | undefined }) => NotAdmitted | undefined) | undefined;
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
  readonly address: string | undefined;
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
    return this.#draining ? wireError('shutting_down') : this.#options.seats.refusal(principal);
  }

  /** Opens a connection that was not refused. It is forgotten when it is destroyed. */
  open({ address, channel, endpoint, principal, request, stateless, transport }: ConnectionSeed): Connection {
    const { absoluteMs, admit, messageLimits, now, localOf, seats, served } = this.#options;
    const leave = seats.take(principal);
    const connection: Connection = new Connection({
      channel,
      peer: { transport, endpoint, principal, address, local: () => localOf?.(request, principal) },
      served,
      messageLimits,
      sessionId: randomUUID(),
      stateless,
      arrived: transport === 'ws' && admit !== undefined ? () => admit({ address }) : undefined,
      onClosed: () => {
        this.#open.delete(connection);
        leave();
      },
    });
    this.#open.set(connection, { channel, transport, endMs: now() + absoluteMs });
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
}
