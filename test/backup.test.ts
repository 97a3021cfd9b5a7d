/** `backup` and `restore` with the built command line: under load, after a wipe, over a newer state, killed and damaged. */
import { DatabaseSync } from 'node:sqlite';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startGateway, type Started } from './gateway/gateway.ts';
import { serveRaw } from './gateway/raw-http.ts';
import { openCaller } from './security/callers.ts';
import { bearer, list } from './security/support.ts';
import { temporaryHome, type TemporaryHome } from './support/home.ts';
import { run, type Finished } from './support/process.ts';

const bin = fileURLToPath(new URL('../packages/gateway/bin/sallyport.js', import.meta.url));
const TIMEOUT_MS = 60_000;

let home: TemporaryHome;
let state: string;
let file: string;
let passphrase: string;

beforeEach(async () => {
  home = await temporaryHome();
  state = join(home.path, 'state');
  file = join(home.path, 'kept.backup');
  passphrase = join(home.path, 'passphrase');
  await writeFile(passphrase, 'five words drawn by lot\n', { mode: 0o600 });
});
afterEach(() => home.remove());

async function sallyport(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input = '',
): Promise<Finished> {
  const all = { ...home.env, SALLYPORT_HOME: state, ...env };
  return await run(process.execPath, [bin, ...words], { env: all, cwd: home.path, timeoutMs: TIMEOUT_MS, input });
}

async function done(...words: readonly string[]): Promise<string> {
  const { code, stderr, stdout } = await sallyport(words);
  expect(code, stderr).toBe(0);
  return stdout;
}

const backup = (): Promise<string> => done('backup', file, '--passphrase-file', passphrase);
const restore = (...words: readonly string[]): Promise<Finished> =>
  sallyport(['restore', file, '--passphrase-file', passphrase, ...words]);

async function startWithState(up: string): Promise<Started> {
  const configuration = { store: 'sqlite', auth: { mode: 'key' }, mcpServers: { up: { url: up, type: 'http' } } };
  return await startGateway(configuration, { stateDirectory: state });
}

it(
  'REL-12 backup under load, wipe, restore: the same keys and secrets, and a trail that is whole',
  { timeout: TIMEOUT_MS },
  async () => {
    await done('key', 'create', 'ann', '--role', 'dev');
    const { code } = await sallyport(['secret', 'set', 'TOKEN'], {}, 'the value');
    expect(code).toBe(0);
    const key = (await done('key', 'create', 'bob')).trim();
    const keys = await done('key', 'list', '--json');
    await using up = await serveRaw({ era: 'session' });
    {
      await using started = await startWithState(up.url);
      await using caller = await openCaller('session', started, key);
      const over = new AbortController();
      const load = (async () => {
        while (!over.signal.aborted) await caller.ask('tools/list');
      })();
      const said = await backup();
      over.abort();
      await load;
      expect(said).toMatch(/sha256 [0-9a-f]{64}/);
    }
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await readFile(file)).includes('ann')).toBe(false);
    expect(await readdir(join(state, 'backups'))).toEqual([]);
    await rm(state, { recursive: true });
    const { code: restored, stderr } = await restore();
    expect(restored, stderr).toBe(0);
    const withoutUse = (text: string): unknown =>
      (JSON.parse(text) as Record<string, unknown>[]).map(({ lastUsed: _lastUsed, ...rest }) => rest);
    expect(withoutUse(await done('key', 'list', '--json'))).toEqual(withoutUse(keys));
    expect(await done('secret', 'list', '--json')).toContain('TOKEN');
    expect(await done('audit', 'verify')).toMatch(/whole/);
    expect(await done('audit', 'export')).toMatch(/"action":"state.backup"[^]*"action":"state.restore"/);
    await using again = await startWithState(up.url);
    expect((await list(again.url, bearer(key))).status).toBe(200);
    const entries = await readdir(state, { recursive: true, withFileTypes: true });
    for (const { name, parentPath } of entries.filter((entry) => entry.isFile()))
      expect((await stat(join(parentPath, name))).mode & 0o777, name).toBe(0o600);
  },
);

