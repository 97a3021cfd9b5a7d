import * as fc from 'fast-check';
import { isIP } from 'node:net';
import { describe, expect, it } from 'vitest';
import { shownAddress, shownText } from './addresses.ts';

describe('an address', () => {
  it.each([
    ['203.0.113.77', '203.0.113.0/24'],
    ['::ffff:203.0.113.77', '203.0.113.0/24'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48'],
    ['2001:DB8::9', '2001:db8::/48'],
    ['fe80::1%eth0', 'fe80::/48'],
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['several', 'several'],
    ['not an address', undefined],
  ])('%s is truncated to %s', (address, shown) => {
    expect(shownAddress('truncated', address)).toBe(shown);
  });

  it('stands as it is in full, and not at all in none', () => {
    expect(shownAddress('full', '203.0.113.77')).toBe('203.0.113.77');
    expect(shownAddress('none', '203.0.113.77')).toBeUndefined();
    expect(shownAddress('none', '2001:db8::1')).toBeUndefined();
  });
});

describe('a text', () => {
  it.each([
    ['from 203.0.113.77.', 'from 203.0.113.0/24.'],
    ['connect ECONNREFUSED 203.0.113.77:8080', 'connect ECONNREFUSED 203.0.113.0/24:8080'],
    ['http://[2001:db8:1:2::9]:80/x', 'http://[2001:db8:1::/48]:80/x'],
    ['"address":"2001:db8:1:2::9"', '"address":"2001:db8:1::/48"'],
    ['at 12:34:56 in version 2026.7.28 on 127.0.0.1:7420', 'at 12:34:56 in version 2026.7.28 on 127.0.0.1:7420'],
    ['2026-11-22T01:02:03.456Z feed:face', '2026-11-22T01:02:03.456Z feed:face'],
  ])('P3-13 %s says no more than %s', (text, shown) => {
    expect(shownText('truncated', text)).toBe(shown);
    expect(shownText('full', text)).toBe(text);
  });

  it('P3-13 holds no address of another machine in the mode none, whatever stands around it', () => {
    const around = fc.constantFrom('', ' ', '"', '=', '(', '[', ',', ' from=', '://', '@');
    const after = fc.constantFrom('', ' ', '"', ')', ']', ',', '.', ':', '/', ':443', '?');
    const address = fc
      .oneof(fc.ipV4(), fc.ipV6())
      .filter((text) => isIP(text) !== 0 && shownAddress('none', text) === undefined);
    fc.assert(
      fc.property(around, address, after, (before, found, rest) => {
        // Behind an address of IPv6 a colon or port stands behind its bracket.
        const whole = found.includes(':') && /^[.:]/.test(rest) ? `[${found}]${rest}` : `${found}${rest}`;
        expect(shownText('none', `${before}${whole}`)).not.toContain(found);
      }),
    );
  });
});
