/**
 * People at browsers: they sign in at an OpenID provider, or with a code that the author gives them, and are known by a cookie
 * from then on (`__Host-`, HttpOnly, Secure, SameSite; over plain loopback by a URL that is good once). They are let in at
 * routes with `auth: 'browser'`. The MCP endpoint never looks at a cookie.
 */

import { createSecretKey } from 'node:crypto';
import type { Browser, BrowserOptions } from '../../browser/create.ts';
import type { OneTimeCode } from '../../browser/one-time-codes.ts';
import type { SessionLifetimes } from '../../browser/sessions.ts';
import { principalKey, type Principal } from '../../exchange.ts';
import type { PublicRoute } from '../../http/arrival.ts';
import type { Records } from '../../records.ts';
import { badOption } from '../errors.ts';
import { createMemoryRecords } from '../../memory-records.ts';
import type { OidcProvider } from './presets.ts';
import type { AuthParts, AuthProvider } from './provider.ts';

export interface SessionAuthOptions {
  /** What the pages call the server. */
  readonly product?: string;
  /** Absent: codes are the only way to sign in. */
  readonly provider?: OidcProvider;
  /** Of this server at the provider. */
  readonly clientId?: string;
  readonly clientSecret?: string;
  /** `openid` is always asked for. `profile` and `email`. */
  readonly scopes?: readonly string[];
  /** Idle 30 min, absolute 12 h, another cookie every 15 min. */
  readonly lifetimes?: Partial<SessionLifetimes>;
  /** Where sessions are kept, as hashes. Memory: they end with the process. */
  readonly records?: Records;
  /** 32 bytes or more, the same in all processes. Absent: made at the start. */
  readonly key?: Uint8Array;
  /** How a person comes by a code: a sentence. */
  readonly codeHint?: string;
  readonly fetch?: typeof fetch;
}

export interface BrowserAuth extends AuthProvider {
  /**
   * A code with which a person signs in as this principal, once and soon; opened as a path, it leads to `to`, a route for
   * people. Rejects before the server serves.
   */
  createCode(principal: Principal, to?: string): Promise<OneTimeCode>;
  /** Ends all sessions of a principal at once. How many there were. */
  endSessions(principal: Principal): Promise<number>;
}

const MINUTE = 60_000;
const LIFETIMES: SessionLifetimes = { idleMs: 30 * MINUTE, absoluteMs: 12 * 60 * MINUTE, rotateMs: 15 * MINUTE };
const MIN_KEY_BYTES = 32;

/** Throws a ServeError for options that cannot be used. */
export function session(options: SessionAuthOptions = {}): BrowserAuth {
  const { clientId, key, provider } = options;
  if (key !== undefined && key.length < MIN_KEY_BYTES) {
    throw badOption('session: key', `it has fewer than ${MIN_KEY_BYTES} bytes; \`openssl rand 32\` makes one`);
  }
  if (provider !== undefined && clientId === undefined) throw badOption('session: clientId', 'a provider needs it');
  let opened: Browser | undefined;
  const need = (): Browser => {
    if (opened === undefined) throw new Error('Nobody can sign in before the server serves.');
    return opened;
  };
  return {
    kind: 'session',
    createCode: async (principal, to) => await need().codes.create(principal, to),
    endSessions: async (principal) => await need().sessions.endAll(principalKey(principal)),
    open: async (parts) => {
      const browser = await openBrowser(options, parts);
      opened = browser;
      return { prove: () => undefined, route: (path) => routeOf(browser, path), browser };
    },
  };
}

async function openBrowser(options: SessionAuthOptions, parts: AuthParts): Promise<Browser> {
  const { createBrowser } = await import('../../browser/create.ts');
  const { codeHint = 'Whoever runs this server gives you one.', key, lifetimes, product = 'MCP server' } = options;
  const { browserPaths, log, now, random } = parts;
  return createBrowser({
    product,
    records: options.records ?? createMemoryRecords(now),
    lifetimes: { ...LIFETIMES, ...lifetimes },
    provider: await providerOf(options, parts),
    isSecure: parts.isSecure,
    isLocal: parts.isLocal,
    addressOf: parts.addressOf,
    publicUrl: parts.publicUrl,
    returnPaths: browserPaths,
    key: createSecretKey(key ?? random(MIN_KEY_BYTES)),
    failures: parts.failures,
    codeHint,
    purposes: {},
    report: ({ kind, ...detail }) => log(LEVELS[kind], `browser: ${kind}`, detail),
    now,
    random,
  });
}

const LEVELS: Readonly<Record<Parameters<BrowserOptions['report']>[0]['kind'], 'info' | 'warn' | 'error'>> = {
  signed_in: 'info',
  signed_out: 'info',
  refused: 'info',
  session_reused: 'warn',
  failed: 'error',
};

async function providerOf(options: SessionAuthOptions, { now }: AuthParts): Promise<BrowserOptions['provider']> {
  const { clientId, clientSecret, fetch: given, provider, scopes = ['profile', 'email'] } = options;
  if (provider === undefined || clientId === undefined) return undefined;
  const { createProvider } = await import('../../browser/provider.ts');
  const { algorithms, claims, issuer, name } = provider;
  return createProvider({
    name,
    issuer,
    clientId,
    ...(clientSecret !== undefined && { clientSecret }),
    scopes,
    algorithms,
    clockToleranceMs: MINUTE,
    claims,
    fetch: given ?? ((...asked) => fetch(...asked)),
    now,
  });
}

function routeOf(browser: Browser, path: string): PublicRoute | undefined {
  const handler = browser.route(path);
  return handler && { hostExempt: false, handle: (request, response) => handler(request, response) };
}
