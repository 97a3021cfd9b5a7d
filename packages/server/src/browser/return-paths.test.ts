import { array, assert, constantFrom, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createReturnPaths, splitContinue, withContinue } from './return-paths.ts';

const TOKEN = 'A'.repeat(43);

describe('return paths', () => {
  const isAllowed = createReturnPaths(['/authorize', '/']);

  it.each(['/authorize', '/authorize?a=b&c=https://evil.test', '/', '/?x', '/login', `/login/${TOKEN}`])(
    'allows %s',
    (to) => {
      expect(isAllowed(to)).toBe(true);
    },
  );

  it.each([
    '',
    'authorize',
    'https://evil.test/authorize',
    'javascript:alert(1)',
    '//evil.test',
    '//own/authorize',
    '/\\evil.test',
    '\\\\evil.test',
    '/\t/evil.test',
    ' /authorize',
    '/authorize\n',
    '/authorize#x',
    '/authorize/',
    '/authorize/more',
    '/x/../authorize',
    '/%61uthorize',
    '/Authorize',
    '/mcp',
    `/login/${TOKEN}A`,
    `/authorize?${'a'.repeat(4096)}`,
  ])('refuses %j', (to) => {
    expect(isAllowed(to)).toBe(false);
  });

  it('allows nothing that a browser would take for another site', () => {
    const isShort = createReturnPaths(['/', '/a', '/a/', '/a:', '/@']);
    assert(
      property(array(constantFrom('/', '\\', '.', ':', '@', '?', '#', '\t', '\n', 'a', 'http', '//')), (parts) => {
        const to = parts.join('');
        // A path that is allowed stays on this site however it is read; the others go nowhere.
        const origin = isShort(to) ? new URL(to, 'https://own.test').origin : 'https://own.test';
        expect(origin).toBe('https://own.test');
      }),
      { numRuns: 5000 },
    );
  });
});

it('splits what it joined, and nothing else', () => {
  for (const to of ['/authorize', '/authorize?a=b', '/authorize?a=b&continue=c']) {
    expect(splitContinue(withContinue(to, TOKEN))).toEqual({ to, token: TOKEN });
  }
  for (const url of ['/a', `/a?continue=${TOKEN}&b=c`, `/a?continue=${TOKEN}A`, `/a?xcontinue=${TOKEN}`]) {
    expect(splitContinue(url)).toBeUndefined();
  }
});
