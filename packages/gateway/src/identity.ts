/**
 * Who calls: the ways of proving it that the configuration wants, in its order, and what the web needs for them: metadata,
 * sign-in pages, our own authorization server. It decides nothing about what a caller may do. What needs a library for
 * tokens is loaded only where it is configured.
 */

import { randomBytes } from 'node:crypto';
import {
  createAuthenticate,
  createCertificateVerify,
  createChallenge,
  createConfiguredKeys,
  createFailureLimit,
  createKeyVerify,
  createProtectedResources,
  loadBcrypt,
  refusePlain,
  type Authenticate,
  type Challenge,
  type Credentials,
  type FailureLimit,
  type KeyTable,
  type ProtectedResources,
  type Prove,
  type Proved,
  type PublicRoute,
} from '@sallyport/server';
import { wireError } from '@sallyport/wire';
import type { AuthMode } from './config/types.ts';
import type { Config } from './config/index.ts';
import { sendJson } from './admin-endpoints.ts';
import type { TokenParts, TokenWays } from './identity-tokens.ts';
import { createWebIdentity, type WebParts } from './identity-web.ts';
import { LOCAL, LOCAL_ISSUER } from './local.ts';
import { MESSAGES_PATH, SSE_PATH } from './rooms.ts';

export interface IdentityOptions extends Omit<WebParts, 'failures' | 'resources'> {
  /** Of clients; undefined where there is no authentication. */
  readonly keys: KeyTable | undefined;
}

export interface Identity {
  readonly authenticate: Authenticate;
  readonly challenge: Challenge;
  readonly failures: FailureLimit;
  /** What stands at a path for people and programs that are not known yet. */
  route(path: string): PublicRoute | undefined;
  /** Takes over what other processes changed; meant to run twice a second. */
  refresh(): Promise<void>;
  close(): Promise<void>;
}

const NOT_LOCAL = 'Without authentication only this machine may call, and not through a proxy.';

/** Modes in which clients show access tokens. */
const TOKEN_MODES: ReadonlySet<AuthMode> = new Set(['jwt', 'oidc', 'introspection']);

/** Rejects with an error for a person when something of it cannot be used. */
export async function createIdentity(options: IdentityOptions): Promise<Identity> {
  const { config, log, now } = options;
  const { auth, limits, listen } = config;
  const failures = createFailureLimit(limits.failedAuthentications, now);
  const takesTokens = auth.server !== undefined || auth.modes.some((mode) => TOKEN_MODES.has(mode));
  const resources = createProtectedResources({
    bases: options.bases,
    path: listen.path,
    otherPaths: [SSE_PATH, MESSAGES_PATH],
    authorizationServers: () => authorizationServers(config, options.bases),
    scopes: auth.scopes,
    name: 'Sallyport',
  });
  const challenge = createChallenge({
    scopes: auth.scopes,
    ...(takesTokens && { metadataUrl: (asked) => resources.metadataUrl(asked) }),
  });
  const parts = { ...options, failures, resources };
  const web = auth.oidc === undefined ? undefined : await createWebIdentity(parts);
  const authenticate = async (): Promise<Authenticate> => {
    if (auth.modes.includes('none')) return onlyLocal;
    const tokens = takesTokens ? await tokenWays(parts) : undefined;
    // What our own server gave out comes first: nobody else is shown it.
    const verify = [...(web?.verify ? [web.verify] : []), ...(await waysOf(parts, tokens))];
    return createAuthenticate({ verify, failures, challenge, log, now });
  };
  return {
    authenticate: await authenticate(),
    challenge,
    failures,
    route: (path) =>
      web?.route(path) ??
      (takesTokens ? metadataRoute(path, resources) : undefined) ??
      (path.startsWith(WELL_KNOWN) ? NOTHING : undefined),
    refresh: async () => {
      await Promise.all([options.keys?.refresh(), web?.refresh()]);
    },
    close: async () => {
      await Promise.all([options.keys?.close(), web?.close()]);
    },
  };
}

