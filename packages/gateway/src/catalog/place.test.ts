import { array, assert, constantFrom, oneof, pre, property, record, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpointNamed, place, type Places } from './place.ts';

const places: Places = {
  roots: ['/mcp', '/sse', 'stdio'],
  hasServer: (name) => ['a', 'b', 'Files'].includes(name),
  hasView: (name) => ['reading', 'a'].includes(name),
  mayShowAs: (_base, mode) => mode !== 'full',
};

const named = (name: string): object => ({ name });

describe('the place of a request', () => {
  it.each([
    ['/mcp', ''],
    ['/sse', ''],
    ['stdio', ''],
    ['/mcp/s/a', ''],
    ['/mcp/v/a', ''],
    ['/mcp/v/reading', ''],
  ])('%s is its own name', (path, query) => {
    expect(place(path, query, places)).toEqual(named(path));
  });

  it.each([
    '',
    '/',
    '/mcp/',
    '/mcp//',
    '//mcp',
    '/mcp/s',
    '/mcp/s/',
    '/mcp/s/a/',
    '/mcp/s//a',
    '/mcp//s/a',
    '/mcp/s/../s/a',
    '/mcp/../mcp',
    '/mcp/s/files',
    '/mcp/s/%46iles',
    '/mcp/s/reading',
    '/mcp/v/b',
    '/mcp/v/constructor',
    '/mcp/x/a',
    '/sse/s/a',
    'stdio/s/a',
    '/other',
    '/MCP',
  ])('%j is unknown', (path) => {
    expect(place(path, '', places)).toBe('unknown');
  });

  it.each([
    ['tools=b,a', '?tools=a,b'],
    ['tools=a,b', '?tools=a,b'],
    ['tools=a%2Cb', '?tools=a,b'],
    ['tools=b&tools=a,b', '?tools=a,b'],
    ['tools=a, b ,,', '?tools=a,b'],
    ['t%6Fols=a', '?tools=a'],
    ['tools=a**b*', '?tools=a*b*'],
    ['tools=x&servers=b,a&tags=t', '?servers=a,b&tags=t&tools=x'],
    ['tags=c%26d%3De+f', '?tags=c%26d%3De%20f'],
    ['tags=%C3%A9', '?tags=%C3%A9'],
    ['tags=%c3%a9', '?tags=%C3%A9'],
    ['servers=F*', '?servers=F*'],
    ['tools=&tags=&servers', ''],
    ['discovery=', ''],
    ['session=1&__proto__=x&constructor=y', ''],
    ['other=%ff', ''],
    ['&&', ''],
  ])('%s is the canonical %j', (query, expected) => {
    expect(place('/mcp', query, places)).toEqual(named(`/mcp${expected}`));
    expect(place('/mcp/s/a', query, places)).toEqual(named(`/mcp/s/a${expected}`));
  });

  const values = (count: number): string => Array.from({ length: count }, (_, n) => `v${n}`).join(',');

  it.each([
    ['an unknown server', 'servers=a,missing'],
    ['a server in another case', 'servers=files'],
    ['malformed encoding', 'tools=%'],
    ['no UTF-8', 'tags=%ff'],
    ['a malformed key', '%=a'],
    ['half a character', 'tags=\ud800'],
    ['more values than may be', `tools=${values(65)}`],
    ['more values in all', `tools=${values(60)}&tags=${values(5)}`],
    ['a query that is too long', `x=${'a'.repeat(2047)}`],
    ['a query that is too long in its canonical form', `tags=${'é'.repeat(400)}`],
  ])('%s is unknown', (_what, query) => {
    expect(place('/mcp', query, places)).toBe('unknown');
  });

  it.each([
    ['as many values as may be', `tools=${values(64)}`],
    ['values that are given twice count once', `tools=${values(64)}&tools=${values(64)}`],
    ['a long query', `x=${'a'.repeat(2046)}`],
  ])('%s is known', (_what, query) => {
    expect(place('/mcp', query, places)).toHaveProperty('name');
  });

  it('tells that discovery is not there yet, but only where there is something', () => {
    expect(place('/mcp', 'discovery=full', places)).toEqual({ problem: expect.stringContaining('discovery') });
    expect(place('/nothing', 'discovery=full', places)).toBe('unknown');
  });
});

describe('canonical names', () => {
  const value = oneof(string({ unit: 'grapheme' }), constantFrom('a', 'b', 'a*', '*', '**', 'x,y', ' z '));
  const narrowing = record({
    servers: array(constantFrom('a', 'b', 'Files', '*', 'F*')),
    tags: array(value, { maxLength: 10 }),
    tools: array(value, { maxLength: 10 }),
  });

  it('are their own canonical names, and do not depend on order, doubles or spelling', () => {
    assert(
      property(narrowing, constantFrom('/mcp', '/mcp/s/a', '/mcp/v/reading'), (given, path) => {
        const query = new URLSearchParams(
          Object.entries(given).map(([key, list]): [string, string] => [key, list.join(',')]),
        );
        const placed = place(path, query.toString(), places);
        pre(typeof placed === 'object' && 'name' in placed);
        const [again, other] = [placed.name, new URLSearchParams()];
        const cut = again.indexOf('?');
        expect(place(path, cut === -1 ? '' : again.slice(cut + 1), places)).toEqual(placed);
        for (const [key, list] of Object.entries(given).toReversed()) {
          for (const each of [...list, ...list].toReversed()) other.append(key, each);
        }
        const spelled = place(path, other.toString(), places);
        pre(spelled !== 'unknown');
        expect(spelled).toEqual(placed);
        expect(endpointNamed(again, places)).toBeDefined();
      }),
      { numRuns: 1000 },
    );
  });

  it('have an endpoint as long as what they name is there', () => {
    expect(endpointNamed('/mcp/s/a?tools=a__*', places)).toEqual({
      base: { kind: 'server', name: 'a' },
      narrowing: { servers: [], tags: [], tools: ['a__*'] },
    });
    expect(endpointNamed('/mcp?servers=a', { ...places, hasServer: () => false })).toBeUndefined();
    expect(endpointNamed('/mcp/v/reading', { ...places, hasView: () => false })).toBeUndefined();
  });
});
