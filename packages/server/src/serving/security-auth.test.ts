/** What a served server promises of its callers: credentials, people at browsers, registration. The numbers are the policy's rows. */

import { createSecretKey, randomBytes } from 'node:crypto';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { createKeyTable } from '../auth/keys.ts';
import { openPeopleProvider } from '../browser/testing/people-provider.ts';
import { WebBrowser } from '../browser/testing/web-browser.ts';
import { html } from '../browser/html.ts';
import { createServer, type McpServer } from '../framework/server.ts';
import { fakeIssuer, type FakeIssuer } from '../kit/issuer.ts';
import { openCertificates, type Certificates } from '../testing/certificates.ts';
import { apiKey } from './auth/api-key.ts';
import { authentik } from './auth/authentik.ts';
import { bearer } from './auth/bearer.ts';
import { dev } from './auth/dev.ts';
import { mtls } from './auth/mtls.ts';
import { auth0, google, keycloak, microsoft, okta } from './auth/presets.ts';
import { session } from './auth/session.ts';
import { introspection, jwt, oidc } from './auth/tokens.ts';
import { ServeError } from './errors.ts';
import { createMemoryRecords } from '../memory-records.ts';
import type { ServeOptions } from './options.ts';
import type { RateCaller } from './rates.ts';
import { createRecordKeys } from './record-keys.ts';
import { serve, type Serving } from './serve.ts';
import { ask, call, INITIALIZE, keptLog, stateless, type Answered } from './testing/ask.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

let folder: Certificates | undefined;
afterAll(() => folder?.remove());

function team(): McpServer {
  const server = createServer({ name: 'team', version: '1.0.0', log: () => {} });
  const inputSchema = { type: 'object' } as const;
  server.addTool({ name: 'whoami', description: 'Who calls.', inputSchema }, (_given, { user }) =>
    JSON.stringify(user),
  );
  server.addTool({ name: 'principal', description: 'The same.', inputSchema }, (_given, { principal }) =>
    JSON.stringify(principal),
  );
  const forAdmins = { name: 'wipe', description: 'For admins.', inputSchema, requireRole: 'admin' };
  server.addTool(forAdmins, () => 'wiped');
  server.addTool({ name: 'write', description: 'Writes.', inputSchema, requireScope: 'notes:write' }, () => 'written');
  return server;
}

async function site(options: ServeOptions): Promise<Serving & { readonly url: string; readonly port: number }> {
  const serving = await serve(team(), { http: true, log: false, ...options });
  ends.push(() => serving.destroy());
  return serving as Serving & { readonly url: string; readonly port: number };
}

async function issuer(): Promise<FakeIssuer> {
  const made = await fakeIssuer();
  ends.push(() => made.close());
  return made;
}

function as(url: string, token: string, tool = 'whoami'): Promise<Answered> {
  return ask(url, call(tool, {}, { authorization: `Bearer ${token}` }));
}

function userIn({ json }: Answered): unknown {
  const text = (json as { result?: { content?: { text: string }[] } })?.result?.content?.[0]?.text;
  return text === undefined ? undefined : JSON.parse(text);
}

const KEY = randomBytes(32).toString('base64url');
const OTHER = randomBytes(32).toString('base64url');

