/**
 * A leg of the session era over Streamable HTTP (2025-11-25, Streamable HTTP, "Session Management"): one session, begun
 * again once when the server has forgotten it.
 */

import { LATEST_SESSION, type JsonObject, type JsonRpcNotification, type SessionRevision } from '@sallyport/wire';
import { unrefTimer } from '../clock.ts';
import { UpstreamError, type Leg, type Outgoing, type Pending, type ServerFacts, type UpstreamAnswer } from '../leg.ts';
import { createSubscriptions, type Wanted } from '../subscribe.ts';
import { HttpConnection, type SessionPart } from './connection.ts';
import type { Endpoint, HeaderList } from './endpoint.ts';
import type { ResponseHeaders } from '../http-status.ts';
import type { Exchange } from './exchange.ts';
import { initialize } from '../hello.ts';
import { changesOf } from '../changes.ts';
import type { HttpOptions } from './options.ts';
import { createReopening } from './reopen.ts';
import { SessionStream } from './session-stream.ts';

/** For the end of a session, which nobody waits for gladly. */
const DELETE_MS = 2000;
/** Visible ASCII. */
const SESSION_ID = /^[\x21-\x7e]{1,1024}$/;

/** Begins a session. Rejects with `UpstreamError`; the endpoint stays the caller's then. */
export async function openSession(endpoint: Endpoint, options: HttpOptions): Promise<Leg> {
  const leg = new SessionLeg(endpoint, options);
  await leg.begin();
  return leg;
}

class SessionLeg implements Leg, SessionPart {
  readonly era = 'session';
  readonly ownMeta: JsonObject | undefined = undefined;
  generation = 0;
  revision: SessionRevision = LATEST_SESSION;
  server: ServerFacts = { info: {}, capabilities: {}, instructions: undefined, revisions: [] };
  readonly #endpoint: Endpoint;
  readonly #options: HttpOptions;
  readonly #connection: HttpConnection;
  readonly #stream: SessionStream;
  #sessionId: string | undefined;
  /** Of every POST in the session. */
  #headers: HeaderList;
  #renewal: Promise<void> | undefined;
  #wanted: Wanted | undefined;
  #uris: readonly string[] = [];
  #level: Outgoing | undefined;
  #closing: Promise<void> | undefined;

