/**
 * What a child is started with, as a person configures it: its environment, its command, its arguments, and the package that its
 * command would fetch. Through the built command line.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryHome, type TemporaryHome } from '../support/home.ts';
import { run, start, type Finished } from '../support/process.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bin = join(root, 'packages/gateway/bin/sallyport.js');
const TIMEOUT_MS = 120_000;
const INSTALL_MS = 90_000;
const isRoot = process.getuid?.() === 0;

/** A server that tells what it was started with. */
const TELLS = `
import { createInterface } from 'node:readline';
const told = () => JSON.stringify({ env: process.env, args: process.argv.slice(2), exec: process.execArgv });
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method } = JSON.parse(line);
  if (id === undefined) return;
  const result = { initialize: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'tells', version: '1' } },
    'tools/list': { tools: [{ name: 'tell', inputSchema: { type: 'object' } }] },
    'tools/call': { content: [{ type: 'text', text: told() }] } }[method];
  console.log(JSON.stringify({ jsonrpc: '2.0', id, ...(result ? { result } : { error: { code: -32601, message: 'no' } }) }));
});
`;

const ODD = [
  '$(touch /tmp/x)',
  '`id`',
  '; exit 1',
  "it's",
  '"quoted"',
  'two words',
  '*',
  '~',
  '%PATH%',
  '\\',
  '--',
  '',
  '>out',
];
const CANARY = `CANARY-${randomBytes(8).toString('hex')}`;
const MASTER_KEY = randomBytes(32).toString('base64');

let home: TemporaryHome;

beforeAll(async () => {
  home = await temporaryHome();
  // Children of root are another user's, who has to get here.
  await chmod(home.path, 0o755);
  await writeFile(join(home.path, 'tells.mjs'), TELLS);
  await writeFile(join(home.path, 'more.env'), 'FROM_FILE=file\nBOTH=file\n');
});
afterAll(() => home.remove());

const environment = (): Record<string, string> => ({
  ...home.env,
  SALLYPORT_HOME: join(home.path, 'state'),
  CACHE_DIRECTORY: join(home.path, 'cache'),
  NODE_EXTRA_CA_CERTS: process.env['NODE_EXTRA_CA_CERTS'] ?? '',
});

async function sallyport(
  config: string,
  words: readonly string[],
  env: Record<string, string> = {},
): Promise<Finished> {
  const options = { env: { ...environment(), ...env }, cwd: home.path, timeoutMs: TIMEOUT_MS };
  return await run(process.execPath, [bin, '--config', config, ...words], options);
}

async function written(name: string, value: object): Promise<string> {
  const path = join(home.path, `${name}.json`);
  await writeFile(path, JSON.stringify(value), { mode: 0o600 });
  return path;
}

interface Told {
  readonly env: Record<string, string>;
  readonly args: readonly string[];
  readonly exec: readonly string[];
}

async function told(config: string, server: string, env: Record<string, string> = {}): Promise<Told> {
  const { code, stderr, stdout } = await sallyport(config, ['call', `${server}__tell`, '--json'], env);
  expect(code, stderr).toBe(0);
  const { content } = JSON.parse(stdout) as { readonly content: readonly { readonly text: string }[] };
  return JSON.parse(content[0]?.text ?? '') as Told;
}

/** What the sandbox and the programs that build it may add. */
const OWN = new Set(['PATH', 'HOME', 'LANG', 'TMPDIR', 'TZ', 'TERM', 'PWD', 'SHLVL', '_', 'OLDPWD']);

