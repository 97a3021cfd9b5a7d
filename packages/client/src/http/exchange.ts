/**
 * One HTTP request and its response on an undici dispatcher, as callbacks: no fetch and no streams between the socket and
 * whoever reads. It knows nothing of JSON-RPC. After `abort` nothing is delivered any more.
 */

import type { Dispatcher } from 'undici';
import { mediaType, type ResponseHeaders } from '../http-status.ts';
import { UpstreamError } from '../leg.ts';
import { tlsProblem } from '../tls.ts';

/** Gets the body of a response. `end` or `fail` comes once, last. */
export interface BodyReader {
  data(chunk: Buffer): void;
  end(): void;
  fail(error: Error): void;
}

/** Gets the head of a response and says who reads its body; or what went wrong before there was a head. */
export interface HeadReader {
  head(status: number, headers: ResponseHeaders): BodyReader;
  fail(error: Error): void;
}

/** Looks at a response of status 401 or 403 before the reader of its head does. */
export interface RefusalReader {
  /**
   * What it returns is called when that response is over, instead of telling the reader of its head; the same exchange is
   * sent again then, or failed.
   */
  refused(status: number, headers: ResponseHeaders): (() => void) | undefined;
}

/** Of a refused response, so that its connection can be used again. */
const REFUSED_BYTES = 64 * 1024;

export class Exchange implements Dispatcher.DispatchHandler {
  /**
   * An object and no function on purpose: with a closure made for each request, V8 keeps what requests made until the next
   * full collection, and calls cost half as much again.
   */
  refusals: RefusalReader | undefined;
  readonly #reader: HeadReader;
  #body: BodyReader | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #done = false;
  /** After a response that was refused. */
  #again: (() => void) | undefined;
  #refusedBytes = 0;

  constructor(reader: HeadReader) {
    this.#reader = reader;
  }

  /** Nothing is delivered any more. */
  get isOver(): boolean {
    return this.#done;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // To throw here takes the request back and leaves its connection whole; `controller.abort` would cut it.
    if (this.#done) throw new Error('The request was given up before it was sent.');
    this.#controller = controller;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: ResponseHeaders): void {
    if (this.#done || status < 200) return;
    if (status === 401 || status === 403) this.#again = this.refusals?.refused(status, headers);
    if (this.#again !== undefined) return;
    this.#body = this.#reader.head(status, headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#done) return;
    if (this.#again === undefined) return this.#body?.data(chunk);
    this.#refusedBytes += chunk.length;
    if (this.#refusedBytes > REFUSED_BYTES) controller.abort(new Error('The rest of a refusal is not wanted.'));
  }

  onResponseEnd(): void {
    if (this.#done || this.#isAgain()) return;
    this.#done = true;
    this.#body?.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    // However a refusal ends: it was one.
    if (!this.#done && !this.#isAgain()) this.fail(error);
  }

  /** Ends it in the place of a response. */
  fail(error: Error): void {
    if (this.#done) return;
    this.#done = true;
    (this.#body ?? this.#reader).fail(error);
  }

  /** Asks for no more data until `resume`. */
  pause(): void {
    this.#controller?.pause();
  }

  resume(): void {
    if (!this.#done) this.#controller?.resume();
  }

  /** Gives the exchange up. A connection that is at work on it is cut. */
  abort(): void {
    if (this.#done) return;
    this.#done = true;
    this.#controller?.abort(new Error('The exchange was given up.'));
  }

  /** A refused response is over: it goes on with what follows. */
  #isAgain(): boolean {
    const again = this.#again;
    if (again === undefined) return false;
    this.#again = undefined;
    this.#refusedBytes = 0;
    this.#controller = undefined;
    again();
    return true;
  }
}

/** Reads nothing: what is left of a response that nobody wants. */
export const DISCARD: BodyReader = {
  data: () => undefined,
  end: () => undefined,
  fail: () => undefined,
};

export function isEventStream(status: number, headers: ResponseHeaders): boolean {
  return status === 200 && mediaType(headers) === 'text/event-stream';
}

/** `Content-Length`; undefined when the response does not tell. */
export function contentLength(headers: ResponseHeaders): number | undefined {
  const value = headers['content-length'];
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

/** What an undici error means for a call. `where` names the server's address. */
export function transportError(error: Error, where: string): UpstreamError {
  if (error instanceof UpstreamError) return error;
  const code = codeOf(error);
  const text = code === undefined || error.message.includes(code) ? error.message : `${error.message} (${code})`;
  if (code?.startsWith('HPE_') === true || PROTOCOL_CODES.has(code ?? '')) {
    return new UpstreamError('protocol', `${where} does not speak HTTP as it should: ${text}.`, { cause: error });
  }
  const untrusted = tlsProblem(error);
  if (untrusted !== undefined) {
    return new UpstreamError('down', `${where} is not trusted: ${untrusted}`, { cause: error });
  }
  const advice = 'Check the URL and that the server is running.';
  return new UpstreamError('down', `${where} cannot be reached, or broke off: ${text}. ${advice}`, { cause: error });
}

const PROTOCOL_CODES: ReadonlySet<string> = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_INVALID_ARG']);

/** Several addresses that were tried in vain come as one error without a message. */
function codeOf(error: Error): string | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}
