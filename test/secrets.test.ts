/**
 * Secrets by name, as an operator handles them: the built command line, the gateway that uses them, stand-ins for the tools
 * of Vault, 1Password and AWS, and a search for the values wherever they must not be.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chmod, copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { temporaryHome, type TemporaryHome } from './support/home.ts';
import { run, start, type Finished, type Running } from './support/process.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'packages/gateway/bin/sallyport.js');
const TIMEOUT_MS = 25_000;

let home: TemporaryHome;
let config: string;

beforeEach(async () => {
  home = await temporaryHome();
  config = join(home.path, 'config.json');
});
afterEach(async () => home.remove());

type Options = { readonly input?: string; readonly env?: Readonly<Record<string, string>>; readonly cwd?: string };

const environment = (env: Options['env'] = {}): Record<string, string> => ({
  ...home.env,
  SALLYPORT_HOME: join(home.path, 'state'),
  ...env,
});

async function sallyport(
  words: readonly string[],
  { input = '', env, cwd = home.path }: Options = {},
): Promise<Finished> {
  return await run(process.execPath, [bin, ...words], { env: environment(env), cwd, timeoutMs: TIMEOUT_MS, input });
}

async function done(words: readonly string[], options: Options = {}): Promise<Finished> {
  const outcome = await sallyport(words, options);
  expect(outcome.code, outcome.stderr).toBe(0);
  return outcome;
}

const canary = (): string => `CANARY-${randomBytes(12).toString('hex')}`;
const withConfig = (...words: readonly string[]): string[] => [...words, '--config', config];

async function writeConfig(value: object): Promise<void> {
  await writeFile(config, JSON.stringify(value, null, 2), { mode: 0o600 });
}

/** Every file below a folder, as text. */
async function contentsOf(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  expect(files.length).toBeGreaterThan(0);
  const texts = files.map(async (entry) => await readFile(join(entry.parentPath, entry.name), 'latin1'));
  return (await Promise.all(texts)).join('\n');
}

/** The forms in which a value could be read back. */
function expectNone(text: string, value: string): void {
  const forms = [value, ...(['base64', 'base64url', 'hex'] as const).map((form) => Buffer.from(value).toString(form))];
  for (const form of forms) expect(text).not.toContain(form.replace(/=+$/, ''));
}

/** A child that writes down what it was given, says so on stderr, and then speaks no MCP. */
function child(env: Readonly<Record<string, string>>, ...args: readonly string[]): object {
  const code = `
    const { appendFileSync } = require('fs');
    appendFileSync(${JSON.stringify(join(home.path, 'got'))}, JSON.stringify([process.env.GIVEN, ...process.argv.slice(1)]) + '\\n');
    console.error('my arguments are', ...process.argv.slice(1));
    process.stdin.resume();`;
  return { command: process.execPath, args: ['-e', code, '--', ...args], env, start: 'eager', sandbox: 'none' };
}

async function got(): Promise<unknown[]> {
  const text = await readFile(join(home.path, 'got'), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line));
}

