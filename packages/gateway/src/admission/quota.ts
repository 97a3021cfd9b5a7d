/**
 * Quotas: calls of a principal in a day and in a calendar month (UTC). They are counted in memory, and added to records that
 * several processes share and that survive a restart, off the path of a call: once a second at most, and then so many
 * principals, those first that have waited longest.
 *
 * So a process learns of the others' calls when it writes its own: with n processes a principal may have as many calls
 * above its quota as n - 1 of them let pass between two writes, which are a second apart while no more than sixteen
 * principals call. Of a process that is killed what it had not written is forgotten.
 */

import { createHash } from 'node:crypto';
import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { numberText } from '@sallyport/server/limits';
import { Refused } from '../errors.ts';
import { longest, type Exceeded } from './exceeded.ts';
import type { CallLimits, SetTimer } from './limits.ts';
import { advance, dayOf, endOfDayMs, endOfMonthMs, learn, monthOf, sumIn, type Span, type Sum } from './span.ts';

/** Where the counts are kept: one collection of a store. */
export interface QuotaRecords {
  get(key: string): Promise<{ readonly value: unknown; readonly version: number } | undefined>;
  /** Writes only if the record still has this version, or is absent. False when somebody else was first. */
  putIf(
    key: string,
    expected: number | 'absent',
    value: { readonly day: Sum; readonly month: Sum },
    options: { readonly expiresAtMs: number },
  ): Promise<boolean>;
}

export interface QuotaOptions {
  readonly quota: () => CallLimits['quota'];
  readonly records: QuotaRecords;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly setTimer: SetTimer;
  readonly log: (level: 'warn', text: string, detail: Readonly<Record<string, unknown>>) => void;
  /** Principals in memory at once. */
  readonly maxPrincipals?: number;
}

/** The calls of one principal. */
export interface Quota {
  readonly principal: string;
  readonly day: Span;
  readonly month: Span;
  /** The round in which it was used last. */
  round: number;
}

/** Between two rounds of writing. */
const ROUND_MS = 1000;
const WRITES_PER_ROUND = 16;
/** Rounds after which who does not call is in its record alone. */
const IDLE_ROUNDS = 60;
const MAX_PRINCIPALS = 10_000;
/** Another process was first: each time that happens, one of them has succeeded. */
const TRIES = 20;
/** A record outlives its month for a while: a clock that was ahead may come back. */
const SPARE_MS = 86_400_000;

export class Quotas {
  readonly #options: QuotaOptions;
  /** By `principalKey`. */
  readonly #quotas: Map<string, Quota> = new Map();
  readonly #loading: Map<string, Promise<Quota>> = new Map();
  /** What is to be written, in its order. */
  readonly #dirty: Set<Quota> = new Set();
  #today: { readonly day: number; readonly month: number } = { day: 0, month: 0 };
  #round = 0;
  #writing: Promise<void> = Promise.resolve();
  /** Takes the timer of the next round back. */
  #takeBack: (() => void) | undefined;
  #isFailing = false;
  #closed = false;

  constructor(options: QuotaOptions) {
    this.#options = options;
  }

  /** Principals in memory. */
  get size(): number {
    return this.#quotas.size;
  }

  /**
   * The calls of a principal, as of now: at once, unless it has not called for a while. Undefined when there is no quota.
   * Rejects when its record cannot be read.
   */
  find(principal: string): Quota | Promise<Quota> | undefined {
    const { day, month } = this.#options.quota();
    if (day === undefined && month === undefined) return undefined;
    const known = this.#quotas.get(principal);
    return known === undefined ? this.#load(principal) : this.#current(known);
  }

  /** What a principal has used up; undefined while there is room. */
  over(quota: Quota | undefined): Exceeded | undefined {
    if (quota === undefined) return undefined;
    const { day = Infinity, month = Infinity } = this.#options.quota();
    if (quota.day.count < day && quota.month.count < month) return undefined;
    const nowMs = this.#options.now();
    return longest(
      overSpan('day', quota.day.count, day, endOfDayMs(quota.day.index) - nowMs),
      overSpan('month', quota.month.count, month, endOfMonthMs(quota.month.index) - nowMs),
    );
  }

  take(quota: Quota | undefined): void {
    if (quota === undefined) return;
    for (const span of [quota.day, quota.month]) {
      span.count++;
      span.unwritten++;
    }
    this.#dirty.add(quota);
    this.#arm();
  }

