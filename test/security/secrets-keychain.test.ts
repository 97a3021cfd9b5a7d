/** Secrets in a real keychain, as an operator handles them: the built command line in a session of GNOME Keyring. */
import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keyringMissing, startKeyring, type Keyring } from '../support/keyring.ts';
import { temporaryHome, type TemporaryHome } from '../support/home.ts';
import { run, type Finished } from '../support/process.ts';

const bin = fileURLToPath(new URL('../../packages/gateway/bin/sallyport.js', import.meta.url));
const missing = keyringMissing();

let home: TemporaryHome;
let config: string;
let state: string;
let keyring: Keyring | undefined;

beforeEach(async () => {
  home = await temporaryHome();
  config = join(home.path, 'config.json');
  state = join(home.path, 'state');
  keyring = undefined;
});
afterEach(async () => {
  await keyring?.stop();
  await home.remove();
});

const canary = (): string => `CANARY-${randomBytes(12).toString('hex')}`;

async function unlock(password: string | undefined): Promise<void> {
  keyring = await startKeyring(join(home.path, 'session'), password);
}

async function sallyport(words: readonly string[], input = ''): Promise<Finished> {
  return await run(process.execPath, [bin, ...words, '--config', config], {
    env: { ...home.env, ...keyring?.env, PATH: home.env['PATH'] ?? '', SALLYPORT_HOME: state },
    cwd: home.path,
    timeoutMs: 25_000,
    input,
  });
}

async function done(words: readonly string[], input = ''): Promise<Finished> {
  const outcome = await sallyport(words, input);
  expect(outcome.code, outcome.stderr).toBe(0);
  return outcome;
}

/** A child that writes down what it was given, and then speaks no MCP. */
async function configure(backend: string, env: Readonly<Record<string, string>> = { T: '${secret:T}' }): Promise<void> {
  const code = `require('fs').writeFileSync(${JSON.stringify(join(home.path, 'got'))}, process.env.T);`;
  const a = { command: process.execPath, args: ['-e', code], env, sandbox: 'none' };
  await writeFile(config, JSON.stringify({ mcpServers: { a }, secrets: { backend } }), { mode: 0o600 });
}

const got = async (): Promise<string> => await readFile(join(home.path, 'got'), 'utf8').catch(() => '');

async function everything(): Promise<string> {
  const entries = await readdir(home.path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name !== 'got');
  return (await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), 'latin1')))).join('\n');
}

const kept = async (): Promise<unknown> => {
  const list = JSON.parse((await done(['secret', 'list', '--json'])).stdout) as ReadonlyArray<Record<string, unknown>>;
  return list.map(({ name, backend }) => [name, backend]);
};

