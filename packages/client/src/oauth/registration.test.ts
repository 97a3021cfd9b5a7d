/** Who we are at an authorization server, and how that is proven. */

import { createVerify, generateKeyPairSync } from 'node:crypto';
import type { JsonObject } from '@sallyport/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRegistration, type ClientOptions, type Registered } from './registration.ts';
import { discoverServer } from './server-metadata.ts';
import { memoryRecords, testSealing, type MemoryRecords } from './testing/memory-records.ts';
import { openMockServer, type MockServer } from './testing/mock-server.ts';
import { loopbackRequests } from './testing/requests.ts';
import { AnswerLost, askForTokens, revoke, TokenRefused } from './token-endpoint.ts';
import { createVault } from './vault.ts';

const requests = loopbackRequests();
const redirectUri = 'http://127.0.0.1:9/oauth/callback';
const opened: { mock?: MockServer; records?: MemoryRecords } = {};
const mock = (): MockServer => opened.mock!;
const clock = { nowMs: 1e12 };

beforeEach(async () => {
  opened.mock = await openMockServer();
  opened.records = memoryRecords(() => clock.nowMs);
  mock().publish();
  mock().answers.set('/register', { client_id: 'dynamic', client_secret: 'secret of the server' });
});
afterEach(() => mock().close());

function registration(client: ClientOptions = {}) {
  const vault = createVault<Registered>(opened.records!, testSealing, 'client');
  return createRegistration({ client, requests, vault, claim: async () => undefined, now: () => clock.nowMs });
}
const server = (more: JsonObject = {}) => {
  mock().publish({ server: more });
  return discoverServer(mock().origin, requests);
};

