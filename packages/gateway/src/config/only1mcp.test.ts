import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { convertConfig } from './convert.ts';
import { isOnly1Mcp } from './only1mcp.ts';
import { convert, env, errors, small } from './testing/only1mcp-convert.ts';
import { only1McpFiles } from './testing/only1mcp-files.ts';

const without = (text: string, ...lines: readonly RegExp[]): string =>
  text
    .split('\n')
    .filter((line) => !lines.some((pattern) => pattern.test(line)))
    .join('\n');

describe('a file of Only1MCP', () => {
  it('is told by its list of servers', () => {
    expect(isOnly1Mcp(parse(only1McpFiles.own))).toBe(true);
    expect(isOnly1Mcp({ servers: { a: { command: 'x' } } })).toBe(false);
    expect(isOnly1Mcp({ mcpServers: {}, servers: [] })).toBe(false);
  });

  it('in its own form becomes ours', async () => {
    const { entry, text, notes } = await convert(only1McpFiles.own);
    expect(entry.listen).toMatchObject({ host: '127.0.0.1', port: 9000, tls: { cert: 'tls.crt', key: 'tls.key' } });
    expect(entry.auth.modes).toEqual(['key']);
    expect(notes).toContainEqual(expect.stringContaining('sallyport key create'));
    expect(entry.mcpServers).toMatchObject({
      files: {
        command: 'npx',
        args: ['-y', 'files'],
        env: { TOKEN: 'a$b' },
        enabled: false,
        tools: { allow: ['read_file'] },
      },
      far: { type: 'http', url: 'https://a.example.com/mcp', headers: { 'X-Key': 'k' } },
      stream: { type: 'http', timeout: { callMs: 30_000, maxMs: 30_000 } },
    });
    expect(entry.mcpServers['flow']).not.toHaveProperty('type');
    expect(text).toContain("'${KEY}'".slice(1, -1));
    expect(entry.telemetry.log.level).toBe('warn');
  });

  it('solo: what is more than it was stays out, what is less is said', async () => {
    const { entry, notes } = await convert(only1McpFiles.solo);
    expect(entry.auth.modes).toEqual(['none']);
    expect(entry.listen).toMatchObject({ host: '127.0.0.1', origins: ['http://localhost:3000'] });
    expect(entry.limits).toMatchObject({
      bodyBytes: 5_000_000,
      upstreamMessageBytes: 50_000_000,
      connections: 80,
      drainMs: 5_000,
      rate: { perPrincipal: { count: 1000, periodMs: 60_000 } },
    });
    expect(entry.mcpServers['docs']).toMatchObject({ headers: {}, timeout: { callMs: 20_000, maxMs: 20_000 } });
    expect(entry.reload).toBe('off');
    expect(notes).toContainEqual(expect.stringMatching(/^development\.cors\.allow_origins: .*`\*` is every web page/));
    expect(notes).toContainEqual(
      'limits.max_request_size: `limits.max_websocket_message_size` is not larger, and one limit (our `limits.body`) holds for both',
    );
    expect(notes).toContainEqual('cache.l1.ttl: ignored: no result is kept: every call goes to its server');
  });

  it('team: keys and roles are taken over; what it protected and we cannot is named', async () => {
    expect(await errors(only1McpFiles.team)).toEqual([
      expect.stringMatching(/^rate_limit\.per_user\.requests_per_minute: .* one rate/),
      expect.stringMatching(/^rate_limit\.per_ip: calls are not counted per address/),
      expect.stringMatching(/^resources\.budget\.monthly_limit: /),
      expect.stringMatching(/^backup\.config\.enabled: /),
      expect.stringMatching(/^environments\.overrides: /),
    ]);
    const rest = without(
      only1McpFiles.team.replace(', requests_per_minute: 2000', ''),
      /per_ip/,
      /^resources|^backup|^environments/,
    );
    const { entry, text, notes } = await convert(rest);
    expect(entry.auth).toMatchObject({
      modes: ['key'],
      keys: [
        { name: 'Team-Key-1', key: env.TEAM_KEY, roles: ['developer'] },
        { name: 'Admin-Key', key: env.ADMIN_KEY, roles: ['admin'] },
      ],
    });
    expect(text).toContain('url: ${HOOK}');
    expect(entry.alerts).toMatchObject([{ on: ['failed_authentication'], to: { type: 'webhook' } }]);
    expect(text).toContain('key: ${TEAM_KEY}');
    expect(entry.limits.rate).toEqual({
      perPrincipal: { count: 50, periodMs: 1000 },
      global: { count: 1000, periodMs: 1000 },
    });
    expect(entry.mcpServers['shared-tools']).toMatchObject({
      command: 'tools-server',
      args: ['--quiet', '--shared'],
      cwd: '/opt/mcp',
      env: { TEAM: 't' },
      sandbox: { memoryBytes: 1_000_000_000 },
    });
    expect(notes).toContainEqual(expect.stringMatching(/^proxy\.host: A plain listener beyond loopback/));
  });

  it('enterprise: every protection without a key of ours is an error with its name', async () => {
    const found = await errors(only1McpFiles.enterprise);
    for (const [path, message] of [
      ['servers.1.transport', 'expected a transport that Sallyport has'],
      ['servers.0.limits.max_requests', 'says no time'],
      ['security.tls.client_auth', 'asks for a certificate besides `'],
      ['auth.providers.1.type', 'there is no saml here'],
      ['auth.api_keys.rotation_policy', '--expires'],
      ['auth.session.same_site', 'cookies are `lax` here'],
      ['security.headers.x_frame_options', 'is always `DENY` here'],
      ['security.ip_filtering.whitelist', 'connections of every address are let in here'],
      ['security.secrets.backend', 'it is a store of another program'],
      ['backup.enabled', 'nothing is backed up'],
      ['compliance.data_residency.regions', 'nothing of ours keeps data in a region'],
      ['compliance.encryption.at_rest', 'not encrypted in this version'],
      ['compliance.pii.masking', 'not available in this version'],
    ] as const) {
      expect(found).toContainEqual(expect.stringContaining(`${path}: `));
      expect(found.find((line) => line.startsWith(`${path}: `))).toContain(message);
    }
    const rest = without(
      only1McpFiles.enterprise.replace('SAMEORIGIN', 'DENY').replace(', same_site: strict', ''),
      /max_requests|rotation_policy|type: saml|ip_filtering|secrets:|schema_validation|at_rest|data_residency|pii:|^backup/,
      / audit:|^ {2}tls: \{ min_version/,
      /id: gpu|name: GPU|grpc|capabilities|routing_hints/,
    );
    const { entry, notes } = await convert(rest);
    expect(entry.listen).toMatchObject({ port: 8443, websocket: false, tls: { minVersion: 'TLSv1.3' } });
    expect(entry.auth).toMatchObject({
      modes: ['oidc'],
      oidc: { issuer: 'https://auth.example.com', scopes: ['openid', 'profile', 'email', 'groups'] },
      browser: { absoluteMs: 28_800_000 },
    });
    expect(entry.limits.rate).toMatchObject({ global: { count: 10_000, periodMs: 60_000 } });
    expect(entry.mcpServers['us-east-1']?.tags).toEqual(['us-east-1', 'primary']);
    expect(notes).toContainEqual(expect.stringMatching(/^proxy\.tls\.client_auth: .*proves nothing/));
  });

  it('reads TOML as well', async () => {
    const { entry } = await convert(
      [
        '[server]',
        'port = 9000',
        '[[servers]]',
        'id = "a"',
        'name = "A"',
        'enabled = true',
        'transport = { type = "stdio", command = "x", args = ["$HOME", "$$"] }',
      ].join('\n'),
      'toml',
    );
    expect(entry.listen.port).toBe(9000);
    expect(entry.mcpServers['a']).toMatchObject({ command: 'x', args: ['$HOME', '$$'] });
  });

  it('writes JSON as well, and tells where an error stands', async () => {
    const { text } = await convertConfig('o.yaml', small(''), 'yaml', 'json');
    expect(JSON.parse(text)).toHaveProperty('mcpServers.one.url', 'https://a.example/mcp');
    await expect(convertConfig('o.yaml', small('sevrer: {}'), 'yaml', 'yaml')).rejects.toThrow(
      'o.yaml:2:1: sevrer: unknown key — did you mean `server`?',
    );
    await expect(convertConfig('o.yaml', small('server: { port: 0x }'), 'yaml', 'yaml')).rejects.toThrow(
      /o\.yaml:2:\d+: server\.port: our `listen\.port`: expected a whole number/,
    );
  });

  it('is the example of this repository', async () => {
    const folder = new URL('../../../../examples/only1mcp/', import.meta.url);
    const [given, expected] = await Promise.all(
      ['only1mcp.yaml', 'sallyport.yaml'].map((name) => readFile(new URL(name, folder), 'utf8')),
    );
    expect((await convert(given ?? '')).text).toBe(expected);
  });
});

describe('the two blocks of its security policy', () => {
  it('are keys of ours, or an error by name', async () => {
    expect(await errors(only1McpFiles.policy)).toEqual([
      expect.stringMatching(/^security\.auth\.jwt\.issuer: our `auth\.jwt\.issuer`: expected an issuer: an https URL/),
    ]);
  });

  it('cages its servers', async () => {
    const caged = only1McpFiles.policy
      .replace('issuer: only1mcp', 'issuer: "https://id.example.com"')
      .replace(/observability:[^]*$/, '');
    const { entry } = await convert(caged);
    expect(entry.mcpServers['near']?.sandbox).toMatchObject({
      level: 'standard',
      cpuPercent: 50,
      memoryBytes: 512 * 1024 * 1024,
    });
  });

  it('work where only what can be kept is promised', async () => {
    const rest = only1McpFiles.policy
      .replace('issuer: only1mcp', 'issuer: "https://id.example.com"')
      .replace('type: stdio, command: near', "type: http, url: 'https://near.example.com'")
      .replace(/observability:[^]*$/, '');
    const { entry, notes } = await convert(rest);
    expect(entry.listen.tls).toMatchObject({
      minVersion: 'TLSv1.3',
      cipherSuites: ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
    });
    expect(entry.auth).toMatchObject({
      modes: ['jwt'],
      jwt: { issuer: 'https://id.example.com', audience: ['mcp-proxy'], algorithms: ['RS256'] },
    });
    expect(entry.limits.rate).toMatchObject({
      global: { count: 10_000, periodMs: 60_000 },
      perPrincipal: { count: 1000, periodMs: 60_000 },
    });
    expect(notes).toContainEqual(
      expect.stringMatching(/^security\.sandbox\.max_memory_mb: ignored: no server is started/),
    );
  });
});
