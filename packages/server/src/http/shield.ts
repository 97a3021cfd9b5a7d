/**
 * The checks on a request that need nothing but its addresses and headers: Host and Origin against DNS rebinding and
 * strange web pages (2026-07-28, transports, "Security"), CORS by allow-list, and what counts as local.
 * Pure functions on facts.
 */

import type { HeaderBag } from '@sallyport/wire';
import { createProxyTrust, type RemoteClient } from './forwarded.ts';

export interface ShieldOptions {
  /** The address the listener was told to bind. */
  readonly host: string;
  /** Further host names it answers to, without a port. */
  readonly hosts: readonly string[];
  /**
   * Origins of web pages that may call: scheme://host[:port]. `*` as the port stands for any port and for none, `*.` before
   * the host for any name below it.
   */
  readonly origins: readonly string[];
  readonly publicUrl: URL | undefined;
  /** Addresses and networks (CIDR) of proxies whose word on their clients is taken. */
  readonly trustProxy: readonly string[];
  /** Present when TLS is spoken: a page of the gateway's own name then counts over https alone. */
  readonly tls?: object | undefined;
}

export interface Shield {
  /** True when the Host header names this gateway. */
  hostAllowed(host: string | undefined): boolean;
  /** True when there is no Origin, or one that may call. */
  originAllowed(origin: string | undefined, host: string | undefined): boolean;
  /** True for a request made on this machine, straight to this listener. */
  isLocal(facts: PeerFacts): boolean;
  /** True for the address of a proxy whose word is taken. */
  isTrustedProxy(address: string | undefined): boolean;
  /** Who made a request, behind trusted proxies by their word. */
  clientOf(facts: PeerFacts): RemoteClient;
}

export interface PeerFacts {
  /** Address of the peer of the socket. */
  readonly peer: string | undefined;
  readonly headers: HeaderBag;
}

const LOOPBACK_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** A Host value in lower case without its port and without a trailing dot; undefined when it is not a host. */
export function hostName(host: string | undefined): string | undefined {
  const found = host === undefined ? null : /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/.exec(host.toLowerCase());
  return found === null ? undefined : (found[1] as string).replace(/\.$/, '');
}

/** True for an address of this machine's loopback network. */
export function isLoopbackAddress(address: string | undefined): boolean {
  if (address === undefined) return false;
  const plain = address.startsWith('::ffff:') ? address.slice(7) : address;
  return plain === '::1' || /^127(?:\.\d{1,3}){3}$/.test(plain);
}

/** True for a listen address that only this machine reaches. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || isLoopbackAddress(host);
}

/** True when a proxy says that it stands between. */
function passedProxy(headers: HeaderBag): boolean {
  if (headers['forwarded'] !== undefined || headers['via'] !== undefined || headers['x-real-ip'] !== undefined)
    return true;
  return Object.keys(headers).some((name) => name.startsWith('x-forwarded-'));
}

/** Throws on an origin with a `*` in another place than it may stand in, and on a proxy that is no address. */
export function createShield(options: ShieldOptions): Shield {
  const names = ownNames(options);
  const trust = createProxyTrust(options.trustProxy);
  const { exact, patterns } = readOrigins(options);
  const closed = options.publicUrl === undefined && options.trustProxy.length === 0 && isLoopbackHost(options.host);
  /** Clients say the same on every request: the last answer is kept. */
  let last: { readonly host: string | undefined; readonly allowed: boolean } = { host: undefined, allowed: false };

  const hostAllowed = (host: string | undefined): boolean => {
    if (host !== last.host) last = { host, allowed: names.has(hostName(host) ?? '') };
    return last.allowed;
  };
  return {
    hostAllowed,
    originAllowed: (origin, host) => {
      if (origin === undefined) return true;
      const lower = origin.toLowerCase();
      if (exact.has(lower) || patterns.some((pattern) => pattern.test(lower))) return true;
      if (!hostAllowed(host)) return false;
      const own = host?.toLowerCase();
      return lower === `https://${own}` || (options.tls === undefined && lower === `http://${own}`);
    },
    isTrustedProxy: (address) => trust.trusts(address),
    clientOf: ({ peer, headers }) => trust.clientOf(peer, headers),
    isLocal: ({ peer, headers }) =>
      closed &&
      isLoopbackAddress(peer) &&
      !passedProxy(headers) &&
      LOOPBACK_NAMES.has(hostName(headers['host'] as string | undefined) ?? ''),
  };
}

