/**
 * Who calls a served server: its providers of authentication, in their order, and what the web needs for them. It decides
 * nothing about what a caller may do.
 */

import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { wireError } from '@sallyport/wire';
import type { Authenticate } from '../auth/authenticate.ts';
import { createAuthenticate } from '../auth/chain.ts';
import { createChallenge, type Challenge } from '../auth/challenge.ts';
import { createFailureLimit } from '../auth/failures.ts';
import { createProtectedResources, type ProtectedResources } from '../auth/protected-resource.ts';
import type { BrowserIdentity } from '../browser/types.ts';
import type { Served } from '../exchange.ts';
import type { PublicRoute } from '../http/arrival.ts';
import type { RemoteClient } from '../http/forwarded.ts';
import { refusePlain } from '../http/refuse.ts';
import { LOCAL, type AuthParts, type AuthProvider, type OpenAuth } from './auth/provider.ts';
import { ServeError } from './errors.ts';
import { MESSAGES_PATH, SSE_PATH, type PlaceOptions } from './options.ts';
import type { Log } from './log.ts';
import type { Settled } from './settle.ts';

export interface Identity {
  readonly authenticate: Authenticate;
  readonly challenge: Challenge;
  /** Whether it takes access tokens, which have scopes. */
  readonly takesTokens: boolean;
  readonly browser: BrowserIdentity | undefined;
  /** A route that asks the providers who its client is. */
  known(route: PublicRoute): PublicRoute;
  /** What stands at a path for those who are not known yet. */
  route(path: string): PublicRoute | undefined;
  /** What stands where nobody has put anything, and no credential would change that. */
  absent(path: string): PublicRoute | undefined;
  refresh(): Promise<void>;
  close(): Promise<void>;
}

export interface IdentityOptions {
  readonly settled: Settled;
  /** The URLs under which clients reach the server. */
  readonly bases: () => readonly string[];
  /** For people. */
  readonly name: string;
  /** True where nobody can know the address but the author. */
  readonly isMounted: boolean;
}

/** Rejects with an error for a person when a provider cannot be used. */
export async function openIdentity({ bases, isMounted, name, settled }: IdentityOptions): Promise<Identity> {
  const { log, now, place, publicUrl, shield } = settled;
  const scopes = place.scopes ?? [];
  const clients = new WeakMap<IncomingMessage, RemoteClient>();
  const failures = createFailureLimit(settled.failedAuthentications, now);
  const resources = createProtectedResources({
    bases,
    path: settled.path,
    otherPaths: place.sse === true ? [SSE_PATH, MESSAGES_PATH] : [],
    authorizationServers: () => opened.flatMap(({ authorizationServers }) => authorizationServers?.() ?? []),
    scopes,
    name,
  });
  const opened: OpenAuth[] = [];
  const parts: AuthParts = {
    isLocal: ({ headers, socket }) => shield.isLocal({ peer: socket.remoteAddress, headers }),
    isSecure: (request) => clients.get(request)?.secure === true,
    addressOf: (request) => clients.get(request)?.address,
    failures,
    resources,
    bases,
    scopes,
    browserPaths: browserPathsOf(place),
    publicUrl,
    openToStrangers: place.openToStrangers === true,
    log,
    now,
    random: randomBytes,
  };
  await openAll(settled.providers, parts, opened);
  const takesTokens = opened.some(({ authorizationServers }) => authorizationServers !== undefined);
  if (takesTokens && isMounted && publicUrl === undefined) throw new ServeError('mount_needs_public_url');
  const challenge = createChallenge({
    realm: 'mcp',
    scopes,
    ...(takesTokens && { metadataUrl: resources.metadataUrl }),
  });
  const known = (route: PublicRoute): PublicRoute => ({
    hostExempt: route.hostExempt,
    handle: (request, response, client) => {
      clients.set(request, client);
      route.handle(request, response, client);
    },
  });
  return {
    authenticate: createAuthenticate({ verify: opened.map(({ prove }) => prove), failures, challenge, log, now }),
    challenge,
    takesTokens,
    browser: opened.find(({ browser }) => browser !== undefined)?.browser,
    known,
    route: (path) => {
      const own = routeIn(opened, path);
      if (own !== undefined) return known(own);
      return takesTokens && resources.metadata({ path }) !== undefined ? metadataRoute(path, resources) : undefined;
    },
    // Where the app around it has documents of its own, they are not for us to deny.
    absent: (path) => (!isMounted && path.startsWith(WELL_KNOWN) ? NOTHING : undefined),
    refresh: async () => void (await Promise.all(opened.map(async (auth) => await auth.refresh?.()))),
    close: async () => await closeAll(opened, log),
  };
}

/** What a server calls itself, for people. */
export async function nameOf(served: Served, path: string): Promise<string> {
  const { info } = await served.describe({ endpoint: path, principal: LOCAL }, 'stateless');
  const name = info['title'] ?? info['name'];
  return typeof name === 'string' ? name : 'MCP server';
}

/** What `open` makes of an identity; where it throws, the identity is closed again. */
export async function closedOnFailure<T>(identity: Identity, open: () => T): Promise<T> {
  try {
    return open();
  } catch (error) {
    await identity.close();
    throw error;
  }
}

function routeIn(opened: readonly OpenAuth[], path: string): PublicRoute | undefined {
  for (const { route } of opened) {
    const found = route?.(path);
    if (found !== undefined) return found;
  }
  return undefined;
}

function browserPathsOf({ routes = [] }: PlaceOptions): readonly string[] {
  return routes.filter(({ auth }) => auth === 'browser').map(({ path }) => path);
}

/** Into `opened`. Where one cannot be used, those before it are closed again. */
async function openAll(providers: readonly AuthProvider[], parts: AuthParts, opened: OpenAuth[]): Promise<void> {
  try {
    for (const provider of providers) opened.push(await provider.open(parts));
  } catch (error) {
    await closeAll(opened, parts.log);
    throw error;
  }
}

/** What one of them fails at keeps neither the others nor the server from closing. */
async function closeAll(opened: readonly OpenAuth[], log: Log): Promise<void> {
  const ended = await Promise.allSettled(opened.map(async (auth) => await auth.close?.()));
  for (const each of ended) {
    if (each.status === 'rejected') log('error', 'a provider of authentication did not close', { error: each.reason });
  }
}

/** Documents for strangers (RFC 8615): one that is not there is not there for anybody, and no credential changes that. */
const WELL_KNOWN = '/.well-known/';
const NOTHING: PublicRoute = {
  hostExempt: false,
  handle: (_request, response) => refusePlain(response, wireError('no_such_path')),
};

/** The metadata of a resource is for everybody, and the same for everybody (RFC 9728 §3). */
function metadataRoute(path: string, resources: ProtectedResources): PublicRoute {
  return {
    hostExempt: false,
    handle: (request, response) => {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        return refusePlain(response, wireError('method_not_allowed'), { allow: 'GET, HEAD' });
      }
      const text = JSON.stringify(resources.metadata({ path, host: request.headers.host }));
      const head = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
      response.writeHead(200, head).end(request.method === 'HEAD' ? undefined : text);
    },
  };
}
