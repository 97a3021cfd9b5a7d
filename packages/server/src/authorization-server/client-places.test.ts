import { expect, it } from 'vitest';
import { createMemoryRecords } from '../memory-records.ts';
import { createClientPlaces, type ClientPlaces, type PlaceHolder } from './client-places.ts';

type Stored = Omit<PlaceHolder, 'key'>;

function shared(): {
  readonly clock: { nowMs: number };
  readonly records: ReturnType<typeof createMemoryRecords>;
  readonly lists: { count: number };
  /** One for each process. */
  readonly open: () => ClientPlaces;
  readonly take: (places: ClientPlaces, key: string, stored?: Partial<Stored>) => Promise<void>;
} {
  const clock = { nowMs: 0 };
  const lists = { count: 0 };
  const now = (): number => clock.nowMs;
  const records = createMemoryRecords(now);
  const list = async (): Promise<PlaceHolder[]> => {
    lists.count++;
    return (await records.list()).map(({ key, value }) => ({ key, ...(value as unknown as Stored) }));
  };
  const remove = async (key: string): Promise<boolean> => {
    const record = await records.get(key);
    const { isApproved = true } = (record?.value ?? {}) as Partial<Stored>;
    return !isApproved && (await records.delete(key));
  };
  return {
    clock,
    records,
    lists,
    open: () => createClientPlaces({ records, list, remove, now }),
    take: (places, key, stored) => {
      const value = { createdMs: clock.nowMs++ / 1000, network: 'a', isApproved: false, ...stored };
      return places.take(key, () => records.put(key, value));
    },
  };
}

async function keysLeft({ records }: Pick<ReturnType<typeof shared>, 'records'>): Promise<string[]> {
  return (await records.list()).map(({ key }) => key);
}

it('counts without listing while there is room, and lists seldom when there is none', async () => {
  const at = shared();
  const places = at.open();
  for (let each = 0; each < 1000; each++) await at.take(places, `k${each}`);
  expect(at.lists.count).toBe(1);
  await Promise.all(Array.from({ length: 100 }, (_, each) => at.take(places, `more${each}`)));
  const left = await keysLeft(at);
  expect([left.length, left.includes('k99'), left.includes('k100')]).toEqual([1000, false, true]);
  expect(at.lists.count).toBe(3);
});

it('takes from the network with the most, and from it the oldest, as long as it has the most', async () => {
  const at = shared();
  const places = at.open();
  for (let each = 0; each < 990; each++) await at.take(places, `quiet${each}`, { network: `n${each}` });
  for (let each = 0; each < 10; each++) await at.take(places, `busy${each}`, { network: 'busy' });
  for (let each = 0; each < 10; each++) await at.take(places, `new${each}`, { network: `m${each}` });
  const left = await keysLeft(at);
  expect(left.filter((key) => key.startsWith('busy'))).toEqual(['busy9']);
  expect([left.length, left.includes('quiet0'), left.includes('quiet1')]).toEqual([1000, false, true]);
});

it('two processes keep to the number together, and remove nobody who was approved meanwhile', async () => {
  const at = shared();
  const both = [at.open(), at.open()] as const;
  for (let each = 0; each < 1000; each++) await at.take(both[each % 2] as ClientPlaces, `k${each}`);
  for (let each = 0; each < 20; each++) await at.take(both[0], `more${each}`);
  await at.records.put('k20', { createdMs: 0, network: 'a', isApproved: true });
  for (let each = 20; each < 40; each++) await at.take(both[each % 2] as ClientPlaces, `more${each}`);
  const left = await keysLeft(at);
  expect([left.length, left.includes('k20'), left.includes('k40'), left.includes('k41')]).toEqual([
    1000,
    true,
    false,
    true,
  ]);
});

it('refuses when all are approved, without looking again for a while', async () => {
  const at = shared();
  const places = at.open();
  for (let each = 0; each < 1000; each++) await at.take(places, `k${each}`, { isApproved: true });
  for (let each = 0; each < 9; each++) await expect(at.take(places, 'one')).rejects.toMatchObject({ status: 503 });
  expect(at.lists.count).toBe(2);
  await at.records.delete('k7');
  at.clock.nowMs += 60_000;
  await at.take(places, 'one');
  expect([at.lists.count, await at.records.get('one')]).toEqual([3, expect.anything()]);
});

it('lists seldom also when nearly all are approved', async () => {
  const at = shared();
  const places = at.open();
  for (let each = 0; each < 990; each++) await at.take(places, `k${each}`, { isApproved: true });
  for (let each = 0; each < 100; each++) await at.take(places, `new${each}`);
  const left = (await keysLeft(at)).filter((key) => key.startsWith('new'));
  expect(left).toEqual(Array.from({ length: 10 }, (_, each) => `new${90 + each}`));
  expect(at.lists.count).toBe(2);
});

it('does not remove anybody because of a listing of long ago', async () => {
  const at = shared();
  const places = at.open();
  for (let each = 0; each < 1001; each++) await at.take(places, `k${each}`);
  for (let each = 1; each < 500; each++) await at.records.delete(`k${each}`);
  at.clock.nowMs += 60_000;
  await at.take(places, 'one');
  expect(await at.records.get('k500')).toBeDefined();
  expect(await keysLeft(at)).toHaveLength(502);
});
