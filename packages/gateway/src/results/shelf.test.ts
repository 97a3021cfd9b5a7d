import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeLeft, Shelf, shelfFolder, type ShelfLimits } from './shelf.ts';

let base: string;
let fired: (() => void)[];
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'sallyport-results-'));
  fired = [];
});
afterEach(() => rm(base, { recursive: true }));

/** Opens for whoever names the same place. */
const sealing = {
  seal: (plain: string, bound: string): string => JSON.stringify([bound, plain]),
  unseal: (sealed: string, bound: string): string | undefined => {
    const [place, plain] = JSON.parse(sealed) as [string, string];
    return place === bound ? plain : undefined;
  },
};

function shelf(limits: Partial<ShelfLimits> = {}, isOnDisk = true): { readonly shelf: Shelf; readonly folder: string } {
  const folder = shelfFolder(base, process.pid, 'a');
  const options = {
    ...sealing,
    folder: isOnDisk ? folder : undefined,
    randomId: () => randomBytes(8).toString('hex'),
    setTimer: (fire: () => void) => {
      fired.push(fire);
      return () => undefined;
    },
  };
  return { shelf: new Shelf({ ...options, limits }), folder };
}

describe.each([true, false])('what is kept, on the disk: %s', (isOnDisk) => {
  it('is read by its owner alone, until its time is over', async () => {
    const { shelf: kept } = shelf({}, isOnDisk);
    const id = (await kept.keep('ann', 'a secret')) ?? '';
    expect(await kept.read('ann', id)).toBe('a secret');
    expect(await kept.read('bob', id)).toBeUndefined();
    expect(await kept.read('ann', '../../x')).toBeUndefined();
    for (const fire of fired) fire();
    expect(await kept.read('ann', id)).toBeUndefined();
  });

  it('goes with its owner, and with the shelf', async () => {
    const { shelf: kept } = shelf({}, isOnDisk);
    const [anns, bobs] = [(await kept.keep('ann', 'a')) ?? '', (await kept.keep('bob', 'b')) ?? ''];
    await kept.forget('ann');
    expect([await kept.read('ann', anns), await kept.read('bob', bobs)]).toEqual([undefined, 'b']);
    await kept.close();
    expect(await kept.read('bob', bobs)).toBeUndefined();
    expect(await kept.keep('bob', 'b')).toBeUndefined();
  });

  it('is bounded for each owner and for all, the oldest first to go', async () => {
    const { shelf: kept } = shelf({ count: 2, countInAll: 3, bytes: 1000, bytesInAll: 1250 }, isOnDisk);
    const here = async (owner: string, ids: readonly string[]): Promise<boolean[]> =>
      await Promise.all(ids.map(async (id) => (await kept.read(owner, id)) !== undefined));
    const keep = async (owner: string, length: number): Promise<string> =>
      (await kept.keep(owner, 'x'.repeat(length))) ?? 'nothing';
    const anns = [await keep('ann', 10), await keep('ann', 10), await keep('ann', 10)];
    expect(await here('ann', anns)).toEqual([false, true, true]);
    const bobs = [await keep('bob', 10), await keep('bob', 10)];
    expect([await here('ann', anns), await here('bob', bobs)]).toEqual([
      [false, false, true],
      [true, true],
    ]);
    expect(await keep('bob', 1000)).toBe('nothing');
    const large = [await keep('bob', 600), await keep('ann', 600)];
    expect([await here('bob', large.slice(0, 1)), await here('ann', large.slice(1))]).toEqual([[false], [true]]);
  });
});

describe('on the disk', () => {
  it('nothing is left', async () => {
    const { folder, shelf: kept } = shelf();
    await kept.keep('ann', 'a');
    expect(await readdir(folder)).toHaveLength(1);
    await kept.close();
    expect(await readdir(join(base, 'results'))).toEqual([]);
  });

  it('what a dead process has left is removed, and what another one has is not', async () => {
    const { shelf: kept, folder } = shelf();
    await kept.keep('ann', 'a');
    await removeLeft(base, () => false);
    expect(await readdir(folder)).toHaveLength(1);
    await removeLeft(base, (pid) => pid === process.pid);
    expect(await readdir(join(base, 'results'))).toEqual([]);
    await removeLeft(join(base, 'nowhere'), () => true);
  });
});
