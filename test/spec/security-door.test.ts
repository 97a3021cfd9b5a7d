/** The door of `sallyport spec --http` from outside: sessions, failed credentials, TLS, a public name, and what its log holds. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasOpenssl, openCertificates } from '../../packages/server/src/testing/certificates.ts';
import { run } from '../support/process.ts';
import { ask, INITIALIZE, type Reply } from './ask.ts';
import { KEY, makeSite, overHttp, serveHttp, type Served, type Site } from './support.ts';

const BEARER = { authorization: `Bearer ${KEY}` };
const PING = JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'ping' });

const config = (value: unknown): string =>
  `/mcp?config=${encodeURIComponent(Buffer.from(JSON.stringify(value)).toString('base64'))}`;

describe('the door', () => {
  let site: Site;
  let served: Served;

  beforeAll(async () => {
    site = await makeSite();
    await site.write('inner/note.md', 'x\n');
    const env = { API_KEY: KEY, RATE_LIMIT_ENABLED: 'false', LOG_LEVEL: 'debug' };
    served = await serveHttp(site, env, ['--allow-config', '--public-url', 'https://spec.example.test']);
  });

  afterAll(async () => {
    await served?.[Symbol.asyncDispose]();
    await site?.[Symbol.asyncDispose]();
  });

  const sessionOf = ({ headers }: Reply): string => String(headers['mcp-session-id']);

  it('P3-02 gives sessions that nobody guesses, takes none over, and ends them only where they belong', async () => {
    const opened: Reply[] = [];
    for (let round = 0; round < 10; round += 1) {
      const headers = { ...BEARER, 'mcp-session-id': 'chosen-by-the-client-0123456789' };
      opened.push(...(await Promise.all(Array.from({ length: 30 }, async () => ask(served.url, { headers })))));
    }
    const ids = opened.map(sessionOf);
    expect(new Set(ids).size).toBe(300);
    expect(ids).not.toContain('chosen-by-the-client-0123456789');
    const narrow = sessionOf(await ask(served.url, { path: config({ workspacePath: 'inner' }), headers: BEARER }));
    const using = (id: string): Record<string, string> => ({
      ...BEARER,
      'mcp-session-id': id,
      'mcp-protocol-version': '2025-06-18',
    });
    const elsewhere = [
      await ask(served.url, { headers: using(narrow), body: PING }),
      await ask(served.url, { method: 'GET', headers: using(narrow) }),
      await ask(served.url, { method: 'DELETE', headers: using(narrow) }),
      await ask(served.url, { path: config({ timeout: 1 }), headers: using(narrow), body: PING }),
      await ask(served.url, { headers: using(`${narrow}x`), body: PING }),
    ];
    expect(elsewhere.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404]);
    const path = config({ workspacePath: 'inner' });
    expect((await ask(served.url, { path, headers: using(narrow), body: PING })).status).toBe(200);
    const ended = await ask(served.url, { method: 'DELETE', path, headers: using(narrow) });
    expect([ended.status < 300, (await ask(served.url, { path, headers: using(narrow), body: PING })).status]).toEqual([
      true,
      404,
    ]);
  });

  it('P3-09/P2-14 of 1,000 wrong keys looks at 60 in a minute, and lets the good one in meanwhile', async () => {
    const replies: Reply[] = [];
    for (let round = 0; round < 20; round += 1) {
      const wrong = Array.from({ length: 50 }, async (_, index) => {
        const authorization = `Bearer wrong-${round}-${index}-${KEY}`;
        return await ask(served.url, { headers: { authorization, 'x-forwarded-for': `203.0.113.${index}` } });
      });
      replies.push(...(await Promise.all(wrong)));
    }
    const looked = replies.filter(({ status }) => status === 401).length;
    const slowed = replies.filter(({ status }) => status === 429);
    expect(looked + slowed.length).toBe(1000);
    // What is refilled while it lasts comes on top.
    expect([looked >= 60, looked < 200]).toEqual([true, true]);
    for (const { headers } of slowed) expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    expect((await ask(served.url, { headers: BEARER })).status).toBe(200);
  });

  it('P3-03/04 answers to its own names and its public one, and to pages of that alone', async () => {
    const host = new URL(served.url).host;
    const statuses: [string, number][] = [];
    for (const [name, origin] of [
      ['spec.example.test', undefined],
      ['SPEC.example.test:443', 'https://spec.example.test'],
      [host, undefined],
      ['example.test', undefined],
      ['spec.example.test.evil.test', undefined],
      ['spec.example.test', 'https://evil.test'],
      ['spec.example.test', 'null'],
    ] as const) {
      const headers = { ...BEARER, host: name, ...(origin === undefined ? {} : { origin }) };
      statuses.push([name, (await ask(served.url, { headers })).status]);
    }
    expect(statuses.map(([, status]) => status)).toEqual([200, 200, 200, 403, 403, 403, 403]);
  });

  it('DSA-13 takes no key from a query, a cookie or a body', async () => {
    const body = JSON.stringify({ ...(JSON.parse(INITIALIZE) as object), apiKey: KEY, authorization: `Bearer ${KEY}` });
    const replies = [
      await ask(served.url, { path: `/mcp?apiKey=${KEY}` }),
      await ask(served.url, { path: `/mcp?access_token=${KEY}` }),
      await ask(served.url, { path: `/metrics?apiKey=${KEY}`, method: 'GET' }),
      await ask(served.url, { headers: { cookie: `apiKey=${KEY}; authorization=Bearer ${KEY}` } }),
      await ask(served.url, { headers: { 'x-api-key': KEY } }),
      await ask(served.url, { headers: { authorization: `Basic ${Buffer.from(`x:${KEY}`).toString('base64')}` } }),
      await ask(served.url, { body }),
    ];
    // 429: its address has failed often by now.
    for (const { status } of replies) expect([401, 429]).toContain(status);
    expect(served.running.stderr()).not.toContain(KEY);
  });

  it('counts calls at /metrics by tool and outcome, with no name that a client made up', async () => {
    await using caller = await overHttp(served.url, KEY);
    await caller.call('test_echo', { message: 'x' });
    await caller.tell('undo');
    await caller.tell('made_up');
    const { text } = await ask(served.url, { method: 'GET', path: '/metrics', headers: BEARER });
    expect(text).toContain('\nmcp_tool_calls_total{tool="test_echo",outcome="done"} 1\n');
    expect(text).toContain('\nmcp_tool_calls_total{tool="undo",outcome="refused"} 1\n');
    expect(text).toMatch(/\nmcp_tool_duration_seconds_sum\{tool="test_echo"\} [\d.e-]+\n/);
    expect(text).toContain('\nmcp_tool_duration_seconds_count{tool="test_echo"} 1\n');
    expect(text).not.toContain('made_up');
    for (const line of text.trimEnd().split('\n')) expect(line).toMatch(/^(?:# (?:HELP|TYPE) )?\w+(?:\{[^}]*\})? .+$/);
  });

  it('P3-13 keeps what is said in calls out of its log at every level', async () => {
    const canary = 'personal-canary-Hd7Wq2Xz';
    await using caller = await overHttp(served.url, KEY);
    for (const [name, args] of [
      ['tasks_search', { query: canary }],
      ['tasks_tick', { taskId: canary }],
      ['workflow_status', { workspacePath: `/home/${canary}` }],
      ['constitution_write', { content: canary }],
      [`no_${canary}`, {}],
    ] as const) {
      expect([name, (await caller.tell(name, args)).refused]).toEqual([name, true]);
    }
    await expect(caller.resource(`spec://features/${canary}/spec`)).rejects.toThrow(/\w/);
    await ask(served.url, { path: config({ workspacePath: canary }), headers: BEARER });
    await ask(served.url, { path: `/${canary}`, headers: BEARER });
    await ask(served.url, { headers: { ...BEARER, origin: `https://${canary}.test`, 'user-agent': canary } });
    expect(served.running.stderr()).not.toContain(canary);
  });

  it('P3-11 P4-08 speaks TLS 1.3 alone where it is given a certificate, and says so with HSTS', async (context) => {
    context.skip(!hasOpenssl(), 'openssl is not there to make a certificate');
    const certificates = openCertificates();
    try {
      const authority = certificates.authority('own');
      const pair = authority.issue({ subjectAltName: 'IP:127.0.0.1', usage: 'serverAuth' });
      const [cert, key] = [join(site.base, 'tls.crt'), join(site.base, 'tls.key')];
      await writeFile(cert, pair.cert);
      await writeFile(key, pair.key, { mode: 0o600 });
      await using other = await serveHttp(site, { API_KEY: KEY }, ['--tls-cert', cert, '--tls-key', key]);
      expect(other.url).toMatch(/^https:/);
      const tls = { ca: authority.cert };
      const { status, headers } = await ask(other.url, { headers: BEARER, tls });
      expect([status, headers['strict-transport-security']]).toEqual([
        200,
        'max-age=63072000; includeSubDomains; preload',
      ]);
      expect((await ask(other.url, { tls })).status).toBe(401);
      await expect(ask(other.url, { headers: BEARER, tls: { ...tls, maxVersion: 'TLSv1.2' } })).rejects.toThrow(
        /protocol|version|handshake|alert/i,
      );
      await expect(ask(other.url, { headers: BEARER, tls: {} })).rejects.toThrow(/certificate/i);
      const plain = await ask(other.url.replace('https:', 'http:'), { headers: BEARER });
      expect([plain.status, plain.headers['location'], plain.text]).toEqual([308, other.url, '']);
    } finally {
      certificates.remove();
    }
  });

  it.each([
    ['a proxy stands in front and nobody is known', ['--behind-proxy', '127.0.0.1'], {}, 3],
    [
      'clients reach it by a name that is not said',
      ['--host', '0.0.0.0', '--behind-proxy', '10.0.0.1'],
      { API_KEY: KEY },
      3,
    ],
    ['the key would go in the open', ['--host', '0.0.0.0', '--public-url', 'https://a.test'], { API_KEY: KEY }, 3],
    ['the public URL is not of TLS', ['--public-url', 'http://a.test'], { API_KEY: KEY }, 3],
    ['the key holds a blank', [], { API_KEY: `${KEY} ${KEY}` }, 3],
    ['an origin is none', [], { ALLOWED_ORIGINS: 'https://a.test/' }, 3],
    ['a certificate has no key', ['--tls-cert', 'x.crt'], {}, 2],
    ['a certificate is not there', ['--tls-cert', 'x.crt', '--tls-key', 'x.key'], {}, 3],
  ] as const)('P3-01 P3-03/04 does not start when %s', async (_why, flags, env, code) => {
    const { command, args } = site.program();
    const options = { env: { ...site.env, ...env }, cwd: site.base, timeoutMs: 20_000 };
    const ended = await run(command, [...args, '--http', '--port', '0', ...flags], options);
    expect([ended.timedOut, ended.code]).toEqual([false, code]);
    expect(ended.stderr).not.toMatch(/listens on|\n\s+at /);
    expect(ended.stderr).not.toContain(KEY);
  });

  it('says which port is taken', async () => {
    await using first = await serveHttp(site);
    const { port } = new URL(first.url);
    const { command, args } = site.program();
    const options = { env: site.env, cwd: site.base, timeoutMs: 20_000 };
    const ended = await run(command, [...args, '--http', '--port', port], options);
    expect([ended.code, ended.stderr]).toEqual([1, expect.stringContaining(`port ${port} is taken on 127.0.0.1`)]);
  });
});
