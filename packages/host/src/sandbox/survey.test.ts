import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SandboxSpec, Survey } from './spec.ts';
import { surveyPaths } from './survey.ts';

let folder = '';

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-survey-')));
  for (const name of ['state', 'work', 'home', 'app/node_modules/tool/dist'])
    await mkdir(at(name), { recursive: true });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);

async function file(name: string, text = ''): Promise<string> {
  await mkdir(join(at(name), '..'), { recursive: true });
  await writeFile(at(name), text);
  return at(name);
}

function survey(spec: Partial<SandboxSpec>): Promise<Survey> {
  const whole = {
    level: 'strict' as const,
    command: '/bin/sh',
    args: [],
    cwd: at('work'),
    env: {},
    hidden: [at('state')],
  };
  return surveyPaths({ ...whole, ...spec }, { userHome: at('home') });
}

const guardedOf = async (spec: Partial<SandboxSpec>): Promise<ReadonlyMap<string, boolean>> =>
  new Map((await survey(spec)).laterRun.map(({ path, exists }) => [path.slice(folder.length + 1), exists]));

describe('the paths of a specification', () => {
  it('are told by where they lead', async () => {
    await symlink(at('work'), at('link'));
    const { write, read } = await survey({ write: [at('link')], read: ['/usr/share'] });
    expect(write).toEqual([{ path: at('link'), real: at('work'), kind: 'folder' }]);
    expect(read).toContainEqual({ path: '/usr/share', real: '/usr/share', kind: 'folder' });
  });

  it('have to exist and be absolute', async () => {
    const { problems } = await survey({ write: [at('missing')], read: ['work'] });
    expect(problems).toEqual(
      [
        expect.stringContaining('"work" is no absolute path'),
        expect.stringContaining('missing" does not exist'),
      ].toSorted(() => 0),
    );
  });

  it('SBX-05 are refused where they are part of the state, by a link too', async () => {
    await file('state/tokens');
    await symlink(at('state'), at('work/link'));
    for (const path of ['state', 'state/tokens', 'work/link', 'work/../state']) {
      expect((await survey({ read: [at(path)] })).problems).toEqual([expect.stringContaining("Sallyport's own files")]);
      expect((await survey({ write: [at(path)] })).problems).toEqual([
        expect.stringContaining("Sallyport's own files"),
      ]);
    }
    expect((await survey({ read: [folder] })).problems).toEqual([]);
  });

  it.each(['/', '/proc', '/proc/1', '/sys/kernel', '/dev', '/etc', '/run'])(
    'are refused where %s would undo the sandbox',
    async (path) => {
      expect((await survey({ read: [path] })).problems).toEqual([expect.stringContaining('would undo the sandbox')]);
    },
  );

  it('are refused where they are run later themselves', async () => {
    await mkdir(at('work/.git/hooks'), { recursive: true });
    expect((await survey({ write: [at('work/.git/hooks')] })).problems).toEqual([expect.stringContaining('run later')]);
  });
});

describe('the program', () => {
  it('is visible with the modules it is part of, read-only', async () => {
    const entry = await file('app/node_modules/tool/dist/index.js');
    const { read, write } = await survey({ args: [entry, '--flag', 'relative.js'] });
    expect(read.map(({ path }) => path)).toEqual(['/bin/sh', entry, at('app/node_modules')]);
    expect(write).toEqual([]);
  });

  it('is visible with its virtual environment and the Python of that, but not with a home that has packages', async () => {
    const python = await file('home/python/bin/python3.13');
    await file('home/python/lib/python3.13/os.py');
    await file('home/tool/pyvenv.cfg');
    await file('home/lib/python3.13/site-packages/tool.py');
    const program = await file('home/tool/bin/tool');
    await mkdir(at('home/bin'));
    await symlink(python, at('home/tool/bin/python'));
    await symlink(program, at('home/bin/tool'));
    const { read } = await survey({ command: at('home/bin/tool') });
    expect(read.map(({ real }) => real)).toEqual([program, at('home/tool'), at('home/python')]);
    expect((await survey({ command: python })).read.map(({ real }) => real)).toEqual([python, at('home/python')]);
  });
});

describe('standard', () => {
  it('adds the working folder and what the arguments name, but nothing that would be refused', async () => {
    const database = await file('data.db');
    const script = await file('app/run.mjs');
    const args = [script, database, at('state'), '/etc', at('missing')];
    const { write, problems } = await survey({ level: 'standard', args });
    expect(write.map(({ path }) => path)).toEqual([at('work'), database]);
    expect(problems).toEqual([]);
    expect((await survey({ level: 'standard', cwd: '/' })).write).toEqual([]);
    expect((await survey({ level: 'standard', cwd: '/' })).notes).toEqual([expect.stringContaining('"/" would undo')]);
  });

  it('does not add a home that is only the working folder', async () => {
    const working = await survey({ level: 'standard', cwd: at('home') });
    expect([working.write, working.notes]).toEqual([[], [expect.stringContaining('is a home')]]);
    expect((await survey({ level: 'standard', args: [at('home')] })).write).toHaveLength(2);
  });
});

