import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Credentials } from './authenticate.ts';
import type { ConfiguredKey } from './configured-key-check.ts';
import { createConfiguredKeys } from './configured-keys.ts';
import { createFailureLimit, type FailureLimit } from './failures.ts';
import { formatClientKey } from './key-form.ts';
import type { Proof, Prove } from './proof.ts';

const PLAIN = 'plain-0123456789-abcdefghijklmnop';
/** In these tests the hash of a key is made of the key's last characters. */
const hashOf = (key: string): string => `$2b$10$${key.replaceAll('-', '.').slice(-20).padStart(53, '.')}`;
const hashed = (name: string, key: string): ConfiguredKey => ({ name, hash: hashOf(key), roles: ['dev'] });

interface Setup {
  readonly prove: Prove;
  readonly failures: FailureLimit;
  /** Keys that bcrypt was asked about, in order. */
  readonly asked: string[];
  /** Lets the bcrypt that is under way end. */
  readonly next: () => void;
  readonly underWay: () => number;
  nowMs: number;
}

function setup(keys: readonly ConfiguredKey[], perMinute = 60): Setup {
  const waiting: (() => void)[] = [];
  const made: Omit<Setup, 'prove'> & { nowMs: number } = {
    failures: createFailureLimit(perMinute, () => made.nowMs),
    asked: [],
    next: () => waiting.shift()?.(),
    underWay: () => waiting.length,
    nowMs: 1_000_000,
  };
  const prove = createConfiguredKeys({
    keys,
    issuer: 'local',
    compare: async (key, hash) => {
      made.asked.push(key);
      await new Promise<void>((resolve) => waiting.push(resolve));
      return hashOf(key) === hash;
    },
    failures: made.failures,
    now: () => made.nowMs,
    random: randomBytes,
  });
  return Object.assign(made, { prove });
}

const shown = (key: string, address = '192.0.2.1'): Credentials => ({
  authorization: `Bearer ${key}`,
  certificate: undefined,
  connection: {},
  local: false,
  address,
  path: '/mcp',
});

/** Lets all bcrypt work that comes end. */
async function finish<T>(made: Setup, pending: T | Promise<T>): Promise<T> {
  const letGo = setInterval(made.next);
  try {
    return await pending;
  } finally {
    clearInterval(letGo);
  }
}

const subject = (found: Awaited<ReturnType<Prove>>): string | undefined =>
  found !== undefined && 'principal' in found ? found.principal.subject : undefined;

describe('a key in the configuration', () => {
  it('P2-16 is known at once by its text, with its roles', () => {
    const { prove, asked } = setup([{ name: 'ci', key: PLAIN, roles: ['dev'] }]);
    expect(prove(shown(PLAIN))).toMatchObject({ principal: { issuer: 'local', subject: 'ci', roles: ['dev'] } });
    expect(prove({ ...shown(PLAIN), authorization: `bearer ${PLAIN}` })).toBeDefined();
    expect(asked).toEqual([]);
  });

  it('P3-01 is not known by anything else, which is left to other ways', () => {
    const { prove } = setup([{ name: 'ci', key: PLAIN, roles: [] }]);
    const none = [undefined, '', PLAIN, `Basic ${PLAIN}`, `Bearer ${PLAIN}x`, `Bearer ${PLAIN.slice(1)}`, 'Bearer '];
    for (const authorization of none) expect(prove({ ...shown(''), authorization })).toBeUndefined();
    expect(prove(shown('x'.repeat(10_000)))).toBeUndefined();
  });

  it('ends when it expires, on connections that are remembered too', async () => {
    const made = setup([
      { name: 'ci', key: PLAIN, roles: [], expiresMs: 1_000_010 },
      { ...hashed('dev', 'a-key-of-a-developer-of-ours'), expiresMs: 1_000_010 },
      { ...hashed('never-seen', 'another-key-of-a-developer'), expiresMs: 1_000_010 },
    ]);
    const proofs = [
      made.prove(shown(PLAIN)),
      await finish(made, made.prove(shown('a-key-of-a-developer-of-ours'))),
    ] as Proof[];
    const asked = made.asked.length;
    expect(proofs.map((proof) => proof.holds(shown('')))).toEqual([true, true]);
    made.nowMs += 10;
    expect(proofs.map((proof) => proof.holds(shown('')))).toEqual([false, false]);
    for (const key of [PLAIN, 'a-key-of-a-developer-of-ours']) {
      expect(made.prove(shown(key))).toMatchObject({ problem: 'invalid' });
    }
    expect(made.prove(shown('another-key-of-a-developer'))).toBeUndefined();
    expect(made.asked).toHaveLength(asked);
  });

  it('DSA-17 that cannot be used is refused by its place, and not shown', () => {
    expect(() => setup([{ name: 'ci', key: 'changeme', roles: [] }])).toThrow(/^auth\.keys\[0\]: a key has at least/);
  });
});

