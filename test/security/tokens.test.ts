/** Access tokens through a whole gateway: each way in which one can be wrong, and what its holder is told. */
import { createHmac, createSign, generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSession } from '../gateway/raw-client.ts';
import { bearer, createIssuer, encoded, list, startGuarded, statusOf, type Claims, type Guarded } from './support.ts';

const issuer = createIssuer('https://issuer.example/tenant');
const stranger = createIssuer(issuer.issuer);
/** Of the gateway, which stands still. */
const NOW_MS = 1_900_000_000_000;
const NOW = NOW_MS / 1000;

const at: { place?: Guarded } = {};
const url = (): string => (at.place as Guarded).started.url;

beforeAll(async () => {
  at.place = await startGuarded(
    {
      auth: { mode: 'jwt', jwt: { ...issuer.settings, audience: 'https://gateway.example' }, scopes: ['mcp'] },
      views: { few: { servers: ['up'] } },
      limits: { failedAuthentications: 10_000 },
    },
    { now: () => NOW_MS },
  );
});

afterAll(async () => {
  await at.place?.[Symbol.asyncDispose]();
});

const good = (): Claims => ({ iat: NOW, exp: NOW + 300, aud: url(), scope: 'mcp' });
const token = (claims: Claims = {}, header: Claims = {}): string => issuer.token({ ...good(), ...claims }, header);

describe('DSA-02 a token that nobody signed', () => {
  it.each(['none', 'None', 'NONE', 'nOnE'])('is refused that says alg %s', async (alg) => {
    const [, body, signature] = token().split('.');
    for (const end of ['', signature ?? '', 'x']) {
      expect(await statusOf(url(), `${encoded({ alg, typ: 'at+jwt' })}.${body}.${end}`)).toBe(401);
    }
  });

  it('is refused without a signature, with another, of other claims, and of other bytes', async () => {
    const [head, body, signature] = token().split('.') as [string, string, string];
    const other = token({ sub: 'root' }).split('.')[1] as string;
    const bad = [`${head}.${body}.`, `${head}.${body}`, `${head}.${other}.${signature}`, `${head}.${body}.${body}`];
    for (const each of [...bad, stranger.token(good()), `${head}.${body}.${signature.slice(0, -4)}AAAA`]) {
      expect(await statusOf(url(), each)).toBe(401);
    }
    expect(await statusOf(url(), `${head}.${body}.${signature}`)).toBe(200);
  });

  it('is refused when signed with the public key as a shared secret, or with a key that it brings along', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const [jwk] = issuer.settings.jwks.keys as [Claims];
    const shared = `${encoded({ alg: 'HS256', typ: 'at+jwt', kid: jwk['kid'] })}.${encoded({ ...good(), iss: issuer.issuer, sub: 'x' })}`;
    const hmac = createHmac('sha256', JSON.stringify(jwk)).update(shared).digest('base64url');
    expect(await statusOf(url(), `${shared}.${hmac}`)).toBe(401);
    const own = publicKey.export({ format: 'jwk' });
    for (const header of [{ jwk: own }, { jku: 'http://127.0.0.1:1/keys' }, { x5u: 'http://127.0.0.1:1/x' }]) {
      const signed = `${encoded({ alg: 'RS256', typ: 'at+jwt', ...header })}.${encoded({ ...good(), iss: issuer.issuer, sub: 'x' })}`;
      const signature = createSign('RSA-SHA256').update(signed).sign(privateKey, 'base64url');
      expect(await statusOf(url(), `${signed}.${signature}`)).toBe(401);
    }
    expect(await statusOf(url(), token({}, { crit: ['exp'] }))).toBe(401);
  });
});

describe('DSA-05 a token is taken only with exactly', () => {
  it.each([
    ['a slash at the end', 'https://issuer.example/tenant/'],
    ['another case', 'https://Issuer.example/tenant'],
    ['another tenant', 'https://issuer.example/other'],
    ['a tenant below', 'https://issuer.example/tenant/x'],
    ['no issuer', undefined],
    ['a list', ['https://issuer.example/tenant']],
    ['the issuer of keys', 'local'],
    ['that of certificates', 'mtls'],
  ])('its issuer, not with %s', async (_what, iss) => {
    expect(await statusOf(url(), token({ iss }))).toBe(401);
  });

  it('its audience: the URL of the MCP path or of the path that is asked for, or one that is configured', async () => {
    const { base } = at.place as Guarded;
    const port = new URL(base).port;
    const fine = [url(), 'https://gateway.example', ['x', url()], `http://localhost:${port}/mcp`];
    for (const aud of fine) expect([aud, await statusOf(url(), token({ aud }))]).toEqual([aud, 200]);
    const wrong = [
      undefined,
      '',
      [],
      'https://other.example/mcp',
      ['https://other.example'],
      base,
      `${base}/`,
      `${url()}/`,
      `${url()}x`,
      url().slice(0, -1),
      url().toUpperCase(),
      `${url()}?x`,
      `${url()}/s/up`,
      `https://127.0.0.1:${port}/mcp`,
      [[url()]],
      { 0: url() },
      'https://gateway.example/',
    ];
    for (const aud of wrong) expect([aud, await statusOf(url(), token({ aud }))]).toEqual([aud, 401]);
  });

  it('at one server or view is good there alone; that of the MCP path everywhere', async () => {
    const { base } = at.place as Guarded;
    const paths = ['/mcp', '/mcp/s/up', '/mcp/v/few', '/messages'];
    const statuses = async (aud: string): Promise<number[]> =>
      await Promise.all(paths.map((path) => statusOf(base + path, token({ aud }))));
    expect(await statuses(`${base}/mcp/s/up`)).toEqual([401, 200, 401, 401]);
    expect(await statuses(`${base}/mcp/v/few`)).toEqual([401, 401, 200, 401]);
    // What is sent there belongs to no connection of the legacy transport.
    expect(await statuses(`${base}/mcp`)).toEqual([200, 200, 200, 404]);
  });
});

