import { assert, constantFrom, property, string, uniqueArray } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SearchIndex } from './search-index.ts';
import { indexOf, seenTool } from './testing/sights.ts';

const TOOLS = [
  seenTool('weather', 'getForecast', 'Get the forecast for a city.'),
  seenTool('maps', 'geocode_address', 'Convert an address to coordinates.'),
  seenTool('maps', 'route', 'Directions between two points.'),
  seenTool('mail', 'send_message', 'Sends an email.', {
    inputSchema: { type: 'object', properties: { recipient: { type: 'string', description: 'Who gets it' } } },
  }),
  seenTool('notes', 'convertMindmap', 'Turns an outline into a mindmap.'),
  seenTool('bing', 'search_cn', '使用必应搜索指定的关键词'),
  seenTool('pictures', 'extract_image_from_base64', 'Looks at an image that is given as base64.'),
];

async function first(query: string, index?: SearchIndex): Promise<string | undefined> {
  return (index ?? (await indexOf(...TOOLS))).search(query, 1)[0]?.tool.original;
}

describe('a search', () => {
  it.each([
    ['a name that is written in one', 'get forecast', 'getForecast'],
    ['another form of a word', 'forecasting for cities', 'getForecast'],
    ['a word that stands for another', 'picture', 'extract_image_from_base64'],
    ['a parameter', 'recipient', 'send_message'],
    ['a letter that is wrong', 'forcast', 'getForecast'],
    ['two letters that are swapped', 'coordiantes', 'geocode_address'],
    ['two words that the tool writes as one', 'mind map', 'convertMindmap'],
    ['text without spaces', '必应 关键词', 'search_cn'],
    ['the server', 'anything of mail', 'send_message'],
  ])('finds by %s', async (_by, query, wanted) => {
    expect(await first(query)).toBe(wanted);
  });

  it('finds what is asked of encoded data, and nothing by the data', async () => {
    const data = Buffer.from(Array.from({ length: 13_000 }, (_, at) => (at * 7919) % 256)).toString('base64');
    expect(data.length).toBeGreaterThan(17_000);
    const index = await indexOf(...TOOLS);
    expect(await first(`What does this base64 image mean?\n${data}`, index)).toBe('extract_image_from_base64');
    expect(await first(`${data} Send it as an email`, index)).toBe('send_message');
    expect(index.search(data, 10)).toEqual([]);
  });

  it('finds a tool for each of several wishes', async () => {
    const index = await indexOf(...TOOLS);
    const found = index.search('Get the forecast for the city. Then send an email. Finally make a mind map.', 3);
    expect(found.map(({ tool }) => tool.original).toSorted()).toEqual([
      'convertMindmap',
      'getForecast',
      'send_message',
    ]);
  });

  it('keeps to what is accepted', async () => {
    const index = await indexOf(...TOOLS);
    const found = index.search('convert an address, send an email', 10, ({ server }) => server === 'mail');
    expect(found.map(({ tool }) => tool.server)).toEqual(['mail']);
  });

  it('gives the same answer whatever is asked, best first, within its limit', async () => {
    const index = await indexOf(...TOOLS);
    assert(
      property(string({ maxLength: 300, unit: 'grapheme' }), constantFrom(1, 3, 50), (query, limit) => {
        const found = index.search(query, limit);
        expect(found.length).toBeLessThanOrEqual(limit);
        expect(found.every(({ score }, at) => score <= (found[at - 1]?.score ?? Infinity))).toBe(true);
        expect(index.search(query, limit)).toEqual(found);
      }),
    );
  });

  it('ranks what is seen as if there were nothing else', async () => {
    const some = TOOLS.slice(0, 3);
    const alone = await indexOf(...some);
    await assertSame(
      alone,
      some.map(({ original }) => original),
    );
    async function assertSame(index: SearchIndex, words: readonly string[]): Promise<void> {
      // Of another index that knows more words the first one must not hear.
      const wide = await indexOf(...TOOLS);
      wide.search('email', 5);
      assert(
        property(uniqueArray(constantFrom(...words, 'email', 'forcast', 'city'), { minLength: 1 }), (asked) => {
          const names = index.search(asked.join(' '), 10).map(({ tool }) => tool.name);
          expect(names.every((name) => some.some((tool) => tool.name === name))).toBe(true);
        }),
      );
    }
  });
});