describe('a link that a server could have made', () => {
  it('SBX-05 gives nothing of what it leads to', async () => {
    await file('home/secret');
    await file('home/own.js');
    await mkdir(at('work/inner'));
    await symlink(at('home'), at('work/inner/data'));
    await symlink(at('home/own.js'), at('work/run.js'));
    const asked = await survey({ write: [at('work'), at('work/inner/data')] });
    expect(asked.problems).toEqual([expect.stringContaining(`leads to "${at('home')}" by the link`)]);
    expect((await survey({ level: 'standard', args: ['./run.js'] })).problems).toEqual([
      expect.stringContaining('run.js'),
    ]);
    const { notes, problems, write } = await survey({ level: 'standard', args: ['./inner/data/'] });
    expect([write.map(({ real }) => real), problems]).toEqual([[at('work')], []]);
    expect(notes).toEqual([expect.stringContaining('which a server could have made')]);
  });

  it('is followed as long as it stays within, or lies where no server may write', async () => {
    await mkdir(at('work/inner'));
    await symlink(at('work/inner'), at('work/link'));
    await symlink(at('app'), at('home/app'));
    const { notes, write } = await survey({ level: 'standard', args: ['./link', at('home/app')] });
    expect(write.map(({ real }) => real)).toEqual([at('work'), at('work/inner'), at('app')]);
    expect(notes).toEqual([]);
  });
});

describe('what others run later', () => {
  it('is guarded whether it is there or not', async () => {
    await file('work/.vscode/tasks.json');
    const guarded = await guardedOf({ write: [at('work')] });
    expect(guarded).toEqual(
      new Map([
        ['work/.git', false],
        ['work/.vscode', true],
        ['work/.cursor', false],
        ['work/.claude', false],
        ['work/.mcp.json', false],
        ['work/.envrc', false],
      ]),
    );
  });

  it('is guarded inside a repository, which itself is written to', async () => {
    for (const name of ['HEAD', 'config', 'hooks/pre-commit']) await file(`work/.git/${name}`);
    const guarded = await guardedOf({ write: [at('work')] });
    expect([guarded.get('work/.git'), guarded.get('work/.git/hooks'), guarded.get('work/.git/config')]).toEqual([
      undefined,
      true,
      true,
    ]);
  });

  it('is guarded in folders below too, as far as it exists', async () => {
    for (const name of ['HEAD', 'config', 'hooks/pre-commit']) await file(`work/a/b/.git/${name}`);
    await file('work/a/.mcp.json', '{}');
    const guarded = await guardedOf({ write: [at('work')] });
    expect([...guarded.keys()].filter((path) => path.startsWith('work/a'))).toEqual([
      'work/a/.mcp.json',
      'work/a/b/.git/hooks',
      'work/a/b/.git/config',
      'work/a/b/.git/commondir',
    ]);
  });

  it('is guarded where it was before a server made more folders than are looked at', async () => {
    await file('work/repository/.git/HEAD');
    await Promise.all(Array.from({ length: 1100 }, (_none, index) => mkdir(at(`work/${index}`))));
    expect((await guardedOf({ write: [at('work')] })).get('work/repository/.git/hooks')).toBe(false);
  });

  it('includes the profiles of a home', async () => {
    await file('home/.config/fish/config.fish');
    const guarded = await guardedOf({ write: [at('home')] });
    for (const name of ['.bashrc', '.zshenv', '.ssh', '.gitconfig', '.claude.json'])
      expect(guarded.get(`home/${name}`)).toBe(false);
    expect(guarded.get('home/.config/fish')).toBe(true);
    expect(guarded.has('home/.local/bin')).toBe(false);
  });

  it('must not be a link, which could be replaced', async () => {
    await symlink(at('app'), at('work/.claude'));
    expect((await survey({ write: [at('work')] })).problems).toEqual([expect.stringContaining('is a symbolic link')]);
  });

  it('makes the folder of such a link read-only where it was not asked for', async () => {
    await mkdir(at('work/below'));
    await symlink(at('app'), at('work/below/.claude'));
    const { laterRun, notes, problems } = await survey({ level: 'standard' });
    expect(laterRun).toContainEqual({ path: at('work/below'), kind: 'folder', exists: true });
    expect([notes, problems]).toEqual([[expect.stringContaining('below/.claude" is a symbolic link')], []]);
  });

  it('is guarded in a repository without hooks, in those of submodules, and in one without a working tree', async () => {
    for (const name of ['.git', '.git/modules/sub', 'bare.git']) {
      await file(`work/${name}/HEAD`);
      await mkdir(at(`work/${name}/objects`));
    }
    await file('work/.git/modules/sub/hooks/post-checkout');
    await file('work/.git/worktrees/other/HEAD');
    await file('work/.git/worktrees/other/commondir', '../..');
    const guarded = await guardedOf({ write: [at('work')] });
    expect([guarded.get('work/.git/hooks'), guarded.get('work/bare.git/hooks')]).toEqual([false, false]);
    expect(guarded.get('work/.git/modules/sub/hooks')).toBe(true);
    expect(guarded.get('work/.git/worktrees/other/commondir')).toBe(true);
  });

  it('is guarded by nothing in a folder where nobody can make it', async () => {
    await chmod(at('work'), 0o555);
    const guarded = await guardedOf({ write: [at('work')] });
    // Modes do not bind root.
    expect(guarded.size).toBe(process.getuid?.() === 0 ? 6 : 0);
  });
});
