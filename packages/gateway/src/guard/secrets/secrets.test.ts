import { createSecretKey, randomBytes } from 'node:crypto';
import { array, assert, constantFrom, integer, property, string, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findFormats } from './formats.ts';
import { formsOf } from './forms.ts';
import { createLiterals } from './literals.ts';
import { createOwnSecrets, secretsIn, type OwnSecrets } from './own.ts';
import { createPlaceholders } from './placeholders.ts';
import { redacted } from './redacted.ts';
import { lookedThrough } from './stream.ts';

/** Put together here, so that no scanner takes this file for a leak. */
const GITHUB = ['ghp', 'A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8'].join('_');
const AWS = ['AKIA', 'Q7ZP2MNB4XCV5RTY'].join('');
const JWT = ['eyJhbGciOiJSUzI1NiJ9', 'eyJzdWIiOiJhbGljZSJ9', 'c2lnbmF0dXJlLW9mLXRoaXM'].join('.');
const PEM = ['-----BEGIN', 'PRIVATE KEY-----\\nMIIBVQ\\n-----END', 'PRIVATE KEY-----'].join(' ');
const CLIENT_KEY = `sp_0123456789abcdef_${'x'.repeat(43)}`;

const literalsOf = (...given: Uint8Array[]): ReturnType<typeof createLiterals> => {
  const literals = createLiterals();
  for (const literal of given) literals.add(Buffer.from(literal));
  return literals;
};

describe('literals', () => {
  it('are found at every place, and nothing else is', () => {
    const literals = literalsOf(Buffer.from('12345678'), Buffer.from('secret-of-some-length'));
    for (let before = 0; before < 80; before++) {
      for (const literal of ['12345678', 'secret-of-some-length']) {
        const bytes = Buffer.from(`${'.'.repeat(before)}${literal}..`);
        expect([before, literals.holds(bytes), literals.holds(bytes.subarray(1))]).toEqual([before, true, before > 0]);
        expect(literals.holds(Buffer.from(`${'.'.repeat(before)}${literal.slice(0, -1)}!`))).toBe(false);
      }
    }
  });

  it('are found as a plain search finds them, whatever was added and taken out before', () => {
    const bytes = uint8Array({ minLength: 8, maxLength: 60, max: 3 });
    const places = [uint8Array({ maxLength: 200, max: 3 }), integer({ min: 0, max: 5 })] as const;
    assert(
      property(
        array(bytes, { maxLength: 5 }),
        array(bytes, { maxLength: 3 }),
        ...places,
        (there, gone, text, offset) => {
          const literals = literalsOf(...there);
          const takeOut = gone.map((literal) => literals.add(Buffer.from(literal)));
          for (const take of takeOut) take();
          const given = Buffer.from(text).subarray(Math.min(offset, text.length));
          expect(literals.holds(given)).toBe(there.some((literal) => given.includes(Buffer.from(literal))));
        },
      ),
      { numRuns: 2000 },
    );
  });
});

const isOwn = (own: OwnSecrets, text: string): boolean => secretsIn(Buffer.from(text), own)?.isOwn === true;

