/**
 * A gateway with its own authorization server, over TLS or on plain loopback, whose people sign in at a certified OpenID
 * provider; an application of the official client library; and the way of a person through the pages.
 */
import { hash, randomBytes } from 'node:crypto';
import type {
  OAuthClientProvider,
  OAuthDiscoveryState,
  StoredOAuthClientInformation,
  StoredOAuthTokens,
} from '@modelcontextprotocol/client';
import { freePort } from '../support/port.ts';
import { startGateway, type Started, type StartOptions } from '../gateway/gateway.ts';
import { serveRaw, type RawHttp } from '../gateway/raw-http.ts';
import type { WebBrowser, WebPage } from '../../packages/server/src/browser/testing/web-browser.ts';
import { openPeopleProvider, type PeopleProvider } from '../../packages/server/src/browser/testing/people-provider.ts';
import { ask, openPki, startSecured, trustAuthority, type Answered, type Asked } from './web-support.ts';

export type Kind = 'tls' | 'loopback';

export interface Site extends AsyncDisposable {
  readonly started: Started;
  readonly up: RawHttp;
  readonly people: PeopleProvider;
  /** `https://localhost:…` or `http://127.0.0.1:…`. */
  readonly base: string;
  /** Of its certificate; undefined without TLS. */
  readonly ca: string | undefined;
  /** What an `auth` of another gateway needs to be the same. */
  readonly auth: Readonly<Record<string, unknown>>;
  readonly listen: Readonly<Record<string, unknown>>;
}

export interface SiteOptions extends StartOptions {
  readonly auth?: Readonly<Record<string, unknown>>;
  readonly configuration?: Readonly<Record<string, unknown>>;
  readonly listen?: Readonly<Record<string, unknown>>;
  /** Its own URL is its public one, so that other processes can have the same. */
  readonly isPublic?: boolean;
}

/** While it is open, this process trusts its certificate. */
export async function openSite(kind: Kind, options: SiteOptions = {}): Promise<Site> {
  const { auth: more, configuration, isPublic = false, listen: listening, ...start } = options;
  const stack = new AsyncDisposableStack();
  const port = await freePort();
  const base = kind === 'tls' ? `https://localhost:${port}` : `http://127.0.0.1:${port}`;
  const people = stack.use(await openPeopleProvider([`${base}/oauth/callback`]));
  const { clientId, clientSecret, issuer } = people;
  const auth = { mode: 'key', oidc: { issuer, clientId, clientSecret }, server: true, ...more };
  const listen = { port, ...(isPublic && { publicUrl: base }), ...listening };
  const all = { auth, ...configuration };
  if (kind === 'loopback') {
    const up = stack.use(await serveRaw({ era: 'session' }));
    const mcpServers = { up: { url: up.url, type: 'http' } };
    const started = stack.use(await startGateway({ mcpServers, ...all, listen }, start));
    return siteOf(stack, { started, up, people, base, ca: undefined, auth, listen });
  }
  const pki = stack.use(await openPki());
  stack.use(trustAuthority(pki.authority));
  const { started, up } = stack.use(await startSecured(pki, all, { ...start, listen }));
  const files = { cert: `${pki.folder}/cert.pem`, key: `${pki.folder}/key.pem` };
  return siteOf(stack, { started, up, people, base, ca: pki.authority.cert, auth, listen: { ...listen, tls: files } });
}

