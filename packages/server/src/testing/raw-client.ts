/** For tests: an HTTP client on a bare socket, as rude as a test wants it: it sends what it is told and reads what comes. */

import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

export const JSON_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};

export interface RawResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export class RawClient {
  readonly socket: Socket;
  /** Resolves when the connection is gone, however it went. */
  readonly closed: Promise<void>;
  received = '';
  #over = false;
  #waiting: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1');
      this.#wake();
    });
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#over = true;
        this.#wake();
        resolve();
      });
    });
  }

  /** With options of TLS, over TLS. */
  static connect(port: number, tls?: ConnectionOptions): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = tls === undefined ? connect(port, '127.0.0.1') : connectTls({ ...tls, port, host: '127.0.0.1' });
      socket.once('error', reject);
      socket.once(tls === undefined ? 'connect' : 'secureConnect', () => resolve(new RawClient(socket)));
    });
  }

  request(method: string, target: string, headers: Readonly<Record<string, string>> = {}, body?: string): void {
    const all: Record<string, string> = { host: '127.0.0.1', authorization: 'Bearer alice', ...headers };
    if (body !== undefined) all['content-length'] ??= String(Buffer.byteLength(body));
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    this.socket.write(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n${body ?? ''}`);
  }

  post(body: string, headers: Readonly<Record<string, string>> = {}): void {
    this.request('POST', '/mcp', { ...JSON_HEADERS, ...headers }, body);
  }

  /** Resolves when what was received passes the test. Rejects when the connection ends before. */
  async until<T>(test: (received: string) => T | undefined): Promise<T> {
    for (;;) {
      const found = test(this.received);
      if (found !== undefined && found !== false) return found;
      if (this.#over) throw new Error(`The connection ended after: ${this.received.slice(0, 500)}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** The next whole response with a Content-Length (or without a body); it is taken off what was received. */
  async response(): Promise<RawResponse> {
    const [response, length] = await this.until(parseResponse);
    this.received = this.received.slice(length);
    return response;
  }

  /** The head of the next response. What follows it stays. */
  async head(): Promise<Omit<RawResponse, 'body'>> {
    const text = await this.until((received) => /^[^]*?\r\n\r\n/.exec(received)?.[0]);
    this.received = this.received.slice(text.length);
    return parseHead(text.slice(0, -4));
  }

  /** The data of the events received so far, of a response that is a stream. */
  events(): { id: string | undefined; data: string }[] {
    const body = dechunk(this.received.slice(this.received.indexOf('\r\n\r\n') + 4));
    return body
      .split('\n\n')
      .slice(0, -1)
      .filter((event) => !event.startsWith(':'))
      .map((event) => ({ id: /^id: (.*)$/m.exec(event)?.[1], data: /^data: (.*)$/m.exec(event)?.[1] ?? '' }));
  }

  /** Resolves with the events when there are so many. */
  untilEvents(count: number): Promise<{ id: string | undefined; data: string }[]> {
    return this.until(() => (this.events().length >= count ? this.events() : undefined));
  }

  destroy(): void {
    this.socket.destroy();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

function parseResponse(text: string): [RawResponse, number] | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const { headers, status } = parseHead(text.slice(0, end));
  const start = end + 4;
  const length = Number(headers['content-length'] ?? 0);
  if (headers['transfer-encoding'] === 'chunked') {
    const last = text.indexOf('\r\n0\r\n\r\n', start - 2);
    if (last === -1) return undefined;
    const body = Buffer.from(dechunk(text.slice(start)), 'latin1').toString('utf8');
    return [{ status, headers, body }, last + 7];
  }
  if (text.length < start + length) return undefined;
  const body = Buffer.from(text.slice(start, start + length), 'latin1').toString('utf8');
  return [{ status, headers, body }, start + length];
}

/** A header that comes several times is joined by commas. */
function parseHead(text: string): Omit<RawResponse, 'body'> {
  const [first = '', ...lines] = text.split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const name = line.slice(0, line.indexOf(':')).toLowerCase();
    const value = line.slice(line.indexOf(':') + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return { status: Number(first.split(' ')[1]), headers };
}

function dechunk(text: string): string {
  let body = '';
  let at = 0;
  for (;;) {
    const line = text.indexOf('\r\n', at);
    const size = line === -1 ? 0 : Number.parseInt(text.slice(at, line), 16);
    if (!(size > 0)) return body;
    body += text.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
  }
}
