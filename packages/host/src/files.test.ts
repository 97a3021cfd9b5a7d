import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import {
  chmod,
  chown,
  lchown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ensurePrivateDirectory,
  readFileBounded,
  stateDirectory,
  tightenOrRefuse,
  writeFileAtomic,
  writeFileOnce,
} from './files.ts';

const isRoot = process.getuid?.() === 0;
const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o7777;
const FILES = JSON.stringify(new URL('files.ts', import.meta.url).href);

let directory: string;
let umask: number;

beforeEach(async () => {
  umask = process.umask(0o022);
  directory = await mkdtemp(join(tmpdir(), 'sallyport-files-'));
});

afterEach(async () => {
  process.umask(umask);
  await rm(directory, { recursive: true });
});

describe('writeFileAtomic', () => {
  it.each([0o000, 0o027, 0o777])('writes the exact mode under umask %o', async (mask) => {
    const path = join(directory, 'state');
    process.umask(mask);
    await writeFileAtomic(path, 'one');
    expect(await modeOf(path)).toBe(0o600);
    await writeFileAtomic(path, 'two', { mode: 0o644 });
    expect(await modeOf(path)).toBe(0o644);
    expect(await readFile(path, 'utf8')).toBe('two');
    expect(await readdir(directory)).toEqual(['state']);
  });

  it('takes a name as long as the system allows', async () => {
    const path = join(directory, 'n'.repeat(255));
    await writeFileAtomic(path, 'x');
    expect(await readFile(path, 'utf8')).toBe('x');
  });

  it('refuses a link, and leaves what it points to alone', async () => {
    const target = join(directory, 'target');
    await writeFile(target, 'precious');
    for (const name of ['target', 'nowhere']) {
      const path = join(directory, `link-to-${name}`);
      await symlink(name, path);
      await expect(writeFileAtomic(path, 'x')).rejects.toMatchObject({ code: 'symbolic_link', path });
    }
    expect(await readFile(target, 'utf8')).toBe('precious');
  });

  it('refuses a directory in place of the file', async () => {
    await expect(writeFileAtomic(directory, 'x')).rejects.toMatchObject({ code: 'wrong_type' });
  });

  it('leaves the old file and no temporary when the disk is full', async ({ skip }) => {
    const disk = mkdtempSync(join(tmpdir(), 'sallyport-disk-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk], { stdio: 'pipe' });
    } catch {
      await rm(disk, { recursive: true });
      skip('a small disk can only be mounted by root');
    }
    try {
      const path = join(disk, 'state');
      await writeFileAtomic(path, 'old');
      await expect(writeFileAtomic(path, Buffer.alloc(200_000))).rejects.toMatchObject({ code: 'ENOSPC' });
      expect(await readFile(path, 'utf8')).toBe('old');
      expect(await readdir(disk)).toEqual(['state']);
    } finally {
      execFileSync('umount', ['-l', disk]);
      await rm(disk, { recursive: true });
    }
  });

  it('shows the old file or the new one, whole, whenever its writer is killed', async () => {
    const path = join(directory, 'state');
    const size = 300_000;
    await writeFileAtomic(path, 'a'.repeat(size));
    const program = `
      const { writeFileAtomic } = await import(${FILES});
      for (let n = 0; ; n++) {
        await writeFileAtomic(process.argv[1], 'abcdefgh'[n % 8].repeat(${size}));
        process.stdout.write('.');
      }`;
    for (const writes of [1, 3, 6, 9, 12]) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', program, path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let seen = 0;
      child.stdout.on('data', (data: Buffer) => {
        seen += data.length;
        if (seen >= writes) child.kill('SIGKILL');
      });
      await once(child, 'close');
      const text = await readFile(path, 'utf8');
      expect(text).toHaveLength(size);
      expect(text).toBe(text.slice(0, 1).repeat(size));
    }
  }, 30_000);

  it('removes what a killed writer left, but nothing of a living or recent one', async () => {
    const gone = spawn(process.execPath, ['-e', '']);
    await once(gone, 'close');
    const name = (pid: number, digit: string): string => `.state.${pid}-${digit.repeat(16)}.tmp`;
    const old = [
      name(gone.pid!, 'a'),
      name(process.pid, 'b'),
      '.state.not-ours.tmp',
      `.other.${gone.pid}-${'c'.repeat(16)}.tmp`,
    ];
    const recent = name(gone.pid!, 'd');
    for (const leftover of [...old, recent]) await writeFile(join(directory, leftover), 'secret');
    for (const leftover of old) await utimes(join(directory, leftover), 1000, 1000);
    await writeFileAtomic(join(directory, 'state'), 'x');
    expect((await readdir(directory)).toSorted()).toEqual([...old.slice(1), recent, 'state'].toSorted());
  });
});