it(
  'refuses over a running gateway, over a newer state, with another passphrase, and what is damaged',
  { timeout: TIMEOUT_MS },
  async () => {
    await done('key', 'create', 'ann');
    await backup();
    const taken = await sallyport(['backup', file, '--passphrase-file', passphrase]);
    expect(taken).toMatchObject({ code: 2, stderr: expect.stringContaining('there already') });
    {
      await using up = await serveRaw({ era: 'session' });
      await using started = await startWithState(up.url);
      expect(started.port).toBeGreaterThan(0);
      expect(await restore('--yes', '--force')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('uses this state'),
      });
    }
    await done('key', 'create', 'later');
    const newer = await restore('--yes');
    expect(newer).toMatchObject({ code: 1, stderr: expect.stringContaining('--force') });
    expect(await done('key', 'list')).toContain('later');
    const whole = await readFile(file);
    for (const at of [60, Math.floor(whole.length / 2), whole.length - 1]) {
      const bad = Buffer.from(whole);
      bad[at] = (bad[at] ?? 0) ^ 1;
      await writeFile(file, bad);
      expect((await restore('--yes', '--force')).code).toBeGreaterThan(0);
    }
    await writeFile(file, whole.subarray(0, -20));
    expect((await restore('--yes', '--force')).code).toBeGreaterThan(0);
    await writeFile(file, whole);
    await writeFile(passphrase, 'other words that are wrong');
    expect(await restore('--yes', '--force')).toMatchObject({ code: 4, stderr: expect.stringContaining('passphrase') });
    expect(await done('key', 'list')).toContain('later');
    await writeFile(passphrase, 'five words drawn by lot\n');
    expect((await restore('--yes', '--force')).code).toBe(0);
    expect(await done('key', 'list')).not.toContain('later');
    const [kept = ''] = (await readdir(join(state, 'backups'))).filter((name) => name.startsWith('replaced-'));
    expect(await readdir(join(state, 'backups', kept))).toContain('state.db');
  },
);

it(
  'a restore that was killed leaves the old state, for any verb that comes next',
  { timeout: TIMEOUT_MS },
  async () => {
    await done('key', 'create', 'ann');
    const [from, to] = [join(state, 'backups', '.restore-x'), join(state, 'backups', 'replaced-x')];
    await mkdir(from, { recursive: true });
    await mkdir(to);
    await writeFile(join(from, 'state.db'), 'half of it');
    await writeFile(
      join(state, 'restore.json'),
      JSON.stringify({ state, old: ['audit', 'state.db'], to, next: ['state.db'], from }),
    );
    await rename(join(state, 'audit'), join(to, 'audit'));
    await rename(join(state, 'state.db'), join(to, 'state.db'));
    await rename(join(from, 'state.db'), join(state, 'state.db'));
    expect(await done('key', 'list')).toContain('ann');
    expect(await done('audit', 'verify')).toMatch(/whole/);
  },
);

it('needs the master key that was in force, and says so', { timeout: TIMEOUT_MS }, async () => {
  const SALLYPORT_MASTER_KEY = '0123456789abcdef'.repeat(4);
  expect((await sallyport(['key', 'create', 'ann'], { SALLYPORT_MASTER_KEY })).code).toBe(0);
  const made = await sallyport(['backup', file, '--passphrase-file', passphrase], { SALLYPORT_MASTER_KEY });
  expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining('SALLYPORT_MASTER_KEY') });
  await rm(state, { recursive: true });
  expect(await restore()).toMatchObject({ code: 4, stderr: expect.stringContaining('master key') });
  const again = await sallyport(['restore', file, '--passphrase-file', passphrase], { SALLYPORT_MASTER_KEY });
  expect(again.code, again.stderr).toBe(0);
});

it('a passphrase that is easily guessed is refused', async () => {
  await done('key', 'create', 'ann');
  await writeFile(passphrase, 'aaaaaaaaaaaaaaaaa');
  const { code, stderr } = await sallyport(['backup', file, '--passphrase-file', passphrase]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/guess/);
});

it('a backup is one moment of the store, whoever writes meanwhile', { timeout: TIMEOUT_MS }, async () => {
  await done('key', 'create', 'ann');
  const database = new DatabaseSync(join(state, 'state.db'));
  database.exec('CREATE TABLE twins (a INTEGER, b INTEGER) STRICT; INSERT INTO twins VALUES (0, 0)');
  const timer = setInterval(() => database.exec('UPDATE twins SET a = a + 1, b = b + 1'), 1);
  await backup();
  clearInterval(timer);
  database.close();
  expect((await restore('--yes', '--force')).code).toBe(0);
  const restored = new DatabaseSync(join(state, 'state.db'), { readOnly: true });
  const { a, b } = restored.prepare('SELECT a, b FROM twins').get() as { a: number; b: number };
  restored.close();
  expect(a).toBe(b);
  expect(a).toBeGreaterThan(0);
});
