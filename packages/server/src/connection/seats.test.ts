import { describe, expect, it } from 'vitest';
import { createSeats } from './seats.ts';

const alice = { issuer: 'test', subject: 'alice', roles: [] };
const bob = { issuer: 'test', subject: 'bob', roles: [] };

describe('seats', () => {
  it('DOS-10 are so many for each principal, and free again when they are given back', () => {
    const seats = createSeats(2);
    const leave = seats.take(alice);
    expect(seats.refusal(alice)).toBeUndefined();
    seats.take({ ...alice, roles: ['other'] });
    expect(seats.refusal(alice)?.key).toBe('rate_limited');
    expect(seats.refusal(bob)).toBeUndefined();
    expect(seats.refusal({ ...alice, issuer: 'other' })).toBeUndefined();
    leave();
    expect(seats.refusal(alice)).toBeUndefined();
  });

  it('may become fewer or more while some are held', () => {
    const seats = createSeats(2);
    seats.take(alice);
    seats.maxPerPrincipal = 1;
    expect(seats.refusal(alice)?.key).toBe('rate_limited');
    seats.maxPerPrincipal = 3;
    expect(seats.refusal(alice)).toBeUndefined();
  });
});
