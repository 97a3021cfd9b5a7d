/**
 * A leg of the stateless era over Streamable HTTP (2026-07-28): every request carries its envelope and the headers that
 * mirror it. A stream that ends without an answer is lost: nothing is resumed.
 */

import { LATEST_STATELESS, standardHeaders, type JsonObject, type StatelessRevision } from '@sallyport/wire';
import { unrefTimer } from '../clock.ts';
import { UpstreamError, type Leg, type Outgoing, type Pending, type ServerFacts } from '../leg.ts';
import { discover, envelope } from '../hello.ts';
import { HttpConnection, type EraPart } from './connection.ts';
import type { Endpoint, HeaderList } from './endpoint.ts';
import { Listen } from './listen.ts';
import type { HttpOptions } from './options.ts';
import { createReopening } from './reopen.ts';

/** Discovers the server. Rejects with `UpstreamError`; the endpoint stays the caller's then. */
export async function openStateless(endpoint: Endpoint, options: HttpOptions): Promise<StatelessLeg> {
  const era = new StatelessPart(endpoint);
  const connection = new HttpConnection(endpoint, options, era);
  const { revision, server } = await discover(
    (outgoing, asked) => {
      if (asked !== undefined) era.revision = asked;
      return connection.request(outgoing, { silent: true });
    },
    options,
    options.connectTimeoutMs,
  );
  era.revision = revision;
  return new StatelessLeg(connection, options, revision, server);
}

class StatelessPart implements EraPart {
  readonly era = 'stateless';
  revision: StatelessRevision = LATEST_STATELESS;
  readonly #base: HeaderList;

  constructor(endpoint: Endpoint) {
    this.#base = endpoint.postHeaders;
  }

  headersOf(method: string, name?: string, paramHeaders?: Readonly<Record<string, string>>): HeaderList {
    const headers = this.#base.slice();
    const standard = standardHeaders(this.revision, method, name);
    for (const key in standard) headers.push(key, standard[key] as string);
    for (const key in paramHeaders) headers.push(key, paramHeaders[key] as string);
    return headers;
  }
}

export class StatelessLeg implements Leg {
  readonly era = 'stateless';
  readonly revision: StatelessRevision;
  readonly server: ServerFacts;
  readonly ownMeta: JsonObject;
  readonly #connection: HttpConnection;
  readonly #listen: Listen;
  #subscriptions = 0;
  #tasks = 0;
  #closing: Promise<void> | undefined;

  constructor(connection: HttpConnection, options: HttpOptions, revision: StatelessRevision, server: ServerFacts) {
    const { setTimer = unrefTimer, now, random = Math.random, events } = options;
    this.revision = revision;
    this.server = server;
    this.ownMeta = envelope(revision, options);
    this.#connection = connection;
    this.#listen = new Listen({
      capabilities: server.capabilities,
      ownMeta: this.ownMeta,
      ackTimeoutMs: options.connectTimeoutMs,
      maxEventBytes: options.maxMessageBytes,
      reopening: createReopening({ setTimer, now, random }),
      setTimer,
      whenAuthorized: (open) => connection.endpoint.whenAuthorized(open),
      post: (exchange, method, id, params) => {
        const text = JSON.stringify({ jsonrpc: '2.0', id, method, params });
        connection.postText(exchange, method, text);
      },
      onNotification: (message) => connection.guard(() => events.onNotification(message)),
      log: (what, detail) => connection.log('debug', what, detail),
    });
  }

  get inFlight(): number {
    return this.#connection.inFlight;
  }

  /** Begins to listen to changes, in the background. */
  listen(): void {
    this.#listen.open();
  }

  request(outgoing: Outgoing): Pending {
    return this.#connection.request(outgoing);
  }

  notify(method: string, params?: JsonObject): void {
    this.#connection.notify(method, { ...params, _meta: { ...(params?.['_meta'] as object), ...this.ownMeta } });
  }

  get subscriptions(): number {
    return this.#subscriptions + this.#tasks;
  }

  setSubscriptions(uris: readonly string[]): void {
    const wanted = [...new Set(uris)];
    this.#subscriptions = wanted.length;
    this.#listen.set(wanted);
  }

  setTasks(taskIds: readonly string[]): void {
    const wanted = [...new Set(taskIds)];
    this.#tasks = wanted.length;
    this.#listen.setTasks(wanted);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  destroy(): void {
    const { endpoint } = this.#connection;
    this.#listen.stop();
    this.#connection.destroy(new UpstreamError('down', `The connection to ${endpoint.where} was closed at once.`));
    endpoint.destroy();
  }

  async #close(): Promise<void> {
    this.#listen.stop();
    await this.#connection.drain();
    await this.#connection.endpoint.close();
  }
}