describe('DSA-07 P4-05 the times of a token', () => {
  it.each([
    [{ exp: NOW - 30 }, 200],
    [{ exp: NOW - 59 }, 200],
    [{ exp: NOW - 60 }, 401],
    [{ exp: NOW - 90 }, 401],
    [{ nbf: NOW + 30 }, 200],
    [{ nbf: NOW + 90 }, 401],
    [{ iat: NOW + 30 }, 200],
    [{ iat: NOW + 90 }, 401],
    [{ exp: undefined }, 401],
    [{ exp: String(NOW + 300) }, 401],
    [{ exp: -1 }, 401],
    [{ exp: 1e20 }, 401],
    [{ exp: null }, 401],
    [{ exp: [NOW + 300] }, 401],
    [{ nbf: '0' }, 401],
    [{ iat: -1 }, 401],
    [{ nbf: 1e20 }, 401],
  ])('%j: %i', async (claims, status) => {
    expect(await statusOf(url(), token(claims))).toBe(status);
  });
});

describe('P2-17 a token', () => {
  it('ends what is open with it when it expires, and one that is shown in time goes on', async () => {
    const clock = { ms: NOW_MS };
    const auth = { mode: 'jwt', jwt: issuer.settings };
    await using place = await startGuarded({ auth }, { now: () => clock.ms });
    const { url: own } = place.started;
    const until = (seconds: number): { readonly authorization: string } =>
      bearer(issuer.token({ aud: own, iat: NOW, exp: NOW + seconds, sub: 'ann' }));
    const streams = await Promise.all(
      [300, 900].map(async (seconds) => await (await openSession(own, {}, until(seconds))).listen()),
    );
    const ended: number[] = [];
    streams.forEach(({ messages }, index) => {
      void messages.until(() => false, 'its end', 60_000).catch(() => ended.push(index));
    });
    clock.ms += 359_000;
    expect((await list(own, until(300))).status).toBe(200);
    clock.ms += 2000;
    await expect.poll(() => ended, { timeout: 5000 }).toEqual([0]);
    expect((await list(own, until(300))).status).toBe(401);
    streams[1]?.abort();
  });

  it('is taken with its scopes; one that lacks them is told which, in a 403 with the metadata', async () => {
    for (const scope of ['mcp', 'read mcp write']) expect(await statusOf(url(), token({ scope }))).toBe(200);
    for (const scope of [undefined, '', 'read', 'mcpx', 'MCP']) {
      const refused = await list(url(), bearer(token({ scope })));
      expect(refused.status).toBe(403);
      const challenge = refused.headers['www-authenticate'] ?? '';
      expect(challenge).toContain('error="insufficient_scope"');
      expect(challenge).toContain('scope="mcp"');
      expect(challenge).toContain(
        `resource_metadata="${url().replace('/mcp', '/.well-known/oauth-protected-resource/mcp')}"`,
      );
      expect(JSON.parse(refused.body)).toMatchObject({ error: { code: -31003, data: { code: 'insufficient_scope' } } });
    }
  });

  it('of another use is none: an ID token, a logout token, one that is bound to a key', async () => {
    const others: [Claims, Claims][] = [
      [{ nonce: 'n' }, { typ: 'JWT' }],
      [{ at_hash: 'x' }, { typ: 'JWT' }],
      [{ events: {} }, { typ: 'logout+jwt' }],
      [{}, { typ: 'id_token+jwt' }],
      [{ token_use: 'id' }, { typ: 'JWT' }],
      [{ cnf: { jkt: 'x' } }, {}],
    ];
    for (const [claims, header] of others)
      expect([claims, await statusOf(url(), token(claims, header))]).toEqual([claims, 401]);
    expect(await statusOf(url(), token({}, { typ: 'JWT' }))).toBe(200);
  });

  it('is refused in words that do not tell what is wrong with it', async () => {
    const bodies = await Promise.all(
      [token({ exp: NOW - 90 }), token({ iss: 'x' }), token({ aud: 'x' }), 'x', stranger.token(good())].map(
        async (each) => {
          const { body, headers } = await list(url(), bearer(each));
          return [body.replace(/"id":"[0-9a-f]+"/, '""'), headers['www-authenticate']];
        },
      ),
    );
    expect(new Set(bodies.map((each) => JSON.stringify(each))).size).toBe(1);
  });
});
