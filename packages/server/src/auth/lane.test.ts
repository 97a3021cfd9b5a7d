import { describe, expect, it } from 'vitest';
import { createLane } from './lane.ts';

interface Piece {
  readonly started: () => boolean;
  readonly end: () => void;
  readonly fail: () => void;
  readonly work: () => Promise<string>;
}

function piece(): Piece {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let isStarted = false;
  return {
    started: () => isStarted,
    end: () => resolve('done'),
    fail: () => reject(new Error('failed')),
    work: () => {
      isStarted = true;
      return promise;
    },
  };
}

describe('a lane', () => {
  it('does one piece of work at a time, in order, whatever becomes of those before', async () => {
    const lane = createLane({ places: 9, placesPerAddress: 9 });
    const [first, second, third] = [piece(), piece(), piece()];
    const done = [first, second, third].map(async (one) => await lane.run('a', one.work));
    await expect.poll(first.started).toBe(true);
    expect([second.started(), third.started()]).toEqual([false, false]);
    first.fail();
    await expect(done[0]).rejects.toThrow('failed');
    await expect.poll(second.started).toBe(true);
    expect(third.started()).toBe(false);
    second.end();
    third.end();
    expect(await Promise.all(done.slice(1))).toEqual(['done', 'done']);
  });

  it('has a part of its places for each address, which come back with the end of the work', async () => {
    const lane = createLane({ places: 3, placesPerAddress: 2 });
    const [first, second, third, fourth] = [piece(), piece(), piece(), piece()];
    const run = async (address: string | undefined, one: Piece): Promise<unknown> => await lane.run(address, one.work);
    const done = [run('a', first), run('a', second)];
    expect(lane.run('a', third.work)).toBeUndefined();
    done.push(run(undefined, third));
    expect(lane.run('b', fourth.work)).toBeUndefined();
    for (const one of [first, second, third, fourth]) one.end();
    await Promise.all(done);
    expect(fourth.started()).toBe(false);
    expect(await Promise.all([run('a', fourth), run('a', fourth)])).toEqual(['done', 'done']);
  });

  it('counts the addresses of one network together', async () => {
    const lane = createLane({ places: 3, placesPerAddress: 1 });
    const [first, second, third] = [piece(), piece(), piece()];
    const run = async (address: string, one: Piece): Promise<unknown> => await lane.run(address, one.work);
    const done = [run('2001:db8::1', first)];
    expect(lane.run('2001:db8::2', second.work)).toBeUndefined();
    done.push(run('2001:db8:0:1::1', third));
    for (const one of [first, third]) one.end();
    expect(await Promise.all(done)).toEqual(['done', 'done']);
  });
});