function siteOf(stack: AsyncDisposableStack, parts: Omit<Site, typeof Symbol.asyncDispose>): Site {
  return { ...parts, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** What a request to it needs besides. */
export function secureFor({ ca }: Pick<Site, 'ca'>): Asked {
  return ca === undefined ? {} : { with: { ca } };
}

/** Nobody listens there: a browser of these tests stops before. */
export const CALLBACK = 'http://127.0.0.1:1/callback';

export function isCallback(url: string): boolean {
  return url.startsWith(CALLBACK);
}

/** What an application keeps. */
export class Application implements OAuthClientProvider {
  readonly redirectUrl: string;
  readonly clientMetadata: OAuthClientProvider['clientMetadata'];
  /** Where the person was to be sent. */
  asked: URL | undefined;
  #client: StoredOAuthClientInformation | undefined;
  #tokens: StoredOAuthTokens | undefined;
  #verifier = '';
  #discovered: OAuthDiscoveryState | undefined;

  constructor(name = 'Library', redirectUrl: string = CALLBACK) {
    this.redirectUrl = redirectUrl;
    this.clientMetadata = {
      client_name: name,
      redirect_uris: [redirectUrl],
      token_endpoint_auth_method: 'none',
    };
  }

  state(): string {
    return 'the state';
  }
  clientInformation(): StoredOAuthClientInformation | undefined {
    return this.#client;
  }
  saveClientInformation(client: StoredOAuthClientInformation): void {
    this.#client = client;
  }
  tokens(): StoredOAuthTokens | undefined {
    return this.#tokens;
  }
  saveTokens(tokens: StoredOAuthTokens): void {
    this.#tokens = tokens;
  }
  redirectToAuthorization(url: URL): void {
    this.asked = url;
  }
  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }
  codeVerifier(): string {
    return this.#verifier;
  }
  saveDiscoveryState(state: OAuthDiscoveryState): void {
    this.#discovered = state;
  }
  discoveryState(): OAuthDiscoveryState | undefined {
    return this.#discovered;
  }
}

/** From where an application sends its person to the page that asks: past the sign-in, if one is wanted. */
export async function toConsent(web: WebBrowser, url: string): Promise<WebPage> {
  const page = await web.open(url, isCallback);
  return page.status === 401 ? await web.submit(page, 'Sign in with', {}, isCallback) : page;
}

/** To the answer that the application gets. */
export async function approve(web: WebBrowser, consent: WebPage): Promise<URLSearchParams> {
  const back = await web.submit(consent, 'approve', { decision: 'approve' }, isCallback);
  if (!isCallback(back.url)) throw new Error(`the answer is no answer: ${back.status} ${back.text}`);
  return new URL(back.url).searchParams;
}

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly expires_in: number;
  readonly scope: string;
  readonly clientId: string;
}

/** One request to an endpoint of OAuth, by hand. */
export function post(site: Site, path: string, form: Readonly<Record<string, string>>): Promise<Answered> {
  return ask(`${site.base}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
    ...secureFor(site),
  });
}

/** Registers a client. Resolves with its id. */
export async function register(site: Site, metadata: object = {}): Promise<string> {
  const answer = await ask(`${site.base}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'By hand',
      redirect_uris: [CALLBACK],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      ...metadata,
    }),
    ...secureFor(site),
  });
  if (answer.status !== 201) throw new Error(`not registered: ${answer.status} ${answer.body}`);
  return (JSON.parse(answer.body) as { readonly client_id: string }).client_id;
}

export interface Wanted {
  /** A client that is registered already: only so many are in a minute. */
  readonly clientId?: string;
  readonly scope?: string;
  readonly resource?: string;
}

/** Where the person is sent for a client made by hand, and the verifier of its request. */
export function authorizeUrl(
  site: Site,
  clientId: string,
  wanted: Omit<Wanted, 'clientId'> = {},
): { url: string; verifier: string } {
  const verifier = randomBytes(32).toString('base64url');
  const url = new URL(`${site.base}/oauth/authorize`);
  const parameters = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: CALLBACK,
    code_challenge: hash('sha256', verifier, 'base64url'),
    code_challenge_method: 'S256',
    state: 'the state',
    ...wanted,
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return { url: url.href, verifier };
}

/** Everything from the registration to the tokens. */
export async function obtain(
  site: Site,
  web: WebBrowser,
  { clientId: known, ...wanted }: Wanted = {},
): Promise<Tokens> {
  const clientId = known ?? (await register(site));
  const { url, verifier } = authorizeUrl(site, clientId, wanted);
  const answer = await approve(web, await toConsent(web, url));
  const code = answer.get('code') ?? '';
  const redeemed = await post(site, '/oauth/token', {
    grant_type: 'authorization_code',
    code,
    client_id: clientId,
    redirect_uri: CALLBACK,
    code_verifier: verifier,
  });
  if (redeemed.status !== 200) throw new Error(`no tokens: ${redeemed.status} ${redeemed.body}`);
  return { ...(JSON.parse(redeemed.body) as Omit<Tokens, 'clientId'>), clientId };
}
