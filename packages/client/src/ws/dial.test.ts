import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { failure } from '../testing/calls.ts';
import { createSocketServers, greeter, type SocketServer } from '../testing/socket-servers.ts';
import { testUpstream, type TestUpstream } from '../testing/upstreams.ts';
import type { UpstreamOptions } from '../upstream.ts';

const servers = createSocketServers();
afterEach(() => servers.end());

/** A certificate of an authority that nobody knows, for `upstream.test`. */
const pki: { folder?: string; ca?: string; tls?: { key: string; cert: string } } = {};

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-tls-'));
  pki.folder = folder;
  const openssl = (line: string): Promise<unknown> => promisify(execFile)('openssl', line.split(' '), { cwd: folder });
  const fresh = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2';
  await openssl(`${fresh} -keyout ca.key -out ca.pem -subj /CN=authority -addext keyUsage=critical,keyCertSign`);
  await writeFile(join(folder, 'names'), 'subjectAltName=DNS:upstream.test,DNS:localhost');
  await openssl('req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out csr -subj /CN=upstream.test');
  await openssl('x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out cert');
  const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
  pki.ca = await read('ca.pem');
  pki.tls = { key: await read('key'), cert: await read('cert') };
});

afterAll(async () => {
  if (pki.folder !== undefined) await rm(pki.folder, { recursive: true });
});

/** Trusts the authority as `NODE_EXTRA_CA_CERTS` does: in the defaults of the process. */
function trustAuthority(): void {
  const before = getCACertificates('default');
  setDefaultCACertificates([...before, pki.ca as string]);
  servers.onEnd(() => setDefaultCACertificates(before));
}

interface Proxy {
  readonly port: number;
  readonly asked: string[];
}

/** Leads every CONNECT to one server, if it agrees. */
async function startProxy(port: number, status = 200): Promise<Proxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const proxy = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(500).end();
  });
  proxy.on('connect', (request: IncomingMessage, socket: Socket) => {
    asked.push(`CONNECT ${request.url} ${request.headers['proxy-authorization'] ?? '-'}`);
    socket.on('error', () => undefined);
    if (status !== 200) {
      socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const inner = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      inner.pipe(socket);
      socket.pipe(inner);
    });
    inner.on('error', () => socket.destroy());
    for (const each of [inner, socket]) sockets.add(each);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  servers.onEnd(
    () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy();
        proxy.close(() => resolve());
        proxy.closeAllConnections();
      }),
  );
  return { port: (proxy.address() as AddressInfo).port, asked };
}

const secure = (): Promise<SocketServer> =>
  servers.serve({ onMessage: greeter('session'), ...(pki.tls !== undefined && { tls: pki.tls }) });

function to(url: string, env: UpstreamOptions['env'] = {}): TestUpstream {
  const opened = testUpstream(
    { kind: 'ws', url: new URL(url), headers: { authorization: 'Bearer upstream' } },
    { env },
  );
  servers.onEnd(() => opened.upstream.close());
  return opened;
}

describe('wss', () => {
  it('trusts the authorities of the process, and nobody else', async () => {
    const server = await secure();
    const url = `wss://localhost:${server.port}/mcp`;
    const error = await failure(to(url).upstream.leg('session'));
    expect(error).toMatchObject({ reason: 'down' });
    expect(server.upgrades.all).toEqual([]);
    trustAuthority();
    expect((await to(url).upstream.leg('session')).era).toBe('session');
    // The name must be one of the certificate.
    const wrong = await failure(to(`wss://127.0.0.1:${server.port}/mcp`).upstream.leg('session'));
    expect(wrong.message).toMatch(/IP/);
  });
});

describe('a proxy', () => {
  it('is asked for a tunnel to wss, with its own credential alone', async () => {
    trustAuthority();
    const server = await secure();
    const proxy = await startProxy(server.port);
    const env = { HTTPS_PROXY: `http://user:p%40ss@127.0.0.1:${proxy.port}`, HTTP_PROXY: 'http://127.0.0.1:1' };
    expect((await to('wss://upstream.test/mcp', env).upstream.leg('session')).era).toBe('session');
    expect(proxy.asked).toEqual([`CONNECT upstream.test:443 Basic ${Buffer.from('user:p@ss').toString('base64')}`]);
    const { headers } = await server.upgrades.next();
    expect([headers.authorization, headers['proxy-authorization']]).toEqual(['Bearer upstream', undefined]);
  });

  it('sees nothing of a server whose authority is not trusted', async () => {
    const server = await secure();
    const proxy = await startProxy(server.port);
    const env = { https_proxy: `127.0.0.1:${proxy.port}` };
    expect(await failure(to('wss://upstream.test/mcp', env).upstream.leg('session'))).toMatchObject({ reason: 'down' });
    expect([proxy.asked.length, server.upgrades.all.length]).toEqual([1, 0]);
  });

  it('is asked for a tunnel to ws too', async () => {
    const server = await servers.serve({ onMessage: greeter('session') });
    const proxy = await startProxy(server.port);
    const env = { http_proxy: `http://127.0.0.1:${proxy.port}` };
    expect((await to('ws://upstream.test:8080/mcp', env).upstream.leg('session')).era).toBe('session');
    expect(proxy.asked).toEqual(['CONNECT upstream.test:8080 -']);
  });

  it('is not asked for a loopback address, nor for what NO_PROXY names', async () => {
    const server = await servers.serve({ onMessage: greeter('session') });
    const proxy = await startProxy(server.port);
    const env = { HTTP_PROXY: `http://127.0.0.1:${proxy.port}`, NO_PROXY: '.invalid' };
    expect((await to(`ws://127.0.0.1:${server.port}/mcp`, env).upstream.leg('session')).era).toBe('session');
    expect(await failure(to('ws://upstream.invalid/mcp', env).upstream.leg('session'))).toMatchObject({
      reason: 'down',
    });
    expect(proxy.asked).toEqual([]);
  });

  it.each([
    [407, /credential/],
    [502, /502/],
  ])('says so when it answers %i', async (status, text) => {
    const proxy = await startProxy(1, status);
    const env = { HTTP_PROXY: `http://user:secret@127.0.0.1:${proxy.port}` };
    const error = await failure(to('ws://upstream.test/mcp', env).upstream.leg('session'));
    expect(error).toMatchObject({ reason: 'down' });
    expect(error.message).toMatch(text);
    expect(error.message).not.toContain('secret');
  });

  it('must be there, and must be a URL', async () => {
    const gone = await failure(to('ws://upstream.test/', { HTTP_PROXY: 'http://127.0.0.1:1' }).upstream.leg('session'));
    expect(gone).toMatchObject({ reason: 'down' });
    expect(gone.message).toMatch(/127\.0\.0\.1:1.*ECONNREFUSED/);
    const none = await failure(to('ws://upstream.test/', { HTTP_PROXY: 'ftp://secret@x' }).upstream.leg('session'));
    expect(none.message).toMatch(/HTTP_PROXY/);
    expect(none.message).not.toContain('secret');
  });
});
