import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { hasOpenssl, openCertificates, type Certificates, type Pair } from '../testing/certificates.ts';
import { call, hello, inSession, openDoor, stateless, type DoorOptions, type TestDoor } from '../testing/door.ts';
import { JSON_HEADERS, RawClient, type RawResponse } from '../testing/raw-client.ts';
import { GuardedResponse } from './headers.ts';
import { TLS_CIPHER_SUITES, type TlsOptions } from './tls-options.ts';

const doors: TestDoor[] = [];
const clients: RawClient[] = [];
let certificates: Certificates | undefined;
let server: Pair | undefined;

if (!hasOpenssl()) console.warn('The headers of answers over TLS are not tested: there is no openssl command.');

beforeAll(() => {
  if (!hasOpenssl()) return;
  certificates = openCertificates();
  server = certificates.authority('servers').issue({ subjectAltName: 'IP:127.0.0.1', usage: 'serverAuth' });
});

afterAll(() => certificates?.remove());

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  for (const opened of doors.splice(0)) await opened.close();
});

const STRICT_TRANSPORT = 'max-age=63072000; includeSubDomains; preload';

/** What every answer has, to the letter. */
const EXPECTED: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'x-xss-protection': '1; mode=block',
  'referrer-policy': 'strict-origin-when-cross-origin',
  'content-security-policy': "default-src 'self'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'cache-control': 'no-store',
  vary: 'Origin',
};

