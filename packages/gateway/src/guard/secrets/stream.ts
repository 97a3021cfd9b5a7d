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
  #tail: Buffer;
  #isOver = false;

  constructor(rest: AnswerRest, tail: Buffer, held: number, look: Look) {
    this.#rest = rest;
    this.#tail = tail;
    this.#held = held;
    this.#look = look;
    this.bytes = rest.bytes + tail.length;
  }

  pipe(sink: AnswerSink): void {
    this.#rest.pipe({
      write: (chunk) => this.#write(chunk, sink),
      end: () => {
        if (this.#isOver) return;
        if (this.#tail.length > 0) sink.write(this.#tail);
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
    const bytes = Buffer.concat([this.#tail, chunk]);
    try {
      this.#look(bytes, this.#tail.length);
    } catch (error) {
      this.cancel();
      sink.fail(error as Error);
      return true;
    }
    const cut = Math.max(0, bytes.length - this.#held);
    this.#tail = bytes.subarray(cut);
    return cut === 0 || sink.write(bytes.subarray(0, cut));
  }
}
