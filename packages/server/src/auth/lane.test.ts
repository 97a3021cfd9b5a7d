import { describe, expect, it } from 'vitest';
import { createLane } from './lane.ts';

const GONE = { displaced: 'gone' };

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
    const done = [first, second, third].map(async (one) => await lane.run('a', one.work, GONE));
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
    const run = async (address: string | undefined, one: Piece): Promise<unknown> =>
      await lane.run(address, one.work, GONE);
    const done = [run('a', first), run('a', second)];
    expect(lane.run('a', third.work, GONE)).toBeUndefined();
    done.push(run(undefined, third));
    expect(lane.run('b', fourth.work, GONE)).toBeUndefined();
    for (const one of [first, second, third, fourth]) one.end();
    await Promise.all(done);
    expect(fourth.started()).toBe(false);
    expect(await Promise.all([run('a', fourth), run('a', fourth)])).toEqual(['done', 'done']);
  });

  it('counts the addresses of one network together', async () => {
    const lane = createLane({ places: 3, placesPerAddress: 1 });
    const [first, second, third] = [piece(), piece(), piece()];
    const run = async (address: string, one: Piece): Promise<unknown> => await lane.run(address, one.work, GONE);
    const done = [run('2001:db8::1', first)];
    expect(lane.run('2001:db8::2', second.work, GONE)).toBeUndefined();
    done.push(run('2001:db8:0:1::1', third));
    for (const one of [first, third]) one.end();
    expect(await Promise.all(done)).toEqual(['done', 'done']);
  });

  it('lets addresses take turns, so that nobody waits for the line of another', async () => {
    const lane = createLane({ places: 9, placesPerAddress: 4 });
    const order: string[] = [];
    const run = async (address: string): Promise<unknown> =>
      await lane.run(
        address,
        () => {
          order.push(address);
          return Promise.resolve('done');
        },
        GONE,
      );
    await Promise.all(['a', 'a', 'a', 'a', 'b', 'c', 'b'].map(run));
    expect(order).toEqual(['a', 'a', 'b', 'c', 'a', 'b', 'a']);
  });

  it('has room for who has fewer in line than others, and for the last of nobody else', async () => {
    const lane = createLane({ places: 4, placesPerAddress: 3 });
    const pieces = Array.from({ length: 7 }, piece);
    const [a1, a2, a3, b1, c1, c2, d1] = pieces as [Piece, Piece, Piece, Piece, Piece, Piece, Piece];
    const run = async (address: string, one: Piece): Promise<unknown> => await lane.run(address, one.work, GONE);
    const done = [run('a', a1), run('a', a2), run('a', a3), run('b', b1), run('c', c1)];
    // It is full of lines that are as short as they can be.
    expect(lane.run('c', c2.work, GONE)).toBeUndefined();
    expect(lane.run('d', d1.work, GONE)).toBeUndefined();
    for (const one of pieces) one.end();
    expect(await Promise.all(done)).toEqual(['done', 'done', 'gone', 'done', 'done']);
    expect([a3, c2, d1].map(({ started }) => started())).toEqual([false, false, false]);
    expect(await run('a', a3)).toBe('done');
  });

  it('has fewer places for an address where that is said', async () => {
    const lane = createLane({ places: 9, placesPerAddress: 9 });
    const [first, second] = [piece(), piece()];
    const done = lane.run('a', first.work, { ...GONE, places: 1 });
    expect(lane.run('a', second.work, { ...GONE, places: 1 })).toBeUndefined();
    first.end();
    expect(await done).toBe('done');
  });
});
