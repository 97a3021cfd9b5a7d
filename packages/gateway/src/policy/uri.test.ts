import { posix } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Policy } from './index.ts';
import { ANYBODY, bearer, policyOf, read } from './testing/fixtures.ts';
import type { RuleSettings } from './settings.ts';
import { readingsOf, readUri } from './uri.ts';

const DENIED = [
  'file:///pub/secret/*',
  'file:///pub/my docs/*',
  'file:///pub/our%20docs/*',
  'file:///pub/@priv/*',
  'file:///pub/caf\u00e9/*',
  'file:///pub/50%25/*',
  'file:///pub/one.txt',
  'https://Example.com:443/hr/*',
] as const;

const deny: RuleSettings = { effect: 'deny', resources: DENIED };
const behind = (allowed: string): Promise<Policy> => policyOf([{ effect: 'allow', resources: [allowed] }, deny]);

function effectOf(policy: Policy, uri: string): string {
  const { effect } = policy.decide(read('files', uri)) as { effect: string };
  // What decides a call decides what is seen.
  expect(policy.audienceOf(ANYBODY).maySee('resource', 'files', uri)).toBe(effect !== 'deny');
  return effect;
}

describe('a URI that is denied', () => {
  it.each([
    'file:///pub/.\t./secret/key',
    'file:///pub/sec\tret/key',
    'file:///pub/sec\nret/key',
    'file:///pub/sec%09ret/key',
    'file:///pub/secret/key\u0000.txt',
    'file:///pub/\u007fsecret/key',
    ' file:///pub/secret/key',
    '%20file:///pub/secret/key',
    'file:///pub/secret/key\u00a0',
    'file:///pub/x?/../../secret/key',
    'file:///pub/x#/../../secret/key',
    'file:///pub/x%3F/../../secret/key',
    'file:///pub/..;/secret/key',
    'file:///pub/..;x=1/secret/key',
    'file:///pub/..%3B/secret/key',
    'file:///pub/..?/secret/key',
    'file:///pub/my%20docs/k',
    'file:///pub/my%2520docs/k',
    'file:///pub/our docs/k',
    'file:///pub/%40priv/k',
    'file:///pub/caf%C3%A9/k',
    'file:///pub/cafe%CC%81/k',
    'file:///pub/%73ecret/k\u00e9y',
    'file:///pub/50%/k',
    'file:///pub/50%2525/k',
    'file:///pub\\secret/key',
    'file:///pub%5Csecret/key',
    'file:///pub//secret/key',
    'file:pub/secret/key',
    'file:///pub/%C0%AE%C0%AE/secret/key',
    'file:///pub/%2525252525252573ecret/key',
    'file:///pub/\ud800/key',
    'file:///pub/one.txt#x',
    'file:///pub/one.txt?x',
    'file:///pub/my docs;x=1/k',
    'https://example.com/hr/x',
    'https:/example.com/hr/x',
    'https:example.com/hr/x',
    'https://me:secret@example.com/hr/x',
    'https://EX%41MPLE.com:443/hr/x',
    'https://\uff45xample.com/hr/x',
    'https://example.com./hr/x',
  ])('P3-06 is so written as %j', async (uri) => {
    expect(effectOf(await behind('*'), uri)).toBe('deny');
  });

  it('P3-06 is so in a condition, and where it is asked about', async () => {
    const when = "target.id.startsWith('file:///pub/secret/')";
    const conditional = await policyOf([{ effect: 'allow' }, { effect: 'deny', when }]);
    const asking = await policyOf([{ effect: 'allow' }, { effect: 'ask', resources: DENIED }]);
    for (const uri of ['file:///pub/%73ecret/key', 'file:pub/secret/key', 'FILE:///pub/secret/key']) {
      expect(conditional.decide(read('files', uri)), uri).toMatchObject({ effect: 'deny' });
      expect(effectOf(asking, uri), uri).toBe('ask');
    }
    for (const policy of [conditional, asking]) {
      expect(policy.decide(read('files', 'file:///pub/x'))).toMatchObject({ effect: 'allow' });
    }
  });

  it('is explained by the rule, for the reading that it means', async () => {
    const { decision, rules } = (await behind('*')).explain(read('files', 'file:pub/secret/key'));
    expect(decision.rule).toBe('rules[1]');
    expect(rules[1]).toMatchObject({ applies: true, decides: true });
  });

  it.each([
    ['file:///pub/k\u0085', 'it holds control characters'],
    ['file:///pub/k\u00a0', 'it begins or ends with white space'],
    ['file:///pub/a\\b', 'it holds a backslash'],
    ['file:///pub?a%5Cb', 'it holds a backslash'],
    ['x://a%255Cb', 'it holds a backslash'],
    ['x:..', 'it holds . or .. as a segment'],
    ['x://a/.?b', 'it holds . or .. as a segment'],
    ['x://a/%252525252561', 'it is not UTF-8, or encoded too often'],
    ['x://a/%FF', 'it is not UTF-8, or encoded too often'],
  ])('P3-06 is refused as it is written: %j, because %s', async (uri, reason) => {
    const { decision } = (await policyOf([], { default: 'allow' })).explain(read('files', uri));
    expect(decision).toEqual({ effect: 'deny', rule: 'builtin:address', reason });
  });

  it('P3-06 has so many steps for its conditions, however many readings it has', async () => {
    const when = 'principal.claims.list.exists(each, each == 2)';
    const policy = await policyOf([{ effect: 'allow' }, { effect: 'deny', when }]);
    const principal = bearer('eve', { claims: { list: Array.from({ length: 300 }, () => 1) } });
    const effect = (uri: string): unknown => policy.decide(read('files', uri, { principal }));
    expect(effect('x://a/b')).toMatchObject({ effect: 'allow' });
    expect(effect('x://a/%25252562')).toMatchObject({ effect: 'deny', rule: 'rules[1]' });
  });

  it('P3-06 is read in so many ways at most, whoever wrote it', () => {
    const parts = ['%25253A', '%25253F', '%252523', '%2525253B', '%252540'];
    const written = `https://u${parts.join('')}@h//${parts.join('//')}?${parts.join('?')}#${'%252541'.repeat(500)}`;
    const uri = readUri(written);
    const readings = 'spellings' in uri ? readingsOf(uri.spellings) : [];
    expect(readings.length).toBeGreaterThan(10);
    expect(readings.length).toBeLessThan(100);
  });
});