const UPGRADE = {
  connection: 'upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};
const STREAM = { accept: 'text/event-stream' };
const [BODY, HEADERS] = stateless(1, 'tools/call', { name: 'echo' });
const ORIGIN = { origin: 'https://app.example' };

type Head = Omit<RawResponse, 'body'>;

interface Kind {
  readonly status: number;
  readonly ask: (client: RawClient, session: string) => void;
  readonly options?: DoorOptions;
  /** Where it differs. */
  readonly own?: Readonly<Record<string, string>>;
}

const get =
  (target: string, headers: Record<string, string> = {}): Kind['ask'] =>
  (client) =>
    client.request('GET', target, headers);
const post =
  (body: string, headers: Record<string, string> = HEADERS): Kind['ask'] =>
  (client) =>
    client.post(body, headers);
const write =
  (bytes: string): Kind['ask'] =>
  (client) =>
    void client.socket.write(bytes);

const STREAMING = { 'cache-control': 'no-cache, no-transform' };
const crash: DoorOptions = { handle: () => Promise.reject(new Error('secret')) };

const KINDS: Readonly<Record<string, Kind>> = {
  'a result': { status: 200, ask: post(BODY) },
  'a large result': {
    status: 200,
    ask: post(BODY),
    options: { handle: async () => ({ kind: 'value', result: { big: 'b'.repeat(100_000) } }) },
  },
  'a new session': { status: 200, ask: post(hello('2025-11-25'), {}) },
  'an answer as a stream': { status: 200, ask: post(BODY, { ...HEADERS, ...STREAM }), own: STREAMING },
  "a session's stream": {
    status: 200,
    ask: (client, session) => client.request('GET', '/mcp', { ...inSession(session), ...STREAM }),
    own: STREAMING,
  },
  'a stream of HTTP+SSE': { status: 200, ask: get('/sse', STREAM), own: STREAMING },
  'a notification': {
    status: 202,
    ask: (client, session) => client.post('{"jsonrpc":"2.0","method":"notifications/x"}', inSession(session)),
  },
  'the end of a session': {
    status: 204,
    ask: (client, session) => client.request('DELETE', '/mcp', inSession(session)),
  },
  'a preflight': { status: 204, ask: (client) => client.request('OPTIONS', '/mcp', ORIGIN) },
  'a preflight of a public route': { status: 204, ask: (client) => client.request('OPTIONS', '/known', ORIGIN) },
  'an answer to a page': { status: 200, ask: post(BODY, { ...HEADERS, ...ORIGIN }) },
  health: { status: 200, ask: get('/healthz', { host: 'evil.test' }) },
  'a public route': { status: 200, ask: get('/known') },
  'a public route that a page asks for': { status: 200, ask: get('/known', ORIGIN) },
  'a page with a policy of its own': {
    status: 200,
    ask: get('/page'),
    own: { 'content-security-policy': "default-src 'none'", 'cache-control': 'max-age=60' },
  },
  'a public route that fails': { status: 500, ask: get('/broken') },
  'no JSON': { status: 400, ask: post('{') },
  'a target that is no path': { status: 400, ask: get('http://evil.test/') },
  'no credential': { status: 401, ask: post(BODY, { ...HEADERS, authorization: '' }) },
  'no credential elsewhere': { status: 401, ask: get('/', { authorization: '' }) },
  'a strange Host': { status: 403, ask: get('/', { host: 'evil.test' }) },
  'a strange Origin': { status: 403, ask: post(BODY, { ...HEADERS, origin: 'null' }) },
  'no such path': { status: 404, ask: get('/mcp/none') },
  'no such session': {
    status: 404,
    ask: (client) => client.post(call(1), inSession('00000000-0000-0000-0000-000000000000')),
  },
  'a method that is not allowed': { status: 405, ask: (client) => client.request('PUT', '/mcp') },
  'nothing acceptable': { status: 406, ask: post(BODY, { ...HEADERS, accept: 'text/html' }) },
  'too large a body': {
    status: 413,
    ask: (client) => client.request('POST', '/mcp', { ...JSON_HEADERS, 'content-length': '9999999' }),
  },
  'another media type': { status: 415, ask: post(BODY, { ...HEADERS, 'content-type': 'text/plain' }) },
  'an unknown method': {
    status: 404,
    ask: post(BODY),
    options: {
      handle: async () => ({ kind: 'error', status: 404, error: { code: -32601, message: 'Unknown method.' } }),
    },
  },
  'a call that fails': { status: 200, ask: post(BODY), options: crash },
  'credentials that cannot be judged': {
    status: 500,
    ask: post(BODY),
    options: {
      authenticate: () => {
        throw new Error('secret');
      },
    },
  },
  'credentials that could not be looked up': {
    status: 500,
    ask: post(BODY),
    options: { authenticate: () => Promise.reject(new Error('secret')) },
  },
  'too many connections of a principal': { status: 429, ask: get('/sse', STREAM), options: { maxPerPrincipal: 0 } },
  'too many streams of a principal': {
    status: 429,
    ask: (client, session) => client.request('GET', '/mcp', { ...inSession(session), ...STREAM }),
    options: { maxPerPrincipal: 0 },
  },
  'a WebSocket': { status: 101, ask: get('/mcp', UPGRADE) },
  'a WebSocket of a stranger': { status: 401, ask: get('/mcp', { ...UPGRADE, authorization: '' }) },
  'a WebSocket of a strange page': { status: 403, ask: get('/mcp', { ...UPGRADE, origin: 'http://evil.test' }) },
  'a WebSocket of another version': { status: 400, ask: get('/mcp', { ...UPGRADE, 'sec-websocket-version': '8' }) },
  'a WebSocket without its key': { status: 400, ask: get('/mcp', { ...UPGRADE, 'sec-websocket-key': 'x' }) },
  'a WebSocket over the limit': { status: 429, ask: get('/mcp', UPGRADE), options: { maxPerPrincipal: 0 } },
  'no HTTP': { status: 400, ask: write('garbage\r\n\r\n') },
  'too large a head': { status: 431, ask: write(`GET / HTTP/1.1\r\nx: ${'x'.repeat(17_000)}\r\n\r\n`) },
  'too slow a head': {
    status: 408,
    ask: write('GET / HTTP/1.1\r\n'),
    options: { limits: { headerTimeoutMs: 50 } },
  },
};

async function door(options: DoorOptions = {}): Promise<TestDoor> {
  const opened = await openDoor({ connections: {}, origins: [ORIGIN.origin], ...options });
  doors.push(opened);
  return opened;
}

async function ask({ ask: say, options }: Kind, more: DoorOptions, tls: boolean): Promise<Head> {
  const opened = await door({ ...options, ...more });
  const { id } = opened.sessions.open({
    endpoint: '/mcp',
    principal: { issuer: 'test', subject: 'alice', roles: [] },
    revision: '2025-11-25',
    client: { info: undefined, capabilities: {} },
  }) as { id: string };
  const client = await RawClient.connect(opened.port, tls ? { rejectUnauthorized: false } : undefined);
  clients.push(client);
  say(client, id);
  return await client.head();
}

/** Those of the headers that are the same everywhere, or should be. */
function shown({ headers }: Head): Record<string, string> {
  const names = [...Object.keys(EXPECTED), 'strict-transport-security', 'x-powered-by', 'server'];
  return Object.fromEntries(names.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])));
}

