/** A whole gateway that speaks TLS: versions, certificates that are replaced, client certificates, and MCP over it. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import type { Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { WebSocketClientTransport } from '@modelcontextprotocol/sdk/client/websocket.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSdk1, openSdk2 } from '../support/clients.ts';
import { temporaryHome } from '../support/home.ts';
import { run } from '../support/process.ts';
import { bearer, randomKey } from './support.ts';
import {
  ask,
  askList,
  askMcp,
  LOCALHOST,
  openPki,
  startSecured,
  toolsOf,
  trustAuthority,
  type Asked,
  type Authority,
  type Pair,
  type Pki,
  type Secured,
} from './web-support.ts';

const made: { pki?: Pki } = {};
const pki = (): Pki => made.pki as Pki;
const ca = (): string => pki().authority.cert;

beforeAll(async () => {
  made.pki = await openPki();
});
afterAll(async () => await made.pki?.[Symbol.asyncDispose]());

/** What `openssl s_client` says of a handshake. */
async function handshake(port: number, ...args: readonly string[]): Promise<string> {
  const words = ['s_client', '-connect', `localhost:${port}`, '-servername', 'localhost', ...args];
  const running = promisify(execFile)('openssl', words, { timeout: 20_000 });
  running.child.stdin?.end();
  const { stderr, stdout } = await running.catch((error: { stdout: string; stderr: string }) => error);
  return `${stdout}\n${stderr}`;
}

describe('versions and suites', () => {
  const at: { gateway?: Secured } = {};
  const port = (): number => (at.gateway as Secured).started.port;
  beforeAll(async () => {
    at.gateway = await startSecured(pki(), {});
  });
  afterAll(async () => await at.gateway?.[Symbol.asyncDispose]());

  it.each([['-tls1_2'], ['-tls1_2 -cipher ALL:@SECLEVEL=0'], ['-tls1_1'], ['-tls1']])(
    'P4-08 %s is refused',
    async (version) => {
      const said = await handshake(port(), ...version.split(' '));
      expect(said).toMatch(/alert protocol version|no protocols available|unsupported protocol/);
      expect(said).not.toMatch(/Cipher is (?:TLS|ECDHE)/);
    },
  );

  it.each(['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'])('P4-08 -tls1_3 with %s works', async (suite) => {
    const said = await handshake(port(), '-tls1_3', '-ciphersuites', suite);
    expect(said).toMatch(new RegExp(`TLSv1\\.3, Cipher is ${suite}`));
  });

  it('P4-08 -tls1_3 with a third suite is refused', async () => {
    const said = await handshake(port(), '-tls1_3', '-ciphersuites', 'TLS_AES_128_GCM_SHA256');
    expect(said).toContain('alert handshake failure');
  });
});

describe('MCP over TLS', () => {
  const at: { gateway?: Secured; trusted?: Disposable } = {};
  const url = (): string => `${(at.gateway as Secured).base}/mcp`;
  beforeAll(async () => {
    at.gateway = await startSecured(pki(), {});
    at.trusted = trustAuthority(pki().authority);
  });
  afterAll(async () => {
    at.trusted?.[Symbol.dispose]();
    await at.gateway?.[Symbol.asyncDispose]();
  });

  it('the session era, with an SDK client', async () => {
    await using opened = await openSdk1(url());
    expect((await opened.client.listTools()).tools.map(({ name }) => name)).toContain('up__pid');
    const { content } = await opened.client.callTool({ name: 'up__pid', arguments: {} });
    expect(content).toEqual([{ type: 'text', text: String(process.pid) }]);
  });

  it('the stateless era, with an SDK client', async () => {
    await using opened = await openSdk2(url(), { era: 'stateless' });
    const { content } = await opened.client.callTool({ name: 'up__pid', arguments: {} });
    expect(content).toEqual([{ type: 'text', text: String(process.pid) }]);
  });

  it('by WebSocket (wss), with an SDK client', async () => {
    const client = new Client({ name: 'wss', version: '1' });
    await client.connect(new WebSocketClientTransport(new URL(url().replace('https', 'wss'))));
    expect((await client.callTool({ name: 'up__pid', arguments: {} })).content).toEqual([
      { type: 'text', text: String(process.pid) },
    ]);
    await client.close();
  });
});

/** A connection that stays, and the certificate that is shown on it. */
function openAgent(): { readonly agent: Agent; readonly serials: Set<string>; readonly sockets: Set<Socket> } {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: ca() });
  const [serials, sockets] = [new Set<string>(), new Set<Socket>()];
  agent.on('free', (socket: TLSSocket) => {
    sockets.add(socket);
    serials.add(socket.getPeerCertificate().serialNumber);
  });
  return { agent, serials, sockets };
}