  constructor(endpoint: Endpoint, options: HttpOptions) {
    this.#endpoint = endpoint;
    this.#options = options;
    this.#headers = endpoint.postHeaders;
    this.#connection = new HttpConnection(endpoint, options, {
      era: 'session',
      headersOf: () => this.#headers,
      session: this,
    });
    this.#stream = new SessionStream({
      endpoint,
      maxEventBytes: options.maxMessageBytes,
      reopening: createReopening({
        setTimer: options.setTimer ?? unrefTimer,
        now: options.now,
        random: options.random ?? Math.random,
      }),
      headers: () => [...endpoint.streamHeaders, ...this.#sessionHeaders()],
      onMessage: (message) => this.#connection.onMessage(message, undefined),
      onGone: () => void this.renew(this.generation).catch(() => undefined),
      log: (what, detail) => this.#connection.log('debug', what, detail),
    });
  }

  get inFlight(): number {
    return this.#connection.inFlight;
  }

  request(outgoing: Outgoing): Pending {
    if (outgoing.method === 'logging/setLevel') this.#level = withoutCause(outgoing);
    return this.#connection.request(outgoing);
  }

  notify(method: string, params?: JsonObject): void {
    this.#connection.notify(method, params);
  }

  get subscriptions(): number {
    return this.#uris.length;
  }

  setSubscriptions(uris: readonly string[]): void {
    this.#uris = [...new Set(uris)];
    this.#wanted?.set(this.#uris);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  destroy(): void {
    this.#end(new UpstreamError('down', `The connection to ${this.#endpoint.where} was closed at once.`));
  }

  resume(exchange: Exchange, lastEventId: string): void {
    const headers = [...this.#endpoint.streamHeaders, ...this.#sessionHeaders(), 'last-event-id', lastEventId];
    this.#endpoint.get(exchange, headers);
  }

  /**
   * 404 is what the specification says. Servers made after the official example answer 400 and name the session in their
   * message. Either refuses the request before it is looked at.
   */
  isGone(status: number, answer: UpstreamAnswer | undefined): boolean {
    if (this.#sessionId === undefined) return false;
    if (status === 404) return true;
    if (status !== 400 || answer?.kind !== 'error') return false;
    const { code, message } = answer.error;
    return (code === -32000 || code === -32001) && /session/i.test(message);
  }

  renew(generation: number): Promise<void> {
    if (generation !== this.generation) return Promise.resolve();
    this.#renewal ??= this.#renew().finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  }

  /** Begins a session, and what hangs on one. */
  async begin(): Promise<void> {
    const { connectTimeoutMs: timeoutMs, events } = this.#options;
    let head: ResponseHeaders = {};
    const extras = {
      silent: true,
      headers: this.#endpoint.postHeaders,
      onHeaders: (headers: ResponseHeaders) => (head = headers),
    };
    const introduced = await initialize(
      (outgoing) => this.#connection.request(outgoing, extras),
      this.#options,
      timeoutMs,
    );
    this.revision = introduced.revision;
    this.server = introduced.server;
    this.#sessionId = sessionIdOf(head, this.#endpoint.where);
    this.#headers = [...this.#endpoint.postHeaders, ...this.#sessionHeaders()];
    await this.#tellInitialized(timeoutMs);
    this.generation++;
    this.#wanted = createSubscriptions({
      leg: this,
      name: this.#endpoint.where,
      connectTimeoutMs: timeoutMs,
      events,
    });
    this.#stream.start();
  }

  async #tellInitialized(timeoutMs: number): Promise<void> {
    const text = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' });
    const sent = await this.#endpoint.tell('POST', this.#headers, text, timeoutMs);
    if ('error' in sent) throw sent.error;
    if (sent.status >= 400) this.#connection.log('warn', 'refused notifications/initialized', { status: sent.status });
  }

  async #renew(): Promise<void> {
    const { events } = this.#options;
    events.log('info', `${this.#endpoint.where} does not know its session any more; another one is begun.`);
    this.#stream.stop();
    try {
      await this.begin();
    } catch (error) {
      const down = error instanceof UpstreamError ? error : new UpstreamError('down', String(error), { cause: error });
      this.#end(down);
      this.#connection.guard(() => events.onDown(down));
      throw down;
    }
    if (this.#level !== undefined) this.#connection.request(this.#level);
    this.#wanted?.set(this.#uris);
    // What changed meanwhile was told to nobody.
    for (const message of changesOf(this.server.capabilities)) this.#report(message);
  }

  #report(message: JsonRpcNotification): void {
    this.#connection.guard(() => this.#options.events.onNotification(message));
  }

  async #close(): Promise<void> {
    await this.#connection.drain();
    this.#stream.stop();
    if (this.#sessionId !== undefined) {
      const headers = [...this.#endpoint.ownHeaders, ...this.#sessionHeaders()];
      await this.#endpoint.tell('DELETE', headers, undefined, DELETE_MS);
    }
    await this.#endpoint.close();
  }

  #end(error: UpstreamError): void {
    this.#stream.stop();
    this.#connection.destroy(error);
    this.#endpoint.destroy();
  }

  #sessionHeaders(): string[] {
    const id = this.#sessionId === undefined ? [] : ['mcp-session-id', this.#sessionId];
    return [...id, 'mcp-protocol-version', this.revision];
  }
}

function withoutCause({ method, text, timeoutMs, maxMs }: Outgoing): Outgoing {
  return { method, text, timeoutMs, maxMs };
}

function sessionIdOf(headers: ResponseHeaders, where: string): string | undefined {
  const id = headers['mcp-session-id'];
  if (id === undefined || (typeof id === 'string' && SESSION_ID.test(id))) return id;
  throw new UpstreamError('protocol', `${where} gave a session id that is not plain text of 1024 characters at most.`);
}
