/** Login: what is sent with the browser, and what is believed of what it brings back. */

import { hash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGuardedFetch } from '../egress.ts';
import { loginVault, ownerOfLogin } from './login.ts';
import { createPendingLogins } from './pending-logins.ts';
import { loginOf, REDIRECT_URI } from './testing/gateway.ts';
import { testSealing } from './testing/memory-records.ts';
import { openMockServer, RESOURCE_METADATA, SERVER_METADATA } from './testing/mock-server.ts';
import { openScene, type Scene } from './testing/signed-in.ts';

const opened: { scene?: Scene } = {};
const scene = (): Scene => opened.scene!;

beforeEach(async () => {
  opened.scene = await openScene();
});
afterEach(() => scene().mock.close());

describe('the authorization request', () => {
  it('P1-05 has a challenge by S256, of which no two share a verifier', async () => {
    const one = scene().open();
    const verifiers = [];
    for (const sent of [undefined, 'at1']) {
      const login = await loginOf(one, 'Bearer scope="a"', sent);
      const { searchParams } = new URL(login.url);
      await one.finish(scene().back(login));
      const verifier = scene().mock.log.at(-1)!.form.get('code_verifier')!;
      expect(verifier).toMatch(/^[\w.~-]{43,128}$/);
      expect(searchParams.get('code_challenge_method')).toBe('S256');
      expect(searchParams.get('code_challenge')).toBe(hash('sha256', verifier, 'base64url'));
      verifiers.push(verifier);
    }
    expect(new Set(verifiers).size).toBe(2);
  });

  it.each([[undefined], [['plain']]])('P1-05 is not made without S256: %s', async (methods) => {
    scene().mock.publish({ server: { code_challenge_methods_supported: methods } });
    await expect(loginOf(scene().open())).rejects.toMatchObject({ problem: 'unusable' });
    expect(scene().mock.asked('/register')).toEqual([]);
  });

  it('UPS-05 names the resource, as does the token request', async () => {
    const one = scene().open();
    const login = await loginOf(one, 'Bearer scope="a b"');
    const { origin, pathname, searchParams } = new URL(login.url);
    expect(origin + pathname).toBe(`${scene().mock.origin}/authorize`);
    expect(Object.fromEntries(searchParams)).toMatchObject({
      response_type: 'code',
      client_id: 'dynamic',
      redirect_uri: REDIRECT_URI,
      resource: scene().mock.resource,
      scope: 'a b',
      state: login.state,
    });
    await one.finish(scene().back(login));
    const { form } = scene().mock.log.at(-1)!;
    expect(form.get('resource')).toBe(scene().mock.resource);
    expect([form.get('code'), form.get('redirect_uri')]).toEqual(['the code', REDIRECT_URI]);
  });

  it('leaves out scopes that nobody named, and asks for consent to offline access', async () => {
    expect(new URL((await loginOf(scene().open())).url).searchParams.has('scope')).toBe(false);
    scene().mock.publish({ server: { scopes_supported: ['offline_access'] } });
    const { searchParams } = new URL((await loginOf(scene().open(), 'Bearer scope="a"')).url);
    expect([searchParams.get('scope'), searchParams.get('prompt')]).toEqual(['a offline_access', 'consent']);
  });

  it('is one for all calls that wait for it', async () => {
    const one = scene().open();
    const logins = await Promise.all(Array.from({ length: 100 }, () => loginOf(one)));
    logins.push(await loginOf(one, 'Bearer error="invalid_token"'));
    expect(new Set(logins.map(({ state }) => state)).size).toBe(1);
    expect(scene().mock.asked('/register')).toHaveLength(1);
    scene().gateway.passed = 9 * 60_000;
    const later = await Promise.all([loginOf(one), loginOf(one, 'Bearer error="invalid_token"')]);
    expect(later[0].state).not.toBe(logins[0]!.state);
    expect(later[1].state).toBe(later[0].state);
  });

  it('is one for two who find an old one at the same time', async () => {
    let count = 0;
    const pending = createPendingLogins(loginVault(scene().gateway.records, testSealing), Date.now);
    const begin = async () => ({ url: '', state: `${(count += 1)}`, expiresAtMs: 0, scopes: [], issuer: '' });
    await pending.share('this', begin);
    const both = await Promise.all([pending.share('this', begin), pending.share('this', begin)]);
    expect(both.map(({ state }) => state)).toEqual(['2', '2']);
  });

  it('has few at a time, whatever a server asks for', async () => {
    const one = scene().open();
    for (let n = 0; n < 20; n += 1) await loginOf(one, `Bearer scope="s${n}"`);
    expect([...scene().gateway.records.all.keys()].filter((key) => key.startsWith('login/'))).toHaveLength(4);
    await one.logout();
    expect([...scene().gateway.records.all.keys()].filter((key) => key.startsWith('login/'))).toEqual([]);
  });
});

