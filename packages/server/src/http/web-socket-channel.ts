/** The messages of one WebSocket: how they leave, how much waits, and whether anybody is there. No meaning, no MCP. */

import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { RemoteChannel } from '../connection/table.ts';

/** Why a socket is closed (RFC 6455 §7.4.1). */
export const CLOSE_CODES = { goingAway: 1001, unsupportedData: 1003 } as const;

/**
 * A larger message leaves in fragments of this size, each when the one before has left: else a ping would wait for the
 * whole of it, and a slow client look like a dead one.
 */
const FRAGMENT_BYTES = 256 * 1024;

interface Fragment {
  readonly bytes: Buffer;
  readonly last: boolean;
}

export function openWebSocketChannel(webSocket: WebSocket, socket: Socket): RemoteChannel {
  return new WebSocketChannel(webSocket, socket);
}

class WebSocketChannel implements RemoteChannel {
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  readonly #queue: Fragment[] = [];
  #queuedBytes = 0;
  #writtenBytes = 0;
  #paused = false;
  #ending = false;
  #ponged = true;
  /** What the client had taken at the last sweep, if something was waiting then. */
  #takenBefore: number | undefined;

  constructor(webSocket: WebSocket, socket: Socket) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    webSocket.on('pong', () => {
      this.#ponged = true;
    });
    socket.on('drain', () => this.#drained());
  }

  get waitingBytes(): number {
    return this.#queuedBytes + this.#webSocket.bufferedAmount;
  }

  send(message: string | Buffer): void {
    const { OPEN, readyState } = this.#webSocket;
    if (readyState !== OPEN || this.#ending) return;
    const bytes = typeof message === 'string' ? Buffer.from(message) : message;
    this.#writtenBytes += bytes.length;
    if (this.#queue.length === 0 && bytes.length <= FRAGMENT_BYTES) return this.#write({ bytes, last: true });
    for (let at = 0; at < bytes.length; at += FRAGMENT_BYTES) {
      const end = at + FRAGMENT_BYTES;
      this.#queue.push({ bytes: bytes.subarray(at, end), last: end >= bytes.length });
    }
    this.#queuedBytes += bytes.length;
    this.#pump();
  }

  pause(): void {
    this.#paused = true;
    this.#webSocket.pause();
  }

  end(): void {
    this.#ending = true;
    if (this.#queue.length === 0) this.#webSocket.close(CLOSE_CODES.goingAway, 'The gateway is shutting down.');
  }

  destroy(): void {
    this.#webSocket.terminate();
  }

  sweep(): void {
    if (!this.#ponged && !this.#progressed()) return this.destroy();
    const waiting = this.waitingBytes;
    this.#ponged = false;
    this.#takenBefore = waiting > 0 ? this.#writtenBytes - waiting : undefined;
    this.#webSocket.ping();
  }

  /** Who is not read from while much waits is not heard either: that it takes what waits is its sign of life. */
  #progressed(): boolean {
    return this.#takenBefore !== undefined && this.#writtenBytes - this.waitingBytes > this.#takenBefore;
  }

  #write({ bytes, last }: Fragment): void {
    this.#webSocket.send(bytes, { binary: false, fin: last });
  }

  #pump(): void {
    while (this.#queue.length > 0 && !this.#socket.writableNeedDrain) {
      const fragment = this.#queue.shift() as Fragment;
      this.#queuedBytes -= fragment.bytes.length;
      this.#write(fragment);
    }
  }

  #drained(): void {
    this.#pump();
    if (this.#queue.length > 0) return;
    if (this.#ending) this.end();
    if (!this.#paused) return;
    this.#paused = false;
    this.#webSocket.resume();
  }
}
