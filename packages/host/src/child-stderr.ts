/**
 * A child's stderr as log lines: whole, without control characters, cut and rationed, with the last bytes kept for the report
 * of a crash. Never asks the child to wait; what is over the ration is counted, not read. Does not interpret what it says.
 */
import { stripVTControlCharacters } from 'node:util';

const NEWLINE = 0x0a;
const LINE_BYTES = 4096;
const TAIL_BYTES = 8192;
const WINDOW_MS = 60_000;

/** Controls but tab, and what turns or breaks a line on a screen: a log line must look like what it is. */
const UNPRINTABLE = /(?!\t)[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

export interface StderrLogOptions {
  /** One line without its newline. Blank lines are not reported. */
  readonly onStderr: (text: string) => void;
  readonly bytesPerMinute: number;
  /** Milliseconds, of any origin. */
  readonly now: () => number;
}

export class StderrLog {
  readonly #options: StderrLogOptions;
  readonly #tail: LastBytes = lastBytes(TAIL_BYTES);
  readonly #line: Buffer = Buffer.allocUnsafe(LINE_BYTES);
  #lineBytes = 0;
  #cut = false;
  /** The start of the current line was dropped, so its rest is dropped too. */
  #skipping = false;
  #windowStart: number;
  #left: number;
  #dropped = 0;

  constructor(options: StderrLogOptions) {
    this.#options = options;
    this.#windowStart = options.now();
    this.#left = options.bytesPerMinute;
  }

  push(chunk: Buffer): void {
    this.#tail.add(chunk);
    this.#renew();
    let from = 0;
    while (from < chunk.length) {
      if (this.#left <= 0) {
        this.#dropped += chunk.length - from;
        this.#skipping = chunk[chunk.length - 1] !== NEWLINE;
        return;
      }
      const newline = chunk.indexOf(NEWLINE, from);
      const end = newline < 0 ? chunk.length : newline;
      if (this.#skipping) {
        this.#dropped += end - from;
        this.#skipping = newline < 0;
      } else {
        this.#hold(chunk.subarray(from, end));
        if (newline >= 0) this.#report();
      }
      from = end + 1;
    }
  }

  /** Reports an unterminated last line and what was dropped. */
  end(): void {
    if (this.#lineBytes > 0) this.#report();
    this.#reportDropped();
  }

  /** The last 8 KiB at most, cleaned, rationed or not. */
  tail(): string {
    return this.#tail.read().toString('utf8').split('\n').map(clean).join('\n').trim();
  }

  #hold(part: Buffer): void {
    const taken = part.copy(this.#line, this.#lineBytes);
    this.#lineBytes += taken;
    this.#cut ||= taken < part.length;
  }

  #report(): void {
    this.#left -= this.#lineBytes + 1;
    const text = printable(this.#line.subarray(0, this.#lineBytes), this.#cut);
    this.#lineBytes = 0;
    this.#cut = false;
    if (text.trim() !== '') this.#options.onStderr(text);
  }

  #reportDropped(): void {
    const dropped = this.#dropped;
    this.#dropped = 0;
    if (dropped > 0) this.#options.onStderr(`… ${dropped} bytes dropped`);
  }

  #renew(): void {
    const time = this.#options.now();
    if (time - this.#windowStart < WINDOW_MS) return;
    this.#windowStart = time;
    this.#left = this.#options.bytesPerMinute;
    this.#reportDropped();
  }
}

function clean(text: string): string {
  return stripVTControlCharacters(text).replace(UNPRINTABLE, '');
}

function printable(bytes: Buffer, cut: boolean): string {
  const text = bytes.toString('utf8');
  // A cut may fall into a character, which then reads as U+FFFD.
  return cut ? clean(text.replace(/\uFFFD$/u, '')) + '…' : clean(text);
}

interface LastBytes {
  add(chunk: Buffer): void;
  read(): Buffer;
}

/** A ring of fixed size: nothing is allocated however much is written. */
function lastBytes(size: number): LastBytes {
  const ring = Buffer.alloc(size);
  let at = 0;
  let filled = 0;
  return {
    add(chunk) {
      const part = chunk.length > size ? chunk.subarray(-size) : chunk;
      const taken = part.copy(ring, at);
      part.copy(ring, 0, taken);
      at = (at + part.length) % size;
      filled = Math.min(size, filled + part.length);
    },
    read: () => (filled < size ? ring.subarray(0, filled) : Buffer.concat([ring.subarray(at), ring.subarray(0, at)])),
  };
}
