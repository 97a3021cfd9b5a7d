/**
 * Sends one request over an undici client and makes a `Response` of what comes, with back-pressure. It connects nothing and
 * follows nothing. The length of the body is its reader's matter.
 */

import type { Client } from 'undici';
import { DISCARD, Exchange, type BodyReader } from '../http/exchange.ts';
import type { ResponseHeaders } from '../http-status.ts';
import { EgressRefused } from './reach.ts';

export interface SendOptions {
  readonly url: URL;
  readonly request: Request;
  /** Of the request. */
  readonly body: Uint8Array | null;
  /** Of this request alone. Ended by it, whatever happens. */
  readonly client: Client;
  /** Up to the last byte of the body. */
  readonly signal: AbortSignal;
  /** Called once, when nothing more will happen. */
  readonly onEnd: () => void;
}

/** Bytes that are read ahead of whoever reads the body. */
const READ_AHEAD_BYTES = 64 * 1024;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

/** Rejects with {@link EgressRefused}, the error of the network, or the signal's reason; so does the body. */
export function send(options: SendOptions): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  new Sending(options, resolve, reject).start();
  return promise;
}

class Sending {
  readonly #options: SendOptions;
  readonly #resolve: (response: Response) => void;
  readonly #reject: (error: unknown) => void;
  readonly #exchange: Exchange;
  #body: ReadableStreamDefaultController<Uint8Array> | undefined;
  #ended = false;

  constructor(options: SendOptions, resolve: (response: Response) => void, reject: (error: unknown) => void) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#exchange = new Exchange({ head: (...head) => this.#head(...head), fail: (error) => this.#end(error) });
  }

  start(): void {
    const { url, request, body, client, signal } = this.#options;
    signal.addEventListener('abort', this.#onAbort);
    if (signal.aborted) return this.#onAbort();
    const headers = new Headers(request.headers);
    headers.set('accept-encoding', 'identity');
    const { method } = request;
    const path = url.pathname + url.search;
    client.dispatch({ path, method, headers: Object.fromEntries(headers), body, reset: true }, this.#exchange);
  }

  readonly #onAbort = (): void => this.#giveUp(this.#options.signal.reason);

  #head(status: number, headers: ResponseHeaders): BodyReader {
    try {
      this.#check(status, headers);
      const body = WITHOUT_BODY.has(status) ? null : this.#stream();
      this.#resolve(new Response(body, { status, headers: headersOf(headers) }));
      // Nobody would read what a server sends none the less.
      if (body === null) this.#giveUp(undefined);
    } catch (error) {
      this.#giveUp(error);
      return DISCARD;
    }
    return {
      data: (chunk) => {
        this.#body?.enqueue(chunk);
        if ((this.#body?.desiredSize ?? 0) <= 0) this.#exchange.pause();
      },
      end: () => this.#end(),
      fail: (error) => this.#end(error),
    };
  }

  #check(status: number, headers: ResponseHeaders): void {
    const { url, request } = this.#options;
    if (REDIRECTS.has(status) && request.redirect !== 'manual') {
      const to = JSON.stringify(String(headers['location'] ?? '').slice(0, 200));
      throw new EgressRefused(`${url.origin} answered ${status}, a redirect to ${to}. Redirects are not followed.`);
    }
    if ((headers['content-encoding'] ?? 'identity') !== 'identity') {
      throw new EgressRefused(`${url.origin} sent a compressed answer, which it was asked not to do.`);
    }
  }

  #stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#body = controller;
        },
        pull: () => this.#exchange.resume(),
        cancel: (reason) => this.#giveUp(reason),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: READ_AHEAD_BYTES }),
    );
  }

  #giveUp(reason: unknown): void {
    this.#exchange.abort();
    this.#end(reason ?? new Error('The answer is not wanted any more.'));
  }

  #end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    const { client, signal, onEnd } = this.#options;
    signal.removeEventListener('abort', this.#onAbort);
    if (error === undefined) {
      this.#body?.close();
    } else {
      this.#body?.error(error);
      this.#reject(error);
    }
    void client.close();
    onEnd();
  }
}

function headersOf(headers: ResponseHeaders): Headers {
  const made = new Headers();
  for (const [name, value = []] of Object.entries(headers)) {
    for (const each of Array.isArray(value) ? value : [value]) made.append(name, each);
  }
  return made;
}