describe.each(['standard', 'limited', 'none'])(
  'the environment of a child, level %s where it is to be had',
  (level) => {
    it(
      'P1-10/P3-08 is the allow-list and its own, and nothing of the gateway or of another server',
      { timeout: TIMEOUT_MS },
      async ({ skip }) => {
        const child = { command: 'node', args: ['tells.mjs'], sandbox: level };
        const config = await written(`env-${level}`, {
          mcpServers: {
            one: { ...child, env: { ONE: '1', BOTH: 'env' }, envFile: 'more.env' },
            two: { ...child, env: { TWO: '2' } },
          },
        });
        const gateway = {
          CANARY,
          SALLYPORT_MASTER_KEY: MASTER_KEY,
          // A state has one key.
          SALLYPORT_HOME: join(home.path, 'state-of-this-key'),
          AWS_SECRET_ACCESS_KEY: CANARY,
          NPM_TOKEN: CANARY,
          NODE_OPTIONS: '--no-deprecation',
          LD_LIBRARY_PATH: `/${CANARY}`,
          PYTHONPATH: `/${CANARY}`,
        };
        const listed = await sallyport(config, ['list', '--json'], gateway);
        if (listed.stdout.includes('is not to be had'))
          skip(`children.test.ts: the level ${level} is not to be had here`);
        const [one, two] = [await told(config, 'one', gateway), await told(config, 'two', gateway)];
        for (const { env, exec } of [one, two]) {
          const text = JSON.stringify(env);
          for (const secret of [CANARY, MASTER_KEY, 'no-deprecation']) expect(text).not.toContain(secret);
          expect(exec).toEqual([]);
        }
        const more = ({ env }: Told): string[] => Object.keys(env).filter((name) => !OWN.has(name));
        expect(more(one).toSorted()).toEqual(['BOTH', 'FROM_FILE', 'ONE']);
        expect(one.env).toMatchObject({ ONE: '1', BOTH: 'env', FROM_FILE: 'file' });
        expect(more(two)).toEqual(['TWO']);
        // Names and where they come from are shown, values never.
        expect(listed.stdout + listed.stderr).not.toMatch(new RegExp(`${CANARY}|${MASTER_KEY.slice(0, 20)}`));
        const { servers } = JSON.parse(listed.stdout) as { servers: { environment: object[] }[] };
        expect(servers[0]?.environment).toEqual(
          expect.arrayContaining([
            { name: 'BOTH', from: 'env' },
            { name: 'FROM_FILE', from: 'envFile' },
            { name: 'PATH', from: 'gateway' },
          ]),
        );
      },
    );
  },
);

describe('variables that make a program run other code', () => {
  it(
    'P1-21 are passed when they are configured, with a warning at validate and at the start',
    { timeout: TIMEOUT_MS },
    async () => {
      await writeFile(join(home.path, 'risky.env'), 'LD_AUDIT=\n');
      const config = await written('risky', {
        mcpServers: {
          one: {
            command: 'node',
            args: ['tells.mjs'],
            env: { NODE_OPTIONS: '--no-deprecation' },
            envFile: 'risky.env',
          },
        },
      });
      const { code, stderr } = await sallyport(config, ['validate']);
      expect(code).toBe(0);
      expect(stderr).toMatch(
        /risky\.json:1:\d+: mcpServers\.one\.env\.NODE_OPTIONS: NODE_OPTIONS can make a program run other code/,
      );
      expect(stderr).toMatch(/envFile: risky\.env sets LD_AUDIT can make/);
      expect((await told(config, 'one')).env['NODE_OPTIONS']).toBe('--no-deprecation');
      expect((await sallyport(config, ['list'])).stderr).toMatch(/warning: .*NODE_OPTIONS can make/);
    },
  );
});

