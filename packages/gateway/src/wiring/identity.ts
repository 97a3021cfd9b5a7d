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
  type Principal,
  type ProtectedResources,
  type Prove,
  type Proved,
  type PublicRoute,
} from '@sallyport/server';
import { wireError, type JsonObject } from '@sallyport/wire';
import type { AuthMode } from '../config/types-auth.ts';
import type { Config } from '../config/index.ts';
import { sendJson } from './admin-endpoints.ts';
import type { TokenParts, TokenWays } from './identity-tokens.ts';
import { createWebIdentity, createLazyWeb, type WebParts } from './identity-web.ts';
import { createDisabled, unlessDisabled } from './disabled.ts';
import { LOCAL, LOCAL_ISSUER } from './local.ts';
import { recordsOf } from '../store/records.ts';
import { MESSAGES_PATH, SSE_PATH } from '../rooms.ts';

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
  /** Another configuration is in force, which may have lost keys: who came by one of them is nobody from now on. */
  use(config: Config): void;
  /** Takes over what other processes changed; meant to run twice a second. */
  refresh(): Promise<void>;
  /**
   * Whether nobody can come as this principal (`principalKey`) any more, as far as it is known here: it is disabled, or its key is
   * gone. Who it is that a token names, its issuer knows.
   */
  isOut(principal: string): Promise<boolean>;
  /** The path of a page at which a principal agrees to a login at a server; undefined when it was given very many lately. */
  loginLink(principal: Principal, payload: JsonObject): Promise<string | undefined>;
  close(): Promise<void>;
}

const NOT_LOCAL = 'Without authentication only this machine may call, and not through a proxy.';