interface Origins {
  readonly exact: ReadonlySet<string>;
  readonly patterns: readonly RegExp[];
}

function readOrigins({ origins, publicUrl }: ShieldOptions): Origins {
  const lower = origins.map((origin) => origin.toLowerCase());
  const exact = new Set(lower.filter((origin) => !origin.includes('*')));
  if (publicUrl !== undefined) exact.add(publicUrl.origin);
  // What a sandboxed frame or a file says of itself: it is nobody, and stands for all of them.
  exact.delete('null');
  return { exact, patterns: lower.filter((origin) => origin.includes('*')).map(patternOf) };
}

const WITH_WILDCARD = /^([a-z][a-z0-9+.-]*:\/\/)(\*\.)?([a-z0-9.-]*[a-z0-9]|\[[0-9a-f:.]+\])(?::(\*|\d{1,5}))?$/;

function patternOf(origin: string): RegExp {
  const [, scheme, below, host, port] = WITH_WILDCARD.exec(origin) ?? [];
  const broad = below !== undefined && host !== 'localhost' && host?.includes('.') !== true;
  if (scheme === undefined || host === undefined || broad) {
    const allowed =
      'A * may stand for the port (http://localhost:*) or for what is before the host (https://*.example.com).';
    throw new Error(`${JSON.stringify(origin)} is no origin. ${allowed}`);
  }
  const labels = below === undefined ? '' : String.raw`(?:[a-z0-9-]+\.)+`;
  const ports = port === '*' ? String.raw`(?::\d{1,5})?` : literal(port === undefined ? '' : `:${port}`);
  return new RegExp(`^${literal(scheme)}${labels}${literal(host)}${ports}$`);
}

function literal(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, String.raw`\$&`);
}

function ownNames({ host, hosts, publicUrl }: ShieldOptions): ReadonlySet<string> {
  const names = new Set(LOOPBACK_NAMES);
  for (const name of hosts) names.add(name.toLowerCase());
  if (!['0.0.0.0', '::'].includes(host)) names.add(host.includes(':') ? `[${host}]` : host.toLowerCase());
  if (publicUrl !== undefined) names.add(publicUrl.hostname);
  return names;
}

/** What pages of other origins may see and send besides; names of headers in lower case. No credentials: no cookie counts. */
export interface CorsOptions {
  readonly exposedHeaders: readonly string[];
  readonly allowedHeaders: readonly string[];
  /** Besides GET, POST and DELETE. */
  readonly allowedMethods?: readonly string[];
  /** For how long a preflight is believed. */
  readonly maxAgeMs: number;
}

const EXPOSED_HEADERS =
  'mcp-session-id, mcp-protocol-version, www-authenticate, retry-after, ratelimit-limit, ratelimit-remaining, ratelimit-reset';

/** CORS headers for an origin that may call. */
export function corsHeaders(origin: string, cors?: CorsOptions): Record<string, string> {
  const exposed = cors === undefined ? EXPOSED_HEADERS : [EXPOSED_HEADERS, ...cors.exposedHeaders].join(', ');
  return { 'access-control-allow-origin': origin, 'access-control-expose-headers': exposed };
}

const ALLOWED_HEADERS =
  'authorization, content-type, accept, mcp-session-id, mcp-protocol-version, mcp-method, mcp-name, last-event-id';
/** Headers that mirror the arguments of a tool: their names are the tool's. */
const PARAM_HEADER = /^mcp-param-[!#$%&'*+.^_`|~0-9a-z-]+$/;

/** The answer to a preflight of an origin that may call. `requested` is its `Access-Control-Request-Headers`. */
export function preflightHeaders(
  origin: string,
  requested: string | undefined,
  cors?: CorsOptions,
): Record<string, string> {
  const names = (requested ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  return {
    ...corsHeaders(origin, cors),
    'access-control-allow-methods': ['GET, POST, DELETE', ...(cors?.allowedMethods ?? [])].join(', '),
    'access-control-allow-headers': [
      ALLOWED_HEADERS,
      ...(cors?.allowedHeaders ?? []),
      ...names.filter((name) => PARAM_HEADER.test(name)),
    ].join(', '),
    'access-control-max-age': cors === undefined ? '600' : String(Math.floor(cors.maxAgeMs / 1000)),
  };
}
