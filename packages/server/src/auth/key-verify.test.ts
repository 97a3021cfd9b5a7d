import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Credentials } from './authenticate.ts';
import { createAuthenticate } from './chain.ts';
import { createChallenge } from './challenge.ts';
import { createFailureLimit } from './failures.ts';
import { formatClientKey } from './key-form.ts';
import type { KeyRecord, KeyStorage } from './key-records.ts';
import { createKeyVerify } from './key-verify.ts';
import { createKeyTable, type KeyTable } from './keys.ts';
import type { Prove } from './proof.ts';

const localKey = formatClientKey('local', randomBytes(32));

interface Opened {
  readonly keys: KeyTable;
  /** How often a key was looked up. */
  verified: number;
  readonly clock: { nowMs: number };
  readonly taken: Set<string>;
  readonly prove: Prove;
  readonly authenticate: ReturnType<typeof createAuthenticate>;
}

async function open(): Promise<Opened> {
  const records = new Map<string, KeyRecord>();
  let version = 0;
  const write = (name: string, value: unknown): boolean => {
    version += 1;
    records.set(name, { name, value, version });
    return true;
  };
  const storage: KeyStorage = {
    version: async () => version,
    load: async () => ({ records: [...records.values()], lastUsed: new Map() }),
    add: async (key) => write(key.name, key),
    replace: async ({ name }, key) => write(name, key),
    remove: async ({ name }) => {
      version += 1;
      return records.delete(name);
    },
    recordUse: async () => undefined,
  };
  const clock = { nowMs: 1 };
  const now = (): number => clock.nowMs;
  const keys = createKeyTable({
    storage,
    hmacKey: createSecretKey(randomBytes(32)),
    now,
    random: randomBytes,
    localKey,
  });
  const counted: Pick<KeyTable, 'verify' | 'holds'> = {
    verify: (key) => {
      opened.verified += 1;
      return keys.verify(key);
    },
    holds: (key) => keys.holds(key),
  };
  const taken = new Set<string>();
  const prove = createKeyVerify({ keys: counted, issuer: 'local', isTaken: (name) => taken.has(name) });
  const authenticate = createAuthenticate({
    verify: [prove],
    failures: createFailureLimit(60, now),
    challenge: createChallenge({ scopes: [] }),
    log: () => undefined,
    now,
  });
  const opened: Opened = { keys, verified: 0, clock, taken, prove, authenticate };
  await keys.refresh();
  return opened;
}

const shown = (authorization: string | undefined, connection: object = {}): Credentials => ({
  authorization,
  certificate: undefined,
  connection,
  local: true,
  address: '127.0.0.1',
  path: '/mcp',
});

const UNAUTHENTICATED = { error: { key: 'unauthenticated' } };

describe('client keys', () => {
  it('P3-01 prove who one is, on a new connection and again on the same, which costs no hash', async () => {
    const opened = await open();
    const { key } = await opened.keys.create({ name: 'laptop', roles: ['dev'] });
    const connection = {};
    const first = opened.authenticate(shown(`Bearer ${key}`, connection));
    expect(first).toEqual({ issuer: 'local', subject: 'laptop', roles: ['dev'] });
    expect(opened.authenticate(shown(`Bearer ${key}`, connection))).toBe(first);
    expect(opened.verified).toBe(1);
    expect(opened.authenticate(shown(`bearer ${key}`))).toBe(first);
    expect(opened.verified).toBe(2);
  });

  const wrong = formatClientKey('0123456789abcdef', Buffer.alloc(32));
  it.each([
    ['nothing', undefined],
    ['another scheme', 'Basic abc'],
    ['a wrong key', `Bearer ${wrong}`],
    ['what is no key', 'Bearer abc'],
  ])('P3-01 with %s is refused, also on a connection that was good before', async (_what, authorization) => {
    const opened = await open();
    const { key } = await opened.keys.create({ name: 'laptop' });
    const connection = {};
    await opened.authenticate(shown(`Bearer ${key}`, connection));
    expect(opened.authenticate(shown(authorization, connection))).toMatchObject(UNAUTHENTICATED);
  });

  it('P3-01 twice in one request is refused', async () => {
    const opened = await open();
    const { key } = await opened.keys.create({ name: 'laptop' });
    expect(opened.authenticate(shown(`Bearer ${key}, Bearer ${key}`))).toMatchObject(UNAUTHENTICATED);
    expect(opened.prove(shown(`Bearer ${key}, Bearer ${key}`))).toBeUndefined();
  });

  it('leave what has not their form to other ways', async () => {
    const { prove } = await open();
    for (const authorization of [undefined, 'Basic abc', 'Bearer abc', 'Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln'])
      expect(prove(shown(authorization))).toBeUndefined();
    expect(prove(shown(`Bearer ${wrong}`))).toMatchObject({ problem: 'invalid' });
  });

  it.each([
    ['revoked', async ({ keys }: Opened) => void (await keys.revoke('laptop'))],
    ['rotated without a grace', async ({ keys }: Opened) => void (await keys.rotate('laptop', { graceMs: 0 }))],
    ['expired', async ({ clock }: Opened) => void (clock.nowMs = 1000)],
    ['named in the configuration', async ({ taken }: Opened) => void taken.add('laptop')],
  ])('P3-14 that were %s are refused on the connection that they were good on', async (_what, end) => {
    const opened = await open();
    const { key } = await opened.keys.create({ name: 'laptop', expiresAtMs: 1000 });
    const connection = {};
    expect(opened.authenticate(shown(`Bearer ${key}`, connection))).toMatchObject({ subject: 'laptop' });
    await end(opened);
    expect(opened.authenticate(shown(`Bearer ${key}`, connection))).toMatchObject(UNAUTHENTICATED);
    expect(opened.authenticate(shown(`Bearer ${key}`))).toMatchObject(UNAUTHENTICATED);
  });

  it('P3-14 in their grace are good on a connection until it ends', async () => {
    const opened = await open();
    const { key } = await opened.keys.create({ name: 'laptop' });
    const connection = {};
    await opened.authenticate(shown(`Bearer ${key}`, connection));
    await opened.keys.rotate('laptop', { graceMs: 10 });
    expect(opened.authenticate(shown(`Bearer ${key}`, connection))).toMatchObject({ subject: 'laptop' });
    opened.clock.nowMs += 10;
    expect(opened.authenticate(shown(`Bearer ${key}`, connection))).toMatchObject(UNAUTHENTICATED);
  });

  it('P2-16 have other roles on the next request, on a connection that is known too', async () => {
    const opened = await open();
    const { key } = await opened.keys.create({ name: 'laptop', roles: ['admin', 'dev'] });
    const connection = {};
    await opened.authenticate(shown(`Bearer ${key}`, connection));
    await opened.keys.setRoles('laptop', ['dev']);
    expect(opened.authenticate(shown(`Bearer ${key}`, connection))).toMatchObject({ roles: ['dev'] });
  });

  it('of this machine are told by nothing in the principal: where a call is made says the exchange', async () => {
    const { authenticate } = await open();
    const here = authenticate(shown(`Bearer ${localKey}`));
    expect(here).toEqual({ issuer: 'local', subject: 'local', roles: [] });
    expect(authenticate({ ...shown(`Bearer ${localKey}`), local: false, address: '192.0.2.1' })).toBe(here);
  });
});
