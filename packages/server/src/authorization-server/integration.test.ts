/**
 * The whole way with independent peers: the official client library asks, a browser walks, people sign in at a certified
 * OpenID provider, over TLS and on plain loopback.
 */

import {
  auth,
  discoverAuthorizationServerMetadata,
  type OAuthClientProvider,
  type OAuthDiscoveryState,
  type StoredOAuthClientInformation,
  type StoredOAuthTokens,
} from '@modelcontextprotocol/client';
import { createSecretKey, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFailureLimit } from '../auth/failures.ts';
import { createBrowser, type Browser } from '../browser/create.ts';
import { createProvider } from '../browser/provider.ts';
import { createMemoryRecords } from '../memory-records.ts';
import { openPeopleProvider, type PeopleProvider } from '../browser/testing/people-provider.ts';
import { createCertificate, MINUTE, openServer, type Certificate } from '../browser/testing/site.ts';
import { WebBrowser, type WebPage } from '../browser/testing/web-browser.ts';
import { createWorld, outcome, TestServer, type World } from './testing/server.ts';

const CALLBACK = 'http://127.0.0.1:1/callback';
const isCallback = (url: string): boolean => url.startsWith(CALLBACK);
const fixtures: { certificate?: Certificate } = {};
beforeAll(() => {
  fixtures.certificate = createCertificate();
});

/** What an application keeps. */
class Application implements OAuthClientProvider {
  readonly redirectUrl: string = CALLBACK;
  readonly clientMetadata: OAuthClientProvider['clientMetadata'];
  asked: URL | undefined;
  #client: StoredOAuthClientInformation | undefined;
  #tokens: StoredOAuthTokens | undefined;
  #verifier = '';
  #discovered: OAuthDiscoveryState | undefined;

