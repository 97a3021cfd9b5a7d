/**
 * One HTTP request and its response on an undici dispatcher, as callbacks: no fetch and no streams between the socket and
 * whoever reads. It knows nothing of JSON-RPC. After `abort` nothing is delivered any more.
 */

import type { Dispatcher } from 'undici';
import { mediaType, type ResponseHeaders } from '../http-status.ts';
import { UpstreamError } from '../leg.ts';

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

export class Exchange implements Dispatcher.DispatchHandler {
  readonly #reader: HeadReader;
  #body: BodyReader | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #done = false;

  constructor(reader: HeadReader) {
    this.#reader = reader;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // To throw here takes the request back and leaves its connection whole; `controller.abort` would cut it.
    if (this.#done) throw new Error('The request was given up before it was sent.');
    this.#controller = controller;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: ResponseHeaders): void {
    if (this.#done || status < 200) return;
    this.#body = this.#reader.head(status, headers);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#done) this.#body?.data(chunk);
  }

  onResponseEnd(): void {
    if (this.#done) return;
    this.#done = true;
    this.#body?.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
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
  const advice = 'Check the URL and that the server is running.';
  return new UpstreamError('down', `${where} cannot be reached, or broke off: ${text}. ${advice}`, { cause: error });
}

const PROTOCOL_CODES: ReadonlySet<string> = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_INVALID_ARG']);

/** Several addresses that were tried in vain come as one error without a message. */
function codeOf(error: Error): string | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}
