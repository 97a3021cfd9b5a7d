import { describe, expect, it } from 'vitest';
import { configuredKeyProblems, type ConfiguredKey } from './configured-key-check.ts';

const KEY = 'Zx81-qqT4.mN0_bV7+cR2/eW9=aaaaaa';
const HASH = `$2b$10$${'a'.repeat(53)}`;
const keyed = (key: string, name = 'ci'): ConfiguredKey => ({ name, key, roles: [] });
const hashed = (hash: string, name = 'ci'): ConfiguredKey => ({ name, hash, roles: [] });

describe('keys in a configuration', () => {
  it('are taken when they can be used', () => {
    expect(configuredKeyProblems([keyed(KEY), hashed(HASH, 'dev@example.com')])).toEqual([]);
    expect(configuredKeyProblems([keyed(`sp_0123456789abcdef_${'aB3-_xYz9'.repeat(5).slice(0, 43)}`)])).toEqual([]);
    expect(configuredKeyProblems([keyed('9038172645'.repeat(4))])).toEqual([]);
  });

  it.each([
    ['', /at least 32/],
    ['changeme', /at least 32/],
    [KEY.slice(1), /at least 32/],
    ['a'.repeat(32), /placeholder/],
    ['changemechangemechangemechangeme', /placeholder/],
    ['Please-change-me-0123456789-abcdef', /placeholder/],
    ['YOUR_API_KEY_GOES_HERE_0123456789', /placeholder/],
    ['example-key-0123456789-abcdefghijk', /placeholder/],
    ['${SALLYPORT_KEY_OF_THE_BUILD_SERVER}', /variable is not set/],
    [`${KEY} and more`, /printable/],
    [`${KEY},${KEY}`, /printable/],
    [`${KEY}ä`, /printable/],
    [KEY.repeat(40), /at most 512/],
  ])('DSA-17 are refused as %j', (key, message) => {
    const [problem] = configuredKeyProblems([keyed(key)]);
    expect(problem).toMatchObject({ index: 0, message: expect.stringMatching(message) as string });
    expect(problem?.message).not.toContain(key === '' ? KEY : key);
  });

  it.each(['', 'changeme', '${KEY_HASH}', `$2b$04$${'a'.repeat(53)}`])(
    'DSA-17 are refused with the hash %j',
    (hash) => {
      expect(configuredKeyProblems([hashed(hash)])).toHaveLength(1);
    },
  );

  it.each(['', 'local', 'a b', '0123456789abcdef', '-x', 'ä'])('cannot be named %j', (name) => {
    expect(configuredKeyProblems([keyed(KEY, name)])[0]?.message).toContain('cannot name a key');
  });

  it('are a key or a hash, and not both', () => {
    const none: ConfiguredKey = { name: 'ci', roles: [] };
    expect(configuredKeyProblems([none, { ...none, key: KEY, hash: HASH }])).toMatchObject([
      { index: 0 },
      { index: 1 },
    ]);
  });

  it('have names and texts of their own', () => {
    const problems = configuredKeyProblems([keyed(KEY), keyed(`${KEY}2`), keyed(KEY, 'other'), hashed(HASH, 'third')]);
    expect(problems).toEqual([
      { index: 1, message: 'there are two keys named ci' },
      { index: 2, message: 'another name has the same key' },
    ]);
  });

  it('are not more than can be checked', () => {
    const many = (count: number, one: (at: number) => ConfiguredKey): number[] =>
      configuredKeyProblems(Array.from({ length: count }, (_one, at) => one(at))).map(({ index }) => index);
    expect(many(257, (at) => keyed(`${KEY}${at}`, `k${at}`))).toEqual([256]);
    expect(many(33, (at) => hashed(`${HASH.slice(0, -2)}${10 + at}`, `k${at}`))).toEqual([32]);
  });
});
