/** One WebSocket, one message a text frame, any number of calls under way. */

import { WebSocket } from 'ws';
import { answeredId, ask, envelope, FAILED, GREETING, type Connection, type Reply } from './connection.ts';
import type { HttpTarget } from './http-connection.ts';

export class WebSocketConnection implements Connection {
  readonly #target: HttpTarget;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #socket: WebSocket | undefined;

  constructor(target: HttpTarget) {
    this.#target = target;
  }

  async open(): Promise<void> {
    const { era, headers, timeoutMs, url } = this.#target;
    const address = new URL(url);
    address.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(address, { headers, perMessageDeflate: false });
    this.#socket = socket;
    socket.on('message', (data) => this.#take(data as Buffer));
    socket.on('close', () => this.#fail('The WebSocket was closed.'));
    await new Promise<void>((resolve, reject) => void socket.once('open', resolve).once('error', reject));
    socket.on('error', (error) => this.#fail(error.message));
    if (era === 'stateless') return;
    await ask(this, { id: 1, method: 'initialize', params: { ...GREETING, ...envelope(era) }, timeoutMs });
    socket.send('{"jsonrpc":"2.0","method":"notifications/initialized"}');
  }

  send(id: number, _method: string, _name: string | undefined, body: string, done: (reply: Reply) => void): void {
    this.#waiting.set(id, done);
    this.#socket?.send(body);
  }

  close(): void {
    this.#waiting.clear();
    this.#socket?.terminate();
  }

  #fail(error: string): void {
    for (const done of this.#waiting.values()) done({ ...FAILED, error });
    this.#waiting.clear();
  }

  #take(data: Buffer): void {
    const id = answeredId(data);
    const done = this.#waiting.get(id);
    this.#waiting.delete(id);
    done?.({ status: 200, parts: [data], bytes: data.length, isStream: false });
  }
}
