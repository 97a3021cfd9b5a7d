import { createSecretKey, randomBytes } from 'node:crypto';
import { assert, integer, property, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findFormats } from './formats.ts';
import { formsOf } from './forms.ts';
import { createLiterals } from './literals.ts';
import { createOwnSecrets } from './own.ts';
import { createPlaceholders } from './placeholders.ts';
import { lookedThrough } from './stream.ts';

/** Put together here, so that no scanner takes this file for a leak. */
const GITHUB = ['ghp', 'A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8'].join('_');
const AWS = ['AKIA', 'Q7ZP2MNB4XCV5RTY'].join('');
const JWT = ['eyJhbGciOiJSUzI1NiJ9', 'eyJzdWIiOiJhbGljZSJ9', 'c2lnbmF0dXJlLW9mLXRoaXM'].join('.');
const PEM = ['-----BEGIN', 'PRIVATE KEY-----\\nMIIBVQ\\n-----END', 'PRIVATE KEY-----'].join(' ');
const CLIENT_KEY = `sp_0123456789abcdef_${'x'.repeat(43)}`;

describe('literals', () => {
  it('are found at every place, and nothing else is', () => {
    const literals = createLiterals([Buffer.from('12345678'), Buffer.from('secret-of-some-length')]);
    for (let before = 0; before < 40; before++) {
      for (const literal of ['12345678', 'secret-of-some-length']) {
        const bytes = Buffer.from(`${'.'.repeat(before)}${literal}..`);
        expect([before, literals.holds(bytes), literals.holds(bytes.subarray(1))]).toEqual([before, true, before > 0]);
        expect(literals.holds(Buffer.from(`${'.'.repeat(before)}${literal.slice(0, -1)}!`))).toBe(false);
      }
    }
  });

  it('are found as a plain search finds them', () => {
    const bytes = uint8Array({ minLength: 8, maxLength: 30, max: 3 });
    assert(
      property(bytes, uint8Array({ maxLength: 200, max: 3 }), integer({ min: 0, max: 5 }), (literal, text, offset) => {
        const given = Buffer.from(text).subarray(Math.min(offset, text.length));
        expect(createLiterals([Buffer.from(literal)]).holds(given)).toBe(given.includes(Buffer.from(literal)));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a credential of the gateway', () => {
  const secret = 'p"ss/wörd+und=mehr&12';
  const own = createOwnSecrets();
  own.learn([`Bearer ${secret}`, 'short']);
  const bytes = Buffer.from(secret);
  const codes = Array.from(secret, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
  it.each<[string, string]>([
    ['as it is', `x${secret}y`],
    ['in JSON', JSON.stringify({ a: secret })],
    ['in JSON in JSON', JSON.stringify({ a: JSON.stringify({ b: secret }) })],
    ['with slashes escaped', JSON.stringify({ a: secret }).replaceAll('/', '\\/')],
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
    expect(own.literals.holds(Buffer.from(text))).toBe(true);
  });

  it('is not what only begins like it, and no word of a few letters', () => {
    expect(own.literals.holds(Buffer.from(JSON.stringify([secret.slice(0, -1), 'short', 'Bearer of news'])))).toBe(
      false,
    );
    expect(formsOf('abcdefgh').every((form) => form.length >= 8)).toBe(true);
  });

  it('is learned later, and those that came first go when there are too many', () => {
    const some = createOwnSecrets();
    some.learn(['first-of-them-all']);
    some.learn(Array.from({ length: 2000 }, (_, n) => `number-${n}-of-many`));
    expect(some.literals.holds(Buffer.from('first-of-them-all'))).toBe(false);
    expect(some.literals.holds(Buffer.from('number-0-of-many'))).toBe(true);
  });
});

describe('well-known formats', () => {
  const kindsIn = (text: string): string[] => findFormats(Buffer.from(text)).map(({ kind }) => kind);
  it.each([
    ['github', GITHUB],
    ['aws', AWS],
    ['jwt', JWT],
    ['private_key', PEM],
    ['sallyport', CLIENT_KEY],
  ])('%s is found wherever it stands', (kind, token) => {
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
