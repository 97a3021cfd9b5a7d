import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../cli.ts';
import type { CliSystem } from './context.ts';
import { waysOf } from './registry-server.ts';
import { realSystem } from './system.ts';
import { NO_PROCESSES } from './testing/fakes.ts';
import { ANSWERS } from './testing/registry.ts';

interface Recorded {
  readonly server: { readonly name: string; readonly version: string };
}

function recorded(full: string, wanted: string): Recorded | undefined {
  const { servers = [] } = (ANSWERS[full] ?? {}) as { servers?: Recorded[] };
  return servers.find(
    ({ server: { name, version } }) =>
      name === full && (wanted === 'latest' ? version !== '1.1.0' : version === wanted),
  );
}

let server: Server;
let address = '';
const asked: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const url = new URL(request.url ?? '', 'http://x');
    const name = url.searchParams.get('search') ?? '';
    const odd: Readonly<Record<string, string>> = { endless: `"${'x'.repeat(5_000_000)}"`, page: '<html>' };
    const exact = /^\/v0\.1\/servers\/([^/]+)\/versions\/([^/]+)$/.exec(url.pathname);
    if (exact !== null) {
      const found = recorded(decodeURIComponent(exact[1] ?? ''), exact[2] ?? '');
      if (found === undefined) response.statusCode = 404;
      response.end(JSON.stringify(found ?? { error: 'Server not found' }));
      return;
    }
    if (name === 'moved') response.writeHead(302, { location: 'http://169.254.169.254/' });
    else response.setHeader('content-type', 'application/json');
    response.end(odd[name] ?? JSON.stringify(ANSWERS[name] ?? { servers: [], metadata: { count: 0 } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

let home = '';
beforeEach(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-registry-')));
  await mkdir(join(home, '.config/sallyport'), { recursive: true });
  await writeFile(join(home, '.config/sallyport/config.yaml'), '# mine\nmcpServers: {}\n', { mode: 0o600 });
});
afterEach(async () => rm(home, { recursive: true, force: true }));

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly questions: readonly string[];
}

/** `answers`: a person sits there and types them. */
async function sallyport(words: readonly string[], answers?: readonly string[]): Promise<Ran> {
  const [out, err, questions]: [string[], string[], string[]] = [[], [], []];
  const left = [...(answers ?? [])];
  const answer = async ({ message }: { readonly message: string }): Promise<string | undefined> => {
    questions.push(message);
    return left.shift();
  };
  const real = realSystem();
  const system: CliSystem = {
    ...real,
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => err.push(text) },
    env: { PATH: '' },
    cwd: home,
    home,
    isTerminal: answers !== undefined,
    columns: () => undefined,
    prompts: { ...real.prompts, text: answer, hidden: answer, choose: answer },
    files: { ...real.files, stateDirectory: async () => join(home, 'state') },
    processes: NO_PROCESSES,
  };
  const code = await run(words, system);
  return { code, out: out.join(''), err: err.join(''), questions };
}

const config = async (): Promise<string> => readFile(join(home, '.config/sallyport/config.yaml'), 'utf8');

describe('search', () => {
  it('asks for the newest versions and shows how each could be run', async () => {
    const { code, out } = await sallyport(['search', 'weather', '--registry', address, '--json']);
    expect([code, asked.at(-1)]).toEqual([0, '/v0.1/servers?search=weather&limit=20&version=latest']);
    expect(JSON.parse(out)).toMatchObject([{ name: 'io.github.user/local-weather', version: '1.2.0', ways: ['npm'] }]);
    expect((await sallyport(['search', 'nothing', '--registry', address])).out).toBe('Nothing found.\n');
  });

  it.each([
    ['moved', 'redirect'],
    ['endless', 'more than 4 MiB'],
    ['page', 'no JSON'],
  ])('fails where the registry answers with %s', async (query, reason) => {
    const { code, out, err } = await sallyport(['search', query, '--registry', address]);
    expect([code, out, err]).toEqual([5, '', expect.stringContaining(reason)]);
  });

  it('reaches nothing of this machine unless it is named', async () => {
    const words = ['search', 'x', '--registry', 'file:///etc/passwd'];
    expect(await sallyport(words)).toMatchObject({ code: 2 });
  });
});