async function serialAt(port: number): Promise<string> {
  const socket = connect({ port, host: 'localhost', servername: 'localhost', ca: ca() });
  await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

describe('a certificate on disk', () => {
  it('P4-08 is replaced while calls go on: new connections get the new one, the old ones live, and a broken one is not taken', async () => {
    await using gateway = await startSecured(pki(), {});
    const { base, started } = gateway;
    const { agent, serials, sockets } = openAgent();
    const first = await serialAt(started.port);
    const calling = { goes: true, calls: 0 };
    const calls = (async () => {
      for (; calling.goes; calling.calls++) {
        const { status } = await askMcp(
          `${base}/mcp`,
          'tools/call',
          { name: 'up__pid', arguments: {} },
          { with: { agent } },
        );
        expect(status).toBe(200);
      }
    })();
    const again = (text: string, times: number): Promise<unknown> =>
      started.log.until(
        () => started.log.items.filter((line) => line.text.startsWith(text)).length >= times,
        `${times} times: ${text}`,
      );
    await pki().writePair(pki().authority.issue(LOCALHOST));
    await expect.poll(() => serialAt(started.port), { timeout: 20_000 }).not.toBe(first);
    const second = await serialAt(started.port);
    // The key that belongs to the certificate is in its place, too: what is broken from here on is new.
    await again('the certificates were read again', 1);

    await pki().write('cert.pem', '-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n');
    await again('the new certificates cannot be used', 1);
    expect(await serialAt(started.port)).toBe(second);
    const [refused] = started.log.items.filter(({ text }) => text.startsWith('the new certificates cannot be used'));
    expect(refused).toMatchObject({ level: 'error' });

    // Of another pair: its key does not fit.
    const before = started.log.items.length;
    await pki().write('cert.pem', pki().authority.issue(LOCALHOST).cert);
    await expect
      .poll(() => JSON.stringify(started.log.items.slice(before)), { timeout: 20_000 })
      .toContain('not that of the certificate');
    expect(await serialAt(started.port)).toBe(second);

    const repaired = pki().authority.issue(LOCALHOST);
    await pki().writePair(repaired);
    await expect.poll(() => serialAt(started.port), { timeout: 20_000 }).not.toBe(second);
    const soFar = calling.calls;
    await expect.poll(() => calling.calls).toBeGreaterThan(soFar);
    calling.goes = false;
    await calls;
    // All of it on the one connection, with the certificate that it began with.
    expect(sockets.size).toBe(1);
    expect([...serials]).toEqual([first]);
    agent.destroy();
  });
});

const ALICE = 'URI:spiffe://test/alice';
const POLICY = {
  roles: { dev: { claims: { san: [ALICE] } } },
  rules: [{ effect: 'allow', roles: ['dev'], servers: ['up'], tools: ['up__pid'] }],
};

describe('client certificates', () => {
  const at: { people?: Authority; strangers?: Authority; gateway?: Secured } = {};
  const people = (): Authority => at.people as Authority;
  const gateway = (): Secured => at.gateway as Secured;
  const url = (): string => `${gateway().base}/mcp`;
  const shown = (pair: Pair | undefined): Asked => ({ with: { ca: ca(), ...pair } });
  /** Of a certificate: the status, and the tools where there are some. */
  const outcome = async (pair: Pair | undefined, more: Asked = {}): Promise<unknown> => {
    const answer = await askList(url(), { ...more, ...shown(pair) });
    return answer.status === 200 ? toolsOf(answer) : answer.status;
  };

  beforeAll(async () => {
    at.people = pki().authorityOf('people');
    at.strangers = pki().authorityOf('strangers');
    const clientCa = await pki().write('people.pem', people().cert);
    const crl = await pki().write('crl.pem', people().revocations());
    at.gateway = await startSecured(pki(), { auth: { mode: 'mtls' }, policy: POLICY }, { tls: { clientCa, crl } });
  });
  afterAll(async () => await at.gateway?.[Symbol.asyncDispose]());

  it('P4-10 the right one is whom its subjectAltName says, in the role that the policy gives for it', async () => {
    const alice = people().issue({ commonName: 'x', subjectAltName: ALICE });
    expect(await outcome(alice)).toEqual(['up__pid']);
    const called = await askMcp(url(), 'tools/call', { name: 'up__pid', arguments: {} }, shown(alice));
    expect(called.body).toContain(`"text":"${process.pid}"`);
    // Whoever is known and has no role sees nothing, and the name of the role in the common name is none.
    expect(await outcome(people().issue({ odd: true }))).toEqual([]);
    const bob = people().issue({ commonName: 'dev', subjectAltName: 'URI:spiffe://test/bob' });
    expect(await outcome(bob)).toEqual([]);
    expect(await outcome(people().issue({ subjectAltName: 'URI:spiffe://test/bob,URI:spiffe://test/alice' }))).toEqual([
      'up__pid',
    ]);
  });

  it.each([
    ['none', () => undefined],
    ['one of another authority', () => at.strangers?.issue({ subjectAltName: ALICE })],
    ['one of the authority of servers', () => pki().authority.issue({ subjectAltName: ALICE })],
    ['one that has expired', () => people().issue({ subjectAltName: ALICE, expired: true })],
    ['one for servers', () => people().issue({ subjectAltName: ALICE, usage: 'serverAuth' })],
    ['one for nothing in particular', () => people().issue({ subjectAltName: ALICE, usage: null })],
    ['one with a common name alone', () => people().issue({ commonName: 'spiffe.test alice' })],
  ] as const)('P4-10 %s is refused', async (_name, make) => {
    expect(await outcome(make())).toBe(401);
    expect(await outcome(people().issue({ subjectAltName: ALICE }))).toEqual(['up__pid']);
  });

  it('P4-10 one that is revoked while its connection is open is cut off, and refused anew', async () => {
    const alice = people().issue({ subjectAltName: ALICE });
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: ca(), ...alice });
    expect(toolsOf(await askList(url(), { with: { agent } }))).toEqual(['up__pid']);
    const [socket] = Object.values(agent.freeSockets).flatMap((each) => each ?? []);
    const closed = new Promise<void>((resolve) => socket?.once('close', () => resolve()));
    await pki().write('crl.pem', people().revocations(alice));
    await closed;
    expect((await askList(url(), { with: { agent } })).status).toBe(401);
    expect(await outcome(people().issue({ subjectAltName: ALICE }))).toEqual(['up__pid']);
    agent.destroy();
  });

  it('P4-10 a session that is resumed after its authority was taken away is nobody’s', async () => {
    const alice = people().issue({ subjectAltName: ALICE });
    const options = { port: gateway().started.port, host: 'localhost', servername: 'localhost', ca: ca(), ...alice };
    const socket = connect(options);
    const sessions: Buffer[] = [];
    socket.on('session', (session) => sessions.push(session));
    await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
    const crl = await pki().read('crl.pem');
    await pki().write('people.pem', at.strangers?.cert ?? '');
    await pki().write('crl.pem', at.strangers?.revocations() ?? '');
    await expect.poll(() => outcome(alice), { timeout: 20_000 }).toBe(401);
    const answer = await askList(url(), {
      with: { ca: ca(), ...alice, ...(sessions[0] && { session: sessions[0] }) },
    });
    expect(answer.status).toBe(401);
    await pki().write('people.pem', people().cert);
    await pki().write('crl.pem', crl);
    await expect.poll(() => outcome(alice), { timeout: 20_000 }).toEqual(['up__pid']);
  });

  it('P4-10 without one there is no connection where the listener is not for this machine alone', async () => {
    const clientCa = await pki().write('all.pem', people().cert);
    await using open = await startSecured(
      pki(),
      { auth: { mode: 'mtls' } },
      { tls: { clientCa }, listen: { host: '0.0.0.0' } },
    );
    await expect(ask(`${open.base}/healthz`, { with: { ca: ca() } })).rejects.toThrow(
      /socket hang up|ECONNRESET|disconnected/,
    );
    const alice = people().issue({ subjectAltName: ALICE });
    expect((await askList(`${open.base}/mcp`, { with: { ca: ca(), ...alice } })).status).toBe(200);
  });
});

