/** Access for a token of whoever calls, and for this client itself. */

import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { UpstreamAuthorization, UpstreamAuthorizationOptions } from './authorization.ts';
import { openMockServer, type MockServer } from './testing/mock-server.ts';
import { openScene, type Scene } from './testing/signed-in.ts';

const opened: { scene?: Scene; idp?: MockServer } = {};
const scene = (): Scene => opened.scene!;
const idp = (): MockServer => opened.idp!;
const HOUR_MS = 3600_000;
const REFUSAL = { status: 401, wwwAuthenticate: 'Bearer scope="read"', sent: undefined } as const;
const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token';
const ID_JAG = 'urn:ietf:params:oauth:token-type:id-jag';
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

beforeEach(async () => {
  opened.scene = await openScene();
  opened.idp = await openMockServer();
});
afterEach(() => Promise.all([scene().mock.close(), idp().close()]));

/** What a caller of the gateway has signed in with. */
const caller: { token: string | undefined } = { token: undefined };
beforeEach(() => {
  caller.token = 'CANARY-caller';
});

function open(
  grant: UpstreamAuthorizationOptions['grant'],
  exchange: Partial<NonNullable<UpstreamAuthorizationOptions['exchange']>> = {},
  more: Partial<UpstreamAuthorizationOptions> = {},
): UpstreamAuthorization {
  return scene().open({
    client: { clientId: 'us', clientSecret: 'our secret' },
    grant,
    exchange: {
      subjectToken: () =>
        Promise.resolve(caller.token === undefined ? undefined : { token: caller.token, type: ID_TOKEN }),
      tokenEndpoint: `${idp().origin}/token`,
      ...exchange,
    },
    ...more,
  });
}

const form = ({ form: sent }: { readonly form: URLSearchParams }): object => Object.fromEntries(sent);
const basic = (id: string, secret: string): string => `Basic ${btoa(`${id}:${secret.replaceAll(' ', '+')}`)}`;
/** Everything that anybody was told, but the one path. */
const toldElsewhere = (path: string): string =>
  JSON.stringify([...scene().mock.log, ...idp().log.filter((asked) => asked.path !== path)]);

