import { describe, expect, it } from 'vitest';
import { Calls, type Call } from './calls.ts';
import { UpstreamError, type Cause } from './leg.ts';
import { callOf } from './testing/calls.ts';

const causeOf = (owner?: string, isAway = () => false): Cause => ({
  ...(owner !== undefined && { owner: () => owner }),
  isAway,
  notify: () => undefined,
  ask: () => Promise.resolve({ result: {} }),
});

function setUp(): {
  calls: Calls;
  open: (owner?: string, isAway?: () => boolean) => Call;
  giveUp: (call: Call) => void;
  pass: (ms: number) => void;
} {
  let nowMs = 0;
  const calls = new Calls({ now: () => nowMs, setTimer: () => () => undefined, onTimeout: () => undefined });
  return {
    calls,
    open: (owner, isAway) => calls.open(callOf({ cause: causeOf(owner, isAway) }), false),
    giveUp: (call) => {
      call.answer.catch(() => undefined);
      calls.abandon(call, new UpstreamError('cancelled', 'given up'));
    },
    pass: (ms) => {
      nowMs += ms;
    },
  };
}

describe('the only cause', () => {
  it('is the one call under way that has one', () => {
    const { calls, open, giveUp } = setUp();
    expect(calls.onlyCause()).toBeUndefined();
    calls.open(callOf(), false);
    expect(calls.onlyCause()).toBeUndefined();
    const call = open('a');
    expect(calls.onlyCause()).toBe(call);
    const second = open('a');
    expect(calls.onlyCause()).toBeUndefined();
    calls.settle(second.id, { kind: 'error', error: { code: 1, message: 'x' } });
    expect(calls.onlyCause()).toBe(call);
    giveUp(call);
    expect(calls.onlyCause()).toBeUndefined();
  });

  it.each([
    ['another owner', 'a', 'b'],
    ['no owner, before', undefined, 'b'],
    ['no owner, now', 'a', undefined],
    ['no owner at all', undefined, undefined],
  ])('is nobody while a call that was given up may still run, of %s', (_name, before, now) => {
    const { calls, open, giveUp, pass } = setUp();
    giveUp(open(before));
    const call = open(now);
    pass(59_999);
    expect(calls.onlyCause()).toBeUndefined();
    pass(1);
    expect(calls.onlyCause()).toBe(call);
  });

  it('is the next call of the same owner, unless a stranger gave one up too', () => {
    const { calls, open, giveUp } = setUp();
    giveUp(open('a'));
    const call = open('a');
    expect(calls.onlyCause()).toBe(call);
    giveUp(open('b'));
    expect(calls.onlyCause()).toBeUndefined();
  });

  it('is known again when the server answers what was given up', () => {
    const { calls, open, giveUp } = setUp();
    const given = open('a');
    giveUp(given);
    const call = open('b');
    expect(calls.settle(given.id, { kind: 'error', error: { code: 1, message: 'late' } })).toBe(false);
    expect(calls.onlyCause()).toBe(call);
  });

  it('is the one whose client is there, where all others are of the same owner, and never with a stranger among them', () => {
    const { calls, open } = setUp();
    const away = new Set<string>();
    const first = open('a', () => away.has('first'));
    const second = open('a', () => away.has('second'));
    expect(calls.onlyCause()).toBeUndefined();
    away.add('first');
    expect(calls.onlyCause()).toBe(second);
    // Nobody is there.
    away.add('second');
    expect(calls.onlyCause()).toBeUndefined();
    away.delete('second');
    const stranger = open('b', () => true);
    expect(calls.onlyCause()).toBeUndefined();
    calls.settle(stranger.id, { kind: 'error', error: { code: 1, message: 'x' } });
    expect(calls.onlyCause()).toBe(second);
    // Alone it is meant, wherever its client is.
    away.add('second');
    calls.settle(first.id, { kind: 'error', error: { code: 1, message: 'x' } });
    expect(calls.onlyCause()).toBe(second);
  });

  it('is nobody where calls of no owner are among those that are under way', () => {
    const { calls, open } = setUp();
    open(undefined, () => true);
    open(undefined);
    expect(calls.onlyCause()).toBeUndefined();
  });
});
