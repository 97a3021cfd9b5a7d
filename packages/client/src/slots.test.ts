import { array, assert, boolean, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Slots } from './slots.ts';

describe('Slots', () => {
  it('holds what a Map would hold, under rising ids, however long one stays', () => {
    assert(
      property(array(boolean(), { maxLength: 600 }), (steps) => {
        const slots = new Slots<{ readonly id: number }>();
        const map = new Map<number, { readonly id: number }>();
        let lastId = 0;
        for (const stays of steps) {
          const entry = slots.add((id) => ({ id }));
          expect(entry.id).toBeGreaterThan(lastId);
          lastId = entry.id;
          if (stays) map.set(entry.id, entry);
          else slots.delete(entry);
        }
        for (const [id, entry] of map) expect(slots.get(id)).toBe(entry);
        expect(slots.values()).toHaveLength(map.size);
        for (const id of [lastId + 1, lastId + 2 ** 32, 0.5, -1, NaN]) expect(slots.get(id)).toBeUndefined();
        for (const entry of map.values()) slots.delete(entry);
        expect(slots.values()).toEqual([]);
      }),
    );
  });

  it('gives a place that is taken to nobody else', () => {
    const slots = new Slots<{ readonly id: number }>();
    const first = slots.add((id) => ({ id }));
    for (let count = 0; count < 1000; count++) slots.delete(slots.add((id) => ({ id })));
    expect(slots.get(first.id)).toBe(first);
  });
});
