import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../config/schema.ts';
import type { Config, ServerConfig } from '../config/index.ts';
import { createOwnSecrets, secretsIn, type OwnSecrets } from '../guard/secrets/own.ts';
import { credentialsOf, guardedLogins, type LoginStore } from './guard-state.ts';
import { createMemoryStore } from '../store/memory.ts';
import { recordsOf } from '../store/records.ts';

const entry = v.parse(configSchema, {});

function configOf(env: Record<string, string>, headers: Record<string, string> = {}): Config {
  const servers = [
    { name: 'a', target: { kind: 'stdio', env } },
    { name: 'b', target: { kind: 'http', headers }, oauth: { clientSecret: 'of-the-client' } },
  ] as unknown as ServerConfig[];
  return { ...entry, servers, secretFiles: [] };
}

describe('credentials of a configuration', () => {
  it.each([
    { DB_PASSWORD: 'correcthorse' },
    { API_KEY: 'abc12345' },
    { GITHUB_TOKEN: 'x'.repeat(24) },
    { LICENSE: 'A1b2C3d4E5f6G7h8I9j0K1' },
    { AUTH: 'Bearer abcdefgh' },
  ])('are %j', (env) => {
    expect(credentialsOf(configOf(env))).toContain(Object.values(env)[0]);
    expect(credentialsOf(configOf({}, env))).toContain(Object.values(env)[0]);
  });

  it.each([
    { LOG_LEVEL: 'information' },
    { ROOT: '/home/ann/projects/2026-11-21' },
    { API_URL: 'https://api.example.com/v1/2026' },
    { API_KEY_HEADER: 'x-api-key' },
    { KEY_FILE: '/etc/keys/one.pem' },
    { accept: 'application/json' },
    { NAME: 'a-name-of-many-words-without-numbers' },
  ])('are not %j: it would be found in answers everywhere', (env) => {
    expect(credentialsOf(configOf(env))).toEqual(['of-the-client']);
  });

  it('are the headers of an external guard, too', () => {
    const config = configOf({});
    const external = { ...config.guard.external, headers: { authorization: 'Bearer of-the-guard' } };
    const guard = { ...config.guard, external } as Config['guard'];
    expect(credentialsOf({ ...config, guard })).toContain('Bearer of-the-guard');
  });

  it('are those of an API, and what HTTP Basic makes of a short one', () => {
    const auth = { key: { value: 'of-the-api' }, login: { username: 'ann', password: 'swordf' } };
    const servers = [{ name: 'c', target: { kind: 'openapi', headers: {}, auth } }] as unknown as ServerConfig[];
    const own = createOwnSecrets();
    own.hold('configuration', credentialsOf({ ...configOf({}), servers }));
    const said = Buffer.from('ann:swordf').toString('base64');
    for (const text of ['of-the-api', said])
      expect(secretsIn(Buffer.from(JSON.stringify({ text })), own)?.isOwn).toBe(true);
  });

  it('are the password in an address, too', () => {
    const url = ['postgres://ann', 'swordfish@db.example/x'].join(':');
    expect(credentialsOf(configOf({ DATABASE: url }))).toContain('swordfish');
  });
});

describe('logins at servers', () => {
  const sealed = (text: string, key: string): string => JSON.stringify({ text, key });
  const store = async (given: Record<string, string> = {}): Promise<LoginStore & { readonly own: OwnSecrets }> => {
    const memory = recordsOf(createMemoryStore({ now: () => 0 }), 'logins');
    for (const [key, text] of Object.entries(given)) await memory.put(key, sealed(text, key));
    const own = createOwnSecrets();
    const sealing = {
      seal: sealed,
      unseal: (value: string) => (JSON.parse(value) as { text: string }).text,
    };
    return { ...(await guardedLogins({ records: memory, sealing }, own)), own };
  };
  const grant = (n: number): string =>
    JSON.stringify({
      issuer: 'https://as.example/token',
      accessToken: `access-token-${n}`,
      refreshToken: `refresh-token-${n}`,
    });
  const isKnown = (own: OwnSecrets, text: string): boolean => secretsIn(Buffer.from(`a ${text} b`), own) !== undefined;

  it('TOK-07 their tokens and secrets are known from when they are stored until they are deleted, and no other member', async () => {
    const { own, records, sealing } = await store();
    sealing.seal(grant(1), 'grant/a');
    sealing.seal(JSON.stringify({ id: 'client-id-public', secret: 'client-secret-1' }), 'client/a');
    sealing.seal(JSON.stringify({ verifier: 'v'.repeat(43), resource: 'https://up.example/mcp' }), 'login/a');
    const secrets = ['access-token-1', 'refresh-token-1', 'client-secret-1', 'v'.repeat(43)];
    expect(secrets.map((secret) => isKnown(own, secret))).toEqual([true, true, true, true]);
    expect(isKnown(own, 'https://as.example/token client-id-public https://up.example/mcp')).toBe(false);
    await records.delete('grant/a');
    expect(secrets.map((secret) => isKnown(own, secret))).toEqual([false, false, true, true]);
  });

  it('TOK-07 those that were stored before are known from the start, and the last ones when there are very many', async () => {
    const { own, sealing } = await store({ 'grant/a': grant(1) });
    expect(isKnown(own, 'refresh-token-1')).toBe(true);
    for (let n = 2; n <= 1001; n++) sealing.seal(grant(n), `grant/${n}`);
    expect(['refresh-token-1 ', 'refresh-token-2 ', 'refresh-token-1001 '].map((each) => isKnown(own, each))).toEqual([
      false,
      true,
      true,
    ]);
  });
});
