import type { Session } from '@sallyport/server';
import { describe, expect, it } from 'vitest';
import type { DiscoverySetting } from '../meta.ts';
import { Modes, type Looked } from './modes.ts';
import { seenTool, sightOf } from './testing/sights.ts';

/** Tools that cost about so many tokens each time they are asked for. */
function looked(place: object, tokens: number, setting: Partial<DiscoverySetting> = {}): Looked {
  const { tools } = sightOf([seenTool('s', 't', 'x'.repeat(Math.round(tokens * 4.7)))]);
  return { place, endpoint: '/mcp', tools, setting: { mode: 'auto', budget: 1000, always: [], ...setting } };
}

describe('the mode', () => {
  const modes = (): { modes: Modes; said: string[] } => {
    const said: string[] = [];
    return { modes: new Modes({ log: (_level, text) => void said.push(text) }), said };
  };

  it('goes to search over the budget, and back only below it by a fifth', () => {
    const place = {};
    const { modes: room, said } = modes();
    const at = (tokens: number): string => room.of(looked(place, tokens), undefined, true);
    expect([at(900), at(1100), at(900), at(850), at(700), at(900)]).toEqual([
      'full',
      'search',
      'search',
      'search',
      'full',
      'full',
    ]);
    expect(said).toEqual([
      'discovery: the tools are shown in mode search',
      'discovery: the tools are shown in mode full',
    ]);
  });

  it('stays what a session was shown', () => {
    const place = {};
    const { modes: room } = modes();
    const [session, other] = [{} as Session, {} as Session];
    expect(room.of(looked(place, 900), session, false)).toBe('full');
    expect(room.of(looked(place, 1100), session, true)).toBe('search');
    expect(room.of(looked(place, 100), session, true)).toBe('search');
    expect(room.of(looked(place, 100), other, true)).toBe('full');
  });

  it('is the one that is written, whatever it costs', () => {
    const { modes: room } = modes();
    expect(room.of(looked({}, 1), undefined, true)).toBe('full');
    expect(room.of(looked({}, 1, { mode: 'groups' }), undefined, true)).toBe('groups');
    expect(room.of(looked({}, 10_000, { mode: 'full' }), undefined, true)).toBe('full');
  });
});
