/** Over real TLS, on every transport that has it, also through a proxy. */

import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { json } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import type { JsonObject } from '@sallyport/wire';
import { createAuthority, pinOf, type Authority, type Signed } from './testing/authority.ts';
import { failure } from './testing/calls.ts';
import { ok } from './testing/http-servers.ts';
import { Inbox } from './testing/inbox.ts';
import { testUpstream } from './testing/upstreams.ts';
import type { TlsFiles, Upstream, WsTarget } from './upstream.ts';

const pki: { authority?: Authority; good?: Signed; other?: Signed } = {};
const authority = (): Authority => pki.authority!;
const good = (): Signed => pki.good!;

beforeAll(async () => {
  pki.authority = await createAuthority();
  pki.good = await authority().sign('DNS:localhost,DNS:up.test,IP:127.0.0.1');
  pki.other = await authority().sign('DNS:localhost');
});
afterAll(() => authority().end());

const cleanups: Array<() => Promise<void> | void> = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => void sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  return (server.address() as AddressInfo).port;
}

/** A server that listens to what is said to it within TLS, and says nothing. */
async function overhear(tls: TlsOptions): Promise<{ port: number; heard: string[]; closed: Inbox<boolean> }> {
  const heard: string[] = [];
  const closed = new Inbox<boolean>();
  const server = createTlsServer(tls, (socket: TLSSocket) => {
    socket.on('data', (chunk: Buffer) => heard.push(chunk.toString()));
    socket.on('error', () => undefined);
  });
  server.on('tlsClientError', () => undefined);
  server.on('connection', (socket: Socket) => socket.on('close', (hadError) => closed.push(hadError)));
  return { port: await listen(server), heard, closed };
}

const initialized = ({ id }: JsonObject, protocolVersion = '2025-06-18'): JsonObject =>
  ok(id, { protocolVersion, capabilities: {}, serverInfo: { name: 's' } });

/** A server of all three transports; `clients` are the names in the certificates that clients showed. */
async function serve(tls: TlsOptions): Promise<{ port: number; clients: (string | undefined)[] }> {
  const clients: (string | undefined)[] = [];
  const streams: ServerResponse[] = [];
  const answer = (url: string | undefined, message: JsonObject, response: ServerResponse): void => {
    if (message['method'] !== 'initialize' || url === '/messages') response.writeHead(202).end();
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(initialized(message)));
    if (message['method'] !== 'initialize') return;
    streams.at(-1)?.write(`event: message\ndata: ${JSON.stringify(initialized(message, '2024-11-05'))}\n\n`);
  };
  const server = createHttpsServer(tls, (request: IncomingMessage, response) => {
    clients.push((request.socket as TLSSocket).getPeerCertificate().subjectaltname);
    if (request.method === 'GET' && request.url === '/sse') {
      streams.push(response.writeHead(200, { 'content-type': 'text/event-stream' }));
      response.write('event: endpoint\ndata: /messages\n\n');
    } else if (request.method === 'GET') response.writeHead(405).end();
    else void json(request).then((message) => answer(request.url, message as JsonObject, response));
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket: WebSocket, request) => {
    clients.push((request.socket as TLSSocket).getPeerCertificate().subjectaltname);
    socket.on('message', (data) => {
      const message = JSON.parse((data as Buffer).toString()) as JsonObject;
      if (message['method'] === 'initialize') socket.send(JSON.stringify(initialized(message)));
    });
  });
  return { port: await listen(server), clients };
}

interface To {
  readonly host?: string;
  readonly env?: Record<string, string>;
  readonly tls?: TlsFiles;
}

type Kind = WsTarget['kind'] | 'http' | 'sse';

function to(kind: Kind, port: number, { host = 'localhost', env = {}, tls }: To): Upstream {
  const url = new URL(`${kind === 'ws' ? 'wss' : 'https'}://${host}:${port}/${kind === 'sse' ? 'sse' : 'mcp'}`);
  const target = { kind, url, headers: { authorization: 'Bearer canary' }, ...(tls && { tls }) };
  const { upstream } = testUpstream(target, { env, era: 'session' });
  cleanups.push(() => upstream.destroy());
  return upstream;
}

/** That nothing came is known when the connection is closed. */
async function refusal(kind: Kind, tls: TlsOptions, how: (port: number) => To | Promise<To>): Promise<string> {
  const { closed, heard, port } = await overhear(tls);
  const error = await failure(to(kind, port, await how(port)).leg('session'));
  expect(error.reason).toBe('down');
  await closed.next();
  expect(heard).toEqual([]);
  return error.message;
}

