/**
 * The headers of every answer that a gateway gives, of whatever kind and at whatever path, with TLS and without.
 */
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ENVELOPE, statelessHeaders } from '../gateway/raw-client.ts';
import { bearer, createIssuer, randomKey } from './support.ts';
import { WebBrowser } from '../../packages/server/src/browser/testing/web-browser.ts';
import { answerOf, openRaw, sendRaw } from './web-raw.ts';
import { authorizeUrl, openSite, register, secureFor, toConsent, type Kind, type Site } from './web-site.ts';
import { ask, askList, askMcp, MCP_HEADERS, type Answered, type Asked } from './web-support.ts';

/** The values to the letter, one of each. */
const ALWAYS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'x-xss-protection': '1; mode=block',
  'referrer-policy': 'strict-origin-when-cross-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  vary: 'Origin',
};
const HSTS = 'max-age=63072000; includeSubDomains; preload';
const OTHERWISE = { csp: "default-src 'self'", caching: 'no-store' };
const PAGE = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

interface Expected {
  readonly csp: string;
  readonly caching: string;
}

/** The headers of an answer that this is about, with what must be there and what must not. */
function table({ headers }: Answered): Record<string, readonly string[] | undefined> {
  const names = [...Object.keys(ALWAYS), 'content-security-policy', 'cache-control', 'strict-transport-security'];
  return Object.fromEntries([...names, 'x-powered-by', 'server', 'via'].map((name) => [name, headers[name]]));
}

function expected(kind: Kind, { csp, caching }: Expected): ReturnType<typeof table> {
  return {
    ...Object.fromEntries(Object.entries(ALWAYS).map(([name, value]) => [name, [value]])),
    'content-security-policy': [csp],
    'cache-control': [caching],
    'strict-transport-security': kind === 'tls' ? [HSTS] : undefined,
    'x-powered-by': undefined,
    server: undefined,
    via: undefined,
  };
}

const KEY = randomKey();
const ORIGIN = 'https://app.example';
const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};
const CONFIGURATION = {
  views: { few: { servers: ['up'] } },
  limits: { body: '2 KiB', failedAuthentications: 30, rate: { perServer: '20/h' } },
};

async function open(kind: Kind): Promise<Site> {
  return await openSite(kind, {
    auth: { keys: [{ name: 'ann', key: KEY }] },
    configuration: CONFIGURATION,
    listen: { origins: [ORIGIN] },
  });
}

