import { describe, expect, it } from 'vitest';
import { configForServer, loadConfig, type ConfigFiles, type LoadOptions } from './load.ts';
import { ConfigError } from './problems.ts';
import { configHash, createTrustStore } from './trust.ts';

type World = { readonly [path: string]: string | Uint8Array };

function filesOf(world: World, open: readonly string[] = []): ConfigFiles {
  const bytes = (path: string): Uint8Array => {
    const content = world[path];
    if (content === undefined) throw new Error(`ENOENT: ${path}`);
    return typeof content === 'string' ? new TextEncoder().encode(content) : content;
  };
  return {
    exists: async (path) => world[path] !== undefined,
    read: async (path, maxBytes) => {
      const content = bytes(path);
      if (content.byteLength > maxBytes) throw new Error(`${path} is larger than ${maxBytes} bytes`);
      return content;
    },
    readSecret: async (path) => bytes(path),
    checkTrusted: async (path) => {
      bytes(path);
      if (path.includes('writable')) throw new Error(`${path}: others may write to it`);
      return { realPath: path, readableByOthers: open.includes(path) };
    },
  };
}

const options = (world: World, rest: Partial<LoadOptions> = {}): LoadOptions => ({
  env: {},
  cwd: '/work',
  home: '/home/me',
  files: filesOf(world),
  ...rest,
});
const server = '{"mcpServers":{"a":{"command":"x"}}}';

describe('finding the configuration', () => {
  const everywhere: World = {
    '/work/given.json': server,
    '/work/env.json': server,
    '/work/sallyport.json': server,
    '/work/sallyport.jsonc': server,
    '/work/sallyport.toml': '',
    '/xdg/sallyport/config.json': server,
    '/home/me/.config/sallyport/config.yml': 'strict: false',
  };
  const path = async (rest: Partial<LoadOptions>, drop: readonly string[] = []): Promise<string> => {
    const world = Object.fromEntries(Object.entries(everywhere).filter(([name]) => !drop.includes(name)));
    return (await loadConfig(options(world, rest))).path;
  };

  it('P1-18 goes by the documented order', async () => {
    const here = ['/work/sallyport.json', '/work/sallyport.jsonc', '/work/sallyport.toml'];
    expect(await path({ file: 'given.json', env: { SALLYPORT_CONFIG: 'env.json' } })).toBe('/work/given.json');
    expect(await path({ env: { SALLYPORT_CONFIG: 'env.json' } })).toBe('/work/env.json');
    expect(await path({ env: { SALLYPORT_CONFIG: '' } })).toBe('/work/sallyport.json');
    expect(await path({}, here.slice(0, 1))).toBe('/work/sallyport.jsonc');
    expect(await path({}, here.slice(0, 2))).toBe('/work/sallyport.toml');
    expect(await path({ env: { XDG_CONFIG_HOME: '/xdg' } }, here)).toBe('/xdg/sallyport/config.json');
    expect(await path({ env: { XDG_CONFIG_HOME: 'relative' } }, here)).toBe('/home/me/.config/sallyport/config.yml');
  });

  it('P1-18 names the places tried and the way out when there is none', async () => {
    await expect(loadConfig(options({}))).rejects.toThrow(
      /\/work\/sallyport\.json\n[^]*\/home\/me\/\.config\/sallyport\/config\.toml\n[^]*sallyport init/,
    );
    await expect(loadConfig(options({}, { file: 'nope.json' }))).rejects.toThrow('/work/nope.json does not exist');
    await expect(loadConfig(options({}, { env: { SALLYPORT_CONFIG: 'n.json' } }))).rejects.toThrow(/SALLYPORT_CONFIG/);
    await expect(loadConfig(options({ '/work/x.ini': '' }, { file: 'x.ini' }))).rejects.toThrow(/\.json, \.jsonc/);
  });
});

