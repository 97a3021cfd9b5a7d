import { describe, expect, it } from 'vitest';
import { createClocks, type Clock, type Clocks } from './clock.ts';

/** Time that passes when told, and one timer at a time. */
function fakeTime(): { now: () => number; clocks: Clocks; pass: (ms: number) => void; timers: () => number } {
  let nowMs = 1000;
  let armed: { fire: () => void; atMs: number } | undefined;
  let timers = 0;
  const clocks = createClocks(
    () => nowMs,
    (fire, ms) => {
      expect(armed).toBeUndefined();
      const timer = { fire, atMs: nowMs + ms };
      armed = timer;
      timers++;
      return () => {
        if (armed === timer) armed = undefined;
      };
    },
  );
  const pass = (ms: number): void => {
    const endMs = nowMs + ms;
    while (armed !== undefined && armed.atMs <= endMs) {
      const { fire, atMs } = armed;
      armed = undefined;
      nowMs = Math.max(nowMs, atMs);
      fire();
    }
    nowMs = endMs;
  };
  return { now: () => nowMs, clocks, pass, timers: () => timers };
}

function start(clocks: Clocks, timeoutMs: number, maxMs: number): Clock & { readonly rings: () => number } {
  let rings = 0;
  const clock = clocks.start({ timeoutMs, maxMs, onTimeout: () => rings++ });
  return {
    renew: () => clock.renew(),
    pause: () => clock.pause(),
    resume: () => clock.resume(),
    stop: () => clock.stop(),
    rings: () => rings,
  };
}

describe('a clock', () => {
  it('rings once, not before its time and hardly after', () => {
    const { clocks, pass } = fakeTime();
    const clock = start(clocks, 1000, 5000);
    pass(999);
    expect(clock.rings()).toBe(0);
    pass(26);
    expect(clock.rings()).toBe(1);
    pass(100_000);
    expect(clock.rings()).toBe(1);
  });

  it('is renewed, but not past its longest time', () => {
    const { clocks, pass } = fakeTime();
    const clock = start(clocks, 1000, 3000);
    for (let turn = 0; turn < 5; turn++) {
      pass(590);
      clock.renew();
    }
    expect(clock.rings()).toBe(0);
    pass(100);
    expect(clock.rings()).toBe(1);
  });

  it('stands still until it was resumed as often as paused', () => {
    const { clocks, pass } = fakeTime();
    const clock = start(clocks, 1000, 3000);
    pass(900);
    clock.pause();
    clock.pause();
    pass(60_000);
    clock.resume();
    pass(60_000);
    expect(clock.rings()).toBe(0);
    clock.resume();
    clock.resume();
    pass(90);
    expect(clock.rings()).toBe(0);
    pass(40);
    expect(clock.rings()).toBe(1);
  });

  it('does not ring when stopped, paused or not', () => {
    const { clocks, pass } = fakeTime();
    const [one, other] = [start(clocks, 100, 100), start(clocks, 100, 100)];
    one.stop();
    other.pause();
    other.stop();
    other.resume();
    pass(1000);
    expect([one.rings(), other.rings()]).toEqual([0, 0]);
  });

  it('may be stopped by the ring of another', () => {
    const { clocks, pass } = fakeTime();
    let rings = 0;
    const all: Clock[] = [];
    const onTimeout = (): void => {
      rings++;
      for (const clock of all) clock.stop();
    };
    for (let index = 0; index < 3; index++) all.push(clocks.start({ timeoutMs: 50, maxMs: 50, onTimeout }));
    pass(200);
    expect(rings).toBe(1);
  });
});

describe('the clocks of a leg', () => {
  it('share one timer: 10,000 calls that are answered arm a handful', () => {
    const { clocks, pass, timers } = fakeTime();
    for (let turn = 0; turn < 10_000; turn++) {
      const clock = start(clocks, 60_000, 1_800_000);
      pass(1);
      clock.stop();
    }
    pass(120_000);
    expect(timers()).toBeLessThan(5);
  });

  it('keep short ones apart from long ones that were there before', () => {
    const { clocks, pass } = fakeTime();
    const long = start(clocks, 60_000, 60_000);
    const short = start(clocks, 50, 50);
    pass(80);
    expect([long.rings(), short.rings()]).toEqual([0, 1]);
  });

  it('never ring for a time without end', () => {
    const { clocks, pass } = fakeTime();
    const endless = start(clocks, Infinity, Infinity);
    const longer = start(clocks, 2 ** 33, 2 ** 33);
    pass(2 ** 32);
    expect([endless.rings(), longer.rings()]).toEqual([0, 0]);
    pass(2 ** 33);
    expect([endless.rings(), longer.rings()]).toEqual([0, 1]);
  });

  it('are silent after destroy', () => {
    const { clocks, pass } = fakeTime();
    const clock = start(clocks, 50, 50);
    clocks.destroy();
    pass(1000);
    expect(clock.rings()).toBe(0);
  });
});