describe('secret set, list and rm', () => {
  it('TOK-07 takes a value on stdin, never from the command line, and never shows it', async () => {
    const value = canary();
    await writeConfig({ mcpServers: { a: { command: 'x', env: { T: '${secret:USED}', U: '${secret:MISSING}' } } } });
    const set = await done(withConfig('secret', 'set', 'USED'), { input: `${value}\n` });
    expect(set.stdout).toBe(
      `set: USED, sealed in ${join(home.path, 'state', 'secrets')}. Write \${secret:USED} in the configuration.\n`,
    );
    await done(['secret', 'set', 'SPARE'], { input: 'x' });
    const shown = await done(withConfig('secret', 'list'));
    expect(shown.stdout).toMatch(
      /^NAME +KEPT IN +SET +USED BY\nSPARE +file +\S+Z +–\nUSED +file +\S+Z +mcpServers\.a\.env\.T\nMISSING +– +not set +mcpServers\.a\.env\.U\n$/,
    );
    const list = await done(withConfig('secret', 'list', '--json'));
    expect(JSON.parse(list.stdout)).toMatchObject([
      { name: 'SPARE', backend: 'file', broken: false, uses: [] },
      { name: 'USED', backend: 'file', broken: false, uses: ['mcpServers.a.env.T'] },
      { name: 'MISSING', backend: null, set: null, uses: ['mcpServers.a.env.U'] },
    ]);
    const typed = await sallyport(['secret', 'set', 'NAME', value]);
    expect(typed).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('stdin') });
    const swapped = await sallyport(['secret', 'set', `=${value}`]);
    expect(swapped).toMatchObject({ code: 2, stdout: '' });
    const removed = await done(withConfig('secret', 'rm', 'USED'));
    expect(removed.stderr).toMatch(/mcpServers\.a\.env\.T still uses \$\{secret:USED\}/);
    expect(await sallyport(['secret', 'rm', 'SPAR'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('`SPARE`'),
    });
    const said = [set, shown, list, typed, swapped, removed].map(({ stdout, stderr }) => stdout + stderr).join('\n');
    expectNone(said + (await contentsOf(join(home.path, 'state'))), value);
  });

  it.each([
    ['', 2, /1 to 65536 bytes/],
    ['a\0b', 2, /no NUL/],
    ['x'.repeat(70_000), 2, /at most 65536/],
  ])('refuses some values', async (input, code, message) => {
    expect(await sallyport(['secret', 'set', 'A'], { input })).toMatchObject({
      code,
      stderr: expect.stringMatching(message),
    });
  });
});

describe('${secret:NAME}', () => {
  it('P1-04 reaches the child, is taken over by a reload, and stands nowhere else', async () => {
    const [first, second, word] = [canary(), canary(), canary()];
    await writeConfig({ mcpServers: { a: child({ GIVEN: '${secret:T}' }, 'arg-${secret:WORD}') }, reload: 'auto' });
    await done(['secret', 'set', 'WORD'], { input: word });
    const missing = await sallyport(['serve', config, '--port', '0']);
    expect(missing).toMatchObject({ code: 3, stderr: expect.stringContaining('`sallyport secret set T`') });
    await done(['secret', 'set', 'T'], { input: first });
    const running = start(process.execPath, [bin, 'serve', config, '--port', '0', '--log-level', 'trace'], {
      env: environment(),
      cwd: home.path,
    });
    const outputs: Finished[] = [];
    try {
      await running.untilLine(/ready at/);
      await expect.poll(got, { timeout: TIMEOUT_MS }).toContainEqual([first, `arg-${word}`]);
      await running.untilLine(/my arguments are/);
      await done(['secret', 'set', 'T'], { input: second });
      await done(['secret', 'set', 'WORD'], { input: `${word}-2` });
      const reloaded = await done(withConfig('reload'));
      expect(reloaded.stdout + reloaded.stderr).toContain('mcpServers.a.args');
      await expect.poll(got, { timeout: TIMEOUT_MS }).toContainEqual([second, `arg-${word}-2`]);
      outputs.push(reloaded);
      for (const words of [
        ['config', 'show'],
        ['config', 'export'],
        ['list', '--detail'],
        ['status'],
        ['validate'],
        ['secret', 'list'],
      ]) {
        outputs.push(await sallyport(withConfig(...words)), await sallyport(withConfig(...words, '--json')));
      }
    } finally {
      await running.stop();
    }
    const said = outputs.map(({ stdout, stderr }) => stdout + stderr).join('\n');
    expect(said).toContain('${secret:T}');
    for (const value of [first, second, word]) {
      expectNone(said, value);
      expectNone(running.lines.join('\n'), value);
      expectNone(await contentsOf(join(home.path, 'state')), value);
    }
  });

  it('P1-04 is not opened by another master key, and nothing changes then; rekey takes it over', async () => {
    const value = canary();
    const file = join(home.path, 'state', 'secrets');
    const key = { SALLYPORT_MASTER_KEY: randomBytes(32).toString('base64') };
    await writeConfig({ mcpServers: { a: { command: 'x', env: { T: '${secret:T}' } } } });
    await done(['secret', 'set', 'T'], { input: value });
    const before = await readFile(file);
    for (const words of [['validate'], ['secret', 'list'], ['secret', 'rm', 'T'], ['secret', 'set', 'T']]) {
      const refused = await sallyport(withConfig(...words), { env: key, input: 'other' });
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toContain('another master key');
    }
    expect(await readFile(file)).toEqual(before);
    const old = join(home.path, 'state', 'master.key');
    await done(['secret', 'rekey', '--from', old], { env: key });
    await done(withConfig('validate'), { env: key });
    expect((await sallyport(withConfig('validate'))).code).toBe(3);
    expect((await done(['secret', 'rekey', '--from', old], { env: key })).stdout).toContain('already');
  });
});