describe('keys', () => {
  it('S2-27 bring the roles of their caller to the tool, each request its own', async () => {
    const keys = [
      { name: 'ann', key: KEY, roles: ['admin'] },
      { name: 'bob', key: OTHER, roles: ['reader'] },
    ];
    const { url } = await site({ auth: apiKey({ keys }) });
    const answers = await Promise.all(Array.from({ length: 40 }, (_, at) => as(url, at % 2 === 0 ? KEY : OTHER)));
    expect(answers.map(userIn)).toEqual(
      answers.map((_, at) =>
        expect.objectContaining(at % 2 === 0 ? { id: 'ann', roles: ['admin'] } : { id: 'bob', roles: ['reader'] }),
      ),
    );
    expect((await as(url, KEY, 'wipe')).text).toContain('wiped');
    const [denied, unknown] = [await as(url, OTHER, 'wipe'), await as(url, OTHER, 'wipf')];
    expect(denied.text.replaceAll('wipe', '_')).toBe(unknown.text.replaceAll('wipf', '_'));
    for (const wrong of ['', KEY.slice(1), `${KEY}x`]) expect((await as(url, wrong)).status).toBe(401);
    expect((await ask(`${url}?key=${KEY}`, call('whoami'))).status).toBe(401);
  });

  it('S2-13 are counted together where the author says so', async () => {
    const keys = [
      { name: 'ann', key: KEY, roles: ['of one tenant'] },
      { name: 'bob', key: OTHER, roles: ['of one tenant'] },
    ];
    const key = ({ principal }: RateCaller): string | undefined => principal?.roles[0];
    const { url } = await site({ auth: apiKey({ keys }), limits: { rate: { perPrincipal: '1/h', key } } });
    expect([(await as(url, KEY)).status, (await as(url, OTHER)).status]).toEqual([200, 429]);
  });

  it('S2-34 slow down who guesses, and say so; a good key goes on', async () => {
    const { lines, log } = keptLog();
    const keys = [{ name: 'ann', key: KEY, roles: [] }];
    const { url } = await site({ auth: apiKey({ keys }), log, limits: { failedAuthentications: 2 } });
    for (const status of [401, 401, 429]) expect((await as(url, OTHER)).status).toBe(status);
    expect((await as(url, KEY)).status).toBe(200);
    expect(lines.join()).toContain('a credential was refused');
    expect(lines.join()).not.toContain(OTHER);
  });

  it('S2-04 of a store are kept as hashes, expire, and end when they are revoked', async () => {
    const [keys, uses] = [createMemoryRecords(), createMemoryRecords()];
    const clock = { nowMs: Date.now() };
    const table = createKeyTable({
      storage: createRecordKeys(keys, uses),
      hmacKey: createSecretKey(randomBytes(32)),
      now: () => clock.nowMs,
      random: randomBytes,
    });
    const ann = await table.create({ name: 'ann', roles: ['admin'], expiresAtMs: clock.nowMs + 1000 });
    const bob = await table.create({ name: 'bob' });
    expect(JSON.stringify(await keys.list())).not.toContain(bob.key.slice(-20));
    const { url } = await site({ auth: apiKey({ table }) });
    expect(userIn(await as(url, ann.key))).toMatchObject({ id: 'ann', roles: ['admin'] });
    expect((await as(url, bob.key)).status).toBe(200);
    clock.nowMs += 1000;
    expect((await as(url, ann.key)).status).toBe(401);
    await table.revoke('bob');
    expect((await as(url, bob.key)).status).toBe(401);
  });

  it('are refused when anybody would guess them', () => {
    expect(() => apiKey({ keys: [{ name: 'a', key: 'changeme'.repeat(5), roles: [] }] })).toThrow(ServeError);
    expect(() => apiKey({})).toThrow('neither');
  });
});

describe('a session', () => {
  it('S2-07 belongs to its principal: with its id alone nobody is let in', async () => {
    const keys = [
      { name: 'ann', key: KEY, roles: [] },
      { name: 'bob', key: OTHER, roles: [] },
    ];
    const { url } = await site({ auth: apiKey({ keys }) });
    const ofAnn = { authorization: `Bearer ${KEY}` };
    const opened = await ask(url, { body: INITIALIZE, headers: ofAnn });
    const own = { 'mcp-session-id': String(opened.headers['mcp-session-id']), 'mcp-protocol-version': '2025-11-25' };
    const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
    expect((await ask(url, { body: ping, headers: { ...own, ...ofAnn } })).status).toBe(200);
    expect((await ask(url, { body: ping, headers: own })).status).toBe(401);
    expect((await ask(url, { body: ping, headers: { ...own, authorization: `Bearer ${OTHER}` } })).status).toBe(404);
  });
});

