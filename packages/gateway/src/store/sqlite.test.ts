import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, chown, copyFile, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteStore } from './sqlite.ts';

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o7777;

describe('the SQLite store and its files', () => {
  let directory: string;
  let path: string;
  const now = (): number => 1_000_000;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sallyport-sqlite-'));
    path = join(directory, 'state.db');
  });

  afterEach(async () => await rm(directory, { recursive: true }));

  it.each([0o000, 0o022, 0o777])('makes all its files 0600 under umask %o', async (umask) => {
    const before = process.umask(umask);
    try {
      const store = await openSqliteStore({ path, now });
      await store.put('things', 'a', 1);
      const names = await readdir(directory);
      expect(names.toSorted()).toEqual(['state.db', 'state.db-shm', 'state.db-wal']);
      for (const name of names) expect(await modeOf(join(directory, name))).toBe(0o600);
      await store.close();
    } finally {
      process.umask(before);
    }
  });

  it('tightens a loose directory, file and companions, of a running store too', async () => {
    const first = await openSqliteStore({ path, now });
    await first.put('things', 'a', 1);
    await chmod(directory, 0o777);
    for (const name of await readdir(directory)) await chmod(join(directory, name), 0o666);
    const second = await openSqliteStore({ path, now });
    expect(await modeOf(directory)).toBe(0o700);
    for (const name of await readdir(directory)) expect(await modeOf(join(directory, name))).toBe(0o600);
    await second.close();
    await first.put('things', 'b', 1);
    await first.close();
  });

  it('refuses a link in place of the file', async () => {
    await writeFile(join(directory, 'elsewhere'), '');
    await symlink('elsewhere', path);
    await expect(openSqliteStore({ path, now })).rejects.toMatchObject({ code: 'symbolic_link' });
  });

  it.skipIf(process.getuid?.() !== 0)('refuses a file of another owner (needs root to make one)', async () => {
    await (await openSqliteStore({ path, now })).close();
    await chown(path, 65_534, 65_534);
    await expect(openSqliteStore({ path, now })).rejects.toMatchObject({ code: 'foreign_owner' });
  });

  it('refuses a newer schema, says so, and leaves every byte as it was', async () => {
    const store = await openSqliteStore({ path, now });
    await store.put('things', 'a', 1);
    await store.close();
    const database = new DatabaseSync(path);
    database.exec("INSERT INTO migrations VALUES (999, 'from the future', 0)");
    database.close();
    const fingerprint = async (): Promise<unknown> => [
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
      (await stat(path)).mtimeMs,
      await readdir(directory),
    ];
    const before = await fingerprint();
    const refusal = openSqliteStore({ path, now });
    await expect(refusal).rejects.toMatchObject({ code: 'newer_schema' });
    await expect(refusal).rejects.toThrow(/newer Sallyport.*schema 999.*Update/s);
    expect(await fingerprint()).toEqual(before);
  });

  it('refuses a newer schema behind the log of a killed process, and leaves file and log as they were', async () => {
    const store = await openSqliteStore({ path, now });
    const newer = new DatabaseSync(path);
    newer.exec("INSERT INTO migrations VALUES (999, 'from the future', 0)");
    const copy = await mkdtemp(join(tmpdir(), 'sallyport-sqlite-'));
    try {
      // What a kill leaves: the file and its log as they are while connections are open.
      for (const name of ['state.db', 'state.db-wal']) await copyFile(join(directory, name), join(copy, name));
      const bytes = async (): Promise<Buffer[]> =>
        await Promise.all(['state.db', 'state.db-wal'].map(async (name) => await readFile(join(copy, name))));
      const before = await bytes();
      const refusal = openSqliteStore({ path: join(copy, 'state.db'), now });
      await expect(refusal).rejects.toMatchObject({ code: 'newer_schema' });
      expect(await bytes()).toEqual(before);
    } finally {
      newer.close();
      await store.close();
      await rm(copy, { recursive: true });
    }
  });

  it('refuses a database of something else, and what is no database', async () => {
    const database = new DatabaseSync(path);
    database.exec('CREATE TABLE recipes (name TEXT)');
    database.close();
    await expect(openSqliteStore({ path, now })).rejects.toMatchObject({ code: 'unreadable' });
    await writeFile(path, 'not a database, but long enough to be looked at as one'.repeat(50));
    const refusal = openSqliteStore({ path, now });
    await expect(refusal).rejects.toMatchObject({ code: 'unreadable' });
    await expect(refusal).rejects.toThrow(/backup/);
  });

  it('reports a full disk, keeps what was there, and goes on when there is room', async ({ skip }) => {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', directory], { stdio: 'pipe' });
    } catch {
      skip('a small disk can only be mounted by root');
    }
    try {
      const store = await openSqliteStore({ path, now });
      await store.put('things', 'a', 'first');
      const fill = async (): Promise<void> => {
        for (let n = 0; n < 1000; n += 1) await store.put('filling', `k${n}`, 'x'.repeat(10_000));
      };
      await expect(fill()).rejects.toMatchObject({ code: 'full' });
      expect((await store.get('things', 'a'))?.value).toBe('first');
      const written = await store.list('filling');
      expect(written.every(({ value }) => value === 'x'.repeat(10_000))).toBe(true);
      execFileSync('mount', ['-o', 'remount,size=4m', directory]);
      await store.put('things', 'a', 'second');
      await store.close();
      const again = await openSqliteStore({ path, now });
      expect((await again.get('things', 'a'))?.value).toBe('second');
      expect(await again.list('filling')).toHaveLength(written.length);
      await again.close();
    } finally {
      execFileSync('umount', ['-l', directory]);
    }
  });
});