describe('a master key from a passphrase', () => {
  it('P1-04 opens what it closed, is asked of nobody, stands nowhere, and can be changed', async () => {
    const value = canary();
    const [first, second] = [canary(), canary()];
    const by = (passphrase: string): Options => ({ env: { SALLYPORT_MASTER_KEY: `passphrase:${passphrase}` } });
    await writeConfig({ mcpServers: { a: child({ GIVEN: '${secret:T}' }) } });
    await done(['secret', 'set', 'T'], { ...by(first), input: value });
    await sallyport(withConfig('tools'), by(first));
    expect(await got()).toContainEqual([value]);
    const state = join(home.path, 'state');
    expect(await readdir(state)).not.toContain('master.key');
    expect((await stat(join(state, 'master.kdf'))).mode & 0o777).toBe(0o600);
    const before = await readFile(join(state, 'secrets'));
    // Neither another one, nor none, nor one on stdin.
    const other = await sallyport(['secret', 'set', 'T'], { ...by(second), input: 'other' });
    const none = await sallyport(['secret', 'list'], { input: `passphrase:${first}\n` });
    expect([other, none]).toMatchObject([
      { code: 1, stderr: expect.stringContaining('not the passphrase') },
      { code: 1, stderr: expect.stringContaining('closed with a passphrase, which is not here') },
    ]);
    expect(await readFile(join(state, 'secrets'))).toEqual(before);
    const old = join(home.path, 'old');
    await writeFile(old, `passphrase:${first}\n`, { mode: 0o600 });
    const changed = await done(['secret', 'rekey', '--from', old], by(second));
    expect((await done(['secret', 'rekey', '--from', old], by(second))).stdout).toContain('already');
    await done(withConfig('validate'), by(second));
    expect((await sallyport(withConfig('validate'), by(first))).stderr).toContain('not the passphrase');
    const said = [other, none, changed].map(({ stdout, stderr }) => stdout + stderr).join('\n');
    for (const secret of [value, first, second]) expectNone(said + (await contentsOf(state)), secret);
  });
});

