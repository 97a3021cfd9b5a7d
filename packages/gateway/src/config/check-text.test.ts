import { describe, expect, it } from 'vitest';
import { checkDraft, draftOf, type Checked } from './check-text.ts';
import { formatProblem } from './problems.ts';
import type { Format } from './source.ts';

async function check(text: string, format: Format = 'json', env: Record<string, string> = {}): Promise<Checked> {
  return checkDraft(await draftOf('f', text, format), { env, files: new Map() });
}
const problems = async (text: string, format: Format = 'json', env: Record<string, string> = {}): Promise<string[]> =>
  (await check(text, format, env)).problems.map(formatProblem);
const json = (value: unknown): string => JSON.stringify(value);
const server = (value: unknown): string => json({ mcpServers: { one: value } });

const exchanging = (oauth: object): object => ({ url: 'https://x', oauth: { grant: 'token_exchange', ...oauth } });

describe('check of a configuration', () => {
  it('accepts comments, trailing commas, $schema and a BOM', async () => {
    expect(
      await problems(
        '\uFEFF// hello\n{ "$schema": "x", "mcpServers": { "one": { "$schema": "y", "command": "a", /* b */ }, }, }',
      ),
    ).toEqual([]);
  });

  it('CFG-01 tells all problems at once, with line, column, key and the nearest known key', async () => {
    const text = [
      'mcpServers:',
      '  files:',
      '    comand: npx',
      '    args: -y',
      '  far: { url: "ftp://x", timeout: { cal: 3s } }',
      'listen:',
      '  port: 70000',
      '  hots: []',
      'limits: { body: lots }',
      'telemetry: { traces: {} }',
      'naming: prefixd',
      'polcy: {}',
    ].join('\n');
    const found = await problems(text, 'yaml');
    expect(found.toSorted()).toEqual(
      [
        'f:2:3: mcpServers.files: expected `command` (a program to start), `url` (a server to reach) or `openapi` (an API)',
        'f:3:5: mcpServers.files.comand: unknown key — did you mean `command`?',
        'f:4:5: mcpServers.files.args: expected a list of texts',
        'f:5:10: mcpServers.far.url: expected a URL that begins with http:// or https:// or ws:// or wss://',
        'f:5:37: mcpServers.far.timeout.cal: unknown key — did you mean `call`?',
        'f:7:3: listen.port: expected a whole number from 0 to 65535',
        'f:8:3: listen.hots: unknown key — did you mean `host`?',
        'f:9:11: limits.body: expected a size such as "64 KiB" or "4 MiB" (a number is bytes), at least 1 bytes',
        'f:10:14: telemetry.traces: `telemetry.traces` is not available in this version',
        'f:11:1: naming: expected `prefixed` or `plain` — did you mean `prefixed`?',
        'f:12:1: polcy: unknown key — did you mean `policy`?',
      ].toSorted(),
    );
  });

  it('finds places in JSON and TOML too', async () => {
    expect(await problems('{\n  "mcpServers": {\n    "one": { "command": "x", "enabld": true }\n  }\n}')).toEqual([
      'f:3:30: mcpServers.one.enabld: unknown key — did you mean `enabled`?',
    ]);
    const toml = [
      'strict = false',
      '[mcpServers."one"]',
      'command = """',
      '[listen]',
      'port = 1',
      '"""',
      'args = [',
      '  "a",',
      '  3,',
      ']',
      '[listen]',
      'prot = 1',
    ].join('\n');
    expect(await problems(toml, 'toml')).toEqual([
      'f:7:1: mcpServers.one.args[1]: expected text',
      'f:12:1: listen.prot: unknown key — did you mean `port`?',
    ]);
  });

  it.each([
    ['{ "mcpServers": { "a": {"command":"x"}, "a": {"command":"y"} } }', 'json', /f:1:41: mcpServers\.a: .*twice/],
    ['mcpServers:\n  a: {command: x}\n  a: {command: y}\n', 'yaml', /f:3:3: mcpServers\.a: .*twice/],
    ['{ "mcpServers": { "Files": {"command":"x"}, "files": {"command":"y"} } }', 'json', /f:1:45: .*only in case/],
    ['{ "__proto__": { "strict": true } }', 'json', /f:1:3: __proto__: .*never allowed/],
    ['{ "mcpServers": { "a": {"command":"x","env":{"__proto__":"y"}} } }', 'json', /__proto__: .*never allowed/],
    ['__proto__: {}', 'yaml', /never allowed/],
    ['[__proto__]\na = 1', 'toml', /never allowed/],
    ['a: !!js/function x', 'yaml', /f:1:4: YAML tags are not read/],
    ['a: !!str x', 'yaml', /f:1:4: YAML tags/],
    ['a: &x 1\n<<: *x', 'yaml', /merge keys/],
    ['a: 1\n---\nb: 2', 'yaml', /f:2:1: a second document/],
    ['? [a]\n: 1', 'yaml', /expected a key that is plain text/],
    ['a: *x', 'yaml', /./],
    ['a: &x [*x]', 'yaml', /aliases|nested/],
    ['', 'json', /the file is empty/],
    ['', 'yaml', /the file is empty/],
    ['[]', 'json', /expected an object with `mcpServers`/],
    ['"x"', 'yaml', /expected an object with `mcpServers`/],
    ['{ "a": 1', 'json', /f:1:9: expected `}`/],
    ['{ a: 1 }', 'json', /f:1:3: this is no JSON value|f:1:3: expected a key/],
    ['a: [1', 'yaml', /f:\d+:\d+: /],
    ['a = ', 'toml', /f:1:\d+: /],
    ['a = 1979-05-32', 'toml', /f:1:\d+: /],
    ['{ "mcpServers": null }', 'json', /expected server names/],
    ['{ "mcpServers": { "a": null } }', 'json', /expected an object/],
  ] as const)('refuses %j', async (text, format, expected) => {
    const found = await problems(text, format);
    expect(found.join('\n')).toMatch(expected);
    expect((await check(text, format)).entry).toBeUndefined();
  });

  it.each([
    ['JSON nesting', '['.repeat(500_000), 'json', /nested deeper than 64/],
    ['JSON object nesting', '{"a":'.repeat(200_000), 'json', /nested deeper than 64/],
    ['JSON values', `[${'1,'.repeat(400_000)}1]`, 'json', /more than 50000 values/],
    ['YAML flow nesting', '['.repeat(500_000), 'yaml', /nested deeper than 64/],
    ['YAML block nesting', '- '.repeat(400_000), 'yaml', /nested deeper than 64/],
    ['YAML complex keys', '? '.repeat(400_000), 'yaml', /nested deeper than 64/],
    ['YAML values', '- 1\n'.repeat(200_000), 'yaml', /more than/],
    ['YAML comments', '#\n'.repeat(400_000), 'yaml', /more than/],
    ['TOML nesting', `a = ${'['.repeat(400_000)}`, 'toml', /f:/],
    ['TOML spaces', `a = [${' '.repeat(900_000)}"x",\n[${' '.repeat(100_000)}"y"\n]]`, 'toml', /unknown key/],
    [
      'YAML alias bomb',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'
        .split('')
        .map((key, index) => `${key}: &${key} [${`*${'abcdefgh'[index] ?? ''},`.repeat(9)}]`)
        .join('\n')}`,
      'yaml',
      /more than 100 uses of YAML aliases/,
    ],
  ] as const)('CFG-01 stops at a bomb of %s', async (_name, text, format, expected) => {
    expect((await problems(text, format)).join('\n')).toMatch(expected);
  });

  it.each(['json', 'yaml', 'toml'] as const)('stops after 50000 values in %s', async (format) => {
    const items = (count: number): string => `[${'1,'.repeat(count)}1]`;
    const text = (count: number): string =>
      ({ json: `{"a":${items(count)}}`, yaml: `a: ${items(count)}`, toml: `a = ${items(count)}` })[format];
    expect(await problems(text(55_000), format)).toEqual([expect.stringContaining('more than 50000 values')]);
    expect(await problems(text(45_000), format)).toEqual([expect.stringContaining('unknown key')]);
  });

  it.each([
    ['bad names', (index: number) => ({ [`${'x'.repeat(40)}${index}`]: {} }), 10_000],
    ['unknown keys', (index: number) => ({ [`n${index}`]: { command: 'x', comand: 1 } }), 10_000],
    [
      'undefined variables',
      (index: number) => ({ [`n${index}`]: { command: '${ONE}', args: [`\${V${index}}`] } }),
      10_000,
    ],
  ])('ends with many thousand %s', async (_what, member, count) => {
    const servers = Object.assign({}, ...Array.from({ length: count }, (_, index) => member(index))) as unknown;
    const { problems: found, warnings } = await check(json({ mcpServers: servers }));
    expect(found.length + warnings.length).toBeGreaterThanOrEqual(count);
  });

  it('CFG-01 compares names without case in both directions', async () => {
    const names = (...all: string[]): string =>
      json({ mcpServers: Object.fromEntries(all.map((name) => [name, { command: 'x' }])) });
    expect((await problems(names('files', 'FILES'))).join()).toContain('`files` only in case');
    expect((await problems(names('FILES', 'files'))).join()).toContain('`FILES` only in case');
  });

  it('follows a few aliases', async () => {
    const { entry } = await check('mcpServers:\n  a: &a { command: x, tags: [t] }\n  b: *a\n', 'yaml');
    expect(entry?.mcpServers['b']).toEqual(entry?.mcpServers['a']);
  });

  it.each([
    ['../x', 'x'],
    ['a__b', 'a_b'],
    ['_a', 'a'],
    ['a_', 'a'],
    ['my server', 'my-server'],
    ['x'.repeat(300), 'x'.repeat(32)],
  ])('CFG-01 refuses the name %j and suggests another', async (name, suggestion) => {
    const found = await problems(json({ mcpServers: { [name]: { command: 'x' } } }));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`\`${suggestion}\` would do`);
    expect(found[0]?.length).toBeLessThan(400);
  });

  it('suggests no name that is taken', async () => {
    const [found] = await problems(
      json({ mcpServers: { 'My-Server': { command: 'x' }, 'my server': { command: 'y' } } }),
    );
    expect(found).toContain('`my-server-2` would do');
  });

  it('keeps the order of the file, whatever the names', async () => {
    const text = '{ "mcpServers": { "b": {"command":"x"}, "10": {"command":"x"}, "1": {"command":"x"} } }';
    expect((await draftOf('f', text, 'json')).order).toEqual(['b', '10', '1']);
  });

  it.each([
    [{ cache: { ttl: '5m' } }, 'cache'],
    [{ command: undefined, url: 'https://x', instances: [] }, 'instances'],
  ])('refuses %j of a server by name', async (keys, name) => {
    expect((await problems(server({ command: 'x', ...keys }))).join()).toContain(
      `\`${name}\` is not available in this version`,
    );
  });

  it.each([
    [{ command: 'x', tls: { ca: 'x' } }, 'tls: only for a server with `url`'],
    [{ command: 'x', oauth: { scopes: ['a'] } }, 'oauth: only for a server with `url`'],
    [{ command: 'x', oauth_client_id: 'x' }, 'oauth_client_id: only for a server with `url`'],
    [{ url: 'https://x', sandbox: 'strict' }, 'sandbox: only for a server with `command`'],
    [{ url: 'https://x', tls: { cert: 'c' } }, '`cert` and `key` belong together'],
    [{ url: 'https://x', tls: { pin: 'sha256/AAAA' } }, 'expected sha256/ and 32 bytes in base64'],
    [{ url: 'https://x', oauth: { clientSecret: 's' } }, 'a secret or key needs its `clientId`'],
    [{ url: 'https://x', oauth: { clientId: 'c', clientSecret: 's', privateKey: 'k' } }, 'exclude each other'],
    [{ url: 'https://x', oauth: { grant: 'client_credentials' } }, 'needs a `clientId`'],
    [{ url: 'https://x', oauth: { per: 'session' } }, 'expected `principal` or `gateway`'],
    [exchanging({ grant: 'identity_assertion' }), 'the grant `identity_assertion` needs a `clientId`'],
    [exchanging({ per: 'gateway' }), 'oauth.per: with `grant: token_exchange` each caller has a token of its own'],
    [exchanging({ exchange: { tokenEndpoint: 'https://i/t' } }), 'needs the `clientId` that we are there'],
    [exchanging({ exchange: { tokenEndpoint: 'http://i/t' } }), 'tokenEndpoint: expected the https URL of a token'],
    [exchanging({ exchange: { tokenEndpoint: 'https://i/t?${V}' } }), 'tokenEndpoint: the variable V is not set'],
    [
      exchanging({ exchange: { tokenEndpoint: 'http://127.0.0.1/t', clientId: 'c' } }),
      'tokenEndpoint: without TLS it needs `allowLoopbackHttp: true`',
    ],
    [exchanging({ exchange: { clientSecret: 's' } }), 'oauth.exchange: a secret or key needs its `clientId`'],
    [exchanging({ exchange: { clientId: 'c', clientSecret: 's', privateKey: 'k' } }), 'exclude each other'],
    [exchanging({ exchange: { subjectTokenType: 'saml2' } }), 'expected `access_token`, `jwt` or `id_token`'],
    [exchanging({ grant: 'client_credentials', clientId: 'c', exchange: {} }), 'only with `grant: token_exchange`'],
    [exchanging({}), 'expected `exchange.tokenEndpoint`, or `auth.oidc`, whose issuer names it'],
    [exchanging({}), 'oauth.grant: nobody shows a token that could be exchanged'],
    [{ command: 'x', sandbox: 'jail' }, 'sandbox'],
    [{ command: 'x', sandbox: { memory: 'much' } }, 'expected a size'],
    [{ command: 'x', sandbox: { image: '--privileged' } }, 'expected the name of an image'],
  ])('refuses %j of a server', async (keys, message) => {
    expect((await problems(json({ mcpServers: { one: keys } }))).join()).toContain(message);
  });

  it.each([
    [{ views: { v: { discovery: { embeddings: { url: 'http://x', model: 'm' } } } } }, 'views.v.discovery.embeddings'],
    [{ store: 'redis://x' }, 'store: redis://x'],
    [{ listen: { workers: 4 } }, 'listen.workers'],
    [{ telemetry: { traces: { endpoint: 'http://x' } } }, 'telemetry.traces'],
  ])('refuses %j by name', async (value, name) => {
    expect(
      (await problems(json(value))).filter((one) => one.includes(`\`${name}\` is not available in this version`)),
    ).toHaveLength(1);
  });

  it('sends a key for embeddings nowhere in the clear', async () => {
    const embeddings = { url: 'http://host.example/v1/embeddings', model: 'm' };
    expect(await problems(json({ discovery: { embeddings } }))).toEqual([]);
    const withKey = await problems(json({ discovery: { embeddings: { ...embeddings, key: 'k' } } }));
    expect(withKey.join()).toContain('expected an https URL where a `key` is sent');
  });

  it('accepts what is available in the words of a room that is not', async () => {
    expect(
      await problems(
        json({ discovery: 'full', naming: { maxLength: 60 }, auth: { mode: 'none' }, reload: 'off', store: 'memory' }),
      ),
    ).toEqual([]);
    expect(await problems(json({ discovery: { mode: 'full' }, naming: 'plain' }))).toEqual([]);
    expect(await problems(server({ command: 'x', sandbox: 'none', isolation: 'shared' }))).toEqual([]);
    expect(await problems(server({ command: 'x', sandbox: { level: 'none' } }))).toEqual([]);
  });

  it('has the guard on unless it is said otherwise, each part of it', async () => {
    const on = { arguments: 'validate', secrets: 'flag', injection: 'flag', injectionResults: false };
    expect((await check(json({}), 'json')).entry).toMatchObject({ guard: { ...on, resultMaxBytes: 16_777_216 } });
    const { entry } = await check(
      json({ guard: { secrets: 'redact', resultMax: '1 MiB', pins: { mode: 'off' } } }),
      'json',
    );
    expect(entry).toMatchObject({
      guard: { ...on, secrets: 'redact', resultMaxBytes: 1_048_576 },
      pins: { mode: 'off' },
    });
    expect(await problems(json({ guard: { secrets: 'hide' } }))).toEqual([expect.stringContaining('guard.secrets')]);
  });

  it('expands variables where a number, boolean or duration is wanted', async () => {
    const text = json({
      listen: { port: '${PORT:-7000}' },
      mcpServers: { one: { command: 'x', enabled: '${ON}', idle: '${IDLE}' } },
    });
    const { entry } = await check(text, 'json', { ON: 'false', IDLE: '5s' });
    expect(entry?.listen.port).toBe(7000);
    expect(entry?.mcpServers['one']).toMatchObject({ enabled: false, idleMs: 5_000 });
  });

  it.each([{ host: '0.0.0.0', plainBehindProxy: true }, { publicUrl: 'https://mcp.example.com' }])(
    'P3-03 P3-04 warns of an origin with a wildcard beyond this machine, and refuses it under strict: %j',
    async (door) => {
      const listen = { ...door, origins: ['https://app.example.com', 'https://*.example.com'] };
      const { entry, warnings } = await check(json({ listen }));
      expect(entry?.listen.origins).toEqual(listen.origins);
      expect(warnings.map(formatProblem)).toEqual([
        expect.stringContaining('listen.origins[1]: https://*.example.com lets'),
      ]);
      expect(await problems(json({ strict: true, listen }))).toEqual([expect.stringContaining('listen.origins[1]')]);
    },
  );

  it('P3-03 P3-04 has nothing against a wildcard on this machine', async () => {
    const listen = { publicUrl: 'http://localhost:3000', origins: ['http://localhost:*'] };
    expect((await check(json({ strict: true, listen }))).warnings).toEqual([]);
    expect(await problems(json({ strict: true, listen }))).toEqual([]);
  });

  it('P1-09 warns once of an undefined variable, and refuses it where its text will not do', async () => {
    const soft = await check(server({ command: 'x', args: ['${NOPE}', '${NOPE}'] }));
    expect(soft.entry).toBeDefined();
    expect(soft.warnings.map(formatProblem)).toEqual([
      'f:1:45: mcpServers.one.args[0]: the variable NOPE is not set and stays as it is written',
    ]);
    expect(soft.unresolved).toEqual([
      ['mcpServers', 'one', 'args', 0],
      ['mcpServers', 'one', 'args', 1],
    ]);
    expect(await problems(json({ listen: { port: '${NOPE}' } }))).toEqual([
      'f:1:12: listen.port: the variable NOPE is not set, and here expected a whole number from 0 to 65535',
    ]);
    expect((await problems(json({ strict: true, mcpServers: { one: { command: '${NOPE}' } } }))).join()).toMatch(
      /NOPE is not set/,
    );
    expect(
      (await problems(json({ strict: '${S:-true}', mcpServers: { one: { command: '${NOPE}' } } }))).join(),
    ).toMatch(/NOPE/);
  });

  it.each([
    [{ command: 'x', url: 'https://x' }, /url: `command` is there too/],
    [{ command: 'x', headers: { A: 'b' } }, /headers: only for a server with `url`/],
    [{ url: 'https://x', args: ['a'] }, /args: only for a server with `command`/],
    [{ url: 'x' }, /expected an absolute URL/],
    [{ url: 'ftp://x' }, /begins with http:\/\/ or https:\/\/ or ws:\/\/ or wss:\/\//],
    [{ url: 'wss://x', type: 'http' }, /begins with http:\/\/ or https:\/\/$/],
    [{ url: 'https://x', type: 'ws' }, /begins with ws:\/\/ or wss:\/\/$/],
    [{ url: 'https://u:p@x' }, /credentials do not belong in a URL/],
    [{ url: 'https://x', headers: { 'a b': 'c' } }, /expected the name of an HTTP header/],
    [{ url: 'https://x', headers: { a: 'b\r\nc: d' } }, /without line breaks/],
    [{ command: '' }, /expected the program to start/],
    [{ command: 'a\u0000b' }, /expected the program to start/],
    [{ command: 'x', args: ['{root}'] }, /args\[0\]: `\{root\}` .* needs `isolation: project`/],
    [{ command: 'x', cwd: '{root}/a', isolation: 'session' }, /cwd: `\{root\}` .* needs `isolation: project`/],
    [{ command: 'x', idle: '30d' }, /at most 24d/],
    [{ command: 'x', idle: null }, /expected a duration/],
    [{ command: 'x', tools: { arguments: { t: { a: { fix: 1, default: 2 } } } } }, /exclude each other/],
    [{ url: 'https://x', headers: { A: 'Bearer {env:TOKEN}' } }, /OpenCode; write `\$\{TOKEN\}`/],
    [{ url: 'https://x', headers: { A: '${env:TOKEN}' } }, /Cursor, VS Code/],
  ])('refuses the server %j', async (value, expected) => {
    expect((await problems(server(value))).join('\n')).toMatch(expected);
  });

  it('accepts the project of the caller where it is known, and views of servers that are there', async () => {
    expect(await problems(server({ command: 'x', args: ['{root}/a'], cwd: '{root}', isolation: 'project' }))).toEqual(
      [],
    );
    const views = { v: { servers: ['one', 'o*'], tags: ['t'], tools: ['one__*'], discovery: 'full' } };
    expect(await problems(json({ mcpServers: { one: { command: 'x' } }, views }))).toEqual([]);
  });

  it('refuses a view of a server that is not there', async () => {
    const value = { mcpServers: { one: { command: 'x' } }, views: { v: { servers: ['oen'] } } };
    expect((await problems(json(value))).join()).toContain(
      'views.v.servers[0]: there is no such server — did you mean `one`?',
    );
    expect((await problems(json({ views: { 'a/b': {} } }))).join()).toContain('expected a name of 1 to 32');
  });

  it('shows no control characters of the file', async () => {
    expect((await problems(json({ '\u001b[2J\u202e': 1 }))).join()).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
  });

  it('is frozen text: no value of the file reaches Object.prototype', async () => {
    await problems('{ "constructor": { "prototype": { "polluted": 1 } }, "__proto__": { "polluted": 1 } }');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});
