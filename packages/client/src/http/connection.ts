/**
 * The JSON-RPC traffic with one MCP endpoint, in either era: requests out, answers back, and what the server says
 * meanwhile to the call that caused it. Sessions and subscriptions are not made here.
 */

import type { Era, JsonRpcNotification, JsonRpcRequest, RequestId } from '@sallyport/wire';
import { createClocks, type Clock, type Clocks, type SetTimer } from '../clock.ts';
import { UpstreamError, type Cause, type LegEvents, type Outgoing, type Pending, type UpstreamAnswer } from '../leg.ts';
import { Calls } from '../calls.ts';
import { CHANGES } from '../changes.ts';
import type { Decoded } from '../decode.ts';
import { Asks } from '../asks.ts';
import { Chain } from '../chain.ts';
import { HttpCall, type CallExtras, type CallHost } from './call.ts';
import type { Endpoint, HeaderList } from './endpoint.ts';
import type { Exchange } from './exchange.ts';

/** On the stream that belongs to no call: what somebody must have caused. */
const OWNED: ReadonlySet<string> = new Set(['notifications/message', 'notifications/cancelled']);

/** What differs between the eras. */
export interface EraPart {
  readonly era: Era;
  headersOf(method: string, name?: string, paramHeaders?: Readonly<Record<string, string>>): HeaderList;
  readonly session?: SessionPart;
}

export interface SessionPart {
  /** Counts the sessions. */
  readonly generation: number;
  resume(exchange: Exchange, lastEventId: string): void;
  /** Whether a reply says that its session is no more. */
  isGone(status: number, answer: UpstreamAnswer | undefined): boolean;
  /** Resolves when there is a later session than `generation`. Rejects with `UpstreamError`. */
  renew(generation: number): Promise<void>;
}

export interface ConnectionOptions {
  readonly connectTimeoutMs: number;
  readonly maxMessageBytes: number;
  readonly events: LegEvents;
  readonly now: () => number;
  readonly setTimer?: SetTimer;
}

/** A timer that keeps the process alive: somebody waits for what it does. */
const heldTimer: SetTimer = (fire, ms) => {
  const timer = setTimeout(fire, ms);
  return () => clearTimeout(timer);
};

const ignore = (): void => undefined;

export class HttpConnection implements CallHost {
  readonly endpoint: Endpoint;
  readonly setTimer: SetTimer;
  readonly maxMessageBytes: number;
  readonly resume: ((exchange: Exchange, lastEventId: string) => void) | undefined;
  readonly #options: ConnectionOptions;
  readonly #part: EraPart;
  readonly #calls: Calls;
  /** For the rest of large answers, whose records are over. */
  readonly #clocks: Clocks;
  readonly #open = new Chain<HttpCall>();
  readonly #asks: Asks;
  #down: UpstreamError | undefined;
  #onIdle: (() => void) | undefined;

