/**
 * One request on its way over HTTP: it is posted, and its answer comes as JSON, as a large body that is handed on, or on an
 * event stream that may be resumed (2025-11-25, Streamable HTTP, "Resumability and Redelivery"). Which headers go with it
 * and what else the server says is the connection's matter.
 */

import { resultBytes, resultHead, scanResult } from '@sallyport/wire';
import type { Clock, SetTimer } from '../clock.ts';
import { UpstreamError, type Outgoing, type Pending, type UpstreamAnswer } from '../leg.ts';
import type { Call } from '../calls.ts';
import { decodeLine, type Decoded } from '../decode.ts';
import { Gather, LargeBody } from './body.ts';
import {
  contentLength,
  DISCARD,
  Exchange,
  isEventStream,
  transportError,
  type BodyReader,
  type HeadReader,
} from './exchange.ts';
import type { Linked } from '../chain.ts';
import type { HeaderList } from './endpoint.ts';
import { statusError, type Reply, type ResponseHeaders } from '../http-status.ts';
import { readReply } from './reply.ts';
import { EventStream } from './reply-stream.ts';

/** A body that says it is larger is handed on while it comes. */
const LARGE_BYTES = 64 * 1024;
/** Until a stream is resumed whose server did not say when. */
const RETRY_MS = 1000;
/** Streams in a row that ended without an event that could be resumed from. */
const MAX_FRUITLESS = 5;
/** How long a stream may stay open behind its answer. */
const LINGER_MS = 1000;

export interface CallHost {
  readonly where: string;
  readonly maxMessageBytes: number;
  readonly setTimer: SetTimer;
  post(exchange: Exchange, call: HttpCall, body: string): void;
  /** Asks for the rest of a stream; undefined in an era that has no such thing. */
  readonly resume: ((exchange: Exchange, lastEventId: string) => void) | undefined;
  /** Ends the call's record with an answer or an error; false when it was over. */
  settle(call: HttpCall, answer: UpstreamAnswer): boolean;
  fail(call: HttpCall, error: UpstreamError): void;
  /** The same for a call that the server may be at work on; the server is told where the era has words for it. */
  abandon(call: HttpCall, error: UpstreamError, reason: string | undefined): void;
  /** A clock for the rest of a large answer. */
  clock(call: HttpCall, onTimeout: () => void): Clock;
  closed(call: HttpCall): void;
  /** What the server says on the call's stream besides its answer. */
  onMessage(message: Decoded, call: HttpCall): void;
  /**
   * Looks at a reply that is no result. A promise: the session is gone and there is a new one when it resolves, or none
   * when it rejects (`UpstreamError`).
   */
  renewed(call: HttpCall, status: number, answer: UpstreamAnswer | undefined): Promise<void> | undefined;
}

/** What the connection's own requests need beyond a caller's. */
export interface CallExtras {
  /** Instead of those that every request carries. */
  readonly headers?: HeaderList;
  /** Nothing tells the server that it was given up, and no session is renewed for it. */
  readonly silent?: boolean;
  readonly onHeaders?: (headers: ResponseHeaders) => void;
}

export class HttpCall implements Pending, HeadReader, Linked<HttpCall> {
  previous: HttpCall | undefined;
  next: HttpCall | undefined;
  readonly record: Call;
  readonly outgoing: Outgoing;
  readonly extras: CallExtras;
  /** Counts the sessions: which one it was sent in. */
  generation = 0;
  readonly #host: CallHost;
  #exchange: Exchange | undefined;
  #stream: EventStream | undefined;
  #rest: LargeBody | undefined;
  #over = false;
  #isSecond = false;
  #lastId: string | undefined;
  #retryMs = RETRY_MS;
  #fruitless = 0;
  #takeBack: (() => void) | undefined;

  constructor(host: CallHost, record: Call, outgoing: Outgoing, extras: CallExtras) {
    this.#host = host;
    this.record = record;
    this.outgoing = outgoing;
    this.extras = extras;
  }

  get answer(): Promise<UpstreamAnswer> {
    return this.record.answer;
  }

  send(): void {
    const exchange = new Exchange(this);
    this.#exchange = exchange;
    this.#host.post(exchange, this, this.outgoing.text(this.record.id));
  }

  cancel(reason?: string): void {
    if (this.#rest !== undefined) return this.#rest.cancel();
    if (this.#over) return;
    this.#host.abandon(this, new UpstreamError('cancelled', reason ?? 'The caller gave up.'), reason);
    this.stop();
  }

  /** Lets go of the connection. The record is over by then, or about to be. */
  stop(error?: UpstreamError): void {
    if (error === undefined) this.#rest?.cancel();
    else this.#rest?.break(error);
    this.#over = true;
    this.#stream?.stop();
    this.#takeBack?.();
    this.#exchange?.abort();
    this.#host.closed(this);
  }

  head(status: number, headers: ResponseHeaders): BodyReader {
    this.extras.onHeaders?.(headers);
    if (isEventStream(status, headers)) return this.#read();
    if (status >= 300 && status < 400) return this.#refuse(statusError({ status, headers }, this.#host.where));
    return this.#gather({ status, headers });
  }

  /** Nothing of a reply came. */
  fail(error: Error): void {
    this.#fail(transportError(error, this.#host.where));
  }

  #fail(error: UpstreamError): void {
    if (this.#over) return;
    this.#host.fail(this, error);
    this.stop();
  }

  #refuse(error: UpstreamError): BodyReader {
    this.#fail(error);
    return DISCARD;
  }

  #gather(reply: Reply): BodyReader {
    const { where, maxMessageBytes: maxBytes } = this.#host;
    const total = contentLength(reply.headers);
    const tooLarge = (): void => {
      this.#fail(new UpstreamError('too_large', `${where} answered with more than ${maxBytes} bytes.`));
    };
    if (total !== undefined && total > maxBytes) {
      tooLarge();
      return DISCARD;
    }
    return new Gather({
      maxBytes,
      onOversize: tooLarge,
      onFail: (error) => this.fail(error),
      onWhole: (bytes) => this.#finish(bytes, reply),
      early: total !== undefined && total > LARGE_BYTES ? (bytes) => this.#early(bytes, total) : undefined,
    });
  }

