import { createHash } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { createProvider, ProviderError, type Attempt, type Provider, type ProviderOptions } from './provider.ts';

const ISSUER = 'https://id.test/realm';
const ATTEMPT: Attempt = {
  state: 's'.repeat(43),
  nonce: 'n'.repeat(43),
  verifier: 'v'.repeat(43),
  redirectUri: 'https://gateway.test/oauth/callback',
};
const RETURNED = new URLSearchParams({ code: 'the-code', state: ATTEMPT.state, iss: ISSUER });
const ACCESS_TOKEN = 'the-access-token';

interface Keys {
  readonly rs: CryptoKey;
  readonly es: CryptoKey;
  readonly stranger: CryptoKey;
  readonly published: readonly JWK[];
}
const made: { keys?: Keys } = {};
beforeAll(async () => {
  const [rs, es, stranger] = await Promise.all([
    generateKeyPair('RS256', { extractable: true }),
    generateKeyPair('ES256', { extractable: true }),
    generateKeyPair('RS256', { extractable: true }),
  ]);
  const published = [
    { ...(await exportJWK(rs.publicKey)), kid: 'rs', alg: 'RS256', use: 'sig' },
    { ...(await exportJWK(es.publicKey)), kid: 'es', alg: 'ES256', use: 'sig' },
  ];
  made.keys = { rs: rs.privateKey, es: es.privateKey, stranger: stranger.privateKey, published };
});

interface Scene {
  readonly claims?: Record<string, unknown>;
  readonly metadata?: Record<string, unknown>;
  readonly tokens?: Record<string, unknown>;
  readonly header?: { readonly alg: string; readonly kid: string };
  readonly sign?: (jwt: SignJWT, keys: Keys) => Promise<string>;
  readonly options?: Partial<ProviderOptions>;
  /** Instead of what a provider answers. */
  readonly answer?: (url: string, init: RequestInit | undefined) => Response | undefined;
}

interface Stage {
  readonly provider: Provider;
  readonly requests: { readonly url: string; readonly init: RequestInit | undefined }[];
}

function stage(scene: Scene = {}): Stage {
  const keys = made.keys as Keys;
  const requests: Stage['requests'] = [];
  const json = (body: unknown): Response => Response.json(body);
  const metadata = {
    issuer: ISSUER,
    authorization_endpoint: `${ISSUER}/authorize?tenant=1`,
    token_endpoint: `${ISSUER}/token`,
    jwks_uri: `${ISSUER}/jwks`,
    id_token_signing_alg_values_supported: ['RS256', 'ES256', 'none'],
    authorization_response_iss_parameter_supported: true,
    ...scene.metadata,
  };
  const provider = createProvider({
    name: 'Test',
    issuer: ISSUER,
    clientId: 'gate way',
    clientSecret: 'a b:c',
    scopes: ['profile'],
    algorithms: ['RS256'],
    clockToleranceMs: 60_000,
    claims: { roles: 'realm_access.roles', groups: 'https://id.test/groups' },
    now: Date.now,
    fetch: async (input, init) => {
      const url = input as string;
      requests.push({ url, init });
      const own = scene.answer?.(url, init);
      if (own !== undefined) return own;
      if (url.endsWith('/openid-configuration')) return json(metadata);
      if (url.endsWith('/jwks')) return json({ keys: keys.published });
      return json({
        access_token: ACCESS_TOKEN,
        token_type: 'Bearer',
        id_token: await idToken(scene, keys),
        ...scene.tokens,
      });
    },
    ...scene.options,
  });
  return { provider, requests };
}

async function idToken(scene: Scene, keys: Keys): Promise<string> {
  const seconds = Math.floor(Date.now() / 1000);
  const claims = {
    iss: ISSUER,
    sub: 'alice',
    aud: 'gate way',
    iat: seconds,
    exp: seconds + 300,
    nonce: ATTEMPT.nonce,
    realm_access: { roles: ['dev'] },
    'https://id.test/groups': 'eng',
    email: 'alice@id.test',
    ...scene.claims,
  };
  const kept = Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
  const jwt = new SignJWT(kept).setProtectedHeader(scene.header ?? { alg: 'RS256', kid: 'rs' });
  return scene.sign === undefined ? await jwt.sign(keys.rs) : await scene.sign(jwt, keys);
}

async function kindOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => 'accepted',
    (error: unknown) => (error instanceof ProviderError ? error.kind : `not a ProviderError: ${String(error)}`),
  );
}

const left = (bytes: string): string =>
  createHash('sha256').update(bytes).digest().subarray(0, 16).toString('base64url');
const now = (): number => Math.floor(Date.now() / 1000);

