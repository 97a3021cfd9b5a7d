import { expect, it } from 'vitest';
import { createFailureLimit } from './failures.ts';

it('counts failures of an address in a window of a minute', () => {
  let nowMs = 0;
  const limit = createFailureLimit(2, () => nowMs);
  expect([limit.failed('a'), limit.failed('a')]).toEqual([0, 0]);
  nowMs = 20_000;
  expect([limit.failed('a'), limit.failed('b'), limit.failed(undefined)]).toEqual([40_000, 0, 0]);
  nowMs = 60_000;
  expect(limit.failed('a')).toBe(0);
});

it('tells beforehand whether another failure is one too many, and counts nothing', () => {
  let nowMs = 0;
  const limit = createFailureLimit(2, () => nowMs);
  limit.failed('a');
  expect([limit.waitMs('a'), limit.waitMs('a'), limit.waitMs('b'), limit.waitMs(undefined)]).toEqual([0, 0, 0, 0]);
  limit.failed('a');
  nowMs = 20_000;
  expect([limit.waitMs('a'), limit.waitMs('b')]).toEqual([40_000, 0]);
  nowMs = 60_000;
  expect(limit.waitMs('a')).toBe(0);
});

it('forgets the address that failed longest ago when there are very many', () => {
  const limit = createFailureLimit(1, () => 0);
  limit.failed('first');
  limit.failed('second');
  for (let at = 0; at < 9_998; at++) limit.failed(`x${at}`);
  expect(limit.failed('first')).toBe(60_000);
  limit.failed('one more');
  expect(limit.failed('second')).toBe(0);
  expect(limit.failed('first')).toBe(60_000);
});

it('counts all addresses of one host together', () => {
  const limit = createFailureLimit(1, () => 0);
  limit.failed('2001:db8:1:2::1');
  expect([limit.waitMs('2001:db8:1:2::9') > 0, limit.waitMs('2001:db8:1:3::1') > 0]).toEqual([true, false]);
});
