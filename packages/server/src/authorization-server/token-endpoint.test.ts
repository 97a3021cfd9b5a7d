/** What the token and revocation endpoints refuse, and how clients prove who they are. */

import { array, assert, asyncProperty, constantFrom, record } from 'fast-check';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '@sallyport/wire';
import { createFailureLimit } from '../auth/failures.ts';
import { createWorld, outcome, REDIRECT_URI, TestServer, type Tokens } from './testing/server.ts';

type Change = Readonly<Record<string, string | undefined>>;

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

describe('a token request', () => {
  it.each<[string, Change, number, string]>([
    ['no grant type', { grant_type: undefined }, 400, 'invalid_request'],
    ['an empty one', { grant_type: '' }, 400, 'invalid_request'],
    ['a password', { grant_type: 'password' }, 400, 'unsupported_grant_type'],
    ['client credentials', { grant_type: 'client_credentials' }, 400, 'unsupported_grant_type'],
    ['no code', { code: undefined }, 400, 'invalid_request'],
    ['a code that is none', { code: 'x' }, 400, 'invalid_grant'],
    ['a code that was never made', { code: `sac_${'A'.repeat(109)}` }, 400, 'invalid_grant'],
    ['no verifier', { code_verifier: undefined }, 400, 'invalid_request'],
    ['a verifier that is too short', { code_verifier: 'v'.repeat(42) }, 400, 'invalid_request'],
    ['another resource', { resource: '/mcp/v/reading' }, 400, 'invalid_target'],
    ['a resource elsewhere', { resource: 'https://other.example/mcp' }, 400, 'invalid_target'],
    ['no client', { client_id: undefined }, 400, 'invalid_request'],
    ['an unknown client', { client_id: `sc_${'A'.repeat(22)}` }, 401, 'invalid_client'],
    ['a document for a client, where there are none', { client_id: 'https://app.example/c' }, 401, 'invalid_client'],
    ['a secret of a client that has none', { client_secret: 'x' }, 401, 'invalid_client'],
  ])('is refused and leaves the code good: %s', async (_what, change, status, error) => {
    await using at = await TestServer.start();
    const client = await at.register();
    const code = await client.code();
    const { resource } = change;
    const full = resource?.startsWith('/') === true ? { ...change, resource: `${at.origin}${resource}` } : change;
    const answer = await client.exchange(code, full);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect([answer.status, await answer.json()]).toEqual([status, { error, error_description: expect.any(String) }]);
    expect((await client.exchange(code, { resource: `${at.origin}/mcp`, client_secret: '' })).status).toBe(200);
  });

  it.each<[string, Change, string]>([
    ['no token', { refresh_token: undefined }, 'invalid_request'],
    ['a token that is none', { refresh_token: 'x' }, 'invalid_grant'],
    ['another resource', { resource: 'https://other.example/mcp' }, 'invalid_target'],
    ['a malformed scope', { scope: 'a"b' }, 'invalid_scope'],
    ['a scope that was not granted', { scope: 'tools prompts' }, 'invalid_scope'],
  ])('for a refresh is refused and leaves the token good: %s', async (_what, change, error) => {
    await using at = await TestServer.start();
    const client = await at.register();
    const { refresh_token: token } = await client.grant();
    const answer = await client.refresh(token, change);
    expect([answer.status, await answer.json()]).toEqual([400, { error, error_description: expect.any(String) }]);
    expect((await client.refresh(token, { scope: 'tools unheard-of' })).status).toBe(200);
  });

  it.each(['/oauth/token', '/oauth/revoke'])(
    '%s is a POST of one form, each name once, 16 KiB at most',
    async (path) => {
      await using at = await TestServer.start();
      const client = await at.register();
      const form = `client_id=${client.id}&grant_type=refresh_token&refresh_token=x&token=x`;
      const errors: [number, string][] = [];
      for (const answer of [
        await at.post(path, form, { 'content-type': 'application/json' }),
        await at.post(path, form, { 'content-type': 'text/plain' }),
        await at.post(path, form, { ...FORM, 'content-encoding': 'gzip' }),
        await at.post(path, `${form}&token=x`, FORM),
        await at.post(path, `${form}&client_id=x`, FORM),
        await at.post(path, `${form}&more=${'x'.repeat(16 * 1024)}`, FORM),
        await at.post(path, `${form}&more=${'x'.repeat(200 * 1024)}`, FORM),
        await at.get(`${path}?${form}`),
      ]) {
        errors.push([answer.status, ((await answer.json()) as { error: string }).error]);
      }
      expect(errors).toEqual([...Array.from({ length: 7 }, () => [400, 'invalid_request']), [405, 'invalid_request']]);
      const good = await at.post(path, form, { 'content-type': 'Application/X-WWW-Form-Urlencoded;charset=UTF-8' });
      expect(good.status).toBe(path === '/oauth/revoke' ? 200 : 400);
    },
  );

  it.each([
    [16_384, [true, 401]],
    [16_385, [false, 400]],
  ])('%i bytes that wait to be asked for: asked, answered %j', async (bytes, expected) => {
    await using at = await TestServer.start();
    const headers = { ...FORM, 'content-length': bytes, expect: '100-continue' };
    const asking = request(`${at.origin}/oauth/token`, { method: 'POST', headers, agent: false });
    let asked = false;
    asking.once('continue', () => {
      asked = true;
      asking.end('client_id=x&'.padEnd(bytes, 'x'));
    });
    asking.flushHeaders();
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    await once(answer.resume(), 'end');
    asking.destroy();
    expect([asked, answer.statusCode]).toEqual(expected);
  });

  it('a body of unknown length is not read past the limit', async () => {
    await using at = await TestServer.start();
    const pieces = Array.from({ length: 64 }, () => new Uint8Array(1024).fill(120));
    const answer = await at.get('/oauth/token', {
      method: 'POST',
      headers: FORM,
      body: ReadableStream.from(pieces),
      duplex: 'half',
    });
    expect([answer.status, ((await answer.json()) as { error: string }).error]).toEqual([400, 'invalid_request']);
  });
});

