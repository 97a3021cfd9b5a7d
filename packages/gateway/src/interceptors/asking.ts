/**
 * One interceptor as it is asked: what it is asked about, so many questions at a time, left alone while it does not answer, and
 * what a missing answer means. Each outcome is counted; what is not a plain pass is reported.
 */

import type { JsonObject } from '@sallyport/wire';
import { globMatcher } from '../glob.ts';
import { createBreaker, type Breaker } from './breaker.ts';
import type { Hook, InterceptorSettings, Intervention, Kind, Outcome, Phase, Verdict } from './types.ts';
import { verdictOf } from './verdict.ts';

/** Questions under way to one interceptor; one more is not asked. */
const MAX_QUESTIONS = 256;
/** Of a question besides what it is about. */
const FRAME_BYTES = 16 * 1024;
/** Between two lines about failures. */
const LOG_EVERY_MS = 10_000;

export interface AskingOptions {
  readonly hook: Hook;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  readonly log: (level: 'info' | 'warn', text: string, detail: Readonly<Record<string, unknown>>) => void;
}

/** Told of an outcome, with what it is about. */
export type Report = (intervention: Intervention) => void;

/** What a question is about, besides what is asked. */
export interface About {
  readonly kind: Kind;
  readonly report: Report;
  /** Nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
}

export class Interceptor {
  /** All of them can be another object with a reload, `onError` in force at once. */
  settings: InterceptorSettings;
  readonly hook: Hook;
  readonly counts: Map<Phase, Record<Outcome, number>> = new Map();
  readonly #options: AskingOptions;
  readonly #breaker: Breaker;
  readonly #isServer: (server: string) => boolean;
  readonly #isTool: (id: string) => boolean;
  #underWay = 0;
  #failures = 0;
  #loggedMs = -Infinity;

  constructor(settings: InterceptorSettings, options: AskingOptions) {
    this.settings = settings;
    this.hook = options.hook;
    this.#options = options;
    this.#breaker = createBreaker(options.now);
    this.#isServer = settings.servers === undefined ? () => true : globMatcher(settings.servers);
    this.#isTool = settings.tools === undefined ? () => true : globMatcher(settings.tools);
  }

  get isLeftAlone(): boolean {
    return this.#breaker.isOpen;
  }

  /** `id`: canonical, of a tool; undefined: some tool of the server. */
  isAskedAbout(phase: Phase, kind: Kind, server: string, id: string | undefined): boolean {
    const { kinds, phases } = this.settings;
    if (!phases.includes(phase) || !kinds.includes(kind) || !this.#isServer(server)) return false;
    return kind !== 'tool' || id === undefined || this.#isTool(id);
  }

  /** The verdict; undefined: there is none, and what it was about goes on all the same. Rejects where it must not. */
  async ask(phase: Phase, question: JsonObject, { kind, report, signal }: About): Promise<Verdict | undefined> {
    let verdict: Verdict;
    try {
      verdict = verdictOf(phase, kind, await this.#answer(JSON.stringify({ phase, ...question }), signal));
    } catch (error) {
      // Whoever goes away is no failure of it: its callers could have it left alone.
      signal?.throwIfAborted();
      return this.failed(phase, error, report);
    }
    const outcome = verdict.action === 'keep' ? 'replace' : verdict.action;
    this.#count(phase, outcome);
    if (outcome !== 'pass' && phase !== 'list') {
      report({ interceptor: this.settings.name, phase, outcome, passed: outcome === 'replace' });
    }
    return verdict;
  }

  /** There is no verdict. Throws a `NoVerdict` where nothing may pass then. */
  failed(phase: Phase, error: unknown, report: Report): undefined {
    const { log, now } = this.#options;
    const { name: interceptor, onError } = this.settings;
    const passed = onError === 'open';
    const text = error instanceof Error ? error.message : String(error);
    this.#count(phase, 'failed');
    this.#failures++;
    if (now() - this.#loggedMs >= LOG_EVERY_MS) {
      const what = passed ? 'passed unseen' : 'was refused';
      const detail = { interceptor, phase, error: text, failures: this.#failures };
      log('warn', `an interceptor gave no answer, so what it was asked about ${what}`, detail);
      this.#failures = 0;
      this.#loggedMs = now();
    }
    report({ interceptor, phase, outcome: 'failed', passed, error: text });
    if (!passed) throw new NoVerdict(`the interceptor "${interceptor}": ${text}`);
  }

  async #answer(question: string, signal: AbortSignal | undefined): Promise<string> {
    const { maxBytes, timeoutMs } = this.settings;
    if (Buffer.byteLength(question) > maxBytes + FRAME_BYTES) throw tooLarge(maxBytes);
    if (this.#underWay >= MAX_QUESTIONS) throw new Error(`more than ${MAX_QUESTIONS} questions are under way`);
    if (!this.#breaker.tryNow()) throw new Error('it has not answered for a while and is left alone');
    this.#underWay++;
    let text: string;
    try {
      text = await this.hook.ask(question, timeoutMs, signal);
    } catch (error) {
      if (signal?.aborted !== true) this.#unanswered();
      throw error;
    } finally {
      this.#underWay--;
    }
    if (this.#breaker.isOpen)
      this.#options.log('info', 'an interceptor answers again', { interceptor: this.settings.name });
    this.#breaker.succeeded();
    return text;
  }

  #unanswered(): void {
    if (!this.#breaker.failed()) return;
    this.hook.renew();
    const detail = { interceptor: this.settings.name };
    this.#options.log(
      'warn',
      'an interceptor has not answered several times in a row and is left alone for a while',
      detail,
    );
  }

  #count(phase: Phase, outcome: Outcome): void {
    let counts = this.counts.get(phase);
    if (counts === undefined) this.counts.set(phase, (counts = { pass: 0, replace: 0, deny: 0, failed: 0 }));
    counts[outcome]++;
  }
}

/** Nothing may pass without one. The message is for the log. */
export class NoVerdict extends Error {}

export function tooLarge(maxBytes: number): Error {
  return new Error(`it is shown at most ${maxBytes} bytes (maxBytes)`);
}
