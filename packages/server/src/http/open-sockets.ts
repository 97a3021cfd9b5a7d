/**
 * The sockets of a listener, each with its last visit: its own, and those that another server has accepted and lets it answer
 * on, which are not its own to close. Nothing is decided here.
 */

import type { Socket } from 'node:net';
import type { Visit } from './visit.ts';

export class OpenSockets {
  readonly #sockets: Map<Socket, Visit | undefined> = new Map();
  /** Those that another server has accepted. */
  readonly #foreign: WeakSet<Socket> = new WeakSet();

  get size(): number {
    return this.#sockets.size;
  }

  /** It is forgotten when it closes. */
  adopt(socket: Socket, foreign = false): void {
    if (this.#sockets.has(socket)) return;
    if (foreign) this.#foreign.add(socket);
    this.#sockets.set(socket, undefined);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  last(socket: Socket): Visit | undefined {
    return this.#sockets.get(socket);
  }

  arrived(socket: Socket, visit: Visit): void {
    this.#sockets.set(socket, visit);
  }

  entries(): Iterable<[Socket, Visit | undefined]> {
    return this.#sockets;
  }

  /** Resolves when what is asked for now is answered, or, after `graceMs`, cut. */
  async answered(graceMs: number): Promise<void> {
    const waiting: Promise<unknown>[] = [];
    for (const [socket, visit] of this.#sockets) {
      for (let each = visit; each !== undefined; each = each.earlier) {
        if (!each.response.closed) waiting.push(over(socket, each));
      }
    }
    const cut = setTimeout(() => this.cut(), graceMs);
    await Promise.all(waiting);
    clearTimeout(cut);
  }

  /** Ends all of our own, and of the others those that wait for an answer from here. */
  cut(): void {
    for (const [socket, visit] of this.#sockets) {
      if (!this.#foreign.has(socket) || visit?.response.closed === false) socket.destroy();
    }
  }
}

/** The response of what has become a WebSocket has left its socket, and does not hear of its end. */
function over(socket: Socket, { response }: Visit): Promise<unknown> {
  return new Promise((resolve) => {
    response.once('close', resolve);
    socket.once('close', resolve);
  });
}
