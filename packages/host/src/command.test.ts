import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandCandidates, type CommandContext, resolveCommand, searchedFolders } from './command.ts';

let root = '';
let context: CommandContext;

async function program(path: string, mode = 0o755): Promise<void> {
  await writeFile(path, '#!/bin/sh\n');
  await chmod(path, mode);
}

beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-command-')));
  for (const folder of ['one', 'two', 'open', 'work']) await mkdir(join(root, folder), { mode: 0o755 });
  await mkdir(join(root, 'one', 'folder'));
  await chmod(join(root, 'open'), 0o777);
  await program(join(root, 'one', 'both'));
  await program(join(root, 'two', 'both'));
  await program(join(root, 'two', 'plain'));
  await program(join(root, 'one', 'plain'), 0o644);
  await program(join(root, 'one', 'data'), 0o644);
  await program(join(root, 'two', 'folder'));
  await program(join(root, 'open', 'exposed'));
  await program(join(root, 'one', 'loose'), 0o757);
  await program(join(root, 'work', 'planted'));
  await program(join(root, 'work', 'both'));
  await symlink(join(root, 'open', 'exposed'), join(root, 'one', 'linked'));
  await symlink(join(root, 'work'), join(root, 'alias'));
  context = { path: `${root}/one:${root}/two:${root}/open`, cwd: join(root, 'work'), platform: 'linux' };
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe('resolveCommand', () => {
  it('takes the first program on PATH, past folders and files that are not executable', async () => {
    expect(await resolveCommand('both', context)).toEqual({ path: join(root, 'one/both') });
    expect(await resolveCommand('plain', context)).toEqual({ path: join(root, 'two/plain') });
    expect(await resolveCommand('folder', context)).toEqual({ path: join(root, 'two/folder') });
  });

  it('P1-21 P4-17 never searches the working folder, however PATH names it', async () => {
    const path = `.::work:${root}/work:${root}/work/:${root}/one/../work:${root}/alias:${root}/two`;
    expect(await resolveCommand('both', { ...context, path })).toEqual({ path: join(root, 'two/both') });
    await expect(resolveCommand('planted', { ...context, path })).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('write "./planted"'),
    });
  });

  it('searches absolute entries of PATH only', async () => {
    const path = `::.:bin:./bin:${root}/one:../two:${root}/no-such`;
    expect(await searchedFolders({ ...context, path })).toEqual([join(root, 'one'), join(root, 'no-such')]);
  });

  it('takes a path as relative to the working folder', async () => {
    expect(await resolveCommand('./planted', context)).toEqual({ path: join(root, 'work/planted') });
    expect(await resolveCommand('../two/plain', context)).toEqual({ path: join(root, 'two/plain') });
    expect(await resolveCommand(join(root, 'two/plain'), context)).toEqual({ path: join(root, 'two/plain') });
  });

  it('warns when others may replace what is run', async () => {
    const open = join(root, 'open');
    const warning = expect.stringContaining(`"${open}" is world-writable`);
    expect(await resolveCommand('exposed', context)).toEqual({ path: join(open, 'exposed'), warning });
    expect(await resolveCommand('linked', context)).toEqual({ path: join(root, 'one/linked'), warning });
    expect((await resolveCommand('loose', context)).warning).toContain('one/loose" is world-writable');
  });

  it.each([
    ['npx', 'not_found', 'not found in the 3 folders of PATH: install Node.js'],
    ['uvx', 'not_found', 'install uv'],
    ['no-such', 'not_found', 'correct PATH or write its absolute path'],
    ['npx -y thing', 'not_found', 'its arguments go to "args"'],
    ['./no-such', 'not_found', 'relative paths start at'],
    ['~/bin/x', 'not_found', 'not expanded'],
    ['', 'not_found', 'empty'],
    ['a\0b', 'not_found', 'NUL'],
    ['data', 'not_executable', 'one/data" is not a program'],
    ['/', 'not_executable', 'mode +x'],
  ])('refuses %j: %s, %s', async (command, code, text) => {
    await expect(resolveCommand(command, context)).rejects.toMatchObject({
      name: 'ChildError',
      code,
      message: expect.stringContaining(text),
    });
  });
});

describe('commandCandidates on Windows', () => {
  const windows: CommandContext = { path: '', cwd: 'C:\\work', platform: 'win32', pathExtensions: '.EXE;.CMD' };

  it('tries the extensions of PATHEXT in their order', () => {
    expect(commandCandidates('npx', ['C:\\a', 'D:\\b'], windows)).toEqual([
      'C:\\a\\npx.exe',
      'C:\\a\\npx.cmd',
      'D:\\b\\npx.exe',
      'D:\\b\\npx.cmd',
    ]);
  });

  it('takes a name with such an extension as it is', () => {
    expect(commandCandidates('node.exe', ['C:\\a'], windows)).toEqual(['C:\\a\\node.exe']);
  });

  it('takes a path as relative to the working folder', () => {
    expect(commandCandidates('bin\\x.exe', ['C:\\a'], windows)).toEqual(['C:\\work\\bin\\x.exe']);
    expect(commandCandidates('bin/x.exe', ['C:\\a'], windows)).toEqual(['C:\\work\\bin\\x.exe']);
  });
});
