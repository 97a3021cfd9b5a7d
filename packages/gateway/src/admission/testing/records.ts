/** Records and timers for tests: nothing happens but when it is told to. */

import type { SetTimer } from '../limits.ts';
import type { QuotaRecords } from '../quota.ts';

export interface FakeRecords extends QuotaRecords {
  putIf: QuotaRecords['putIf'];
  /** What was asked, oldest first: `get`, `put`, `lost`. */
  readonly asked: string[];
  readonly all: Map<string, { value: unknown; version: number; expiresAtMs: number }>;
  /** Set: everything is refused with it. */
  broken: Error | undefined;
}

/** Compares and swaps, as a store does. */
export function fakeRecords(): FakeRecords {
  const all: FakeRecords['all'] = new Map();
  const asked: string[] = [];
  const records: FakeRecords = {
    all,
    asked,
    broken: undefined,
    get: async (key) => {
      if (records.broken !== undefined) throw records.broken;
      asked.push('get');
      return all.get(key);
    },
    putIf: async (key, expected, value, { expiresAtMs }) => {
      if (records.broken !== undefined) throw records.broken;
      const isFirst = (all.get(key)?.version ?? 'absent') === expected;
      asked.push(isFirst ? 'put' : 'lost');
      if (isFirst) all.set(key, { value, version: (expected === 'absent' ? 0 : expected) + 1, expiresAtMs });
      return isFirst;
    },
  };
  return records;
}

export interface FakeTimers {
  readonly set: SetTimer;
  /** Those that are set, with their times. */
  readonly waiting: Map<() => void, number>;
  /** Lets everything that is set happen. */
  fire(): void;
}

export function fakeTimers(): FakeTimers {
  const waiting = new Map<() => void, number>();
  return {
    waiting,
    set: (fire, ms) => {
      waiting.set(fire, ms);
      return () => void waiting.delete(fire);
    },
    fire: () => {
      const due = [...waiting.keys()];
      waiting.clear();
      for (const fire of due) fire();
    },
  };
}
