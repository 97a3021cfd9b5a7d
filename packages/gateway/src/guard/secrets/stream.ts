/**
 * A body that is looked at as it flows. Its last bytes wait for what follows them, so that nothing has left of what turns out to
 * be a secret across two chunks; its bytes and their number stay the same.
 */

import type { Answer, AnswerRest, AnswerSink } from '@sallyport/server';

type ResultAnswer = Extract<Answer, { readonly kind: 'result' }>;

/** Looks at the next bytes, of which the first `again` were looked at before. Throws where they must not pass. */
export type Look = (bytes: Buffer, again: number) => void;

/** `held`: bytes that wait. */
export function lookedThrough(answer: ResultAnswer & { readonly rest: AnswerRest }, held: number, look: Look): Answer {
  look(answer.before, 0);
  look(answer.after, 0);
  const cut = Math.max(0, answer.after.length - held);
  const rest = new LookedThrough(answer.rest, answer.after.subarray(cut), held, look);
  return { kind: 'result', before: answer.before, after: answer.after.subarray(0, cut), rest };
}

class LookedThrough implements AnswerRest {
  readonly bytes: number;
  readonly #rest: AnswerRest;
  readonly #held: number;
  readonly #look: Look;
  /** They wait, as they came: to copy a large body costs more than to look at it. */
  readonly #waiting: Buffer[];
  #waitingBytes: number;
  #isOver = false;

  constructor(rest: AnswerRest, tail: Buffer, held: number, look: Look) {
    this.#rest = rest;
    this.#held = held;
    this.#look = look;
    this.#waiting = [tail];
    this.#waitingBytes = tail.length;
    this.bytes = rest.bytes + tail.length;
  }

  pipe(sink: AnswerSink): void {
    this.#rest.pipe({
      write: (chunk) => this.#write(chunk, sink),
      end: () => {
        if (this.#isOver) return;
        for (const bytes of this.#waiting) if (bytes.length > 0) sink.write(bytes);
        sink.end();
      },
      fail: (error) => {
        if (!this.#isOver) sink.fail(error);
      },
    });
  }

  resume(): void {
    this.#rest.resume();
  }

  cancel(): void {
    this.#isOver = true;
    this.#rest.cancel();
  }

  #write(chunk: Buffer, sink: AnswerSink): boolean {
    if (this.#isOver) return true;
    try {
      this.#lookAcross(chunk);
    } catch (error) {
      this.cancel();
      sink.fail(error as Error);
      return true;
    }
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    let wantsMore = true;
    while (this.#waitingBytes - (this.#waiting[0] as Buffer).length >= this.#held) {
      const bytes = this.#waiting.shift() as Buffer;
      this.#waitingBytes -= bytes.length;
      if (bytes.length > 0) wantsMore = sink.write(bytes);
    }
    return wantsMore;
  }

  /** What begins in the bytes that wait and ends in these, and then these. */
  #lookAcross(chunk: Buffer): void {
    const before = lastBytes(this.#waiting, this.#held);
    const begin = chunk.subarray(0, this.#held);
    this.#look(Buffer.concat([...before, begin]), bytesIn(before));
    if (begin.length < chunk.length) this.#look(chunk, begin.length);
  }
}

function lastBytes(parts: readonly Buffer[], count: number): Buffer[] {
  const last: Buffer[] = [];
  let missing = count;
  for (let at = parts.length - 1; at >= 0 && missing > 0; at--) {
    const part = (parts[at] as Buffer).subarray(-missing);
    last.unshift(part);
    missing -= part.length;
  }
  return last;
}

function bytesIn(parts: readonly Buffer[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}
