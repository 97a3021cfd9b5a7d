/**
 * The calls of one principal in a day or a calendar month (UTC), of which a record shared by several processes holds the sum.
 * A span is never followed by an earlier one: a clock that steps back brings no second quota.
 */

/** The number of the day or month since 1970, and the calls in it. */
export type Sum = readonly [index: number, count: number];

export interface Span {
  index: number;
  count: number;
  /** Of `count`, what is not in the record yet. */
  unwritten: number;
}

const DAY_MS = 86_400_000;

export function dayOf(nowMs: number): number {
  return Math.floor(nowMs / DAY_MS);
}

/** The number of a day's month. */
export function monthOf(day: number): number {
  const date = new Date(day * DAY_MS);
  return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth();
}

/** Milliseconds since 1970 at which a day ends. */
export function endOfDayMs(day: number): number {
  return (day + 1) * DAY_MS;
}

/** Milliseconds since 1970 at which a month ends. */
export function endOfMonthMs(month: number): number {
  return Date.UTC(1970, month + 1);
}

/** Begins anew when a later day or month has come. */
export function advance(span: Span, index: number): void {
  if (index <= span.index) return;
  span.index = index;
  span.count = 0;
  span.unwritten = 0;
}

/** Takes over what the record says; `count` is then the sum with what is not written yet. */
export function learn(span: Span, [index, count]: Sum): void {
  if (index < span.index) return;
  // By the clock of another process the next one has begun: what is not written counts there.
  span.count = index > span.index ? count + span.unwritten : Math.max(span.count, count + span.unwritten);
  span.index = index;
}

/** The sum of a record as it was read; of anything else, nothing. */
export function sumIn(value: unknown, name: 'day' | 'month'): Sum {
  const sum = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  const [index, count] = Array.isArray(sum) ? (sum as unknown[]) : [];
  return Number.isSafeInteger(index) && Number.isSafeInteger(count) ? [index as number, count as number] : [0, 0];
}
