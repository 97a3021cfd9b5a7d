import { describe, expect, it } from 'vitest';
import { run, splitVerb } from './cli.ts';
import { verbs } from './cli/verbs.ts';
import { memorySystem } from './cli/testing/memory-system.ts';

type Outcome = { readonly code: number; readonly stdout: string; readonly stderr: string; readonly asked: number };
type Setting = {
  readonly files?: Record<string, string>;
  readonly env?: Record<string, string>;
  readonly answer?: boolean;
};

/** Runs one command line in a world of its own; `files` is changed by what the verb writes. */
async function sallyport(argv: readonly string[], { files = {}, env = {}, answer }: Setting = {}): Promise<Outcome> {
  let asked = 0;
  const confirm = async (): Promise<boolean> => {
    asked += 1;
    return answer ?? false;
  };
  const { system, out, err } = memorySystem(files, { env, isTerminal: answer !== undefined, confirm });
  const code = await run(argv, system);
  return { code, stdout: out.join(''), stderr: err.join(''), asked };
}

const config = '{"mcpServers":{"a":{"command":"npx","args":["--token","CANARY-1"]}}}';

describe('the frame', () => {
  it.each([
    [[], 'serve', ['serve']],
    [['--stdio'], 'serve', ['serve', '--stdio']],
    [['--url', 'https://x'], 'serve', ['serve', '--url', 'https://x']],
    [['--', 'npx', 'list'], 'serve', ['serve', '--', 'npx', 'list']],
    [['--config', 'list', '--json'], 'serve', ['--config', 'list', '--json', 'serve']],
    [['--config', 'list', 'validate'], 'validate', ['--config', 'list', 'validate']],
    [
      ['--config=c', '--no-color', 'validate', '--help'],
      'validate',
      ['--config=c', '--no-color', 'validate', '--help'],
    ],
    [['--help', 'x'], undefined, ['--help', 'x']],
    [['-V'], undefined, ['-V']],
  ])('finds the verb of %j', (argv, verb, words) => {
    expect(splitVerb(argv)).toEqual({ verb, words });
  });

  it('prints results on stdout and the rest on stderr', async () => {
    expect(await sallyport(['version'])).toMatchObject({
      code: 0,
      stdout: 'sallyport 1.2.3 (node 24.0.0)\n',
      stderr: '',
    });
    expect(JSON.parse((await sallyport(['version', '--json'])).stdout)).toEqual({ version: '1.2.3', node: '24.0.0' });
    expect(JSON.parse((await sallyport(['--json', 'version'])).stdout)).toEqual({ version: '1.2.3', node: '24.0.0' });
    expect(await sallyport(['--version'])).toMatchObject({ code: 0, stdout: '1.2.3\n' });
  });

  it('helps', async () => {
    const { code, stdout, stderr } = await sallyport(['--help']);
    expect([code, stderr]).toEqual([0, '']);
    for (const { name } of verbs) expect(stdout).toContain(`  ${name}`);
    expect((await sallyport(['add', '--help'])).stdout).toContain('NAME');
    expect(await sallyport(['help'])).toMatchObject({ code: 0, stdout });
  });

  it.each([
    [['valdate'], 2, /there is no verb `valdate` — did you mean `validate`\?/],
    [['constructor'], 2, /there is no verb/],
    [['\u001b[2J\u202enope'], 2, /there is no verb `\ufffd\[2J\ufffdnope`/],
    [['validate', '--nope'], 2, /unknown option '--nope'/],
    [['validate', 'a', 'b'], 2, /too many arguments/],
    [['remove'], 2, /missing required argument/],
    [['top'], 3, /`top` is not available in this version/],
    [['doctor', 'files', '--production'], 2, /--production and --alerts are about the whole: leave SERVER out/],
    [['init'], 2, /asks its questions on a terminal; with --yes it asks none/],
    [['version', '--check'], 3, /not available in this version/],
    [['validate'], 3, /no configuration found[^]*sallyport init/],
    [['config', 'encrypt'], 3, /no configuration found/],
  ])('ends %j with code %i', async (argv, code, message) => {
    const outcome = await sallyport(argv);
    expect(outcome.code).toBe(code);
    expect(outcome.stderr).toMatch(message);
    expect(outcome.stdout).toBe('');
  });

  it.each(verbs.filter(({ load }) => load !== undefined).map(({ name }) => name))('loads %s', async (name) => {
    expect(await sallyport([name, '--help'])).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('validate', () => {
  it('says that a file is valid, and warns', async () => {
    const files = { '/work/c.json': '{"mcpServers":{"a":{"command":"${NOPE}"}}}' };
    const outcome = await sallyport(['validate', 'c.json'], { files });
    expect(outcome).toMatchObject({ code: 0, stdout: '/work/c.json: valid, 1 server\n' });
    expect(outcome.stderr).toMatch(
      /^warning: \/work\/c\.json:1:21: mcpServers\.a\.command: the variable NOPE is not set/,
    );
  });

  it('prints all problems with their places, as JSON too', async () => {
    const files = { '/work/c.json': '{"mcpServers":{"a":{"comand":"x"}},\n"telemetry":{"traces":{}}}' };
    const plain = await sallyport(['validate', '--config', 'c.json'], { files });
    expect(plain).toMatchObject({ code: 3, stdout: '' });
    expect(plain.stderr.split('\n').filter((line) => line.includes('c.json:'))).toHaveLength(3);
    const json = await sallyport(['validate', 'c.json', '--json'], { files });
    expect(json.code).toBe(3);
    expect(JSON.parse(json.stdout)).toMatchObject({ valid: false });
    expect(JSON.parse(json.stdout)).toHaveProperty('problems.2', {
      file: '/work/c.json',
      line: 2,
      column: 14,
      path: ['telemetry', 'traces'],
      message: '`telemetry.traces` is not available in this version',
    });
  });
});

describe('config', () => {
  const files = (): Record<string, string> => ({ '/work/sallyport.json': config });

  it('shows which values are those of the profile, and which of the file', async () => {
    const text = '{"profile":"hardened","policy":{},"audit":{"encrypt":true},"mcpServers":{"a":{"command":"x"}}}';
    const hardened = { '/work/c.json': text };
    const shown = await sallyport(['config', 'show', '--config', 'c.json'], { files: hardened });
    expect(shown.stdout).toContain('      level: strict # profile\n');
    expect(shown.stdout).toContain('  encrypt: true\n');
    const json = await sallyport(['config', 'show', '--config', 'c.json', '--json'], { files: hardened });
    expect(JSON.parse(json.stdout)).toMatchObject({
      origins: { 'audit.encrypt': 'file', 'audit.durability': 'profile', 'mcpServers.a.sandbox.level': 'profile' },
    });
  });

  it('shows what is in effect without secrets', async () => {
    for (const argv of [
      ['config', 'show'],
      ['config', 'show', '--json'],
      ['config', 'export'],
      ['config', 'export', '--json'],
    ]) {
      const { code, stdout, stderr } = await sallyport(argv, { files: files() });
      expect([code, stdout.includes('npx')], argv.join(' ')).toEqual([0, true]);
      expect(stdout + stderr).not.toContain('CANARY');
    }
  });

  it('exports a file that can be used again', async () => {
    const { stdout, stderr } = await sallyport(['config', 'export', '--json'], { files: files() });
    expect(JSON.parse(stdout)).toEqual({ mcpServers: { a: { command: 'npx', args: ['--token', '${A_1}'] } } });
    expect(stderr).toContain('A_1');
  });

  it('shows a configuration that is valid itself', async () => {
    const { stdout } = await sallyport(['config', 'show', '--json'], { files: files() });
    const shown = JSON.stringify((JSON.parse(stdout) as { config: unknown }).config);
    expect(await sallyport(['validate', 'x.json'], { files: { '/work/x.json': shown } })).toMatchObject({
      code: 0,
      stderr: '',
    });
  });

  it('prints the JSON Schema', async () => {
    expect(JSON.parse((await sallyport(['config', 'schema'])).stdout)).toHaveProperty('properties.mcpServers');
  });

  it('converts, to stdout or to a file that is not there yet', async () => {
    const world: Record<string, string> = {
      '/work/d.json': '{"mcpServers":{"a":{"description":"d","command":"x","args":["$$"]}}}',
    };
    expect((await sallyport(['config', 'convert', 'd.json'], { files: world })).stdout).toMatch(
      /^mcpServers:\n {2}a:\n/,
    );
    expect(
      JSON.parse((await sallyport(['config', 'convert', 'd.json', '--format', 'json'], { files: world })).stdout),
    ).toHaveProperty('mcpServers.a.args', ['$$$$']);
    expect(await sallyport(['config', 'convert', 'd.json', '-o', 'o.yaml'], { files: world })).toMatchObject({
      code: 0,
      stdout: '',
    });
    expect(world['/work/o.yaml']).toMatch(/^mcpServers:/);
    expect(await sallyport(['config', 'convert', 'd.json', '-o', 'o.yaml'], { files: world })).toMatchObject({
      code: 1,
    });
    expect(await sallyport(['config', 'convert', 'd.json', '--format', 'xml'], { files: world })).toMatchObject({
      code: 2,
    });
    expect(await sallyport(['config', 'convert', 'nope.json'], { files: world })).toMatchObject({ code: 3 });
  });
});

describe('allow', () => {
  const yaml = (sandbox: string): Record<string, string> => ({
    '/work/sallyport.yaml': `mcpServers:\n  a: { command: x, sandbox: ${sandbox} } # mine\n`,
    '/work/data': '',
  });

  it('lets a server reach a host or path more, and says when that takes effect', async () => {
    const files = yaml('strict');
    expect(await sallyport(['allow', 'a', 'api.github.com'], { files })).toMatchObject({
      code: 0,
      stdout:
        'allowed a api.github.com (sandbox.network in /work/sallyport.yaml)\n' +
        'A running gateway takes it at `sallyport restart`: a reload opens nothing.\n',
    });
    for (const words of [['./data'], ['--write', './data'], ['{root}/src'], ['*.example.com:8443']]) {
      expect(await sallyport(['allow', 'a', ...words], { files })).toMatchObject({ code: 0 });
    }
    expect(files['/work/sallyport.yaml']).toMatch(/# mine\n$/);
    const { stdout } = await sallyport(['config', 'show', '--json'], { files });
    expect(JSON.parse(stdout)).toMatchObject({
      config: {
        mcpServers: {
          a: {
            sandbox: {
              level: 'strict',
              network: ['api.github.com', '*.example.com:8443'],
              read: ['/work/data', '{root}/src'],
              write: ['/work/data'],
            },
          },
        },
      },
    });
    const again = await sallyport(['allow', 'a', 'api.github.com', '--json'], { files });
    expect(JSON.parse(again.stdout)).toMatchObject({ key: 'sandbox.network', value: 'api.github.com', changed: false });
  });

  it.each([
    [['allow', 'a', 'https://api.github.com/'], 2, /is no host: write api\.example\.com.* A path begins with/],
    [['allow', 'a', '*.com'], 2, /is no host/],
    [['allow', 'a', '/missing'], 2, /\/missing does not exist/],
    [['allow', 'a', '/'], 2, /expected a folder or file/],
    [['allow', 'a', '--write', 'api.github.com'], 2, /--write is for a path/],
    [['allow', 'b', 'api.github.com'], 3, /no server `b`/],
  ] as const)('refuses %j', async (argv, code, expected) => {
    const files = yaml('strict');
    const outcome = await sallyport(argv, { files });
    expect(outcome).toMatchObject({ code, stderr: expect.stringMatching(expected) as string });
    expect(files).toEqual(yaml('strict'));
  });
});

describe('add, remove, enable, disable', () => {
  it('edit the file', async () => {
    const files: Record<string, string> = { '/work/sallyport.yaml': '# mine\nmcpServers:\n  a: { command: x }\n' };
    expect(await sallyport(['add', 'b', '--', 'npx', '-y', '--json', '$HOME'], { files })).toMatchObject({
      code: 0,
      stdout: 'added b to /work/sallyport.yaml\n',
    });
    expect(await sallyport(['add', 'c', 'https://x/mcp', '--header', 'X-A: b'], { files })).toMatchObject({ code: 0 });
    expect(await sallyport(['disable', 'a'], { files })).toMatchObject({
      code: 0,
      stdout: 'disabled a in /work/sallyport.yaml\n',
    });
    expect(files['/work/sallyport.yaml']).toMatch(/^# mine\n/);
    const shown = await sallyport(['config', 'show', '--json'], { files });
    expect(JSON.parse(shown.stdout)).toMatchObject({
      config: {
        mcpServers: { a: { enabled: false }, b: { args: ['-y', '--json', '$HOME'] }, c: { url: 'https://x/mcp' } },
      },
    });
    expect(await sallyport(['enable', 'a'], { files })).toMatchObject({ code: 0 });
    for (const name of ['b', 'c']) expect(await sallyport(['remove', name], { files })).toMatchObject({ code: 0 });
    expect(files['/work/sallyport.yaml']).toBe('# mine\nmcpServers:\n  a: { command: x }\n');
  });

  it.each([
    [['add', 'b'], 2, /expected a URL, or `--` and a command/],
    [['add', 'b', '--env', 'X', '--', 'x'], 2, /NAME=VALUE/],
    [['add', 'b', 'https://x', '--env', 'X=1'], 2, /not for a URL/],
    [['add', 'b', 'https://u:p@x/'], 3, /credentials do not belong/],
    [['add', 'b__', '--', 'x'], 3, /no name for a server/],
    [['add', 'a', '--', 'x'], 3, /already/],
    [['remove', 'zz'], 3, /no server `zz`/],
  ])('%j changes nothing', async (argv, code, message) => {
    const files: Record<string, string> = { '/work/sallyport.json': config };
    const outcome = await sallyport(argv, { files });
    expect(outcome.code).toBe(code);
    expect(outcome.stderr).toMatch(message);
    expect(files).toEqual({ '/work/sallyport.json': config });
  });

  it('a server that is wrong can be removed, a file that is not JSON is left alone', async () => {
    const files: Record<string, string> = { '/work/sallyport.json': '{"mcpServers":{"a__":{"what":1}}}' };
    expect(await sallyport(['remove', 'a__'], { files })).toMatchObject({ code: 0 });
    files['/work/sallyport.json'] = '{"mcpServers":';
    expect(await sallyport(['add', 'b', '--', 'x'], { files })).toMatchObject({ code: 3 });
    expect(files['/work/sallyport.json']).toBe('{"mcpServers":');
  });

  it('keep the trust of a file that was trusted, and give none', async () => {
    const files: Record<string, string> = { '/work/sallyport.json': config };
    await sallyport(['disable', 'a'], { files });
    expect(files['/state/trust.json']).toBeUndefined();
    await sallyport(['trust'], { files });
    const before = files['/state/trust.json'];
    await sallyport(['enable', 'a'], { files });
    const after = files['/state/trust.json'];
    expect(after).not.toBe(before);
    await sallyport(['trust'], { files });
    expect(files['/state/trust.json']).toBe(after);
  });
});

describe('trust', () => {
  it('records the file and shows what it starts, without secrets', async () => {
    const files: Record<string, string> = { '/work/sallyport.json': config };
    const outcome = await sallyport(['trust', '--json'], { files });
    expect(outcome).toMatchObject({ code: 0 });
    expect(outcome.stderr).toContain('a: npx --token');
    expect(outcome.stderr).not.toContain('CANARY');
    expect(JSON.parse(outcome.stdout)).toMatchObject({ path: '/work/sallyport.json', trusted: true });
    expect(files['/state/trust.json']).toContain('/work/sallyport.json');
  });

  it('refuses a file that is not valid', async () => {
    const files: Record<string, string> = { '/work/sallyport.json': '{"x":1}' };
    expect(await sallyport(['trust'], { files })).toMatchObject({ code: 3 });
    expect(files['/state/trust.json']).toBeUndefined();
  });
});
