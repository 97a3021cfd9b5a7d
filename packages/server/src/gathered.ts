/**
 * Bytes that arrive in pieces and are wanted in one. They take memory of about their own size however small the pieces
 * are: a body that is sent byte by byte would otherwise cost a buffer object for each of them.
 */

const NOTHING: Buffer = Buffer.alloc(0);
const FIRST_GROWTH_BYTES = 4096;

export class Gathered {
  /** The first piece itself, which is only read; with a second one, memory of our own. */
  #bytes: Buffer = NOTHING;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(piece: Buffer): void {
    const length = this.#length + piece.length;
    if (this.#length === 0) this.#bytes = piece;
    else {
      if (length > this.#bytes.length) this.#grow(length);
      piece.copy(this.#bytes, this.#length);
    }
    this.#length = length;
  }

  /** All of them; it is empty afterwards. */
  take(): Buffer {
    const whole = this.#bytes.subarray(0, this.#length);
    this.drop();
    return whole;
  }

  drop(): void {
    this.#bytes = NOTHING;
    this.#length = 0;
  }

  #grow(length: number): void {
    const grown = Buffer.allocUnsafe(Math.max(length, 2 * this.#length, FIRST_GROWTH_BYTES));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}