describe('trust', () => {
  it('is asked for a file of the current directory only, and decides', async () => {
    const asked: string[] = [];
    const answer = (trusted: boolean): Partial<LoadOptions> => ({
      confirmTrust: async (path) => {
        asked.push(path);
        return trusted;
      },
    });
    const here = { '/work/sallyport.json': server };
    await expect(loadConfig(options(here, answer(false)))).rejects.toThrow(/not trusted[^]*sallyport trust/);
    await expect(loadConfig(options(here, answer(true)))).resolves.toMatchObject({ path: '/work/sallyport.json' });
    expect(asked).toEqual(['/work/sallyport.json', '/work/sallyport.json']);
    await loadConfig(options(here, { ...answer(false), file: 'sallyport.json' }));
    await loadConfig(options(here, { ...answer(false), env: { SALLYPORT_CONFIG: 'sallyport.json' } }));
    await loadConfig(options({ '/home/me/.config/sallyport/config.json': server }, answer(false)));
    expect(asked).toHaveLength(2);
  });

  it('ends with any change of the file or of the lock beside it', async () => {
    const saved = new Map<string, string>();
    const store = createTrustStore('/state', {
      read: async (path) => saved.get(path),
      write: async (path, text) => void saved.set(path, text),
    });
    const use = async (world: World): Promise<boolean> =>
      loadConfig(options(world, { confirmTrust: async (path, hash) => store.isTrusted(path, hash) })).then(
        () => true,
        () => false,
      );
    const base = { '/work/sallyport.json': server };
    expect(await use(base)).toBe(false);
    await store.trust('/work/sallyport.json', (await loadConfig(options(base))).hash);
    expect([...saved.keys()]).toEqual(['/state/trust.json']);
    expect(await use(base)).toBe(true);
    expect(await use({ '/work/sallyport.json': `${server} ` })).toBe(false);
    expect(await use({ ...base, '/work/sallyport.lock': '' })).toBe(false);
    expect(await use(base)).toBe(true);
    saved.set('/state/trust.json', '{"trusted":');
    expect(await use(base)).toBe(false);
  });

  it('hashes file and lock so that neither can stand in for the other', () => {
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    const hashes = [
      configHash(bytes('ab'), undefined),
      configHash(bytes('a'), bytes('b')),
      configHash(bytes('ab'), bytes('')),
      configHash(bytes(''), bytes('ab')),
    ];
    expect(new Set(hashes).size).toBe(4);
  });

  it('refuses a file or lock that others may write', async () => {
    await expect(loadConfig(options({ '/work/writable.json': server }, { file: 'writable.json' }))).rejects.toThrow(
      ConfigError,
    );
    const world = { '/writable/lock/a.json': server };
    await expect(loadConfig(options(world, { file: '/writable/lock/a.json' }))).rejects.toThrow(/others may write/);
  });
});

