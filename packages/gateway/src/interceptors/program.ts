/**
 * An interceptor that is a program: a question is a line of JSON on its stdin, the answer a line on its stdout with the same `id`,
 * many at a time and in any order. It is started when it is first wanted, and again after it has ended, later after each failure in
 * a row. How it is caged and which command it is are not known here.
 */

import type { Hook } from './types.ts';

/** One that runs. */
export interface Program {
  send(line: string): void;
  /** Bytes that it has not taken yet. */
  readonly backlogBytes: number;
  close(): Promise<void>;
  destroy(): void;
}

export interface ProgramEvents {
  readonly onLine: (line: Buffer) => void;
  /** A line was too long; this is how it begins. */
  readonly onOversize: (head: Buffer) => void;
  /** Once; `how` for the log. */
  readonly onExit: (how: string) => void;
}

export interface ProgramOptions {
  /** Rejects with an Error for a person when it cannot be started. */
  readonly start: (events: ProgramEvents) => Promise<Program>;
  /** Calls `fire` after so many milliseconds; gives the way to take it back. */
  readonly setTimer: (fire: () => void, ms: number) => () => void;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  readonly log: (level: 'warn', text: string, detail: Readonly<Record<string, unknown>>) => void;
  readonly name: string;
}

/** Who asks while it starts waits for so long. */
export const START_MS = 10_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;
/** One that ran for so long has not failed at its start. */
const STEADY_MS = 10_000;
/** Bytes of questions that it has not read. */
const MAX_BACKLOG = 16 * 1024 * 1024;

interface Asked {
  readonly answered: (text: string) => void;
  readonly failed: (error: Error) => void;
}

export function createProgramHook(options: ProgramOptions): Hook {
  return new ProgramHook(options);
}

class ProgramHook implements Hook {
  readonly #options: ProgramOptions;
  #run: Run | undefined;
  #failures = 0;
  #retryAtMs = -Infinity;
  #ended = false;

  constructor(options: ProgramOptions) {
    this.#options = options;
  }

  async ask(question: string, timeoutMs: number, signal?: AbortSignal): Promise<string> {
    const run = this.#current();
    const { setTimer } = this.#options;
    await within(run.started, { ms: START_MS, late: 'it is still being started', setTimer, signal });
    return await run.ask(question, timeoutMs, signal);
  }

  warm(): void {
    if (!this.#ended && this.#run === undefined && this.#options.now() >= this.#retryAtMs) this.#current();
  }

  renew(): void {
    const run = this.#run;
    this.#run = undefined;
    void run?.close();
  }

  async close(): Promise<void> {
    this.#ended = true;
    await this.#run?.close();
  }

  destroy(): void {
    this.#ended = true;
    this.#run?.destroy();
  }

  #current(): Run {
    if (this.#ended) throw new Error('it is not asked any more');
    if (this.#run !== undefined) return this.#run;
    const { name, log, now } = this.#options;
    const waitMs = this.#retryAtMs - now();
    if (waitMs > 0) throw new Error(`it is started again in ${Math.ceil(waitMs)} ms`);
    const beganMs = now();
    const run = new Run(this.#options, (how) => {
      if (this.#run === run) this.#run = undefined;
      if (this.#ended) return;
      this.#failures = now() - beganMs >= STEADY_MS ? 1 : this.#failures + 1;
      this.#retryAtMs = now() + Math.min(FIRST_RETRY_MS * 2 ** (this.#failures - 1), LONGEST_RETRY_MS);
      log('warn', 'an interceptor is not there', { interceptor: name, error: how });
    });
    this.#run = run;
    return run;
  }
}

/** One life of the program. */
class Run {
  readonly started: Promise<Program>;
  readonly #options: ProgramOptions;
  readonly #asked: Map<number, Asked> = new Map();
  #lastId = 0;
  #isOver = false;

  /** `over`: told once, unless it was closed. */
  constructor(options: ProgramOptions, over: (how: string) => void) {
    this.#options = options;
    const end = (how: string): void => {
      if (!this.#isOver) over(how);
      this.#giveUp(how);
    };
    this.started = options.start({
      onLine: (line) => this.#answered(line),
      onOversize: (head) => this.#tooLong(head),
      onExit: end,
    });
    this.started.then(
      (program) => this.#isOver && program.destroy(),
      (error: unknown) => end(error instanceof Error ? error.message : String(error)),
    );
  }

  async ask(question: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<string> {
    const program = await this.started;
    if (this.#isOver) throw new Error('it has ended');
    if (program.backlogBytes > MAX_BACKLOG) throw new Error('it does not read what it is asked');
    const id = ++this.#lastId;
    const { promise, reject, resolve } = Promise.withResolvers<string>();
    this.#asked.set(id, { answered: resolve, failed: reject });
    program.send(`{"id":${id},${question.slice(1)}`);
    try {
      const late = `it has not answered within ${timeoutMs} ms`;
      return await within(promise, { ms: timeoutMs, late, setTimer: this.#options.setTimer, signal });
    } finally {
      this.#asked.delete(id);
    }
  }

  async close(): Promise<void> {
    this.#giveUp('it was ended');
    const program = await this.started.catch(() => undefined);
    await program?.close();
  }

  destroy(): void {
    this.#giveUp('it was ended');
    this.started.then(
      (program) => program.destroy(),
      () => undefined,
    );
  }

  #giveUp(how: string): void {
    this.#isOver = true;
    for (const { failed } of this.#asked.values()) failed(new Error(how));
    this.#asked.clear();
  }

  /** What is no answer to a question that somebody waits for is nobody's. */
  #answered(line: Buffer): void {
    const text = line.toString('utf8');
    const id = idOf(text);
    if (id !== undefined) this.#asked.get(id)?.answered(text);
  }

  /** Whoever asked need not wait until it is late. */
  #tooLong(head: Buffer): void {
    const [, id] = /^\{\s*"id"\s*:\s*(\d{1,15})\s*[,}]/.exec(head.toString('latin1')) ?? [];
    if (id !== undefined) this.#asked.get(Number(id))?.failed(new Error('it answered with more than it may'));
  }
}

function idOf(text: string): number | undefined {
  try {
    const { id } = JSON.parse(text) as { readonly id?: unknown };
    return typeof id === 'number' ? id : undefined;
  } catch {
    return undefined;
  }
}

interface Patience extends Pick<ProgramOptions, 'setTimer'> {
  readonly ms: number;
  /** What is wrong when it takes longer. */
  readonly late: string;
  readonly signal: AbortSignal | undefined;
}

/** The same, unless it takes longer, or nobody waits for it any more. */
async function within<T>(work: Promise<T>, { late, ms, setTimer, signal }: Patience): Promise<T> {
  signal?.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const giveUp = (): void => reject(signal?.reason as Error);
  const cancel = setTimer(() => reject(new Error(late)), ms);
  signal?.addEventListener('abort', giveUp);
  try {
    return await Promise.race([work, promise]);
  } finally {
    cancel();
    signal?.removeEventListener('abort', giveUp);
  }
}
