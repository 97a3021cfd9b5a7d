/**
 * Requests to one origin over connections that are kept: an undici pool, of which every connection is dialled as `dial.ts` does,
 * so that no name can lead elsewhere later. It follows no redirect, takes no compressed answer, and reads so many bytes of a
 * body and no more. What is sent is the caller's.
 */

import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { Pool } from 'undici';
import { Exchange, transportError, type BodyReader } from '../http/exchange.ts';
import type { ResponseHeaders } from '../http-status.ts';
import { UpstreamError } from '../leg.ts';
import type { Environment } from '../proxy.ts';
import { dial, systemLookup, type Lookup } from './dial.ts';
import { createReach, EgressRefused } from './reach.ts';

export interface GuardedOriginOptions {
  /** Of http: or https:; its path is not looked at. */
  readonly url: URL;
  /** Names, addresses and networks (CIDR) beyond the public net. They alone may be asked by http:, and at any port. */
  readonly allow: readonly string[];
  /** Where `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are. */
  readonly env: Environment;
  readonly lookup?: Lookup;
  /** Milliseconds for look-up, connection and TLS. */
  readonly connectTimeoutMs: number;
}

export interface OriginRequest {
  readonly method: string;
  /** With the query, as it goes out: it begins with `/` and holds nothing that would have to be escaped. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | null;
  /** Of the answer's body. */
  readonly maxBytes: number;
  /** Gives it up, until the last byte was read. */
  readonly signal: AbortSignal;
}

export interface OriginResponse {
  readonly status: number;
  /** Lower case. */
  readonly headers: ResponseHeaders;
  readonly body: Buffer;
  /** There was more than `maxBytes`. */
  readonly isCut: boolean;
}

export interface GuardedOrigin {
  /** Rejects with `UpstreamError` (`down`, `protocol`), or the signal's reason. */
  request(request: OriginRequest): Promise<OriginResponse>;
  /** Takes no more requests, and resolves when those under way have ended. Idempotent. */
  close(): Promise<void>;
  /** Cuts those under way. Idempotent. */
  destroy(): void;
}

const CONNECTIONS = 64;
/** All header lines of one response. */
const MAX_HEADER_BYTES = 16 * 1024;

/** Throws on an entry of `allow` that is none. Opens no connection yet. */
export function createGuardedOrigin(options: GuardedOriginOptions): GuardedOrigin {
  const { url } = options;
  const pool = newPool(options);
  let closing: Promise<void> | undefined;
  return {
    request: (request) => send(pool, url, request),
    close: () => (closing ??= pool.close()),
    destroy: () => {
      closing ??= Promise.resolve();
      void pool.destroy().catch(() => undefined);
    },
  };
}

/** A pool of undici alone, by its file: the reason is at `http/dispatcher.ts`. */
function newPool({ allow, connectTimeoutMs: timeoutMs, env, lookup = systemLookup, url }: GuardedOriginOptions): Pool {
  const PoolOnly = createRequire(import.meta.url)('undici/lib/dispatcher/pool.js') as typeof Pool;
  const reach = createReach(allow);
  return new PoolOnly(url.origin, {
    connections: CONNECTIONS,
    pipelining: 1,
    allowH2: false,
    maxHeaderSize: MAX_HEADER_BYTES,
    // Every request has a clock of its own.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: (_options, onDialled) => {
      const signal = AbortSignal.timeout(timeoutMs);
      dial(url, { reach, lookup, env, tls: undefined, timeoutMs, signal }).then(
        // Its type asks for a socket of `node:net`; a proxy's tunnel is one, which its own type does not say.
        (socket) => onDialled(null, socket as Socket),
        (error: Error) => onDialled(error, null),
      );
    },
  });
}

function send(pool: Pool, url: URL, request: OriginRequest): Promise<OriginResponse> {
  const { body, headers, maxBytes, method, path, signal } = request;
  const { promise, reject, resolve } = Promise.withResolvers<OriginResponse>();
  const giveUp = (): void => {
    exchange.abort();
    reject(signal.reason as Error);
  };
  const fail = (error: Error): void => reject(failureOf(error, url));
  const exchange = new Exchange({
    fail,
    head: (status, answered) => {
      const encoding = answered['content-encoding'] ?? 'identity';
      if (encoding === 'identity') return reading({ status, headers: answered, maxBytes }, { exchange, resolve, fail });
      exchange.abort();
      fail(new EgressRefused(`${url.origin} sent a compressed answer, which it was asked not to do.`));
      return reading({ status, headers: answered, maxBytes: 0 }, { exchange, resolve, fail });
    },
  });
  if (signal.aborted) giveUp();
  else {
    signal.addEventListener('abort', giveUp);
    const sent = { ...headers, 'accept-encoding': 'identity' };
    pool.dispatch({ path, method, headers: sent, body }, exchange);
  }
  return promise.finally(() => signal.removeEventListener('abort', giveUp));
}

interface Ends {
  readonly exchange: Exchange;
  readonly resolve: (response: OriginResponse) => void;
  readonly fail: (error: Error) => void;
}

function reading(
  { headers, maxBytes, status }: Pick<OriginResponse, 'headers' | 'status'> & { readonly maxBytes: number },
  { exchange, fail, resolve }: Ends,
): BodyReader {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const end = (isCut: boolean): void =>
    resolve({ status, headers, body: Buffer.concat(chunks).subarray(0, maxBytes), isCut });
  return {
    data: (chunk) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes <= maxBytes) return;
      exchange.abort();
      end(true);
    },
    end: () => end(false),
    fail,
  };
}

function failureOf(error: Error, url: URL): UpstreamError {
  // It says itself what to do.
  if (error instanceof EgressRefused) return new UpstreamError('down', error.message, { cause: error });
  return transportError(error, url.origin);
}
