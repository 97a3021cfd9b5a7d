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
  askList,
  askMcp,
  LOCALHOST,
  openPki,
  startSecured,
  trustAuthority,
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

  it('P4-08 TLS 1.2 is refused also where suites of it are named, unless it is asked for', async () => {
    const cipherSuites = ['TLS_AES_256_GCM_SHA384', 'ECDHE-ECDSA-AES256-GCM-SHA384'];
    await using named = await startSecured(pki(), {}, { tls: { cipherSuites } });
    expect(await handshake(named.started.port, '-tls1_2')).toContain('alert protocol version');
    await using wanted = await startSecured(pki(), {}, { tls: { cipherSuites, minVersion: 'TLSv1.2' } });
    expect(await handshake(wanted.started.port, '-tls1_2')).toContain('Cipher is ECDHE-ECDSA-AES256-GCM-SHA384');
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
