/** What a person is asked, what is refused before, and what a client is told of it. */

import { describe, expect, it } from 'vitest';
import type { JsonObject } from '@sallyport/wire';
import { ALICE, challengeOf, createWorld, readConsent, REDIRECT_URI, TestServer } from './testing/server.ts';

type Change = Readonly<Record<string, string | undefined>>;

describe('before it is known where an answer may go', () => {
  it.each<[string, Change]>([
    ['no client', { client_id: undefined }],
    ['an unknown client', { client_id: `sc_${'A'.repeat(22)}` }],
    ['a client id that looks like a key of the store', { client_id: 'sc_%' }],
    ['the URL of a document, where there are none', { client_id: 'https://app.example/client.json' }],
    ['no redirect URI', { redirect_uri: undefined }],
    ['an empty one', { redirect_uri: '' }],
    ['another path', { redirect_uri: `${REDIRECT_URI}/x` }],
    ['another query', { redirect_uri: `${REDIRECT_URI}?x=1` }],
    ['another host', { redirect_uri: 'https://evil.example/cb' }],
    ['another port', { redirect_uri: 'https://app.example:444/cb' }],
    ['userinfo', { redirect_uri: 'https://app.example@evil.example/cb' }],
    ['plain http', { redirect_uri: 'http://app.example/cb' }],
    ['a line break', { redirect_uri: `${REDIRECT_URI}\r\nset-cookie: a=b` }],
  ])('a page and no redirect: %s', async (_what, change) => {
    await using at = await TestServer.start();
    const client = await at.register();
    const answer = await at.get(client.request(change));
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(await answer.text()).toContain('Nothing was sent to it.');
  });

  it.each(['client_id', 'redirect_uri'])('a page and no redirect: %s twice', async (name) => {
    await using at = await TestServer.start();
    const client = await at.register();
    const value = new URLSearchParams(client.request().split('?')[1]).get(name) as string;
    const answer = await at.get(`${client.request()}&${new URLSearchParams({ [name]: value }).toString()}`);
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
  });

  it('what it was given is not markup', async () => {
    await using at = await TestServer.start();
    const client = await at.register({ client_name: '<img src=x onerror=alert(1)>' });
    const page = await at.get(client.request());
    expect(await page.text()).not.toContain('<img');
  });
});