describe('${exec:NAME}', () => {
  let upstream: Server;
  const seen: string[] = [];
  beforeEach(async () => {
    seen.length = 0;
    upstream = createServer((request, response) => {
      seen.push(`${request.url ?? ''} ${request.headers.authorization ?? ''}`);
      response.writeHead(500).end();
    });
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
  });
  afterEach(async () => {
    upstream.closeAllConnections();
    upstream.close();
    await once(upstream, 'close');
  });

  /** A tool that prints `output` when it is asked as `words` say, and notes each time. */
  async function standIn(name: string, words: string, output: string): Promise<void> {
    const script = `#!/bin/sh\necho ${name} >> "$HOME/runs"\n[ "$*" = '${words}' ] || exit 9\nprintf '%s' '${output}'\n`;
    await mkdir(join(home.path, 'tools'), { recursive: true });
    await writeFile(join(home.path, 'tools', name), script, { mode: 0o755 });
  }

  const runs = async (): Promise<string[]> =>
    (await readFile(join(home.path, 'runs'), 'utf8').catch(() => ''))
      .split('\n')
      .filter((line) => line !== '')
      .toSorted();

  it('P1-04 the example gets its tokens from Vault, 1Password and AWS, once for each start, and stores none', async () => {
    const [issues, wiki, reports] = [canary(), canary(), canary()];
    await standIn('vault', 'kv get -mount=secret -field=token sallyport/issues', `${issues}\n`);
    await standIn('op', 'read --no-newline op://Agents/wiki/token', wiki);
    const aws = 'secretsmanager get-secret-value --secret-id sallyport/reports --query SecretString --output text';
    await standIn('aws', aws, `${reports}\n`);
    config = join(home.path, 'sallyport.yaml');
    await copyFile(join(root, 'examples', 'secrets', 'sallyport.yaml'), config);
    const at = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    const env = {
      PATH: [join(home.path, 'tools'), home.env['PATH'] ?? ''].join(delimiter),
      ISSUES_URL: `${at}/issues`,
      WIKI_URL: `${at}/wiki`,
      REPORTS_URL: `${at}/reports`,
    };
    const shown = await done(withConfig('config', 'show'), { env });
    expect(await runs()).toEqual([]);
    const tools = await sallyport(withConfig('tools', '--log-level', 'trace'), { env });
    expect(await runs()).toEqual(['aws', 'op', 'vault']);
    for (const [name, token] of [
      ['issues', issues],
      ['wiki', wiki],
      ['reports', reports],
    ] as const) {
      expect(seen).toContain(`/${name} Bearer ${token}`);
      expectNone(tools.stdout + tools.stderr + shown.stdout, token);
      expectNone(await contentsOf(join(home.path, 'state')), token);
    }
  });

  it('runs nothing from a file that is not trusted, nor to look at one; trust shows the command', async () => {
    await standIn('tool', 'a b', canary());
    const folder = join(home.path, 'strange');
    await mkdir(folder);
    const value = {
      mcpServers: { a: child({ GIVEN: '${exec:T}' }) },
      secrets: { exec: { T: ['../tools/tool', 'a', 'b'] } },
    };
    await writeFile(join(folder, 'sallyport.json'), JSON.stringify(value), { mode: 0o600 });
    const here = { cwd: folder };
    for (const words of [['validate'], ['config', 'show'], ['key', 'list'], ['secret', 'list']])
      await done(words, here);
    expect(await sallyport(['serve', '--port', '0'], here)).toMatchObject({ code: 3 });
    expect(await sallyport(['tools'], here)).not.toMatchObject({ code: 0 });
    const trusted = await done(['trust'], here);
    expect(trusted.stderr).toContain('${exec:T}: ../tools/tool a b');
    expect(await runs()).toEqual([]);
    await sallyport(['tools'], here);
    expect(await runs()).toEqual(['tool']);
  });

  it('runs nothing from a folder that a group may write to', async () => {
    await standIn('tool', '', 'value');
    await writeConfig({
      mcpServers: { a: child({ GIVEN: '${exec:T}' }) },
      secrets: { exec: { T: ['./tools/tool'] } },
    });
    await chmod(home.path, 0o775);
    const refused = await sallyport(['serve', config, '--port', '0']);
    expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining('no command of this file is run') });
    expect(await runs()).toEqual([]);
  });

  it('says why there is no value, without what the tool wrote', async () => {
    const value = canary();
    await standIn('tool', 'other words', value);
    await writeConfig({
      mcpServers: { a: child({ GIVEN: '${exec:T}' }) },
      secrets: { exec: { T: ['./tools/tool', value] } },
    });
    const refused = await sallyport(['serve', config, '--port', '0']);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toMatch(
      /mcpServers\.a\.env\.GIVEN: `\$\{exec:T\}`: \S+tool ended with code 9; run it yourself/,
    );
    expectNone(refused.stdout + refused.stderr, value);
  });
});

