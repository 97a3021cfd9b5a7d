import { describe, expect, it } from 'vitest';
import { createRenewed, type Renewed } from './renewed.ts';

interface Loads {
  readonly renewed: Renewed<object>;
  readonly failures: unknown[];
  count: number;
  nowMs: number;
  next: () => Promise<object>;
}

function open(): Loads {
  const failures: unknown[] = [];
  const loads: Loads = {
    failures,
    count: 0,
    nowMs: 1_000_000,
    next: async () => ({}),
    renewed: createRenewed<object>({
      load: async () => {
        loads.count++;
        return await loads.next();
      },
      freshMs: 100_000,
      staleMs: 500_000,
      intervalMs: 30_000,
      onFailure: (error) => failures.push(error),
      now: () => loads.nowMs,
    }),
  };
  return loads;
}

const fail = (): Promise<object> => Promise.reject(new Error('down'));

describe('a value that is loaded from elsewhere', () => {
  it('is loaded when it is first asked for, once for all who ask', async () => {
    const loads = open();
    expect(loads.renewed.current()).toBeUndefined();
    expect(loads.count).toBe(0);
    const [one, two] = await Promise.all([loads.renewed.renew(), loads.renewed.renew()]);
    expect(one).toBe(two);
    expect(loads.renewed.current()).toBe(one);
    expect(loads.count).toBe(1);
  });

  it('is not loaded again before the interval is over', async () => {
    const loads = open();
    const first = await loads.renewed.renew();
    loads.nowMs += 29_999;
    expect(await loads.renewed.renew()).toBe(first);
    expect(loads.count).toBe(1);
    loads.nowMs += 1;
    expect(await loads.renewed.renew()).not.toBe(first);
    expect(loads.count).toBe(2);
  });

  it('is renewed in the background before it is too old', async () => {
    const loads = open();
    const first = await loads.renewed.renew();
    loads.nowMs += 80_000;
    expect(loads.renewed.current()).toBe(first);
    expect(loads.count).toBe(2);
    await Promise.resolve();
    expect(await loads.renewed.renew()).not.toBe(first);
    expect(loads.count).toBe(2);
  });

  it('is not believed when it is too old and nobody has tried to renew it', async () => {
    const loads = open();
    const first = await loads.renewed.renew();
    loads.nowMs += 100_000;
    expect(loads.renewed.current()).toBeUndefined();
    expect(await loads.renewed.renew()).not.toBe(first);
  });

  it('is believed some time longer while it cannot be renewed, and then no more', async () => {
    const loads = open();
    const first = await loads.renewed.renew();
    loads.next = fail;
    loads.nowMs += 599_999;
    expect(loads.renewed.current()).toBeUndefined();
    expect(await loads.renewed.renew()).toBe(first);
    expect(loads.renewed.current()).toBe(first);
    loads.nowMs += 1;
    expect(loads.renewed.current()).toBeUndefined();
    expect(await loads.renewed.renew()).toBeUndefined();
    expect(loads.failures).toHaveLength(1);
  });

  it('is tried again after a second, and then ever less often', async () => {
    const loads = open();
    loads.next = fail;
    const tried: number[] = [];
    for (let second = 0; second <= 120; second++) {
      const before = loads.count;
      expect(await loads.renewed.renew()).toBeUndefined();
      if (loads.count > before) tried.push(second);
      loads.nowMs += 1000;
    }
    expect(tried).toEqual([0, 1, 3, 7, 15, 31, 61, 91]);
  });

  it('recovers, and begins to count anew', async () => {
    const loads = open();
    loads.next = fail;
    await loads.renewed.renew();
    loads.next = async () => ({});
    loads.nowMs += 1000;
    const value = await loads.renewed.renew();
    expect(value).toBeDefined();
    loads.nowMs += 29_999;
    expect(await loads.renewed.renew()).toBe(value);
    expect(loads.count).toBe(2);
  });
});
