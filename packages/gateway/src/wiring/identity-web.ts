/**
 * People at browsers: where they sign in, where they agree to a login at a server, and our own authorization server, which
 * asks them what a client may have. Loaded only where an OpenID provider is configured, or when the first login at a server
 * needs a page.
 */

import { randomBytes, type KeyObject } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { GuardedFetch } from '@sallyport/client/egress';
import {
  principalKey,
  refusePlain,
  type Principal,
  type Prove,
  type PublicRoute,
  type RemoteClient,
} from '@sallyport/server';
import type { AuthorizationServer } from '@sallyport/server/authorization-server';
import type { Browser, Handler } from '@sallyport/server/browser';
import { wireError, type JsonObject } from '@sallyport/wire';
import { loginEvent, webEvent } from './audit-events.ts';
import type { RecordEvent } from '../audit/index.ts';
import type { Config } from '../config/index.ts';
import { sealing, type KeyPurpose } from '../credentials/index.ts';
import type { TokenParts } from './identity-tokens.ts';
import { LOCAL_ISSUER } from './local.ts';
import type { Logins } from '../logins/index.ts';
import { CALLBACK_PATH, isCallback, LINK_PURPOSE } from '../logins/link.ts';
import type { LoginPages } from '../logins/pages.ts';
import type { Store } from '../store/index.ts';
import { recordsOf } from '../store/records.ts';
import { createRepeatedLines, type RepeatedLines } from '../telemetry/repeated.ts';

