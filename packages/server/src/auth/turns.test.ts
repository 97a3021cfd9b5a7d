import { expect, it } from 'vitest';
import { createTurns } from './turns.ts';

it('runs so many at a time, the others in order, and refuses who finds no place', async () => {
  const turns = createTurns(2, 2);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const take = (name: number): Promise<number> | undefined =>
    turns.take(async () => {
      begun.push(name);
      await new Promise<void>((resolve) => ends.push(resolve));
      return name;
    });
  const taken = [1, 2, 3, 4, 5].map(take);
  expect(taken[4]).toBeUndefined();
  expect(begun).toEqual([1, 2]);
  ends[1]?.();
  expect(await taken[1]).toBe(2);
  expect(begun).toEqual([1, 2, 3]);
  expect(take(6)).toBeInstanceOf(Promise);
  expect(begun).toEqual([1, 2, 3]);
  ends[0]?.();
  expect(await taken[0]).toBe(1);
  expect(begun).toEqual([1, 2, 3, 4]);
});

it('hands the turn over also when the work fails', async () => {
  const turns = createTurns(1, 1);
  const failing = turns.take(() => Promise.reject(new Error('no')));
  const next = turns.take(async () => 'done');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('done');
  expect(await turns.take(async () => 'again')).toBe('again');
});
