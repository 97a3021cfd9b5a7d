/**
 * One entry of `alerts`: what it counts, what it has told, and what it keeps quiet about. A thing is told once; what comes of
 * it while it is quiet is counted and told in one. Its table is bounded: beyond, things are told together.
 */

import type { News } from './message.ts';
import type { Sign } from './signs.ts';
import type { AlertRule } from './types.ts';

/** Tells somebody; `id` and time are given by who sends it. */
export type Tell = (sign: Sign, news: Pick<News, 'state' | 'count' | 'windowMs'>) => void;

/** Things that are known at a time. */
export const MAX_KNOWN = 1000;
/** Of all addresses together, so many times as many as of one. */
const IN_ALL = 5;

interface Known {
  readonly sign: Sign;
  /** Within the window that began then. */
  startMs: number;
  count: number;
  /** Since when nothing more is told; undefined: nothing was told yet. */
  toldMs: number | undefined;
  /** Happened since then. */
  more: number;
}

export class AlertWatch {
  readonly #rule: AlertRule;
  readonly #tell: Tell;
  readonly #kinds: ReadonlySet<string>;
  readonly #known: Map<string, Known> = new Map();

  constructor(rule: AlertRule, tell: Tell) {
    this.#rule = rule;
    this.#tell = tell;
    this.#kinds = new Set(rule.on);
  }

  /** Nothing is watched over time. */
  get isIdle(): boolean {
    return this.#known.size === 0;
  }

  take(sign: Sign, nowMs: number): void {
    if (!this.#kinds.has(sign.kind)) return;
    if (sign.isEnd) return this.#end(sign);
    if (sign.kind !== 'failed_authentication') return this.#count(sign, 1, nowMs);
    const { threshold } = this.#rule;
    if (sign.subject !== '') this.#count(sign, threshold, nowMs);
    const { address: _address, ...event } = sign.event;
    this.#count({ ...sign, subject: '', event }, threshold * IN_ALL, nowMs);
  }

  /** To be called now and then: what is quiet long enough is told, or forgotten. */
  sweep(nowMs: number): void {
    for (const [key, known] of this.#known) {
      if (known.toldMs === undefined) {
        if (nowMs - known.startMs >= this.#rule.windowMs) this.#known.delete(key);
      } else if (nowMs - known.toldMs >= this.#rule.quietMs) this.#quietIsOver(key, known, nowMs);
    }
  }

  #count(sign: Sign, threshold: number, nowMs: number): void {
    const known = this.#find(sign, nowMs);
    if (known.toldMs !== undefined) {
      known.more += 1;
      return;
    }
    const { windowMs } = this.#rule;
    if (nowMs - known.startMs >= windowMs) {
      known.startMs = nowMs;
      known.count = 0;
    }
    known.count += 1;
    if (known.count < threshold) return;
    known.toldMs = nowMs;
    this.#tell(sign, { state: 'raised', count: known.count, windowMs });
  }

  #find(sign: Sign, nowMs: number): Known {
    const own = `${sign.kind} ${sign.subject}`;
    const key = this.#known.has(own) || this.#known.size < MAX_KNOWN ? own : `${sign.kind} …`;
    const known = this.#known.get(key) ?? { sign, startMs: nowMs, count: 0, toldMs: undefined, more: 0 };
    this.#known.set(key, known);
    return known;
  }

  #quietIsOver(key: string, known: Known, nowMs: number): void {
    const { more, sign } = known;
    const { windowMs } = this.#rule;
    if (more > 0) {
      known.toldMs = nowMs;
      known.more = 0;
      this.#tell(sign, { state: 'continued', count: more, windowMs });
      return;
    }
    // What lasts is over when something says so.
    if (sign.lasts) return;
    this.#known.delete(key);
    if (sign.kind === 'failed_authentication') this.#tell(sign, { state: 'ended', count: known.count, windowMs });
  }

  #end(sign: Sign): void {
    const key = `${sign.kind} ${sign.subject}`;
    const known = this.#known.get(key);
    if (known?.toldMs === undefined) return;
    this.#known.delete(key);
    const { windowMs } = this.#rule;
    this.#tell(known.sign, { state: 'ended', count: known.count + known.more, windowMs });
  }
}