describe('a token exchange', () => {
  beforeEach(() => {
    let count = 0;
    idp().answers.set('/token', () => ({
      access_token: `exchanged${++count}`,
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: 3600,
      refresh_token: 'never used',
    }));
  });

  it('gets a token of the resource for that of the caller, at the endpoint that is configured', async () => {
    const one = open('token_exchange', { audience: 'the resource' });
    expect(await one.token()).toBeUndefined();
    expect(await one.challenged(REFUSAL)).toBe('retry');
    expect(await one.token()).toBe('exchanged1');
    expect(idp().asked('/token').map(form)).toEqual([
      {
        grant_type: EXCHANGE,
        subject_token: 'CANARY-caller',
        subject_token_type: ID_TOKEN,
        requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        audience: 'the resource',
        resource: scene().mock.resource,
        scope: 'read',
      },
    ]);
    expect(idp().log[0]!.authorization).toBe(basic('us', 'our secret'));
    // Not even asked: the resource has no say in where tokens are exchanged.
    expect(scene().mock.log.map(({ path }) => path)).toEqual(['/.well-known/oauth-protected-resource/mcp']);
  });

  it('is made once for all who wait for it', async () => {
    const one = open('token_exchange');
    const answers = await Promise.all(Array.from({ length: 100 }, () => one.challenged(REFUSAL)));
    expect(new Set(answers)).toEqual(new Set(['retry']));
    expect(idp().asked('/token')).toHaveLength(1);
  });

  it('UPS-13 shows the token of the caller to nobody else, and keeps none', async () => {
    const one = open('token_exchange');
    await one.challenged(REFUSAL);
    expect(toldElsewhere('/token')).not.toContain('CANARY');
    expect(JSON.stringify([...scene().gateway.records.all.values()].map(unsealed))).not.toContain('CANARY');
    expect(await one.grant()).toMatchObject({ renewable: true, issuer: `${idp().origin}/token` });
    expect(await one.logout()).toBe('removed');
    expect(await one.token()).toBeUndefined();
  });

  it('P1-07 is done again for 100 calls at once when the token is due, with what the caller has then', async () => {
    const one = open('token_exchange');
    await one.challenged(REFUSAL);
    caller.token = 'another';
    scene().gateway.passed = HOUR_MS;
    const tokens = await Promise.all(Array.from({ length: 100 }, () => one.token()));
    expect(new Set(tokens)).toEqual(new Set(['exchanged2']));
    const asked = idp()
      .asked('/token')
      .map(({ form: sent }) => sent.get('subject_token'));
    expect(asked).toEqual(['CANARY-caller', 'another']);
    expect(idp().log.every(({ body }) => !body.includes('never+used'))).toBe(true);
  });

  it('needs a caller who has shown a token, and goes on as soon as he has', async () => {
    const one = open('token_exchange');
    caller.token = undefined;
    await expect(one.challenged(REFUSAL)).rejects.toMatchObject({ name: 'NoSubjectToken', problem: 'unavailable' });
    caller.token = 'CANARY-caller';
    await one.challenged(REFUSAL);
    caller.token = undefined;
    scene().gateway.passed = HOUR_MS - 1000;
    expect(await one.token()).toBe('exchanged1');
    expect(scene().gateway.failures).toMatchObject([{ name: 'NoSubjectToken' }]);
    scene().gateway.passed = HOUR_MS;
    for (let time = 0; time < 5; time += 1) {
      await expect(one.token()).rejects.toMatchObject({ name: 'NoSubjectToken' });
    }
    expect(idp().asked('/token')).toHaveLength(1);
    caller.token = 'again';
    expect(await one.token()).toBe('exchanged2');
  });

  it('UPS-10 asks no more than a few times when the endpoint says no', async () => {
    const one = open('token_exchange');
    await one.challenged(REFUSAL);
    idp().answers.set('/token', { status: 400, body: { error: 'invalid_grant' } });
    for (let second = 0; second < 30; second += 1) {
      scene().gateway.passed = HOUR_MS + second * 1000;
      await expect(one.token()).rejects.toThrow(/invalid_grant|could not be renewed/);
    }
    expect(idp().asked('/token').length).toBeLessThanOrEqual(1 + 5);
  });

  it.each([
    ['no endpoint', { tokenEndpoint: undefined as never }],
    ['P1-11 an endpoint without TLS', { tokenEndpoint: 'http://idp.test/token' }],
  ])('%s: no exchange is made', async (_what, exchange) => {
    await expect(open('token_exchange', exchange).challenged(REFUSAL)).rejects.toMatchObject({ problem: 'unusable' });
    expect(idp().log).toEqual([]);
  });

  it('is made where the metadata of an issuer say, and nowhere when it does not say who it is', async () => {
    const { origin } = idp();
    const of = { tokenEndpoint: undefined as never, issuer: origin };
    idp().publish();
    const one = open('token_exchange', of);
    expect(await one.challenged(REFUSAL)).toBe('retry');
    expect(await one.token()).toBe('exchanged1');
    expect(await one.grant()).toMatchObject({ issuer: origin });
    idp().publish({ server: { issuer: 'https://other.test' } });
    await expect(open('token_exchange', of).challenged({ ...REFUSAL, sent: 'exchanged1' })).rejects.toThrow('issuer');
    expect(idp().asked('/token')).toHaveLength(1);
  });

  it('needs a client', async () => {
    const one = open('token_exchange', {}, { client: {} });
    await expect(one.challenged(REFUSAL)).rejects.toMatchObject({ problem: 'unusable' });
    expect(idp().log).toEqual([]);
  });
});