  /** Hands a large result on as soon as its id has been found. */
  #early(bytes: Buffer, total: number): BodyReader | undefined {
    const cut = bytes.length < total ? resultHead(bytes) : undefined;
    if (cut?.id !== this.record.id || this.#exchange === undefined || this.#over) return undefined;
    const scan = scanResult();
    if (!scan.push(cut.after)) return undefined;
    const rest = new LargeBody({
      exchange: this.#exchange,
      where: this.#host.where,
      bytes: total - bytes.length,
      clock: (onTimeout) => this.#host.clock(this, onTimeout),
      scan,
      onClosed: () => {
        this.#rest = undefined;
        this.#host.closed(this);
      },
    });
    this.#rest = rest;
    this.#over = true;
    this.#host.settle(this, { kind: 'result', before: cut.before, after: cut.after, rest });
    return rest;
  }

  #finish(bytes: Buffer, reply: Reply): void {
    const answer = readReply(bytes, this.record.id, reply, this.#host.where);
    if (answer instanceof UpstreamError) {
      if (!this.#isRenewed(reply.status, undefined)) this.#fail(answer);
    } else if (answer.kind === 'result' || !this.#isRenewed(reply.status, answer)) this.#settle(answer);
  }

  #settle(answer: UpstreamAnswer): void {
    if (this.#over) return;
    this.#over = true;
    this.#host.settle(this, answer);
    this.#host.closed(this);
  }

  /** Sends it once more when it failed because its session is gone. Nothing of an answer had come by then. */
  #isRenewed(status: number, answer: UpstreamAnswer | undefined): boolean {
    if (this.#isSecond || this.#over) return false;
    const renewal = this.#host.renewed(this, status, answer);
    if (renewal === undefined) return false;
    this.#isSecond = true;
    renewal.then(
      () => {
        if (!this.#over) this.send();
      },
      (error: Error) => this.fail(error),
    );
    return true;
  }

  #read(): BodyReader {
    const stream = new EventStream({
      maxEventBytes: this.#host.maxMessageBytes,
      onMessage: (bytes) => this.#onMessage(bytes),
      onEnd: (error) => this.#onStreamEnd(error, stream),
    });
    this.#stream = stream;
    return stream;
  }

  #onMessage(bytes: Buffer): void {
    const { id } = this.record;
    const cut = resultBytes(bytes);
    if (cut?.id === id) return this.#answered({ kind: 'result', before: cut.before, after: cut.after });
    const decoded = decodeLine(bytes);
    if (decoded.kind === 'batch') {
      for (const line of decoded.lines) if (!this.#over) this.#onMessage(line);
    } else if (!('id' in decoded) || decoded.id !== id) {
      this.#host.onMessage(decoded, this);
    } else if (decoded.kind === 'result') {
      this.#answered({ kind: 'result', before: decoded.before, after: decoded.after });
    } else if (decoded.kind === 'error') {
      this.#answered({ kind: 'error', error: decoded.error, status: 200 });
    } else {
      this.#fail(new UpstreamError('protocol', `${this.#host.where}: ${decoded.reason}`));
    }
  }

  /** The server is to end the stream behind the answer; then its connection can be used again. */
  #answered(answer: UpstreamAnswer): void {
    const exchange = this.#exchange;
    const takeBack = this.#host.setTimer(() => exchange?.abort(), LINGER_MS);
    this.#stream?.stop(takeBack);
    this.#settle(answer);
  }

  #onStreamEnd(error: Error | undefined, stream?: EventStream): void {
    if (this.#over) return;
    if (error instanceof UpstreamError) return this.#fail(error);
    const { lastId } = stream ?? {};
    if (lastId === undefined || lastId === this.#lastId) this.#fruitless++;
    else this.#fruitless = 0;
    this.#lastId = lastId ?? this.#lastId;
    this.#retryMs = stream?.retryMs ?? this.#retryMs;
    if (this.#host.resume === undefined || this.#lastId === undefined || this.#fruitless >= MAX_FRUITLESS) {
      return this.#fail(this.#brokenOff(error));
    }
    this.#takeBack = this.#host.setTimer(() => this.#resume(), this.#retryMs);
  }

  #resume(): void {
    this.outgoing.cause?.deferred?.();
    const exchange = new Exchange({
      head: (status, headers) => {
        if (isEventStream(status, headers)) return this.#read();
        exchange.abort();
        if (status >= 500) this.#onStreamEnd(undefined);
        else this.#fail(this.#brokenOff(statusError({ status, headers }, this.#host.where)));
        return DISCARD;
      },
      fail: (error) => this.#onStreamEnd(error),
    });
    this.#exchange = exchange;
    this.#host.resume?.(exchange, this.#lastId as string);
  }

  #brokenOff(error: Error | undefined): UpstreamError {
    const { where } = this.#host;
    const { method } = this.outgoing;
    // Ended in order by a server that cannot resume it: that is not how the protocol is spoken.
    const isOrderly = error === undefined && this.#lastId === undefined && this.#host.resume !== undefined;
    const text = `${where} ended the stream of ${method} without an answer.`;
    return new UpstreamError(isOrderly ? 'protocol' : 'down', text, error === undefined ? {} : { cause: error });
  }
}
