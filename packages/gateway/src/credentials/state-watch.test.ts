import { chmod, chown, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkState, watchState } from './state-watch.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-watch-'));
  await writeFile(join(directory, 'secrets'), '', { mode: 0o600 });
});

afterEach(async () => await rm(directory, { recursive: true, force: true }));

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

describe('the state', () => {
  it('P1-02 is tightened, folder and files, and each is told', async () => {
    expect(await checkState(directory)).toEqual([]);
    await chmod(directory, 0o755);
    await chmod(join(directory, 'secrets'), 0o640);
    expect(await checkState(directory)).toEqual([
      expect.stringMatching(/others could look into .*0700 again/),
      expect.stringMatching(/others could read or write .*secrets: its mode is 0600 again/),
    ]);
    expect([await modeOf(directory), await modeOf(join(directory, 'secrets'))]).toEqual([0o700, 0o600]);
    expect(await checkState(directory)).toEqual([]);
  });

  it('that is not there is not made', async () => {
    expect(await checkState(join(directory, 'none'))).toEqual([]);
    await expect(stat(join(directory, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('P1-02 links are told and not followed; folders and sockets are left to others', async () => {
    const elsewhere = join(directory, 'folder', 'elsewhere');
    await mkdir(join(directory, 'folder'), { mode: 0o755 });
    await writeFile(elsewhere, '');
    await chmod(elsewhere, 0o644);
    await symlink(elsewhere, join(directory, 'local.key'));
    const server = createServer().listen(join(directory, 'socket'));
    await once(server, 'listening');
    try {
      expect(await checkState(directory)).toEqual([expect.stringContaining('local.key is a symbolic link')]);
      expect([await modeOf(elsewhere), await modeOf(join(directory, 'folder'))]).toEqual([0o644, 0o755]);
    } finally {
      server.close();
    }
  });

  it.skipIf(process.geteuid?.() !== 0)('P1-02 another owner is told (changes owners, so as root only)', async () => {
    await chown(join(directory, 'secrets'), 65_534, 65_534);
    expect(await checkState(directory)).toEqual([expect.stringContaining('belongs to uid 65534')]);
    await chown(directory, 65_534, 65_534);
    await expect(checkState(directory)).rejects.toMatchObject({ code: 'foreign_owner' });
  });

  it('is looked at again and again, and what lasts is told once', async () => {
    const told: string[] = [];
    let next = Promise.withResolvers<string>();
    const tell = (line: string): void => {
      told.push(line);
      next.resolve(line);
    };
    const watch = watchState({ directory, everyMs: 5, tell });
    try {
      await symlink('secrets', join(directory, 'link'));
      expect(await next.promise).toContain('symbolic link');
      next = Promise.withResolvers();
      await chmod(join(directory, 'secrets'), 0o666);
      expect(await next.promise).toContain('0600 again');
      expect(told.filter((line) => line.includes('symbolic link'))).toHaveLength(1);
    } finally {
      watch.close();
    }
  });
});