describe('plain HTTP', () => {
  it('P2-07 on the port of TLS is sent to https with 308, and what it carries is not processed', async () => {
    const key = randomKey();
    await using gateway = await startSecured(pki(), {
      auth: { mode: 'key', keys: [{ name: 'ann', key }] },
      limits: { failedAuthentications: 3 },
    });
    const { base, started, up } = gateway;
    const plain = `http://localhost:${started.port}/mcp?servers=up`;
    const call = (token: string): ReturnType<typeof askMcp> =>
      askMcp(plain, 'tools/call', { name: 'up__pid', arguments: {} }, { headers: bearer(token) });
    for (const token of [key, ...Array.from({ length: 10 }, () => randomKey())]) {
      const { body, headers, status } = await call(token);
      expect([status, headers['location'], body]).toEqual([
        308,
        [`https://localhost:${started.port}/mcp?servers=up`],
        '',
      ]);
    }
    expect(up.server.of('tools/call')).toEqual([]);
    // Ten wrong keys would have been too many: none of them was looked at.
    const wrong = await askList(`${base}/mcp`, { headers: bearer(randomKey()), with: { ca: ca() } });
    expect(wrong.status).toBe(401);
    expect((await askList(`${base}/mcp`, { headers: bearer(key), with: { ca: ca() } })).status).toBe(200);
  });

  it.each([
    ['without TLS', { host: '0.0.0.0' }, {}, 'reachable from elsewhere'],
    ['without TLS, on IPv6', { host: '::' }, {}, 'reachable from elsewhere'],
    [
      'without authentication, behind a proxy',
      { host: '0.0.0.0', plainBehindProxy: true },
      { mode: 'none' },
      'auth none',
    ],
  ])('P2-07 beyond loopback, %s, is refused at the start', async (_name, listen, auth, says) => {
    await using home = await temporaryHome();
    const program = new URL('../../packages/gateway/bin/sallyport.js', import.meta.url).pathname;
    const configuration = JSON.stringify({ mcpServers: {}, listen: { port: 0, ...listen }, auth });
    const file = `${home.path}/config.json`;
    await writeFile(file, configuration, { mode: 0o600 });
    const finished = await run(process.execPath, [program, 'serve', file], { env: home.env, timeoutMs: 20_000 });
    expect(finished.code, finished.stderr).toBe(3);
    expect(finished.stderr).toContain(says);
  });
});