describe('when it is known', () => {
  it.each<[string, Change, string]>([
    ['no response type', { response_type: undefined }, 'invalid_request'],
    ['another one', { response_type: 'token' }, 'unsupported_response_type'],
    ['several', { response_type: 'code token' }, 'unsupported_response_type'],
    ['another mode', { response_mode: 'fragment' }, 'invalid_request'],
    ['no challenge', { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
    ['no method, which would be plain', { code_challenge_method: undefined }, 'invalid_request'],
    ['plain', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['S256 in small letters', { code_challenge_method: 's256' }, 'invalid_request'],
    ['a challenge that is too short', { code_challenge: 'A'.repeat(42) }, 'invalid_request'],
    ['a challenge that is too long', { code_challenge: 'A'.repeat(44) }, 'invalid_request'],
    ['a challenge in another alphabet', { code_challenge: `${'A'.repeat(42)}+` }, 'invalid_request'],
    ['a resource elsewhere', { resource: 'https://other.example/mcp' }, 'invalid_target'],
    ['a resource that is no MCP path', { resource: '/api/v1/keys' }, 'invalid_target'],
    ['a resource with a query', { resource: '/mcp?x=1' }, 'invalid_target'],
    ['a resource with a fragment', { resource: '/mcp#x' }, 'invalid_target'],
    ['a resource with a slash at its end', { resource: '/mcp/' }, 'invalid_target'],
    ['a malformed scope', { scope: 'a"b' }, 'invalid_scope'],
    ['blanks between scopes', { scope: 'tools  prompts' }, 'invalid_scope'],
  ])('the client is told: %s', async (_what, change, error) => {
    await using at = await TestServer.start();
    const client = await at.register();
    const { resource } = change;
    const full = resource?.startsWith('/') === true ? { ...change, resource: `${at.origin}${resource}` } : change;
    const answer = await at.get(client.request(full));
    expect(answer.status).toBe(303);
    const location = new URL(answer.headers.get('location') as string);
    expect(location.origin + location.pathname).toBe(REDIRECT_URI);
    expect(Object.fromEntries(location.searchParams)).toEqual({
      error,
      error_description: expect.any(String),
      state: 'st&te',
      iss: at.origin,
    });
  });

  it.each(['state', 'scope', 'code_challenge', 'response_type'])('the client is told: %s twice', async (name) => {
    await using at = await TestServer.start();
    const client = await at.register();
    const answer = await at.get(`${client.request()}&${name}=a&${name}=b`);
    const told = new URL(answer.headers.get('location') as string).searchParams;
    expect(told.get('error')).toBe('invalid_request');
  });

  it('the client is told: several resources', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const resource = encodeURIComponent(`${at.origin}/mcp`);
    const answer = await at.get(`${client.request()}&resource=${resource}&resource=${resource}`);
    expect(new URL(answer.headers.get('location') as string).searchParams.get('error')).toBe('invalid_target');
  });

  it('is no open redirector: nobody is sent anywhere who is not signed in', async () => {
    const world = createWorld();
    await using at = await TestServer.start(world);
    const client = await at.register();
    world.person = undefined;
    for (const change of [{}, { response_type: 'token' }, { resource: 'https://other.example/' }]) {
      const answer = await at.get(client.request(change));
      expect([answer.status, answer.headers.get('location')]).toEqual([401, null]);
    }
  });
});

describe('signing in', () => {
  it('comes back to the same request, without what does not count', async () => {
    const world = createWorld();
    await using at = await TestServer.start(world);
    const client = await at.register();
    world.person = undefined;
    const answer = await at.get(`${client.request()}&continue=abc&login_hint=x`);
    const back = new URL(answer.headers.get('x-return-to') as string, at.origin);
    expect(back.pathname).toBe('/oauth/authorize');
    const expected = new URL(client.request(), at.origin);
    expect(Object.fromEntries(back.searchParams)).toEqual(Object.fromEntries(expected.searchParams));
    world.person = ALICE;
    expect((await at.get(back.pathname + back.search)).status).toBe(200);
  });

  it('is not asked for what cannot be come back to', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    expect((await at.get(client.request({ state: 'x'.repeat(4000) }))).status).toBe(400);
  });
});

describe('UPS-11 a person is asked', () => {
  it('about every client, by name, host, scopes and resource; not in a frame; and nothing goes out before', async () => {
    await using at = await TestServer.start();
    const first = await at.register({ client_name: 'First' });
    await first.grant();
    const second = await at.register({ client_name: 'Second', redirect_uris: ['https://second.example/cb'] });
    const page = await at.get(second.request({ redirect_uri: 'https://second.example/cb', scope: 'tools prompts' }), {
      headers: { cookie: 'consent=yes' },
    });
    expect([page.status, page.headers.get('location')]).toEqual([200, null]);
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    const text = await page.text();
    for (const shown of ['Second', 'second.example', 'tools', 'prompts', `${at.origin}/mcp`, 'alice@corp.example']) {
      expect(text).toContain(shown);
    }
    expect(text).not.toMatch(/sac_|code=/);
    expect(await at.world.grants.list()).toHaveLength(1);
  });

  it('again about the same client, whatever was approved before', async () => {
    await using at = await TestServer.start();
    const client = await at.register({ token_endpoint_auth_method: 'client_secret_basic' });
    await client.code();
    const again = await at.get(client.request());
    expect([again.status, again.headers.get('location')]).toEqual([200, null]);
  });

  it.each<[string, string, string[]]>([
    ['a web site', 'https://app.example:8443/cb', ['the web site', 'app.example:8443']],
    ['a program on this computer', 'http://127.0.0.1:4711/cb', ['a program on this computer', '127.0.0.1:4711']],
    ['an app', 'com.example.app:/cb', ['an app on this device', 'com.example.app']],
  ])('in words for %s', async (_what, uri, expected) => {
    await using at = await TestServer.start();
    const client = await at.register({ redirect_uris: [uri] });
    const text = await (await at.get(client.request({ redirect_uri: uri }))).text();
    for (const shown of expected) expect(text).toContain(shown);
    expect(text.includes('Any program on this device')).toBe(!uri.startsWith('https:'));
  });

  it.each([
    ['approve', 'code'],
    ['deny', 'error'],
    ['anything else', 'error'],
  ])('and %s gives a %s, with the state and the issuer', async (decision, expected) => {
    await using at = await TestServer.start();
    const answer = (await (await at.register()).decide(decision)).searchParams;
    expect([answer.has('code'), answer.get('error')]).toEqual(
      expected === 'code' ? [true, null] : [false, 'access_denied'],
    );
    expect([answer.get('state'), answer.get('iss')]).toEqual(['st&te', at.origin]);
    expect(await at.world.grants.list()).toHaveLength(expected === 'code' ? 1 : 0);
  });

  it.each<[string, (action: string, other: string) => string]>([
    ['another client', (action, other) => action.replace(/sc_[\w-]{22}/, other)],
    ['more scopes', (action) => `${action}&scope=tools+prompts`],
    ['another challenge', (action) => action.replace(/code_challenge=[^&]*/, `code_challenge=${'A'.repeat(43)}`)],
  ])('and the answer is about what was shown: %s is refused', async (_what, change) => {
    await using at = await TestServer.start();
    const [client, other] = [await at.register(), await at.register()];
    const { action, csrf } = readConsent(await (await at.get(client.request())).text());
    const answer = await at.post(change(action, other.id), new URLSearchParams({ csrf, decision: 'approve' }));
    expect(answer.status).toBe(403);
    expect(await at.world.grants.list()).toEqual([]);
  });

  it('and without the proof of the page nothing is approved', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const answer = await at.post(client.request(), new URLSearchParams({ decision: 'approve' }));
    expect(answer.status).toBe(403);
    expect(await at.world.grants.list()).toEqual([]);
  });

  it('and a decision about a client that is gone leads nowhere', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const { action, csrf } = readConsent(await (await at.get(client.request())).text());
    await at.world.clients.delete(client.id);
    const answer = await at.post(action, new URLSearchParams({ csrf, decision: 'approve' }));
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
  });
});

