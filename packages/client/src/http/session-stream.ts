/**
 * The stream on which a server of the session era says what belongs to no request (2025-11-25, Streamable HTTP, "Listening
 * for messages from the server"): opened in the background, resumed when it ends, done without where there is none.
 */

import { decodeLine, type Decoded } from '../decode.ts';
import { isUnauthorized } from '../leg.ts';
import type { Endpoint, HeaderList } from './endpoint.ts';
import { DISCARD, Exchange, isEventStream, transportError, type BodyReader } from './exchange.ts';
import type { Reopening } from './reopen.ts';
import { EventStream } from './reply-stream.ts';

/** Until it is opened again when the server did not say when. */
const RETRY_MS = 1000;

export interface SessionStreamOptions {
  readonly endpoint: Endpoint;
  readonly maxEventBytes: number;
  readonly reopening: Reopening;
  readonly headers: () => HeaderList;
  readonly onMessage: (message: Decoded) => void;
  /** The server knows no such session. */
  readonly onGone: () => void;
  /** `what` goes on from the server's address. */
  readonly log: (what: string, detail?: Readonly<Record<string, unknown>>) => void;
}

export class SessionStream {
  readonly #options: SessionStreamOptions;
  #exchange: Exchange | undefined;
  #lastId: string | undefined;
  /** In this session. */
  #wasOpen = false;
  #takeBack: (() => void) | undefined;
  #retryMs = RETRY_MS;

  constructor(options: SessionStreamOptions) {
    this.#options = options;
  }

  /** Opens it for a session that has just begun. */
  start(): void {
    this.stop();
    this.#lastId = undefined;
    this.#wasOpen = false;
    this.#retryMs = RETRY_MS;
    this.#open();
  }

  stop(): void {
    this.#options.reopening.stop();
    this.#takeBack?.();
    this.#exchange?.abort();
  }

  #open(): void {
    const { endpoint, headers } = this.#options;
    const exchange = new Exchange({
      head: (status, head) => {
        if (isEventStream(status, head)) return this.#read();
        exchange.abort();
        this.#onRefused(status);
        return DISCARD;
      },
      fail: (error) => this.#onFailed(error),
    });
    this.#exchange = exchange;
    const resumption = this.#lastId === undefined ? [] : ['last-event-id', this.#lastId];
    endpoint.get(exchange, [...headers(), ...resumption]);
  }

  #read(): BodyReader {
    this.#options.reopening.opened();
    this.#wasOpen = true;
    const stream = new EventStream({
      maxEventBytes: this.#options.maxEventBytes,
      onMessage: (bytes) => {
        this.#options.reopening.succeeded();
        this.#deliver(bytes);
      },
      onEnd: (error) => {
        if (stream.lastId !== this.#lastId) this.#options.reopening.succeeded();
        this.#lastId = stream.lastId ?? this.#lastId;
        this.#retryMs = stream.retryMs ?? this.#retryMs;
        this.#exchange?.abort();
        this.#again(error);
      },
    });
    return stream;
  }

  #deliver(bytes: Buffer): void {
    const decoded = decodeLine(bytes);
    if (decoded.kind !== 'batch') this.#options.onMessage(decoded);
    else for (const line of decoded.lines) this.#deliver(line);
  }

  #onRefused(status: number): void {
    const { log, onGone } = this.#options;
    // To the first request of a session it says that there is no such stream: the session was begun just now.
    if (status === 404 && this.#wasOpen) onGone();
    else if (status >= 500 || status === 429) this.#again(new Error(`status ${status}`));
    else log('has no stream for messages without a request', { status });
  }

  /** Without a token there is nothing to try again: only a login helps, which nobody begins for a stream. */
  #onFailed(error: Error): void {
    if (!isUnauthorized(error)) return this.#again(error);
    const { endpoint, log } = this.#options;
    log('wants another token for the stream for messages', { error: error.message });
    this.#takeBack = endpoint.whenAuthorized(() => this.#open());
  }

  #again(error: Error | undefined): void {
    const { endpoint, reopening, log } = this.#options;
    if (error !== undefined) {
      log('broke off the stream for messages', { error: transportError(error, endpoint.where).message });
    }
    reopening.later(() => this.#open(), this.#retryMs);
  }
}