/** Documents for strangers (RFC 8615): one that is not there is not there for anybody, and no credential changes that. */
const WELL_KNOWN = '/.well-known/';
const NOTHING: PublicRoute = {
  hostExempt: false,
  handle: (_request, response) => refusePlain(response, wireError('no_such_path')),
};

const onlyLocal: Authenticate = ({ local }) =>
  local ? LOCAL : { error: wireError('unauthenticated', NOT_LOCAL), headers: {} };

async function tokenWays(parts: TokenParts): Promise<TokenWays> {
  const { createTokenWays } = await import('./identity-tokens.ts');
  return await createTokenWays(parts);
}

/** In the order of the configuration. The local key is good in every mode, on requests from this machine. */
async function waysOf(parts: TokenParts & IdentityOptions, tokens: TokenWays | undefined): Promise<readonly Prove[]> {
  const { config, keys, now } = parts;
  const ways = await Promise.all(
    config.auth.modes.map(async (mode): Promise<readonly Prove[]> => {
      if (mode === 'key') return await keyWays(parts);
      if (mode === 'mtls') return [createCertificateVerify(now)];
      return mode === 'none' ? [] : (tokens?.[mode] ?? []);
    }),
  );
  const local = keys === undefined || config.auth.modes.includes('key') ? [] : [localWay(keys)];
  return [...local, ...ways.flat()];
}

async function keyWays({ config, failures, keys, log, now }: TokenParts & IdentityOptions): Promise<readonly Prove[]> {
  const configured = config.auth.keys;
  const names = new Set(configured.map(({ name }) => name));
  const kept = keys && createKeyVerify({ keys, issuer: LOCAL_ISSUER, isTaken: (name) => names.has(name) });
  const ways = kept === undefined ? [] : [kept];
  if (configured.length === 0) return ways;
  for (const { name } of (await keys?.list()) ?? []) {
    if (names.has(name)) log('warn', 'a key of the store is refused: the configuration has one of this name', { name });
  }
  const bcrypt = configured.some(({ hash }) => hash !== undefined) ? await loadBcrypt() : undefined;
  const compare = bcrypt?.compare ?? (() => Promise.resolve(false));
  const written = createConfiguredKeys({
    keys: configured,
    issuer: LOCAL_ISSUER,
    compare,
    failures,
    now,
    random: randomBytes,
  });
  // A key of the configuration may have the form of one of ours.
  return [written, ...ways];
}

/** Without mode `key` only the user of this machine has one, and nobody elsewhere. */
function localWay(keys: KeyTable): Prove {
  const isLocal = ({ name }: { readonly name: string }): boolean => name === LOCAL.subject;
  const prove = createKeyVerify({ keys, issuer: LOCAL_ISSUER, isTaken: (name) => !isLocal({ name }) });
  const isHere = ({ local }: Credentials): boolean => local;
  return (credentials) => {
    const found = isHere(credentials) ? (prove(credentials) as Proved) : undefined;
    if (found === undefined || !('holds' in found)) return found;
    return { ...found, holds: (shown) => isHere(shown) && found.holds(shown) };
  };
}

function authorizationServers({ auth }: Config, bases: IdentityOptions['bases']): readonly string[] {
  const { introspection, jwt, modes, oidc, server } = auth;
  return [
    ...(server === undefined ? [] : [new URL(bases()[0] as string).origin]),
    ...(modes.includes('jwt') && jwt ? [jwt.issuer] : []),
    ...(modes.includes('oidc') && oidc ? [oidc.issuer] : []),
    ...(modes.includes('introspection') && introspection ? [introspection.issuer] : []),
  ];
}

/** The metadata of a resource is for everybody, and the same for everybody (RFC 9728 §3). */
function metadataRoute(path: string, resources: ProtectedResources): PublicRoute | undefined {
  if (resources.metadata({ path }) === undefined) return undefined;
  return {
    hostExempt: false,
    handle: (request, response) => {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        return refusePlain(response, wireError('method_not_allowed'), { allow: 'GET, HEAD' });
      }
      sendJson(response, 200, JSON.stringify(resources.metadata({ path, host: request.headers.host })));
    },
  };
}
