import { describe, expect, it } from 'vitest';
import { checkDraft, draftOf } from './check-text.ts';
import { checkConfig } from './check.ts';
import { formatProblem } from './problems.ts';
import type { AuthConfig } from './types-auth.ts';

const long = 'k7QzR2mW'.repeat(5);
const hash = `$2b$12$${'a'.repeat(53)}`;
const id = 'https://id.example.com';
const oidc = { issuer: id, clientId: 'us' };
const introspection = { issuer: id, clientId: 'us', clientSecret: long };
const claims = { roles: 'roles', groups: 'groups' };
const tenant = '8eaef023-2b34-4da1-9baa-8bc8c9d6a490';

function read(auth: unknown, more: object = {}): AuthConfig {
  const { entry, findings } = checkConfig({ auth, ...more });
  expect(findings).toEqual([]);
  return entry?.auth as AuthConfig;
}

function refused(auth: unknown, more: object = {}): string {
  const { entry, findings } = checkConfig({ auth, ...more });
  expect(entry).toBeUndefined();
  return findings.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n');
}

describe('auth', () => {
  it.each([
    [{}, { modes: ['key'], keys: [], scopes: [] }],
    [{ mode: 'none' }, { modes: ['none'] }],
    [
      { mode: ['key'], scopes: ['mcp'] },
      { modes: ['key'], scopes: ['mcp'] },
    ],
    [
      { keys: [{ name: 'ci', key: long, roles: ['dev'], expires: '2027-01-31' }] },
      { keys: [{ name: 'ci', key: long, roles: ['dev'], expiresMs: Date.UTC(2027, 0, 31) }] },
    ],
    [
      { keys: [{ name: 'a@b.c', hash, expires: '2027-01-31T18:00:00+02:00' }] },
      { keys: [{ name: 'a@b.c', hash, roles: [], expiresMs: Date.UTC(2027, 0, 31, 16) }] },
    ],
    [
      { mode: ['key', 'jwt'], jwt: { issuer: id, audience: 'us' } },
      {
        modes: ['key', 'jwt'],
        jwt: { issuer: id, audience: ['us'], publicKeys: [], algorithms: ['RS256'], clockToleranceMs: 60_000, claims },
      },
    ],
    [
      {
        mode: 'jwt',
        jwt: {
          issuer: 'http://127.0.0.1:9/',
          jwks: { keys: [{ kty: 'RSA', n: 'x', e: 'AQAB' }] },
          algorithms: ['ES256', 'EdDSA'],
          claims: { roles: 'realm_access.roles' },
        },
      },
      {
        jwt: {
          jwks: { keys: [{ kty: 'RSA', n: 'x', e: 'AQAB' }] },
          algorithms: ['ES256', 'EdDSA'],
          claims: { roles: 'realm_access.roles', groups: 'groups' },
        },
      },
    ],
    [
      { mode: 'oidc', oidc },
      {
        oidc: {
          ...oidc,
          scopes: ['openid', 'profile', 'email'],
          audience: [],
          algorithms: ['RS256'],
          clockToleranceMs: 60_000,
          claims,
        },
      },
    ],
    [
      { mode: 'introspection', introspection },
      { introspection: { ...introspection, audience: [], cacheMs: 30_000, claims } },
    ],
    [
      { server: true, oidc },
      {
        server: { registration: true, clientIdMetadata: true, accessTokenMs: 600_000, refreshTokenMs: 2_592_000_000 },
      },
    ],
    [{ server: { registration: false }, oidc }, { server: { registration: false, clientIdMetadata: true } }],
    [{ browser: { idle: '5m' } }, { browser: { idleMs: 300_000, absoluteMs: 43_200_000, rotateMs: 900_000 } }],
  ])('reads %j', (written, expected) => {
    expect(read(written)).toMatchObject(expected);
  });

  it('has no server of our own unless it is told', () => {
    expect(read({ server: false })).not.toHaveProperty('server');
    expect(read({})).not.toHaveProperty('server');
  });

  it.each([
    ['authentik', { issuer: id }, { scopes: ['openid', 'profile', 'email'], claims }],
    ['keycloak', { issuer: id }, { claims: { roles: 'realm_access.roles', groups: 'groups' } }],
    ['auth0', { issuer: id }, { claims: { roles: 'permissions', groups: 'groups' } }],
    ['okta', { issuer: id }, { scopes: ['openid', 'profile', 'email', 'groups'], claims }],
    ['google', {}, { issuer: 'https://accounts.google.com', claims }],
    ['microsoft', { tenant }, { issuer: `https://login.microsoftonline.com/${tenant}/v2.0`, claims }],
    ['keycloak', { issuer: id, claims: { roles: 'r' } }, { claims: { roles: 'r', groups: 'groups' } }],
    ['okta', { issuer: id, scopes: ['openid'] }, { scopes: ['openid'] }],
  ])('knows the provider %s with %j', (preset, more, expected) => {
    expect(read({ mode: 'oidc', oidc: { preset, clientId: 'us', ...more } }, { policy: {} }).oidc).toMatchObject(
      expected,
    );
  });

  it.each([
    [{ mode: [] }, /^auth\.mode: expected at least one way/],
    [{ mode: ['none', 'key'] }, /^auth\.mode: `none` lets everybody in, so it stands alone/],
    [{ mode: ['key', 'key'] }, /^auth\.mode: expected each way once/],
    [{ mode: 'jtw' }, /^auth\.mode: expected .* did you mean `jwt`\?$/],
    [{ mode: 'jwt' }, /^auth\.mode: `jwt` needs `auth\.jwt`: `\{issuer/],
    [{ mode: ['key', 'oidc'] }, /^auth\.mode: `oidc` needs `auth\.oidc`/],
    [{ mode: 'introspection' }, /^auth\.mode: `introspection` needs `auth\.introspection`/],
    [{ server: true }, /^auth\.server: needs `auth\.oidc`/],
    [{ mode: 'mtls' }, /^auth\.mode: `mtls` needs `listen\.tls\.clientCa`/],
    [{ jwt: { issuer: id } }, /^auth\.jwt: nobody is let in by this: add `jwt` to `auth\.mode`/],
    [{ introspection }, /^auth\.introspection: nobody is let in/],
    [{ mode: 'none', keys: [{ name: 'a', key: long }] }, /^auth\.keys: nobody is let in/],
    [{ keys: [{ name: 'a' }] }, /^auth\.keys\.0: expected `key` or `hash`$/],
    [{ keys: [{ name: 'a', key: long, hash }] }, /^auth\.keys\.0: `key` and `hash` exclude each other$/],
    [{ keys: [{ key: long }] }, /^auth\.keys\.0\.name: expected a name$/],
    [{ keys: [{ name: 'local', key: long }] }, /^auth\.keys\.0\.name: .*neither `local` nor the id/],
    [{ keys: [{ name: '0123456789abcdef', key: long }] }, /^auth\.keys\.0\.name: .*nor the id/],
    [{ keys: [{ name: 'a b', key: long }] }, /^auth\.keys\.0\.name: expected a name of up to 64/],
    [
      {
        keys: [
          { name: 'a', key: long },
          { name: 'a', key: `${long}2` },
        ],
      },
      /^auth\.keys\.1\.name: `a` names another key already$/,
    ],
    [
      {
        keys: [
          { name: 'a', key: long },
          { name: 'b', key: long },
        ],
      },
      /^auth\.keys\.1\.key: this is the key of `a`$/,
    ],
    [{ keys: [{ name: 'a', key: 'k7Qz' }] }, /^auth\.keys\.0\.key: expected a random key of 32 to 512/],
    [{ keys: [{ name: 'a', key: `${long} ${long}` }] }, /^auth\.keys\.0\.key: expected a random key/],
    [{ keys: [{ name: 'a', key: '${K}'.padEnd(40, long) }] }, /^auth\.keys\.0\.key: expected a random key/],
    [{ keys: [{ name: 'a', key: `${long},` }] }, /^auth\.keys\.0\.key: expected a random key/],
    [{ keys: [{ name: 'a', key: 'abcdefg'.repeat(9) }] }, /^auth\.keys\.0\.key: expected a random key/],
    [{ keys: Array.from({ length: 257 }, (_, at) => ({ name: `n${at}`, key: `${long}${at}` })) }, /^auth\.keys: .*256/],
    [
      { keys: Array.from({ length: 33 }, (_, at) => ({ name: `n${at}`, hash })) },
      /^auth\.keys: .*32 of them as hashes/,
    ],
    [{ keys: [{ name: 'a', hash: `$2b$09$${'a'.repeat(53)}` }] }, /^auth\.keys\.0\.hash: .*cost 10 to 14/],
    [{ keys: [{ name: 'a', hash: `$2x$12$${'a'.repeat(53)}` }] }, /^auth\.keys\.0\.hash: expected a bcrypt hash/],
    [{ keys: [{ name: 'a', hash: `$2b$15$${'a'.repeat(53)}` }] }, /^auth\.keys\.0\.hash: expected a bcrypt hash/],
    [{ keys: [{ name: 'a', key: long, expires: '2027-02-30' }] }, /^auth\.keys\.0\.expires: expected a date/],
    [{ keys: [{ name: 'a', key: long, expires: '2027-02-03T12:00' }] }, /^auth\.keys\.0\.expires: .*with its zone/],
    [{ keys: [{ name: 'a', key: long, expires: '30d' }] }, /^auth\.keys\.0\.expires: expected a date/],
    [{ keys: [{ name: 'a', key: long, expires: '2027-99-03' }] }, /^auth\.keys\.0\.expires: expected a date/],
    [{ mode: 'jwt', jwt: {} }, /^auth\.jwt\.issuer: expected an issuer/],
    [{ mode: 'jwt', jwt: { issuer: 'local' } }, /^auth\.jwt\.issuer: expected an issuer/],
    [{ mode: 'jwt', jwt: { issuer: 'mtls' } }, /^auth\.jwt\.issuer: expected an issuer/],
    [{ mode: 'jwt', jwt: { issuer: 'http://id.example.com' } }, /^auth\.jwt\.issuer: .*http only on loopback/],
    [{ mode: 'jwt', jwt: { issuer: 'http://127.0.0.1.example.com' } }, /^auth\.jwt\.issuer: expected/],
    [{ mode: 'jwt', jwt: { issuer: `${id}/?a=b` } }, /^auth\.jwt\.issuer: .*without query/],
    [{ mode: 'jwt', jwt: { issuer: 'https://u:p@id.example.com' } }, /^auth\.jwt\.issuer: expected/],
    [{ mode: 'jwt', jwt: { issuer: id, algorithms: ['HS256'] } }, /^auth\.jwt\.algorithms\.0: `HS256` is refused/],
    [{ mode: 'jwt', jwt: { issuer: id, algorithms: ['nOnE'] } }, /^auth\.jwt\.algorithms\.0: `nOnE` is refused/],
    [{ mode: 'jwt', jwt: { issuer: id, algorithms: ['RS257'] } }, /^auth\.jwt\.algorithms\.0: expected `RS256`/],
    [{ mode: 'jwt', jwt: { issuer: id, algorithms: [] } }, /^auth\.jwt\.algorithms: expected at least one/],
    [{ mode: 'jwt', jwt: { issuer: id, jwks: 'http://id.example.com/k' } }, /^auth\.jwt\.jwks: expected the https URL/],
    [{ mode: 'jwt', jwt: { issuer: id, jwks: { keys: [] } } }, /^auth\.jwt\.jwks\.keys: expected at least one/],
    [{ mode: 'jwt', jwt: { issuer: id, jwks: { keys: [{ d: 'x' }] } } }, /^auth\.jwt\.jwks\.keys\.0: .*private/],
    [{ mode: 'jwt', jwt: { issuer: id, jwks: { keys: [{ k: 'x' }] } } }, /^auth\.jwt\.jwks\.keys\.0: .*shared/],
    [
      { mode: 'jwt', jwt: { issuer: id, jwks: `${id}/k`, publicKeys: ['a.pem'] } },
      /^auth\.jwt\.publicKeys: `jwks` is there too/,
    ],
    [{ mode: 'oidc', oidc: { clientId: 'us' } }, /^auth\.oidc: expected `issuer`, such as https:/],
    [{ mode: 'oidc', oidc: { preset: 'keycloak', clientId: 'us' } }, /^auth\.oidc: .*such as https:.*\/realms\//],
    [{ mode: 'oidc', oidc: { preset: 'microsoft', clientId: 'us' } }, /^auth\.oidc: expected `tenant`/],
    [
      { mode: 'oidc', oidc: { preset: 'microsoft', tenant: 'common', clientId: 'us' } },
      /^auth\.oidc\.tenant: expected the id of the directory/,
    ],
    [{ mode: 'oidc', oidc: { ...oidc, tenant } }, /^auth\.oidc\.tenant: only with `preset: microsoft`/],
    [{ mode: 'oidc', oidc: { ...oidc, preset: 'microsoft', tenant } }, /^auth\.oidc\.tenant: `issuer` is there too/],
    [{ mode: 'oidc', oidc: { ...oidc, scopes: ['email'] } }, /^auth\.oidc\.scopes: expected `openid` among them/],
    [{ mode: 'oidc', oidc: { ...oidc, preset: 'octa' } }, /^auth\.oidc\.preset: .*did you mean `okta`\?/],
    [
      { mode: 'introspection', introspection: { ...introspection, endpoint: 'http://x/i' } },
      /endpoint: expected an https/,
    ],
    [{ mode: 'introspection', introspection: { issuer: id, clientId: 'us' } }, /clientSecret: expected the secret/],
    [{ server: { registraton: true }, oidc }, /^auth\.server\.registraton: .*did you mean `registration`\?/],
    [{ server: 'yes', oidc }, /^auth\.server: expected true or false/],
  ])('refuses %j', (written, expected) => {
    expect(refused(written)).toMatch(expected);
  });

  it.each([
    'changeme',
    'Please-Change-Me-Please-Change-Me-Please',
    'your_api_key',
    'ChangeMe',
    'change-me',
    'secret',
    'SECRET',
    'password',
    '',
    ' ',
    '<key>',
    'x',
    'x'.repeat(40),
    '🙂🙂',
  ])('DSA-17 refuses the placeholder %j wherever a secret stands', (placeholder) => {
    const places = {
      'auth.keys.0.key': { auth: { keys: [{ name: 'a', key: placeholder }] } },
      'auth.oidc.clientSecret': { auth: { mode: 'oidc', oidc: { ...oidc, clientSecret: placeholder } } },
      'auth.introspection.clientSecret': {
        auth: { mode: 'introspection', introspection: { ...introspection, clientSecret: placeholder } },
      },
      'telemetry.metrics.key': { telemetry: { metrics: { key: placeholder } } },
    };
    for (const [place, value] of Object.entries(places)) {
      expect(checkConfig(value).findings.map(({ path, message }) => `${path.join('.')}: ${message}`)).toEqual([
        expect.stringMatching(new RegExp(`^${place.replaceAll('.', '\\.')}: this is a placeholder, not a secret`)),
      ]);
    }
  });

  it.each([
    [{ auth: { keys: [{ name: 'a', key: '${NOPE}' }] } }, /auth\.keys\[0\]\.key: the variable NOPE is not set/],
    [{ auth: { mode: 'oidc', oidc: { ...oidc, clientId: '${NOPE}' } } }, /clientId: the variable NOPE is not set$/],
    [{ telemetry: { metrics: { key: 'a${NOPE}' } } }, /telemetry\.metrics\.key: the variable NOPE is not set/],
    [{ policy: { rules: [{ effect: 'deny', tools: ['${NOPE}'] }] } }, /tools\[0\]: the variable NOPE is not set$/],
    [
      { policy: { external: { url: 'https://x/', headers: { a: 'Bearer ${NOPE}' } } } },
      /headers\.a: the variable NOPE is not set$/,
    ],
    [
      { mcpServers: { one: { command: 'x', args: ['${NOPE}'] } }, listen: { tls: { cert: '${NOPE}', key: 'k' } } },
      /listen\.tls\.cert: the variable NOPE is not set$/,
    ],
  ])('never lets the text of an undefined variable stand in %j', async (value, expected) => {
    const draft = await draftOf('f', JSON.stringify(value), 'json');
    const { entry, problems } = checkDraft(draft, { env: {}, files: new Map() });
    expect(entry).toBeUndefined();
    expect(problems.map(formatProblem)).toEqual([expect.stringMatching(expected)]);
  });
});
