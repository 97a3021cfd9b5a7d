/**
 * Who calls, through a whole gateway: keys, tokens of a real OpenID provider and of a hand-made issuer, in several ways in
 * order, and what a client that is refused is told.
 */
import { Client, ClientCredentialsProvider, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import {
  discoverOAuthProtectedResourceMetadata,
  extractResourceMetadataUrl,
  extractWWWAuthenticateParams,
} from '@modelcontextprotocol/client';
import { describe, expect, it } from 'vitest';
import { openIdentityProvider, type ProviderClient } from '../support/identity-provider.ts';
import { stateless, openSession, textOf } from '../gateway/raw-client.ts';
import { bearer, createIssuer, knock, list, randomKey, startGuarded, statusOf } from './support.ts';

const ALICE: ProviderClient = { id: 'alice', secret: 'secret-of-alice', roles: ['dev'] };
const GATEWAY: ProviderClient = { id: 'gateway', secret: 'secret-of-gateway', roles: [] };
const WHOLE_DAY_MS = 86_400_000;

/** Lets nobody but those with the role see anything: so the list shows who was recognised. */
const forRole = (role: string): object => ({
  roles: Object.fromEntries([[role, {}]]),
  rules: [{ effect: 'allow', roles: [role], tools: ['*'] }],
});

describe('a key', () => {
  it('P3-01 is a bearer token: none and a wrong one are 401, the right one is 200 in any case of the word, two are refused', async () => {
    const key = randomKey();
    await using place = await startGuarded({ auth: { mode: 'key', keys: [{ name: 'ann', key }] } });
    const { url, gateway } = place.started;
    const challenge = 'Bearer realm="sallyport"';
    const none = await list(url);
    expect([none.status, none.headers['www-authenticate']]).toEqual([401, challenge]);
    for (const wrong of [randomKey(), `${key}x`, key.slice(1), '']) expect(await statusOf(url, wrong)).toBe(401);
    for (const word of ['Bearer', 'bearer', 'BEARER']) {
      expect((await list(url, { authorization: `${word} ${key}` })).status).toBe(200);
    }
    for (const other of [`Basic ${Buffer.from(`ann:${key}`).toString('base64')}`, key, `Token ${key}`]) {
      expect((await list(url, { authorization: other })).status).toBe(401);
    }
    const twice = await list(url, { authorization: [`Bearer ${key}`, `Bearer ${key}`] });
    expect([400, 401]).toContain(twice.status);
    expect(await statusOf(url, gateway.localKey as string)).toBe(200);
  });

  it('P2-16 gives the roles that stand beside it, and no more', async () => {
    const [dev, other] = [randomKey(), randomKey()];
    const keys = [
      { name: 'ann', key: dev, roles: ['dev'] },
      { name: 'bob', key: other },
    ];
    await using place = await startGuarded({ auth: { mode: 'key', keys }, policy: forRole('dev') });
    expect((await list(place.started.url, bearer(dev))).body).toContain('up__pid');
    const bob = await list(place.started.url, bearer(other));
    expect([bob.status, bob.body.includes('up__')]).toEqual([200, false]);
  });

  it('P3-09 of 1,000 wrong ones at most the limit is looked at, the rest is told to wait, and a good one still comes in', async () => {
    const key = randomKey();
    const keys = [{ name: 'ann', key }];
    const limits = { failedAuthentications: 20, connections: 1000 };
    await using place = await startGuarded({ auth: { mode: 'key', keys }, limits });
    const { url } = place.started;
    // Where nobody is trusted to say so, this is no other address.
    const from = (round: number, n: number): Record<string, string> => ({ 'x-forwarded-for': `203.0.${round}.${n}` });
    const answers = [];
    for (let round = 0; round < 20; round++) {
      answers.push(
        ...(await Promise.all(
          Array.from({ length: 50 }, (_, n) => list(url, { ...bearer(randomKey()), ...from(round, n) })),
        )),
      );
    }
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(20);
    const slowed = answers.filter(({ status }) => status === 429);
    expect(slowed).toHaveLength(980);
    for (const { headers } of slowed) expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    expect(await statusOf(url, key)).toBe(200);
    expect(place.up.server.of('tools/call')).toEqual([]);
  });

  it('has no metadata to be found: in mode `key` the well-known paths are a clean 404', async () => {
    await using place = await startGuarded({ auth: { mode: 'key' } });
    const key = place.started.gateway.localKey as string;
    for (const path of ['', '/mcp', '/mcp/s/up', '/sse']) {
      const url = `${place.base}/.well-known/oauth-protected-resource${path}`;
      const statuses = [(await knock(url)).status, (await knock(url, { headers: bearer(key) })).status];
      expect([path, ...statuses]).toEqual([path, 404, 404]);
    }
    expect((await knock(`${place.base}/.well-known/oauth-authorization-server`)).status).toBe(404);
  });
});

describe('several ways', () => {
  it('P2-17 are tried in order: a key, a token of the issuer, an opaque token; each is who it says', async () => {
    await using provider = await openIdentityProvider('opaque', [ALICE, GATEWAY]);
    const issuer = createIssuer();
    const key = randomKey();
    await using place = await startGuarded({
      auth: {
        mode: ['key', 'jwt', 'introspection'],
        keys: [{ name: 'ann', key, roles: ['byKey'] }],
        jwt: issuer.settings,
        introspection: { issuer: provider.issuer, clientId: GATEWAY.id, clientSecret: GATEWAY.secret },
      },
      policy: {
        roles: { byKey: {}, byToken: {}, dev: {} },
        rules: [
          { effect: 'allow', principals: ['local#ann'], roles: ['byKey'], tools: ['up__pid'] },
          { effect: 'allow', principals: [`${issuer.issuer}#joe`], roles: ['byToken'], tools: ['up__say'] },
          { effect: 'allow', principals: [`${provider.issuer}#alice`], roles: ['dev'], tools: ['up__raw'] },
        ],
      },
    });
    const { url } = place.started;
    const seen = async (token: string): Promise<string[]> =>
      [...(await list(url, bearer(token))).body.matchAll(/"up__(\w+)"/g)].map(([, name = '']) => name);
    const token = issuer.token({ sub: 'joe', aud: url, roles: ['byToken'] });
    const opaque = await provider.token(ALICE, url);
    expect([await seen(key), await seen(token), await seen(opaque)]).toEqual([['pid'], ['say'], ['raw']]);
    // What a key or a JWT shows is never shown to the authorization server.
    expect(provider.requests.filter((each) => each.includes('introspection'))).toHaveLength(1);
    for (const wrong of [`${key}x`, issuer.token({ aud: 'other' }), 'no-such-opaque-token']) {
      expect(await statusOf(url, wrong)).toBe(401);
    }
  });
});

describe('tokens of a real provider', () => {
  it('P4-05 are obtained by an SDK client that knows the URL alone: challenge, metadata, token, call', async () => {
    await using provider = await openIdentityProvider('jwt', [ALICE]);
    const mode = 'oidc';
    await using place = await startGuarded({
      auth: { mode, scopes: ['mcp'], oidc: { issuer: provider.issuer, clientId: 'none', audience: [] } },
      policy: forRole('dev'),
    });
    const { url } = place.started;
    const client = new Client({ name: 'sdk', version: '1' });
    const authProvider = new ClientCredentialsProvider({
      clientId: ALICE.id,
      clientSecret: ALICE.secret,
      scope: 'mcp',
      expectedIssuer: provider.issuer,
    });
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { authProvider }));
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('up__pid');
    expect((await client.callTool({ name: 'up__number', arguments: { n: 7 } })).content).toEqual([
      { type: 'text', text: '7' },
    ]);
    await client.close();
  });

  it('P2-17 are found by the metadata of each MCP path, at the forms of RFC 9728, from the challenge of a 401', async () => {
    const issuer = createIssuer();
    await using place = await startGuarded({
      auth: { mode: 'jwt', jwt: issuer.settings, scopes: ['read', 'offline_access'] },
      views: { few: { servers: ['up'] } },
    });
    for (const path of ['/mcp', '/mcp/s/up', '/mcp/v/few', '/sse']) {
      const url = `${place.base}${path}`;
      const refused = await fetch(url, { method: path === '/sse' ? 'GET' : 'POST' });
      const metadata = `${place.base}/.well-known/oauth-protected-resource${path}`;
      expect(extractResourceMetadataUrl(refused)?.href).toBe(metadata);
      expect(extractWWWAuthenticateParams(refused)).toMatchObject({ scope: 'read' });
      // By the URL of the challenge, and without it.
      for (const options of [{ resourceMetadataUrl: metadata }, {}]) {
        expect(await discoverOAuthProtectedResourceMetadata(url, options)).toMatchObject({
          resource: url,
          authorization_servers: [issuer.issuer],
          scopes_supported: ['read'],
        });
      }
    }
    const root = await knock(`${place.base}/.well-known/oauth-protected-resource`);
    expect(JSON.parse(root.body)).toMatchObject({ resource: place.started.url });
    const wrong = await list(place.started.url, bearer('wrong'));
    expect(wrong.headers['www-authenticate']).toContain('error="invalid_token"');
  });

  it('DSA-10 go on while its keys change under traffic: the new one at once, the old one until it leaves', async () => {
    await using provider = await openIdentityProvider('jwt', [ALICE]);
    const clock = { ms: Date.now() };
    await using place = await startGuarded(
      { auth: { mode: 'oidc', oidc: { issuer: provider.issuer, clientId: 'none' } } },
      { now: () => clock.ms },
    );
    const { url } = place.started;
    const old = await provider.token(ALICE, url);
    expect(await statusOf(url, old)).toBe(200);
    clock.ms += 60_000;
    await provider.rotate('kept');
    const next = await provider.token(ALICE, url);
    const during = await Promise.all(Array.from({ length: 40 }, (_, n) => statusOf(url, n % 2 === 0 ? old : next)));
    expect(new Set(during)).toEqual(new Set([200]));
    provider.dropOldKeys();
    clock.ms += 20 * 60_000;
    await expect.poll(() => statusOf(url, old)).toBe(401);
    expect(await statusOf(url, next)).toBe(200);
  });

  it('REL-08 are verified by keys that are known while it is down, as long as those may be believed, and then no more', async () => {
    await using provider = await openIdentityProvider('jwt', [ALICE]);
    const clock = { ms: Date.now() };
    await using place = await startGuarded(
      { auth: { mode: 'oidc', oidc: { issuer: provider.issuer, clientId: 'none' } } },
      { now: () => clock.ms },
    );
    const { url } = place.started;
    const [seen, unseen] = [await provider.token(ALICE, url), await provider.token(ALICE, url)];
    expect(await statusOf(url, seen)).toBe(200);
    provider.down();
    expect([await statusOf(url, seen), await statusOf(url, unseen)]).toEqual([200, 200]);
    clock.ms += 2 * WHOLE_DAY_MS;
    const closed = await list(url, bearer(seen));
    expect([closed.status, closed.headers['retry-after']]).toEqual([503, '5']);
    expect(await statusOf(url, place.started.gateway.localKey as string)).toBe(200);
  });

  it('REL-08 need no provider at the start: the gateway starts, its own user comes in, tokens do once it is up', async () => {
    await using provider = await openIdentityProvider('jwt', [ALICE]);
    const clock = { ms: Date.now() };
    provider.down();
    await using place = await startGuarded(
      { auth: { mode: 'oidc', oidc: { issuer: provider.issuer, clientId: 'none' } } },
      { now: () => clock.ms },
    );
    const { url, gateway } = place.started;
    provider.up();
    const token = await provider.token(ALICE, url);
    provider.down();
    expect(await statusOf(url, token)).toBe(503);
    expect(await statusOf(url, gateway.localKey as string)).toBe(200);
    expect((await knock(`${place.base}/readyz`)).status).toBe(200);
    provider.up();
    clock.ms += 60_000;
    expect(await statusOf(url, token)).toBe(200);
  });
});

