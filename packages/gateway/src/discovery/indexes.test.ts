import { describe, expect, it } from 'vitest';
import { Indexes } from './indexes.ts';
import { seenTool, sightOf } from './testing/sights.ts';
import type { SeenTool } from './types.ts';

describe('indexes', () => {
  const sight = sightOf(Array.from({ length: 50 }, (_, at) => seenTool('s', `tool_${at}`, `Does the thing ${at}.`)));

  it('are made once for what is the same, also when two ask at a time', async () => {
    const indexes = new Indexes({ monotonic: () => 0, pause: () => Promise.resolve() });
    const [one, other] = await Promise.all([indexes.of(sight), indexes.of(sight)]);
    expect(one).toBe(other);
    expect(await indexes.of(sight)).toBe(one);
  });

  it('are made again only when something that is searched is another', async () => {
    const indexes = new Indexes({ monotonic: () => 0, pause: () => Promise.resolve() });
    const one = await indexes.of(sight);
    // As after a reload, or for somebody else who sees the same: other objects that say what these say.
    const anew = structuredClone([...sight.tools.values()]);
    expect(await indexes.of(sightOf(anew))).toBe(one);
    expect(await indexes.of({ ...sight, servers: [{ name: 's', description: 'Of another kind.' }] })).not.toBe(one);
    const [first, ...others] = anew;
    const changed = { ...first, shown: { ...first?.shown, description: 'Sends pigeons.' } } as SeenTool;
    const other = await indexes.of(sightOf([changed, ...others]));
    expect(other.search('pigeons', 1)[0]?.tool).toBe(changed);
    expect(one.search('pigeons', 1)).toEqual([]);
  });

  it('let everything else have its turn before a slice takes long', async () => {
    let nowMs = 0;
    let sliceMs = 0;
    let longestMs = 0;
    const indexes = new Indexes({
      monotonic: () => {
        sliceMs += 4;
        longestMs = Math.max(longestMs, sliceMs);
        return (nowMs += 4);
      },
      pause: async () => {
        sliceMs = 0;
      },
    });
    expect((await indexes.of(sight)).search('thing 7', 1)[0]?.tool.original).toBe('tool_7');
    expect(nowMs).toBeGreaterThan(200);
    expect(longestMs).toBeLessThan(50);
  });
});
