/**
 * The subscription of the stateless era over HTTP (2026-07-28, subscriptions): one `subscriptions/listen` stream in the
 * background for list changes, as far as capabilities announce them, and for resources and tasks that are wanted. Nobody waits
 * for it. When the wanted set changes, the next stream is acknowledged before the last one is closed.
 */

import { isObject, META_SUBSCRIPTION_ID, type JsonObject, type JsonRpcNotification } from '@sallyport/wire';
import type { SetTimer } from '../clock.ts';
import { decodeLine, type Decoded } from '../decode.ts';
import { announces, CHANGE_KINDS, CHANGES, changesOf, tasksAsked } from '../changes.ts';
import type { ResponseHeaders } from '../http-status.ts';
import { DISCARD, Exchange, isEventStream, type BodyReader } from './exchange.ts';
import { isUnauthorized } from '../leg.ts';
import type { Reopening } from './reopen.ts';
import { EventStream } from './reply-stream.ts';

const METHOD = 'subscriptions/listen';
const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';
/** Until it is opened again when the server did not say when. */
const RETRY_MS = 1000;

export interface ListenOptions {
  readonly capabilities: JsonObject;
  /** `_meta` of its requests. */
  readonly ownMeta: JsonObject;
  /** Milliseconds for the acknowledgement. */
  readonly ackTimeoutMs: number;
  readonly maxEventBytes: number;
  readonly reopening: Reopening;
  readonly setTimer: SetTimer;
  /** As `Endpoint.whenAuthorized`. */
  readonly whenAuthorized: (open: () => void) => () => void;
  readonly post: (exchange: Exchange, method: string, id: string, params: JsonObject) => void;
  readonly onNotification: (message: JsonRpcNotification) => void;
  /** `what` goes on from the server's address. */
  readonly log: (what: string, detail?: Readonly<Record<string, unknown>>) => void;
}

/** One stream, asked for and perhaps acknowledged. */
interface Stream {
  readonly id: string;
  readonly exchange: Exchange;
  readonly takeBack: () => void;
}

export class Listen {
  readonly #options: ListenOptions;
  #uris: readonly string[] = [];
  #taskIds: readonly string[] = [];
  /** Acknowledged. */
  #current: Stream | undefined;
  /** Asked for, and not acknowledged yet. */
  #next: Stream | undefined;
  /** Something may have been missed since the last acknowledgement. */
  #hasGap = false;
  /** Streams so far. Their ids are texts, so they are no ids of calls. */
  #opened = 0;
  #stopped = false;
  #takeBack: (() => void) | undefined;

  constructor(options: ListenOptions) {
    this.#options = options;
  }