describe('a URI that is allowed', () => {
  it.each([
    ['file:///pub/tax%20papers/*', 'file:///pub/tax%20papers/k'],
    ['file:///pub/tax papers/*', 'file:///pub/tax papers/k%C3%BC'],
    ['notes://box/what%3F', 'notes://box/what%3F'],
    ['notes://box/5%2A', 'notes://box/5%2A'],
    ['https://example.org', 'https://example.org'],
    ['https://example.org/*', 'https://example.org/a?u=http://x//y#z'],
    ['db://q?x=*', 'db://q?x=../y#..'],
    ['grep://x?q=*', String.raw`grep://x?q=\d+`],
    ['*://box/a%20b/*', 'notes://box/a%20b/c'],
    ['x://{name}/{+rest}', 'x://{name}/{+rest}'],
  ])('by %s is so as %s', async (allowed, uri) => {
    expect(effectOf(await behind(allowed), uri)).toBe('allow');
  });

  it.each([
    ['notes://box/what%3F', 'notes://box/whatx'],
    ['notes://box/5%2A', 'notes://box/50'],
    ['https://exam?le.com/x', 'https://exam/ble.com/x'],
    ['file:///pub/*', 'FILE:///pub/x'],
    ['https://example.com', 'https://example.com/'],
  ])('by %s is not so as %s', async (allowed, uri) => {
    expect(effectOf(await policyOf([{ effect: 'allow', resources: [allowed] }]), uri)).toBe('deny');
  });
});

