import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inFolder, openRoot } from './folder.ts';
import { restrictedReason } from './restricted.ts';
import { createWorkspaces, type Workspace } from './workspace.ts';

let base: string;
let at: string;
let outside: string;

const open = (): Workspace => createWorkspaces({ roots: [at], now: () => 1000 }).open();
const put = (path: string, text: string): void => {
  mkdirSync(join(at, path, '..'), { recursive: true });
  writeFileSync(join(at, path), text);
};

beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'spec-workspace-')));
  at = join(base, 'project');
  outside = join(base, 'outside');
  mkdirSync(at);
  mkdirSync(outside);
  writeFileSync(join(outside, 'secret.md'), 'secret');
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

describe('P3-06 what leads out of the workspace', () => {
  it.each([
    '../outside/secret.md',
    'a/../../outside/secret.md',
    '/etc/passwd',
    'C:\\x',
    '\\\\host\\x',
    'a\0b',
    `${'x'.repeat(300)}.md`,
  ])('refuses the path %j', async (path) => {
    await expect(open().read(path)).rejects.toMatchObject({ code: 'outside_workspace' });
  });

  it('takes %2e%2e for a name, and not for the folder above', async () => {
    expect(await open().read('%2e%2e/outside/secret.md')).toBeUndefined();
  });

  it('refuses links out, of files and of folders, for reading and for writing', async () => {
    symlinkSync(outside, join(at, 'folder'));
    symlinkSync(join(outside, 'secret.md'), join(at, 'file.md'));
    symlinkSync(join(outside, 'new.md'), join(at, 'dangling.md'));
    for (const path of ['folder/secret.md', 'file.md', 'dangling.md']) {
      await expect(open().read(path)).rejects.toMatchObject({ code: 'outside_workspace' });
      const writing = open().change('workspace', 'x', async (draft) => draft.write(path, 'pwned'));
      await expect(writing).rejects.toMatchObject({ code: 'outside_workspace' });
    }
    expect(readFileSync(join(outside, 'secret.md'), 'utf8')).toBe('secret');
  });

  it('follows links that stay inside, and writes the file they lead to', async () => {
    put('real/a.md', 'a');
    symlinkSync('real', join(at, 'link'));
    symlinkSync('real/a.md', join(at, 'a.md'));
    expect(await open().read('link/a.md')).toBe('a');
    await open().change('workspace', 'x', async (draft) => draft.write('a.md', 'b'));
    expect(readFileSync(join(at, 'real/a.md'), 'utf8')).toBe('b');
  });

  it.skipIf(process.platform !== 'linux')(
    'keeps to the folder it opened when a link takes its place (Linux: steps from handles)',
    async () => {
      put('specs/secret.md', 'inside');
      const read = await inFolder(openRoot(at), 'specs/secret.md', 'look', (folder, name) => {
        renameSync(join(at, 'specs'), join(at, 'gone'));
        symlinkSync(outside, join(at, 'specs'));
        return readFileSync(folder.at(name), 'utf8');
      });
      expect(read).toBe('inside');
    },
  );

  it('refuses another folder in the place of the root', async () => {
    const workspace = open();
    put('a.md', 'a');
    renameSync(at, join(base, 'moved'));
    mkdirSync(at);
    await expect(workspace.read('a.md')).rejects.toMatchObject({ code: 'outside_workspace' });
  });

  it('opens only what lies in its roots, by where it really leads', () => {
    mkdirSync(join(base, 'project-evil'));
    symlinkSync(outside, join(at, 'link'));
    const spaces = createWorkspaces({ roots: [at], now: () => 0 });
    for (const path of ['..', outside, join(base, 'project-evil'), 'link', '/etc', 'a\0b', join(base, 'nothing')]) {
      expect(() => spaces.open(path), path).toThrowError(
        expect.objectContaining({ code: 'outside_workspace' }) as Error,
      );
    }
    mkdirSync(join(at, 'inner'));
    expect(spaces.open('inner').path).toBe(join(at, 'inner'));
  });

  it.each([
    '/',
    '/etc',
    '/etc/ssl',
    '/usr/share/x',
    '/bin',
    '/sbin',
    '/var',
    '/tmp',
    '/proc/self',
    '/dev',
    '/home',
    '/private/etc',
  ])('never takes %s for a workspace', (path) => expect(restrictedReason(path, 'linux')).toBeTypeOf('string'));

  it.each(['/etcetera', '/varnish/x', '/tmp/x', '/home/me/project', '/usrx'])(
    'compares whole names: %s may be one',
    (path) => {
      expect(restrictedReason(path, 'linux')).toBeUndefined();
    },
  );

  it('knows the folders of Windows', () => {
    expect(restrictedReason('C:\\Windows\\System32', 'win32')).toBeTypeOf('string');
    expect(restrictedReason('C:\\Users\\me\\project', 'win32')).toBeUndefined();
  });
});

