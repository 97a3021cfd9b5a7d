/**
 * How a client gets tokens for the one server that it talks to: with credentials of its own, or with a person, whose browser
 * is opened and comes back. OAuth itself is in `../oauth`, and is loaded when it is wanted.
 */

import type { SetTimer } from '../clock.ts';
import type { UpstreamAuthorization } from '../oauth/authorization.ts';
import type { LoginNeeded } from '../oauth/login.ts';
import type { ClientOptions } from '../oauth/registration.ts';
import type { OAuthRecords, Sealing } from '../oauth/vault.ts';
import type { Environment } from '../proxy.ts';
import type { Authorization, TlsFiles } from '../upstream.ts';
import { unlessAborted } from './abort.ts';
import { ClientError } from './error.ts';
import { memoryStore } from './memory-store.ts';
import { createLoopbackRedirect, type CameBack, type Redirect } from './redirect.ts';

interface OAuthBase extends ClientOptions {
  /** Always asked for; absent or empty: what the server says. */
  readonly scopes?: readonly string[];
  /** Tokens and registrations outlive the process in it. Absent: they are kept in memory. */
  readonly store?: { readonly records: OAuthRecords; readonly sealing: Sealing };
  /** Hosts and networks beyond the public net where authorization servers may be, as `auth.internal` or `10.0.0.0/8`. */
  readonly allow?: readonly string[];
}

/** A person logs in. */
export interface BrowserOAuth extends OAuthBase {
  readonly grant?: 'authorization_code';
  /** Shows the URL to the person, or opens it in a browser: never by a shell. */
  readonly open: (url: string, login: LoginNeeded) => void | Promise<void>;
  /** Where the browser comes back. Absent: at any free port of this machine, at `/callback`. */
  readonly redirect?: { readonly port?: number; readonly path?: string } | OwnRedirect;
  /** Milliseconds for a person to log in. Default: 5 minutes. */
  readonly loginMs?: number;
}

/** A page of the application's own to which browsers come back. */
export interface OwnRedirect {
  readonly uri: string;
  /**
   * Resolves with the URL, at `uri` or one name below it, to which a browser came with this `state`. Rejects with the reason
   * of the signal.
   */
  readonly wait: (state: string, signal: AbortSignal) => Promise<URL>;
}

/** The client has credentials of its own: `clientId` with `clientSecret` or `privateKey`. */
export interface MachineOAuth extends OAuthBase {
  readonly grant: 'client_credentials';
  readonly clientId: string;
}

export type OAuthOptions = BrowserOAuth | MachineOAuth;

export interface LoginsOptions {
  readonly oauth: OAuthOptions;
  readonly url: URL;
  readonly tls: TlsFiles | undefined;
  readonly env: Environment;
  readonly setTimer: SetTimer;
  readonly log: (level: 'warn', text: string) => void;
}

export interface Logins {
  readonly authorization: Authorization;
  /** Has a person log in. Whoever needs the same login shares it. Rejects with `ClientError`. */
  login(needed: LoginNeeded, signal: AbortSignal | undefined): Promise<void>;
  close(): void;
}

const LOGIN_MS = 5 * 60_000;
const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;
const LOOPBACK: readonly string[] = ['localhost', '127.0.0.0/8', '::1'];

/** Asks nobody yet. */
export async function createLogins(options: LoginsOptions): Promise<Logins> {
  const { oauth } = options;
  const browser = oauth.grant === 'client_credentials' ? undefined : oauth;
  const way = browser && { browser, redirect: redirectOf(browser), setTimer: options.setTimer };
  const { authorization: inner, free } = await openAuthorization(options, () => way?.redirect.uri ?? '');
  const underWay = new Map<string, Promise<void>>();
  const closed = new AbortController();
  const logIn = async (needed: LoginNeeded): Promise<void> => {
    if (way === undefined) throw unauthorized('Nobody logs in for client credentials.', needed);
    try {
      const { parameters, below } = await cameBack(way, needed, closed.signal);
      await inner.finish(parameters, below);
    } catch (error) {
      if (error instanceof ClientError) throw error;
      throw unauthorized(`The login failed: ${(error as Error).message}`, needed, error);
    }
  };
  return {
    authorization: {
      token: () => inner.token(),
      challenged: async (refusal) => {
        await way?.redirect.open();
        return await inner.challenged(refusal);
      },
    },
    login: (needed, signal) => {
      const { state } = needed;
      const login = underWay.get(state) ?? logIn(needed).finally(() => underWay.delete(state));
      underWay.set(state, login);
      return unlessAborted(signal, () => login);
    },
    close: () => {
      closed.abort(new ClientError('closed', 'The client was closed.'));
      way?.redirect.close();
      free();
    },
  };
}

