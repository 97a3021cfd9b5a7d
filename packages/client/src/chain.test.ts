import { array, assert, boolean, nat, property, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Chain, type Linked } from './chain.ts';

interface Entry extends Linked<Entry> {
  readonly name: number;
}

function names(chain: Chain<Entry>): number[] {
  const found: number[] = [];
  for (let entry = chain.first; entry !== undefined; entry = entry.next) found.push(entry.name);
  return found;
}

describe('Chain', () => {
  it('holds what a Set would hold, in the same order', () => {
    const entries = Array.from({ length: 6 }, (_, name): Entry => ({ name, previous: undefined, next: undefined }));
    const steps = array(tuple(boolean(), nat({ max: entries.length - 1 })));
    assert(
      property(steps, (taken) => {
        const chain = new Chain<Entry>();
        const set = new Set<number>();
        for (const [isAdded, name] of taken) {
          if (isAdded && !set.has(name)) chain.add(entries[name]!);
          else if (!isAdded) chain.delete(entries[name]!);
          if (isAdded) set.add(name);
          else set.delete(name);
          expect(names(chain)).toEqual([...set]);
        }
        for (const entry of entries) chain.delete(entry);
        expect(chain.first).toBeUndefined();
      }),
    );
  });
});