describe('the OpenID provider', () => {
  it('is asked with PKCE, state and nonce', async () => {
    const { provider } = stage({ options: { scopes: ['openid', 'profile'] } });
    const url = await provider.authorizationUrl(ATTEMPT);
    expect(url.origin + url.pathname).toBe(`${ISSUER}/authorize`);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      tenant: '1',
      response_type: 'code',
      client_id: 'gate way',
      redirect_uri: ATTEMPT.redirectUri,
      scope: 'openid profile',
      state: ATTEMPT.state,
      nonce: ATTEMPT.nonce,
      code_challenge: createHash('sha256').update(ATTEMPT.verifier).digest('base64url'),
      code_challenge_method: 'S256',
    });
  });

  it('says who came back, with roles and groups from its claims', async () => {
    const { provider, requests } = stage({ claims: { at_hash: left(ACCESS_TOKEN), azp: 'gate way' } });
    expect(await provider.redeem(RETURNED, ATTEMPT)).toEqual({
      issuer: ISSUER,
      subject: 'alice',
      roles: ['dev'],
      groups: ['eng'],
      claims: {
        iss: ISSUER,
        sub: 'alice',
        realm_access: { roles: ['dev'] },
        'https://id.test/groups': 'eng',
        email: 'alice@id.test',
      },
    });
    const token = requests.find(({ url }) => url.endsWith('/token'))?.init;
    expect(Object.fromEntries(token?.body as URLSearchParams)).toEqual({
      grant_type: 'authorization_code',
      code: 'the-code',
      redirect_uri: ATTEMPT.redirectUri,
      code_verifier: ATTEMPT.verifier,
    });
    const basic = new Headers(token?.headers).get('authorization')?.replace('Basic ', '') ?? '';
    expect(Buffer.from(basic, 'base64').toString()).toBe('gate+way:a+b%3Ac');
  });

  it.each<[string, Scene]>([
    ['another issuer', { claims: { iss: `${ISSUER}/` } }],
    ['another audience', { claims: { aud: 'somebody' } }],
    ['no audience', { claims: { aud: undefined } }],
    ['another authorized party', { claims: { aud: ['gate way', 'somebody'], azp: 'somebody' } }],
    ['several audiences and no authorized party', { claims: { aud: ['gate way', 'somebody'] } }],
    ['an expiry long past', { claims: { exp: now() - 90 } }],
    ['no expiry', { claims: { exp: undefined } }],
    ['a beginning far ahead', { claims: { nbf: now() + 90 } }],
    ['another nonce', { claims: { nonce: 'x'.repeat(43) } }],
    ['no nonce', { claims: { nonce: undefined } }],
    ['another hash of the access token', { claims: { at_hash: left('another') } }],
    ['a hash of the access token that is none', { claims: { at_hash: 7 } }],
    ['no subject', { claims: { sub: undefined } }],
    ['an empty subject', { claims: { sub: '' } }],
    ['a subject without end', { claims: { sub: 'x'.repeat(1025) } }],
    ['more than can be kept', { claims: { picture: 'x'.repeat(20_000) } }],
    ['roles that are no texts', { claims: { realm_access: { roles: ['dev', 7] } } }],
    ['roles without end', { claims: { realm_access: { roles: Array.from({ length: 513 }, (_, at) => `r${at}`) } } }],
    [
      'an algorithm that is not in the list',
      { header: { alg: 'ES256', kid: 'es' }, sign: (jwt, keys) => jwt.sign(keys.es) },
    ],
    ['the key of a stranger', { sign: (jwt, keys) => jwt.sign(keys.stranger) }],
    ['a key that is not published', { header: { alg: 'RS256', kid: 'other' } }],
    [
      'a shared secret',
      { header: { alg: 'HS256', kid: 'rs' }, sign: (jwt) => jwt.sign(Buffer.from('a b:c'.repeat(9))) },
    ],
    ['no signature', { sign: async (jwt, keys) => `${(await jwt.sign(keys.rs)).split('.').slice(0, 2).join('.')}.` }],
    [
      'the algorithm none',
      {
        sign: async (jwt, keys) => {
          const [, payload] = (await jwt.sign(keys.rs)).split('.');
          return `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`;
        },
      },
    ],
    ['no ID token at all', { tokens: { id_token: undefined } }],
  ])('P2-17 an ID token with %s is refused', async (_what, scene) => {
    expect(await kindOf(stage(scene).provider.redeem(RETURNED, ATTEMPT))).toBe('refused');
  });

  it('P2-17 the clocks may differ by the tolerance', async () => {
    const scene = { claims: { exp: now() - 30, nbf: now() + 30 } };
    expect(await kindOf(stage(scene).provider.redeem(RETURNED, ATTEMPT))).toBe('accepted');
  });

  it('takes other algorithms when they are in the list', async () => {
    const scene: Scene = {
      header: { alg: 'ES256', kid: 'es' },
      sign: (jwt, keys) => jwt.sign(keys.es),
      claims: { at_hash: left(ACCESS_TOKEN) },
      options: { algorithms: ['RS256', 'ES256'] },
    };
    expect(await kindOf(stage(scene).provider.redeem(RETURNED, ATTEMPT))).toBe('accepted');
  });

  it.each<[string, Record<string, string | undefined>]>([
    ['another issuer', { iss: `${ISSUER}/` }],
    ['no issuer though one was promised', { iss: undefined }],
    ['another state', { state: 'x'.repeat(43) }],
    ['an error', { error: 'access_denied', error_description: 'SECRET' }],
    ['an error of another issuer', { error: 'access_denied', iss: 'https://evil.test' }],
    ['no code', { code: undefined }],
    ['tokens in the URL', { id_token: 'x' }],
  ])('P2-02 coming back with %s costs no token request', async (_what, change) => {
    const { provider, requests } = stage();
    const parameters = Object.entries({ ...Object.fromEntries(RETURNED), ...change });
    const returned = new URLSearchParams(parameters.filter((each): each is [string, string] => each[1] !== undefined));
    expect(await kindOf(provider.redeem(returned, ATTEMPT))).toBe('refused');
    expect(requests.filter(({ url }) => url.endsWith('/token'))).toEqual([]);
  });

  it.each<[string, Scene]>([
    ['calls itself otherwise', { metadata: { issuer: 'https://id.test/other' } }],
    ['adds a slash to its name', { metadata: { issuer: `${ISSUER}/` } }],
    ['sends browsers to http', { metadata: { authorization_endpoint: 'http://id.test/authorize' } }],
    ['sends browsers to a script', { metadata: { authorization_endpoint: 'javascript:alert(1)' } }],
    ['takes codes over http', { metadata: { token_endpoint: 'http://id.test/token' } }],
    ['takes codes at this machine', { metadata: { token_endpoint: 'http://127.0.0.1/token' } }],
    ['has its keys at this machine', { metadata: { jwks_uri: 'http://localhost/jwks' } }],
    ['has no keys', { metadata: { jwks_uri: undefined } }],
    ['puts a password into a URL', { metadata: { token_endpoint: 'https://a:b@id.test/token' } }],
    ['answers 500', { answer: () => new Response('<h1>', { status: 500 }) }],
    ['answers without end', { metadata: { more: 'x'.repeat(1024 * 1024) } }],
    ['answers with a page', { answer: () => new Response('<h1>', { headers: { 'content-type': 'text/html' } }) }],
    [
      'leads elsewhere',
      { answer: () => new Response(null, { status: 302, headers: { location: 'https://evil.test' } }) },
    ],
    [
      'does not answer',
      {
        answer: () => {
          throw new TypeError('fetch failed');
        },
      },
    ],
  ])('is not used when it %s', async (_what, scene) => {
    const { provider, requests } = stage(scene);
    expect(await kindOf(provider.authorizationUrl(ATTEMPT))).toBe('unavailable');
    expect(await kindOf(provider.redeem(RETURNED, ATTEMPT))).toBe('unavailable');
    expect(requests.every(({ url }) => url === `${ISSUER}/.well-known/openid-configuration`)).toBe(true);
  });

  it('is unavailable, not refusing, when its token endpoint fails', async () => {
    const at = (status: number, body: string): Scene => ({
      answer: (url) =>
        url.endsWith('/token')
          ? new Response(body, { status, headers: { 'content-type': 'application/json' } })
          : undefined,
    });
    expect(await kindOf(stage(at(503, '')).provider.redeem(RETURNED, ATTEMPT))).toBe('unavailable');
    const refused = stage(at(400, '{"error":"invalid_grant","error_description":"SECRET"}')).provider.redeem(
      RETURNED,
      ATTEMPT,
    );
    await expect(refused).rejects.toMatchObject({ kind: 'refused', message: expect.stringContaining('invalid_grant') });
    await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining('SECRET') });
  });

  it('reads its metadata once an hour, and again after a failure', async () => {
    const clock = { nowMs: 0 };
    let isUp = false;
    const answer = (): Response | undefined => (isUp ? undefined : new Response('', { status: 503 }));
    const { provider, requests } = stage({ options: { now: () => clock.nowMs }, answer });
    expect(await kindOf(provider.authorizationUrl(ATTEMPT))).toBe('unavailable');
    isUp = true;
    await Promise.all([provider.authorizationUrl(ATTEMPT), provider.authorizationUrl(ATTEMPT)]);
    expect(requests).toHaveLength(2);
    clock.nowMs += 60 * 60_000;
    await provider.authorizationUrl(ATTEMPT);
    expect(requests).toHaveLength(3);
  });

  it.each<[string, Partial<ProviderOptions>]>([
    ['an issuer over http', { issuer: 'http://id.test' }],
    ['an issuer that is no URL', { issuer: 'id.test' }],
    ['a shared secret as an algorithm', { algorithms: ['RS256', 'HS256'] }],
    ['the algorithm none', { algorithms: ['none'] }],
    ['no algorithm', { algorithms: [] }],
  ])('is not made with %s', (_what, options) => {
    expect(() => stage({ options })).toThrow(TypeError);
  });

  it('is not used when its name differs by no more than the slash of an empty path', async () => {
    const bare = 'https://id.test';
    const { provider } = stage({ options: { issuer: bare }, metadata: { issuer: `${bare}/` } });
    expect(await kindOf(provider.authorizationUrl(ATTEMPT))).toBe('unavailable');
  });

  it('may be on this machine over http', async () => {
    const issuer = 'http://[::1]:9000';
    const metadata = {
      issuer,
      authorization_endpoint: 'http://127.0.0.1:9000/a',
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
    };
    const { provider } = stage({ options: { issuer }, metadata });
    expect((await provider.authorizationUrl(ATTEMPT)).host).toBe('127.0.0.1:9000');
  });
});

