import { describe, expect, it } from 'vitest';
import { readScopes, selectScopes } from './scopes.ts';

const none = { configured: [], challenged: undefined, supported: undefined, earlier: [], ofServer: [] };

describe('selectScopes', () => {
  it.each([
    ['nothing is named', {}, []],
    ['the challenge, before what is supported', { challenged: ['a'], supported: ['a', 'b'] }, ['a']],
    ['a challenge without scopes', { challenged: [], supported: ['a'] }, []],
    ['what is supported', { supported: ['a', 'b'] }, ['a', 'b']],
    ['what is configured, instead of all that is supported', { configured: ['c'], supported: ['a'] }, ['c']],
    ['what is configured, with what is needed', { configured: ['c'], challenged: ['a'] }, ['c', 'a']],
    ['a step up keeps what was', { challenged: ['b'], earlier: ['a', 'b'] }, ['a', 'b']],
    [
      'a refresh token, where it can be had',
      { challenged: ['a'], ofServer: ['offline_access'] },
      ['a', 'offline_access'],
    ],
    ['not because the resource says so', { challenged: ['a', 'offline_access'] }, ['a']],
    ['not alone', { ofServer: ['offline_access'] }, []],
  ])('%s', (_title, sources, expected) => {
    expect(selectScopes({ ...none, ...sources })).toEqual(expected);
  });

  it('leaves out what is no scope, and what is too much', () => {
    expect(readScopes('a "b" \u00e9 c\\ d')).toEqual(['a', 'd']);
    expect(readScopes(Array.from({ length: 500 }, (_, n) => `s${n}`).join(' '))).toHaveLength(100);
  });
});
