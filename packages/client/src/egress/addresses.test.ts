import * as fc from 'fast-check';
import { isIP } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createPublicCheck, isPublicAddress } from './addresses.ts';

/** First and last address of each block, and what lies at its borders outside. Registries of IANA, as of 2025. */
const V4_BLOCKS: ReadonlyArray<readonly [string, string, string]> = [
  ['this network', '0.0.0.0', '0.255.255.255'],
  ['private', '10.0.0.0', '10.255.255.255'],
  ['carriers', '100.64.0.0', '100.127.255.255'],
  ['loopback', '127.0.0.0', '127.255.255.255'],
  ['link-local', '169.254.0.0', '169.254.255.255'],
  ['private', '172.16.0.0', '172.31.255.255'],
  ['protocol assignments', '192.0.0.0', '192.0.0.255'],
  ['TEST-NET-1', '192.0.2.0', '192.0.2.255'],
  ['AS112', '192.31.196.0', '192.31.196.255'],
  ['AMT', '192.52.193.0', '192.52.193.255'],
  ['6to4 relays', '192.88.99.0', '192.88.99.255'],
  ['private', '192.168.0.0', '192.168.255.255'],
  ['AS112', '192.175.48.0', '192.175.48.255'],
  ['benchmarking', '198.18.0.0', '198.19.255.255'],
  ['TEST-NET-2', '198.51.100.0', '198.51.100.255'],
  ['TEST-NET-3', '203.0.113.0', '203.0.113.255'],
  ['multicast, reserved, broadcast', '224.0.0.0', '255.255.255.255'],
  ['Azure', '168.63.129.16', '168.63.129.16'],
];