describe.skipIf(missing !== undefined)(
  `in a session with a keychain${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    it('P1-04 `auto` keeps secrets there, the gateway reads them, and they move to the file and back', async () => {
      await unlock('its password');
      await configure('auto');
      const value = canary();
      const set = await done(['secret', 'set', 'T'], value);
      expect(set).toMatchObject({ stdout: expect.stringMatching(/^set: T, kept in the keychain\./), stderr: '' });
      expect(await readdir(state).catch(() => [])).not.toContain('secrets');
      expect(await kept()).toEqual([['T', 'keychain']]);
      await sallyport(['tools']);
      expect(await got()).toBe(value);
      const moved = await done(['secret', 'move', 'file']);
      expect(moved.stdout).toBe(`moved to ${join(state, 'secrets')}: T\n`);
      expect(await kept()).toEqual([['T', 'file']]);
      await rm(join(home.path, 'got'));
      await sallyport(['tools']);
      expect(await got()).toBe(value);
      await done(['secret', 'move', 'keychain', 'T']);
      expect(await kept()).toEqual([['T', 'keychain']]);
      const shown = await done(['secret', 'list']);
      expect(shown.stdout).toMatch(/^NAME +KEPT IN +SET +USED BY\nT +keychain +– +mcpServers\.a\.env\.T\n$/);
      expect(await everything()).not.toContain(value);
      await done(['secret', 'rm', 'T']);
      expect(await kept()).toEqual([['T', null]]);
      expect([set, moved, shown].map(({ stdout, stderr }) => stdout + stderr).join('\n')).not.toContain(value);
    });

    it('P1-04 holds what was set across its own restart, and for one state alone', async () => {
      await unlock('its password');
      await configure('keychain');
      const value = `${canary()}\n${'é'.repeat(20_000)}`;
      await done(['secret', 'set', 'T'], value);
      await done(['secret', 'set', 'OTHER'], 'value');
      await keyring?.stop();
      expect(await everything()).not.toContain(value.slice(0, 20));
      await unlock('its password');
      await sallyport(['tools']);
      expect(await got()).toBe(value);
      expect(await kept()).toEqual([
        ['OTHER', 'keychain'],
        ['T', 'keychain'],
      ]);
      state = join(home.path, 'another');
      expect(await kept()).toEqual([['T', null]]);
      expect((await sallyport(['secret', 'rm', 'OTHER'])).code).toBe(1);
      state = join(home.path, 'state');
      expect(await kept()).toHaveLength(2);
    });

    it('that is locked is not taken for one that is empty', async () => {
      await unlock('its password');
      await configure('keychain');
      await done(['secret', 'set', 'T'], 'value');
      await keyring?.stop();
      await unlock(undefined);
      for (const words of [
        ['secret', 'list'],
        ['secret', 'rm', 'T'],
        ['secret', 'rm', 'NONE'],
        ['secret', 'set', 'T'],
      ]) {
        expect(await sallyport(words, 'x')).toMatchObject({
          code: 1,
          stderr: expect.stringContaining('does not answer'),
        });
      }
      await configure('auto');
      const list = await done(['secret', 'list']);
      expect(list.stderr).toMatch(/^warning: the keychain does not answer: .* is not listed$/m);
      const serve = await sallyport(['serve', '--port', '0']);
      expect(serve).toMatchObject({ code: 3, stderr: expect.stringMatching(/no secret T in .*does not answer/) });
    });

    it('P1-04 `config encrypt` moves literals there', async () => {
      await unlock('its password');
      const value = canary();
      await configure('keychain', { T: 'x', API_TOKEN: value });
      await done(['config', 'encrypt', '--yes']);
      expect(await readFile(config, 'utf8')).toContain('${secret:API_TOKEN}');
      expect(await kept()).toEqual([['API_TOKEN', 'keychain']]);
      expect(await everything()).not.toContain(value);
      await done(['validate']);
    });

    it('`auto` goes to the file while the keychain is locked, and says so once', async () => {
      await unlock(undefined);
      await configure('auto');
      const set = await done(['secret', 'set', 'T'], 'value');
      expect(set.stderr.match(/^note: kept in \S+secrets, since the keychain does not answer: .*$/gm)).toHaveLength(1);
      expect(set.stdout).toContain('sealed in');
      await sallyport(['tools']);
      expect(await got()).toBe('value');
    });

    it('`keychain` is an error while it is locked, and no file is made', async () => {
      await unlock(undefined);
      await configure('keychain');
      const set = await sallyport(['secret', 'set', 'T'], 'value');
      expect(set).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(/does not answer.*backend: file/),
      });
      const serve = await sallyport(['serve', '--port', '0']);
      expect(serve).toMatchObject({ code: 3, stderr: expect.stringMatching(/the keychain does not answer/) });
      expect(await readdir(state).catch(() => [])).not.toContain('secrets');
    });
  },
);

describe('without a session', () => {
  it('`keychain` is an error that says what to do, and `file` and `auto` use the file', async () => {
    await configure('keychain');
    for (const words of [
      ['secret', 'set', 'T'],
      ['secret', 'list'],
      ['secret', 'rm', 'T'],
    ]) {
      expect(await sallyport(words, 'value')).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(/no keychain.*no session bus.*Unlock the keychain .* backend: file/),
      });
    }
    await configure('file');
    expect(await done(['secret', 'set', 'T'], 'value')).toMatchObject({ stderr: '' });
    expect(await sallyport(['secret', 'move', 'keychain'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('with `secrets.backend: file` nobody looks there'),
    });
    await configure('auto');
    expect((await done(['secret', 'set', 'T'], 'value')).stderr).toMatch(/^note: kept in .*\(no session bus\)\n$/);
    expect(await done(['secret', 'list'])).toMatchObject({ stderr: '' });
    expect(await sallyport(['secret', 'move', 'keychain'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no session bus'),
    });
    expect(await kept()).toEqual([['T', 'file']]);
    await configure('keychain');
    const serve = await sallyport(['serve', '--port', '0']);
    expect(serve.code).toBe(3);
  });

  it('a value goes nowhere while the configuration cannot be read', async () => {
    await writeFile(config, '{"mcpServers": ', { mode: 0o600 });
    expect(await sallyport(['secret', 'set', 'T'], 'value')).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/nothing was done/),
    });
    expect(await readdir(state).catch(() => [])).not.toContain('secrets');
  });
});