/** For how long keys are believed that cannot be read again. */
const STALE_MS = 10_000;

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
  let failingSinceMs: number | undefined;
  const isStale = (): boolean => failingSinceMs !== undefined && now() - failingSinceMs > STALE_MS;
  const disabled = createDisabled(recordsOf(options.store, 'disabled'));
  await disabled.refresh();
  const mayLogInForAll: WebParts['mayLogInForAll'] = async (principal) =>
    !disabled.has(principal) && (await options.mayLogInForAll(principal));
  const parts = { ...options, failures, resources, isStale, mayLogInForAll };
  // Where nobody signs in at a provider, the pages are for logins at servers alone, and wait for the first.
  const web = auth.oidc === undefined ? createLazyWeb(parts) : await createWebIdentity(parts);
  const byKey = auth.modes.includes('key') ? await keyWays(parts) : undefined;
  const authenticate = async (): Promise<Authenticate> => {
    if (auth.modes.includes('none')) return onlyLocal;
    const tokens = takesTokens ? await tokenWays(parts) : undefined;
    // What our own server gave out comes first: nobody else is shown it.
    const ways = [...(web.verify ? [web.verify] : []), ...waysOf(parts, byKey?.ways ?? [], tokens)];
    const verify = ways.map((prove) => unlessDisabled(prove, disabled));
    return createAuthenticate({ verify, failures, challenge, log, now });
  };
  return {
    authenticate: await authenticate(),
    use: (next) => byKey?.use(next),
    challenge,
    failures,
    route: (path) =>
      web.route(path) ??
      (takesTokens ? metadataRoute(path, resources) : undefined) ??
      (path.startsWith(WELL_KNOWN) ? NOTHING : undefined),
    refresh: async () => {
      failingSinceMs ??= now();
      await Promise.all([options.keys?.refresh(), disabled.refresh(), web.refresh()]);
      failingSinceMs = undefined;
    },
    isOut: async (principal) => {
      const [issuer, subject] = JSON.parse(principal) as [string, string];
      if (disabled.has({ issuer, subject, roles: [] })) return true;
      if (byKey === undefined || issuer !== LOCAL_ISSUER || subject === LOCAL.subject || byKey.has(subject))
        return false;
      return !((await options.keys?.list()) ?? []).some(({ name }) => name === subject);
    },
    close: async () => {
      await Promise.all([options.keys?.close(), web.close()]);
    },
    loginLink: (principal, payload) => web.loginLink(principal, payload),
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
function waysOf(
  { config, keys, now }: IdentityOptions,
  byKey: readonly Prove[],
  tokens: TokenWays | undefined,
): readonly Prove[] {
  // What would be shown to somebody else comes last: it may be a key of ours.
  const inOrder = config.auth.modes.toSorted((a, b) => Number(a === 'introspection') - Number(b === 'introspection'));
  const ways = inOrder.flatMap((mode): readonly Prove[] => {
    if (mode === 'key') return byKey;
    if (mode === 'mtls') return [createCertificateVerify(now)];
    return mode === 'none' ? [] : (tokens?.[mode] ?? []);
  });
  const local = keys === undefined || config.auth.modes.includes('key') ? [] : [localWay(keys)];
  return [...local, ...ways];
}

/** Keys of the configuration come first: one may have the form of ours. */
async function keyWays(parts: TokenParts & IdentityOptions & Staleness): Promise<KeyWays> {
  const { keys, log } = parts;
  const written = await writtenKeys(parts);
  for (const { name } of (await keys?.list()) ?? []) {
    if (!written.has(name)) continue;
    log('warn', 'a key of the store is refused: the configuration has one of this name', {
      principal: { issuer: LOCAL_ISSUER, subject: name },
    });
  }
  const kept =
    keys && whileKnown(createKeyVerify({ keys, issuer: LOCAL_ISSUER, isTaken: (name) => written.has(name) }), parts);
  return {
    ways: kept === undefined ? [written.prove] : [written.prove, kept],
    has: (name) => written.has(name),
    use: (next) => written.use(next),
  };
}

interface Staleness {
  readonly isStale: () => boolean;
}

interface KeyWays {
  readonly ways: readonly Prove[];
  /** Whether the configuration has a key of this name. */
  has(name: string): boolean;
  use(config: Config): void;
}

/** A reload may take keys away and never brings any: what is gone is nobody, and the others need not be proven anew. */
async function writtenKeys({ config, failures, now }: TokenParts & IdentityOptions): Promise<WrittenKeys> {
  const { keys } = config.auth;
  const bcrypt = keys.some(({ hash }) => hash !== undefined) ? await loadBcrypt() : undefined;
  const compare = bcrypt?.compare ?? (() => Promise.resolve(false));
  const prove: Prove =
    keys.length === 0
      ? () => undefined
      : createConfiguredKeys({ keys, issuer: LOCAL_ISSUER, compare, failures, now, random: randomBytes });
  let names = new Set(keys.map(({ name }) => name));
  const bound = (found: Proved): Proved => {
    if (found === undefined || !('holds' in found)) return found;
    const { holds, principal } = found;
    if (!names.has(principal.subject)) return { problem: 'invalid', detail: 'the configuration has lost this key' };
    return { principal, holds: (shown) => names.has(principal.subject) && holds(shown) };
  };
  return {
    has: (name) => names.has(name),
    use: ({ auth }) => {
      names = new Set(auth.keys.map(({ name }) => name));
    },
    prove: (credentials) => {
      const found = prove(credentials);
      return found instanceof Promise ? found.then(bound) : bound(found);
    },
  };
}

interface WrittenKeys {
  has(name: string): boolean;
  use(config: Config): void;
  readonly prove: Prove;
}

/** Keys that were revoked elsewhere stay known here while the store cannot be read: then nobody is known after a while. */
function whileKnown(prove: Prove, { isStale }: Staleness): Prove {
  return (credentials) => {
    const found = prove(credentials) as Proved;
    if (found === undefined || !('holds' in found) || found.principal.subject === LOCAL.subject) return found;
    if (isStale()) return { problem: 'unavailable', detail: 'the keys could not be read for a while' };
    return { ...found, holds: (shown) => !isStale() && found.holds(shown) };
  };
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