/** What servers make of a URI, one after the other. */
const READERS: readonly ((uri: string) => string)[] = [
  (uri) => URL.parse(uri)?.href ?? uri,
  (uri) => decoded(uri),
  (uri) => uri.replaceAll(/%[0-7][0-9a-f]/gi, (byte) => String.fromCharCode(Number.parseInt(byte.slice(1), 16))),
  (uri) => (uri.startsWith('file:///') ? `file://${posix.normalize(uri.slice(7))}` : uri),
  (uri) => (uri.startsWith('file:///') ? `file://${decoded(URL.parse(uri)?.pathname ?? '')}` : uri),
  (uri) => uri.replaceAll(/;[^/?#]*/g, ''),
  (uri) => uri.replaceAll('\\', '/'),
];

function decoded(uri: string): string {
  try {
    return decodeURIComponent(uri);
  } catch {
    return uri;
  }
}

/** Every rule as it is written, with its own parts alone. */
function isDenied(uri: string): boolean {
  return DENIED.some((glob) => (glob.endsWith('*') ? uri.startsWith(glob.slice(0, -1)) : uri === glob));
}

function readsDenied(uri: string): boolean {
  const read1 = READERS.map((reader) => reader(uri));
  const read2 = read1.flatMap((each) => READERS.map((reader) => reader(each)));
  const read3 = read2.flatMap((each) => READERS.map((reader) => reader(each)));
  return [uri, ...read1, ...read2, ...read3].some(isDenied);
}

const encoded = (character: string): string => encodeURIComponent(character).replaceAll("'", '%27');
const byte = (character: string): string =>
  character.length === 1 && character < '\u0080'
    ? `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`
    : encoded(character);

/** One character of a URI that is denied, or what may stand for it. */
const spelling = (character: string): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant(character) },
    fc.constantFrom(
      byte(character),
      byte(character).replaceAll('%', '%25'),
      character.toUpperCase(),
      `\t${character}`,
      `%0a${character}`,
      `${character}\u0000`,
      character === '/' ? '\\' : character,
      character === '/' ? '//' : character,
      character === '/' ? '/./' : character,
      character === '/' ? '/x/../' : character,
      character === '/' ? '/x?/../' : character,
      character === '/' ? '/x/%2e%2E/' : character,
      character === '/' ? '/x/..;p/' : character,
      character === '/' ? '%2f' : character,
      character.normalize('NFD'),
    ),
  );

const disguised: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(...DENIED),
    fc.constantFrom('k', 'k?x', 'k#/../y', '', 'k%'),
    fc.constantFrom('', ' ', '#', '?', '#x'),
  )
  .map(([glob, rest, tail]) => `${glob.replace('*', rest)}${tail}`)
  .chain((uri) => fc.tuple(...uri.split('').map(spelling)))
  .map((characters) => characters.join(''));

const PIECES = ['file:', 'FILE:', 'https:', '//', '/', 'localhost', 'pub', 'secret', 'key', '..', '.', '%2e', '%252e'];
const MORE = [
  '%73ecret',
  '\t',
  '%09',
  '\\',
  '%5c',
  '?',
  '#',
  ';',
  '%3b',
  '%2f',
  'my docs',
  'my%20docs',
  '%40priv',
  '%',
];
const pieced: fc.Arbitrary<string> = fc
  .array(fc.constantFrom(...PIECES, ...MORE, 'pub/', '/pub/secret/', 'example.com', ' '), { maxLength: 9 })
  .map((pieces) => pieces.join(''));

describe('for any spelling', () => {
  it('P3-06 what a parser or a decoder reads as denied is denied', async () => {
    const policy = await behind('*');
    const met = { denied: 0 };
    fc.assert(
      fc.property(
        fc.oneof(
          disguised,
          pieced,
          pieced.map((tail) => `file:///pub/${tail}`),
        ),
        (uri) => {
          if (!readsDenied(uri)) return;
          met.denied++;
          expect(effectOf(policy, uri)).toBe('deny');
        },
      ),
      { numRuns: 4000 },
    );
    expect(met.denied).toBeGreaterThan(500);
  });

  it('P3-06 what is allowed is so as it is written, and decoded', async () => {
    const policy = await policyOf([{ effect: 'allow', resources: ['file:///pub/my%20docs/*'] }]);
    const allowed = new Set<string>();
    fc.assert(
      fc.property(
        fc.oneof(
          disguised,
          pieced,
          pieced.map((tail) => `file:///pub/my%20docs/${tail}`),
        ),
        (uri) => {
          if (effectOf(policy, uri) === 'allow') allowed.add(uri);
        },
      ),
      { numRuns: 2000 },
    );
    expect(allowed.size).toBeGreaterThan(20);
    expect([...allowed].filter((uri) => !/^file:\/\/\/pub\/my(?: |%20)docs\//.test(uri))).toEqual([]);
  });
});
