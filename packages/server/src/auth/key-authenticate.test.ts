import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createFailureLimit } from './failures.ts';
import { createKeyAuthenticate } from './key-authenticate.ts';
import { createKeyTable, type KeyStorage, type KeyTable, type StoredKey } from './keys.ts';

async function table(now: () => number = () => 1): Promise<KeyTable> {
  const stored = new Map<string, StoredKey>();
  let version = 0;
  const storage: KeyStorage = {
    version: async () => version,
    load: async () => ({ keys: [...stored.values()], lastUsed: new Map() }),
    add: async (key) => {
      stored.set(key.name, key);
      version++;
      return true;
    },
    remove: async ({ name }) => {
      version++;
      return stored.delete(name);
    },
    recordUse: async () => undefined,
  };
  const keys = createKeyTable({ storage, hmacKey: createSecretKey(randomBytes(32)), now, random: randomBytes });
  await keys.refresh();
  return keys;
}

const facts = (authorization: string | undefined, connection: object = {}) => ({
  authorization,
  connection,
  address: '127.0.0.1',
  local: true,
});

describe('authentication by keys', () => {
  it('knows a good key, on a new connection and again on the same', async () => {
    const keys = await table();
    const { key } = await keys.create({ name: 'laptop', roles: ['dev'] });
    const authenticate = createKeyAuthenticate({ keys, failures: createFailureLimit(60, () => 1), issuer: 'local' });
    const connection = {};
    const first = authenticate(facts(`Bearer ${key}`, connection));
    expect(first).toEqual({ issuer: 'local', subject: 'laptop', roles: ['dev'] });
    expect(authenticate(facts(`Bearer ${key}`, connection))).toBe(first);
    expect(authenticate(facts(`Bearer ${key}`))).toBe(first);
  });

  it.each([
    ['nothing', undefined],
    ['another scheme', 'Basic abc'],
    ['a wrong key', `Bearer sp_${'0'.repeat(16)}_${'A'.repeat(43)}`],
  ])('refuses %s, also on a connection that was good before', async (_what, authorization) => {
    const keys = await table();
    const { key } = await keys.create({ name: 'laptop' });
    const authenticate = createKeyAuthenticate({ keys, failures: createFailureLimit(60, () => 1), issuer: 'local' });
    const connection = {};
    authenticate(facts(`Bearer ${key}`, connection));
    expect(authenticate(facts(authorization, connection))).toMatchObject({ error: { key: 'unauthenticated' } });
  });

  it('refuses a revoked key on the connection that it was good on', async () => {
    const keys = await table();
    const { key } = await keys.create({ name: 'laptop' });
    const authenticate = createKeyAuthenticate({ keys, failures: createFailureLimit(60, () => 1), issuer: 'local' });
    const connection = {};
    authenticate(facts(`Bearer ${key}`, connection));
    await keys.revoke('laptop');
    expect(authenticate(facts(`Bearer ${key}`, connection))).toMatchObject({ error: { key: 'unauthenticated' } });
  });

  it('refuses an expired key on the connection that it was good on', async () => {
    let nowMs = 1;
    const keys = await table(() => nowMs);
    const { key } = await keys.create({ name: 'laptop', expiresAtMs: 1000 });
    const authenticate = createKeyAuthenticate({ keys, failures: createFailureLimit(60, () => 1), issuer: 'local' });
    const connection = {};
    expect(authenticate(facts(`Bearer ${key}`, connection))).toMatchObject({ subject: 'laptop' });
    nowMs = 1000;
    expect(authenticate(facts(`Bearer ${key}`, connection))).toMatchObject({ error: { key: 'unauthenticated' } });
  });

  it('tells who fails too often to wait, and lets a good key in all the same', async () => {
    const keys = await table();
    const { key } = await keys.create({ name: 'laptop' });
    const authenticate = createKeyAuthenticate({ keys, failures: createFailureLimit(1, () => 1), issuer: 'local' });
    authenticate(facts(undefined));
    expect(authenticate(facts(undefined))).toMatchObject({
      error: { key: 'rate_limited' },
      headers: { 'retry-after': '60' },
    });
    expect(authenticate(facts(`Bearer ${key}`))).toMatchObject({ subject: 'laptop' });
  });
});
