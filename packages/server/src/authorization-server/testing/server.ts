/**
 * For tests: authorization servers on free loopback ports, over records that they share, with a stand-in for the part that
 * knows people, and a client that walks through a whole grant.
 */

import { createHash, createSecretKey, randomBytes } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { JsonObject } from '@sallyport/wire';
import type { Credentials } from '../../auth/authenticate.ts';
import { createFailureLimit } from '../../auth/failures.ts';
import { createProtectedResources, type ProtectedResources } from '../../auth/protected-resource.ts';
import type { Proved } from '../../auth/proof.ts';
import type { Browser } from '../../browser/create.ts';
import { html } from '../../browser/html.ts';
import { createPages } from '../../browser/pages.ts';
import { openServer, type SiteServer } from '../../browser/testing/site.ts';
import type { BrowserIdentity, BrowserSession } from '../../browser/types.ts';
import type { Principal } from '../../exchange.ts';
import { createAuthorizationServer, type AuthorizationServer, type AuthorizationServerOptions } from '../create.ts';
import type { AuthorizationEvent } from '../events.ts';
import { createTestRecords, type TestRecords } from './records.ts';

export const ALICE: Principal = {
  issuer: 'https://idp.example',
  subject: 'alice',
  roles: ['dev'],
  groups: ['eng'],
  claims: { email: 'alice@corp.example' },
};
export const REDIRECT_URI = 'https://app.example/cb';
export const START_MS = 1_700_000_000_000;

type TestBrowser = BrowserIdentity & Partial<Pick<Browser, 'route'>>;

/** What the servers of one test have in common. */
export interface World {
  readonly clock: { nowMs: number };
  readonly clients: TestRecords;
  readonly grants: TestRecords;
  readonly events: AuthorizationEvent[];
  /** Who sits at the browser. */
  person: Principal | undefined;
  /** Instead of the stand-in. */
  readonly browser?: (origin: string) => TestBrowser;
  readonly options: Partial<AuthorizationServerOptions>;
  readonly key: AuthorizationServerOptions['key'];
}

export function createWorld(options: Partial<AuthorizationServerOptions> = {}): World {
  const clock = { nowMs: START_MS };
  const now = (): number => clock.nowMs;
  return {
    clock,
    clients: createTestRecords(now),
    grants: createTestRecords(now),
    events: [],
    person: ALICE,
    options,
    key: createSecretKey(randomBytes(32)),
  };
}

export class TestServer implements AsyncDisposable {
  readonly origin: string;
  readonly server: AuthorizationServer;
  readonly world: World;
  readonly #http: Server;
  readonly #browser: TestBrowser;
  readonly #resources: ProtectedResources;

  private constructor({ origin, server }: SiteServer, world: World) {
    this.origin = origin;
    this.#http = server;
    this.world = world;
    this.#browser = world.browser?.(origin) ?? standIn(world);
    this.#resources = createProtectedResources({
      bases: () => [origin],
      path: '/mcp',
      otherPaths: [],
      authorizationServers: [origin],
      scopes: ['tools'],
      name: 'test',
    });
    this.server = this.another();
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      const path = (request.url ?? '').replace(/\?.*$/, '');
      const handler = this.server.route(path) ?? this.#browser.route?.(path);
      const metadata = this.#resources.metadata({ path });
      if (handler !== undefined) handler(request, response);
      else response.writeHead(metadata === undefined ? 418 : 200).end(JSON.stringify(metadata));
    };
    server.on('request', answer).on('checkContinue', answer);
  }

  /** `at` is a server that listens and answers nothing yet. */
  static async start(world: World = createWorld(), at?: SiteServer): Promise<TestServer> {
    return new TestServer(at ?? (await openServer()), world);
  }

  /** As in another process: what it has in memory is its own. */
  another(): AuthorizationServer {
    const { clients, clock, events, grants, key, options } = this.world;
    const now = (): number => clock.nowMs;
    return createAuthorizationServer({
      issuer: () => this.origin,
      resources: this.#resources,
      records: { clients, grants },
      key,
      browser: this.#browser,
      scopes: { all: ['tools', 'prompts'], required: ['tools'] },
      registration: true,
      clientIdMetadata: false,
      accessTokenMs: 3_600_000,
      refreshTokenMs: 30 * 86_400_000,
      signInMs: 60 * 86_400_000,
      present: ({ principal }) => Promise.resolve(principal),
      failures: createFailureLimit(60, now),
      fetch: () => Promise.reject(new Error('nothing is fetched in this test')),
      addressOf: (request: IncomingMessage) => (request.headers['x-address'] as string | undefined) ?? '192.0.2.1',
      report: (event) => events.push(event),
      now,
      random: randomBytes,
      ...options,
    });
  }

  async get(path: string, init: RequestInit = {}): Promise<Response> {
    return await fetch(new URL(path, this.origin), { redirect: 'manual', ...init });
  }

  async post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
    const isForm = body instanceof URLSearchParams;
    const type = isForm ? 'application/x-www-form-urlencoded' : 'application/json';
    const text = isForm || typeof body === 'string' ? String(body) : JSON.stringify(body);
    return await this.get(path, { method: 'POST', body: text, headers: { 'content-type': type, ...headers } });
  }

  async register(metadata: JsonObject = {}, headers: Record<string, string> = {}): Promise<TestClient> {
    const document = {
      redirect_uris: [REDIRECT_URI],
      client_name: 'Test client',
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
      ...metadata,
    };
    const given = await this.post('/oauth/register', document, headers);
    if (given.status !== 201) throw new Error(`registration: ${given.status} ${await given.text()}`);
    const { client_id: id, client_secret: secret } = (await given.json()) as Record<string, string>;
    return new TestClient(this, id as string, secret);
  }

  /** What a credential is worth at a path. */
  async verify(token: string, path = '/mcp'): Promise<Proved> {
    return await this.server.verify(credentials(`Bearer ${token}`, path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }
}

export function credentials(authorization: string | undefined, path = '/mcp'): Credentials {
  return { authorization, path, certificate: undefined, connection: {}, local: false, address: '192.0.2.1' };
}

/** The subject that was found, or the problem. */
export function outcome(proved: Proved): string | undefined {
  if (proved === undefined) return undefined;
  if ('problem' in proved) return proved.problem;
  return 'principal' in proved ? proved.principal.subject : proved.subject;
}

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token?: string;
  readonly expires_in: number;
  readonly scope: string;
}

