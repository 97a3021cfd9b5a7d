/**
 * The state as files: modes whatever the umask, owners, links, damage, a full disk, and secrets that others mounted. The
 * built command line, as whoever runs the tests, and as root once more as uid 65534.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, chown, lstat, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { temporaryHome, type TemporaryHome } from '../support/home.ts';
import { run, start, type Finished } from '../support/process.ts';

const bin = fileURLToPath(new URL('../../packages/gateway/bin/sallyport.js', import.meta.url));
const isRoot = process.geteuid?.() === 0;
const NOBODY = 65_534;

let home: TemporaryHome;
let config: string;
let state: string;

beforeEach(async () => {
  home = await temporaryHome();
  config = join(home.path, 'config.json');
  state = join(home.path, 'state');
});
afterEach(async () => home.remove());

const canary = (): string => `CANARY-${randomBytes(12).toString('hex')}`;

/** Who runs it: this user, or as root also another one. */
const people: ReadonlyArray<readonly [string, number | undefined]> = isRoot
  ? [
      ['root', undefined],
      ['uid 65534', NOBODY],
    ]
  : [['this user', undefined]];

type Options = { readonly uid?: number | undefined; readonly input?: string; readonly umask?: string };

/** The words that run the command line as `uid`, with a umask. */
function wordsOf(words: readonly string[], { uid, umask = '022' }: Options): readonly [string, ...string[]] {
  const plain = ['sh', '-c', `umask ${umask}; exec "$@"`, 'sh', process.execPath, bin, ...words];
  const change = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
  const [first = '', ...rest] = uid === undefined ? plain : [...change, ...plain];
  return [first, ...rest];
}

async function sallyport(words: readonly string[], options: Options = {}): Promise<Finished> {
  const [program, ...args] = wordsOf(words, options);
  return await run(program, args, {
    env: environment(),
    cwd: home.path,
    timeoutMs: 25_000,
    input: options.input ?? '',
  });
}

const environment = (): Record<string, string> => ({ ...home.env, SALLYPORT_HOME: state });

async function done(words: readonly string[], options: Options = {}): Promise<Finished> {
  const outcome = await sallyport(words, options);
  expect(outcome.code, outcome.stderr).toBe(0);
  return outcome;
}

async function own(uid: number | undefined, ...paths: readonly string[]): Promise<void> {
  if (uid !== undefined) for (const path of paths) await chown(path, uid, uid);
}

async function configure(value: object, uid?: number): Promise<void> {
  await writeFile(config, JSON.stringify({ mcpServers: {}, ...value }), { mode: 0o600 });
  await own(uid, config);
}

/** What of the state, with the modes it has, others may do anything with. */
async function loose(): Promise<readonly string[]> {
  const entries = await readdir(state, { recursive: true, withFileTypes: true });
  const paths = [state, ...entries.map(({ parentPath, name }) => join(parentPath, name))];
  expect(paths.length).toBeGreaterThan(3);
  const stats = await Promise.all(paths.map(async (path) => ({ path, stats: await lstat(path) })));
  return stats
    .filter((each) => (each.stats.mode & 0o077) !== 0)
    .map((each) => `${each.path} ${each.stats.mode.toString(8)}`);
}

async function served(uid: number | undefined, work: () => Promise<void>): Promise<readonly string[]> {
  const [program, ...args] = wordsOf(['serve', config, '--port', '0'], { uid, umask: '000' });
  const running = start(program, args, { env: environment(), cwd: home.path });
  try {
    await running.untilLine(/ready at/);
    await work();
    return [...running.lines];
  } finally {
    await running.stop();
  }
}