describe('the way back', () => {
  it('is taken once, within ten minutes, and only by whose login it is', async () => {
    const one = scene().open();
    const login = await loginOf(one);
    const bob = { upstream: 'up', principal: { issuer: 'local', subject: 'bob' } };
    const other = scene().open({ owner: bob });
    await expect(other.finish(scene().back(login))).rejects.toThrow('No such login');
    expect(await ownerOfLogin(scene().gateway.records, testSealing, login.state)).toEqual({
      upstream: 'up',
      principal: { issuer: 'local', subject: 'alice' },
    });
    // Another process of the same installation.
    const query = scene().back(login);
    const both = await Promise.allSettled([scene().open().finish(query), one.finish(query)]);
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    await expect(one.finish(query)).rejects.toMatchObject({ problem: 'refused' });
    expect(scene().asked('authorization_code')).toHaveLength(1);
    expect(await one.token()).toBe('at1');
    expect(await other.token()).toBeUndefined();
  });

  it('is too late after ten minutes', async () => {
    const one = scene().open();
    const login = await loginOf(one);
    scene().gateway.passed = 10 * 60_000;
    await expect(one.finish(scene().back(login))).rejects.toThrow('No such login');
  });

  it.each<[string, Record<string, string | undefined>]>([
    ['wrong', { iss: 'https://evil.example' }],
    ['missing though advertised', { iss: undefined }],
    ['in other letters', { iss: 'HTTP' }],
    ['with a slash more', { iss: 'SLASH' }],
    ['wrong in an error', { iss: 'https://evil.example', code: undefined, error: 'access_denied' }],
  ])('UPS-04 is not believed when iss is %s', async (_what, more) => {
    const one = scene().open();
    const login = await loginOf(one);
    const iss = { HTTP: login.issuer.replace('http', 'HTTP'), SLASH: `${login.issuer}/` }[more['iss'] ?? ''];
    const query = scene().back(login, { error_description: 'CANARY', ...more, ...(iss !== undefined && { iss }) });
    const error = await one.finish(query).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ problem: 'refused', message: expect.stringContaining('not to be trusted') });
    expect(String(error)).not.toMatch(/CANARY|access_denied/);
    expect(scene().mock.asked('/token')).toEqual([]);
    await expect(one.finish(scene().back(login))).rejects.toThrow('No such login');
  });

  it('UPS-04 compares iss even where it was not advertised, and does without it there', async () => {
    scene().mock.publish({ server: { authorization_response_iss_parameter_supported: false } });
    const one = scene().open();
    const begun = await loginOf(one);
    const way = new URL(begun.url).searchParams.get('redirect_uri')!.slice(REDIRECT_URI.length + 1);
    await expect(one.finish(scene().back(begun, { iss: 'https://evil.example' }), way)).rejects.toMatchObject({
      problem: 'refused',
    });
    expect(scene().mock.asked('/token')).toEqual([]);
    const login = await loginOf(one);
    const below = new URL(login.url).searchParams.get('redirect_uri')!.slice(REDIRECT_URI.length + 1);
    await one.finish(scene().back(login, { iss: undefined }), below);
    expect(await one.token()).toBe('at1');
  });

  it('brings an error, of which only the code is told', async () => {
    const one = scene().open();
    const more = { code: undefined, error: 'access_denied', error_description: 'CANARY' };
    const error = await one.finish(scene().back(await loginOf(one), more)).catch((reason: unknown) => reason);
    expect(String(error)).toContain('said no: access_denied');
    expect(JSON.stringify(error) + String(error)).not.toContain('CANARY');
    const strange = scene().back(await loginOf(one), { ...more, error: 'CANARY <b>' });
    await expect(one.finish(strange)).rejects.toThrow('not to be trusted');
    await expect(one.finish(scene().back(await loginOf(one), { code: undefined }))).rejects.toThrow('without a code');
  });

  it('begins anew with another client when the server does not know ours', async () => {
    const one = scene().open();
    const login = await loginOf(one);
    const token = scene().mock.answers.get('/token')!;
    scene().mock.answers.set('/token', { status: 401, body: { error: 'invalid_client' } });
    await expect(one.finish(scene().back(login))).rejects.toMatchObject({ code: 'invalid_client' });
    scene().mock.answers.set('/token', token);
    scene().mock.answers.set('/register', { client_id: 'another' });
    const next = await loginOf(one);
    expect(new URL(next.url).searchParams.get('client_id')).toBe('another');
    await one.finish(scene().back(next));
    expect(await one.token()).toBe('at1');
  });
});