  set(uris: readonly string[]): void {
    if (isSame(uris, this.#uris)) return;
    this.#uris = [...uris];
    this.open();
  }

  setTasks(taskIds: readonly string[]): void {
    if (isSame(taskIds, this.#taskIds)) return;
    this.#taskIds = [...taskIds];
    this.open();
  }

  stop(): void {
    this.#stopped = true;
    this.#options.reopening.stop();
    this.#takeBack?.();
    this.#drop(this.#next);
    this.#drop(this.#current);
  }

  /** Asks for what is wanted now, in place of what was asked for before. */
  open(): void {
    if (this.#stopped) return;
    const { ackTimeoutMs, capabilities, ownMeta, post, reopening, setTimer } = this.#options;
    reopening.stop();
    this.#drop(this.#next);
    const tasks = tasksAsked(capabilities, this.#taskIds, ownMeta);
    const notifications = { ...this.#filter(), ...tasks.filter };
    if (Object.keys(notifications).length === 0) {
      this.#drop(this.#current);
      return;
    }
    const exchange = new Exchange({
      head: (status, headers) => this.#onHead(status, headers, stream),
      fail: (error) => this.#onFailed(stream, error),
    });
    const takeBack = setTimer(() => this.#again(stream, 'the acknowledgement did not come'), ackTimeoutMs);
    const stream: Stream = { id: `listen-${++this.#opened}`, exchange, takeBack };
    this.#next = stream;
    post(exchange, METHOD, stream.id, { notifications, _meta: tasks.meta ?? ownMeta });
  }

  #filter(): JsonObject {
    const { capabilities } = this.#options;
    const kinds = CHANGE_KINDS.filter((kind) => announces(capabilities, kind, 'listChanged'));
    const uris = announces(capabilities, 'resources', 'subscribe') ? [...this.#uris] : [];
    return {
      ...Object.fromEntries(kinds.map((kind) => [`${kind}ListChanged`, true])),
      ...(uris.length > 0 && { resourceSubscriptions: uris }),
    };
  }

  #onHead(status: number, headers: ResponseHeaders, stream: Stream): BodyReader {
    if (!isEventStream(status, headers)) {
      if (status >= 500 || status === 429) this.#again(stream, `status ${status}`);
      // Lines of JSON that never end are among what servers answer here, so nothing of it is read.
      else this.#giveUp(stream, `status ${status} and no events`);
      return DISCARD;
    }
    return new EventStream({
      maxEventBytes: this.#options.maxEventBytes,
      onMessage: (bytes) => this.#onMessage(decodeLine(bytes), stream),
      onEnd: (error) => this.#again(stream, error?.message ?? 'the stream ended'),
    });
  }

  /** A result is the graceful end: the server closes the stream behind it. */
  #onMessage(message: Decoded, stream: Stream): void {
    if (message.kind === 'error') return this.#giveUp(stream, `error ${message.error.code}`);
    if (message.kind !== 'notification') return;
    const { method, params } = message.message;
    const meta = params?.['_meta'];
    if (!isObject(meta) || meta[META_SUBSCRIPTION_ID] !== stream.id) return;
    if (method === ACKNOWLEDGED) return this.#onAcknowledged(stream, params?.['notifications']);
    if (!CHANGES.has(method)) return;
    this.#options.reopening.succeeded();
    this.#options.onNotification(withoutSubscriptionId(message.message, meta));
  }

  #onAcknowledged(stream: Stream, granted: unknown): void {
    if (this.#next !== stream) return;
    if (isObject(granted) && Object.keys(granted).length === 0) return this.#giveUp(stream, 'nothing granted');
    stream.takeBack();
    this.#options.reopening.opened();
    this.#next = undefined;
    this.#drop(this.#current);
    this.#current = stream;
    if (!this.#hasGap) return;
    this.#hasGap = false;
    for (const message of changesOf(this.#options.capabilities)) this.#options.onNotification(message);
  }

  /** Without a token there is nothing to try again: only a login helps, which nobody begins for a stream. */
  #onFailed(stream: Stream, error: Error): void {
    if (!isUnauthorized(error)) return this.#again(stream, error.message);
    this.#giveUp(stream, error.message);
    this.#hasGap = true;
    this.#takeBack?.();
    this.#takeBack = this.#options.whenAuthorized(() => this.open());
  }

  #again(stream: Stream, why: string): void {
    if (!this.#drop(stream)) return;
    this.#hasGap = true;
    this.#options.log('broke off the subscription to its changes', { reason: why });
    this.#options.reopening.later(() => this.open(), RETRY_MS);
  }

  #giveUp(stream: Stream, why: string): void {
    if (this.#drop(stream)) this.#options.log('refused the subscription to its changes', { reason: why });
  }

  /** False when the stream is none of the two that count. */
  #drop(stream: Stream | undefined): boolean {
    if (stream === undefined || (stream !== this.#current && stream !== this.#next)) return false;
    if (stream === this.#current) this.#current = undefined;
    else this.#next = undefined;
    stream.takeBack();
    stream.exchange.abort();
    return true;
  }
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((one, index) => one === others[index]);
}

/** The id means something between the server and this leg alone. */
function withoutSubscriptionId(message: JsonRpcNotification, meta: JsonObject): JsonRpcNotification {
  const { [META_SUBSCRIPTION_ID]: _, ...others } = meta;
  const { _meta, ...params } = message.params ?? {};
  return { ...message, params: Object.keys(others).length > 0 ? { ...params, _meta: others } : params };
}