describe.each(people)('as %s', (_who, uid) => {
  beforeEach(async () => await own(uid, home.path, join(home.path, 'tmp')));

  it('P1-02 all of the state is 0600 in 0700, under a umask of 000, while it runs and afterwards', async () => {
    await configure({}, uid);
    await done(['secret', 'set', 'A'], { uid, umask: '000', input: 'value' });
    await done(['key', 'create', 'ci', '--config', config], { uid, umask: '000' });
    await served(uid, async () => expect(await loose()).toEqual([]));
    expect(await loose()).toEqual([]);
    expect(await readdir(state)).toEqual(expect.arrayContaining(['local.key', 'master.key', 'secrets', 'state.db']));
  });

  it('P1-02 what was loose before is tightened', async () => {
    await configure({}, uid);
    await done(['secret', 'set', 'A'], { uid, input: 'value' });
    await served(uid, async () => undefined);
    for (const name of await readdir(state)) {
      const path = join(state, name);
      await chmod(path, (await lstat(path)).isDirectory() ? 0o777 : 0o666);
    }
    await chmod(state, 0o777);
    await served(uid, async () => {
      await done(['secret', 'set', 'A'], { uid, input: 'again' });
      expect(await loose()).toEqual([]);
    });
  });

  it.each(['secrets', 'local.key', 'master.key', 'state.db'])('follows no link in the place of %s', async (name) => {
    await configure({ mcpServers: { a: { command: 'x', env: { T: '${secret:A}' } } } }, uid);
    await done(['secret', 'set', 'A'], { uid, input: 'value' });
    await served(uid, async () => undefined);
    const elsewhere = join(home.path, 'elsewhere');
    const before = await readFile(join(state, name));
    await writeFile(elsewhere, before, { mode: 0o600 });
    await own(uid, elsewhere);
    await rm(join(state, name));
    await symlink(elsewhere, join(state, name));
    const refused = await sallyport(['serve', config, '--port', '0'], { uid });
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain(`${name} is a symbolic link`);
    expect(await readFile(elsewhere)).toEqual(before);
  });

  it('P1-04 one damaged secret harms no other, and is moved aside when it is set again', async () => {
    await configure({ mcpServers: { a: { command: 'x', env: { T: '${secret:GOOD}' } } } }, uid);
    await done(['secret', 'set', 'GOOD'], { uid, input: 'one' });
    await done(['secret', 'set', 'BAD'], { uid, input: 'two' });
    const file = join(state, 'secrets');
    const damaged = (await readFile(file, 'utf8')).replace(/^(BAD \d+ .{20})./m, (_all, head: string) => `${head}!`);
    await writeFile(file, damaged);
    await done(['validate', '--config', config], { uid });
    expect((await done(['secret', 'list'], { uid })).stdout).toMatch(/BAD +file +damaged/);
    const again = await done(['secret', 'set', 'BAD'], { uid, input: 'three' });
    expect(again.stderr).toContain(`moved aside, to ${file}.damaged`);
    expect(damaged).toContain((await readFile(`${file}.damaged`, 'utf8')).trim());
    expect((await done(['secret', 'list'], { uid })).stdout).not.toContain('damaged');
  });

  it('P1-04 a mounted secret is read as it is, through links and 0444, when nobody else can write it', async () => {
    const value = canary();
    // As Kubernetes mounts a Secret: a link to a link into a folder with a date.
    const mount = join(home.path, 'mount');
    await mkdir(join(mount, '..2026_01_01'), { recursive: true });
    await writeFile(join(mount, '..2026_01_01', 'token'), `${value}\n`);
    await chmod(join(mount, '..2026_01_01', 'token'), 0o444);
    await symlink('..2026_01_01', join(mount, '..data'));
    await symlink('..data/token', join(mount, 'token'));
    const seen = join(home.path, 'seen');
    const code = `require('fs').writeFileSync(${JSON.stringify(seen)}, process.env.T)`;
    const a = {
      command: process.execPath,
      args: ['-e', code],
      env: { T: `\${file:${join(mount, 'token')}}` },
      sandbox: 'none',
    };
    await configure({ mcpServers: { a } }, uid);
    const tools = await sallyport(['tools', '--config', config, '--log-level', 'trace'], { uid });
    expect(await readFile(seen, 'utf8')).toBe(value);
    expect(tools.stdout + tools.stderr).not.toContain(value);
    await chmod(join(mount, '..2026_01_01'), 0o777);
    const refused = await sallyport(['validate', '--config', config], { uid });
    expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining('may be changed by everyone') });
    expect(refused.stderr).not.toContain(value);
  });
});

describe.skipIf(!isRoot)('another owner (changes owners, so as root only)', () => {
  it('P1-02 a state, or a file in it, that belongs to somebody else is refused with what to do', async () => {
    await configure({});
    await done(['secret', 'set', 'A'], { input: 'value' });
    const file = join(state, 'secrets');
    await chown(file, NOBODY, NOBODY);
    expect(await sallyport(['secret', 'list'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/belongs to uid 65534, but Sallyport runs as uid 0.*chown/),
    });
    await chown(file, 0, 0);
    await chown(state, NOBODY, NOBODY);
    for (const words of [
      ['serve', config, '--port', '0'],
      ['secret', 'list'],
      ['key', 'list'],
    ]) {
      const refused = await sallyport(words);
      expect(refused.code, words.join(' ')).not.toBe(0);
      expect(refused.stderr).toContain('belongs to uid 65534');
    }
  });

  it('P1-04 a mounted secret of another owner is read when that owner cannot write it', async () => {
    const token = join(home.path, 'token');
    await configure({ mcpServers: { a: { command: 'x', env: { T: `\${file:${token}}` } } } });
    await writeFile(token, 'value');
    await chown(token, NOBODY, NOBODY);
    await chmod(token, 0o444);
    await done(['validate', '--config', config]);
    await chmod(token, 0o644);
    expect(await sallyport(['validate', '--config', config])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('its owner, uid 65534'),
    });
  });
});

describe('a full file system of 1 MB', () => {
  it.skipIf(!isRoot || process.platform !== 'linux')(
    'P1-04 loses no secret and no key (mounts a tmpfs: as root on Linux only)',
    async (context) => {
      await configure({});
      await mkdir(state, { mode: 0o700 });
      const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=0700', 'sallyport-test', state]);
      if (mounted.status !== 0) context.skip(`mount is not allowed here: ${mounted.stderr.toString().trim()}`);
      try {
        await done(['secret', 'set', 'FIRST'], { input: 'kept' });
        const key = (await done(['key', 'create', 'ci', '--config', config])).stdout.trim();
        await writeFile(join(state, 'filler'), randomBytes(2_000_000)).catch(() => undefined);
        const refused = await sallyport(['secret', 'set', 'SECOND'], { input: 'x'.repeat(60_000) });
        expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/ENOSPC|disk .* is full/) });
        expect(await sallyport(['key', 'create', 'other', '--config', config])).not.toMatchObject({ code: 0 });
        expect((await readdir(state)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
        await rm(join(state, 'filler'));
        const list = JSON.parse((await done(['secret', 'list', '--json'])).stdout) as unknown;
        expect(list).toMatchObject([{ name: 'FIRST', broken: false }]);
        expect((await done(['key', 'list', '--config', config])).stdout).toContain('ci');
        expect(key).toMatch(/^sp_/);
        await done(['secret', 'set', 'SECOND'], { input: 'fits' });
      } finally {
        expect(spawnSync('umount', [state]).status).toBe(0);
      }
    },
  );
});
