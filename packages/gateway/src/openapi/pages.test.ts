import { describe, expect, it } from 'vitest';
import { nextPage, pagesText, type PageParameter } from './pages.ts';

const PARAMETERS: readonly PageParameter[] = [
  { name: 'page', argument: 'page', isNumber: true },
  { name: 'cursor', argument: 'query_cursor', isNumber: false },
  { name: 'per_page', argument: 'per_page', isNumber: true },
];
const url = new URL('https://api.example.com/things?per_page=10');
const at = (link: string | undefined, value?: unknown): unknown =>
  nextPage(PARAMETERS, { url, link, value: value as never });

describe('pages', () => {
  it('are said of', () => {
    expect(pagesText(PARAMETERS)).toBe(
      'In pages: `query_cursor` asks for the next one, `per_page` says how much is on one.',
    );
    expect(pagesText(PARAMETERS.slice(0, 1))).toBe('In pages: `page` asks for the next one.');
    expect(pagesText(PARAMETERS.slice(2))).toBeUndefined();
  });

  it.each([
    [
      'a link',
      '<https://api.example.com/things?page=2&per_page=10>; rel="next", </x>; rel="last"',
      undefined,
      { page: 2 },
    ],
    ['a relative link', '</things?cursor=abc&per_page=10>; rel=next', undefined, { query_cursor: 'abc' }],
    ['one of several relations', '<?page=3>; title="a"; rel="prev next"', undefined, { page: 3 }],
    ['a link elsewhere', '<https://evil.example/things?page=2>; rel="next"', undefined, undefined],
    ['a link to another path', '</admin?page=2>; rel="next"', undefined, undefined],
    ['no next link', '</things?page=1>; rel="nextish"', undefined, undefined],
    ['a cursor', undefined, { next_cursor: 'abc' }, { query_cursor: 'abc' }],
    ['a cursor inside', undefined, { meta: { nextPageToken: 'abc' } }, { query_cursor: 'abc' }],
    ['a page', undefined, { pagination: { next_page: 4 } }, { page: 4 }],
    ['a URL', undefined, { links: { next: { href: 'https://api.example.com/things?page=5' } } }, { page: 5 }],
    ['a URL elsewhere', undefined, { next: 'https://evil.example/things?page=5' }, undefined],
    ['the last page', undefined, { next_cursor: null, meta: { next: '' } }, undefined],
    ['an endless cursor', undefined, { next_cursor: 'x'.repeat(5000) }, undefined],
    ['a list', undefined, [1], undefined],
  ])('lead on by arguments alone: %s', (_what, link, value, expected) => {
    expect(at(link, value)).toEqual(expected);
  });
});