  /** Writes what is not written yet. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#takeBack?.();
    await this.#writing;
    await this.#writeSome(this.#dirty.size);
  }

  #current(quota: Quota): Quota {
    const day = dayOf(this.#options.now());
    if (day !== this.#today.day) this.#today = { day, month: monthOf(day) };
    advance(quota.day, day);
    advance(quota.month, this.#today.month);
    quota.round = this.#round;
    return quota;
  }

  async #load(principal: string): Promise<Quota> {
    return this.#current(await (this.#loading.get(principal) ?? this.#startLoading(principal)));
  }

  /** Calls that come together wait for one reading. */
  #startLoading(principal: string): Promise<Quota> {
    const loading = Promise.resolve()
      .then(() => this.#read(principal))
      .finally(() => this.#loading.delete(principal));
    this.#loading.set(principal, loading);
    return loading;
  }

  async #read(principal: string): Promise<Quota> {
    await this.#makePlace();
    const record = await this.#options.records.get(recordKey(principal));
    const span = (name: 'day' | 'month'): Span => {
      const [index, count] = sumIn(record?.value, name);
      return { index, count, unwritten: 0 };
    };
    const quota = { principal, day: span('day'), month: span('month'), round: this.#round };
    this.#quotas.set(principal, quota);
    return quota;
  }

  /** Whoever came first goes first, when its record has everything. */
  async #makePlace(): Promise<void> {
    const max = this.#options.maxPrincipals ?? MAX_PRINCIPALS;
    while (this.#quotas.size + this.#loading.size > max) {
      const [first] = this.#quotas.values();
      if (first === undefined) {
        throw new Refused('rate_limited', 'Too many clients have come at once.', { headers: { 'retry-after': '1' } });
      }
      if (this.#dirty.has(first)) await this.#write(first);
      else this.#quotas.delete(first.principal);
    }
  }

  #arm(): void {
    if (this.#takeBack !== undefined || this.#closed) return;
    this.#takeBack = this.#options.setTimer(() => {
      this.#writing = this.#nextRound();
    }, ROUND_MS);
  }

  async #nextRound(): Promise<void> {
    this.#round++;
    await this.#writeSome(WRITES_PER_ROUND);
    for (const [principal, quota] of this.#quotas) {
      const isIdle = this.#round - quota.round > IDLE_ROUNDS && !this.#dirty.has(quota);
      if (isIdle) this.#quotas.delete(principal);
    }
    this.#takeBack = undefined;
    if (this.#dirty.size > 0) this.#arm();
  }

  async #writeSome(most: number): Promise<void> {
    const { log } = this.#options;
    try {
      for (const quota of [...this.#dirty].slice(0, most)) {
        await this.#write(quota);
        // A write may take a while in this thread: calls come in between.
        await eventLoopTurn();
      }
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing)
        log('warn', 'counts of calls could not be stored; it is tried again', { error: String(error) });
      this.#isFailing = true;
    }
  }

  async #write(quota: Quota): Promise<void> {
    await this.#add(quota);
    this.#dirty.delete(quota);
    // What was counted meanwhile is for another round, behind all that waits.
    if (quota.day.unwritten !== 0 || quota.month.unwritten !== 0) this.#dirty.add(quota);
  }

  async #add({ principal, day, month }: Quota): Promise<void> {
    const { records } = this.#options;
    const key = recordKey(principal);
    for (let tried = 0; tried < TRIES; tried++) {
      const record = await records.get(key);
      learn(day, sumIn(record?.value, 'day'));
      learn(month, sumIn(record?.value, 'month'));
      const written = [{ ...day }, { ...month }] as const;
      const value = { day: [day.index, day.count], month: [month.index, month.count] } as const;
      const expiresAtMs = endOfMonthMs(month.index) + SPARE_MS;
      if (await records.putIf(key, record?.version ?? 'absent', value, { expiresAtMs })) {
        settle(day, written[0]);
        settle(month, written[1]);
        return;
      }
    }
    throw new Error('Other processes wrote the same record again and again.');
  }
}

/** What was written is not unwritten any more. */
function settle(span: Span, written: Span): void {
  if (span.index === written.index) span.unwritten -= written.unwritten;
}

function overSpan(name: 'day' | 'month', count: number, quota: number, leftMs: number): Exceeded | undefined {
  if (count < quota) return undefined;
  const text = `The limit of calls for this client (${numberText(quota)} a ${name}) is reached.`;
  return { limit: `quota.${name}`, text, count: quota, remaining: 0, retryAfterMs: leftMs, resetMs: leftMs };
}

/** Names of principals may be longer than keys, and are nobody's business. */
function recordKey(principal: string): string {
  return createHash('sha256').update(principal).digest('base64url');
}