describe('a change', () => {
  it('writes nothing when nothing differs', async () => {
    put('a.md', 'same');
    const before = statSync(join(at, 'a.md'), { bigint: true });
    const { changed } = await open().change('workspace', 'x', async (draft) => draft.write('a.md', 'same'));
    expect(changed).toEqual([]);
    expect(statSync(join(at, 'a.md'), { bigint: true }).mtimeNs).toBe(before.mtimeNs);
    expect(statSync(join(at, 'a.md'), { bigint: true }).ino).toBe(before.ino);
    await expect(open().undo()).rejects.toMatchObject({ code: 'not_found' });
  });

  it('writes all files or none', async () => {
    put('a.md', 'a');
    const failing = open().change('workspace', 'x', async (draft) => {
      draft.write('a.md', 'changed');
      draft.write('new.md', 'new');
      draft.write('large.md', 'x'.repeat(4 * 1024 * 1024 + 1));
    });
    await expect(failing).rejects.toMatchObject({ code: 'too_large' });
    expect(readFileSync(join(at, 'a.md'), 'utf8')).toBe('a');
    expect(await open().read('new.md')).toBeUndefined();
  });

  it('loses nothing when two write the same file at once', async () => {
    put('log.md', '');
    const add = async (word: string): Promise<void> => {
      await open().change('workspace', 'x', async (draft) => {
        const text = (await draft.read('log.md')) ?? '';
        draft.write('log.md', `${text}${word}\n`);
      });
    };
    const words = Array.from({ length: 24 }, (_, index) => `word${index}`);
    await Promise.all(words.map(add));
    expect(readFileSync(join(at, 'log.md'), 'utf8').trim().split('\n').toSorted()).toEqual(words.toSorted());
  });

  it('refuses to write over what somebody without the lock changed meanwhile', async () => {
    put('a.md', 'a');
    const changing = open().change('workspace', 'x', async (draft) => {
      await draft.read('a.md');
      put('a.md', 'theirs');
      draft.write('a.md', 'ours');
    });
    await expect(changing).rejects.toMatchObject({ code: 'conflict' });
    expect(readFileSync(join(at, 'a.md'), 'utf8')).toBe('theirs');
  });

  it('is taken back, files it made and removed included, unless one was changed since', async () => {
    put('a.md', 'a');
    put('old.md', 'old');
    const write = async (): Promise<unknown> =>
      open().change('workspace', 'three files', async (draft) => {
        draft.write('a.md', 'b');
        draft.write('deep/new.md', 'new');
        draft.remove('old.md');
      });
    await write();
    expect(await open().undo()).toMatchObject({ label: 'three files', restored: ['a.md', 'deep/new.md', 'old.md'] });
    expect([readFileSync(join(at, 'a.md'), 'utf8'), readFileSync(join(at, 'old.md'), 'utf8')]).toEqual(['a', 'old']);
    expect(await open().read('deep/new.md')).toBeUndefined();
    await write();
    put('a.md', 'by hand');
    await expect(open().undo()).rejects.toMatchObject({ code: 'conflict' });
    expect(readFileSync(join(at, 'a.md'), 'utf8')).toBe('by hand');
    expect(await open().read('old.md')).toBeUndefined();
  });

  it('keeps its own files out of git', async () => {
    await open().change('workspace', 'x', async (draft) => draft.write('a.md', 'a'));
    expect(await open().read('.specify/.sallyport/.gitignore')).toBe('*\n');
  });

  it('reads text only, and no more than it may', async () => {
    writeFileSync(join(at, 'image'), Buffer.from([0xff, 0xd8, 0xff]));
    writeFileSync(join(at, 'large'), 'x'.repeat(4 * 1024 * 1024 + 1));
    await expect(open().read('image')).rejects.toMatchObject({ code: 'not_text' });
    await expect(open().read('large')).rejects.toMatchObject({ code: 'too_large' });
  });
});