describe('the order of registration', () => {
  const document = 'https://gateway.example/client.json';

  it('takes the client that is given, before all others', async () => {
    const given = registration({ clientId: 'me', clientSecret: 's', clientMetadataUrl: document });
    const client = await given.choose(await server({ client_id_metadata_document_supported: true }), redirectUri);
    expect(client).toEqual({ id: 'me', via: 'given', redirectUri });
    expect(await given.credentials(mock().origin, client)).toEqual({ id: 'me', secret: 's' });
    expect(mock().asked('/register')).toEqual([]);
  });

  it('then the document, where the server reads such', async () => {
    const chosen = registration({ clientMetadataUrl: document });
    const client = await chosen.choose(await server({ client_id_metadata_document_supported: true }), redirectUri);
    expect(client).toMatchObject({ id: document, via: 'document' });
    expect(await chosen.credentials(mock().origin, client)).toEqual({ id: document });
    expect(await chosen.choose(await server(), redirectUri)).toMatchObject({ via: 'registered' });
  });

  it('then registers, once for all processes', async () => {
    const [one, two] = [registration(), registration()];
    const client = await one.choose(await server(), redirectUri);
    expect(await two.choose(await server(), redirectUri)).toEqual(client);
    expect(await two.credentials(mock().origin, client)).toMatchObject({ secret: 'secret of the server' });
    expect(
      mock()
        .asked('/register')
        .map(({ body }) => JSON.parse(body) as unknown),
    ).toEqual([
      {
        client_name: 'Sallyport',
        redirect_uris: [redirectUri],
        application_type: 'native',
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'client_secret_basic',
      },
    ]);
    expect(JSON.stringify([...opened.records!.all])).not.toContain('secret of the server');
  });

  it('registers at the same time as another process, and both use what was stored first', async () => {
    let count = 0;
    mock().answers.set('/register', () => ({ client_id: `c${(count += 1)}` }));
    const metadata = await server();
    const both = await Promise.all([registration(), registration()].map((each) => each.choose(metadata, redirectUri)));
    expect(count).toBe(2);
    expect(both[0]).toEqual(both[1]);
    expect(await registration().credentials(mock().origin, both[0]!)).toEqual({ id: both[0]!.id });
  });

  it('at last says what a person can do', async () => {
    const closed = await server({ registration_endpoint: undefined as never });
    await expect(registration().choose(closed, redirectUri)).rejects.toThrow(/by hand .* write oauth\.clientId/);
  });

  it('is web where the browser comes back to another machine', async () => {
    await registration().choose(await server(), 'https://gateway.example/oauth/callback');
    expect(JSON.parse(mock().log.at(-1)!.body)).toMatchObject({ application_type: 'web' });
  });

  it.each([
    [['none'], 'none'],
    [['client_secret_post', 'none'], 'client_secret_post'],
  ])('asks for a method that the server supports: %s', async (supported, method) => {
    await registration().choose(await server({ token_endpoint_auth_methods_supported: supported }), redirectUri);
    expect(JSON.parse(mock().log.at(-1)!.body)).toMatchObject({ token_endpoint_auth_method: method });
  });

  it('UPS-05 keeps what one server registered from every other', async () => {
    const other = await openMockServer();
    try {
      other.publish();
      other.answers.set('/register', { client_id: 'of the other' });
      const ours = registration();
      const first = await ours.choose(await server(), redirectUri);
      const second = await ours.choose(await discoverServer(other.origin, requests), redirectUri);
      expect(second.id).toBe('of the other');
      expect(await ours.credentials(other.origin, first)).toBeUndefined();
      expect(await ours.credentials(other.origin, second)).toEqual({ id: 'of the other' });
    } finally {
      await other.close();
    }
  });

  it('registers anew when the secret has run out, or the server knows us no more', async () => {
    mock().answers.set('/register', { client_id: 'a', client_secret: 's', client_secret_expires_at: 1e9 + 60 });
    const ours = registration();
    const client = await ours.choose(await server(), redirectUri);
    clock.nowMs += 60_000;
    expect(await ours.credentials(mock().origin, client)).toBeUndefined();
    mock().answers.set('/register', { client_id: 'b' });
    const next = await ours.choose(await server(), redirectUri);
    expect(next.id).toBe('b');
    await ours.forget(mock().origin, client);
    expect(await ours.credentials(mock().origin, next)).toEqual({ id: 'b' });
    await ours.forget(mock().origin, next);
    expect(await ours.credentials(mock().origin, next)).toBeUndefined();
  });

  it.each([
    [400, 'unusable'],
    [503, 'unavailable'],
  ])('fails when the server answers %s', async (status, problem) => {
    mock().answers.set('/register', status);
    await expect(registration().choose(await server(), redirectUri)).rejects.toMatchObject({ problem });
  });
});

describe('the proof of the client', () => {
  const ask = async (client: Parameters<typeof askForTokens>[0]['client'], more: JsonObject = {}) => {
    mock().answers.set('/token', { access_token: 'at', token_type: 'bearer' });
    const endpoint = { server: await server(more), client, requests };
    expect(await askForTokens(endpoint, 'client_credentials', { scope: 'a' })).toEqual({ accessToken: 'at' });
    return mock().log.at(-1)!;
  };

  it('is the secret, by the method that was registered or is supported', async () => {
    const basic = await ask({ id: 'me', secret: 'a:b' });
    expect(basic.authorization).toBe(`Basic ${Buffer.from('me:a%3Ab').toString('base64')}`);
    const post = await ask(
      { id: 'me', secret: 's' },
      { token_endpoint_auth_methods_supported: ['client_secret_post'] },
    );
    expect([post.authorization, post.form.get('client_secret')]).toEqual([undefined, 's']);
    const registered = await ask({ id: 'me', secret: 's', method: 'client_secret_post' });
    expect(registered.form.get('client_secret')).toBe('s');
    const open = await ask({ id: 'me' });
    expect([open.authorization, open.form.get('client_id')]).toEqual([undefined, 'me']);
    const none = await ask({ id: 'me', secret: 's', method: 'none' });
    expect([none.authorization, none.form.get('client_secret')]).toEqual([undefined, null]);
  });

  it('or a key: RSA, EC and Ed25519, in PEM or as JWK', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = (key: typeof rsa.privateKey): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
    const [head = '', claims = '', signature = ''] = (await ask({ id: 'me', privateKey: pem(rsa.privateKey) })).form
      .get('client_assertion')!
      .split('.');
    expect(createVerify('sha256').update(`${head}.${claims}`).verify(rsa.publicKey, signature, 'base64url')).toBe(true);
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
      iss: 'me',
      sub: 'me',
      aud: mock().origin,
    });
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const jwk = JSON.stringify({ ...ec.export({ format: 'jwk' }), kid: 'k1' });
    const header = (await ask({ id: 'me', privateKey: jwk })).form.get('client_assertion')!.split('.')[0]!;
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg: 'ES256', kid: 'k1' });
    await ask({ id: 'me', privateKey: pem(generateKeyPairSync('ed25519').privateKey) });
    await expect(ask({ id: 'me', privateKey: 'secret text' })).rejects.toThrow(/^The private key is none/);
    const x25519 = pem(generateKeyPairSync('x25519').privateKey);
    await expect(ask({ id: 'me', privateKey: x25519 })).rejects.toThrow(/^The private key is none/);
  });
});

