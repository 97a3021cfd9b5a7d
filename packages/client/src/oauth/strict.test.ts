/** Against a certified server that takes the second use of a refresh token for a theft. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { UpstreamAuthorization } from './authorization.ts';
import { loginOf, REDIRECT_URI, testGateway, type TestGateway } from './testing/gateway.ts';
import { DEVICE_CODE } from './token-endpoint.ts';
import { LIFETIME_MS, openStrictProvider, type StrictProvider } from './testing/strict-provider.ts';

const opened: { provider?: StrictProvider; gateway?: TestGateway } = {};
const provider = (): StrictProvider => opened.provider!;
const gateway = (): TestGateway => opened.gateway!;

beforeEach(async () => {
  opened.provider = await openStrictProvider();
  opened.gateway = testGateway();
});
afterEach(() => provider().close());

/** A process that is signed in. */
async function signedIn(): Promise<UpstreamAuthorization> {
  const authorization = gateway().open(provider().resource);
  const login = await loginOf(authorization);
  await authorization.finish(await provider().browse(login.url, REDIRECT_URI));
  return authorization;
}

const tokensOf = async (...all: readonly UpstreamAuthorization[]): Promise<readonly (string | undefined)[]> =>
  Promise.all(Array.from({ length: 100 }, (_, n) => all[n % all.length]!.token()));