async function proxyTo(port: number): Promise<Record<string, string>> {
  const proxy = createHttpServer();
  proxy.on('connect', (_request: IncomingMessage, socket: Socket) => {
    const inner = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      inner.pipe(socket);
      socket.pipe(inner);
    });
    for (const [one, end] of [
      [inner, socket],
      [socket, inner],
    ] as const) {
      one.on('error', () => undefined);
      one.on('close', () => end.destroy());
    }
  });
  return { HTTPS_PROXY: `http://127.0.0.1:${await listen(proxy)}` };
}

describe.each(['http', 'sse', 'ws'] as const)('%s over TLS', (kind) => {
  it('P1-12 refuses a certificate of nobody, one that has expired, and one for another host, and says nothing', async () => {
    expect(await refusal(kind, good(), () => ({}))).toMatch(/of no authority that is trusted here.*tls\.ca/);
    const own = await authority().signItself('DNS:localhost');
    expect(await refusal(kind, own, () => ({}))).toMatch(/of no authority that is trusted here.*SELF_SIGNED/);
    const tls = { ca: authority().cert };
    const expired = await authority().sign('DNS:localhost', -1);
    expect(await refusal(kind, expired, () => ({ tls }))).toMatch(/has expired/);
    const elsewhere = await authority().sign('DNS:elsewhere.test');
    expect(await refusal(kind, elsewhere, () => ({ tls }))).toMatch(/for another host.*elsewhere\.test/);
  });

  it('P1-12 takes one of the authority of this server alone', async () => {
    const { port } = await serve(good());
    const tls = { ca: authority().cert };
    expect((await to(kind, port, { tls }).leg('session')).era).toBe('session');
    expect((await failure(to(kind, port, {}).leg('session'))).reason).toBe('down');
  });

  it('P4-09 a pin is looked at besides, and before anything is said', async () => {
    const tls = { ca: authority().cert, pin: pinOf(pki.other!) };
    const message = await refusal(kind, good(), () => ({ tls }));
    expect(message).toContain(`its key is ${pinOf(good())}`);
    // It is no reason to trust.
    expect(await refusal(kind, good(), () => ({ tls: { pin: pinOf(good()) } }))).toMatch(/of no authority/);
    const elsewhere = await authority().sign('DNS:elsewhere.test');
    const pinned = { ca: authority().cert, pin: pinOf(elsewhere) };
    expect(await refusal(kind, elsewhere, () => ({ tls: pinned }))).toMatch(/for another host/);
    const { port } = await serve(good());
    const right = { ca: authority().cert, pin: pinOf(good()) };
    expect((await to(kind, port, { tls: right }).leg('session')).era).toBe('session');
  });

  it('P1-12 shows its own certificate to a server that wants one', async () => {
    const client = await authority().sign('DNS:client.test');
    const { clients, port } = await serve({
      ...good(),
      ca: authority().cert,
      requestCert: true,
      rejectUnauthorized: true,
    });
    const tls = { ca: authority().cert, cert: client.cert, key: client.key };
    await to(kind, port, { tls }).leg('session');
    expect(new Set(clients)).toEqual(new Set(['DNS:client.test']));
    expect((await failure(to(kind, port, { tls: { ca: authority().cert } }).leg('session'))).reason).toBe('down');
  });

  it('P1-12 holds through a proxy too', async () => {
    const host = 'up.test';
    const through = async (port: number): Promise<To> => ({ host, env: await proxyTo(port) });
    const tls = { ca: authority().cert };
    expect(await refusal(kind, good(), through)).toMatch(/of no authority/);
    const wrong = await refusal(kind, pki.other!, async (port) => ({ ...(await through(port)), tls }));
    expect(wrong).toMatch(/for another host/);
    const pinned = { ...tls, pin: pinOf(pki.other!) };
    const message = await refusal(kind, good(), async (port) => ({ ...(await through(port)), tls: pinned }));
    expect(message).toContain('its key is');
    const client = await authority().sign('DNS:client.test');
    const { clients, port } = await serve({ ...good(), ca: authority().cert, requestCert: true });
    const right = { ...tls, ...client, pin: pinOf(good()) };
    await to(kind, port, { ...(await through(port)), tls: right }).leg('session');
    expect(new Set(clients)).toEqual(new Set(['DNS:client.test']));
  });

  it('says what is wrong with our own certificate', async () => {
    const { port } = await serve(good());
    const broken = { ca: authority().cert, cert: 'none', key: 'none' };
    const error = await failure(to(kind, port, { tls: broken }).leg('session'));
    expect(error.message).toMatch(/Check tls\.ca, tls\.cert and tls\.key/);
  });
});