/** The server itself is trusted as it was written by the application; what it names is not, nor where that leads. */
async function openAuthorization(
  { oauth, url, tls, env, setTimer, log }: LoginsOptions,
  redirectUri: () => string,
): Promise<{ readonly authorization: UpstreamAuthorization; readonly free: () => void }> {
  const [{ createUpstreamAuthorization }, { createGuardedFetch }] = await Promise.all([
    import('../oauth/authorization.ts'),
    import('../egress/guarded-fetch.ts'),
  ]);
  const isHere = LOOPBACK_HOST.test(url.hostname);
  const allow = [...(oauth.allow ?? []), ...(isHere ? LOOPBACK : [])];
  const own = createGuardedFetch({ allow: [...allow, hostOf(url)], env, ...(tls !== undefined && { tls }) });
  const others = createGuardedFetch({ allow, env });
  const { records, sealing } = oauth.store ?? memoryStore(Date.now);
  const authorization = createUpstreamAuthorization({
    owner: { upstream: url.href },
    url: url.href,
    client: oauth,
    scopes: oauth.scopes ?? [],
    grant: oauth.grant ?? 'authorization_code',
    allowLoopbackHttp: isHere,
    redirectUri,
    records,
    sealing,
    fetch: (text, init) => (URL.parse(text)?.host === url.host ? own : others)(text, init),
    onFailure: (error) =>
      log('warn', `A token could not be renewed and is used as long as it is good: ${String(error)}`),
    now: Date.now,
    random: Math.random,
    sleep: (ms) => new Promise((resolve) => void setTimer(resolve, ms)),
    timeout: (ms) => AbortSignal.timeout(ms),
  });
  const free = (): void => {
    own.destroy();
    others.destroy();
  };
  return { authorization, free };
}

interface Way {
  readonly browser: BrowserOAuth;
  readonly redirect: Redirect;
  readonly setTimer: SetTimer;
}

async function cameBack(
  { browser, redirect, setTimer }: Way,
  needed: LoginNeeded,
  closed: AbortSignal,
): Promise<CameBack> {
  const time = new AbortController();
  const takeBack = setTimer(
    () => time.abort(unauthorized('Nobody has logged in in time.', needed)),
    browser.loginMs ?? LOGIN_MS,
  );
  try {
    const back = redirect.wait(needed.state, AbortSignal.any([time.signal, closed]));
    // The browser may fail to open while nobody awaits it.
    back.catch(() => undefined);
    await browser.open(needed.url, needed);
    return await back;
  } finally {
    takeBack();
  }
}

function unauthorized(text: string, login: LoginNeeded, cause?: unknown): ClientError {
  return new ClientError('unauthorized', text, { login, cause });
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

function redirectOf({ redirect = {} }: BrowserOAuth): Redirect {
  if (!('uri' in redirect))
    return createLoopbackRedirect({ port: redirect.port ?? 0, path: redirect.path ?? '/callback' });
  return {
    open: () => Promise.resolve(),
    uri: redirect.uri,
    wait: async (state, signal): Promise<CameBack> => {
      const { origin, pathname, searchParams } = await redirect.wait(state, signal);
      const below = (origin + pathname).slice(redirect.uri.length + 1);
      return { parameters: searchParams, below: below === '' ? undefined : below };
    },
    close: () => undefined,
  };
}