/** A client that registered, and the walk through its grants. */
export class TestClient {
  readonly verifier: string = 'v'.repeat(43);
  readonly id: string;
  readonly secret: string | undefined;
  readonly #at: TestServer;

  constructor(at: TestServer, id: string, secret: string | undefined) {
    this.#at = at;
    this.id = id;
    this.secret = secret;
  }

  /** The path of a good request, with other or without some parameters. */
  request(change: Readonly<Record<string, string | undefined>> = {}): string {
    const parameters: Record<string, string | undefined> = {
      response_type: 'code',
      client_id: this.id,
      redirect_uri: REDIRECT_URI,
      code_challenge: challengeOf(this.verifier),
      code_challenge_method: 'S256',
      state: 'st&te',
      ...change,
    };
    const given = Object.entries(parameters).filter((each): each is [string, string] => each[1] !== undefined);
    return `/oauth/authorize?${new URLSearchParams(given).toString()}`;
  }

  /** Where a person who decides so is sent. */
  async decide(decision: string, change: Readonly<Record<string, string | undefined>> = {}): Promise<URL> {
    const page = await this.#at.get(this.request(change));
    const text = await page.text();
    if (page.status !== 200) throw new Error(`no consent page: ${page.status} ${text}`);
    const { action, csrf } = readConsent(text);
    const answer = await this.#at.post(action, new URLSearchParams({ csrf, decision }));
    return new URL(answer.headers.get('location') ?? readLeave(await answer.text()));
  }

  async code(change: Readonly<Record<string, string | undefined>> = {}): Promise<string> {
    const code = (await this.decide('approve', change)).searchParams.get('code');
    if (code === null) throw new Error('no code');
    return code;
  }

  /** Asks the token endpoint as itself. */
  async token(fields: Readonly<Record<string, string | undefined>>): Promise<Response> {
    const own = { client_id: this.id, ...(this.secret !== undefined && { client_secret: this.secret }) };
    const given = Object.entries({ ...own, ...fields }).filter(
      (each): each is [string, string] => each[1] !== undefined,
    );
    return await this.#at.post('/oauth/token', new URLSearchParams(given));
  }

  async exchange(code: string, change: Readonly<Record<string, string | undefined>> = {}): Promise<Response> {
    const fields = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, code_verifier: this.verifier };
    return await this.token({ ...fields, ...change });
  }

  async refresh(
    token: string | undefined,
    change: Readonly<Record<string, string | undefined>> = {},
  ): Promise<Response> {
    return await this.token({ grant_type: 'refresh_token', refresh_token: token, ...change });
  }

  async revoke(token: string): Promise<Response> {
    const own = { client_id: this.id, ...(this.secret !== undefined && { client_secret: this.secret }) };
    return await this.#at.post('/oauth/revoke', new URLSearchParams({ ...own, token }));
  }

  /** The same client, at another process. */
  at(server: TestServer): TestClient {
    return new TestClient(server, this.id, this.secret);
  }

  /** From the approval to the tokens. */
  async grant(change: Readonly<Record<string, string | undefined>> = {}): Promise<Tokens> {
    const given = await this.exchange(await this.code(change));
    if (given.status !== 200) throw new Error(`no tokens: ${given.status} ${await given.text()}`);
    return (await given.json()) as Tokens;
  }
}

export function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}

/** The form of the consent page. */
export function readConsent(page: string): { readonly action: string; readonly csrf: string } {
  const action = / action="([^"]*)"/.exec(page)?.[1]?.replaceAll('&amp;', '&');
  const csrf = / name="csrf" value="([^"]*)"/.exec(page)?.[1];
  if (action === undefined || csrf === undefined) throw new Error(`no form: ${page}`);
  return { action, csrf };
}

/** Where a page sends the browser on to. */
function readLeave(page: string): string {
  const url = /content="0; url=([^"]*)"/.exec(page)?.[1]?.replaceAll('&amp;', '&');
  if (url === undefined) throw new Error(`leads nowhere: ${page}`);
  return url;
}

/** A browser that everybody uses whom the world puts before it. Its proof is the person and the purpose. */
function standIn(world: World): BrowserIdentity {
  const pages = createPages('Test');
  const proof = ({ subject }: Principal, purpose: string): string => `${subject} ${purpose}`;
  const sessionOf = (principal: Principal): BrowserSession => ({
    principal,
    signedInMs: world.clock.nowMs,
    fields: (purpose) => html`<input type="hidden" name="csrf" value="${proof(principal, purpose)}" />`,
  });
  return {
    signedIn: async () => world.person && sessionOf(world.person),
    startSignIn: (_request, response, returnTo) => response.writeHead(401, { 'x-return-to': returnTo }).end(),
    posted: async (request, response, purpose) => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      const form = new URLSearchParams(body);
      const { person } = world;
      if (person !== undefined && form.get('csrf') === proof(person, purpose))
        return { session: sessionOf(person), form };
      response.writeHead(403).end();
      return undefined;
    },
    page: (response, content) => pages.page(response, content),
    leave: (response, url, name) => pages.leave(response, url, name),
  };
}
