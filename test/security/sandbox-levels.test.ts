/** Which level a child gets: what is written is required, what is not is the strongest that there is, and both are said. */
import { spawnSync } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { childUid, gatewayUsers, hostile, isRoot, levelsHere, openYard, serveIn } from './sandbox-support.ts';

const TIMEOUT_MS = 60_000;
const TEST = 'sandbox-levels.test.ts';
const USERS = gatewayUsers(TEST);
const CAGES = await levelsHere(TEST);

/** Runs what follows where bubblewrap is not: in a mount namespace in which it is no program. */
const WITHOUT_BWRAP = [
  'unshare',
  '--mount',
  '--',
  'sh',
  '-c',
  'mount --bind /dev/null /usr/bin/bwrap; exec "$@"',
  'sh',
];
const canTakeAway = isRoot && spawnSync(WITHOUT_BWRAP[0] ?? '', [...WITHOUT_BWRAP.slice(1), 'true']).status === 0;
if (!canTakeAway)
  console.warn(`${TEST}: machines without bubblewrap are skipped: only root can take it away for a test.`);

const status = 'return String(fs.readFileSync("/proc/self/status"))';

describe.each(USERS)('a gateway of %s', (user) => {
  it.skipIf(!canTakeAway)(
    'SBX-14 without bubblewrap does not start what needs it, and says what to do (needs root, to take it away)',
    async () => {
      await using yard = await openYard(user);
      const servers = {
        strict: hostile('strict'),
        standard: hostile({ level: 'standard' }),
        unwritten: hostile(undefined),
        network: hostile({ network: ['example.com'] }),
      };
      await using serving = await serveIn(yard, servers, { before: WITHOUT_BWRAP });
      expect(await serving.evaluate('return 1', 'unwritten')).toBe(1);
      const listed = new Map((await serving.list()).map((server) => [server.name, server]));
      for (const name of ['strict', 'standard', 'network']) {
        const { error, state } = listed.get(name) ?? {};
        expect([state, error]).toEqual([
          'failed',
          // Where a container engine answers, it is that which lacks something: an image.
          expect.stringMatching(/bubblewrap was not found\. Install bubblewrap|is not here: (?:podman|docker) pull /),
        ]);
      }
      const { sandbox } = listed.get('unwritten') ?? {};
      expect(sandbox?.level).toBe('limited');
      expect(sandbox?.gaps.join(' ')).toMatch(/Not "standard": bubblewrap was not found\. Install bubblewrap/);
      const told = serving.running.lines.map(
        (line) => JSON.parse(line) as { level: string; server?: string; msg: string },
      );
      expect(told.filter(({ msg, server }) => msg === 'a child is started' && server === 'unwritten')).toMatchObject([
        { level: 'warn' },
      ]);
    },
    TIMEOUT_MS,
  );

  it(
    'P4-02 is not followed to where it is: limited drops the user, all rights and the way back',
    async () => {
      await using yard = await openYard(user);
      await using serving = await serveIn(yard, { mad: hostile('limited') });
      const told = (await serving.evaluate(status)) as string;
      expect(told).toMatch(new RegExp(`^Uid:(\\s${childUid}){4}$`, 'm'));
      expect(told).toMatch(/^NoNewPrivs:\s1$/m);
      expect(told).toMatch(/^CapEff:\s0{16}$/m);
      expect(told).toMatch(isRoot ? /^Groups:\s*$/m : /^Groups:/m);
    },
    TIMEOUT_MS,
  );

  it(
    'P4-02 runs a child as the user that is written, and refuses where it cannot',
    { timeout: TIMEOUT_MS },
    async () => {
      await using yard = await openYard(user);
      const may = isRoot && user === 'this user';
      await using serving = await serveIn(yard, {
        mad: hostile({ level: 'limited', user: may ? '4321' : '1' }),
        unknown: hostile({ user: 'nobody-of-that-name' }),
      });
      const listed = new Map((await serving.list()).map((server) => [server.name, server]));
      expect(listed.get('unknown')?.error).toContain('"nobody-of-that-name" of "sandbox.user" is not in /etc/passwd');
      const outcome = may ? await serving.evaluate(status) : listed.get('mad')?.error;
      expect(outcome).toMatch(may ? /^Uid:(\s4321){4}$/m : /Only root may run a server as another user\./);
    },
  );

  it.skipIf(CAGES.length < 2)(
    'nothing written: standard, with a home that lasts and a project to each caller (needs a sandbox)',
    async () => {
      await using yard = await openYard(user);
      await using serving = await serveIn(yard, { mad: hostile(undefined), other: hostile(undefined) });
      const home = `const path = process.env.HOME + '/kept'; const before = await attempt(() => String(fs.readFileSync(path))); fs.writeFileSync(path, 'mine'); return before`;
      expect(await serving.evaluate(home)).toBe('ENOENT');
      expect(await serving.evaluate(home, 'other')).toBe('ENOENT');
      expect(await serving.evaluate(home)).toBe('mine');
      const [listed] = await serving.list();
      expect(listed?.sandbox).toMatchObject({ level: 'standard' });
      expect(await readdir(yard.at('state/homes'))).toHaveLength(2);
    },
    TIMEOUT_MS,
  );

  it.skipIf(CAGES.length < 2)(
    'paths in the arguments are given under standard, and not under strict (needs a sandbox)',
    async () => {
      await using yard = await openYard(user);
      await yard.put('data/given.txt', 'given');
      const named = {
        args: [...(hostile(undefined) as { args: string[] }).args, `--data=${yard.at('data')}`, '../data'],
      };
      await using serving = await serveIn(yard, {
        standard: hostile('standard', named),
        strict: hostile('strict', named),
      });
      const look = `return await attempt(() => String(fs.readFileSync('${yard.at('data/given.txt')}')))`;
      expect(await serving.evaluate(look, 'standard')).toBe('given');
      expect(await serving.evaluate(look, 'strict')).toBe('ENOENT');
    },
    TIMEOUT_MS,
  );
});

