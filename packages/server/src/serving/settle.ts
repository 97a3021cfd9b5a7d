/**
 * The options of a served server, checked and completed: what an author left out is what is safe, and what would open the
 * server is refused unless it is said by name. Nothing is opened here.
 */

import { MESSAGE_LIMITS, type MessageLimits } from '@sallyport/wire';
import { LISTENER_LIMITS, type ListenerLimits } from '../http/listener-options.ts';
import { headTexts, type HeadTexts } from '../http/headers.ts';
import { createShield, isLoopbackHost, type CorsOptions, type Shield } from '../http/shield.ts';
import { CONNECTIONS_PER_PRINCIPAL } from '../connection/seats.ts';
import { SESSION_LIMITS, type SessionLimits } from '../sessions.ts';
import { guardLog } from '../framework/author.ts';
import { none, providerOf, type AuthProvider } from './auth/provider.ts';
import { badOption, ServeError } from './errors.ts';
import { createLog, type Log } from './log.ts';
import { isPathAsSent } from './route-checks.ts';
import {
  BODY_BYTES,
  DRAIN_MS,
  FAILED_AUTHENTICATIONS,
  MESSAGES_PATH,
  SSE_PATH,
  type LimitOptions,
  type PlaceOptions,
  type ServeOptions,
} from './options.ts';

/** Where a server listens; undefined for one that somebody else listens for. */
export type Listening = Pick<ServeOptions, 'http' | 'https' | 'plainBehindProxy'> & { readonly where?: string };

export interface Settled {
  readonly place: PlaceOptions;
  readonly path: string;
  readonly host: string;
  readonly port: number;
  readonly hasTls: boolean;
  readonly providers: readonly AuthProvider[];
  readonly shield: Shield;
  readonly publicUrl: URL | undefined;
  readonly heads: HeadTexts | undefined;
  readonly cors: CorsOptions | undefined;
  readonly listenerLimits: ListenerLimits;
  readonly messageLimits: MessageLimits;
  readonly sessionLimits: SessionLimits;
  readonly bodyBytes: number;
  readonly streamsPerPrincipal: number;
  readonly failedAuthentications: number;
  readonly drainMs: number;
  readonly health: string | undefined;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** The author's clock where there is one; else milliseconds that nobody can set. */
  readonly monotonic: () => number;
}

/** Throws a {@link ServeError}. */
export function settle(place: PlaceOptions, listening: Listening = {}): Settled {
  const { auth = none(), limits = {}, now = Date.now } = place;
  const { host = '127.0.0.1', port = 0 } = typeof listening.http === 'object' ? listening.http : {};
  const providers = (Array.isArray(auth) ? auth : [auth]).map(providerOf);
  const hasTls = listening.https !== undefined;
  const publicUrl = urlOf(place.publicUrl);
  checkOpen({ host, hasTls, kinds: providers.map(({ kind }) => kind), place, listening });
  return {
    place,
    ...pathsOf(place),
    host,
    port,
    hasTls,
    providers,
    shield: shieldOf(place, { host, publicUrl, ...(hasTls && { tls: {} }) }),
    publicUrl,
    ...headersOf(place),
    sessionLimits: given(SESSION_LIMITS, place.sessions),
    ...limitsOf(limits),
    log: logOf(place.log, now),
    now,
    monotonic: place.now ?? (() => performance.now()),
  };
}

function pathsOf({ health = '/healthz', path = '/mcp' }: PlaceOptions): Pick<Settled, 'health' | 'path'> {
  if (path === health) throw badOption('health', `${path} is the path of the MCP endpoint`);
  return { path: checkedPath(path), health: health === false ? undefined : checkedPath(health) };
}

function headersOf({ cors, headers, routes = [] }: PlaceOptions): Pick<Settled, 'cors' | 'heads'> {
  // What a route does for a page of its own origin it does for those that may call.
  const methods = new Set(routes.flatMap((route) => route.methods ?? []));
  const allowedMethods = [...methods].filter((method) => !SAFE_METHODS.has(method));
  return {
    heads: headers && headsOf(headers),
    cors: (cors ?? allowedMethods.length > 0) ? { ...given(CORS, cors), allowedMethods } : undefined,
  };
}