describe.each<Kind>(['tls', 'loopback'])('every answer, %s', (kind) => {
  const at: { site?: Site; clientId?: string; session?: string } = {};
  const site = (): Site => at.site as Site;
  const secure = (): Asked => secureFor(site());
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answered> =>
    ask(`${site().base}${path}`, { method, headers, ...secure() });
  const authed = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answered> =>
    get(path, { ...bearer(KEY), ...headers }, method);
  const post = (path: string, body: string, headers: Record<string, string> = {}): Promise<Answered> =>
    ask(`${site().base}${path}`, {
      method: 'POST',
      body,
      headers: { ...MCP_HEADERS, ...bearer(KEY), ...headers },
      ...secure(),
    });
  const inSession = (): Record<string, string> => ({
    'mcp-session-id': at.session as string,
    'mcp-protocol-version': '2025-11-25',
  });

  beforeAll(async () => {
    at.site = await open(kind);
    at.clientId = await register(site());
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } };
    const opened = await post('/mcp', JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }));
    at.session = opened.headers['mcp-session-id']?.[0] ?? '';
  });
  afterAll(async () => await at.site?.[Symbol.asyncDispose]());

  const host = (): string => new URL(site().base).host;
  const rows: readonly (readonly [string, number, () => Promise<Answered>, Partial<Expected>?])[] = [
    ['MCP, an answer as JSON', 200, () => askList(`${site().base}/mcp`, { headers: bearer(KEY), ...secure() })],
    ['MCP of one server', 200, () => askList(`${site().base}/mcp/s/up`, { headers: bearer(KEY), ...secure() })],
    ['MCP of a view', 200, () => askList(`${site().base}/mcp/v/few`, { headers: bearer(KEY), ...secure() })],
    [
      'MCP, an answer as a stream',
      200,
      () =>
        askMcp(
          `${site().base}/mcp`,
          'subscriptions/listen',
          { notifications: { toolsListChanged: true } },
          {
            headers: bearer(KEY),
            ...secure(),
          },
        ),
      { caching: 'no-cache, no-transform' },
    ],
    [
      'the stream of a session',
      200,
      () => authed('/mcp', { accept: 'text/event-stream', ...inSession() }),
      { caching: 'no-cache, no-transform' },
    ],
    [
      'the legacy stream',
      200,
      () => authed('/sse', { accept: 'text/event-stream' }),
      { caching: 'no-cache, no-transform' },
    ],
    ['a notification', 202, () => post('/mcp', '{"jsonrpc":"2.0","method":"notifications/initialized"}', inSession())],
    ['health', 200, () => get('/healthz')],
    ['readiness', 200, () => get('/readyz', {}, 'HEAD')],
    ['metrics', 200, () => authed('/metrics', { authorization: `Bearer ${site().started.gateway.localKey}` })],
    ['the challenge', 200, () => get('/api/v1/challenge?nonce=0123456789abcdef')],
    ['the administration', 200, () => authed('/api/v1/system', bearer(site().started.gateway.localKey ?? ''))],
    ['metadata of a resource', 200, () => get('/.well-known/oauth-protected-resource/mcp')],
    ['metadata of the server', 200, () => get('/.well-known/oauth-authorization-server')],
    ['a client that registers', 400, () => post('/oauth/register', '{}')],
    [
      'a token that is refused',
      401,
      () => post('/oauth/token', 'x=1', { 'content-type': 'application/x-www-form-urlencoded' }),
    ],
    ['the sign-in page', 200, () => get('/login'), { csp: PAGE }],
    [
      'the page in place of another',
      401,
      () =>
        get(
          new URL(authorizeUrl(site(), at.clientId ?? '').url).pathname +
            new URL(authorizeUrl(site(), at.clientId ?? '').url).search,
        ),
      { csp: PAGE },
    ],
    ['a page that refuses', 400, () => get('/oauth/authorize'), { csp: PAGE }],
    ['a callback from nowhere', 403, () => get('/oauth/callback?state=x'), { csp: PAGE }],
    ['a link that is none', 401, () => get('/login/none')],
    [
      'a preflight of a page that may call',
      204,
      () => get('/mcp', { origin: ORIGIN, 'access-control-request-method': 'POST' }, 'OPTIONS'),
    ],
    ['JSON that is none', 400, () => post('/mcp', '{')],
    [
      'a target that is no path',
      400,
      () => sendRaw(site(), `GET http://${host()}/mcp HTTP/1.1\r\nhost: ${host()}\r\n\r\n`),
    ],
    ['what is no HTTP', 400, () => sendRaw(site(), 'HELLO\r\n\r\n')],
    [
      'two lengths',
      400,
      () => sendRaw(site(), `POST /mcp HTTP/1.1\r\nhost: ${host()}\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n`),
    ],
    ['no credential', 401, () => get('/mcp')],
    ['no credential, for the administration', 401, () => get('/api/v1/keys')],
    ['no credential, where nothing is', 401, () => get('/x')],
    ['a page that may not call', 403, () => authed('/mcp', { origin: 'https://evil.example' })],
    [
      'its preflight',
      403,
      () => get('/mcp', { origin: 'https://evil.example', 'access-control-request-method': 'POST' }, 'OPTIONS'),
    ],
    ['a host that is another', 403, () => sendRaw(site(), `GET /mcp HTTP/1.1\r\nhost: evil.example\r\n\r\n`)],
    [
      'a host that is another, at a page',
      403,
      () => sendRaw(site(), `GET /login HTTP/1.1\r\nhost: evil.example\r\n\r\n`),
    ],
    ['nothing there', 404, () => authed('/mcp/s/none')],
    ['nothing there, elsewhere', 404, () => authed('/x')],
    ['a document that is none', 404, () => get('/.well-known/openid-configuration')],
    [
      'a session that is none',
      404,
      () => post('/mcp', '{"jsonrpc":"2.0","id":1,"method":"ping"}', { ...inSession(), 'mcp-session-id': 'none' }),
    ],
    ['a method', 405, () => authed('/mcp', {}, 'PUT')],
    ['a method, of a public path', 405, () => get('/healthz', {}, 'POST')],
    ['a method, of a page', 405, () => get('/login', {}, 'PUT'), { csp: PAGE }],
    [
      'what is not accepted',
      406,
      () => post('/mcp', '{"jsonrpc":"2.0","id":1,"method":"ping"}', { accept: 'text/html' }),
    ],
    ['a body that is too large', 413, () => post('/mcp', `{"jsonrpc":"2.0","id":1,"method":"${'x'.repeat(4096)}"}`)],
    ['a type', 415, () => post('/mcp', 'x', { 'content-type': 'text/plain' })],
    ['an encoding', 415, () => post('/mcp', 'x', { 'content-encoding': 'gzip' })],
    ['headers that are too many', 431, () => get('/mcp', { x: 'x'.repeat(20_000) })],
    ['a WebSocket', 101, () => authed('/mcp', UPGRADE)],
    ['a WebSocket without a credential', 401, () => get('/mcp', UPGRADE)],
    ['a WebSocket of another page', 403, () => authed('/mcp', { ...UPGRADE, origin: 'https://evil.example' })],
    ['a WebSocket where none is', 404, () => authed('/mcp/s/none', UPGRADE)],
    ['a WebSocket of another version', 400, () => authed('/mcp', { ...UPGRADE, 'sec-websocket-version': '7' })],
  ];

  it.each(rows.map(([name, status, send, own]) => ({ name, status, send, own })))(
    'P3-11 $name ($status) has them all',
    async ({ own, send, status }) => {
      const answer = await send();
      expect([answer.status, table(answer)]).toEqual([status, expected(kind, { ...OTHERWISE, ...own })]);
    },
  );

  it('P3-11 the style of the pages has them, and may be kept', async () => {
    const [, style = ''] = /href="(\/login\/[^"]+\.css)"/.exec((await get('/login')).body) ?? [];
    const answer = await get(style);
    const caching = 'public, max-age=31536000, immutable';
    expect([answer.status, table(answer)]).toEqual([200, expected(kind, { ...OTHERWISE, caching })]);
  });

  it('P3-11 a redirect (303) has them', async () => {
    const { url } = authorizeUrl(site(), at.clientId ?? '', { resource: 'https://elsewhere.example/' });
    const { headers, status } = await toConsent(new WebBrowser(site().ca), url);
    const answer = {
      status,
      headers: Object.fromEntries(Object.entries(headers).map(([name, value = '']) => [name, [value].flat()])),
      body: '',
    };
    expect([status, table(answer)]).toEqual([303, expected(kind, OTHERWISE)]);
  });

  it('P3-11 what is over a limit (429) has them', async () => {
    const call = (): Promise<Answered> =>
      askMcp(
        `${site().base}/mcp`,
        'tools/call',
        { name: 'up__pid', arguments: {} },
        { headers: bearer(KEY), ...secure() },
      );
    let answer = await call();
    while (answer.status === 200) answer = await call();
    expect([answer.status, table(answer)]).toEqual([429, expected(kind, OTHERWISE)]);
    expect(answer.headers['retry-after']).toHaveLength(1);
  });

  it('P3-11 too many wrong keys (429) have them', async () => {
    const knock = (): Promise<Answered> => get('/mcp', bearer(randomKey()));
    let answer = await knock();
    while (answer.status === 401) answer = await knock();
    expect([answer.status, table(answer)]).toEqual([429, expected(kind, OTHERWISE)]);
  });
});

