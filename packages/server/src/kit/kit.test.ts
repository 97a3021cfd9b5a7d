import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { createServer } from '../framework/server.ts';
import { connectInMemory } from './client.ts';
import { fakeClock } from './clock.ts';
import { fakeIssuer } from './issuer.ts';

it('a fake clock fires what is due, in order, and what that sets', () => {
  const clock = fakeClock(1000);
  const fired: [string, number][] = [];
  const set = (name: string, ms: number): (() => void) => clock.setTimer(() => fired.push([name, clock.now()]), ms);
  set('late', 30);
  set('early', 10);
  set('stopped', 20)();
  clock.setTimer(() => set('chained', 5), 12);
  clock.advance(20);
  expect([fired, clock.now(), clock.timers]).toEqual([
    [
      ['early', 1010],
      ['chained', 1017],
    ],
    1020,
    1,
  ]);
  clock.advance(10);
  expect(fired.at(-1)).toEqual(['late', 1030]);
});

it('a fake issuer signs what its key set verifies, and expires what it is told to', async () => {
  const provider = await fakeIssuer();
  try {
    const { issuer } = provider;
    const verify = async (token: string): Promise<unknown> =>
      (await jwtVerify(token, createRemoteJWKSet(new URL(provider.jwksUri)), { issuer, audience: 'https://mcp.test' }))
        .payload;
    const metadata = (await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()) as object;
    expect(metadata).toMatchObject({ issuer, jwks_uri: provider.jwksUri });
    const audience = 'https://mcp.test';
    const token = await provider.token({ audience, subject: 'bob', scopes: ['a', 'b'], claims: { roles: ['x'] } });
    expect(await verify(token)).toMatchObject({ sub: 'bob', scope: 'a b', roles: ['x'] });
    await expect(verify(await provider.token({ audience, expiresInSeconds: -1 }))).rejects.toMatchObject({
      code: 'ERR_JWT_EXPIRED',
    });
    await expect(verify(await provider.token({ audience: 'https://other.test' }))).rejects.toThrow(/aud/);
    await provider.rotate();
    await expect(verify(token)).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' });
    expect((await fetch(`${issuer}/token`)).status).toBe(404);
  } finally {
    await provider.close();
  }
});

it('a fake issuer goes by a fake clock, and says of itself and its people what it is told to', async () => {
  const clock = fakeClock(1_000_000);
  const provider = await fakeIssuer({ now: clock.now });
  try {
    const token = await provider.token({ audience: 'https://mcp.test', expiresInSeconds: 60 });
    expect(decodeJwt(token)).toMatchObject({ iat: 1000, exp: 1060 });
    const strange = await provider.token({ audience: 'a', claims: { iss: 'https://other.test', sub: 7, exp: 1 } });
    expect(decodeJwt(strange)).toEqual({ iss: 'https://other.test', sub: 7, aud: 'a', iat: 1000, exp: 1 });
  } finally {
    await provider.close();
  }
});

describe('an in-memory client', () => {
  it('gives up what waits when it closes', async () => {
    const server = createServer({ name: 'test', version: '1.0.0' });
    server.addTool(
      { name: 'wait' },
      (_params, { signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve)),
    );
    const client = await connectInMemory(server);
    const call = client.callTool('wait');
    client.close();
    client.close();
    await expect(call).rejects.toThrow('The connection is closed.');
    await expect(client.callTool('wait')).rejects.toThrow('The client is closed.');
  });

  it('fails a question that it has no answer to', async () => {
    const server = createServer({ name: 'test', version: '1.0.0' });
    server.addTool({ name: 'ask' }, async (_params, { roots }) => [...(await roots())]);
    const capabilities = { roots: {} };
    const session = await connectInMemory(server, { capabilities });
    expect(await session.callTool('ask')).toMatchObject({ isError: true });
    const stateless = await connectInMemory(server, { capabilities, era: 'stateless' });
    await expect(stateless.callTool('ask')).rejects.toThrow('does not answer roots/list');
  });
});