export interface WebParts extends TokenParts {
  readonly store: Store;
  readonly keyFor: (purpose: KeyPurpose) => KeyObject;
  /** The URLs under which clients reach us, without a path. Asked each time, because a port may be known late. */
  readonly bases: () => readonly string[];
  /** True for a request made on this machine, straight to the listener. */
  readonly isLocal: (request: IncomingMessage) => boolean;
  readonly logins: Logins;
  /** Whether somebody may log in at a server for the whole gateway, at this moment. */
  readonly mayLogInForAll: (principal: Principal) => Promise<boolean>;
  /** What a client key of that name gives now; undefined: there is none. */
  readonly rolesOfKey: (name: string) => Promise<readonly string[] | undefined>;
  /** For the audit. */
  readonly record: RecordEvent;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface WebIdentity {
  /** Tokens of our own authorization server; undefined where it is off. */
  readonly verify: Prove | undefined;
  route(path: string): PublicRoute | undefined;
  /** The path of a page for a principal; undefined when it was given very many lately. */
  loginLink(principal: Principal, payload: JsonObject): Promise<string | undefined>;
  refresh(): Promise<void>;
  close(): Promise<void>;
}

/** Of what is told by the pages and the authorization server; the rest is information. */
const LEVELS: Readonly<Record<string, 'warn' | 'error'>> = { failed: 'error', misused: 'warn', session_reused: 'warn' };

/** What strangers cause as often as they like. */
const BY_STRANGERS: ReadonlySet<string> = new Set(['refused', 'failed']);

const AUTHORIZE_PATH = '/oauth/authorize';
const CODE_HINT = 'Whoever runs this gateway makes one with `sallyport key link NAME`.';

/** Rejects with an error for a person. */
export async function createWebIdentity(parts: WebParts): Promise<WebIdentity> {
  const clients = new WeakMap<IncomingMessage, RemoteClient>();
  const repeated = createRepeatedLines(parts.log, parts.now);
  const { browser, pages } = await openBrowser(parts, clients, reportOf('browser', parts, repeated));
  const { server: settings } = parts.config.auth;
  // What a client says where its document is, a stranger says.
  const documents =
    settings && (await import('@sallyport/client/egress')).createGuardedFetch({ allow: [], env: parts.env });
  const server =
    settings &&
    documents &&
    (await openServer(parts, settings, {
      browser,
      clients,
      documents,
      report: reportOf('authorization server', parts, repeated),
    }));
  return {
    verify: server?.verify,
    route: (path) => {
      const own = browser.route(isCallback(path) ? CALLBACK_PATH : path);
      const handler: Handler | undefined =
        isCallback(path) && own !== undefined
          ? callback(pages, path === CALLBACK_PATH ? own : nothingHere)
          : (own ?? server?.route(path));
      return (
        handler && {
          hostExempt: false,
          handle: (request, response, client) => {
            clients.set(request, client);
            handler(request, response);
          },
        }
      );
    },
    loginLink: (principal, payload) => browser.links.create(principalKey(principal), LINK_PURPOSE, payload),
    refresh: async () => {
      repeated.sweep();
      await server?.refresh();
    },
    close: async () => {
      repeated.flush();
      await documents?.close();
    },
  };
}

/**
 * The pages of a gateway at which nobody signs in with a provider: opened when they are first asked for, and there for as long
 * as somebody may have to log in at a server.
 */
export function createLazyWeb(parts: WebParts): WebIdentity {
  let opened: Promise<WebIdentity> | undefined;
  const open = (): Promise<WebIdentity> => (opened ??= createWebIdentity(parts));
  const route = (path: string): PublicRoute => ({
    hostExempt: false,
    handle: (request, response, client) => {
      open().then(
        (web) => {
          const found = web.route(path);
          if (found === undefined) refusePlain(response, wireError('no_such_path'));
          else found.handle(request, response, client);
        },
        (error: unknown) => {
          parts.log('error', 'the pages for logins could not be opened', { error: String(error) });
          refusePlain(response, wireError('internal'));
        },
      );
    },
  });
  return {
    verify: undefined,
    route: (path) => ((isCallback(path) || PAGES.test(path)) && parts.logins.any ? route(path) : undefined),
    loginLink: async (principal, payload) => (await open()).loginLink(principal, payload),
    refresh: async () => (await opened)?.refresh(),
    close: async () => (await opened)?.close(),
  };
}

const PAGES = /^\/(?:login(?:\/[^/]+)?|logout)$/;

/** Our own provider never comes back to the place of another. */
const nothingHere: Handler = (_request, response) => refusePlain(response, wireError('no_such_path'));

/** Logins at servers and sign-ins of our own come back to the same path; their states tell them apart. */
function callback(pages: LoginPages, signIn: Handler): Handler {
  return (request, response) => {
    pages.comeBack(request, response).then(
      (isDone) => {
        if (!isDone) signIn(request, response);
      },
      () => refusePlain(response, wireError('internal')),
    );
  };
}

type Clients = WeakMap<IncomingMessage, RemoteClient>;
type Report = (event: { readonly kind: string }) => void;

function reportOf(who: string, { log, record }: Pick<WebParts, 'log' | 'record'>, repeated: RepeatedLines): Report {
  return ({ kind, ...detail }) => {
    const write = BY_STRANGERS.has(kind) ? repeated.write : log;
    if (!BY_STRANGERS.has(kind)) record(webEvent(who, { kind, ...detail }));
    write(LEVELS[kind] ?? 'info', `${who}: ${kind}`, detail);
  };
}

async function openBrowser(
  parts: WebParts,
  clients: Clients,
  report: Report,
): Promise<{ readonly browser: Browser; readonly pages: LoginPages }> {
  const [{ createBrowser, createProvider }, { createLoginPages }] = await Promise.all([
    import('@sallyport/server/browser'),
    import('../logins/pages.ts'),
  ]);
  const { config, failures, isLocal, keyFor, log, logins, mayLogInForAll, now, store } = parts;
  const isSecure = (request: IncomingMessage): boolean => clients.get(request)?.secure === true;
  const pages = createLoginPages({
    logins,
    mayLogInForAll,
    browser: () => browser,
    isSecure,
    isLocal,
    log,
    told: (event) => parts.record(loginEvent(event)),
    random: randomBytes,
    ...sealing(keyFor('upstream-oauth')),
  });
  const { browser: lifetimes, oidc } = config.auth;
  const { publicUrl } = config.listen;
  const browser: Browser = createBrowser({
    product: 'Sallyport',
    records: recordsOf(store, 'browser'),
    lifetimes,
    provider: oidc && createProvider({ ...oidc, name: new URL(oidc.issuer).host, fetch, now }),
    // For our own authorization server alone: nobody else asks who somebody is later.
    ...(config.auth.server && { renewalMs: config.auth.server.refreshTokenMs }),
    isSecure,
    isLocal,
    addressOf: (request) => clients.get(request)?.address,
    publicUrl: publicUrl === undefined ? undefined : new URL(publicUrl),
    returnPaths: [AUTHORIZE_PATH],
    key: keyFor('browser'),
    failures,
    codeHint: CODE_HINT,
    purposes: { [LINK_PURPOSE]: pages.purpose },
    report: (event) => {
      if (event.kind === 'signed_in') logins.callers.came(event.principal);
      report(event);
    },
    now,
    random: randomBytes,
  });
  return { browser, pages };
}

interface ServerParts {
  readonly browser: Browser;
  readonly clients: Clients;
  readonly documents: GuardedFetch;
  readonly report: Report;
}

async function openServer(
  parts: WebParts,
  settings: NonNullable<Config['auth']['server']>,
  { browser, clients, documents, report }: ServerParts,
): Promise<AuthorizationServer> {
  const { createAuthorizationServer } = await import('@sallyport/server/authorization-server');
  const { bases, config, failures, keyFor, now, resources, rolesOfKey, store } = parts;
  const required = config.auth.scopes;
  const inRules = (config.policy?.rules ?? []).flatMap(({ scopes = [] }) => scopes);
  return createAuthorizationServer({
    ...settings,
    issuer: () => new URL(bases()[0] as string).origin,
    resources,
    records: { clients: recordsOf(store, 'oauth-clients'), grants: recordsOf(store, 'oauth-grants') },
    key: keyFor('authorization-server'),
    browser,
    scopes: { all: [...new Set([...required, ...inRules])], required },
    signInMs: config.auth.browser.absoluteMs,
    present: async ({ principal, renewal }) => {
      if (renewal !== undefined) return await browser.renew(renewal);
      // Of another issuer nothing is known but the sign-in.
      if (principal.issuer !== LOCAL_ISSUER) return principal;
      const roles = await rolesOfKey(principal.subject);
      return roles && { ...principal, roles };
    },
    failures,
    fetch: documents,
    addressOf: (request) => clients.get(request)?.address,
    report,
    now,
    random: randomBytes,
  });
}
