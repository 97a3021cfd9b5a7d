import { createSecretKey, randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { formatClientKey } from './key-form.ts';
import type { ClientKey, KeyRecord, KeyStorage, StoredKey } from './key-records.ts';
import { createKeyTable, MAX_GRACE_MS, type KeyTable } from './keys.ts';

interface Kept {
  keys: Map<string, unknown>;
  /** Everything that was ever written: the place of a record in it is its version. */
  written: unknown[];
  uses: Map<string, number>;
  writtenUses: number;
  loads: number;
  version: number;
}

function write(kept: Kept, name: string, value: unknown): void {
  kept.keys.set(name, value);
  kept.written.push(value);
  kept.version += 1;
}

/** Storage in this test's memory, as several tables would share it. */
const storageOver = (kept: Kept): KeyStorage => ({
  version: async () => kept.version,
  async load() {
    kept.loads += 1;
    const records = [...kept.keys].map(([name, value]): KeyRecord => ({
      name,
      value,
      version: kept.written.indexOf(value),
    }));
    return { records, lastUsed: new Map(kept.uses) };
  },
  async add(key) {
    if (kept.keys.has(key.name)) return false;
    write(kept, key.name, key);
    return true;
  },
  async replace({ name, version }, key) {
    if (!kept.keys.has(name) || kept.written.indexOf(kept.keys.get(name)) !== version) return false;
    write(kept, name, key);
    return true;
  },
  async remove({ name }) {
    kept.version += 1;
    return kept.keys.delete(name);
  },
  async recordUse(id, atMs) {
    kept.writtenUses += 1;
    kept.uses.set(id, atMs);
  },
});

const hmacKey = createSecretKey(randomBytes(32));

describe('the key table', () => {
  let kept: Kept;
  let nowMs: number;
  let table: KeyTable;

  const openTable = (localKey?: string): KeyTable =>
    createKeyTable({
      storage: storageOver(kept),
      hmacKey,
      now: () => nowMs,
      random: randomBytes,
      ...(localKey === undefined ? {} : { localKey }),
    });

  beforeEach(() => {
    kept = { keys: new Map(), written: [], uses: new Map(), writtenUses: 0, loads: 0, version: 0 };
    nowMs = 1_000_000;
    table = openTable();
  });

  it('makes a key of the documented form, and keeps no trace of its secret', async () => {
    const { key, record } = await table.create({
      name: 'alice',
      roles: ['dev'],
      client: 'cursor',
      expiresAtMs: nowMs + 5,
    });
    expect(key).toMatch(/^sp_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
    expect(key).toContain(record.id);
    expect(record).toEqual({
      id: expect.any(String) as string,
      name: 'alice',
      roles: ['dev'],
      created: 1_000_000,
      expires: 1_000_005,
      client: 'cursor',
    });
    expect(JSON.stringify([...kept.keys])).not.toContain(key.slice(-43));
    expect(JSON.stringify(await table.list())).not.toContain((kept.keys.get('alice') as StoredKey).hash);
  });

  it('knows a key at the first and at every later look', async () => {
    const { key, record } = await table.create({ name: 'alice' });
    for (let look = 0; look < 3; look += 1) expect(table.verify(key)).toEqual(record);
  });

  it('lets nobody in before the first refresh', async () => {
    const { key, record } = await table.create({ name: 'alice' });
    const other = openTable();
    expect(other.verify(key)).toBeUndefined();
    await other.refresh();
    expect(other.verify(key)).toEqual(record);
  });

  it('refuses every change of a single character, before and after the key was seen', async () => {
    const { key } = await table.create({ name: 'alice' });
    for (const seen of [false, true]) {
      expect(seen && table.verify(key) === undefined).toBe(false);
      for (let at = 0; at < key.length; at += 1) {
        const other = key[at] === 'a' ? 'b' : 'a';
        expect(table.verify(key.slice(0, at) + other + key.slice(at + 1))).toBeUndefined();
      }
    }
  });

  it('refuses the secret of one key under the id of another', async () => {
    const [one, two] = [await table.create({ name: 'one' }), await table.create({ name: 'two' })];
    for (const seen of [false, true]) {
      if (seen) for (const { key } of [one, two]) table.verify(key);
      expect(table.verify(one.key.slice(0, -43) + two.key.slice(-43))).toBeUndefined();
    }
  });

  it('refuses a key under another keyed hash', async () => {
    const { key } = await table.create({ name: 'alice' });
    const options = { storage: storageOver(kept), now: () => nowMs, random: randomBytes };
    const foreign = createKeyTable({ ...options, hmacKey: createSecretKey(randomBytes(32)) });
    await foreign.refresh();
    expect(foreign.verify(key)).toBeUndefined();
  });

  it('never throws, whatever is presented', async () => {
    const { key } = await table.create({ name: 'alice' });
    const strange = [
      undefined,
      null,
      1,
      {},
      [],
      [key],
      Buffer.from(key),
      '',
      'sp_',
      'sp__',
      `${key}\n`,
      ` ${key}`,
      `${key}${key}`,
    ];
    for (const value of strange) expect(table.verify(value as string)).toBeUndefined();
    expect(table.verify(`sp_${'0'.repeat(16)}_${'A'.repeat(43)}`)).toBeUndefined();
    expect(table.verify(`sp_local_${'A'.repeat(43)}`)).toBeUndefined();
    expect(table.verify('x'.repeat(10_000_000))).toBeUndefined();
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.anything()), (value) => {
        expect(table.verify(value as string)).toBeUndefined();
      }),
      { numRuns: 1000 },
    );
  });

  it('stops accepting a key the moment it expires, also one seen before', async () => {
    const { key } = await table.create({ name: 'alice', expiresAtMs: nowMs + 10 });
    nowMs += 9;
    expect(table.verify(key)).toBeDefined();
    nowMs += 1;
    expect(table.verify(key)).toBeUndefined();
    expect(await table.list()).toHaveLength(1);
  });

  it.each(['id', 'name'] as const)('revokes by %s, here at once and elsewhere with the next refresh', async (by) => {
    const { key, record } = await table.create({ name: 'alice' });
    const other = openTable();
    await other.refresh();
    expect(other.verify(key)).toBeDefined();
    expect(table.verify(key)).toBeDefined();
    expect(await table.revoke(record[by])).toMatchObject({ name: 'alice' });
    expect(table.verify(key)).toBeUndefined();
    await other.refresh();
    expect(other.verify(key)).toBeUndefined();
    expect(await table.revoke(record[by])).toBeUndefined();
  });

  it('does not accept the old key when its name is given again', async () => {
    const first = await table.create({ name: 'alice' });
    table.verify(first.key);
    await table.revoke('alice');
    const second = await table.create({ name: 'alice' });
    expect(table.verify(first.key)).toBeUndefined();
    expect(table.verify(second.key)).toEqual(second.record);
  });

  it('forgets that it has seen a key when another hash is stored under its id', async () => {
    const { key } = await table.create({ name: 'alice' });
    expect(table.verify(key)).toBeDefined();
    const digest = randomBytes(32).toString('base64url');
    write(kept, 'alice', { ...(kept.keys.get('alice') as StoredKey), hash: digest });
    await table.refresh();
    expect(table.verify(key)).toBeUndefined();
  });

  it('refuses a name twice, and keeps the first key good', async () => {
    const { key } = await table.create({ name: 'alice' });
    await expect(openTable().create({ name: 'alice' })).rejects.toMatchObject({ code: 'name_taken' });
    expect(table.verify(key)).toBeDefined();
  });

  it.each(['', ' alice', 'a b', 'a\nb', 'ä', 'local', '0123456789abcdef', '-x', 'a'.repeat(65), '__proto__'])(
    'refuses the name %j',
    async (name) => {
      await expect(table.create({ name })).rejects.toMatchObject({ code: 'bad_name' });
      expect(kept.keys.size).toBe(0);
    },
  );

  it('refuses an expiry that is past or no time at all', async () => {
    for (const expiresAtMs of [nowMs, 0, -1, Number.NaN, 1.5]) {
      await expect(table.create({ name: 'alice', expiresAtMs })).rejects.toMatchObject({ code: 'bad_expiry' });
    }
  });

  it('takes a damaged record for no key, and the others for what they are', async () => {
    const { key } = await table.create({ name: 'alice' });
    const good = { ...(kept.keys.get('alice') as StoredKey), id: 'ab'.repeat(8), name: 'bob' };
    const damaged = [
      null,
      7,
      'x',
      [],
      {},
      { ...good, hash: '' },
      { ...good, hash: undefined },
      { ...good, roles: 'dev' },
      { ...good, id: '../x' },
      { ...good, expires: 'soon' },
      { ...good, rotated: 'yesterday' },
      { ...good, previous: {} },
      { ...good, previous: { hash: good.hash, until: 'soon' } },
      { ...good, name: 3 },
      { ...good, name: 'carol' },
    ];
    for (const value of damaged) {
      write(kept, 'bob', value);
      expect(await table.list()).toMatchObject([{ name: 'alice' }]);
    }
    write(kept, 'bob', good);
    expect(await table.list()).toHaveLength(2);
    expect(table.verify(key)).toBeDefined();
  });

  it('leaves what it does not understand as it is, unless it is told to end it', async () => {
    const newer = { format: 2, secrets: ['x'] };
    write(kept, 'bob', newer);
    await expect(table.create({ name: 'bob' })).rejects.toMatchObject({ code: 'name_taken' });
    await expect(table.rotate('bob', { graceMs: 0 })).rejects.toMatchObject({ code: 'unreadable' });
    await expect(table.setRoles('bob', [])).rejects.toMatchObject({ code: 'unreadable' });
    expect(kept.keys.get('bob')).toBe(newer);
    expect(await table.revoke('bob')).toEqual({ id: undefined, name: 'bob' });
    expect(kept.keys.has('bob')).toBe(false);
  });

  it('keeps members that it does not know', async () => {
    const { key } = await table.create({ name: 'alice' });
    write(kept, 'alice', { ...(kept.keys.get('alice') as StoredKey), network: ['10.0.0.0/8'] });
    await table.setRoles('alice', ['ops']);
    await table.rotate('alice', { graceMs: 0 });
    expect(kept.keys.get('alice')).toMatchObject({ network: ['10.0.0.0/8'], roles: ['ops'] });
    expect(table.verify(key)).toBeUndefined();
  });

  it('reads the keys again only when something changed', async () => {
    await table.refresh();
    const before = kept.loads;
    for (let n = 0; n < 5; n += 1) await table.refresh();
    expect(kept.loads).toBe(before);
    await openTable().create({ name: 'alice' });
    const between = kept.loads;
    await table.refresh();
    expect(kept.loads).toBe(between + 1);
  });

  it('does not let a slow load bring a revoked key back', async () => {
    const { key } = await table.create({ name: 'alice' });
    const storage = storageOver(kept);
    let letGo = (): void => undefined;
    let slow = true;
    const held = createKeyTable({
      hmacKey,
      now: () => nowMs,
      random: randomBytes,
      storage: {
        ...storage,
        async load() {
          const loaded = await storage.load();
          if (slow) await new Promise<void>((resolve) => (letGo = resolve));
          return loaded;
        },
      },
    });
    const first = held.refresh();
    await new Promise<void>((resolve) => setImmediate(resolve));
    slow = false;
    const revoked = held.revoke('alice');
    // As far as the revocation gets by itself: to its end, if it does not wait for the load.
    for (let turn = 0; turn < 20; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
    letGo();
    await Promise.all([first, revoked]);
    expect(held.verify(key)).toBeUndefined();
  });

  it('goes on after a failed refresh, which rejects', async () => {
    const storage = storageOver(kept);
    let broken = true;
    const version = async (): Promise<number> => {
      if (broken) throw new Error('no storage');
      return await storage.version();
    };
    const options = { storage: { ...storage, version }, hmacKey, now: () => nowMs, random: randomBytes };
    const shaky = createKeyTable(options);
    const { key } = await table.create({ name: 'alice' });
    await expect(shaky.refresh()).rejects.toThrow('no storage');
    broken = false;
    await shaky.refresh();
    expect(shaky.verify(key)).toBeDefined();
  });

  it('writes uses down at most once a minute for each key, and the last at closing', async () => {
    const { key } = await table.create({ name: 'alice' });
    for (let second = 0; second < 180; second += 1) {
      nowMs += 1000;
      table.verify(key);
      await table.refresh();
    }
    expect(kept.writtenUses).toBeGreaterThanOrEqual(3);
    expect(kept.writtenUses).toBeLessThanOrEqual(4);
    await table.close();
    expect([...kept.uses.values()]).toEqual([nowMs]);
    expect(await table.list()).toMatchObject([{ lastUsed: nowMs }]);
    const before = kept.writtenUses;
    await table.refresh();
    await table.close();
    expect(kept.writtenUses).toBe(before);
  });

  describe('rotated', () => {
    const HOUR_MS = 3_600_000;

    const rotate = async (graceMs: number, expiresAtMs?: number): Promise<{ key: string; record: ClientKey }> => {
      const issued = await table.rotate('alice', { graceMs, ...(expiresAtMs !== undefined && { expiresAtMs }) });
      if (issued === undefined) throw new Error('There is no alice.');
      return issued;
    };

    it('P3-14 has another secret, and stays who it is', async () => {
      const before = await table.create({
        name: 'alice',
        roles: ['dev'],
        client: 'cursor',
        expiresAtMs: nowMs + 9 * HOUR_MS,
      });
      table.verify(before.key);
      nowMs += 1000;
      const { key, record } = await rotate(HOUR_MS);
      expect(record).toEqual({
        ...before.record,
        rotated: nowMs,
        previousValidUntil: nowMs + HOUR_MS,
      });
      expect(key).not.toBe(before.key);
      expect(key).toMatch(/^sp_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
      expect(table.verify(key)).toEqual(record);
      expect(await table.list()).toMatchObject([{ id: before.record.id, lastUsed: nowMs }]);
      expect(JSON.stringify([...kept.keys])).not.toContain(key.slice(-43));
    });

    it('P3-14 is good with the old secret until the grace ends, in every process and without a refresh', async () => {
      const old = await table.create({ name: 'alice' });
      const other = openTable();
      const { key } = await rotate(HOUR_MS);
      await other.refresh();
      const seen = [table, other].map((one) => one.verify(old.key));
      nowMs += HOUR_MS - 1;
      for (const one of [table, other]) expect(one.verify(old.key)).toMatchObject({ name: 'alice' });
      nowMs += 1;
      for (const [at, one] of [table, other].entries()) {
        expect(one.verify(old.key)).toBeUndefined();
        expect(one.holds(seen[at] as ClientKey)).toBe(false);
        expect(one.verify(key)).toMatchObject({ name: 'alice' });
      }
      expect((await table.list())[0]).not.toHaveProperty('previousValidUntil');
    });

    it('without a grace is dead under the old secret at once, and elsewhere with the next refresh', async () => {
      const old = await table.create({ name: 'alice' });
      const other = openTable();
      await other.refresh();
      const seen = [table.verify(old.key), other.verify(old.key)];
      const { record } = await rotate(0);
      expect(record).not.toHaveProperty('previousValidUntil');
      await other.refresh();
      for (const [at, one] of [table, other].entries()) {
        expect(one.verify(old.key)).toBeUndefined();
        expect(one.holds(seen[at] as ClientKey)).toBe(false);
      }
    });

    it('twice within a grace ends the oldest secret', async () => {
      const keys = [(await table.create({ name: 'alice' })).key];
      keys.push((await rotate(HOUR_MS)).key, (await rotate(HOUR_MS)).key);
      expect(keys.map((key) => table.verify(key)?.name)).toEqual([undefined, 'alice', 'alice']);
    });

    it('is revoked with both secrets', async () => {
      const old = await table.create({ name: 'alice' });
      const { key } = await rotate(HOUR_MS);
      await table.revoke('alice');
      for (const secret of [old.key, key]) expect(table.verify(secret)).toBeUndefined();
    });

    it('does not let the old secret outlive either expiry', async () => {
      const old = await table.create({ name: 'alice', expiresAtMs: nowMs + 10 });
      expect((await rotate(HOUR_MS, nowMs + 2 * HOUR_MS)).record).toMatchObject({
        expires: nowMs + 2 * HOUR_MS,
        previousValidUntil: nowMs + 10,
      });
      const second = await rotate(HOUR_MS, nowMs + 5);
      expect(second.record).toMatchObject({ expires: nowMs + 5, previousValidUntil: nowMs + 5 });
      nowMs += 5;
      for (const key of [old.key, second.key]) expect(table.verify(key)).toBeUndefined();
    });

    it('needs an expiry to come, and a grace that is one', async () => {
      await table.create({ name: 'alice', expiresAtMs: nowMs + 10 });
      for (const graceMs of [-1, 1.5, Number.NaN, MAX_GRACE_MS + 1]) {
        await expect(rotate(graceMs)).rejects.toMatchObject({ code: 'bad_grace' });
      }
      await expect(rotate(0, nowMs)).rejects.toMatchObject({ code: 'bad_expiry' });
      nowMs += 10;
      await expect(rotate(0)).rejects.toMatchObject({ code: 'bad_expiry' });
      expect((await rotate(HOUR_MS, nowMs + 10)).record).not.toHaveProperty('previousValidUntil');
      await expect(table.rotate('local', { graceMs: 0 })).rejects.toMatchObject({ code: 'local_key' });
      expect(await table.rotate('nobody', { graceMs: 0 })).toBeUndefined();
    });

    it('by two at once ends with one secret and the one before it', async () => {
      const old = await table.create({ name: 'alice' });
      const other = openTable();
      const issued = await Promise.all(
        [table, other].map(async (one) => (await one.rotate('alice', { graceMs: HOUR_MS }))?.key ?? ''),
      );
      await Promise.all([table.refresh(), other.refresh()]);
      expect(table.verify(old.key)).toBeUndefined();
      for (const key of issued) expect(table.verify(key)).toMatchObject({ name: 'alice' });
    });
  });

  it('P2-16 changes roles without another secret, elsewhere with the next refresh', async () => {
    const { key, record } = await table.create({ name: 'alice', roles: ['admin', 'dev'] });
    const other = openTable();
    await other.refresh();
    const seen = other.verify(key) as ClientKey;
    expect(await table.setRoles(record.id, ['dev'])).toEqual({ ...record, roles: ['dev'] });
    expect(table.verify(key)).toMatchObject({ roles: ['dev'] });
    await other.refresh();
    expect(other.holds(seen)).toBe(false);
    expect(other.verify(key)).toMatchObject({ roles: ['dev'] });
    expect(await table.setRoles('nobody', [])).toBeUndefined();
  });

  it('gives up a change that others do not let through', async () => {
    await table.create({ name: 'alice' });
    const storage: KeyStorage = { ...storageOver(kept), replace: async () => false };
    const unlucky = createKeyTable({ storage, hmacKey, now: () => nowMs, random: randomBytes });
    await expect(unlucky.setRoles('alice', [])).rejects.toMatchObject({ code: 'busy' });
  });

  it('lists the oldest first', async () => {
    for (const name of ['c', 'a', 'b']) {
      nowMs += 1;
      await table.create({ name });
    }
    expect((await table.list()).map(({ name }) => name)).toEqual(['c', 'a', 'b']);
  });

  describe('with a local key', () => {
    const localKey = formatClientKey('local', randomBytes(32));

    it('accepts it from the start, keeps it out of storage, and does not revoke it', async () => {
      const local = openTable(localKey);
      expect(local.verify(localKey)).toMatchObject({ id: 'local', name: 'local', roles: [] });
      await local.create({ name: 'alice' });
      await local.refresh();
      expect(local.verify(localKey)).toMatchObject({ id: 'local' });
      expect((await local.list()).map(({ name }) => name)).toEqual(['alice']);
      await expect(local.revoke('local')).rejects.toMatchObject({ code: 'local_key' });
      await local.close();
      expect(kept.uses.size).toBe(0);
      expect(local.verify(formatClientKey('local', randomBytes(32)))).toBeUndefined();
    });

    it('refuses to start with something else in its place', () => {
      for (const wrong of ['', 'changeme', formatClientKey('0123456789abcdef', randomBytes(32))]) {
        expect(() => openTable(wrong)).toThrow(/local key/);
      }
    });
  });
});