describe('an approval', () => {
  it('goes to the very port that a native app asked for', async () => {
    await using at = await TestServer.start();
    const client = await at.register({ redirect_uris: ['http://127.0.0.1/cb'] });
    const to = await client.decide('approve', { redirect_uri: 'http://127.0.0.1:50123/cb' });
    expect(to.host).toBe('127.0.0.1:50123');
  });

  it('keeps the query of a redirect URI, and goes to the scheme of an app', async () => {
    await using at = await TestServer.start();
    const client = await at.register({ redirect_uris: ['https://app.example/cb?tenant=1', 'com.example.app:/cb'] });
    const site = await client.decide('approve', { redirect_uri: 'https://app.example/cb?tenant=1' });
    expect([site.searchParams.get('tenant'), site.searchParams.has('code')]).toEqual(['1', true]);
    const page = await at.get(client.request({ redirect_uri: 'com.example.app:/cb' }));
    expect(page.headers.get('content-security-policy')).toContain("form-action 'self' com.example.app:;");
    const app = await client.decide('approve', { redirect_uri: 'com.example.app:/cb' });
    expect([app.protocol, app.searchParams.has('code')]).toEqual(['com.example.app:', true]);
  });

  it.each<[string, JsonObject, string | undefined, string]>([
    ['none', {}, undefined, 'tools'],
    ['some', {}, 'prompts', 'prompts'],
    ['all', {}, 'prompts tools', 'prompts tools'],
    ['one that there is not', {}, 'claudeai', 'tools'],
    ['one that there is and one that is not', {}, 'prompts admin', 'prompts'],
    ['more than the client registered for', { scope: 'prompts' }, 'tools prompts', 'prompts'],
    ['none, and the client registered for others', { scope: 'prompts' }, undefined, ''],
  ])('asked for with scopes: %s', async (_what, metadata, scope, granted) => {
    await using at = await TestServer.start();
    const client = await at.register(metadata);
    expect((await client.grant({ scope })).scope).toBe(granted);
  });

  it('has no state in its answer when there was none', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    expect((await client.decide('approve', { state: undefined })).searchParams.has('state')).toBe(false);
    expect((await client.decide('approve', { state: '' })).searchParams.has('state')).toBe(false);
  });

  it('is told of, with who, whom and what', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    await client.decide('deny', { code_challenge: challengeOf('w'.repeat(43)) });
    await client.grant();
    const facts = { client: client.id, principal: ALICE, address: '192.0.2.1' };
    const about = { ...facts, scopes: ['tools'], resource: `${at.origin}/mcp` };
    expect(at.world.events).toEqual([
      { kind: 'registered', client: client.id, name: 'Test client', address: '192.0.2.1' },
      { kind: 'denied', ...about },
      { kind: 'approved', ...about },
      { kind: 'issued', by: 'authorization_code', ...facts },
    ]);
  });
});

it('only GET asks and only POST decides', async () => {
  await using at = await TestServer.start();
  const client = await at.register();
  const answer = await at.get(client.request(), { method: 'PUT' });
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
  expect((await at.get(client.request(), { method: 'HEAD' })).status).toBe(200);
});
