/** Opaque tokens of a real provider through a whole gateway: believed for a while, and not longer than that. */
import { describe, expect, it } from 'vitest';
import { openSession } from '../gateway/raw-client.ts';
import { openIdentityProvider, type IdentityProvider, type ProviderClient } from '../support/identity-provider.ts';
import { bearer, list, startGuarded, statusOf, type Guarded } from './support.ts';

const ALICE: ProviderClient = { id: 'alice', secret: 'secret-of-alice', roles: ['dev'] };
const GATEWAY: ProviderClient = { id: 'gateway', secret: 'secret-of-gateway', roles: [] };
const CACHE_MS = 30_000;

interface Setting extends AsyncDisposable {
  readonly provider: IdentityProvider;
  readonly place: Guarded;
  readonly url: string;
  readonly clock: { ms: number };
  /** How often the provider was asked about a token. */
  asked(): number;
}

async function setUp(): Promise<Setting> {
  const provider = await openIdentityProvider('opaque', [ALICE, GATEWAY]);
  const clock = { ms: Date.now() };
  const introspection = { issuer: provider.issuer, clientId: GATEWAY.id, clientSecret: GATEWAY.secret };
  const place = await startGuarded({ auth: { mode: 'introspection', introspection } }, { now: () => clock.ms });
  return {
    provider,
    place,
    clock,
    url: place.started.url,
    asked: () => provider.requests.filter((each) => each === 'POST /token/introspection').length,
    [Symbol.asyncDispose]: async () => {
      await place[Symbol.asyncDispose]();
      await provider[Symbol.asyncDispose]();
    },
  };
}

describe('an opaque token', () => {
  it('P4-05 is asked about once in a while, whoever shows it how often, and so is one that is none', async () => {
    await using setting = await setUp();
    const { provider, url, clock } = setting;
    const token = await provider.token(ALICE, url);
    const many = await Promise.all(Array.from({ length: 40 }, () => statusOf(url, token)));
    expect([new Set(many), setting.asked()]).toEqual([new Set([200]), 1]);
    for (let n = 0; n < 5; n++) expect(await statusOf(url, 'no-such-token')).toBe(401);
    expect(setting.asked()).toBe(2);
    clock.ms += CACHE_MS;
    expect([await statusOf(url, token), setting.asked()]).toEqual([200, 3]);
  });

  it('DSA-05 for another resource is none', async () => {
    await using setting = await setUp();
    const { provider, url, place } = setting;
    for (const resource of ['https://other.example/mcp', `${place.base}/other`]) {
      expect(await statusOf(url, await provider.token(ALICE, resource))).toBe(401);
    }
  });

  it('P3-14 that was revoked is refused when the answer is too old, and what is open with it ends', async () => {
    await using setting = await setUp();
    const { provider, url, clock } = setting;
    const token = await provider.token(ALICE, url);
    const session = await openSession(url, {}, bearer(token));
    const stream = await session.listen();
    const ended = stream.messages.until(() => false, 'its end').catch((error: Error) => error.message);
    await provider.revoke(ALICE, token);
    expect(await statusOf(url, token)).toBe(200);
    clock.ms += CACHE_MS;
    expect(await statusOf(url, token)).toBe(401);
    expect(await ended).not.toContain('nothing within');
  });

  it('REL-08 is good while the provider is down as long as its answer is, and then nobody can tell', async () => {
    await using setting = await setUp();
    const { provider, url, clock } = setting;
    const token = await provider.token(ALICE, url);
    expect(await statusOf(url, token)).toBe(200);
    provider.down();
    expect(await statusOf(url, token)).toBe(200);
    clock.ms += CACHE_MS;
    const closed = await list(url, bearer(token));
    expect([closed.status, closed.headers['retry-after']]).toEqual([503, '5']);
    provider.up();
    clock.ms += CACHE_MS;
    expect(await statusOf(url, token)).toBe(200);
  });
});