describe('every answer, while the gateway stops and where servers fail', () => {
  it.each<Kind>(['tls', 'loopback'])('P3-11 a body that arrives when the gateway stops (503), %s', async (kind) => {
    await using site = await open(kind);
    const params = { name: 'up__pid', arguments: {} };
    const _meta = { ...ENVELOPE, 'io.modelcontextprotocol/clientCapabilities': {} };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { ...params, _meta } });
    const headers = { ...MCP_HEADERS, ...bearer(KEY), ...statelessHeaders('tools/call', params) };
    const head = [
      'POST /mcp HTTP/1.1',
      `host: ${new URL(site.base).host}`,
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      `content-length: ${body.length}`,
      'expect: 100-continue',
    ];
    const socket = openRaw(site);
    socket.write(`${head.join('\r\n')}\r\n\r\n`);
    await once(socket, 'data');
    const closed = site.started.gateway.close();
    socket.write(body);
    const answer = await answerOf(socket);
    expect([answer.status, table(answer)]).toEqual([503, expected(kind, OTHERWISE)]);
    await closed;
  });

  it.each<Kind>(['tls', 'loopback'])('P3-11 a credential that nobody can check now (503), %s', async (kind) => {
    const issuer = createIssuer('http://127.0.0.1:1');
    await using site = await openSite(kind, {
      auth: { mode: 'jwt', jwt: { issuer: issuer.issuer } },
    });
    const token = issuer.token({ aud: `${site.base}/mcp` });
    const answer = await askList(`${site.base}/mcp`, { headers: bearer(token), ...secureFor(site) });
    expect([answer.status, table(answer)]).toEqual([503, expected(kind, OTHERWISE)]);
  });

  it.each<Kind>(['tls', 'loopback'])('P3-11 a provider that is gone (503), %s', async (kind) => {
    await using site = await open(kind);
    await site.people[Symbol.asyncDispose]();
    const answer = await ask(`${site.base}/login`, {
      method: 'POST',
      headers: { origin: site.base, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'return=%2Flogin',
      ...secureFor(site),
    });
    expect([answer.status, table(answer)]).toEqual([503, expected(kind, { ...OTHERWISE, csp: PAGE })]);
  });

  it.each<Kind>(['tls', 'loopback'])('P3-11 a server that is gone, %s', async (kind) => {
    await using site = await open(kind);
    const call = (): Promise<Answered> =>
      askMcp(
        `${site.base}/mcp`,
        'tools/call',
        { name: 'up__pid', arguments: {} },
        { headers: bearer(KEY), ...secureFor(site) },
      );
    expect((await call()).status).toBe(200);
    await site.up[Symbol.asyncDispose]();
    const failed = await call();
    expect(failed.body).toContain('"code":-31001');
    expect([failed.status, table(failed)]).toEqual([200, expected(kind, OTHERWISE)]);
  });

  it('P3-11 a plain request on the port of TLS (308) has them, and promises nothing for it', async () => {
    await using site = await open('tls');
    const moved = await sendRaw(site, `GET /mcp HTTP/1.1\r\nhost: localhost:${site.started.port}\r\n\r\n`, true);
    expect([moved.status, table(moved)]).toEqual([308, expected('loopback', OTHERWISE)]);
    const strange = await sendRaw(site, 'GET /mcp HTTP/1.1\r\nhost: evil.example\r\n\r\n', true);
    expect([strange.status, table(strange)]).toEqual([400, expected('loopback', OTHERWISE)]);
  });
});