describe('the credential of a client', () => {
  it('UPS-13 never reaches a server: not in a header, not in a message, of no era, by no way in', async () => {
    const issuer = createIssuer();
    const key = randomKey();
    await using place = await startGuarded({
      auth: { mode: ['key', 'jwt'], keys: [{ name: 'ann', key }], jwt: issuer.settings },
    });
    const { url } = place.started;
    const token = issuer.token({ aud: url });
    for (const secret of [key, token]) {
      const headers = { ...bearer(secret), cookie: `session=${secret}`, 'proxy-authorization': `Bearer ${secret}` };
      const session = await openSession(url, {}, headers);
      for (const client of [session, stateless(url, {}, headers)]) {
        const raw = textOf(await client.call('tools/call', { name: 'up__raw', arguments: { text: 'seen' } }));
        expect(raw).toContain('seen');
      }
    }
    const { posts, server } = place.up;
    const everything = JSON.stringify([server.received, posts]);
    expect(server.of('tools/call')).toHaveLength(4);
    for (const secret of [key, token, Buffer.from(key).toString('base64'), token.split('.')[2] as string]) {
      expect(everything).not.toContain(secret);
    }
    expect(posts.some(({ headers }) => 'authorization' in headers || 'cookie' in headers)).toBe(false);
  });
});
