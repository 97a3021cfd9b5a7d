import { describe, expect, it } from 'vitest';
import { MAX_PARKED, MAX_PARKED_PER_PRINCIPAL, ParkedCalls, unrefTimer } from './parked.ts';
import { fakeTimers, type FakeTimers } from './testing/fakes.ts';

interface Waiting {
  readonly ends: string[];
  end(reason: string): void;
}

function waiting(): Waiting {
  const ends: string[] = [];
  return { ends, end: (reason) => void ends.push(reason) };
}

function table(): { readonly parked: ParkedCalls<Waiting>; readonly timers: FakeTimers } {
  const timers = fakeTimers();
  return { timers, parked: new ParkedCalls({ requestStateMs: 1000, setTimer: (fire, ms) => timers.set(fire, ms) }) };
}

describe('parked calls', () => {
  it('are found once, by their nonce', () => {
    const { parked, timers } = table();
    const call = waiting();
    parked.park('n', call);
    expect(parked.take('m')).toBeUndefined();
    expect(parked.take('n')).toBe(call);
    expect(parked.take('n')).toBeUndefined();
    expect(timers.count).toBe(0);
    expect(call.ends).toEqual([]);
  });

  it('are ended when their time is over, and not found then', () => {
    const { parked, timers } = table();
    const call = waiting();
    parked.park('n', call);
    timers.pass(1000);
    expect(call.ends).toEqual([expect.stringContaining('did not come back')]);
    expect(parked.take('n')).toBeUndefined();
  });

  it('are bounded for each principal, and in all', () => {
    const { parked } = table();
    const back = Array.from({ length: MAX_PARKED_PER_PRINCIPAL }, () => parked.seat('ada'));
    expect(back.every((giveBack) => giveBack !== undefined)).toBe(true);
    expect(parked.seat('ada')).toBeUndefined();
    expect(parked.seat('bob')).toBeDefined();
    // Twice gives back one place.
    back[0]?.();
    back[0]?.();
    expect(parked.seat('ada')).toBeDefined();
    expect(parked.seat('ada')).toBeUndefined();
    for (let n = MAX_PARKED_PER_PRINCIPAL + 1; n < MAX_PARKED; n++) expect(parked.seat(`p${n}`)).toBeDefined();
    expect(parked.seat('one more')).toBeUndefined();
    back[1]?.();
    expect(parked.seat('one more')).toBeDefined();
  });

  it('are all ended by closing, after which nothing is parked', () => {
    const { parked, timers } = table();
    const calls = [waiting(), waiting(), waiting()];
    parked.park('a', calls[0] as Waiting);
    parked.park('b', calls[1] as Waiting);
    parked.close();
    parked.close();
    parked.park('c', calls[2] as Waiting);
    expect(calls.map(({ ends }) => ends.length)).toEqual([1, 1, 1]);
    expect([parked.take('a'), parked.take('c'), parked.seat('ada'), timers.count]).toEqual([
      undefined,
      undefined,
      undefined,
      0,
    ]);
  });

  it('do not keep the process alive', () => {
    const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const takeBack = unrefTimer(() => undefined, 60_000);
    // Only what keeps the process alive is listed.
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout')).toHaveLength(before);
    takeBack();
  });
});