describe('a hash in the configuration', () => {
  it('P4-06 is checked by bcrypt once for the key that fits it, and never again', async () => {
    const made = setup([hashed('one', 'key-of-one'), hashed('two', 'key-of-two')]);
    expect(subject(await finish(made, made.prove(shown('key-of-two'))))).toBe('two');
    expect(made.asked).toEqual(['key-of-two', 'key-of-two']);
    const again = made.prove(shown('key-of-two'));
    expect(again).not.toBeInstanceOf(Promise);
    expect(again).toMatchObject({ principal: { issuer: 'local', subject: 'two', roles: ['dev'] } });
    expect(subject(await finish(made, made.prove(shown('key-of-one'))))).toBe('one');
    expect(made.asked).toEqual(['key-of-two', 'key-of-two', 'key-of-one']);
    // Both hashes have found their key: no other key causes work.
    expect(made.prove(shown('a-wrong-key'))).toBeUndefined();
    expect(made.asked).toHaveLength(3);
  });

  it('is tried once for a wrong key, however often it is shown', async () => {
    const made = setup([hashed('one', 'key-of-one')]);
    expect(await finish(made, made.prove(shown('a-wrong-key')))).toBeUndefined();
    expect(made.prove(shown('a-wrong-key'))).toBeUndefined();
    expect(made.asked).toEqual(['a-wrong-key']);
  });

  it('is tried once for a key that is shown several times at once', async () => {
    const made = setup([hashed('one', 'key-of-one')]);
    const found = await finish(made, Promise.all([1, 2, 3].map(async () => await made.prove(shown('key-of-one')))));
    expect(found.map(subject)).toEqual(['one', 'one', 'one']);
    expect(made.asked).toEqual(['key-of-one']);
  });

  it('is not tried for client keys and JWTs', () => {
    const made = setup([hashed('one', 'key-of-one')]);
    for (const key of [formatClientKey('0123456789abcdef', randomBytes(32)), 'eyJhbGciOiJSUzI1NiJ9.e30.c2ln'])
      expect(made.prove(shown(key))).toBeUndefined();
    expect(made.asked).toEqual([]);
  });

  it('P3-09 costs little, however many wrong keys come at once, and good ones do not wait', async () => {
    const made = setup([
      hashed('seen', 'key-that-was-seen'),
      hashed('one', 'key-of-one'),
      { name: 'ci', key: PLAIN, roles: [] },
    ]);
    await finish(made, made.prove(shown('key-that-was-seen')));
    const before = made.asked.length;
    const found = Array.from({ length: 200 }, (_one, at) => made.prove(shown(`wrong-${at}`, '203.0.113.9')));
    for (const key of [PLAIN, 'key-that-was-seen'])
      expect(made.prove(shown(key, '203.0.113.9'))).toMatchObject({ principal: {} });
    expect(made.underWay()).toBeLessThanOrEqual(1);
    const pending = found.filter((one) => one instanceof Promise);
    expect(pending).toHaveLength(8);
    // A key that may be right is not called wrong; after 60 of them the address is slowed down.
    const rest = found.filter((one) => !(one instanceof Promise));
    expect(rest.slice(0, 60)).toEqual(
      Array.from({ length: 60 }, () => expect.objectContaining({ problem: 'unavailable' }) as object),
    );
    expect(rest.slice(60).every((one) => one === undefined)).toBe(true);
    const other = made.prove(shown('key-of-one', '198.51.100.7'));
    expect(subject(await finish(made, other))).toBe('one');
    await finish(made, Promise.all(pending));
    expect(made.asked.length - before).toBeLessThanOrEqual(9);
  });

  it('P3-09 is tried one key at a time for an address that failed too often, and the right one gets through', async () => {
    const made = setup([hashed('one', 'key-of-one'), hashed('two', 'key-of-two')], 1);
    await finish(made, made.prove(shown('a-wrong-key')));
    made.failures.failed('192.0.2.1');
    const before = made.asked.length;
    // What others there keep showing was looked at before.
    expect(made.prove(shown('a-wrong-key'))).toBeUndefined();
    const right = made.prove(shown('key-of-two'));
    for (const key of ['key-of-one', 'another-wrong-key']) expect(made.prove(shown(key))).toBeUndefined();
    expect(subject(await finish(made, right))).toBe('two');
    expect(made.asked.slice(before)).toEqual(['key-of-two', 'key-of-two']);
    expect(subject(await finish(made, made.prove(shown('key-of-one'))))).toBe('one');
  });

  it('P3-09 is found for a new address while others fill the line', async () => {
    const made = setup([hashed('one', 'key-of-one')]);
    const flood = Array.from({ length: 64 }, (_one, at) => made.prove(shown(`wrong-${at}`, `203.0.113.${at % 8}`)));
    const right = made.prove(shown('key-of-one', '198.51.100.7'));
    expect(subject(await finish(made, right))).toBe('one');
    // It waited for the first of each, not for their lines.
    expect(made.asked.length).toBeLessThanOrEqual(10);
    for (const one of flood) await finish(made, one);
  });

  it('of which bcrypt fails is not taken for wrong', async () => {
    let isBroken = true;
    const prove = createConfiguredKeys({
      keys: [hashed('one', 'key-of-one')],
      issuer: 'local',
      compare: () => (isBroken ? Promise.reject(new Error('no memory')) : Promise.resolve(true)),
      failures: createFailureLimit(60, () => 0),
      now: () => 0,
      random: randomBytes,
    });
    await expect(prove(shown('key-of-one'))).rejects.toThrow('no memory');
    isBroken = false;
    expect(subject(await prove(shown('key-of-one')))).toBe('one');
  });
});