describe('tokens', () => {
  it('S2-33 S2-32 need a good signature, issuer, audience and time; S2-27 and bring roles, groups and scopes', async () => {
    const made = await issuer();
    const provider = { ...keycloak({ url: made.issuer, realm: 'x' }), issuer: made.issuer, algorithms: ['ES256'] };
    const { url } = await site({ auth: oidc({ provider }), scopes: ['mcp'] });
    const claims = { realm_access: { roles: ['admin'] }, groups: ['staff'] };
    const good = { audience: url, scopes: ['mcp'], claims };
    const answer = await as(url, await made.token(good));
    expect(userIn(answer)).toMatchObject({ id: 'alice', roles: ['admin'], groups: ['staff'], scopes: ['mcp'] });
    // A minute of difference between clocks is forgiven.
    expect((await as(url, await made.token({ ...good, expiresInSeconds: -30 }))).status).toBe(200);
    const now = Math.floor(Date.now() / 1000);
    const refused = [
      await made.token({ ...good, expiresInSeconds: -90 }),
      await made.token({ ...good, audience: 'https://elsewhere.example/mcp' }),
      await made.token({ ...good, claims: { ...claims, nbf: now + 90 } }),
      await made.token({ ...good, claims: { ...claims, iss: `${made.issuer}/` } }),
      await made.token({ ...good, claims: { ...claims, iss: [made.issuer] } }),
      await made.token({ ...good, claims: { ...claims, nonce: 'n', at_hash: 'h' } }).then(unsigned),
      unsigned(await made.token(good)),
      `${(await made.token(good)).slice(0, -8)}AAAAAAAA`,
    ];
    for (const token of refused) expect((await as(url, token)).status).toBe(401);
    const lacking = await as(url, await made.token({ ...good, scopes: [] }));
    expect(lacking.status).toBe(403);
    expect(lacking.headers['www-authenticate']).toContain('error="insufficient_scope"');
  });

  it('lead a client to what it needs: metadata (RFC 9728), and the scopes of a tool', async () => {
    const made = await issuer();
    const auth = jwt({ issuer: made.issuer, jwks: made.jwksUri, algorithms: ['ES256'] });
    const { port, url } = await site({ auth, sse: true });
    const stranger = await ask(url, call('whoami'));
    expect(stranger.status).toBe(401);
    expect(stranger.headers['www-authenticate']).toContain('Bearer realm="mcp"');
    const at = /resource_metadata="([^"]+)"/.exec(String(stranger.headers['www-authenticate']))?.[1] ?? '';
    expect(at).toBe(`http://127.0.0.1:${port}/.well-known/oauth-protected-resource/mcp`);
    expect((await ask(at)).json).toEqual({
      resource: url,
      authorization_servers: [made.issuer],
      bearer_methods_supported: ['header'],
      resource_name: 'team',
    });
    const lacking = await as(url, await made.token({ audience: url, scopes: ['notes:read'] }), 'write');
    expect(lacking.status).toBe(403);
    expect(lacking.headers['www-authenticate']).toContain('scope="notes:write"');
    const able = await made.token({ audience: url, scopes: ['notes:write'] });
    expect((await as(url, able, 'write')).text).toContain('written');
  });

  it('that are opaque are looked up', async () => {
    const asked: string[] = [];
    const answer = { active: true, iss: 'http://127.0.0.1:1', sub: 'alice', aud: 'api', scope: 'a', roles: ['admin'] };
    const auth = introspection({
      issuer: 'http://127.0.0.1:1',
      endpoint: 'http://127.0.0.1:1/introspect',
      audience: ['api'],
      clientId: 'us',
      clientSecret: OTHER,
      fetch: async (_url, { body }) => {
        const token = (body as URLSearchParams).get('token') ?? '';
        asked.push(token);
        return Response.json(token.startsWith('good-token') ? answer : { active: false });
      },
    });
    const { url } = await site({ auth });
    expect(userIn(await as(url, 'good-token-1'))).toMatchObject({ id: 'alice', roles: ['admin'] });
    expect((await as(url, 'bad-token')).status).toBe(401);
    expect(asked).toHaveLength(2);
  });

  it('may be for a function of the author, or for one of several ways', async () => {
    const byToken = bearer((token) =>
      token === 'letmein-please' ? { subject: 'carl', roles: ['reader'] } : undefined,
    );
    const keys = apiKey({ keys: [{ name: 'ann', key: KEY, roles: [] }] });
    const { url } = await site({ auth: [keys, byToken, ({ path }) => (path === '/nowhere' ? undefined : undefined)] });
    expect(userIn(await as(url, 'letmein-please'))).toMatchObject({ id: 'carl', roles: ['reader'] });
    expect(userIn(await as(url, KEY))).toMatchObject({ id: 'ann' });
    expect((await as(url, 'letmein-pleasf')).status).toBe(401);
    expect((await ask(url, call('whoami'))).status).toBe(401);
  });

  it.each<[string, unknown, number]>([
    ['a query that was not awaited and finds nobody', { then: (done: (row: null) => void) => done(null) }, 401],
    ['a query that was not awaited', { then: (done: (row: object) => void) => done({ subject: 'ann' }) }, 503],
    ['a row without a name', { id: 7, roles: ['admin'] }, 503],
    ['an empty name', { issuer: 'us', subject: '', roles: [] }, 503],
    ['a number for a name', { issuer: 'us', subject: 7, roles: [] }, 503],
    ['roles that are no list', { issuer: 'us', subject: 'ann', roles: 'admin' }, 503],
    ['yes', true, 503],
    ['nobody', null, 401],
  ])('let nobody in for what names nobody: %s', async (_what, found, status) => {
    const { url } = await site({ auth: () => found as never });
    expect((await as(url, 'letmein-please')).status).toBe(status);
  });

  it.each<[string, unknown, number]>([
    ['a row without a name', { id: 7 }, 503],
    ['an empty name', { subject: '' }, 503],
    ['nobody', null, 401],
  ])('let nobody in by a token of nobody: %s', async (_what, found, status) => {
    const { url } = await site({ auth: bearer(() => found as never) });
    expect((await as(url, 'letmein-please')).status).toBe(status);
  });

  it('bring no more of a row than a principal has', async () => {
    const row = { subject: 'ann', roles: ['reader'], passwordHash: 'x', scopes: undefined } as never;
    const { url } = await site({ auth: bearer(() => row) });
    const principal = { issuer: 'bearer', subject: 'ann', roles: ['reader'] };
    expect(userIn(await as(url, 'letmein-please', 'principal'))).toEqual(principal);
  });

  it('of providers that people have are known by their issuers', () => {
    const tenant = '11111111-2222-3333-4444-555555555555';
    expect(auth0({ domain: 'a.eu.auth0.com', audience: 'api' }).issuer).toBe('https://a.eu.auth0.com/');
    expect(okta({ domain: 'a.okta.com' }).issuer).toBe('https://a.okta.com/oauth2/default');
    expect(keycloak({ url: 'https://kc.example/', realm: 'r' }).issuer).toBe('https://kc.example/realms/r');
    expect(microsoft({ tenant, audience: 'api' }).issuer).toBe(`https://login.microsoftonline.com/${tenant}/v2.0`);
    expect(() => microsoft({ tenant: 'common', audience: 'api' })).toThrow('one tenant');
    expect(() => oidc({ provider: google() })).toThrow('session({ provider })');
    expect(() => auth0({ domain: 'https://a', audience: 'x' })).toThrow('host name');
  });
});

