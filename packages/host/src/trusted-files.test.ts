import { chmod, chown, lchown, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkTrustedFile, readSecretFile, readSecretFileSync } from './trusted-files.ts';

const isRoot = process.getuid?.() === 0;
const STRANGER = 65_533;

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-trust-'));
  path = join(directory, 'file');
  await writeFile(path, 'content', { mode: 0o600 });
  await chmod(path, 0o600);
});

afterEach(async () => await rm(directory, { recursive: true }));

/** The layout of a Kubernetes volume: a sticky, world-writable mount with links into a dated directory. */
async function mountVolume(): Promise<string> {
  const mount = join(directory, 'mount');
  await mkdir(join(mount, '..2026_11_21'), { recursive: true, mode: 0o755 });
  await writeFile(join(mount, '..2026_11_21', 'key'), 'content', { mode: 0o444 });
  await symlink('..2026_11_21', join(mount, '..data'));
  await symlink('..data/key', join(mount, 'key'));
  await chmod(mount, 0o1777);
  return mount;
}

const checks = [
  { name: 'readSecretFile', check: async (file: string): Promise<unknown> => await readSecretFile(file) },
  { name: 'readSecretFileSync', check: async (file: string): Promise<unknown> => readSecretFileSync(file, 1000) },
  { name: 'checkTrustedFile', check: async (file: string): Promise<unknown> => await checkTrustedFile(file) },
];

describe.each(checks)('$name', ({ check }) => {
  it.each([0o600, 0o400, 0o440, 0o444, 0o644])('accepts mode %o', async (mode) => {
    await chmod(path, mode);
    await expect(check(path)).resolves.toBeDefined();
  });

  it.each([0o666, 0o602, 0o620, 0o660])('refuses mode %o and says what to do', async (mode) => {
    await chmod(path, mode);
    const refusal = check(path);
    await expect(refusal).rejects.toMatchObject({ code: 'writable_by_others', path });
    await expect(refusal).rejects.toThrow(`chmod go-w '${path}'`);
  });

  it('refuses a file in a world-writable directory', async () => {
    await chmod(directory, 0o777);
    await expect(check(path)).rejects.toMatchObject({ code: 'writable_by_others', path: directory });
  });

  it('refuses a file below a directory that others could replace it through', async () => {
    const below = join(directory, 'open', 'closed');
    await mkdir(below, { recursive: true });
    await writeFile(join(below, 'file'), '', { mode: 0o600 });
    await chmod(join(directory, 'open'), 0o777);
    await expect(check(join(below, 'file'))).rejects.toMatchObject({ path: join(directory, 'open') });
  });

  it('refuses a link that lies where others may replace it, whatever it leads to', async () => {
    const open = join(directory, 'open');
    await mkdir(open);
    await symlink(path, join(open, 'link'));
    await chmod(open, 0o777);
    await expect(check(join(open, 'link'))).rejects.toMatchObject({ code: 'writable_by_others', path: open });
  });

  it('follows links, also upwards, and gives up on a loop', async () => {
    await mkdir(join(directory, 'sub'));
    await symlink('../file', join(directory, 'sub', 'link'));
    await symlink(join(directory, 'sub', 'link'), join(directory, 'second'));
    await expect(check(join(directory, 'second'))).resolves.toBeDefined();
    await symlink('loop', join(directory, 'loop'));
    await expect(check(join(directory, 'loop'))).rejects.toMatchObject({ code: 'symbolic_link' });
  });

  it('accepts a mounted Kubernetes volume', async () => {
    await expect(check(join(await mountVolume(), 'key'))).resolves.toBeDefined();
  });

  it.skipIf(!isRoot)('refuses such a volume when a stranger placed the link (needs root to make one)', async () => {
    const mount = await mountVolume();
    await lchown(join(mount, 'key'), STRANGER, STRANGER);
    await expect(check(join(mount, 'key'))).rejects.toMatchObject({
      code: 'writable_by_others',
      path: join(mount, 'key'),
    });
  });

  it.skipIf(!isRoot)('accepts another owner who may not write, refuses one who may (needs root)', async () => {
    await chown(path, STRANGER, STRANGER);
    await chmod(path, 0o444);
    await expect(check(path)).resolves.toBeDefined();
    await chmod(path, 0o644);
    const refusal = check(path);
    await expect(refusal).rejects.toMatchObject({ code: 'writable_by_others' });
    await expect(refusal).rejects.toThrow(/owner, uid 65533.*chmod a-w/);
  });

  it.skipIf(!isRoot)('refuses a directory of somebody else on the way (needs root)', async () => {
    await chown(directory, STRANGER, STRANGER);
    await expect(check(path)).rejects.toMatchObject({ code: 'writable_by_others', path: directory });
  });

  it('passes the error of the system on when there is no file', async () => {
    await expect(check(join(directory, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('refuses a directory', async () => {
    await expect(check(directory)).rejects.toMatchObject({ code: 'wrong_type' });
  });
});

describe('what differs', () => {
  it('a secret comes back as it is; too much of it does not', async () => {
    expect((await readSecretFile(path)).toString()).toBe('content');
    await writeFile(path, Buffer.alloc(262_145));
    await expect(readSecretFile(path)).rejects.toMatchObject({ code: 'too_large' });
  });

  it('read at once, as much as is asked for and no more', async () => {
    for (const maxBytes of [7, 8]) expect(readSecretFileSync(path, maxBytes).toString()).toBe('content');
    expect(() => readSecretFileSync(path, 6)).toThrow(expect.objectContaining({ code: 'too_large' }));
    await writeFile(path, '');
    expect(readSecretFileSync(path, 6)).toHaveLength(0);
  });

  it('a group may share the directory of a configuration, not that of a secret', async () => {
    await chmod(directory, 0o770);
    await expect(checkTrustedFile(path)).resolves.toBeDefined();
    await expect(readSecretFile(path)).rejects.toMatchObject({ code: 'writable_by_others' });
  });

  it('a configuration directly in a world-writable directory is refused even if that is sticky', async () => {
    await chmod(directory, 0o1777);
    await expect(checkTrustedFile(path)).rejects.toMatchObject({ code: 'writable_by_others' });
    expect((await readSecretFile(path)).toString()).toBe('content');
  });

  it.each([
    [0o600, false],
    [0o640, true],
    [0o604, true],
  ])('a configuration of mode %o is readable by others: %s', async (mode, readableByOthers) => {
    await chmod(path, mode);
    expect(await checkTrustedFile(path)).toEqual({ realPath: path, readableByOthers });
  });

  it('the real path of a configuration is where its links end', async () => {
    await symlink('file', join(directory, 'link'));
    expect((await checkTrustedFile(join(directory, 'link'))).realPath).toBe(path);
  });
});