describe('a client proves who it is', () => {
  const basic = (id: string, secret: string): string => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;

  it.each<[string, string, (id: string, secret: string) => [Change, string?], number]>([
    ['by the header', 'client_secret_basic', (id, secret) => [{}, basic(id, secret)], 200],
    ['by the header, form-encoded', 'client_secret_basic', (id, secret) => [{}, basic(id, percent(secret))], 200],
    ['by the header, named again', 'client_secret_basic', (id, secret) => [{ client_id: id }, basic(id, secret)], 200],
    ['in the body', 'client_secret_post', (id, secret) => [{ client_id: id, client_secret: secret }], 200],
    ['with a wrong secret', 'client_secret_basic', (id) => [{}, basic(id, 'x')], 401],
    ['with no secret in the header', 'client_secret_basic', (id) => [{}, basic(id, '')], 401],
    ['with half a header', 'client_secret_basic', () => [{}, 'Basic Og'], 401],
    ['with a broken encoding', 'client_secret_basic', (id) => [{}, basic(id, '%')], 401],
    ['with a token', 'client_secret_basic', (id) => [{ client_id: id }, 'Bearer x'], 401],
    ['with the secret of the other method', 'client_secret_basic', (id, secret) => [post(id, secret)], 401],
    ['with the header for the body', 'client_secret_post', (id, secret) => [{}, basic(id, secret)], 401],
    ['with a wrong secret in the body', 'client_secret_post', (id) => [post(id, 'x')], 401],
    ['without its secret', 'client_secret_post', (id) => [{ client_id: id }], 401],
    ['in both ways', 'client_secret_basic', (id, secret) => [post(id, secret), basic(id, secret)], 400],
    ['under two names', 'client_secret_basic', (id, secret) => [{ client_id: 'x' }, basic(id, secret)], 400],
  ])('%s (%s)', async (_what, method, show, status) => {
    await using at = await TestServer.start();
    const client = await at.register({ token_endpoint_auth_method: method });
    const code = await client.code();
    const [fields, authorization] = show(client.id, client.secret as string);
    const form = new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: REDIRECT_URI,
      code_verifier: client.verifier,
      ...(fields as Record<string, string>),
    });
    const answer = await at.post('/oauth/token', form, authorization === undefined ? {} : { authorization });
    expect(answer.status).toBe(status);
    if (status !== 401) return;
    expect((await answer.json()) as JsonObject).toMatchObject({ error: 'invalid_client' });
    expect(answer.headers.get('www-authenticate')).toBe(authorization === undefined ? null : 'Basic realm="sallyport"');
    expect(outcomeOf(at)).toEqual(['registered', 'approved', 'refused']);
  });

  function percent(text: string): string {
    return text.replaceAll(/./g, (each) => `%${each.charCodeAt(0).toString(16)}`);
  }
  function post(id: string, secret: string): Change {
    return { client_id: id, client_secret: secret };
  }
  function outcomeOf(at: TestServer): string[] {
    return at.world.events.map(({ kind }) => kind);
  }
});