/** The same claims with `alg: none`. */
function unsigned(token: string): string {
  const header = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url');
  return `${header}.${token.split('.')[1]}.`;
}

describe('without a credential', () => {
  it('S2-28 a person for development is nobody in production, nor elsewhere', async () => {
    expect(() => dev({ env: { NODE_ENV: 'production' } })).toThrow(ServeError);
    const { port, url } = await site({ auth: dev({ subject: 'me', roles: ['admin'], env: {} }) });
    expect(userIn(await ask(url, call('whoami')))).toMatchObject({ id: 'me', roles: ['admin'] });
    const proxied = await ask(url, call('whoami', {}, { 'x-forwarded-for': '203.0.113.1' }));
    expect(proxied.status).toBe(401);
    const far = serve(team(), { http: { host: '0.0.0.0' }, auth: dev({ env: {} }), log: false });
    await expect(far).rejects.toMatchObject({ code: 'dev_beyond_loopback' });
    expect(port).toBeGreaterThan(0);
  });
});

function certificates(): { readonly ca: string; readonly server: Pair; readonly client: Pair } {
  folder ??= openCertificates();
  const authority = folder.authority(`ca-${Math.floor(performance.now() * 1000)}`);
  const server = authority.issue({ subjectAltName: 'DNS:localhost,IP:127.0.0.1', usage: 'serverAuth' });
  return { ca: authority.cert, server, client: authority.issue({ subjectAltName: 'URI:spiffe://team/ann' }) };
}