describe('with a strict authorization server', () => {
  it('signs in, and keeps one record for each server and principal', async () => {
    const authorization = gateway().open(provider().resource);
    expect(await authorization.token()).toBeUndefined();
    const login = await loginOf(authorization);
    expect(login).toMatchObject({ issuer: provider().issuer, scopes: ['read', 'offline_access'] });
    const parameters = await provider().browse(login.url, REDIRECT_URI);
    expect(parameters.get('iss')).toBe(provider().issuer);
    await authorization.finish(parameters);
    const token = await authorization.token();
    expect(provider().knows(token!)).toBe(true);
    expect(await gateway().open(provider().resource).token()).toBe(token);
    const bob = { upstream: 'up', principal: { issuer: 'local', subject: 'bob' } };
    expect(await gateway().open(provider().resource, { owner: bob }).token()).toBeUndefined();
    expect(await gateway().open(`${provider().resource}/x`).token()).toBeUndefined();
    const kinds = [...gateway().records.all.keys()].map((key) => key.split('/')[0]);
    expect(new Set(kinds)).toEqual(new Set(['client', 'grant']));
    expect(kinds).toHaveLength(2);
    expect(JSON.stringify([...gateway().records.all])).not.toContain(token);
  });

  it('renews once for 100 parallel calls on a token that has expired', async () => {
    const before = await (await signedIn()).token();
    const sleep = () => Promise.reject(new Error('It waits for itself.'));
    const authorization = gateway().open(provider().resource, { sleep });
    gateway().passed = LIFETIME_MS;
    const tokens = await tokensOf(authorization);
    expect(new Set(tokens).size).toBe(1);
    expect(tokens[0]).not.toBe(before);
    expect(provider().knows(tokens[0]!)).toBe(true);
    expect(provider().tokenRequests).toEqual(['authorization_code', 'refresh_token']);
  });

  it('renews once for two processes, rotation after rotation', async () => {
    const one = await signedIn();
    const two = gateway().open(provider().resource);
    for (let round = 1; round <= 5; round += 1) {
      gateway().passed = LIFETIME_MS * round;
      const tokens = await tokensOf(one, two);
      expect(new Set(tokens).size).toBe(1);
      expect(provider().knows(tokens[0]!)).toBe(true);
      expect(provider().tokenRequests).toHaveLength(1 + round);
    }
    expect(provider().thefts).toBe(0);
    expect(provider().tokenRequests.slice(1)).toEqual(Array(5).fill('refresh_token'));
  });

  it('renews once for 100 calls that were refused', async () => {
    const [one, two] = [await signedIn(), gateway().open(provider().resource)];
    const sent = await one.token();
    gateway().passed = 60_000;
    const refusal = { status: 401, wwwAuthenticate: 'Bearer error="invalid_token"', sent } as const;
    const answers = Array.from({ length: 100 }, (_, n) => (n % 2 === 0 ? one : two).challenged(refusal));
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['retry']));
    expect(await one.token()).not.toBe(sent);
    expect(await two.token()).toBe(await one.token());
    expect(await two.challenged(refusal)).toBe('retry');
    expect(provider().tokenRequests).toEqual(['authorization_code', 'refresh_token']);
  });

  it('asks for a login when everything was revoked', async () => {
    const one = await signedIn();
    const record = [...gateway().records.all].find(([key]) => key.startsWith('grant/'))!;
    gateway().passed = LIFETIME_MS;
    await one.token();
    // A copy of the store as it was: the refresh token in it is spent.
    gateway().records.all.set(record[0], { ...record[1], version: 1e6 });
    await gateway().records.delete('nothing');
    expect(await gateway().open(provider().resource).token()).toBeUndefined();
    expect(provider().thefts).toBeGreaterThan(0);
    expect(provider().tokenRequests.at(-1)).toBe('error: invalid_grant');
    expect(await loginOf(gateway().open(provider().resource))).toMatchObject({ issuer: provider().issuer });
  });

  it('steps up with the scopes it had and those it lacks', async () => {
    const one = await signedIn();
    const sent = (await one.token())!;
    const login = await loginOf(one, 'Bearer error="insufficient_scope", scope="write"', sent);
    expect(login.scopes).toEqual(['read', 'offline_access', 'write']);
    await one.finish(await provider().browse(login.url, REDIRECT_URI));
    expect(await one.grant()).toMatchObject({ renewable: true, resource: provider().resource });
    expect((await one.grant())!.scopes.toSorted()).toEqual(['read', 'write']);
  });

  it('UPS-18 gives all back at logout', async () => {
    const one = await signedIn();
    const token = (await one.token())!;
    expect(await one.logout()).toBe('revoked');
    expect(provider().knows(token)).toBe(false);
    expect(await one.token()).toBeUndefined();
    expect(await one.grant()).toBeUndefined();
    expect([...gateway().records.all.keys()].filter((key) => key.startsWith('grant/'))).toEqual([]);
    expect(await one.logout()).toBe('nothing');
  });

  it('signs in with a device code, entered anywhere', async () => {
    const gate = Promise.withResolvers<void>();
    const one = gateway().open(provider().resource, { sleep: () => gate.promise });
    const refusal = { status: 401, wwwAuthenticate: 'Bearer', sent: undefined } as const;
    const login = await one.beginDevice(refusal, new AbortController().signal);
    expect(login).toMatchObject({ issuer: provider().issuer, scopes: ['read', 'offline_access'] });
    await provider().enter(login.verificationUri, login.userCode);
    gate.resolve();
    await login.finished;
    const token = (await one.token())!;
    expect(provider().knows(token)).toBe(true);
    gateway().passed = LIFETIME_MS;
    expect(await one.token()).not.toBe(token);
    expect(provider().tokenRequests).toEqual([DEVICE_CODE, 'refresh_token']);
    expect(await one.logout()).toBe('revoked');
  });

  it('needs no person with client credentials', async () => {
    const client = { clientId: 'machine', clientSecret: 'a+secret/with:odd chars%' };
    const one = gateway().open(provider().resource, { client, grant: 'client_credentials' });
    expect(await one.token()).toBeUndefined();
    const refusal = { status: 401, wwwAuthenticate: 'Bearer', sent: undefined } as const;
    const answers = await Promise.all(Array.from({ length: 10 }, () => one.challenged(refusal)));
    expect(new Set(answers)).toEqual(new Set(['retry']));
    const token = await one.token();
    expect(provider().knows(token!)).toBe(true);
    gateway().passed = LIFETIME_MS;
    const next = await tokensOf(one);
    expect(new Set(next).size).toBe(1);
    expect(next[0]).not.toBe(token);
    expect(provider().tokenRequests).toEqual(['client_credentials', 'client_credentials']);
  });
});