describe('the command of a child', () => {
  it(
    'P1-21 is found once, shown as an absolute path, and never one that lies in its working folder',
    { timeout: TIMEOUT_MS },
    async () => {
      const [good, work] = [join(home.path, 'good'), join(home.path, 'work')];
      for (const folder of [good, work]) await mkdir(folder);
      await writeFile(join(good, 'tells'), `#!/bin/sh\nexec node '${join(home.path, 'tells.mjs')}' "$@"\n`, {
        mode: 0o755,
      });
      await writeFile(join(work, 'tells'), `#!/bin/sh\ntouch '${join(home.path, 'planted')}'\n`, { mode: 0o755 });
      const config = await written('command', {
        mcpServers: { one: { command: 'tells', args: ODD, cwd: 'work', sandbox: 'none' } },
      });
      const env = { PATH: `.:${work}:${good}:${process.env['PATH'] ?? ''}` };
      const { stdout } = await sallyport(config, ['list', '--detail'], env);
      expect(stdout).toContain(`  command      ${join(good, 'tells')}\n`);
      expect((await told(config, 'one', env)).args).toEqual(ODD);
      await expect(readFile(join(home.path, 'planted'))).rejects.toThrow('ENOENT');
    },
  );

  it('P1-21 is refused under `strict` where it is open what runs', { timeout: TIMEOUT_MS }, async () => {
    const loose = join(home.path, 'loose');
    await writeFile(loose, '#!/bin/sh\n');
    await chmod(loose, 0o777);
    const mcpServers = {
      moving: { command: 'npx', args: ['-y', '@scope/pkg@latest'] },
      python: { command: 'uvx', args: ['tool'] },
      relative: { command: './loose' },
    };
    const warned = await sallyport(await written('open', { mcpServers }), ['validate']);
    expect(warned.code).toBe(0);
    const lines = [
      /mcpServers\.moving\.args\[1\]: `@scope\/pkg@latest` names a moving version.* Write `@scope\/pkg@VERSION` \(`npm view @scope\/pkg version`/,
      /mcpServers\.python\.args\[0\]: `tool` names no version.* Write `tool==VERSION`/,
    ];
    for (const line of lines) expect(warned.stderr).toMatch(line);
    const refused = await sallyport(await written('shut', { strict: true, mcpServers }), ['validate']);
    expect(refused.code).toBe(3);
    for (const line of lines) expect(refused.stderr).toMatch(line);
    expect(refused.stderr).toMatch(/mcpServers\.relative\.command: `strict` wants a name on PATH or an absolute path/);
    const replaceable = await written('loose', { strict: true, mcpServers: { one: { command: loose } } });
    const { stdout } = await sallyport(replaceable, ['list']);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('is world-writable. Under `strict` it is not run');
  });
});

const reachable = await run('npm', ['view', 'is-number@7.0.0', 'version'], {
  env: { ...process.env, NODE_OPTIONS: '' },
  cwd: root,
  timeoutMs: 20_000,
}).then(
  ({ code }) => code === 0,
  () => false,
);

describe('a package that npx would fetch', () => {
  it(
    'is installed with a network and then served under strict without one',
    { timeout: TIMEOUT_MS },
    async ({ skip }) => {
      if (!reachable) skip('children.test.ts: no registry of npm packages can be reached');
      const spec = '@modelcontextprotocol/server-everything@2026.8.31';
      const config = await written('npx', {
        mcpServers: { every: { command: 'npx', args: ['-y', spec], sandbox: 'strict' } },
      });
      const env = { ...environment(), PATH: process.env['PATH'] ?? '' };
      const running = start(process.execPath, [bin, 'serve', config, '--port', '0'], { env, cwd: home.path });
      try {
        await running.untilLine(/the package is installed|could not be (?:installed|started)/, INSTALL_MS);
        const [line = ''] = await running.untilLine(/a child is started|could not be started/, INSTALL_MS);
        if (line.includes('is not to be had')) skip('children.test.ts: the level strict is not to be had here');
        // The doctor waits for a server; a list waits a short time only.
        const visit = await sallyport(config, ['doctor', 'every', '--json']);
        expect(visit.code, visit.stdout).toBe(0);
        expect(JSON.parse(visit.stdout)).toMatchObject({
          ok: true,
          findings: expect.arrayContaining([
            expect.objectContaining({ check: 'package', verdict: 'ok', text: spec }),
            expect.objectContaining({ check: 'sandbox', verdict: 'ok', text: expect.stringMatching(/^strict: /) }),
            expect.objectContaining({ check: 'start', verdict: 'ok', text: expect.stringMatching(/^17 tools in /) }),
          ]),
        });
        const { stdout, stderr } = await sallyport(config, ['list', '--json']);
        const { servers } = JSON.parse(stdout) as { readonly servers: readonly object[] };
        expect(servers[0], stderr).toMatchObject({
          tools: 17,
          command: expect.stringMatching(/^\/.*\/npx$/),
          package: { spec, version: '2026.8.31' },
          sandbox: { level: 'strict' },
        });
        // Root's children are another user's: the state is shut to them.
        const base = join(home.path, isRoot ? 'cache' : 'state', 'installs');
        const installed = await readdir(base, { recursive: true });
        expect(installed.filter((path) => path.endsWith('server-everything/package.json'))).toHaveLength(1);
      } finally {
        await running.stop();
      }
    },
  );
});

describe('the doctor', () => {
  it('starts nothing of a configuration that nobody has trusted', { timeout: TIMEOUT_MS }, async () => {
    const folder = join(home.path, 'found');
    await mkdir(folder);
    const args = ['-e', `require('node:fs').writeFileSync(${JSON.stringify(join(home.path, 'started'))}, '')`];
    const secrets = { exec: { NAME: [process.execPath, ...args] } };
    const mcpServers = { one: { command: 'node', args, env: { TOKEN: '${exec:NAME}' }, sandbox: 'none' } };
    await writeFile(join(folder, 'sallyport.json'), JSON.stringify({ mcpServers, secrets }), { mode: 0o600 });
    for (const words of [['doctor'], ['doctor', 'one']]) {
      const options = { env: environment(), cwd: folder, timeoutMs: TIMEOUT_MS };
      const { code, stdout, stderr } = await run(process.execPath, [bin, ...words, '--json'], options);
      expect(code, stderr).toBe(1);
      const { findings } = JSON.parse(stdout) as { readonly findings: readonly object[] };
      expect(findings).toContainEqual(
        expect.objectContaining({ check: 'trust', verdict: 'fail', remedy: 'sallyport trust' }),
      );
    }
    await expect(readFile(join(home.path, 'started'))).rejects.toThrow('ENOENT');
  });

  it('tells all that is wrong at once, with what mends it', { timeout: TIMEOUT_MS }, async () => {
    const config = await written('ill', {
      mcpServers: {
        well: { command: 'node', args: ['tells.mjs'], sandbox: 'none' },
        lost: { command: 'no-such-program' },
        dies: { command: 'node', args: ['-e', 'console.error("the disk is full"); process.exit(3)'], sandbox: 'none' },
        far: { url: 'http://127.0.0.1:1/mcp' },
        off: { command: 'no-such-program', enabled: false },
      },
    });
    const { code, stdout } = await sallyport(config, ['doctor', '--json']);
    expect(code).toBe(1);
    const { findings, ok } = JSON.parse(stdout) as { readonly ok: boolean; readonly findings: readonly object[] };
    expect(ok).toBe(false);
    for (const [section, check, verdict, text] of [
      ['Machine', 'Node', 'ok', /^\d+\./],
      ['Configuration', 'file', 'ok', /4 servers of 5 enabled/],
      ['State', 'directory', 'ok', /yours alone|not there yet/],
      ['Gateway', 'gateway', 'ok', /free|runs at/],
      ['Server well', 'start', 'ok', /^1 tool in /],
      ['Server lost', 'command', 'fail', /was not found in the \d+ folders of PATH/],
      ['Server dies', 'start', 'fail', /ended with code 3\. It said last: the disk is full/],
      ['Server far', 'address', 'fail', /ECONNREFUSED/],
      ['Server off', 'state', 'ok', /disabled/],
    ] as const) {
      const expected = { section, check, verdict, text: expect.stringMatching(text) };
      expect(findings).toContainEqual(expect.objectContaining(expected));
    }
  });
});