describe('writeFileOnce', () => {
  it('keeps what is there', async () => {
    const path = join(directory, 'once');
    expect(await writeFileOnce(path, 'first')).toBe(true);
    expect(await writeFileOnce(path, 'second')).toBe(false);
    expect(await readFile(path, 'utf8')).toBe('first');
    expect(await modeOf(path)).toBe(0o600);
  });

  it('lets one of many racing writers create the file, whole', async () => {
    for (let round = 0; round < 10; round += 1) {
      const path = join(directory, `once-${round}`);
      const texts = Array.from({ length: 8 }, (_, index) => String(index).repeat(50_000));
      const outcomes = await Promise.all(texts.map(async (text) => await writeFileOnce(path, text)));
      expect(outcomes.filter(Boolean)).toHaveLength(1);
      expect(await readFile(path, 'utf8')).toBe(texts[outcomes.indexOf(true)]);
    }
    expect((await readdir(directory)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('ensurePrivateDirectory', () => {
  it.each([0o000, 0o022, 0o777])('creates it 0700 under umask %o', async (mask) => {
    process.umask(mask);
    const path = join(directory, 'state');
    await ensurePrivateDirectory(path);
    expect(await modeOf(path)).toBe(0o700);
  });

  it('creates missing parents closed to others', async () => {
    process.umask(0);
    await ensurePrivateDirectory(join(directory, 'a', 'b'));
    expect(await modeOf(join(directory, 'a'))).toBe(0o700);
  });

  it.each([0o777, 0o755, 0o500])('brings %o to 0700', async (mode) => {
    const path = join(directory, 'state');
    await mkdir(path);
    await chmod(path, mode);
    await ensurePrivateDirectory(path);
    expect(await modeOf(path)).toBe(0o700);
  });

  it('refuses a file in its place', async () => {
    const path = join(directory, 'state');
    await writeFile(path, '');
    await expect(ensurePrivateDirectory(path)).rejects.toMatchObject({ code: 'EEXIST' });
  });

  it.skipIf(!isRoot)('refuses one of another owner, untouched (needs root to make one)', async () => {
    const path = join(directory, 'state');
    await mkdir(path, { mode: 0o755 });
    await chown(path, 65_534, 65_534);
    const refusal = ensurePrivateDirectory(path);
    await expect(refusal).rejects.toMatchObject({ code: 'foreign_owner' });
    await expect(refusal).rejects.toThrow(/uid 65534.*SALLYPORT_HOME/);
    expect(await modeOf(path)).toBe(0o755);
  });

  it.skipIf(isRoot)('refuses one of root, for anybody else (run as another user)', async () => {
    await expect(ensurePrivateDirectory('/usr')).rejects.toMatchObject({ code: 'foreign_owner' });
  });

  it('follows a link of ours, and names the real place', async () => {
    await mkdir(join(directory, 'real'), { mode: 0o755 });
    await symlink('real', join(directory, 'state'));
    expect(await ensurePrivateDirectory(join(directory, 'state'))).toBe(join(directory, 'real'));
    expect(await modeOf(join(directory, 'real'))).toBe(0o700);
  });

  it.skipIf(!isRoot)('refuses a link that somebody else made (needs root to make one)', async () => {
    await mkdir(join(directory, 'real'), { mode: 0o755 });
    await symlink('real', join(directory, 'state'));
    await lchown(join(directory, 'state'), 65_534, 65_534);
    await expect(ensurePrivateDirectory(join(directory, 'state'))).rejects.toMatchObject({ code: 'foreign_owner' });
  });
});

describe('tightenOrRefuse', () => {
  it.each([
    [0o600, 'private', 0o600],
    [0o400, 'private', 0o400],
    [0o666, 'tightened', 0o600],
    [0o604, 'tightened', 0o600],
    [0o640, 'tightened', 0o600],
    [0o700, 'tightened', 0o600],
  ])('finds %o %s', async (mode, outcome, after) => {
    const path = join(directory, 'file');
    await writeFile(path, '');
    await chmod(path, mode);
    expect(await tightenOrRefuse(path)).toBe(outcome);
    expect(await modeOf(path)).toBe(after);
  });

  it('says when there is none, and refuses links and directories', async () => {
    expect(await tightenOrRefuse(join(directory, 'none'))).toBe('absent');
    await symlink('none', join(directory, 'link'));
    await expect(tightenOrRefuse(join(directory, 'link'))).rejects.toMatchObject({ code: 'symbolic_link' });
    await expect(tightenOrRefuse(directory)).rejects.toMatchObject({ code: 'wrong_type' });
  });

  it.skipIf(!isRoot)('refuses a file of another owner (needs root to make one)', async () => {
    const path = join(directory, 'file');
    await writeFile(path, '', { mode: 0o644 });
    await chown(path, 65_534, 65_534);
    await expect(tightenOrRefuse(path)).rejects.toMatchObject({ code: 'foreign_owner' });
    expect(await modeOf(path)).toBe(0o644);
  });
});

describe('readFileBounded', () => {
  it('reads up to the limit and not a byte more', async () => {
    const path = join(directory, 'file');
    for (const size of [1, 65_535, 65_536, 65_537, 200_000]) {
      await writeFile(path, Buffer.alloc(size, 7));
      expect(await readFileBounded(path, size)).toEqual(Buffer.alloc(size, 7));
      await expect(readFileBounded(path, size - 1)).rejects.toMatchObject({ code: 'too_large' });
    }
  });

  it('reads an empty file', async () => {
    await writeFile(join(directory, 'empty'), '');
    expect(await readFileBounded(join(directory, 'empty'), 0)).toHaveLength(0);
  });

  it('refuses a huge file without reading it', async () => {
    const path = join(directory, 'sparse');
    await writeFile(path, '');
    await truncate(path, 2 ** 40);
    await expect(readFileBounded(path, 1000)).rejects.toMatchObject({ code: 'too_large' });
  });

  it('refuses a pipe without waiting for a writer, and a directory', async () => {
    const path = join(directory, 'pipe');
    execFileSync('mkfifo', [path]);
    await expect(readFileBounded(path, 10)).rejects.toMatchObject({ code: 'wrong_type' });
    await expect(readFileBounded(directory, 10)).rejects.toMatchObject({ code: 'wrong_type' });
  });
});

describe('stateDirectory', () => {
  it.each<[Record<string, string>, NodeJS.Platform, string]>([
    [{ SALLYPORT_HOME: '/s', STATE_DIRECTORY: '/t', XDG_STATE_HOME: '/x', HOME: '/h' }, 'linux', '/s'],
    [{ STATE_DIRECTORY: '/t:/u', XDG_STATE_HOME: '/x', HOME: '/h' }, 'linux', '/t'],
    [{ XDG_STATE_HOME: '/x', HOME: '/h' }, 'linux', '/x/sallyport'],
    [{ XDG_STATE_HOME: 'relative', HOME: '/h' }, 'linux', '/h/.local/state/sallyport'],
    [{ SALLYPORT_HOME: '', STATE_DIRECTORY: '', XDG_STATE_HOME: '', HOME: '/h' }, 'linux', '/h/.local/state/sallyport'],
    [{ HOME: '/Users/a' }, 'darwin', '/Users/a/Library/Application Support/sallyport'],
    [{ LOCALAPPDATA: 'C:\\L', USERPROFILE: 'C:\\U' }, 'win32', 'C:\\L\\sallyport'],
    [{ USERPROFILE: 'C:\\U' }, 'win32', 'C:\\U\\AppData\\Local\\sallyport'],
  ])('%j on %s is %s', (env, platform, expected) => {
    expect(stateDirectory(env, platform)).toBe(expected);
  });

  it('says what to set when there is no home', () => {
    expect(() => stateDirectory({}, 'linux')).toThrow(/SALLYPORT_HOME/);
    expect(() => stateDirectory({ HOME: 'relative' }, 'linux')).toThrow(/SALLYPORT_HOME/);
  });
});
