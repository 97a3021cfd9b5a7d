/**
 * Bytes on their way to one HTTP client: written in order, in pieces small enough to see whether the client takes
 * them, and never more than a bounded amount held for one that does not. It knows no framing.
 */

import type { ServerResponse } from 'node:http';

/**
 * A larger write is cut into such pieces: the progress of a single write cannot be seen, and a slow client would look
 * like a dead one.
 */
const PIECE_BYTES = 256 * 1024;
/** What may be waiting before more is written, unless more is allowed. A client so far behind is given up. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

export class Outlet {
  readonly #response: ServerResponse;
  readonly #maxWaitingBytes: number;
  readonly #queue: Buffer[] = [];
  #queuedBytes = 0;
  #writtenBytes = 0;
  /** What the client had taken when it was last looked at, if something was waiting then. */
  #takenBefore: number | undefined;
  #ending = false;
  /** Called each time the client can take more after a write that returned false. */
  onDrain: (() => void) | undefined;

  constructor(response: ServerResponse, maxWaitingBytes: number = MAX_WAITING_BYTES) {
    this.#response = response;
    this.#maxWaitingBytes = maxWaitingBytes;
    response.on('drain', () => this.#drained());
  }

  /** False asks for a pause until `onDrain`. */
  write(bytes: Buffer): boolean {
    if (this.#ending || this.#response.destroyed) return false;
    if (this.waitingBytes > this.#maxWaitingBytes) {
      this.#response.destroy();
      return false;
    }
    this.#writtenBytes += bytes.length;
    if (this.#queue.length === 0 && bytes.length <= PIECE_BYTES) return this.#response.write(bytes);
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) this.#queue.push(bytes.subarray(at, at + PIECE_BYTES));
    this.#queuedBytes += bytes.length;
    if (!this.#response.writableNeedDrain) this.#pump();
    return !this.#response.writableNeedDrain;
  }

  /** Ends the response when all that was written has left. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    if (this.#queue.length === 0) this.#response.end();
  }

  /** True when something waits for the client and it has taken nothing since the last time this was asked. */
  stalled(): boolean {
    const waiting = this.waitingBytes;
    // Framing counts as waiting and not as written, so what was written meanwhile can only make this smaller.
    const taken = this.#writtenBytes - waiting;
    const stalled = waiting > 0 && this.#takenBefore !== undefined && taken <= this.#takenBefore;
    this.#takenBefore = waiting > 0 ? taken : undefined;
    return stalled;
  }

  /** True when nothing waits. */
  get idle(): boolean {
    return this.waitingBytes === 0;
  }

  get waitingBytes(): number {
    return this.#queuedBytes + this.#response.writableLength;
  }

  #drained(): void {
    this.#pump();
    if (this.#response.writableNeedDrain) return;
    if (this.#ending) this.#response.end();
    else this.onDrain?.();
  }

  #pump(): void {
    while (this.#queue.length > 0 && !this.#response.writableNeedDrain) {
      const piece = this.#queue.shift() as Buffer;
      this.#queuedBytes -= piece.length;
      this.#response.write(piece);
    }
  }
}