  constructor(method: string) {
    this.clientMetadata = { client_name: 'Library', redirect_uris: [CALLBACK], token_endpoint_auth_method: method };
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

describe.each(['tls', 'loopback'] as const)('the official client, %s', (kind) => {
  const made: { at?: TestServer; people?: PeopleProvider; browser?: Browser } = {};
  const clock = { aheadMs: 0 };
  const ca = (): string | undefined => (kind === 'tls' ? fixtures.certificate?.cert : undefined);

  beforeAll(async () => {
    const server = await openServer(kind === 'tls' ? fixtures.certificate : undefined);
    made.people = await openPeopleProvider([`${server.origin}/oauth/callback`]);
    const people = made.people;
    const world: World = {
      ...createWorld({
        present: async ({ principal, renewal }) =>
          renewal === undefined ? principal : await made.browser?.renew(renewal),
      }),
      browser: () => (made.browser = browserAt(people, () => Date.now() + clock.aheadMs)),
    };
    made.at = await TestServer.start(world, server);
  });
  afterAll(async () => {
    await made.at?.[Symbol.asyncDispose]();
    await made.people?.close();
  });

  /** HTTP as the client library wants it, without cookies. */
  const fetchFn = async (url: string | URL, init: RequestInit = {}): Promise<Response> => {
    const body = init.body === undefined || init.body === null ? undefined : String(init.body as URLSearchParams);
    const headers = Object.fromEntries(new Headers(init.headers));
    const {
      headers: answered,
      status,
      text,
    } = await new WebBrowser(ca()).send(String(url), {
      method: init.method ?? 'GET',
      headers,
      ...(body !== undefined && { body }),
    });
    return new Response(text, { status, headers: { 'content-type': answered['content-type'] ?? 'text/plain' } });
  };
  /** As far as the consent page. */
  const toConsent = async (application: Application, web: WebBrowser): Promise<WebPage> => {
    const serverUrl = `${made.at?.origin}/mcp`;
    expect(await auth(application, { serverUrl, fetchFn })).toBe('REDIRECT');
    const page = await web.open(String(application.asked));
    return page.status === 401 ? await web.submit(page, 'Sign in with the Test Office') : page;
  };
  const finish = async (application: Application, { url }: WebPage, iss?: string): Promise<string> => {
    const answer = new URL(url).searchParams;
    expect(answer.get('state')).toBe('the state');
    return await auth(application, {
      serverUrl: `${made.at?.origin}/mcp`,
      authorizationCode: answer.get('code') as string,
      iss: iss ?? (answer.get('iss') as string),
      fetchFn,
    });
  };

  it.each(['none', 'client_secret_basic', 'client_secret_post'])(
    'gets tokens as %s, uses and renews them',
    async (method) => {
      const at = made.at as TestServer;
      const people = made.people as PeopleProvider;
      people.person = { subject: 'alice', roles: ['developer'], groups: ['eng'] };
      const application = new Application(method);
      const web = new WebBrowser(ca());
      const consent = await toConsent(application, web);
      expect(consent.text).toContain('Library');
      expect(consent.text).toContain('127.0.0.1:1');
      const back = await web.submit(consent, 'approve', { decision: 'approve' }, isCallback);
      expect(await finish(application, back)).toBe('AUTHORIZED');
      const first = application.tokens() as StoredOAuthTokens;
      expect(await at.verify(first.access_token)).toMatchObject({
        principal: {
          issuer: people.issuer,
          subject: 'alice',
          roles: ['developer'],
          groups: ['eng'],
          scopes: ['tools'],
        },
      });
      expect(await auth(application, { serverUrl: `${at.origin}/mcp`, fetchFn })).toBe('AUTHORIZED');
      const second = application.tokens() as StoredOAuthTokens;
      expect(second.refresh_token).not.toBe(first.refresh_token);
      expect(outcome(await at.verify(second.access_token))).toBe('alice');
    },
  );

  it('P1-05 has the roles that the person has at the provider when it renews its tokens, and none when it is gone', async () => {
    const at = made.at as TestServer;
    const people = made.people as PeopleProvider;
    people.person = { subject: 'alice', roles: ['admin'], groups: ['eng'] };
    const web = new WebBrowser(ca());
    const applications = [new Application('none'), new Application('none')];
    for (const application of applications) {
      const back = await web.submit(await toConsent(application, web), 'approve', { decision: 'approve' }, isCallback);
      await finish(application, back);
    }
    const renewed = async (application: Application): Promise<unknown> => {
      clock.aheadMs += MINUTE;
      await auth(application, { serverUrl: `${at.origin}/mcp`, fetchFn });
      const found = await at.verify(application.tokens()?.access_token ?? '');
      return found !== undefined && 'principal' in found ? found.principal.roles : outcome(found);
    };
    people.person = { subject: 'alice', roles: ['viewer'], groups: [] };
    // The two share one sign-in, or have one each; a token of the provider is never shown twice.
    for (const application of [...applications, ...applications])
      expect(await renewed(application)).toEqual(['viewer']);
    await people.forget();
    clock.aheadMs += MINUTE;
    for (const application of applications) {
      const { access_token: token } = application.tokens() as StoredOAuthTokens;
      await expect(auth(application, { serverUrl: `${at.origin}/mcp`, fetchFn })).rejects.toThrow('revoked');
      expect(outcome(await at.verify(token))).toBe('invalid');
    }
  });

  it('is told when the person says no', async () => {
    const web = new WebBrowser(ca());
    const consent = await toConsent(new Application('none'), web);
    const back = await web.submit(consent, 'deny', { decision: 'deny' }, isCallback);
    expect(new URL(back.url).searchParams.get('error')).toBe('access_denied');
  });

  it('asks for no token with an answer that names another server (mix-up)', async () => {
    const at = made.at as TestServer;
    const application = new Application('none');
    const web = new WebBrowser(ca());
    const consent = await toConsent(application, web);
    const back = await web.submit(consent, 'approve', { decision: 'approve' }, isCallback);
    const issued = (): number => at.world.events.filter((each) => each.kind === 'issued').length;
    const before = issued();
    await expect(finish(application, back, 'https://other.example')).rejects.toThrow('Issuer mismatch');
    expect([issued() - before, application.tokens()]).toEqual([0, undefined]);
  });

  it('UPS-11 is asked about once more although the same browser approved another client', async () => {
    const web = new WebBrowser(ca());
    const first = await toConsent(new Application('none'), web);
    await web.submit(first, 'approve', { decision: 'approve' }, isCallback);
    const grants = (await made.at?.world.grants.list())?.length;
    const second = await toConsent(new Application('none'), web);
    expect([second.status, second.headers['x-frame-options'] ?? second.headers['content-security-policy']]).toEqual([
      200,
      expect.stringMatching(/DENY|frame-ancestors 'none'/),
    ]);
    expect(await made.at?.world.grants.list()).toHaveLength(grants as number);
  });

  it('P2-02 another browser has no use for a page of this one', async () => {
    const consent = await toConsent(new Application('none'), new WebBrowser(ca()));
    const grants = (await made.at?.world.grants.list())?.length;
    const other = new WebBrowser(ca());
    // On plain loopback the page itself carries the sign-in, for one submission.
    if (kind === 'loopback') await other.submit(consent, 'deny', { decision: 'deny' }, isCallback);
    const answer = await other.submit(consent, 'approve', { decision: 'approve' }, isCallback);
    expect([answer.status, isCallback(answer.url)]).toEqual([401, false]);
    expect(await made.at?.world.grants.list()).toHaveLength(grants as number);
  });

  it('finds the metadata, under its own issuer, and no OpenID provider', async () => {
    const at = made.at as TestServer;
    const metadata = await discoverAuthorizationServerMetadata(at.origin, { fetchFn });
    expect(metadata).toMatchObject({ issuer: at.origin, code_challenge_methods_supported: ['S256'] });
    for (const path of ['/.well-known/openid-configuration', '/.well-known/openid-configuration/mcp']) {
      expect((await fetchFn(at.origin + path)).status).toBe(404);
    }
    expect((await fetchFn(`${at.origin}/.well-known/oauth-authorization-server/mcp`)).status).toBe(200);
  });
});

function browserAt(people: PeopleProvider, now: () => number): Browser {
  const isSecure = (request: IncomingMessage): boolean => 'encrypted' in request.socket;
  return createBrowser({
    product: 'Sallyport',
    records: createMemoryRecords(now),
    now,
    random: randomBytes,
    renewalMs: 60 * MINUTE,
    lifetimes: { idleMs: 30 * MINUTE, absoluteMs: 12 * 60 * MINUTE, rotateMs: 15 * MINUTE },
    provider: createProvider({
      name: 'the Test Office',
      issuer: people.issuer,
      clientId: people.clientId,
      clientSecret: people.clientSecret,
      scopes: ['openid'],
      algorithms: ['RS256'],
      clockToleranceMs: MINUTE,
      claims: { roles: 'roles', groups: 'groups' },
      fetch,
      now: Date.now,
    }),
    isSecure,
    isLocal: (request) => !isSecure(request),
    addressOf: (request) => request.socket.remoteAddress,
    publicUrl: undefined,
    returnPaths: ['/oauth/authorize'],
    key: createSecretKey(randomBytes(32)),
    failures: createFailureLimit(60, Date.now),
    codeHint: 'Ask for one.',
    purposes: {},
    report: () => {},
  });
}