interface Pair {
  readonly key: string;
  readonly cert: string;
}

describe('certificates', () => {
  it('of clients say who they are, and need an authority', async () => {
    const { ca, client, server } = certificates();
    const { port } = await site({ https: { ...server, clientCa: ca }, auth: mtls() });
    const url = `https://localhost:${port}/mcp`;
    expect(userIn(await ask(url, { ...call('whoami'), ...client, ca }))).toMatchObject({ id: 'spiffe://team/ann' });
    expect((await ask(url, { ...call('whoami'), ca })).status).toBe(401);
    const without = serve(team(), { https: server, auth: mtls(), log: false });
    await expect(without).rejects.toMatchObject({ code: 'mtls_without_ca' });
  });
});

describe('people at browsers', () => {
  const ann = { issuer: 'house', subject: 'ann', roles: ['admin'] };

  async function house(more: Partial<ServeOptions> = {}, people = session()) {
    const { ca, server } = certificates();
    const done: string[] = [];
    const { port } = await site({
      https: server,
      auth: people,
      routes: [
        {
          path: '/notes',
          auth: 'browser',
          methods: ['GET', 'POST'],
          handle: (_request, response, { browser, fields, form, principal }) => {
            if (form !== undefined) done.push(`${principal?.subject} ${form.get('text')}`);
            const body = html`<form method="post">${fields}<input name="text" value="" /></form>`;
            browser?.page(response, { title: 'Notes', body });
          },
        },
        {
          path: '/admin',
          auth: 'browser',
          requireRole: 'root',
          handle: (_request, response) => void response.end('root'),
        },
      ],
      ...more,
    });
    return { ca, done, people, origin: `https://localhost:${port}`, web: new WebBrowser(ca) };
  }

  it('S2-06 are known by a cookie that is HttpOnly, Secure and SameSite, S2-07 and another one after each sign-in', async () => {
    const { origin, people, web } = await house();
    const planted = 'A'.repeat(86);
    web.plant(origin, '__Host-sallyport', planted);
    expect((await web.open(`${origin}/notes`)).status).toBe(401);
    const signIn = async (): Promise<string> => {
      const { path } = await people.createCode(ann, '/notes');
      const page = await web.submit(await web.open(origin + path), 'code');
      expect(page.text).toContain('Notes');
      return String(web.cookie(origin, '__Host-sallyport'));
    };
    const [first, second] = [await signIn(), await signIn()];
    expect(new Set([planted, first, second]).size).toBe(3);
    for (const { text } of web.cookiesSet) {
      expect(text).toMatch(/^__Host-/);
      for (const flag of ['Secure', 'HttpOnly', 'SameSite=Lax', 'Path=/']) expect(text).toContain(flag);
    }
    // A cookie is nothing at the MCP endpoint.
    const answer = await web.send(`${origin}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(answer.status).toBe(401);
    expect((await web.open(`${origin}/admin`)).status).toBe(403);
    expect(await people.endSessions(ann)).toBe(1);
    expect((await web.open(`${origin}/notes`)).status).toBe(401);
  });

  it('S2-09 send forms of our own pages, and no others', async () => {
    const { done, origin, people, web } = await house();
    const { path } = await people.createCode(ann, '/notes');
    const page = await web.submit(await web.open(origin + path), 'code');
    expect((await web.submit(page, 'text', { text: 'mine' })).status).toBe(200);
    const forged = [
      await web.post(`${origin}/notes`, { text: 'no token' }),
      await web.post(`${origin}/notes`, { text: 'wrong token', csrf: 'A'.repeat(43) }),
      await web.post(`${origin}/notes`, { text: 'elsewhere' }, { origin: 'https://evil.example' }),
      await web.post(`${origin}/notes`, { text: 'elsewhere' }, { 'sec-fetch-site': 'cross-site' }),
    ];
    expect(forged.map(({ status }) => status)).toEqual([403, 403, 403, 403]);
    expect(done).toEqual(['ann mine']);
  });

  it('S2-08 are forgotten after a time that can be set, S2-04 and kept as hashes', async () => {
    const clock = { nowMs: Date.now() };
    const records = createMemoryRecords(() => clock.nowMs);
    const people = session({ records, lifetimes: { idleMs: 1000 } });
    const { origin, web } = await house({ now: () => clock.nowMs }, people);
    const { path } = await people.createCode(ann, '/notes');
    await web.submit(await web.open(origin + path), 'code');
    expect((await web.open(`${origin}/notes`)).status).toBe(200);
    expect(JSON.stringify(await records.list())).not.toContain(
      String(web.cookie(origin, '__Host-sallyport')).slice(0, 43),
    );
    clock.nowMs += 1001;
    expect((await web.open(`${origin}/notes`)).status).toBe(401);
  });

  it('S2-02 sign in at a provider with PKCE, S2-05 a state, S2-33 and a nonce', async () => {
    // The provider wants to know where people come back to before there is a port.
    const publicUrl = 'https://localhost:9';
    const there = await openPeopleProvider([`${publicUrl}/oauth/callback`]);
    onTestFinished(() => there.close());
    const provider = {
      ...keycloak({ url: there.issuer, realm: 'x' }),
      issuer: there.issuer,
      claims: { roles: 'roles', groups: 'groups' },
    };
    const { clientId, clientSecret } = there;
    const { origin, web } = await house({ publicUrl }, session({ provider, clientId, clientSecret, scopes: [] }));
    there.person = { subject: 'ann', roles: ['admin'] };
    const page = await web.open(`${origin}/notes`);
    const away = await web.submit(page, 'return', {}, (url) => url.startsWith(there.issuer));
    const asked = new URL(away.url).searchParams;
    expect(asked.get('code_challenge_method')).toBe('S256');
    for (const name of ['code_challenge', 'state', 'nonce']) expect((asked.get(name) ?? '').length).toBeGreaterThan(20);
    const sent = await web.open(away.url, (url) => url.startsWith(`${publicUrl}/oauth/callback`));
    const back = sent.url.replace(publicUrl, origin);
    const other = new URL(back);
    other.searchParams.set('state', 'A'.repeat(43));
    expect((await web.open(other.href)).status).toBeGreaterThanOrEqual(400);
    const stranger = await web.open(`${origin}/notes`);
    expect(stranger.status).toBe(401);
    expect((await web.open(back)).text).toContain('Notes');
    // What was good once is not good again.
    expect((await web.open(back)).status).toBeGreaterThanOrEqual(400);
  });
});

describe('Authentik', () => {
  const API = 'api-token-that-must-not-leave-0123456789';

  async function house(fail = false) {
    const requests: { readonly what: string; readonly authorization: string | undefined; readonly body: string }[] = [];
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const keys = [{ ...(await exportJWK(publicKey)), alg: 'ES256', kid: 'one' }];
    const there = createHttpServer((request: IncomingMessage, response) => {
      if (request.url === '/application/o/notes/jwks/') {
        response.end(JSON.stringify({ keys }));
        return;
      }
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const what = `${request.method} ${request.url}`;
        requests.push({ what, authorization: request.headers.authorization, body: Buffer.concat(chunks).toString() });
        const bad = fail && what.endsWith('/core/applications/');
        response.writeHead(bad ? 500 : 201, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ pk: 7, client_id: 'client-of-authentik', client_secret: 'secret-of-authentik' }));
      });
    });
    await new Promise<void>((resolve) => there.listen(0, '127.0.0.1', resolve));
    ends.push(async () => void there.close());
    const { lines, log } = keptLog();
    const { port, url } = await site({
      log,
      auth: authentik({
        url: `http://127.0.0.1:${(there.address() as AddressInfo).port}`,
        slug: 'notes',
        clientId: 'notes',
        algorithms: ['ES256'],
        registration: {
          apiToken: API,
          authorizationFlow: 'a',
          invalidationFlow: 'i',
          signingKey: 's',
          initialAccessTokens: [KEY],
          perMinute: 6,
        },
      }),
    });
    const register = (document: object, token: string | undefined = KEY): Promise<Answered> =>
      ask(`http://127.0.0.1:${port}/oauth/register`, {
        body: JSON.stringify(document),
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      });
    const at = `http://127.0.0.1:${(there.address() as AddressInfo).port}/`;
    const token = (audience: string, iss = at): Promise<string> =>
      new SignJWT({ iss, aud: audience, sub: 'alice', groups: ['staff'] })
        .setProtectedHeader({ alg: 'ES256', kid: 'one' })
        .setIssuedAt()
        .setExpirationTime('5 min')
        .sign(privateKey);
    return { lines, register, requests, token, url, origin: `http://127.0.0.1:${port}` };
  }

  it('S2-03 registers whom it may: checked, bounded, and without its own token', async () => {
    const { lines, origin, register, requests } = await house();
    const document = { redirect_uris: ['http://127.0.0.1:7777/cb'], client_name: 'An editor' };
    const metadata = (await ask(`${origin}/.well-known/oauth-authorization-server`)).json;
    expect(metadata).toMatchObject({
      issuer: origin,
      registration_endpoint: `${origin}/oauth/register`,
      code_challenge_methods_supported: ['S256'],
    });
    expect((await ask(`${origin}/oauth/register`, { body: JSON.stringify(document) })).status).toBe(401);
    expect((await register(document, OTHER)).status).toBe(401);
    for (const redirect of ['javascript:alert(1)', 'https://a.example/#x', 'http://evil.example/cb']) {
      expect((await register({ ...document, redirect_uris: [redirect] })).json).toMatchObject({
        error: 'invalid_redirect_uri',
      });
    }
    expect(requests).toEqual([]);
    const done = await register(document);
    expect(done.json).toMatchObject({ client_id: 'client-of-authentik', redirect_uris: document.redirect_uris });
    expect(requests.map(({ what }) => what)).toEqual([
      'POST /api/v3/providers/oauth2/',
      'POST /api/v3/core/applications/',
    ]);
    expect(requests.every(({ authorization }) => authorization === `Bearer ${API}`)).toBe(true);
    expect(JSON.parse(requests[0]?.body ?? '{}')).toMatchObject({
      redirect_uris: [{ matching_mode: 'strict', url: document.redirect_uris[0] }],
    });
    expect((await register(document)).status).toBe(429);
    expect(done.text + JSON.stringify(done.headers) + lines.join()).not.toContain(API);
  });

  it('S2-03 takes back what it began when Authentik fails, and says nothing of it', async () => {
    const { register, requests } = await house(true);
    const failed = await register({ redirect_uris: ['http://127.0.0.1:7777/cb'] });
    expect([failed.status, failed.text.includes('127.0.0.1')]).toEqual([500, false]);
    expect(requests.map(({ what }) => what)).toContain('DELETE /api/v3/providers/oauth2/7/');
  });

  it('S2-32 takes tokens that are signed, of its issuer, and for one of its clients: those that registered too', async () => {
    const { register, token, url } = await house();
    expect(userIn(await as(url, await token('notes')))).toMatchObject({ id: 'alice', groups: ['staff'] });
    expect((await as(url, await token('client-of-authentik'))).status).toBe(401);
    expect((await register({ redirect_uris: ['https://app.example/cb'] })).status).toBe(201);
    expect((await as(url, await token('client-of-authentik'))).status).toBe(200);
    for (const wrong of [
      await token('other'),
      await token('notes', 'https://evil.example/'),
      unsigned(await token('notes')),
    ]) {
      expect((await as(url, wrong)).status).toBe(401);
    }
  });
});

