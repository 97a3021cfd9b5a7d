/**
 * Where HTTP requests to one server go: an undici pool of its origin, or undici's proxy agent when the environment names
 * a proxy for it. HTTP/1.1 alone, one request at a time on a connection, and redirects are not followed.
 * `NODE_EXTRA_CA_CERTS` is read by Node itself.
 */

import { createRequire } from 'node:module';
import type { Dispatcher, EnvHttpProxyAgent, Pool } from 'undici';

/** Connections to one origin; what is more waits in line. */
const CONNECTIONS = 256;
/** All header lines of one response. */
const MAX_HEADER_BYTES = 16 * 1024;
const LOOPBACK = /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

export interface DispatcherOptions {
  /** Milliseconds to open a connection. */
  readonly connectTimeoutMs: number;
}

/**
 * `env`: HTTPS_PROXY or HTTP_PROXY by the scheme of `url`, and NO_PROXY; lower case comes first. A proxy is never asked
 * for a loopback address: it would take the gateway's loopback for its own.
 */
export function createDispatcher(
  url: URL,
  env: Readonly<Record<string, string | undefined>>,
  { connectTimeoutMs }: DispatcherOptions,
): Dispatcher {
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
  if (proxy === undefined) return newPool(url.origin, options);
  return newProxyAgent({
    ...options,
    httpProxy: proxy,
    httpsProxy: proxy,
    noProxy: variable(env, 'NO_PROXY') ?? '',
  });
}

/**
 * undici's index brings fetch, caches and WebSocket along, some 40 ms and 15 MiB at start; a pool alone does not. Its file
 * is no public name, so package.json pins the version.
 */
function newPool(origin: string, options: Pool.Options): Dispatcher {
  const PoolOnly = createRequire(import.meta.url)('undici/lib/dispatcher/pool.js') as typeof Pool;
  return new PoolOnly(origin, options);
}

function newProxyAgent(options: EnvHttpProxyAgent.Options): Dispatcher {
  const undici = createRequire(import.meta.url)('undici') as { EnvHttpProxyAgent: typeof EnvHttpProxyAgent };
  return new undici.EnvHttpProxyAgent(options);
}

function proxyFor(url: URL, env: Readonly<Record<string, string | undefined>>): string | undefined {
  if (LOOPBACK.test(url.hostname)) return undefined;
  return variable(env, url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY');
}

function variable(env: Readonly<Record<string, string | undefined>>, name: string): string | undefined {
  const value = env[name.toLowerCase()] ?? env[name];
  return value === '' ? undefined : value;
}