const V6_BLOCKS: ReadonlyArray<readonly [string, string, string]> = [
  ['all below global unicast but NAT64', '::', '64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['all above NAT64', '64:ff9b::1:0:0', '1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['protocol assignments', '2001::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['documentation', '2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['6to4', '2002::', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['AS112', '2620:4f:8000::', '2620:4f:8000:ffff:ffff:ffff:ffff:ffff'],
  ['documentation', '3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['all above global unicast', '4000::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
];

/** By hand, and only for what these tests write. */
function numberOf(address: string): bigint {
  if (!address.includes(':')) return address.split('.').reduce((sum, part) => (sum << 8n) + BigInt(part), 0n);
  const [head = [], right = []] = address.split('::').map((side) => (side === '' ? [] : side.split(':')));
  const groups = [...head, ...Array.from({ length: 8 - head.length - right.length }, () => '0'), ...right];
  return groups.reduce((sum, group) => (sum << 16n) + BigInt(`0x${group}`), 0n);
}

const textOf4 = (value: bigint): string => [24n, 16n, 8n, 0n].map((bits) => (value >> bits) & 255n).join('.');
const textOf6 = (value: bigint): string =>
  Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16)).join(':');

const within = (blocks: typeof V4_BLOCKS, value: bigint): boolean =>
  blocks.some(([, first, last]) => value >= numberOf(first) && value <= numberOf(last));
const NAT64 = numberOf('64:ff9b::');
const isPublic4 = (value: bigint): boolean => !within(V4_BLOCKS, value);
const isPublic6 = (value: bigint): boolean =>
  value >> 32n === NAT64 >> 32n ? isPublic4(value & 0xffffffffn) : !within(V6_BLOCKS, value);

/** Any number of so many bits; more often one close to a border. */
const near = (blocks: typeof V4_BLOCKS, bits: bigint): fc.Arbitrary<bigint> => {
  const most = (1n << bits) - 1n;
  const borders = blocks.flatMap(([, first, last]) => [numberOf(first), numberOf(last)]);
  const close = fc
    .tuple(fc.constantFrom(...borders), fc.bigInt(-70_000n, 70_000n))
    .map(([border, off]) => [0n, border + off, most].toSorted((a, b) => (a < b ? -1 : Number(a > b)))[1] as bigint);
  return fc.oneof(close, fc.bigInt(0n, most));
};

const check = createPublicCheck();

describe('isPublicAddress', () => {
  it.each([...V4_BLOCKS, ...V6_BLOCKS])('refuses %s, from %s to %s', (_name, first, last) => {
    expect([first, last].filter(isPublicAddress)).toEqual([]);
  });

  it.each([...V4_BLOCKS])('does so inside of NAT64, IPv4-mapped and IPv4-compatible: %s', (_name, first, last) => {
    const forms = [first, last].flatMap((each) => [`64:ff9b::${each}`, `::ffff:${each}`, `::${each}`]);
    expect(forms.every((each) => isIP(each) === 6)).toBe(true);
    expect(forms.filter(isPublicAddress)).toEqual([]);
  });

  it.each([
    '1.0.0.0',
    '1.1.1.1',
    '8.8.8.8',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '169.253.255.255',
    '169.255.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '191.255.255.255',
    '192.0.1.0',
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '168.63.129.15',
    '168.63.129.17',
    '2000::',
    '2001:200::',
    '2001:4860:4860::8888',
    '2001:db7:ffff:ffff:ffff:ffff:ffff:ffff',
    '2001:db9::',
    '2003::',
    '2606:4700:4700::1111',
    '2A00:1450:4001:81B::200E',
    '3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    '64:ff9b::8.8.8.8',
    '64:ff9b::808:808',
  ])('takes %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it.each([
    // Metadata of clouds.
    '169.254.169.254',
    '169.254.170.2',
    '100.100.100.200',
    '192.0.0.192',
    'fd00:ec2::254',
    'fd20:ce::254',
    // Loopback and unspecified.
    '::',
    '::1',
    '0:0:0:0:0:0:0:1',
    // Link-local, site-local, unique local, multicast, discard-only, dummy prefix, SRv6.
    'fe80::1',
    'fec0::1',
    'fc00::1',
    'fdff::1',
    'ff02::1',
    '100::1',
    '100:0:0:1::1',
    '5f00::1',
    // IPv4 inside: mapped, translated (SIIT), local-use NAT64, Teredo, 6to4, also where that IPv4 is public.
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:8.8.8.8',
    '::ffff:0:127.0.0.1',
    '::ffff:0:8.8.8.8',
    '64:ff9b:1::10.0.0.1',
    '64:ff9b:1::8.8.8.8',
    '64:ff9b::7f00:1',
    '64:ff9b::a9fe:a9fe',
    '2001:0:808:808::f5ff:fffe',
    '2002:7f00:1::1',
    '2002:808:808::1',
    // Registered in 2001::/23, routed or not.
    '2001:1::1',
    '2001:2::1',
    '2001:3::1',
    '2001:4:112::1',
    '2001:10::1',
    '2001:20::1',
    '2001:30::1',
    // Zones.
    'fe80::1%eth0',
    '2606:4700:4700::1111%1',
    '2606:4700:4700::1111%eth0',
    // No address, whatever some resolver would make of it.
    '2130706433',
    '0x7f000001',
    '0x7f.1',
    '0177.0.0.1',
    '127.1',
    '134744072',
    '8.8.8.8.',
    '08.8.8.8',
    ' 8.8.8.8',
    '8.8.8.8\0',
    '8.8.8.8/32',
    '[2606:4700:4700::1111]',
    'example.com',
    'localhost',
    '',
  ])('refuses %s', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it('agrees with a naive model', () => {
    fc.assert(
      fc.property(near(V4_BLOCKS, 32n), (value) => {
        expect(check(textOf4(value))).toBe(isPublic4(value));
        expect(check(textOf6(NAT64 + value))).toBe(isPublic4(value));
      }),
      { numRuns: 3000 },
    );
    fc.assert(
      fc.property(near(V6_BLOCKS, 128n), (value) => {
        expect(check(textOf6(value))).toBe(isPublic6(value));
      }),
      { numRuns: 3000 },
    );
  });

  it('takes nothing that is no address', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(isIP(text) === 0 && check(text)).toBe(false);
      }),
    );
  });
});