describe('whoever signed in before', () => {
  const kept = { refresh_token: 'refresh-1' };
  const refreshed = (init: RequestInit | undefined): boolean =>
    String(init?.body as URLSearchParams | undefined).includes('grant_type=refresh_token');

  it('is known again by the refresh token, as the provider knows them now', async () => {
    const { provider, requests } = stage({ tokens: kept, claims: { nonce: undefined, realm_access: { roles: [] } } });
    const found = await provider.renew('refresh-0', 'alice');
    expect(found).toMatchObject({
      refreshToken: 'refresh-1',
      principal: { subject: 'alice', roles: [], groups: ['eng'] },
    });
    const sent = requests.find(({ init }) => refreshed(init))?.init?.body as URLSearchParams | undefined;
    expect(sent?.get('refresh_token')).toBe('refresh-0');
    const first = stage({ tokens: kept }).provider;
    const principal = await first.redeem(RETURNED, ATTEMPT);
    expect(first.refreshTokenOf(principal)).toBe('refresh-1');
    expect(first.refreshTokenOf({ ...principal })).toBeUndefined();
  });

  it('is known by what the userinfo endpoint says where no ID token comes, and keeps a token that is not replaced', async () => {
    const { provider } = stage({
      metadata: { userinfo_endpoint: `${ISSUER}/me` },
      tokens: { id_token: undefined },
      answer: (url, init) =>
        url.endsWith('/me')
          ? Response.json({
              sub: 'alice',
              realm_access: { roles: [new Headers(init?.headers).get('authorization')] },
            })
          : undefined,
    });
    expect(await provider.renew('refresh-0', 'alice')).toMatchObject({
      refreshToken: 'refresh-0',
      principal: { issuer: ISSUER, subject: 'alice', roles: [`Bearer ${ACCESS_TOKEN}`] },
    });
  });

  const again = { nonce: undefined };
  it.each<[string, Scene, string]>([
    [
      'of whom the provider knows nothing more',
      {
        answer: (_url, init) =>
          refreshed(init) ? Response.json({ error: 'invalid_grant' }, { status: 400 }) : undefined,
      },
      'refused',
    ],
    ['who is somebody else', { claims: { ...again, sub: 'mallory' } }, 'refused'],
    [
      'by a token that a stranger signed',
      { claims: again, sign: async (jwt, { stranger }) => await jwt.sign(stranger) },
      'refused',
    ],
    ['of whom nothing is said', { tokens: { id_token: undefined } }, 'refused'],
    [
      'whose userinfo is not safe to ask',
      { tokens: { id_token: undefined }, metadata: { userinfo_endpoint: 'http://id.test/me' } },
      'refused',
    ],
    [
      'while the provider fails',
      { answer: (_url, init) => (refreshed(init) ? new Response('', { status: 502 }) : undefined) },
      'unavailable',
    ],
  ])('is nobody: %s', async (_name, scene, kind) => {
    expect(await kindOf(stage(scene).provider.renew('refresh-0', 'alice'))).toBe(kind);
  });
});
