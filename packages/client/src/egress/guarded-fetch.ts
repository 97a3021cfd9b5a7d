/**
 * A `fetch` for URLs that came from outside: metadata, keys, documents of clients, registration endpoints. It goes where
 * `reach.ts` lets it, checked at the moment of dialling (`dial.ts`), follows no redirect, and opens a connection for each
 * request, so that nothing is shared between those who ask. The length of an answer is bounded by who reads it.
 *
 * It cannot know a network's own NAT64 prefix (RFC 7050), nor what a forward proxy reaches for a name.
 */

import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client } from 'undici';
import type { Environment } from '../proxy.ts';
import type { TlsFiles } from '../upstream.ts';
import { dial, systemLookup, unlessAborted, type Lookup } from './dial.ts';
import { createReach, EgressRefused, type Reach } from './reach.ts';
import { send } from './response.ts';

export interface GuardedFetchOptions {
  /** Names, addresses and networks (CIDR) beyond the public net. They alone may be asked by http:, and at any port. */
  readonly allow: readonly string[];
  /** Where `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are. `NODE_EXTRA_CA_CERTS` is read by Node itself. */
  readonly env: Environment;
  /** Certificates for all that is asked: for a guard that asks one server alone. */
  readonly tls?: TlsFiles;
  readonly lookup?: Lookup;
  /** Milliseconds for all of a request, to the last byte that is read of its answer. Default: 30 s. */
  readonly timeoutMs?: number;
  /** Milliseconds for look-up, connection and TLS. Default: 10 s. */
  readonly connectTimeoutMs?: number;
  /** Requests under way; one more is refused. Default: 64. */
  readonly maxConcurrent?: number;
  /** Aborted after so many milliseconds. */
  readonly timeout?: (ms: number) => AbortSignal;
}

export interface GuardedFetch {
  /**
   * As the global `fetch`, but: redirects are refused, or with `redirect: 'manual'` handed on as they are; answers are
   * not compressed. Rejects with {@link EgressRefused}, the error of the network, or the reason of an abort.
   */
  (url: string, init?: RequestInit): Promise<Response>;
  /** Takes no more requests, and resolves when those under way have ended. */
  close(): Promise<void>;
  /** Takes no more requests, and cuts those under way. */
  destroy(): void;
}

const TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;
const MAX_CONCURRENT = 64;
/** All header lines of one response. */
const MAX_HEADER_BYTES = 16 * 1024;

/** Throws on an entry of `allow` that is none. */
export function createGuardedFetch(options: GuardedFetchOptions): GuardedFetch {
  const guard = new Guard(options);
  return Object.assign((url: string, init?: RequestInit) => guard.fetch(url, init), {
    close: () => guard.close(),
    destroy: () => guard.destroy(),
  });
}

class Guard {
  readonly #options: Required<Omit<GuardedFetchOptions, 'allow' | 'tls'>> & Pick<GuardedFetchOptions, 'tls'>;
  readonly #reach: Reach;
  readonly #running = new Set<AbortController>();
  readonly #idle = Promise.withResolvers<void>();
  #isClosed = false;

  constructor(options: GuardedFetchOptions) {
    this.#reach = createReach(options.allow);
    this.#options = {
      lookup: systemLookup,
      timeoutMs: TIMEOUT_MS,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      maxConcurrent: MAX_CONCURRENT,
      timeout: (ms) => AbortSignal.timeout(ms),
      ...options,
    };
  }

  async fetch(text: string, init: RequestInit | undefined): Promise<Response> {
    const url = readUrl(text);
    const { maxConcurrent, timeoutMs, timeout } = this.#options;
    if (this.#isClosed) throw new EgressRefused('Nothing is fetched any more: the guard is closed.');
    if (this.#running.size >= maxConcurrent) throw new EgressRefused('Too many URLs from outside are being fetched.');
    const request = new Request(url, init);
    const stop = new AbortController();
    this.#running.add(stop);
    const signal = AbortSignal.any([stop.signal, request.signal, timeout(timeoutMs)]);
    const onEnd = (): void => this.#end(stop);
    try {
      const body = request.body === null ? null : await unlessAborted(request.bytes(), signal);
      return await send({ url, request, body, client: this.#newClient(url, signal), signal, onEnd });
    } catch (error) {
      onEnd();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#running.size > 0) await this.#idle.promise;
  }

  destroy(): void {
    this.#isClosed = true;
    for (const stop of this.#running) stop.abort(new Error('The fetch was given up: the guard is closed.'));
  }

  #end(stop: AbortController): void {
    this.#running.delete(stop);
    if (this.#isClosed && this.#running.size === 0) this.#idle.resolve();
  }

  /** A client of undici alone, by its file: the reason is at `http/dispatcher.ts`. */
  #newClient(url: URL, signal: AbortSignal): Client {
    const ClientOnly = createRequire(import.meta.url)('undici/lib/dispatcher/client.js') as typeof Client;
    return new ClientOnly(url.origin, {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (_options, onDialled) => {
        this.#dial(url, signal).then(
          // Its type asks for a socket of `node:net`; a proxy's tunnel is one, which its own type does not say.
          (socket) => onDialled(null, socket as Socket),
          (error: Error) => onDialled(error, null),
        );
      },
    });
  }

  #dial(url: URL, signal: AbortSignal): Promise<Duplex> {
    const { env, tls, lookup, connectTimeoutMs: timeoutMs, timeout } = this.#options;
    const until = AbortSignal.any([signal, timeout(timeoutMs)]);
    return dial(url, { reach: this.#reach, lookup, env, tls, timeoutMs, signal: until });
  }
}

function readUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null) throw new EgressRefused('What came from outside is no URL.');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new EgressRefused(`A URL of ${url.protocol} came from outside. Only https: is fetched.`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new EgressRefused(`A URL with a password came from outside, for ${url.origin}. It is not asked.`);
  }
  return url;
}