describe('loadConfig', () => {
  it('gives a frozen configuration with absolute paths, in the order of the file', async () => {
    const text = `{"mcpServers":{
      "b":{"command":"./bin/run","args":["a"],"cwd":"sub"},
      "10":{"command":"npx","env":{"N":5}},
      "1":{"url":"https://x/mcp","headers":{"A":"b"}} }}`;
    const { config, hash } = await loadConfig(options({ '/etc/s/c.json': text }, { file: '/etc/s/c.json' }));
    expect(config.servers.map(({ name }) => name)).toEqual(['b', '10', '1']);
    expect(config.servers.map(({ target }) => target)).toEqual([
      { kind: 'stdio', command: '/etc/s/bin/run', args: ['a'], env: {}, cwd: '/etc/s/sub' },
      { kind: 'stdio', command: 'npx', args: [], env: { N: '5' }, cwd: '/etc/s' },
      { kind: 'http', guessed: true, url: 'https://x/mcp', headers: { A: 'b' } },
    ]);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    const isDeeplyFrozen = (value: unknown): boolean =>
      typeof value !== 'object' ||
      value === null ||
      (Object.isFrozen(value) && Object.values(value).every(isDeeplyFrozen));
    expect(isDeeplyFrozen(config)).toBe(true);
  });

  it('guesses the transport of a remote server from its URL, unless it is told', async () => {
    const servers = {
      a: { url: 'https://x/mcp' },
      b: { url: 'https://x/sse' },
      c: { url: 'wss://x/mcp' },
      d: { url: 'https://x/sse', type: 'http' },
      e: { url: 'https://x/mcp', type: 'sse' },
    };
    const text = JSON.stringify({ mcpServers: servers });
    const { config } = await loadConfig(options({ '/c.json': text }, { file: '/c.json' }));
    const kinds = config.servers.map(({ target }) => ('guessed' in target ? [target.kind, target.guessed] : []));
    expect(kinds).toEqual([
      ['http', true],
      ['sse', true],
      ['ws', true],
      ['http', false],
      ['sse', false],
    ]);
  });

  it('leaves the place of the project open in the working folder', async () => {
    const inProject = { command: 'x', cwd: '{root}/sub', isolation: 'project' };
    const text = JSON.stringify({ mcpServers: { a: inProject } });
    const { config } = await loadConfig(options({ '/c.json': text }, { file: '/c.json' }));
    expect(config.servers[0]).toMatchObject({ isolation: 'project', target: { cwd: '{root}/sub' } });
  });

  it('P1-09 never keeps a header with an undefined variable, but its name', async () => {
    const text = JSON.stringify({
      mcpServers: {
        a: { url: 'https://x/?t=${Q}', headers: { Authorization: 'Bearer ${NOPE}', B: '$${kept}', C: '${SET}' } },
      },
    });
    const { config, warnings } = await loadConfig(
      options({ '/c.json': text }, { file: '/c.json', env: { SET: '${NOPE}' } }),
    );
    expect(config.servers[0]?.target).toEqual({
      kind: 'http',
      guessed: true,
      url: 'https://x/?t=${Q}',
      headers: { B: '${kept}', C: '${NOPE}' },
    });
    expect(config.servers[0]?.unresolved.toSorted()).toEqual(['headers.Authorization', 'url']);
    expect(warnings.map(({ message }) => message)).toHaveLength(2);
  });

  it('never keeps the secret of a client with an undefined variable, and leaves all beside it', async () => {
    const exchange = { tokenEndpoint: 'https://id.test/token', clientId: 'us', clientSecret: '${NOPE}' };
    const oauth = { grant: 'token_exchange', clientId: 'c', clientSecret: '${NOPE}', exchange };
    const text = JSON.stringify({
      auth: { mode: 'oidc', oidc: { issuer: 'https://id.test', clientId: 'us' } },
      mcpServers: { a: { url: 'https://x/', oauth } },
    });
    const { config } = await loadConfig(options({ '/c.json': text }, { file: '/c.json' }));
    expect(config.servers[0]?.oauth).toEqual({
      scopes: [],
      grant: 'token_exchange',
      per: 'principal',
      allowLoopbackHttp: false,
      clientId: 'c',
      exchange: { tokenEndpoint: 'https://id.test/token', clientId: 'us', subjectTokenType: 'access_token' },
    });
  });

  it('reads ${file:…} and envFile beside the configuration', async () => {
    const world = {
      '/c/c.yaml': 'mcpServers:\n  a: { command: x, args: ["${file:key}"], env: { B: own }, envFile: .env }\n',
      '/c/key': 'k$$y${X}\n',
      '/c/.env': '# no\nexport A="1\\n2" # c\nB=2\nC=\'${X}\'\nD=a b # c\n\n',
    };
    const { config } = await loadConfig(options(world, { file: '/c/c.yaml', env: { X: 'never' } }));
    expect(config.servers[0]?.target).toMatchObject({
      args: ['k$$y${X}'],
      env: { A: '1\n2', B: 'own', C: '${X}', D: 'a b' },
    });
  });

  it('tells of files that cannot be read, with all else that is wrong', async () => {
    const text =
      '{"mcpServers":{"a":{"command":"${file:gone}","envFile":"gone"},"b":{"command":"x","envFile":"bad"}},\n"x":1}';
    const world = { '/c.json': text, '/bad': 'A=1\nnonsense\n' };
    const error = await loadConfig(options(world, { file: '/c.json' })).catch((caught: unknown) => caught);
    expect(String(error)).toMatch(/file:gone.*cannot be read/);
    expect(String(error)).toMatch(/envFile: gone cannot be read/);
    expect(String(error)).toMatch(/envFile: bad line 2 is not NAME=value/);
    expect(String(error)).toMatch(/c\.json:2:1: x: unknown key/);
  });

  it('P1-20 warns of a literal secret in a file that others may read, and refuses it under strict', async () => {
    const load = async (value: unknown, open: readonly string[]): Promise<string[]> => {
      const files = filesOf({ '/c.json': JSON.stringify(value) }, open);
      const loaded = await loadConfig(options({}, { files, file: '/c.json', env: { T: 'x' } }));
      return loaded.warnings.map(({ message }) => message);
    };
    const literal = { mcpServers: { a: { command: 'x', env: { TOKEN: 'abc' } } } };
    const variable = { mcpServers: { a: { command: 'x', env: { TOKEN: '${T}' } } } };
    expect(await load(literal, ['/c.json'])).toEqual([expect.stringMatching(/chmod 600/)]);
    expect(await load(literal, [])).toEqual([]);
    expect(await load(variable, ['/c.json'])).toEqual([]);
    await expect(load({ ...literal, strict: true }, ['/c.json'])).rejects.toThrow(/chmod 600/);
  });

  it.each([
    ['more than a file may hold', new Uint8Array(50 * 1024 * 1024), /larger than 1048576/],
    ['no UTF-8', new Uint8Array([0x7b, 0xff, 0x7d]), /not UTF-8/],
  ])('refuses %s', async (_what, bytes, expected) => {
    await expect(loadConfig(options({ '/c.json': bytes }, { file: '/c.json' }))).rejects.toThrow(expected);
  });
});

describe('configForServer', () => {
  it('takes its text literally', () => {
    const { servers } = configForServer('x', { command: 'npx', args: ['${HOME}', '$$'] }, '/w');
    expect(servers[0]?.target).toEqual({ kind: 'stdio', command: 'npx', args: ['${HOME}', '$$'], env: {}, cwd: '/w' });
    expect(() => configForServer('x', { url: 'nope' }, '/w')).toThrow(ConfigError);
  });
});