describe('routes of the author', () => {
  it('are open, or for who has a credential, a role, a scope; S2-11 and have the headers of every answer', async () => {
    const made = await issuer();
    const auth = [
      apiKey({ keys: [{ name: 'ann', key: KEY, roles: ['admin'] }] }),
      jwt({ issuer: made.issuer, jwks: made.jwksUri, algorithms: ['ES256'] }),
    ];
    const { port, url } = await site({
      auth,
      routes: [
        {
          path: '/open/*',
          auth: 'none',
          handle: (_request, _response, { json, principal }) => json({ known: principal !== undefined }),
        },
        {
          path: '/mine',
          auth: 'required',
          methods: ['POST'],
          handle: async (_request, _response, visit) =>
            visit.json({ who: visit.principal?.subject, body: await visit.body(10) }),
        },
        {
          path: '/admin',
          auth: 'required',
          requireRole: ['admin'],
          handle: (_request, _response, { json }) => json('in'),
        },
        {
          path: '/read',
          auth: 'required',
          requireScope: 'read',
          handle: (_request, _response, { json }) => json('read'),
        },
      ],
    });
    const at = (path: string): string => `http://127.0.0.1:${port}${path}`;
    const ann = { authorization: `Bearer ${KEY}` };
    const open = await ask(at('/open/a/b'));
    expect([open.json, open.headers['x-frame-options']]).toEqual([{ known: false }, 'DENY']);
    expect((await ask(at('/mine'), { body: '"x"' })).status).toBe(401);
    expect((await ask(at('/mine'), { body: '"x"', headers: ann })).json).toEqual({ who: 'ann', body: '"x"' });
    expect((await ask(at('/mine'), { body: '"longer than ten"', headers: ann })).status).toBe(413);
    expect((await ask(at('/mine'), { headers: ann })).status).toBe(405);
    expect((await ask(at('/admin'), { headers: ann })).json).toBe('in');
    const token = await made.token({ audience: url, scopes: ['other'] });
    const weak = { authorization: `Bearer ${token}` };
    expect((await ask(at('/admin'), { headers: weak })).status).toBe(403);
    const lacking = await ask(at('/read'), { headers: weak });
    expect([lacking.status, lacking.headers['www-authenticate']?.includes('scope="read"')]).toEqual([403, true]);
    expect((await ask(at('/healthz'), { headers: { host: 'anything' } })).json).toEqual({ status: 'ok' });
    expect((await ask(at('/nothing'), { headers: ann })).status).toBe(404);
    expect((await ask(url, stateless('tools/list'))).status).toBe(401);
  });
});