describe('add NAME of the registry', () => {
  it('pins the version and asks for what is required', async () => {
    const words = ['add', 'io.github.user/local-weather', '--registry', address];
    const { code, questions, out } = await sallyport(words, ['Paris $$', 'metric', 's3cret']);
    expect([code, questions]).toEqual([0, ['place: Where', 'units', 'API_KEY: From the site']]);
    expect(out).toContain('npx -y @user/weather@1.2.0');
    expect(out).not.toContain('s3cret');
    const text = await config();
    expect(text).toContain('# mine\n');
    expect(text).toContain('API_KEY: ${secret:API_KEY}');
    expect(text).not.toContain('s3cret');
    const shown = JSON.parse((await sallyport(['config', 'show', '--json'])).out) as {
      config: { mcpServers: Record<string, unknown> };
    };
    expect(shown.config.mcpServers['local-weather']).toMatchObject({
      description: 'Weather, for $5',
      command: 'npx',
      args: ['-y', '@user/weather@1.2.0', 'Paris $$', '--units', 'metric'],
    });
  });

  it('asks for the one version that is meant', async () => {
    await sallyport(['add', 'io.github.user/local-weather@1.1.0', '--registry', address, '--env', 'place=Rome']);
    const place = '/v0.1/servers/io.github.user%2Flocal-weather/versions/1.1.0?include_deleted=true';
    expect(asked.filter((path) => path === place)).toHaveLength(1);
  });

  it('takes no package of a place that its program would not fetch from', () => {
    const one = { registryType: 'npm', identifier: 'x', version: '1.0.0' };
    const from = (registryBaseUrl: string): unknown => waysOf({ packages: [{ ...one, registryBaseUrl }] }).ways.length;
    expect([from(`https://${['registry', 'npmjs', 'org'].join('.')}`), from('https://npm.corp.example')]).toEqual([
      1, 0,
    ]);
    const { left, ways } = waysOf({ remotes: [{ type: 'sse', url: '{base}/sse' }] });
    expect([ways, left]).toEqual([[], [expect.stringContaining('remote {base}/sse')]]);
  });

  it('asks nothing without a person, and names what is missing', async () => {
    const words = [
      'add',
      'io.github.user/local-weather@1.1.0',
      '--registry',
      address,
      '--env',
      'place=Rome',
      '--as',
      'sky',
    ];
    const { code, err } = await sallyport(words);
    expect([code, err]).toEqual([0, expect.stringContaining('API_KEY is needed (From the site)')]);
    const text = await config();
    // The version of the entry, not of the package: an older entry may name another one.
    expect(text).toContain('sky:');
    expect(text).toContain('API_KEY: ${API_KEY}');
    expect(text).toContain('- Rome');
    expect(await sallyport([...words.slice(0, 4), '--env', 'plaice=x', '--as', 'b'])).toMatchObject({ code: 2 });
  });

  it('prefers a remote server, and takes another way on demand', async () => {
    const words = ['add', 'com.example/tracker', '--registry', address];
    expect((await sallyport([...words, '--env', 'token=t0k', '--env', 'region=us'])).code).toBe(0);
    expect(await config()).toContain('url: https://us.tracker.example/mcp');
    expect(await config()).toContain('Authorization: Bearer ${secret:token}');
    expect((await sallyport([...words, '--via', 'oci', '--as', 'boxed'])).code).toBe(0);
    expect(await config()).toMatch(/boxed:[^]*docker[^]*- TOKEN\n[^]*docker\.io\/example\/tracker:2\.0\.0/);
    expect(await sallyport([...words, '--via', 'pypi', '--as', 'c'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('it has remote, oci') as string,
    });
  });

  it('refuses what is gone, unknown, or not pinned, and options in the place of names', async () => {
    expect(await sallyport(['add', 'com.example/gone', '--registry', address])).toMatchObject({ code: 4 });
    expect(await sallyport(['add', 'com.example/none', '--registry', address])).toMatchObject({ code: 1 });
    const { code, err } = await sallyport(['add', 'com.example/odd', '--registry', address]);
    expect([code, err]).toEqual([1, expect.stringContaining('the name of the package is none')]);
    expect(err.match(/names no exact version/g)).toHaveLength(2);
    expect(err).toContain('it speaks sse');
    expect(await config()).toBe('# mine\nmcpServers: {}\n');
  });

  it('writes nothing with which the gateway would not start, and nothing that drives a terminal', async () => {
    const words = ['add', 'com.example/breaking', '--registry', address, '--env', 'TOKEN=t'];
    const { code, err, out } = await sallyport(words);
    expect([code, err]).toEqual([1, expect.stringContaining('it needs `isolation: project`')]);
    expect(err + out).not.toContain('\u001b');
    expect(await config()).toBe('# mine\nmcpServers: {}\n');
    expect(JSON.parse((await sallyport(['secret', 'list', '--json'])).out)).toEqual([]);
  });

  it.each([
    ['npm', [{ type: 'named', name: '--registry', value: 'https://evil.example' }]],
    ['npm', [{ type: 'positional', value: '-c' }]],
    ['npm', [{ type: 'named', name: '-y', value: 'other' }]],
    ['npm', [{ type: 'named', name: '-y', default: 'other', isRequired: true }]],
    ['pypi', [{ type: 'named', name: '--from', value: 'git+https://evil.example' }]],
    ['npm', [{ type: 'positional', value: '{x}', variables: { x: {} } }]],
  ])('takes no options by which %s could run something else: %j', (registryType, runtimeArguments) => {
    const one = { registryType, identifier: 'x', version: '1.0.0', runtimeArguments };
    expect(waysOf({ packages: [one] })).toEqual({ ways: [], left: [expect.stringContaining('it wants options')] });
    const yes = {
      ...one,
      runtimeArguments: [
        { type: 'positional', value: '-y' },
        { type: 'named', name: '--yes' },
      ],
    };
    expect(waysOf({ packages: [yes] }).ways).toHaveLength(1);
  });

  it('reads anything as a description without a throw', () => {
    for (const detail of [
      {},
      { packages: 1, remotes: [null, 3, { url: 5 }, { url: '{base}' }] },
      { packages: [{}, { registryType: 'npm' }] },
    ]) {
      expect(waysOf(detail).ways).toEqual([]);
    }
  });
});
