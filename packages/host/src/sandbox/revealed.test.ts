/** What is revealed within what is hidden, for real: by a child of a gateway that is root and of one that is nobody. */
import { chmod, chown, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NOBODY } from './level.ts';
import { surveyPaths } from './survey.ts';
import { evaluateCaged, GATEWAY_USERS, isRoot, levelsHere } from './testing/caged.ts';

const TIMEOUT_MS = 60_000;
const LEVELS = await levelsHere('revealed.test.ts');

let folder = '';
const at = (name: string): string => join(folder, name);

/** `all` is writable and holds `state`, which is hidden, and in it `installs/mine`, which is revealed. */
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-revealed-')));
  await chmod(folder, 0o755);
  const folders = ['all', 'all/state', 'all/state/installs', 'all/state/installs/mine', 'all/state/installs/other'];
  for (const name of [...folders, 'filter']) await mkdir(at(name));
  const files = ['all/state/master.key', 'all/state/installs/mine/main.js', 'all/state/installs/other/main.js'];
  for (const name of files) await writeFile(at(name), 'content');
  if (isRoot) for (const name of ['', ...folders, 'filter', ...files]) await chown(at(name), NOBODY.uid, NOBODY.gid);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const SCRIPT = (state: string): string => `
  const at = (name) => ${JSON.stringify(state)} + '/' + name;
  return {
    mine: await attempt(() => readFileSync(at('installs/mine/main.js'), 'utf8')),
    other: await attempt(() => readFileSync(at('installs/other/main.js'), 'utf8')),
    key: await attempt(() => readFileSync(at('master.key'), 'utf8')),
    seen: await attempt(() => readdirSync(at('installs'))),
    planted: void (await attempt(() => writeFileSync(at('master.key'), 'x'))),
    changed: await attempt(() => writeFileSync(at('installs/mine/main.js'), 'x')),
  };`;

const CASES = GATEWAY_USERS.flatMap((user) =>
  LEVELS.flatMap((level) => ['', 'all'].map((write) => ({ user, level, write }))),
);

describe('a folder that is revealed within a hidden one', () => {
  it.each(CASES)(
    'is all of it that a child sees under $level, read-only, its gateway being $user and what it may write to "$write"',
    { timeout: TIMEOUT_MS },
    async ({ level, user, write }) => {
      if (isRoot && user === 'this user') await chown(at('filter'), 0, 0);
      const spec = {
        level,
        folder: at('filter'),
        hidden: [at('all/state')],
        revealed: [at('all/state/installs/mine')],
        write: write === '' ? [] : [at(write)],
      };
      expect(await evaluateCaged(user, spec, SCRIPT(at('all/state')))).toEqual({
        mine: 'content',
        other: 'ENOENT',
        key: 'ENOENT',
        seen: ['mine'],
        changed: 'EROFS',
      });
      // What it wrote may be in a memory of its own.
      expect(await readFile(at('all/state/master.key'), 'utf8')).toBe('content');
    },
  );

  it('is no way to have anything else of it', async () => {
    const spec = {
      level: 'strict' as const,
      command: '/bin/sh',
      args: [],
      cwd: '/',
      env: {},
      hidden: [at('all/state')],
    };
    const revealed = [at('all/state/installs/mine')];
    const problems = async (read: string): Promise<number> =>
      (await surveyPaths({ ...spec, revealed, read: [at(read)] })).problems.length;
    expect(await problems('all/state/installs/mine')).toBe(0);
    for (const path of ['all/state', 'all/state/installs', 'all/state/installs/other', 'all/state/master.key']) {
      expect(await problems(path)).toBe(1);
    }
  });
});
