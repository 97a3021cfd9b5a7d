import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createProxyTrust } from './forwarded.ts';

const trust = createProxyTrust(['10.0.0.0/8', '2001:db8:ffff::/48', '192.0.2.9']);
const PEER = '10.0.0.1';

const behind = (headers: Readonly<Record<string, string>>, peer: string = PEER): string | undefined =>
  trust.clientOf(peer, headers).address;

describe('the peer', () => {
  it.each([
    ['10.1.2.3', true],
    ['::ffff:10.1.2.3', true],
    ['192.0.2.9', true],
    ['2001:db8:ffff::1', true],
    ['11.0.0.1', false],
    ['192.0.2.10', false],
    ['2001:db8:fffe::1', false],
    ['::1', false],
    ['fe80::1%eth0', false],
    ['10.0.0.1.evil.test', false],
    ['', false],
    [undefined, false],
  ])('%s is trusted: %s', (peer, expected) => {
    expect(trust.trusts(peer)).toBe(expected);
  });

  it('that is not trusted is the client, whatever it says', () => {
    const headers = {
      forwarded: 'for=198.51.100.1;proto=https',
      'x-forwarded-for': '198.51.100.1',
      'x-forwarded-proto': 'https',
    };
    for (const peer of ['203.0.113.5', '::ffff:203.0.113.5']) {
      expect(trust.clientOf(peer, headers)).toEqual({ address: '203.0.113.5', secure: false });
    }
    expect(createProxyTrust([]).clientOf(PEER, headers)).toEqual({ address: PEER, secure: false });
    expect(trust.clientOf(undefined, headers)).toEqual({ address: undefined, secure: false });
  });

  it.each([
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0',
    'proxy.test',
    '',
    '::1/129',
    'fe80::1%eth0',
  ])('is never %j: no address, and no network', (entry) => {
    expect(() => createProxyTrust([entry])).toThrow('neither an address nor a network');
  });
});

describe('the client behind trusted proxies', () => {
  it.each([
    ['198.51.100.1', '198.51.100.1'],
    ['198.51.100.1:4711', '198.51.100.1'],
    ['6.6.6.6, 198.51.100.1', '198.51.100.1'],
    ['6.6.6.6, 198.51.100.1, 10.2.2.2, 192.0.2.9', '198.51.100.1'],
    ['10.3.3.3, 10.2.2.2', '10.3.3.3'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['::ffff:198.51.100.1', '198.51.100.1'],
    ['0:0:0:0:0:ffff:c633:6401', '198.51.100.1'],
    // What is none ends the way at the last proxy that is known.
    ['garbage', PEER],
    ['198.51.100.1, garbage', PEER],
    ['198.51.100.1, garbage, 10.2.2.2', '10.2.2.2'],
    ['198.51.100.1,', PEER],
    ['', PEER],
    ['198.51.100.999', PEER],
    ['198.51.100.1/24', PEER],
    ['fe80::1%eth0', PEER],
    ['[198.51.100.1]', '198.51.100.1'],
    ['198.51.100.1 10.0.0.2', PEER],
    ['"6.6.6.6, 198.51.100.1', '198.51.100.1'],
    [Array.from({ length: 40 }, () => '10.9.9.9').join(','), '10.9.9.9'],
    [['6.6.6.6', ...Array.from({ length: 32 }, () => '10.9.9.9')].join(','), '10.9.9.9'],
  ])('X-Forwarded-For: %s', (header, expected) => {
    expect(behind({ 'x-forwarded-for': header })).toBe(expected);
  });

  it.each([
    ['for=198.51.100.1', '198.51.100.1'],
    ['For="198.51.100.1:80";proto=https;by=10.0.0.1', '198.51.100.1'],
    ['by=10.0.0.1; for="[2001:db8::1]:80" ;host=x', '2001:db8::1'],
    ['for=6.6.6.6, for=198.51.100.1, for=10.2.2.2', '198.51.100.1'],
    ['for=6.6.6.6;host="a,b", for=198.51.100.1;host="c,for=6.6.6.6"', '198.51.100.1'],
    ['for="6.6.6.6, for=198.51.100.1', '198.51.100.1'],
    ['host="\\"", for=198.51.100.1', '198.51.100.1'],
    ['for=198.51.100.1;for=6.6.6.6', PEER],
    ['for=unknown', PEER],
    ['for=_hidden, for=10.2.2.2', '10.2.2.2'],
    ['xfor=6.6.6.6', PEER],
    ['host=for=6.6.6.6', PEER],
    ['proto=https', PEER],
    ['', PEER],
  ])('Forwarded: %s', (header, expected) => {
    expect(behind({ forwarded: header })).toBe(expected);
  });

  it.each([
    ['for=198.51.100.1', '198.51.100.1', '198.51.100.1'],
    ['for=198.51.100.1', '6.6.6.6, 198.51.100.1', '198.51.100.1'],
    ['for=6.6.6.6', '198.51.100.1', PEER],
    ['for=unknown', '198.51.100.1', PEER],
  ])('Forwarded: %s and X-Forwarded-For: %s must agree', (forwarded, usual, expected) => {
    expect(behind({ forwarded, 'x-forwarded-for': usual })).toBe(expected);
  });

  it('is found in any words without an error, and is never one whom nobody named', () => {
    const piece = fc.constantFrom(
      'for=',
      '"',
      ',',
      ';',
      '\\',
      '[',
      ']',
      ':',
      '198.51.100.1',
      '10.2.2.2',
      '::1',
      ' ',
      'x',
    );
    const words = fc.oneof(
      fc.string(),
      fc.array(piece).map((pieces) => pieces.join('')),
    );
    fc.assert(
      fc.property(words, words, (forwarded, usual) => {
        const address = behind({ forwarded, 'x-forwarded-for': usual }) ?? '';
        expect(address === PEER || /^[0-9a-f.:]+$/.test(address)).toBe(true);
      }),
    );
  });
});

describe('https before a trusted proxy', () => {
  it.each([
    [{ 'x-forwarded-proto': 'https' }, true],
    [{ 'x-forwarded-proto': 'HTTPS, https' }, true],
    [{ forwarded: 'for=198.51.100.1;proto=https' }, true],
    [{ forwarded: 'proto="https";for=198.51.100.1, for=10.2.2.2' }, true],
    [{ forwarded: 'for=198.51.100.1;proto=https', 'x-forwarded-proto': 'https' }, true],
    [{ 'x-forwarded-proto': 'http' }, false],
    [{ 'x-forwarded-proto': 'https, http' }, false],
    [{ 'x-forwarded-proto': 'http, https' }, false],
    [{ 'x-forwarded-proto': '' }, false],
    [{ forwarded: 'for=198.51.100.1;proto=https', 'x-forwarded-proto': 'http' }, false],
    [{ forwarded: 'for=198.51.100.1' }, false],
    [{}, false],
  ])('%j: %s', (headers, secure) => {
    expect(trust.clientOf(PEER, headers).secure).toBe(secure);
  });
});