describe('the answer of the token endpoint', () => {
  const tokens = async (say: Parameters<MockServer['answers']['set']>[1]) => {
    mock().answers.set('/token', say);
    return askForTokens({ server: await server(), client: { id: 'me' }, requests }, 'x', {});
  };

  it('is read', async () => {
    const body = { access_token: 'a', token_type: 'Bearer', expires_in: '60', refresh_token: 'r', scope: 'x y' };
    expect(await tokens(body)).toEqual({ accessToken: 'a', lifetimeMs: 60_000, refreshToken: 'r', scope: 'x y' });
    expect(await tokens({ ...body, expires_in: -1, refresh_token: '' })).toEqual({ accessToken: 'a', scope: 'x y' });
  });

  it.each([
    [{ token_type: 'bearer' }],
    [{ access_token: 'a b', token_type: 'bearer' }],
    [{ access_token: 'a\r\nx: y', token_type: 'bearer' }],
    [{ access_token: 'a', token_type: 'mac' }],
  ])('is no token: %j', async (body) => {
    await expect(tokens(body)).rejects.toThrow('without a bearer token');
  });

  it('is an error, of which only the code is told', async () => {
    const body = { error: 'invalid_grant', error_description: 'hello <script>' };
    const error = await tokens({ status: 400, body }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TokenRefused);
    expect(error).toMatchObject({ problem: 'refused', code: 'invalid_grant' });
    expect(String(error)).not.toContain('script');
    await expect(tokens({ status: 400, body: { error: 'A\nB' } })).rejects.toMatchObject({ code: undefined });
    await expect(tokens(500)).rejects.toMatchObject({ problem: 'unavailable' });
    await expect(tokens('cut')).rejects.toBeInstanceOf(AnswerLost);
  });

  it('comes in time, or not at all', async () => {
    const stop = new AbortController();
    mock().answers.set('/token', () => {
      stop.abort(new Error('too late'));
      return 'silence';
    });
    const patient = loopbackRequests({ timeout: () => stop.signal });
    const asking = askForTokens({ server: await server(), client: { id: 'me' }, requests: patient }, 'x', {});
    await expect(asking).rejects.toMatchObject({ problem: 'unavailable' });
  });

  it('UPS-18 tells whether a token was given back', async () => {
    const endpoint = { server: await server(), client: { id: 'me' }, requests };
    expect(await revoke(endpoint, 't', 'refresh_token')).toBe(false);
    mock().answers.set('/revoke', 200);
    expect(await revoke(endpoint, 't', 'refresh_token')).toBe(true);
    expect(mock().log.at(-1)!.form.get('token')).toBe('t');
  });
});
