/** Registration of clients, over HTTP (RFC 7591). */

import { describe, expect, it } from 'vitest';
import type { JsonObject } from '@sallyport/wire';
import { createWorld, REDIRECT_URI, TestServer } from './testing/server.ts';

const GOOD: JsonObject = { redirect_uris: [REDIRECT_URI] };

const long = (length: number): string => 'x'.repeat(length);

describe('P2-01 registration is checked', () => {
  it.each<[string, unknown]>([
    ['no redirect URI', {}],
    ['an empty list', { redirect_uris: [] }],
    ['no list', { redirect_uris: REDIRECT_URI }],
    ['too many', { redirect_uris: Array.from({ length: 11 }, (_, at) => `https://app.example/${at}`) }],
    ['plain http', { redirect_uris: ['http://app.example/cb'] }],
    ['javascript', { redirect_uris: ['javascript:alert(1)'] }],
    ['data', { redirect_uris: ['data:text/html,x'] }],
    ['file', { redirect_uris: ['file:///etc/passwd'] }],
    ['a scheme without a dot', { redirect_uris: ['myapp:/cb'] }],
    ['a fragment', { redirect_uris: ['https://app.example/cb#x'] }],
    ['a wildcard', { redirect_uris: ['https://*.example/cb'] }],
    ['userinfo', { redirect_uris: ['https://user@app.example/cb'] }],
    ['a bad one behind a good one', { redirect_uris: [REDIRECT_URI, 'http://app.example/cb'] }],
    ['a web application on loopback', { redirect_uris: ['http://127.0.0.1/cb'], application_type: 'web' }],
  ])('invalid_redirect_uri: %s', async (_what, document) => {
    await using at = await TestServer.start();
    const answer = await at.post('/oauth/register', document);
    expect([answer.status, await answer.json()]).toEqual([
      400,
      { error: 'invalid_redirect_uri', error_description: expect.any(String) },
    ]);
    expect(await at.world.clients.list()).toEqual([]);
  });

  it.each<[string, unknown, Record<string, string>?]>([
    ['100 KB of metadata', { ...GOOD, more: long(100_000) }],
    ['no JSON', '{'],
    ['a list', '[]'],
    ['a form', 'redirect_uris=x', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['another charset', JSON.stringify(GOOD), { 'content-type': 'application/json; charset=utf-16' }],
    ['an encoding', JSON.stringify(GOOD), { 'content-encoding': 'br' }],
    ['a name that is too long', { ...GOOD, client_name: long(101) }],
    ['an empty name', { ...GOOD, client_name: ' ' }],
    ['a name that is no text', { ...GOOD, client_name: 7 }],
    ['a name with a line break', { ...GOOD, client_name: 'a\nb' }],
    ['a name with a control', { ...GOOD, client_name: 'a\u0007b' }],
    ['a name that is written backwards', { ...GOOD, client_name: 'a\u202eb' }],
    ['a name with an isolate', { ...GOOD, client_name: 'a\u2066b' }],
    ['a name with a blank of no width', { ...GOOD, client_name: 'a\u200bb' }],
    ['half a character', '{"redirect_uris":["https://app.example/cb"],"client_name":"\\ud800"}'],
    ['another authentication', { ...GOOD, token_endpoint_auth_method: 'private_key_jwt' }],
    ['grants without the code', { ...GOOD, grant_types: ['client_credentials'] }],
    ['grants that are no list', { ...GOOD, grant_types: 'authorization_code' }],
    ['very many grants', { ...GOOD, grant_types: Array.from({ length: 21 }, () => 'authorization_code') }],
    ['another response', { ...GOOD, response_types: ['token'] }],
    ['another kind of application', { ...GOOD, application_type: 'service' }],
    ['a scope with a quote', { ...GOOD, scope: 'a"b' }],
    ['a scope that is a list', { ...GOOD, scope: ['tools'] }],
    ['a logo over plain http', { ...GOOD, logo_uri: 'http://app.example/logo.png' }],
    ['a logo that is a script', { ...GOOD, logo_uri: 'javascript:alert(1)' }],
    ['a home page with userinfo', { ...GOOD, client_uri: 'https://paypal.example@evil.example/' }],
    ['terms that are no URL', { ...GOOD, tos_uri: 'terms' }],
    ['a policy that is too long', { ...GOOD, policy_uri: `https://app.example/${long(2000)}` }],
  ])('invalid_client_metadata: %s', async (_what, document, headers) => {
    await using at = await TestServer.start();
    const answer = await at.post('/oauth/register', document, headers);
    expect([answer.status, await answer.json()]).toEqual([
      400,
      { error: 'invalid_client_metadata', error_description: expect.any(String) },
    ]);
    expect(await at.world.clients.list()).toEqual([]);
  });

  it('a valid one is accepted, with what is known of it and no more', async () => {
    await using at = await TestServer.start();
    const answer = await at.post('/oauth/register', {
      client_name: 'Näme 名前',
      redirect_uris: ['http://127.0.0.1/cb', 'com.example.app:/cb', 'http://127.0.0.1/cb'],
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      application_type: 'native',
      scope: 'tools unheard-of',
      client_uri: 'https://app.example/',
      client_id: 'chosen',
      client_secret: 'chosen',
      software_statement: 'x',
    });
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([201, 'no-store']);
    expect(await answer.json()).toEqual({
      client_id: expect.stringMatching(/^sc_[\w-]{22}$/),
      client_id_issued_at: 1_700_000_000,
      client_name: 'Näme 名前',
      redirect_uris: ['http://127.0.0.1/cb', 'com.example.app:/cb'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      application_type: 'native',
      scope: 'tools',
      client_uri: 'https://app.example/',
    });
  });

  it('a client that does not say otherwise has a secret, which is shown once', async () => {
    await using at = await TestServer.start();
    const answer = await at.post('/oauth/register', { redirect_uris: [REDIRECT_URI], scope: 'unheard-of' });
    const registered = (await answer.json()) as JsonObject;
    expect(registered).toEqual({
      client_id: expect.any(String),
      client_id_issued_at: expect.any(Number),
      client_secret: expect.stringMatching(/^scs_[\w-]{43}$/),
      client_secret_expires_at: 0,
      redirect_uris: [REDIRECT_URI],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
    });
    expect(await at.world.clients.dump()).not.toContain(registered['client_secret']);
  });

  it('registrations are rate limited, by address, good and bad alike', async () => {
    await using at = await TestServer.start();
    const statuses: number[] = [];
    for (let each = 0; each < 11; each++) {
      statuses.push((await at.post('/oauth/register', each % 2 === 0 ? GOOD : {})).status);
    }
    expect(statuses).toEqual([201, 400, 201, 400, 201, 400, 201, 400, 201, 400, 429]);
    const limited = await at.post('/oauth/register', GOOD);
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '60']);
    expect((await at.post('/oauth/register', GOOD, { 'x-address': '192.0.2.2' })).status).toBe(201);
    at.world.clock.nowMs += 60_000;
    expect((await at.post('/oauth/register', GOOD)).status).toBe(201);
  });

  it('is nowhere when it is closed, for whoever asks', async () => {
    await using at = await TestServer.start(createWorld({ registration: false }));
    expect((await at.post('/oauth/register', GOOD)).status).toBe(404);
    expect(at.server.metadata()).not.toHaveProperty('registration_endpoint');
    expect(await at.world.clients.list()).toEqual([]);
  });
});

