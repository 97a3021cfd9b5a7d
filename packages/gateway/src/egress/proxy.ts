/**
 * The HTTP proxy of one child, on a unix socket of its own (RFC 9110 §9.3.6 CONNECT, RFC 9112 §3.2.2 absolute form). It asks
 * `reach` for a connection and passes bytes; which hosts may be reached is decided there. It does not look into a tunnel: what a
 * server says inside of TLS to a host that it may reach is between the two.
 */

import { timingSafeEqual } from 'node:crypto';
import {
  createServer,
  request as forward,
  type ClientRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, ListenOptions } from 'node:net';
import { pipeline, type Duplex } from 'node:stream';
import { hostEntry, hostPortText } from '@sallyport/client/egress';
import { passedOn, readAbsolute, readAuthority, type Forwarded, type Target } from './request.ts';

/** A child gets no more at once; one more is closed. */
const MAX_CONNECTIONS = 64;
const MAX_HEADER_BYTES = 16 * 1024;
const HEADERS_TIMEOUT_MS = 10_000;
/** Without a byte in either direction. */
const IDLE_MS = 10 * 60_000;
const KEEP_ALIVE_MS = 60_000;

/** Where a child wants to go is not opened to it. The message is one line, for the child too. */
export class Blocked extends Error {
  override readonly name = 'Blocked';
}

export interface ChildProxyOptions {
  /** A connection; rejects with {@link Blocked}, or with whatever kept it from being made. */
  readonly reach: (target: Target, secure: boolean, signal: AbortSignal) => Promise<Duplex>;
  readonly idleMs?: number;
  /** Asked for as the password of `sallyport` (RFC 7617), where others can reach the proxy as well. */
  readonly secret?: string;
}

export interface ChildProxy {
  listen(path: string): Promise<void>;
  /** Resolves with the port. */
  listenOnLoopback(): Promise<number>;
  /** Cuts everything. Idempotent. */
  destroy(): void;
}

export function createChildProxy(options: ChildProxyOptions): ChildProxy {
  return new SocketProxy(options);
}

class SocketProxy implements ChildProxy {
  readonly #options: ChildProxyOptions;
  readonly #server: Server;
  /** Those that HTTP has handed over too. */
  readonly #sockets: Set<Duplex> = new Set();

  constructor(options: ChildProxyOptions) {
    this.#options = options;
    const limits = { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: 0 };
    this.#server = createServer({ ...limits, keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
      void this.#forward(request, response);
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.setTimeout(options.idleMs ?? IDLE_MS, () => socket.destroy());
    });
    this.#server.on('connect', (request, socket, head) => void this.#tunnel(request, socket, head));
  }

  listen(path: string): Promise<void> {
    return this.#listen({ path });
  }

  async listenOnLoopback(): Promise<number> {
    await this.#listen({ host: '127.0.0.1', port: 0 });
    return (this.#server.address() as AddressInfo).port;
  }

  #listen(where: ListenOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(where, () => {
        this.#server.off('error', reject);
        // An accept that fails, for want of descriptors, is the child's loss alone.
        this.#server.on('error', () => undefined);
        resolve();
      });
    });
  }

  destroy(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #tunnel({ headers, url = '' }: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    // It stays for good: an error without a listener would end the process.
    socket.on('error', () => socket.destroy());
    if (!this.#knows(headers)) return refuse(socket, ...STRANGER);
    const target = readAuthority(url);
    if (target === undefined) return refuse(socket, 400, 'expected CONNECT host:port');
    const gone = abortedWith(socket);
    try {
      const far = await this.#options.reach(target, true, gone);
      this.#sockets.add(far);
      far.once('close', () => this.#sockets.delete(far));
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      if (head.length > 0) far.write(head);
      pipeline(socket, far, () => undefined);
      pipeline(far, socket, () => undefined);
    } catch (error) {
      refuse(socket, ...answerTo(error));
    }
  }

  #knows({ 'proxy-authorization': given = '' }: IncomingMessage['headers']): boolean {
    const { secret } = this.#options;
    if (secret === undefined) return true;
    const due = `Basic ${Buffer.from(`sallyport:${secret}`).toString('base64')}`;
    return given.length === due.length && timingSafeEqual(Buffer.from(given, 'latin1'), Buffer.from(due, 'latin1'));
  }

  async #forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!this.#knows(request.headers)) return answer(response, ...STRANGER);
    const target = readAbsolute(request.url ?? '');
    if (target === undefined) {
      answer(response, 400, 'expected an absolute http: URL without a user, or CONNECT');
      return;
    }
    const gone = abortedWith(response);
    try {
      const socket = await this.#options.reach(target, false, gone);
      const outgoing = sent(request, target, socket, gone);
      outgoing.on('error', (error) => answer(response, ...answerTo(error)));
      outgoing.once('response', (incoming) => {
        if (begin(response, incoming)) pipeline(incoming, response, () => undefined);
        else outgoing.destroy(new Error('Its status line is not valid.'));
      });
    } catch (error) {
      answer(response, ...answerTo(error));
    }
  }
}

/** Nothing of how the child has framed its request goes on: it is framed anew, and is the only one of its connection. */
function sent(request: IncomingMessage, target: Forwarded, socket: Duplex, signal: AbortSignal): ClientRequest {
  const { headers, method = 'GET', rawHeaders } = request;
  const length = headers['content-length'];
  const isChunked = headers['transfer-encoding'] !== undefined;
  const framing = isChunked ? ['Transfer-Encoding', 'chunked'] : length === undefined ? [] : ['Content-Length', length];
  const host = ['Host', target.port === 80 ? hostEntry(target.host, 80) : hostPortText(target.host, target.port)];
  const outgoing = forward({
    method,
    path: target.path,
    headers: [...host, ...passedOn(rawHeaders, ['host', 'content-length']), ...framing, 'Connection', 'close'],
    createConnection: () => socket,
    signal,
  });
  pipeline(request, outgoing, () => undefined);
  return outgoing;
}

/** False when Node, which reads more in a status line than it writes, does not take it: thrown, that would end this process. */
function begin(response: ServerResponse, { rawHeaders, statusCode, statusMessage }: IncomingMessage): boolean {
  try {
    response.writeHead(statusCode ?? 502, statusMessage, passedOn(rawHeaders));
    return true;
  } catch {
    return false;
  }
}

/** Aborted when nobody is there any more who waits. */
function abortedWith(stream: Duplex | ServerResponse): AbortSignal {
  const controller = new AbortController();
  stream.once('close', () => controller.abort());
  return controller.signal;
}

type Refusal = readonly [status: number, message: string];

/** Not 407, which asks for a password: whoever has one brings it unasked. */
const STRANGER: Refusal = [403, 'this proxy is for one server alone'];

function answerTo(error: unknown): Refusal {
  if (error instanceof Blocked) return [403, error.message];
  const { code } = error as NodeJS.ErrnoException;
  return [502, `the host could not be reached${typeof code === 'string' ? ` (${code})` : ''}`];
}

/** The message is the reason phrase too: of a refused CONNECT many programs show nothing else. */
function refuse(socket: Duplex, ...[status, message]: Refusal): void {
  const body = `${message}\n`;
  const headers = `Content-Type: text/plain\r\nContent-Length: ${body.length}\r\nConnection: close`;
  socket.end(`HTTP/1.1 ${status} ${message}\r\n${headers}\r\n\r\n${body}`);
}

function answer(response: ServerResponse, ...[status, message]: Refusal): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, message, { 'content-type': 'text/plain', connection: 'close' }).end(`${message}\n`);
}
