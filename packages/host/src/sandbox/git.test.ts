/** What stands in a repository in place of what git would believe: git itself must work as ever meanwhile. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createPlaceholders } from './placeholders.ts';
import { surveyPaths } from './survey.ts';

const hasGit = spawnSync('git', ['--version']).status === 0;
if (!hasGit) console.warn('git: skipped: there is no git.');

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-git-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it.skipIf(!hasGit)(
  'SBX-05 git works beside a server, in a working tree, a submodule and a bare repository (needs git)',
  async () => {
    const env = { PATH: process.env['PATH'] ?? '', HOME: folder, GIT_CONFIG_NOSYSTEM: '1', LANG: 'C' };
    const who = '-c user.name=a -c user.email=a@b -c protocol.file.allow=always'.split(' ');
    const git = (at: string, ...args: readonly string[]): string =>
      execFileSync('git', [...who, ...args], { cwd: join(folder, at), env, encoding: 'utf8', stdio: 'pipe' });
    await mkdir(join(folder, 'work'));
    git('work', 'init', '-q', '-b', 'main');
    await writeFile(join(folder, 'work/file'), 'one');
    git('work', 'add', '.');
    git('work', 'commit', '-qm', 'one');
    git('.', 'clone', '-q', '--bare', 'work', 'bare.git');
    git('work', 'submodule', '--quiet', 'add', join(folder, 'bare.git'), 'sub');
    git('work', 'commit', '-qm', 'two');
    const spec = { level: 'standard', command: '/bin/true', args: [], cwd: folder, env: {}, hidden: [] } as const;
    const { laterRun } = await surveyPaths(spec, { userHome: '/nowhere' });
    const placeholders = createPlaceholders({ folder: join(folder, 'held'), pid: 1, isAlive: () => false });
    for (const entry of laterRun) await placeholders.hold(entry);
    for (const name of ['work/.git', 'work/.git/modules/sub', 'bare.git'])
      expect(await readFile(join(folder, name, 'commondir'), 'utf8')).toBe('.\n');
    await writeFile(join(folder, 'work/sub/file'), 'two');
    git('work/sub', 'commit', '-qam', 'in sub');
    git('work/sub', 'push', '-q', 'origin', 'HEAD:main');
    git('work', 'commit', '-qam', 'three');
    expect(git('work', 'status', '--porcelain', 'file', 'sub')).toBe('');
    expect(git('work', 'log', '--format=%s').split('\n')).toEqual(['three', 'two', 'one', '']);
    expect(git('bare.git', 'log', '--format=%s', 'main').split('\n')).toEqual(['in sub', 'one', '']);
    for (const entry of laterRun) await placeholders.release(entry);
    expect(git('work', 'status', '--porcelain')).toBe('');
  },
);