describe('the number of clients', () => {
  const register = async (at: TestServer, address: string): Promise<Response> => {
    return await at.post('/oauth/register', GOOD, { 'x-address': address });
  };

  it('is bounded, and a newcomer is served: one that nobody approved gives way, of the busiest network', async () => {
    await using at = await TestServer.start();
    const approved = await at.register({ token_endpoint_auth_method: 'none' });
    await approved.code();
    const alone = (await (await register(at, '192.0.2.8')).json()) as { readonly client_id: string };
    for (let each = 0; each < 998; each++) await at.world.clients.put(`sc_${each}`, unused(at, each));
    for (const address of ['2001:db8::1', '2001:db8::2']) expect((await register(at, address)).status).toBe(201);
    // The next one in turn is approved meanwhile.
    await at.world.clients.put('sc_2', { ...unused(at, 2), approvedMs: at.world.clock.nowMs });
    expect((await register(at, '2001:db8::3')).status).toBe(201);
    const left = new Set((await at.world.clients.list()).map(({ key }) => key));
    const gone = ['sc_0', 'sc_1', 'sc_3'].filter((id) => !left.has(id));
    const stays = [approved.id, alone.client_id, 'sc_2', 'sc_4'].every((id) => left.has(id));
    expect([left.size, gone, stays]).toEqual([1000, ['sc_0', 'sc_1', 'sc_3'], true]);
    expect(JSON.stringify(await at.world.clients.get(approved.id))).not.toContain('192.0.2.1');
    expect(await at.world.clients.dump()).toContain('"network":"2001:db8:0:0"');
  });

  it('goes down by itself: one that nobody approved within a day is gone, another stays', async () => {
    await using at = await TestServer.start();
    const [used, unusedClient] = [await at.register(), await at.register()];
    await used.code();
    at.world.clock.nowMs += 24 * 3_600_000;
    expect((await at.get(used.request())).status).toBe(200);
    expect((await at.get(unusedClient.request())).status).toBe(400);
    at.world.clock.nowMs += 119 * 86_400_000;
    expect((await at.get(used.request())).status).toBe(400);
  });

  function unused(at: TestServer, each: number): JsonObject {
    const metadata = {
      redirect_uris: [REDIRECT_URI],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    };
    return { metadata, createdMs: at.world.clock.nowMs + 1 + each };
  }
});