  constructor(endpoint: Endpoint, options: ConnectionOptions, part: EraPart) {
    this.endpoint = endpoint;
    this.#options = options;
    this.#part = part;
    this.setTimer = options.setTimer ?? heldTimer;
    this.maxMessageBytes = options.maxMessageBytes;
    const { session } = part;
    this.resume = session && ((exchange, lastEventId) => session.resume(exchange, lastEventId));
    const timer = options.setTimer !== undefined && { setTimer: options.setTimer };
    this.#calls = new Calls({
      ...timer,
      now: options.now,
      onTimeout: (record) => {
        let call = this.#open.first;
        while (call !== undefined && call.record !== record) call = call.next;
        if (call === undefined) return;
        this.#tellCancelled(call, 'timeout');
        call.stop();
      },
    });
    this.#clocks = createClocks(options.now, options.setTimer);
    this.#asks = new Asks({
      answer: (id, answer) => this.#tell('an answer', { jsonrpc: '2.0', id, ...answer }),
      onUnattributed: (message) => options.events.onUnattributed(message),
      hold: () => this.#calls.hold(),
    });
  }

  get where(): string {
    return this.endpoint.where;
  }

  get inFlight(): number {
    return this.#calls.inFlight;
  }

  request(outgoing: Outgoing, extras: CallExtras = {}): Pending {
    const record = this.#calls.open(outgoing, extras.silent === true);
    // A caller that went away does not wait for the rejection.
    record.answer.catch(ignore);
    const call = new HttpCall(this, record, outgoing, extras);
    if (this.#down === undefined) {
      this.#open.add(call);
      call.send();
    } else this.#calls.fail(record, this.#down);
    return call;
  }

  notify(method: string, params: object | undefined): void {
    this.#tell(method, { jsonrpc: '2.0', method, ...(params !== undefined && { params }) });
  }

  /** Refuses what comes from now on; resolves when nothing is under way any more. */
  drain(): Promise<void> {
    this.#down ??= new UpstreamError('down', `The connection to ${this.where} was closed.`);
    return new Promise((resolve) => {
      if (this.#open.first === undefined) resolve();
      else this.#onIdle = resolve;
    });
  }

  destroy(error: UpstreamError): void {
    this.#down = error;
    this.#asks.destroy();
    this.#calls.failAll(error);
    for (let call = this.#open.first; call !== undefined; call = this.#open.first) call.stop(error);
    this.#clocks.destroy();
  }

  /** For a stream that is opened by a request and is no call. */
  postText(exchange: Exchange, method: string, text: string): void {
    this.endpoint.post(exchange, this.#part.headersOf(method), text);
  }

  post(exchange: Exchange, call: HttpCall, body: string): void {
    const { method, name, paramHeaders } = call.outgoing;
    call.generation = this.#part.session?.generation ?? 0;
    const headers = call.extras.headers ?? this.#part.headersOf(method, name, paramHeaders);
    this.endpoint.post(exchange, headers, body);
  }

  settle(call: HttpCall, answer: UpstreamAnswer): boolean {
    return this.#calls.settle(call.record.id, answer);
  }

  fail(call: HttpCall, error: UpstreamError): void {
    if (this.#calls.find(call.record.id) !== undefined) this.#calls.fail(call.record, error);
  }

  abandon(call: HttpCall, error: UpstreamError, reason: string | undefined): void {
    if (this.#calls.abandon(call.record, error)) this.#tellCancelled(call, reason);
  }

  clock(call: HttpCall, onTimeout: () => void): Clock {
    const { timeoutMs, maxMs } = call.outgoing;
    return this.#clocks.start({ timeoutMs, maxMs, onTimeout });
  }

  closed(call: HttpCall): void {
    this.#open.delete(call);
    if (this.#open.first === undefined) this.#onIdle?.();
  }

  renewed(call: HttpCall, status: number, answer: UpstreamAnswer | undefined): Promise<void> | undefined {
    const { session } = this.#part;
    if (session === undefined || call.extras.silent === true || !session.isGone(status, answer)) return undefined;
    return session.renew(call.generation);
  }

  /** What the server says: on the stream of `call`, or on one that belongs to no call. */
  onMessage(message: Decoded, call: HttpCall | undefined): void {
    if (message.kind === 'notification') this.#onNotification(message.message, call);
    else if (message.kind === 'request') this.#onRequest(message.message, call);
    else this.log('debug', 'sent a message that nobody waits for; it was dropped', { kind: message.kind });
  }

  /** Calls what belongs to others, which must not break the stream that it is called from. */
  guard(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.log('error', 'sent a message whose receiver failed', { error: String(error) });
    }
  }

  log(level: 'debug' | 'warn' | 'error', what: string, detail?: Readonly<Record<string, unknown>>): void {
    this.#options.events.log(level, `${this.where} ${what}.`, detail);
  }

  #onNotification(message: JsonRpcNotification, call: HttpCall | undefined): void {
    const { method } = message;
    if (method === 'notifications/progress') return this.#onProgress(message);
    if (method === 'notifications/cancelled' && this.#isTakenBack(message)) return;
    const cause = CHANGES.has(method) ? undefined : (call?.outgoing.cause ?? this.#only(method, call));
    this.guard(() => (cause === undefined ? this.#options.events.onNotification(message) : cause.notify(message)));
  }

  /** Progress of a call that is over is nobody's. */
  #onProgress(message: JsonRpcNotification): void {
    const record = this.#calls.find(message.params?.['progressToken'] as RequestId | undefined);
    record?.clock.renew();
    this.guard(() => record?.cause?.notify(message));
  }

  #only(method: string, call: HttpCall | undefined): Cause | undefined {
    return call === undefined && OWNED.has(method) ? this.#calls.onlyCause()?.cause : undefined;
  }

  #isTakenBack(message: JsonRpcNotification): boolean {
    let isTakenBack = false;
    this.guard(() => {
      isTakenBack = this.#asks.takeBack(message.params?.['requestId'], message);
    });
    return isTakenBack;
  }

  #onRequest(message: JsonRpcRequest, call: HttpCall | undefined): void {
    if (this.#part.era === 'session')
      this.#asks.ask(message, call === undefined ? this.#calls.onlyCause() : call.record);
    else this.log('warn', `sent a request (${message.method}), which it may not; it was dropped`);
  }

  #tellCancelled(call: HttpCall, reason: string | undefined): void {
    if (call.record.silent || this.#part.era === 'stateless') return;
    this.notify('notifications/cancelled', { requestId: call.record.id, ...(reason !== undefined && { reason }) });
  }

  #tell(what: string, message: object): void {
    const headers = this.#part.headersOf(what);
    void this.endpoint.tell('POST', headers, JSON.stringify(message), this.#options.connectTimeoutMs).then((sent) => {
      if ('error' in sent) this.log('warn', `did not get ${what}`, { error: sent.error.message });
      else if (sent.status >= 400) this.log('warn', `refused ${what}`, { status: sent.status });
    });
  }
}