/** That a preflight allows anyway, or none is made for. */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'DELETE']);

const CORS: CorsOptions = { exposedHeaders: [], allowedHeaders: [], maxAgeMs: 600_000 };

/** Defaults, with what an author gave for some of them. */
function given<T extends object>(defaults: T, options: Partial<T> = {}): T {
  const names = Object.keys(defaults) as (keyof T)[];
  return Object.fromEntries(names.map((name) => [name, options[name] ?? defaults[name]])) as T;
}

function limitsOf(
  limits: LimitOptions,
): Pick<
  Settled,
  'bodyBytes' | 'drainMs' | 'failedAuthentications' | 'listenerLimits' | 'messageLimits' | 'streamsPerPrincipal'
> {
  return {
    listenerLimits: given(LISTENER_LIMITS, limits.listener),
    messageLimits: given(MESSAGE_LIMITS, limits.message),
    bodyBytes: limits.bodyBytes ?? BODY_BYTES,
    streamsPerPrincipal: limits.streamsPerPrincipal ?? CONNECTIONS_PER_PRINCIPAL,
    failedAuthentications: limits.failedAuthentications ?? FAILED_AUTHENTICATIONS,
    drainMs: limits.drainMs ?? DRAIN_MS,
  };
}

interface Opening {
  readonly host: string;
  readonly hasTls: boolean;
  readonly kinds: readonly string[];
  readonly place: PlaceOptions;
  readonly listening: Listening;
}

/** Beyond loopback there is TLS, and somebody is known, unless it is said otherwise by name. */
function checkOpen({ hasTls, host, kinds, listening, place }: Opening): void {
  if (kinds.includes('mtls') && listening.https?.clientCa === undefined) throw new ServeError('mtls_without_ca');
  if (isLoopbackHost(host)) return;
  if (kinds.includes('dev')) throw new ServeError('dev_beyond_loopback');
  const { plainBehindProxy, where = `http.host ${host}` } = listening;
  const knowsNobody = kinds.length === 0 || kinds.includes('none');
  if (knowsNobody && place.openToStrangers !== true) throw new ServeError('open_without_auth', where);
  if (!hasTls && plainBehindProxy !== true) throw new ServeError('open_without_tls', where);
}

function checkedPath(path: string): string {
  if (!/^\/[\w\-.~/]*$/.test(path) || !isPathAsSent(path)) {
    throw badOption('path', `${JSON.stringify(path)} is no path`);
  }
  if (path === SSE_PATH || path === MESSAGES_PATH) throw badOption('path', `${path} is that of the SSE transport`);
  return path;
}

function urlOf(text: string | undefined): URL | undefined {
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw badOption('publicUrl', 'it must be an http URL');
  if (`${url.username}${url.password}${url.search}${url.hash}` !== '') {
    throw badOption('publicUrl', 'it has a user, a query or a fragment');
  }
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname.replace(/^\[(.*)\]$/, '$1'))) {
    throw badOption('publicUrl', 'beyond this machine it must be https: credentials are sent there');
  }
  return url;
}

function shieldOf(
  { hosts = [], origins = [], trustProxy = [] }: PlaceOptions,
  where: Pick<Parameters<typeof createShield>[0], 'host' | 'publicUrl' | 'tls'>,
): Shield {
  try {
    return createShield({ ...where, hosts, origins, trustProxy });
  } catch (error) {
    throw new ServeError('bad_option', `origins or trustProxy: ${(error as Error).message} It`, { cause: error });
  }
}

function headsOf(headers: NonNullable<PlaceOptions['headers']>): HeadTexts {
  try {
    return headTexts(headers);
  } catch (error) {
    throw new ServeError('bad_option', `headers: ${(error as Error).message} It`, { cause: error });
  }
}

function logOf(log: PlaceOptions['log'], now: () => number): Log {
  if (log === false) return () => {};
  if (log !== undefined) return guardLog(log);
  return createLog({ now, write: (line) => void process.stderr.write(line) });
}