describe('config encrypt', () => {
  const written = (token: string, bearer: string): string =>
    `# ours
mcpServers:
  a:
    command: x # the program
    env: { GITHUB_TOKEN: '${token}', PLAIN: value }
  b:
    url: https://example.com/mcp
    headers:
      # how it is let in
      Authorization: Bearer ${bearer}
`;

  it('P4-11 shows first, then moves literals into the store, comments kept; the file means the same', async () => {
    const [token, bearer] = [canary(), canary()];
    config = join(home.path, 'sallyport.yaml');
    const before = written(token, bearer);
    await writeFile(config, before, { mode: 0o640 });
    await done(['trust']);
    const dry = await done(['config', 'encrypt', config]);
    expect(dry.stdout).toContain('--yes does it');
    expect(await readFile(config, 'utf8')).toBe(before);
    expect((await done(['secret', 'list', '--json'])).stdout).toBe('[]\n');
    const outcome = await done(['config', 'encrypt', '--yes']);
    expect(await readFile(config, 'utf8')).toBe(
      written('@', '@')
        .replace("'@'", '"${secret:GITHUB_TOKEN}"')
        .replace('Bearer @', '"Bearer ${secret:B_AUTHORIZATION}"'),
    );
    expect((await stat(config)).mode & 0o777).toBe(0o640);
    const valid = await done(['validate']);
    expect(valid.stderr).toBe('');
    const again = await done(['config', 'encrypt', '--yes']);
    expect(again.stdout).toContain('no literal secret');
    for (const value of [token, bearer]) {
      expectNone([dry, outcome, again].map(({ stdout, stderr }) => stdout + stderr).join('\n'), value);
      expectNone((await contentsOf(join(home.path, 'state'))) + (await readFile(config, 'utf8')), value);
    }
    // What was trusted before still is: `tools` gets as far as the servers.
    expect((await sallyport(['tools'])).stderr).not.toContain('sallyport trust');
    // The lock: without the key that closed it nothing is started.
    const other = { SALLYPORT_MASTER_KEY: randomBytes(32).toString('hex') };
    expect(await sallyport(['serve', config, '--port', '0'], { env: other })).toMatchObject({ code: 3 });
    await done(['disable', 'a']);
    expect(await readFile(config, 'utf8')).toContain('"${secret:GITHUB_TOKEN}"');
  });

  it('says where a value still stands, leaves TOML to its author, and anchors alone', async () => {
    const value = canary();
    await writeFile(config, `{"mcpServers": {"a": {"command": "x", "env": {"TOKEN": "${value}"}}}} // ${value}`);
    await chmod(config, 0o600);
    const outcome = await done(['config', 'encrypt', config, '--yes']);
    expect(outcome.stderr).toContain(
      `\nwarning: the value of TOKEN still stands in ${config}, line 1: take it out by hand\n`,
    );
    const toml = join(home.path, 'c.toml');
    await writeFile(toml, `[mcpServers.a]\ncommand = "x"\nenv = { TOKEN = "${value}" }\n`, { mode: 0o600 });
    const refused = await sallyport(['config', 'encrypt', toml, '--yes']);
    expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining('"${secret:TOKEN}"') });
    expectNone(refused.stderr, value);
    const yaml = join(home.path, 'c.yaml');
    const text = `mcpServers: { a: { command: x, env: { TOKEN: &t ${value}, PLAIN: *t } } }\n`;
    await writeFile(yaml, text, { mode: 0o600 });
    expect(await sallyport(['config', 'encrypt', yaml, '--yes'])).toMatchObject({ code: 1 });
    expect(await readFile(yaml, 'utf8')).toBe(text);
  });
});

/** util-linux's `script` gives a program a terminal. */
const terminal = await run('script', ['--version'], { timeoutMs: 5000 }).then(
  ({ code }) => code === 0,
  () => false,
);

describe('on a terminal', () => {
  it.skipIf(!terminal)('TOK-07 a value is typed unseen (needs `script` of util-linux)', async () => {
    const value = canary();
    const running: Running = start(
      'script',
      ['-qec', `stty cols 120 rows 30; ${process.execPath} ${bin} secret set TYPED`, '/dev/null'],
      {
        env: { ...environment(), TERM: 'xterm' },
        cwd: home.path,
      },
    );
    try {
      await running.untilLine(/The value of TYPED/);
      running.write(`${value}\r`);
      await running.untilLine(/set: TYPED/);
    } finally {
      await running.stop();
    }
    expect(running.stdout()).not.toContain(value);
    const file = { mcpServers: { a: child({ GIVEN: '${secret:TYPED}' }) } };
    await writeConfig(file);
    await sallyport(withConfig('tools'));
    expect(await got()).toContainEqual([value]);
  });
});
