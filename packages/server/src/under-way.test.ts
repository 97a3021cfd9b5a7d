import { array, assert, constantFrom, integer, property, tuple, type Arbitrary } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Roster, ShortMap, UNLISTED, type Listed } from './under-way.ts';

type Move = readonly ['add' | 'delete', number];

const moves: Arbitrary<Move[]> = array(
  tuple(constantFrom('add' as const, 'delete' as const), integer({ min: 0, max: 9 })),
);

describe('a roster', () => {
  it('holds what a Set would hold', () => {
    assert(
      property(moves, (all) => {
        const entries: Listed[] = Array.from({ length: 10 }, () => ({ place: UNLISTED }));
        const roster = new Roster<Listed>();
        const model = new Set<Listed>();
        for (const [what, index] of all) {
          const entry = entries[index] as Listed;
          if (what === 'delete') roster.delete(entry);
          else if (!model.has(entry)) roster.add(entry);
          if (what === 'delete') model.delete(entry);
          else model.add(entry);
          expect(roster.size).toBe(model.size);
          expect(new Set(roster.values())).toEqual(model);
          expect(entries.filter(({ place }) => place !== UNLISTED).length).toBe(model.size);
        }
      }),
    );
  });

  it('can lose entries while it is looked through', () => {
    const roster = new Roster<Listed>();
    for (let count = 0; count < 5; count++) roster.add({ place: UNLISTED });
    let seen = 0;
    for (const entry of roster.values()) {
      roster.delete(entry);
      seen++;
    }
    expect([seen, roster.size]).toEqual([5, 0]);
  });
});

describe('a short map', () => {
  it('holds what a Map would hold', () => {
    assert(
      property(moves, (all) => {
        const map = new ShortMap<string | number, number>();
        const model = new Map<string | number, number>();
        let count = 0;
        for (const [what, index] of all) {
          // A number and its text are two keys.
          const key = index % 2 === 0 ? index : String(index - 1);
          if (what === 'delete') map.delete(key);
          else map.set(key, ++count);
          if (what === 'delete') model.delete(key);
          else model.set(key, count);
          expect([map.size, map.has(key), map.get(key)]).toEqual([model.size, model.has(key), model.get(key)]);
          expect(new Set(map.values())).toEqual(new Set(model.values()));
        }
      }),
    );
  });
});