describe.skipIf(!isRoot || CAGES.length < 2)('a gateway of root (needs root and a sandbox)', () => {
  it(
    'lets a child through folders of its own to what it needs, and to nothing beside it',
    async () => {
      await using yard = await openYard('this user');
      await yard.put('closed/work/seen.txt', 'seen');
      await yard.put('closed/secret.txt', 'secret');
      spawnSync('chown', ['0:0', yard.at('closed')]);
      spawnSync('chmod', ['0700', yard.at('closed')]);
      await using serving = await serveIn(yard, { mad: hostile('standard', { cwd: 'closed/work' }) });
      const look = `const read = (path) => attempt(() => String(fs.readFileSync(path))); return [await read('seen.txt'), await read('../secret.txt'), await attempt(() => fs.readdirSync('..'))]`;
      expect(await serving.evaluate(look)).toEqual(['seen', 'ENOENT', ['work']]);
    },
    TIMEOUT_MS,
  );

  it(
    'gives its children folders of root’s as their own, and they stay root’s; no program is left there that runs as root',
    async () => {
      await using yard = await openYard('this user');
      await yard.put('mine/seen.txt', 'seen');
      ownedByRoot(yard.at('mine'));
      await using serving = await serveIn(yard, { mad: hostile('standard', { cwd: 'mine' }) });
      expect(await serving.evaluate(status)).toMatch(/^Uid:(\s65534){4}$/m);
      const work = `
        fs.writeFileSync('seen.txt', fs.readFileSync('seen.txt') + ' and changed');
        fs.writeFileSync('made.txt', 'made');
        const setId = [0o4755, 0o2755].flatMap((mode) => [
          () => fs.chmodSync('made.txt', mode),
          () => fs.fchmodSync(fs.openSync('made.txt', 'r+'), mode),
          () => fs.closeSync(fs.openSync('as-root', 'wx', mode)),
        ]);
        return await Promise.all(setId.map(attempt));`;
      expect(await serving.evaluate(work)).toEqual(Array(6).fill('EPERM'));
      expect(await readFile(yard.at('mine/seen.txt'), 'utf8')).toBe('seen and changed');
      for (const name of ['mine', 'mine/seen.txt', 'mine/made.txt']) {
        const { gid, mode, uid } = await stat(yard.at(name));
        expect([name, uid, gid, mode & 0o6000]).toEqual([name, 0, 0, 0]);
      }
    },
    TIMEOUT_MS,
  );

  it(
    'keeps its user, not its rights, where another could not read the folder, and says so',
    async () => {
      await using yard = await openYard('this user');
      await yard.put('mine/mounted/there.txt', '');
      // A file system on which owners cannot be mapped.
      spawnSync('mount', ['-t', 'ramfs', 'test', yard.at('mine')]);
      using stack = new DisposableStack();
      stack.defer(() => void spawnSync('umount', ['-l', yard.at('mine')]));
      await yard.put('mine/seen.txt', 'seen');
      ownedByRoot(yard.at('mine'));
      await using serving = await serveIn(yard, {
        mad: hostile(undefined, { cwd: 'mine' }),
        strict: hostile('standard', { cwd: 'mine' }),
      });
      const told = (await serving.evaluate(status)) as string;
      expect(told).toMatch(/^Uid:(\s0){4}$/m);
      expect(told).toMatch(/^CapEff:\s0{16}$/m);
      const listed = new Map((await serving.list()).map((server) => [server.name, server]));
      expect(listed.get('mad')?.sandbox.level).toBe('limited');
      expect(listed.get('mad')?.sandbox.gaps[0]).toMatch(/may not read ".*mine"/);
      expect(listed.get('strict')?.error).toMatch(/may not read ".*mine".*start Sallyport as another user than root/);
    },
    TIMEOUT_MS,
  );
});

function ownedByRoot(folder: string): void {
  spawnSync('chown', ['-R', '0:0', folder]);
  spawnSync('chmod', ['0700', folder]);
}