describe('what a server publishes', () => {
  it('UPS-01 leads to no address that is not opened', async () => {
    const inner = await openMockServer('127.0.0.2');
    const guarded = createGuardedFetch({ allow: ['127.0.0.1'], env: {} });
    const fetch = (url: string, init: RequestInit) => guarded(url, init);
    const { mock } = scene();
    try {
      inner.publish();
      const one = scene().open({ fetch });
      await expect(loginOf(one, `Bearer resource_metadata="${inner.origin}/x"`)).rejects.toThrow('127.0.0.2');
      mock.publish({ resource: { authorization_servers: [inner.origin, 'https://169.254.169.254', 'https://[::1]'] } });
      await expect(loginOf(one)).rejects.toMatchObject({ problem: 'unavailable' });
      mock.publish({ server: { registration_endpoint: `${inner.origin}/register` } });
      await expect(loginOf(one)).rejects.toThrow('127.0.0.2');
      mock.publish({ server: { token_endpoint: `${inner.origin}/token` } });
      const two = scene().open({ fetch });
      await expect(two.finish(scene().back(await loginOf(two)))).rejects.toThrow('127.0.0.2');
      expect(inner.log).toEqual([]);
    } finally {
      await guarded.close();
      await inner.close();
    }
  });

  it.each([
    'javascript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    'http://auth.example/authorize',
    '-flag',
    'https://me:pw@auth.example/',
  ])('UPS-03 opens no page at %s', async (endpoint) => {
    scene().mock.publish({ server: { authorization_endpoint: endpoint } });
    await expect(loginOf(scene().open())).rejects.toMatchObject({ problem: 'unusable' });
  });

  it('UPS-03 is escaped in the link', async () => {
    scene().mock.publish({ server: { authorization_endpoint: 'https://a.example/$(touch x)?q=\'"`|' } });
    expect((await loginOf(scene().open(), 'Bearer scope="$(x)"')).url).not.toMatch(/["`\s\\^|<>]/);
  });

  it('UPS-05 another authorization server gets a client and a login of its own', async () => {
    const { gateway, mock } = scene();
    const next = await openMockServer();
    try {
      const one = scene().open();
      await scene().signIn(one);
      gateway.passed = 60_000;
      next.publish();
      next.answers.set('/register', { client_id: 'of the next' });
      next.answers.set('/token', { access_token: 'next', token_type: 'Bearer' });
      mock.publish({ resource: { authorization_servers: [next.origin] } });
      const asked = mock.asked('/token').length;
      const login = await loginOf(one, 'Bearer', 'at1');
      expect(login.issuer).toBe(next.origin);
      await one.finish(scene().back(login));
      expect(await one.token()).toBe('next');
      expect(mock.asked('/token')).toHaveLength(asked);
      const told = next.log.flatMap(({ form, authorization }) => [...form.values(), authorization]);
      for (const ofTheFirst of ['dynamic', 'rt1', 'at1', 'Bearer at1']) expect(told).not.toContain(ofTheFirst);
      expect(next.asked('/token')[0]!.form.get('client_id')).toBe('of the next');
    } finally {
      await next.close();
    }
  });

  it('P1-11 asks nothing by http unless that is allowed for this machine', async () => {
    const one = scene().open({ allowLoopbackHttp: false });
    const message: unknown = expect.stringContaining('`oauth.allowLoopbackHttp: true`');
    await expect(loginOf(one)).rejects.toMatchObject({ problem: 'unusable', message });
    expect(scene().mock.log).toEqual([]);
  });

  it('is read once when many are challenged at once', async () => {
    const one = scene().open();
    await Promise.all(Array.from({ length: 100 }, () => loginOf(one)));
    expect(scene().mock.asked(RESOURCE_METADATA)).toHaveLength(1);
    expect(scene().mock.asked(SERVER_METADATA)).toHaveLength(1);
  });
});

describe('a step up', () => {
  it('ends after three logins', async () => {
    const one = scene().open();
    await scene().signIn(one);
    const challenge = 'Bearer error="insufficient_scope", scope="admin"';
    for (let login = 2; login <= 3; login += 1) {
      await one.finish(scene().back(await loginOf(one, challenge, await one.token())));
    }
    await expect(loginOf(one, challenge, await one.token())).rejects.toThrow('after 3 logins');
    expect(scene().asked('authorization_code')).toHaveLength(3);
    scene().gateway.passed = 10 * 60_000;
    expect(await loginOf(one, challenge, await one.token())).toMatchObject({ scopes: ['admin'] });
  });

  it('is no login after a token has come to its end', async () => {
    scene().tokens = { expires_in: 60 };
    const one = scene().open();
    for (let login = 1; login <= 5; login += 1) {
      await scene().signIn(one);
      scene().gateway.passed += 60_000;
    }
    expect(scene().asked('authorization_code')).toHaveLength(5);
  });

  it('asks for all that was asked or granted before', async () => {
    const one = scene().open({ scopes: ['base'] });
    scene().tokens = { ...scene().tokens, scope: 'base extra' };
    await one.finish(scene().back(await loginOf(one, 'Bearer scope="a"')));
    const challenge = 'Bearer error="insufficient_scope", scope="b"';
    expect((await loginOf(one, challenge, await one.token())).scopes).toEqual(['base', 'a', 'extra', 'b']);
  });

  it('is not made for a 403 that asks for nothing', async () => {
    const one = scene().open();
    await scene().signIn(one);
    const refusal = { status: 403, wwwAuthenticate: undefined, sent: 'at1' } as const;
    await expect(one.challenged(refusal)).rejects.toMatchObject({ problem: 'refused' });
    expect(await one.challenged({ ...refusal, sent: 'an older one' })).toBe('retry');
  });
});
