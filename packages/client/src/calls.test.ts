import { describe, expect, it } from 'vitest';
import { Calls, type Call } from './calls.ts';
import { UpstreamError, type Cause } from './leg.ts';
import { callOf } from './testing/calls.ts';

const causeOf = (owner?: string): Cause => ({
  ...(owner !== undefined && { owner: () => owner }),
  notify: () => undefined,
  ask: () => Promise.resolve({ result: {} }),
});

function setUp(): {
  calls: Calls;
  open: (owner?: string) => Call;
  giveUp: (call: Call) => void;
  pass: (ms: number) => void;
} {
  let nowMs = 0;
  const calls = new Calls({ now: () => nowMs, setTimer: () => () => undefined, onTimeout: () => undefined });
  return {
    calls,
    open: (owner) => calls.open(callOf({ cause: causeOf(owner) }), false),
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
});
