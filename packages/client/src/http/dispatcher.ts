/**
 * Where HTTP requests to one server go: an undici pool of its origin, or undici's proxy agent when the environment names
 * a proxy for it (`proxy.ts`). HTTP/1.1 alone, one request at a time on a connection, and redirects are not followed.
 * `NODE_EXTRA_CA_CERTS` is read by Node itself.
 */

import { createRequire } from 'node:module';
import type { Dispatcher, Pool, ProxyAgent } from 'undici';
import { proxyFor, type Environment } from '../proxy.ts';
import type { TlsRules } from '../tls.ts';
import type { Exchange } from './exchange.ts';

/** Connections to one origin; what is more waits in line. */
const CONNECTIONS = 256;
/** All header lines of one response. */
const MAX_HEADER_BYTES = 16 * 1024;

export interface DispatcherOptions {
  /** Milliseconds to open a connection. */
  readonly connectTimeoutMs: number;
  /** With the server itself; a proxy is verified as everything is. */
  readonly tls?: TlsRules;
}

/** As undici takes it. `headers`: names and values in turns. */
export interface HttpRequest {
  readonly origin: string;
  readonly path: string;
  readonly method: 'POST' | 'GET' | 'DELETE';
  readonly headers: string[];
  readonly body: string | null;
  readonly headersTimeout: 0;
  readonly bodyTimeout: 0;
}

/** What sends requests: undici's, or one around it. */
export interface HttpDispatcher {
  dispatch(request: HttpRequest, exchange: Exchange): void;
  close(): Promise<void>;
  destroy(): Promise<void>;
  /** Calls once, when there is another token than the one that the server refused last. Returns what takes it back. */
  whenAuthorized?(open: () => void): () => void;
}

/** `env`: where a proxy for `url` is looked up. Throws `UpstreamError` when what it names is none. */
export function createDispatcher(url: URL, env: Environment, { connectTimeoutMs, tls }: DispatcherOptions): Dispatcher {
  const options = {
    connections: CONNECTIONS,
    pipelining: 1,
    allowH2: false,
    connectTimeout: connectTimeoutMs,
    maxHeaderSize: MAX_HEADER_BYTES,
    // Every request has a clock of its own.
    headersTimeout: 0,
    bodyTimeout: 0,
  };
  const proxy = proxyFor(url, env);
  return proxy === undefined
    ? newPool(url.origin, tls === undefined ? options : { ...options, connect: tls })
    : newProxyAgent({ ...options, uri: proxy.href, ...(tls && { requestTls: tls }) });
}

/**
 * undici's index brings fetch, caches and WebSocket along, some 40 ms and 15 MiB at start; a pool alone does not. Its file
 * is no public name, so package.json pins the version.
 */
function newPool(origin: string, options: Pool.Options): Dispatcher {
  const PoolOnly = createRequire(import.meta.url)('undici/lib/dispatcher/pool.js') as typeof Pool;
  return new PoolOnly(origin, options);
}

function newProxyAgent(options: ProxyAgent.Options): Dispatcher {
  const undici = createRequire(import.meta.url)('undici') as { ProxyAgent: typeof ProxyAgent };
  return new undici.ProxyAgent(options);
}