describe('a credential of the gateway', () => {
  const secret = 'p"ss/wörd+und=mehr&12';
  const own = createOwnSecrets();
  own.hold('configuration', [`Bearer ${secret}`, 'short']);
  const bytes = Buffer.from(secret);
  const codes = Array.from(secret, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
  it.each<[string, string]>([
    ['as it is', `x${secret}y`],
    ['in JSON', JSON.stringify({ a: secret })],
    ['in JSON in JSON', JSON.stringify({ a: JSON.stringify({ b: secret }) })],
    ['with slashes escaped', JSON.stringify({ a: secret }).replaceAll('/', '\\/')],
    ['with slashes escaped twice', JSON.stringify({ a: JSON.stringify({ b: secret }).replaceAll('/', '\\/') })],
    [
      'with one letter escaped behind many line breaks',
      `${'\\n'.repeat(500)}${codes[0]}${JSON.stringify(secret.slice(1)).slice(1)}`,
    ],
    ['with one letter escaped twice', JSON.stringify(codes.with(6, 'ö').join(''))],
    ['in base64 with slashes escaped', JSON.stringify(bytes.toString('base64')).replaceAll('/', '\\/')],
    ['in base64 in a URL', encodeURIComponent(bytes.toString('base64'))],
    ['with all but one letter escaped', codes.with(6, 'ö').join('')],
    ['in a URL', `?q=${encodeURIComponent(secret)}`],
    ['in a URL, lower case', `?q=${encodeURIComponent(secret).replace(/%../g, (code) => code.toLowerCase())}`],
    ['in a URL, every byte', bytes.toString('hex').replace(/../g, '%$&')],
    ['in hexadecimal', bytes.toString('hex')],
    ['in HEXADECIMAL', bytes.toString('hex').toUpperCase()],
    ...[0, 1, 2].map((n): [string, string] => [
      `in base64 behind ${n}`,
      Buffer.from(`${'k:'.slice(0, n)}${secret}!`).toString('base64'),
    ]),
    ...[0, 1, 2].map((n): [string, string] => [
      `in base64url behind ${n}`,
      Buffer.from(`${'k:'.slice(0, n)}${secret}!`).toString('base64url'),
    ]),
  ])('P1-22 is found %s', (_how, text) => {
    expect(isOwn(own, text)).toBe(true);
  });

  it('is not what only begins like it, and no word of a few letters', () => {
    expect(own.literals.holds(Buffer.from(JSON.stringify([secret.slice(0, -1), 'short', 'Bearer of news'])))).toBe(
      false,
    );
    expect(formsOf('abcdefgh').every((form) => form.length >= 8)).toBe(true);
  });

  it('is what a holder says that it has: what it has no more is forgotten, but not what it had just before', () => {
    const some = createOwnSecrets();
    const has = (...wanted: string[]): boolean[] =>
      wanted.map((each) => some.literals.holds(Buffer.from(`a ${each} b`)));
    const [one, two, three] = ['the-first-token', 'the-second-token', 'the-third-token'] as const;
    some.hold('login', [one]);
    some.hold('other', [three]);
    some.hold('login', [two]);
    some.hold('login', [two]);
    expect(has(one, two, three)).toEqual([true, true, true]);
    some.hold('login', [three]);
    expect(has(one, two, three)).toEqual([false, true, true]);
    some.release('login');
    expect(has(one, two, three)).toEqual([false, false, true]);
    some.release('other');
    expect(has(one, two, three)).toEqual([false, false, false]);
  });

  it('is found in every mixture of escapes that JSON has', () => {
    const letters = string({
      unit: constantFrom('a', 'Z', '0', '9', '-', '_', '+', '=', '~', '.'),
      minLength: 8,
      maxLength: 50,
    });
    assert(
      property(letters, array(integer({ min: 0, max: 2 }), { minLength: 50, maxLength: 50 }), (value, how) => {
        const some = createOwnSecrets();
        some.hold('one', [value]);
        const code = (letter: string): string => `\\u00${letter.charCodeAt(0).toString(16)}`;
        const text = Array.from(
          value,
          (letter, n) => [letter, code(letter), code(letter).toUpperCase().replace('U', 'u')][how[n] ?? 0],
        );
        expect(isOwn(some, `{"a":"${text.join('')}"}`)).toBe(true);
        expect(isOwn(some, JSON.stringify(`{"a":"${text.join('')}"}`))).toBe(true);
      }),
    );
  });
});

/** One of each, as long as they are at least. */
const TOKENS: readonly (readonly [kind: string, token: string])[] = [
  ['sallyport', CLIENT_KEY],
  ...['sac', 'sat', 'srt', 'scs'].map((prefix) => ['sallyport', `${prefix}_${'y'.repeat(43)}`] as const),
  ['github', GITHUB],
  ['github', ['github_pat', 'a'.repeat(60)].join('_')],
  ['gitlab', ['glpat', 'a'.repeat(20)].join('-')],
  ['slack', ['xoxb', 'a'.repeat(16)].join('-')],
  ['aws', AWS],
  ['google', ['AIza', 'a'.repeat(35)].join('')],
  ['google', ['GOCSPX', 'a'.repeat(28)].join('-')],
  ['google', ['ya29', 'a'.repeat(20)].join('.')],
  ['stripe', ['sk', 'live', 'a'.repeat(16)].join('_')],
  ['stripe', ['whsec', 'a'.repeat(16)].join('_')],
  ['anthropic', ['sk', 'ant', 'a'.repeat(32)].join('-')],
  ['openai', ['sk', 'proj', 'a'.repeat(40)].join('-')],
  ['openai', ['sk', 'a'.repeat(48)].join('-')],
  ['npm', ['npm', 'a'.repeat(36)].join('_')],
  ['pypi', ['pypi-AgE', 'a'.repeat(50)].join('')],
  ['huggingface', ['hf', 'a'.repeat(34)].join('_')],
  ['sendgrid', ['SG', 'a'.repeat(22), 'b'.repeat(43)].join('.')],
  ['digitalocean', ['dop_v1', 'a'.repeat(64)].join('_')],
  ['shopify', ['shpat', 'a'.repeat(32)].join('_')],
  ['linear', ['lin_api', 'a'.repeat(40)].join('_')],
  ['jwt', JWT],
  ['private_key', PEM],
];

describe('well-known formats', () => {
  const kindsIn = (text: string): string[] => findFormats(Buffer.from(text)).map(({ kind }) => kind);
  it.each(TOKENS)('%s is found wherever it stands', (kind, token) => {
    for (let before = 0; before < 40; before++) {
      const start = '{"text":"'.padEnd(9 + before, ' ');
      for (const text of [
        `${start}${token}"}`,
        `${start}\\n${token}\\n"}`,
        `${start}\\u000a${token}"}`,
        `${start}key=${token},`,
      ]) {
        const [found] = findFormats(Buffer.from(text));
        expect([before, found?.kind, found && text.slice(found.start, found.end)]).toEqual([before, kind, token]);
      }
    }
    expect(kindsIn(`${token} and ${token}`)).toEqual([kind, kind]);
  });

  it('are not what is shorter, or a part of something longer', () => {
    expect(
      kindsIn(
        `${GITHUB.slice(0, 30)} x${AWS} ${AWS}x ${JWT.split('.', 1).join('.')} ${randomBytes(600).toString('base64')}`,
      ),
    ).toEqual([]);
  });

  it('cost no more time than there is text', () => {
    const text = `${'ghp_'.repeat(200_000)} ${`eyJ${'a'.repeat(60)}.x`.repeat(5000)} ${'PRIVATE KEY-----'.repeat(20_000)}`;
    expect(kindsIn(text)).toEqual([]);
  });
});

describe('placeholders', () => {
  it('are the secret again for whom they were made, and are refused elsewhere', () => {
    const placeholders = createPlaceholders(createSecretKey(randomBytes(32)));
    const placeholder = placeholders.put('alice files', 'github', GITHUB);
    expect(placeholder).not.toContain(GITHUB);
    expect(placeholders.put('alice files', 'github', GITHUB)).toBe(placeholder);
    expect(placeholders.restore('alice files', `a ${placeholder} b ${placeholder}`)).toBe(`a ${GITHUB} b ${GITHUB}`);
    expect(placeholders.restore('bob files', placeholder)).toBeUndefined();
    expect(createPlaceholders(createSecretKey(randomBytes(32))).restore('alice files', placeholder)).toBeUndefined();
    expect(placeholders.restore('bob files', 'plain [sallyport-secret: text]')).toBe('plain [sallyport-secret: text]');
  });
});

describe('a body that flows', () => {
  /** What leaves of a body in chunks of some size, and how it ended. */
  const flow = (text: string, size: number, secret: string): { left: string; bytes: number; failed: boolean } => {
    const all = Buffer.from(text);
    const chunks = Array.from({ length: Math.ceil(all.length / size) }, (_, n) =>
      all.subarray(n * size, (n + 1) * size),
    );
    let isCancelled = false;
    const answer = lookedThrough(
      {
        kind: 'result',
        before: Buffer.from(''),
        after: chunks[0] as Buffer,
        rest: {
          bytes: all.length - size,
          pipe: (sink) => {
            for (const chunk of chunks.slice(1)) sink.write(chunk);
            if (!isCancelled) sink.end();
          },
          resume: () => undefined,
          cancel: () => (isCancelled = true),
        },
      },
      secret.length,
      (bytes) => {
        if (bytes.includes(secret)) throw new Error('found');
      },
    );
    if (answer.kind !== 'result' || answer.rest === undefined) throw new Error('no body');
    let left = answer.after.toString();
    let failed = false;
    const bytes = answer.after.length + answer.rest.bytes;
    answer.rest.pipe({
      write: (chunk) => (left += chunk.toString()) !== '',
      end: () => undefined,
      fail: () => (failed = true),
    });
    return { left, bytes, failed };
  };

  it('leaves as it came, whatever its chunks', () => {
    const text = Array.from({ length: 100 }, (_, n) => `line ${n}`).join('\n');
    for (const size of [5, 7, 64, 500])
      expect(flow(text, size, 'not in it')).toEqual({ left: text, bytes: text.length, failed: false });
  });

  it('ends before the first byte of a secret leaves, wherever its chunks are cut', () => {
    const secret = 'the-secret-itself';
    for (let size = 10; size < 60; size++) {
      const text = `${'.'.repeat(100)}${secret}${'.'.repeat(200)}`;
      const { failed, left } = flow(text, size, secret);
      expect([size, failed, /[a-z]/.test(left)]).toEqual([size, true, false]);
    }
  });
});

it('replaces secrets that run into each other as one', () => {
  const put = (_owner: string, _kind: string, value: string): string => `<${value}>`;
  const found = [
    { kind: 'a', start: 2, end: 6 },
    { kind: 'b', start: 4, end: 9 },
    { kind: 'c', start: 5, end: 7 },
    { kind: 'd', start: 9, end: 10 },
  ];
  expect(redacted(Buffer.from('"0123456789"'), found, 'up', { put })).toBe('"0<1234567><8>9"');
});