describe('every answer has the headers', () => {
  it.each(Object.keys(KINDS))('P3-11 P2-08 %s', async (name) => {
    const kind = KINDS[name] as Kind;
    const response = await ask(kind, {}, false);
    expect([response.status, shown(response)]).toEqual([kind.status, { ...EXPECTED, ...kind.own }]);
    expect(response.headers['access-control-allow-origin']).not.toBe('*');
  });

  it.skipIf(!hasOpenssl()).each(Object.keys(KINDS))('P3-11 P2-08 %s, over TLS (needs openssl)', async (name) => {
    const kind = KINDS[name] as Kind;
    const load: TlsOptions['load'] = () => ({
      ...(server as Pair),
      minVersion: 'TLSv1.3',
      cipherSuites: TLS_CIPHER_SUITES,
    });
    const response = await ask(kind, { tls: { load, requireCertificate: false } }, true);
    const expected = { ...EXPECTED, ...kind.own, 'strict-transport-security': STRICT_TRANSPORT };
    expect([response.status, shown(response)]).toEqual([kind.status, expected]);
  });

  it('P3-11 of a refused connection', async () => {
    const opened = await door({ limits: { connectionsPerAddress: 0 } });
    const client = await opened.connect();
    clients.push(client);
    const response = await client.head();
    expect([response.status, shown(response)]).toEqual([429, EXPECTED]);
  });

  it.each([
    ['127.0.0.1', 'https', STRICT_TRANSPORT],
    ['127.0.0.1', 'http', undefined],
    ['10.0.0.1', 'https', undefined],
  ])('P3-11 HSTS is said when the proxy %s says %s, if it is trusted', async (proxy, proto, expected) => {
    const opened = await door({ trustProxy: [proxy] });
    for (const [target, more] of [
      ['/known', {}],
      ['/mcp', UPGRADE],
    ] as const) {
      const client = await opened.connect();
      clients.push(client);
      client.request('GET', target, { 'x-forwarded-proto': proto, ...more });
      expect((await client.head()).headers['strict-transport-security']).toBe(expected);
    }
  });

  it('P2-08 CORS names an allowed origin exactly, and no other in any way', async () => {
    const opened = await door();
    for (const [origin, allowed] of [
      ['https://app.example', true],
      ['https://other.example', false],
      ['null', false],
    ] as const) {
      for (const method of ['OPTIONS', 'POST', 'GET']) {
        for (const target of ['/mcp', '/known']) {
          const { headers, status } = await opened.request(method, target, { origin });
          expect([origin, headers['access-control-allow-origin'], headers['vary']]).toEqual([
            origin,
            allowed ? origin : undefined,
            'Origin',
          ]);
          expect(headers['access-control-allow-credentials']).toBeUndefined();
          expect(status === 403).toBe(!allowed);
        }
      }
    }
  });
});

it.each([
  ['a list', ['CACHE-control', 'private', 'x', 'y']],
  ['a list of pairs', [['Cache-Control', 'private']]],
  ['an object', { 'Cache-Control': 'private' }],
] as const)('headers of its own are seen in %s', async (_name, headers) => {
  const lines: string[] = [];
  const request = { method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1, headers: {} };
  const response = new GuardedResponse(request as never);
  const socket = { on: () => {}, cork: () => {}, uncork: () => {}, writable: true };
  response.assignSocket({ ...socket, write: (text: string) => lines.push(text) } as never);
  response.writeHead(200, headers as never).flushHeaders();
  const own = lines
    .join('')
    .toLowerCase()
    .match(/cache-control: .*/g);
  expect(own).toEqual(['cache-control: private']);
});

it('nothing is served where node:http writes its heads in another way', () => {
  expect(() => GuardedResponse.check()).not.toThrow();
  const hook = vi.spyOn(GuardedResponse.prototype, '_storeHeader').mockReturnValue();
  expect(() => GuardedResponse.check()).toThrow('is not supported');
  hook.mockRestore();
});
