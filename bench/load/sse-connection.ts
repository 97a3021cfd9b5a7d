/**
 * The HTTP+SSE transport of 2024-11-05, for gateways that speak nothing newer: requests go to an endpoint that the server
 * names, answers come on one event stream.
 */

import type { Socket } from 'node:net';
import { answeredId, ask, FAILED, GREETING, type Connection, type Reply } from './connection.ts';
import { connectSocket, HttpConnection, type HttpTarget } from './http-connection.ts';
import { ResponseReader } from './response-reader.ts';

const EVENT_END = /\r?\n\r?\n$/;
const LARGE_BYTES = 4096;

export class SseConnection implements Connection {
  readonly #target: HttpTarget;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #stream: Socket | undefined;
  #post: HttpConnection | undefined;
  #parts: Buffer[] = [];
  readonly #endpoint: PromiseWithResolvers<string> = Promise.withResolvers<string>();

  constructor(target: HttpTarget) {
    this.#target = target;
  }

  async open(): Promise<void> {
    const { url, timeoutMs, headers } = this.#target;
    const path = await this.#listen();
    // Nothing is greeted over the connection that posts, so it is opened as a stateless one; its headers do no harm.
    this.#post = new HttpConnection({ url: new URL(path, url), era: 'stateless', headers, timeoutMs });
    await this.#post.open();
    await ask(this, { id: 1, method: 'initialize', params: GREETING, timeoutMs });
    const method = 'notifications/initialized';
    await new Promise<void>((resolve) => {
      this.#post?.send(0, method, undefined, JSON.stringify({ jsonrpc: '2.0', method }), () => resolve());
    });
  }

  send(id: number, method: string, name: string | undefined, body: string, done: (reply: Reply) => void): void {
    let received: Reply | undefined;
    let isPosted = false;
    const finish = (): void => {
      if (received !== undefined && isPosted) done(received);
    };
    this.#waiting.set(id, (reply) => {
      received = reply;
      finish();
    });
    this.#post?.send(id, method, name, body, (reply) => {
      isPosted = true;
      if (reply.status !== 202 && reply.status !== 200) {
        this.#waiting.delete(id);
        received = { ...FAILED, error: `status ${reply.status} of the POST` };
      }
      finish();
    });
  }

  close(): void {
    this.#post?.close();
    this.#stream?.destroy();
  }

  /** Opens the stream; resolves with the endpoint that it names. */
  async #listen(): Promise<string> {
    const { url, headers, timeoutMs } = this.#target;
    const socket = await connectSocket(url);
    this.#stream = socket;
    const reader = new ResponseReader(
      (response) => this.#fail(`The stream ended with status ${response.status}.`),
      (part) => this.#take(part),
    );
    socket.on('data', (chunk: Buffer) => reader.push(chunk));
    socket.on('error', (error) => this.#fail(error.message));
    socket.on('close', () => this.#fail('The stream was closed.'));
    const lines = Object.entries({ host: url.host, accept: 'text/event-stream', ...headers });
    socket.write(
      `GET ${url.pathname} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
    );
    const timer = setTimeout(() => this.#fail('The server named no endpoint.'), timeoutMs);
    try {
      return await this.#endpoint.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  #take(part: Buffer): void {
    this.#parts.push(part);
    if (!EVENT_END.test(part.toString('latin1', Math.max(0, part.length - 4)))) return;
    const events = Buffer.concat(this.#parts);
    this.#parts = [];
    // A large event comes alone: only the small ones are worth to be told apart.
    if (events.length > LARGE_BYTES) this.#message(events);
    else for (const event of events.toString().split(/\r?\n\r?\n/)) this.#event(event);
  }

  #event(event: string): void {
    const data = /^data: ?(.*)$/m.exec(event)?.[1];
    if (data === undefined) return;
    if (/^event: ?endpoint/m.test(event)) this.#endpoint.resolve(data);
    else this.#message(Buffer.from(`data: ${data}\n\n`));
  }

  #message(event: Buffer): void {
    const id = answeredId(event);
    const done = this.#waiting.get(id);
    this.#waiting.delete(id);
    done?.({ status: 200, parts: [event], bytes: event.length, isStream: true });
  }

  #fail(error: string): void {
    this.#endpoint.reject(new Error(error));
    for (const done of this.#waiting.values()) done({ ...FAILED, error });
    this.#waiting.clear();
  }
}
