/** What an install becomes when it is complete: root's alone, where root installs as somebody else. */
import { chmod, chown, link, lstat, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createShelf } from './shelf.ts';

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn('shelf: skipped, for only root installs as another user.');

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sallyport-shelf-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const install = async (fill: (folder: string) => Promise<void>): Promise<string> => {
  const shelf = createShelf({ base: join(root, 'installs'), server: 's', key: 'k', timeoutMs: 1000, now: () => 1 });
  return (await shelf.install(fill, () => false)).folder;
};

describe.skipIf(!isRoot)('an install by another user (needs root)', () => {
  it('is root’s afterwards, without bits that let others write or run it as its owner, and follows no link', async () => {
    const outside = join(root, 'outside');
    await writeFile(outside, 'x', { mode: 0o600 });
    await chown(outside, NOBODY, NOBODY);
    const folder = await install(async (made) => {
      await mkdir(join(made, 'in'));
      await chmod(join(made, 'in'), 0o777);
      await writeFile(join(made, 'in/program'), 'x');
      await chmod(join(made, 'in/program'), 0o6777);
      await link(join(made, 'in/program'), join(made, 'in/same'));
      await symlink(outside, join(made, 'link'));
      for (const name of ['in', 'in/program']) await chown(join(made, name), NOBODY, NOBODY);
    });
    const seen = async (name: string): Promise<readonly number[]> => {
      const { mode, uid } = await lstat(join(folder, name));
      return [uid, mode & 0o7777];
    };
    expect([await seen('.'), await seen('in'), await seen('in/program')]).toEqual([
      [0, 0o755],
      [0, 0o755],
      [0, 0o755],
    ]);
    expect((await lstat(join(folder, 'link'))).uid).toBe(0);
    const { mode, uid } = await lstat(outside);
    expect([uid, mode & 0o777]).toEqual([NOBODY, 0o600]);
  });

  it('is refused where a file of it is one of somebody else’s by another name', async () => {
    const shadow = join(root, 'shadow');
    await writeFile(shadow, 'x', { mode: 0o600 });
    await expect(install((made) => link(shadow, join(made, 'mine')))).rejects.toThrow('outside of the install');
    expect((await lstat(shadow)).mode & 0o777).toBe(0o600);
    const [place = ''] = await readdir(join(root, 'installs'));
    expect((await readdir(join(root, 'installs', place))).filter((name) => /^[0-9a-f]+-[0-9a-f]+$/.test(name))).toEqual(
      [],
    );
  });
});
