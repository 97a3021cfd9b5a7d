import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSubjectAltNames } from './client-certificate.ts';

describe('subjectAltName', () => {
  it.each([
    [undefined, []],
    ['', []],
    ['URI:spiffe://a/b', ['URI:spiffe://a/b']],
    ['DNS:a.test, URI:spiffe://a/b, email:x@y.z', ['DNS:a.test', 'URI:spiffe://a/b', 'email:x@y.z']],
    ['IP Address:192.0.2.1, DNS:a.test, Registered ID:1.2.3, othername:<unsupported>', ['DNS:a.test']],
    [String.raw`DirName:"CN=we\\\u002cird x", DNS:a.test`, ['DNS:a.test']],
    ['DNS:"a, URI:admin"', ['DNS:a, URI:admin']],
    [String.raw`DNS:"a\", URI:admin", URI:b`, ['DNS:a", URI:admin', 'URI:b']],
    [String.raw`DNS:"a\u0000b"`, ['DNS:a\0b']],
    ['DNS:', ['DNS:']],
    // Never written by node:crypto: what is not understood names nobody.
    ['DNS:a,URI:b', []],
    ['DNS:a"b", URI:c', []],
    ['DNS:"a', []],
    ['DNS:"a"b, URI:c', []],
    [String.raw`DNS:"\x", URI:c`, []],
    ['DNS:a, ', []],
    ['DNS:a, nothing', []],
    [', DNS:a', []],
    ['URI:a, DNS:"', []],
  ])('%s', (list, names) => {
    expect(readSubjectAltNames(list)).toEqual(names);
  });

  it('is read as it was written, whatever stands in the values', () => {
    const value = fc.string({ unit: fc.constantFrom('a', ',', ' ', '"', '\\', ':', 'URI', '\n', '\0', "'", 'ü') });
    const entry = fc.tuple(fc.constantFrom('URI', 'DNS', 'email', 'IP Address', 'DirName'), value);
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        const written = entries.map(([type, text]) => {
          const plain = /^[ -~]*$/.test(text) && !/["\\,']/.test(text);
          return `${type}:${plain ? text : JSON.stringify(text)}`;
        });
        const known = entries.filter(([type]) => ['URI', 'DNS', 'email'].includes(type));
        expect(readSubjectAltNames(written.join(', '))).toEqual(known.map(([type, text]) => `${type}:${text}`));
      }),
    );
  });
});
