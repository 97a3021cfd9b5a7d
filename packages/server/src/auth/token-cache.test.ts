import { expect, it } from 'vitest';
import { createTokenCache, tokenId } from './token-cache.ts';

it('forgets what was not used for longest', () => {
  const cache = createTokenCache<object>(2);
  const [one, two, three] = [{}, {}, {}];
  cache.set('1', one);
  cache.set('2', two);
  expect(cache.get('1')).toBe(one);
  cache.set('3', three);
  expect([cache.get('1'), cache.get('2'), cache.get('3')]).toEqual([one, undefined, three]);
  cache.delete('3');
  expect(cache.get('3')).toBeUndefined();
});

it('knows tokens by SHA-256', () => {
  expect(tokenId('abc')).toBe('ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=');
});
