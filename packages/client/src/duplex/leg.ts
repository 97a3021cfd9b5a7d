/**
 * A leg over one connection on which both sides speak, of either era. It starts when the era is known; the traffic itself
 * is in `connection.ts`.
 */

import type { Era, JsonObject, Revision, SessionRevision, StatelessRevision } from '@sallyport/wire';
import type { Leg, LegEvents, Outgoing, Pending, ServerFacts } from '../leg.ts';
import type { SetTimer } from '../clock.ts';
import type { Connection } from './connection.ts';
import { envelope, type Hello, type Introduced } from '../hello.ts';
import { createListening } from './listen.ts';
import { createSubscriptions, type Wanted } from '../subscribe.ts';

export type Greeting =
  | ({ readonly era: 'session' } & Introduced<SessionRevision>)
  | ({ readonly era: 'stateless' } & Introduced<StatelessRevision>);

export interface DuplexLegOptions extends Hello {
  readonly name: string;
  readonly connectTimeoutMs: number;
  readonly events: LegEvents;
  readonly setTimer?: SetTimer;
}

export class DuplexLeg implements Leg {
  readonly era: Era;
  readonly revision: Revision;
  readonly server: ServerFacts;
  readonly ownMeta: JsonObject | undefined;
  readonly #connection: Connection;
  readonly #wanted: Wanted;
  #subscriptions = 0;
  #tasks = 0;

  constructor(connection: Connection, greeting: Greeting, options: DuplexLegOptions) {
    this.#connection = connection;
    this.era = greeting.era;
    this.revision = greeting.revision;
    this.server = greeting.server;
    this.ownMeta = greeting.era === 'stateless' ? envelope(greeting.revision, options) : undefined;
    this.#wanted =
      greeting.era === 'stateless'
        ? createListening({ ...options, connection, server: greeting.server, ownMeta: this.ownMeta })
        : createSubscriptions({ ...options, leg: this });
  }

  get inFlight(): number {
    return this.#connection.inFlight;
  }

  get pid(): number | undefined {
    return this.#connection.pid;
  }

  /** What came and was no message. */
  get noiseLines(): number {
    return this.#connection.noiseLines;
  }

  request(outgoing: Outgoing): Pending {
    return this.#connection.request(outgoing);
  }

  notify(method: string, params?: JsonObject): void {
    this.#connection.notify(method, params);
  }

  get subscriptions(): number {
    return this.#subscriptions + this.#tasks;
  }

  setSubscriptions(uris: readonly string[]): void {
    this.#subscriptions = new Set(uris).size;
    this.#wanted.set(uris);
  }

  setTasks(taskIds: readonly string[]): void {
    if (this.#wanted.setTasks === undefined) return;
    this.#tasks = new Set(taskIds).size;
    this.#wanted.setTasks(taskIds);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  destroy(): void {
    this.#connection.destroy();
  }
}
