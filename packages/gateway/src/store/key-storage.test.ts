import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKeyTable, type KeyTable } from '@sallyport/server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from './index.ts';
import { createKeyStorage } from './key-storage.ts';
import { openSqliteStore } from './sqlite.ts';

describe('client keys in the store', () => {
  let directory: string;
  let nowMs: number;
  const stores: Store[] = [];
  const hmacKey = createSecretKey(randomBytes(32));

  /** A table over a connection of its own, as another process would have. */
  const openTable = async (): Promise<KeyTable> => {
    const store = await openSqliteStore({ path: join(directory, 'state.db'), now: () => nowMs });
    stores.push(store);
    const table = createKeyTable({ storage: createKeyStorage(store), hmacKey, now: () => nowMs, random: randomBytes });
    await table.refresh();
    return table;
  };

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sallyport-keys-'));
    nowMs = 1_000_000;
  });

  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
    await rm(directory, { recursive: true });
  });

  it('carries a key, and its revocation, to another process with one refresh', async () => {
    const [here, there] = [await openTable(), await openTable()];
    const { key, record } = await here.create({ name: 'alice', roles: ['dev'], client: 'cursor' });
    expect(there.verify(key)).toBeUndefined();
    await there.refresh();
    expect(there.verify(key)).toEqual(record);
    await here.revoke('alice');
    await there.refresh();
    expect(there.verify(key)).toBeUndefined();
    expect(await there.list()).toEqual([]);
  });

  it('gives a name to one of two that ask at once', async () => {
    const tables = [await openTable(), await openTable()];
    const outcomes = await Promise.allSettled(tables.map(async (table) => await table.create({ name: 'alice' })));
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  });

  it('P3-14 carries a rotation to another process with one refresh, whoever makes it', async () => {
    const [here, there] = [await openTable(), await openTable()];
    const old = await here.create({ name: 'alice' });
    const issued = await there.rotate('alice', { graceMs: 60_000 });
    await here.refresh();
    for (const key of [old.key, issued?.key ?? '']) expect(here.verify(key)).toMatchObject({ id: old.record.id });
    const again = await here.rotate(old.record.id, { graceMs: 0 });
    await there.refresh();
    expect([old.key, issued?.key ?? '', again?.key ?? ''].map((key) => there.verify(key)?.name)).toEqual([
      undefined,
      undefined,
      'alice',
    ]);
  });

  it('loses neither of two changes that are made at once', async () => {
    const [here, there] = [await openTable(), await openTable()];
    const { key } = await here.create({ name: 'alice' });
    const [issued] = await Promise.all([here.rotate('alice', { graceMs: 0 }), there.setRoles('alice', ['dev'])]);
    await Promise.all([here.refresh(), there.refresh()]);
    for (const table of [here, there]) {
      expect(table.verify(key)).toBeUndefined();
      expect(table.verify(issued?.key ?? '')).toMatchObject({ roles: ['dev'] });
    }
  });

  it('changes no key that was revoked meanwhile', async () => {
    const [here, there] = [await openTable(), await openTable()];
    await here.create({ name: 'alice' });
    const [revoked] = await Promise.all([here.revoke('alice'), there.rotate('alice', { graceMs: 60_000 })]);
    expect(revoked).toMatchObject({ name: 'alice' });
    expect(await there.list()).toEqual([]);
  });

  it('writes a use down without bringing a revoked key back', async () => {
    const [here, there] = [await openTable(), await openTable()];
    const { key, record } = await here.create({ name: 'alice' });
    await there.refresh();
    expect(there.verify(key)).toEqual(record);
    await here.revoke(record.id);
    await there.close();
    expect(await here.list()).toEqual([]);
    await here.refresh();
    expect(here.verify(key)).toBeUndefined();
  });

  it('shows a use to others, without counting it as a change of the keys', async () => {
    const [here, there] = [await openTable(), await openTable()];
    const { key } = await here.create({ name: 'alice' });
    const version = await stores[0]!.version('client-keys');
    nowMs += 5000;
    here.verify(key);
    await here.close();
    expect(await there.list()).toMatchObject([{ name: 'alice', lastUsed: 1_005_000 }]);
    expect(await stores[0]!.version('client-keys')).toBe(version);
  });

  it('keeps neither key nor secret in any file', async () => {
    const table = await openTable();
    const { key } = await table.create({ name: 'alice' });
    const { readdir, readFile } = await import('node:fs/promises');
    for (const name of await readdir(directory)) {
      const bytes = await readFile(join(directory, name));
      expect(bytes.includes(key.slice(-43))).toBe(false);
      expect(bytes.includes(Buffer.from(key.slice(-43), 'base64url'))).toBe(false);
    }
  });
});
