import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CLIENT, openIdentityProvider, type IdentityProvider } from '../testing/identity-provider.ts';
import type { Authenticate, Credentials } from './authenticate.ts';
import { createAuthenticate } from './chain.ts';
import { createChallenge } from './challenge.ts';
import { createFailureLimit } from './failures.ts';
import { createIntrospectionVerify } from './introspection.ts';
import { createRemoteKeySet } from './jwks.ts';
import { createJwtVerify } from './jwt.ts';
import { createDiscovery } from './oidc-discovery.ts';
import { createProtectedResources } from './protected-resource.ts';
import type { Prove } from './proof.ts';

const ORIGIN = 'https://gw.test';

const credentialsOf = (token: string, path = '/mcp', connection: object = {}): Credentials => ({
  authorization: `Bearer ${token}`,
  certificate: undefined,
  connection,
  local: false,
  address: '192.0.2.1',
  path,
});

describe('access tokens of a real identity provider', () => {
  let provider: IdentityProvider;
  let nowMs: number;
  let failures: string[];
  const now = (): number => nowMs;
  const resources = createProtectedResources({
    bases: () => [ORIGIN],
    path: '/mcp',
    otherPaths: [],
    authorizationServers: [],
    scopes: [],
    name: 'test',
  });
  const shared = {
    audiences: resources.audiences,
    audience: [],
    scopes: ['mcp'],
    claims: { roles: 'realm_access.roles', groups: 'groups' },
    now: () => now(),
  };

  const authenticateBy = (verify: Prove): Authenticate =>
    createAuthenticate({
      verify: [verify],
      failures: createFailureLimit(60, now),
      challenge: createChallenge({ metadataUrl: resources.metadataUrl, scopes: ['mcp'] }),
      log: () => {},
      now,
    });

  const discover = () =>
    createDiscovery({ issuer: provider.issuer, fetch, onFailure: (error) => failures.push(String(error)), now });

  const oidc = (): Authenticate => {
    const discovery = discover();
    const keys = createRemoteKeySet({
      url: () => discovery.endpoint('jwks_uri'),
      fetch,
      onFailure: (error) => failures.push(String(error)),
      now,
    });
    const algorithms = ['RS256'];
    return authenticateBy(
      createJwtVerify({ ...shared, issuer: provider.issuer, keys, algorithms, clockToleranceMs: 60_000 }),
    );
  };

  beforeEach(() => {
    nowMs = Date.now();
    failures = [];
  });
  afterEach(async () => {
    await provider.close();
  });

  it('lets in whom the provider gave a JWT for this resource, and below it', async () => {
    provider = await openIdentityProvider({ format: 'jwt' });
    const authenticate = oidc();
    const token = await provider.clientToken(`${ORIGIN}/mcp`);
    const connection = {};
    const principal = await authenticate(credentialsOf(token, '/mcp', connection));
    expect(principal).toMatchObject({ issuer: provider.issuer, subject: CLIENT.id, roles: ['dev'], scopes: ['mcp'] });
    expect(authenticate(credentialsOf(token, '/mcp', connection))).toBe(principal);
    expect(authenticate(credentialsOf(token, '/mcp/s/files', {}))).toBe(principal);
  });

  it('DSA-05 refuses a JWT of the same provider for another resource, also on the connection of a good one', async () => {
    provider = await openIdentityProvider({ format: 'jwt' });
    const authenticate = oidc();
    const connection = {};
    const forFiles = await provider.clientToken(`${ORIGIN}/mcp/s/files`);
    expect(await authenticate(credentialsOf(forFiles, '/mcp/s/files', connection))).toMatchObject({
      subject: CLIENT.id,
    });
    for (const path of [
      '/mcp',
      '/mcp/s/file',
      '/mcp/s/files/',
      '/mcp/s/filesystem',
      '/mcp/v/files',
      '/api/v1/servers',
    ]) {
      const answer = await authenticate(credentialsOf(forFiles, path, connection));
      expect(answer, path).toMatchObject({ error: { key: 'unauthenticated' } });
    }
    const elsewhere = await provider.clientToken('https://other.test/mcp');
    expect(await authenticate(credentialsOf(elsewhere))).toMatchObject({ error: { key: 'unauthenticated' } });
  });

  it('P2-17 refuses a JWT without the scope with 403, and says which one is needed', async () => {
    provider = await openIdentityProvider({ format: 'jwt' });
    const answer = await oidc()(credentialsOf(await provider.clientToken(`${ORIGIN}/mcp`, 'read')));
    expect(answer).toMatchObject({ error: { key: 'insufficient_scope' } });
    expect((answer as { headers: Record<string, string> }).headers['www-authenticate']).toBe(
      'Bearer realm="sallyport", resource_metadata="https://gw.test/.well-known/oauth-protected-resource/mcp", scope="mcp", error="insufficient_scope", error_description="The access token lacks a scope."',
    );
  });

  it('DSA-10 takes a new key at once, or after the cool-down, and an old one no more when it was dropped', async () => {
    provider = await openIdentityProvider({ format: 'jwt' });
    const authenticate = oidc();
    const connection = {};
    const before = await provider.clientToken(`${ORIGIN}/mcp`);
    const good = { subject: CLIENT.id };
    expect(await authenticate(credentialsOf(before, '/mcp', connection))).toMatchObject(good);

    await provider.rotate('keep');
    const after = await provider.clientToken(`${ORIGIN}/mcp`);
    expect(await authenticate(credentialsOf(after))).toMatchObject({ error: { key: 'unauthenticated' } });
    nowMs += 30_000;
    expect(await authenticate(credentialsOf(after))).toMatchObject(good);
    expect(await authenticate(credentialsOf(before, '/mcp', connection))).toMatchObject(good);

    provider.dropOldKeys();
    await provider.rotate('keep');
    nowMs += 30_000;
    const third = await provider.clientToken(`${ORIGIN}/mcp`);
    expect(await authenticate(credentialsOf(third))).toMatchObject(good);
    expect(await authenticate(credentialsOf(after))).toMatchObject(good);
    expect(await authenticate(credentialsOf(before, '/mcp', connection))).toMatchObject({
      error: { key: 'unauthenticated' },
    });
    expect(failures).toEqual([]);
  });

  it('REL-08 goes on with the keys it knows while the provider is down, until they are too old, and recovers', async () => {
    provider = await openIdentityProvider({ format: 'jwt', lifetimeSeconds: 24 * 60 * 60 });
    const authenticate = oidc();
    const [known, unseen] = [await provider.clientToken(`${ORIGIN}/mcp`), await provider.clientToken(`${ORIGIN}/mcp`)];
    expect(await authenticate(credentialsOf(known))).toMatchObject({ subject: CLIENT.id });
    provider.down();
    nowMs += 65 * 60_000;
    expect(await authenticate(credentialsOf(unseen))).toMatchObject({ subject: CLIENT.id });
    expect(await authenticate(credentialsOf(known))).toMatchObject({ subject: CLIENT.id });
    nowMs += 6 * 60_000;
    for (const token of [known, unseen]) {
      const answer = await authenticate(credentialsOf(token));
      expect(answer).toMatchObject({ error: { error: { code: -31001 } }, headers: { 'retry-after': '5' } });
    }
    provider.up();
    nowMs += 30_000;
    expect(await authenticate(credentialsOf(known))).toMatchObject({ subject: CLIENT.id });
  });

  it('REL-08 a provider that is down from the start costs no more than its own tokens', async () => {
    provider = await openIdentityProvider({ format: 'jwt' });
    const token = await provider.clientToken(`${ORIGIN}/mcp`);
    provider.down();
    const authenticate = oidc();
    expect(authenticate({ ...credentialsOf(token), authorization: undefined })).toMatchObject({
      error: { key: 'unauthenticated' },
    });
    expect(await authenticate(credentialsOf(token))).toMatchObject({ error: { error: { code: -31001 } } });
    const asked = provider.requests.length;
    await Promise.all(Array.from({ length: 50 }, async () => await authenticate(credentialsOf(token))));
    expect(provider.requests).toHaveLength(asked);
    provider.up();
    nowMs += 1000;
    expect(await authenticate(credentialsOf(token))).toMatchObject({ subject: CLIENT.id });
  });

  describe('introspected', () => {
    const introspection = (secret: string = CLIENT.secret): Authenticate => {
      const discovery = discover();
      return authenticateBy(
        createIntrospectionVerify({
          ...shared,
          issuer: provider.issuer,
          endpoint: () => discovery.endpoint('introspection_endpoint'),
          clientId: CLIENT.id,
          clientSecret: secret,
          cacheMs: 60_000,
          isSlowedDown: () => false,
          fetch,
        }),
      );
    };
    const asked = (): number => provider.requests.filter((line) => line.includes('introspection')).length;

    beforeEach(async () => {
      provider = await openIdentityProvider({ format: 'opaque' });
    });

    it('knows an opaque token, asks once, and again when the answer is old', async () => {
      const authenticate = introspection();
      const { token } = await provider.userToken('alice', `${ORIGIN}/mcp`);
      const [first, second] = await Promise.all([
        authenticate(credentialsOf(token)),
        authenticate(credentialsOf(token)),
      ]);
      expect(first).toMatchObject({ issuer: provider.issuer, subject: 'alice', scopes: ['mcp'] });
      expect(second).toBe(first);
      expect(authenticate(credentialsOf(token))).toBe(first);
      expect(asked()).toBe(1);
      nowMs += 60_000;
      expect(await authenticate(credentialsOf(token))).toMatchObject({ subject: 'alice' });
      expect(asked()).toBe(2);
    });

    it('refuses a revoked token once the answer is old, on the connection that it was good on', async () => {
      const authenticate = introspection();
      const { revoke, token } = await provider.userToken('alice', `${ORIGIN}/mcp`);
      const connection = {};
      expect(await authenticate(credentialsOf(token, '/mcp', connection))).toMatchObject({ subject: 'alice' });
      await revoke();
      nowMs += 60_000;
      const answer = await authenticate(credentialsOf(token, '/mcp', connection));
      expect(answer).toMatchObject({ error: { key: 'unauthenticated' } });
    });

    it('DSA-05 refuses a token for another resource, one without a subject, and one that is none', async () => {
      const authenticate = introspection();
      const { token } = await provider.userToken('alice', 'https://other.test/mcp');
      const ofClient = await provider.clientToken(`${ORIGIN}/mcp`);
      for (const each of [token, ofClient, 'never-issued']) {
        expect(await authenticate(credentialsOf(each))).toMatchObject({ error: { key: 'unauthenticated' } });
      }
    });

    it('fails closed when the provider refuses our own credential, or is down', async () => {
      const { token } = await provider.userToken('alice', `${ORIGIN}/mcp`);
      expect(await introspection('wrong')(credentialsOf(token))).toMatchObject({ error: { error: { code: -31001 } } });
      const authenticate = introspection();
      provider.down();
      expect(await authenticate(credentialsOf(token))).toMatchObject({ error: { error: { code: -31001 } } });
    });
  });
});