describe('an identity assertion', () => {
  const say = (more: Readonly<Record<string, string>> = {}) =>
    idp().answers.set('/token', { access_token: 'the.id.jag', issued_token_type: ID_JAG, token_type: 'N_A', ...more });

  it('is got for the identity of the caller, and taken as a grant', async () => {
    say();
    const one = open('identity_assertion', { client: { clientId: 'at the idp' } });
    expect(await one.challenged(REFUSAL)).toBe('retry');
    expect(await one.token()).toBe('at1');
    expect(idp().asked('/token').map(form)).toEqual([
      {
        client_id: 'at the idp',
        grant_type: EXCHANGE,
        subject_token: 'CANARY-caller',
        subject_token_type: ID_TOKEN,
        requested_token_type: ID_JAG,
        audience: scene().mock.origin,
        resource: scene().mock.resource,
        scope: 'read',
      },
    ]);
    const asked = scene().asked('urn:ietf:params:oauth:grant-type:jwt-bearer');
    expect(asked.map(form)).toMatchObject([
      { assertion: 'the.id.jag', scope: 'read', resource: scene().mock.resource },
    ]);
    expect(asked[0]!.authorization).toBe(basic('us', 'our secret'));
    expect(toldElsewhere('/token')).not.toContain('CANARY');
    expect(await one.logout()).toBe('revoked');
    expect(
      scene()
        .mock.asked('/revoke')
        .map(({ form: sent }) => sent.get('token')),
    ).toEqual(['at1']);
  });

  it('is got anew when the token is due: no refresh token is used', async () => {
    say();
    const one = open('identity_assertion');
    await one.challenged(REFUSAL);
    scene().gateway.passed = HOUR_MS;
    expect(await one.token()).toBe('at2');
    expect(idp().asked('/token')).toHaveLength(2);
    expect(scene().asked('refresh_token')).toEqual([]);
  });

  it.each([{ issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' }, { access_token: 'no token' }])(
    'is not taken for one when it is something else: %o',
    async (more) => {
      say(more);
      await expect(open('identity_assertion').challenged(REFUSAL)).rejects.toMatchObject({ problem: 'refused' });
      expect(scene().mock.asked('/token')).toEqual([]);
    },
  );

  it('UPS-13 may be the token of the gateway itself, never that of a person', async () => {
    const direct = { tokenEndpoint: undefined as never };
    const client = { clientId: 'a workload' };
    const personal = open('identity_assertion', direct, { client });
    await expect(personal.challenged(REFUSAL)).rejects.toMatchObject({ problem: 'unusable' });
    expect(toldElsewhere('')).not.toContain('CANARY');
    const one = open('identity_assertion', direct, { client, owner: { upstream: 'up' } });
    await one.challenged(REFUSAL);
    const asked = scene().asked('urn:ietf:params:oauth:grant-type:jwt-bearer');
    expect(asked.map(form)).toMatchObject([{ assertion: 'CANARY-caller', client_id: 'a workload' }]);
  });

  it('fails with what the server says of it', async () => {
    say();
    scene().mock.answers.set('/token', { status: 400, body: { error: 'invalid_grant' } });
    await expect(open('identity_assertion').challenged(REFUSAL)).rejects.toMatchObject({ code: 'invalid_grant' });
  });
});

describe('the client itself', () => {
  it('sends an id and a secret that also servers understand that do not decode them', async () => {
    const one = open('client_credentials', {}, { client: { clientId: 'our-id.a_b', clientSecret: 'a-b_c.d e/ü' } });
    await one.challenged(REFUSAL);
    expect(scene().asked('client_credentials')[0]!.authorization).toBe(
      `Basic ${btoa('our-id.a_b:a-b_c.d+e%2F%C3%BC')}`,
    );
  });

  it.each(['rsa', 'ec', 'ed25519'] as const)('proves who it is with a key: %s', async (type) => {
    const options = { modulusLength: 2048, namedCurve: 'P-256' };
    const { privateKey, publicKey } = generateKeyPairSync(type as 'ec', options);
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const one = open('client_credentials', {}, { client: { clientId: 'us', privateKey: pem } });
    expect(await one.challenged(REFUSAL)).toBe('retry');
    const [asked] = scene().asked('client_credentials');
    expect(asked!.form.get('client_assertion_type')).toBe('urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
    const [head = '', body = '', signature = ''] = asked!.form.get('client_assertion')!.split('.');
    expect(JSON.parse(Buffer.from(body, 'base64url').toString())).toMatchObject({
      iss: 'us',
      sub: 'us',
      aud: scene().mock.origin,
    });
    const key = {
      key: createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })),
      dsaEncoding: 'ieee-p1363',
    } as const;
    const algorithm = type === 'ed25519' ? null : 'sha256';
    expect(verify(algorithm, Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))).toBe(true);
    expect(asked!.authorization).toBeUndefined();
  });
});

/** What `testSealing` sealed. */
function unsealed({ value }: { readonly value: unknown }): string {
  return Buffer.from(value as string, 'base64').toString();
}