it('an address that is wrong too often waits; a good request of it is answered all the same', async () => {
  const now = { ms: 0 };
  await using at = await TestServer.start(createWorld({ failures: createFailureLimit(3, () => now.ms) }));
  const client = await at.register();
  const { refresh_token: token } = await client.grant();
  const statuses: number[] = [];
  for (let each = 0; each < 4; each++) statuses.push((await client.refresh('x')).status);
  expect(statuses).toEqual([400, 400, 400, 429]);
  const waiting = await client.token({ client_id: 'x' });
  expect([waiting.status, waiting.headers.get('retry-after')]).toEqual([429, '60']);
  expect((await client.refresh(token)).status).toBe(200);
});

it('no code or token of one client works for another, whatever is tried', async () => {
  await using at = await TestServer.start(createWorld({ failures: createFailureLimit(1e9, () => 0) }));
  const methods = ['none', 'client_secret_post'];
  const attempt = record({
    owner: constantFrom(...methods),
    thief: constantFrom(...methods),
    what: constantFrom('code', 'access_token', 'refresh_token'),
    as: constantFrom('code', 'refresh_token', 'revoke'),
    extras: array(constantFrom('redirect_uri', 'resource', 'scope'), { maxLength: 3 }),
  });
  let address = 0;
  const register = async (method: string): ReturnType<TestServer['register']> => {
    return await at.register({ token_endpoint_auth_method: method }, { 'x-address': `192.0.2.${address++}` });
  };
  await assert(
    asyncProperty(attempt, async ({ as, extras, owner: ownerMethod, thief: thiefMethod, what }) => {
      const [owner, thief] = [await register(ownerMethod), await register(thiefMethod)];
      const code = await owner.code();
      const tokens = what === 'code' ? undefined : ((await (await owner.exchange(code)).json()) as Tokens);
      const stolen = (what === 'code' ? code : tokens?.[what]) as string;
      const all: Record<string, string> = { redirect_uri: REDIRECT_URI, resource: `${at.origin}/mcp`, scope: 'tools' };
      const more = Object.fromEntries(extras.map((name) => [name, all[name]]));
      const answer =
        as === 'code'
          ? await thief.exchange(stolen, more)
          : as === 'refresh_token'
            ? await thief.refresh(stolen, more)
            : await thief.revoke(stolen);
      const text = await answer.text();
      const alive = tokens && outcome(await at.verify(tokens.access_token));
      const isTaken = what === 'refresh_token' && as === 'refresh_token';
      expect({ status: answer.status, leaked: text.includes('access_token'), alive }).toEqual({
        // A code is nothing that can be revoked, so it is as good as unknown.
        status: what === 'code' && as === 'revoke' ? 200 : 400,
        leaked: false,
        alive: tokens && (isTaken ? 'invalid' : 'alice'),
      });
    }),
    { numRuns: 60 },
  );
});
