/**
 * People at browsers: where they sign in, and our own authorization server, which asks them what a client may have. Loaded
 * only where an OpenID provider is configured.
 */

import { randomBytes, type KeyObject } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { GuardedFetch } from '@sallyport/client/egress';
import type { Prove, PublicRoute, RemoteClient } from '@sallyport/server';
import type { AuthorizationServer } from '@sallyport/server/authorization-server';
import type { Browser, Handler } from '@sallyport/server/browser';
import type { Config } from './config/index.ts';
import type { KeyPurpose } from './credentials/index.ts';
import type { TokenParts } from './identity-tokens.ts';
import type { Store } from './store/index.ts';
import { recordsOf } from './store/records.ts';
import { createRepeatedLines, type RepeatedLines } from './telemetry/repeated.ts';

export interface WebParts extends TokenParts {
  readonly store: Store;
  readonly keyFor: (purpose: KeyPurpose) => KeyObject;
  /** The URLs under which clients reach us, without a path. Asked each time, because a port may be known late. */
  readonly bases: () => readonly string[];
  /** True for a request made on this machine, straight to the listener. */
  readonly isLocal: (request: IncomingMessage) => boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface WebIdentity {
  /** Tokens of our own authorization server; undefined where it is off. */
  readonly verify: Prove | undefined;
  route(path: string): PublicRoute | undefined;
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
  const browser = await openBrowser(parts, clients, reportOf('browser', parts, repeated));
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
      const handler: Handler | undefined = browser.route(path) ?? server?.route(path);
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

type Clients = WeakMap<IncomingMessage, RemoteClient>;
type Report = (event: { readonly kind: string }) => void;

function reportOf(who: string, { log }: Pick<WebParts, 'log'>, repeated: RepeatedLines): Report {
  return ({ kind, ...detail }) => {
    const write = BY_STRANGERS.has(kind) ? repeated.write : log;
    write(LEVELS[kind] ?? 'info', `${who}: ${kind}`, detail);
  };
}

async function openBrowser(parts: WebParts, clients: Clients, report: Report): Promise<Browser> {
  const { createBrowser, createProvider } = await import('@sallyport/server/browser');
  const { config, failures, isLocal, keyFor, now, store } = parts;
  const { browser, oidc } = config.auth;
  const { publicUrl } = config.listen;
  return createBrowser({
    product: 'Sallyport',
    records: recordsOf(store, 'browser'),
    lifetimes: browser,
    provider: oidc && createProvider({ ...oidc, name: new URL(oidc.issuer).host, fetch, now }),
    isSecure: (request) => clients.get(request)?.secure === true,
    isLocal,
    addressOf: (request) => clients.get(request)?.address,
    publicUrl: publicUrl === undefined ? undefined : new URL(publicUrl),
    returnPaths: [AUTHORIZE_PATH],
    key: keyFor('browser'),
    failures,
    codeHint: CODE_HINT,
    purposes: {},
    report,
    now,
    random: randomBytes,
  });
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
  const { bases, config, failures, keyFor, now, resources, store } = parts;
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
    failures,
    fetch: documents,
    addressOf: (request) => clients.get(request)?.address,
    report,
    now,
    random: randomBytes,
  });
}
