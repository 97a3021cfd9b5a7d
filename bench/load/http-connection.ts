/** One keep-alive HTTP/1.1 connection on a raw socket, one request at a time. An HTTP library would cost more than what is measured. */

import net, { type Socket } from 'node:net';
import {
  ask,
  envelope,
  FAILED,
  GREETING,
  SESSION_REVISION,
  STATELESS_REVISION,
  type Connection,
  type Era,
  type Reply,
} from './connection.ts';
import { headerOf, ResponseReader, type Response } from './response-reader.ts';

export interface HttpTarget {
  readonly url: URL;
  readonly era: Era;
  readonly headers: Readonly<Record<string, string>>;
  /** For the handshake. */
  readonly timeoutMs: number;
}

/** Connects a socket without delay of small writes. */
export async function connectSocket(url: URL): Promise<Socket> {
  return await new Promise((resolve, reject) => {
    const socket = net.connect({ port: Number(url.port), host: url.hostname, noDelay: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** The lines that begin a request, up to the value of its `content-length`. */
function requestHead(url: URL, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries({
    host: url.host,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join('')}content-length: `;
}

export class HttpConnection implements Connection {
  /** How often the server closed it, or it broke. */
  reconnects = 0;
  readonly #target: HttpTarget;
  readonly #heads = new Map<string, string>();
  #socket: Socket | undefined;
  #reader: ResponseReader;
  #sessionId: string | undefined;
  #done: ((reply: Reply) => void) | undefined;
  #onHead: ((head: string) => void) | undefined;

  constructor(target: HttpTarget) {
    this.#target = target;
    this.#reader = this.#newReader();
  }

  async open(): Promise<void> {
    const { era, timeoutMs } = this.#target;
    await this.#connect();
    if (era === 'stateless') return;
    this.#onHead = (head) => (this.#sessionId = headerOf(head, 'mcp-session-id'));
    await ask(this, { id: 1, method: 'initialize', params: { ...GREETING, ...envelope(era) }, timeoutMs });
    this.#onHead = undefined;
    this.#heads.clear();
    const method = 'notifications/initialized';
    const reply = await new Promise<Reply>((resolve) => {
      this.send(0, method, undefined, JSON.stringify({ jsonrpc: '2.0', method }), resolve);
    });
    if (reply.status < 200 || reply.status > 299) throw new Error(`${method}: status ${reply.status}`);
  }

  send(_id: number, method: string, name: string | undefined, body: string, done: (reply: Reply) => void): void {
    const socket = this.#socket;
    this.#done = done;
    if (socket !== undefined) this.#write(socket, method, name, body);
    else {
      this.reconnects++;
      this.#connect().then(
        (fresh) => this.#write(fresh, method, name, body),
        (error: Error) => this.#settle({ ...FAILED, error: error.message }),
      );
    }
  }

  close(): void {
    this.#done = undefined;
    this.#socket?.destroy();
  }

  #write(socket: Socket, method: string, name: string | undefined, body: string): void {
    socket.write(`${this.#headOf(method, name)}${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  #headOf(method: string, name: string | undefined): string {
    const known = this.#heads.get(method);
    if (known !== undefined) return known;
    const { url, era, headers } = this.#target;
    const own: Record<string, string> = { ...headers };
    if (era === 'stateless') {
      own['mcp-protocol-version'] = STATELESS_REVISION;
      own['mcp-method'] = method;
      if (name !== undefined) own['mcp-name'] = name;
    } else if (this.#sessionId !== undefined) {
      own['mcp-protocol-version'] = SESSION_REVISION;
      own['mcp-session-id'] = this.#sessionId;
    }
    const head = requestHead(url, own);
    this.#heads.set(method, head);
    return head;
  }

  async #connect(): Promise<Socket> {
    const socket = await connectSocket(this.#target.url);
    this.#socket = socket;
    this.#reader = this.#newReader();
    socket.on('data', (chunk: Buffer) => this.#reader.push(chunk));
    const gone = (error?: Error): void => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#reader.end();
      this.#settle({ ...FAILED, error: error?.message ?? 'The connection was closed.' });
    };
    socket.on('error', gone);
    socket.on('close', () => gone());
    return socket;
  }

  #newReader(): ResponseReader {
    return new ResponseReader((response) => this.#received(response));
  }

  #received({ status, head, parts, bytes }: Response): void {
    this.#onHead?.(head);
    if (headerOf(head, 'connection') === 'close') {
      this.#socket?.destroy();
      this.#socket = undefined;
    }
    this.#settle({ status, parts, bytes, isStream: head.includes('text/event-stream') });
  }

  #settle(reply: Reply): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(reply);
  }
}
