/**
 * Which addresses are public: unicast of the whole internet, and no block of the IANA special-purpose registries (RFC 6890
 * and what has been added since). It knows nothing of names, and parses no address itself: `node:net` does.
 */

import { BlockList, isIP } from 'node:net';

/**
 * Every block of the IPv4 registry, those too that may be routed (relays and sinks, where no document is served); then
 * multicast, and a public address behind which a cloud keeps the credentials of the machine.
 */
const SPECIAL_V4: ReadonlyArray<readonly [string, number]> = [
  ['0.0.0.0', 8], // this network
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // shared, behind carriers' NAT
  ['127.0.0.0', 8], // loopback
  ['169.254.0.0', 16], // link-local, and the metadata of most clouds
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.31.196.0', 24], // AS112
  ['192.52.193.0', 24], // AMT
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16], // private
  ['192.175.48.0', 24], // AS112
  ['198.18.0.0', 15], // benchmarking
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, and broadcast
  ['168.63.129.16', 32], // Azure's wire server
];

/** What is assigned for global unicast (RFC 4291 §2.4). Loopback, ULA, link-local and the rest lie outside. */
const GLOBAL_UNICAST = ['2000::', 3] as const;

/** The special blocks inside of it. */
const SPECIAL_V6: ReadonlyArray<readonly [string, number]> = [
  ['2001::', 23], // protocol assignments: Teredo, benchmarking, ORCHID and others
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4, which holds any IPv4 address
  ['2620:4f:8000::', 48], // AS112
  ['3fff::', 20], // documentation
];

/** On a network without IPv4, DNS64 answers with these for every IPv4 host: they are what the address inside is (RFC 6052). */
const NAT64 = '64:ff9b::';
const NAT64_BITS = 96;

/** Whether an address is public. Builds its table, so keep it for more than one question. */
export function createPublicCheck(): (address: string) => boolean {
  const unicast = new BlockList();
  unicast.addSubnet(...GLOBAL_UNICAST, 'ipv6');
  unicast.addSubnet(NAT64, NAT64_BITS, 'ipv6');
  const special = new BlockList();
  for (const [network, bits] of SPECIAL_V6) special.addSubnet(network, bits, 'ipv6');
  for (const [network, bits] of SPECIAL_V4) {
    special.addSubnet(network, bits, 'ipv4');
    special.addSubnet(NAT64 + network, NAT64_BITS + bits, 'ipv6');
  }
  return (address) => {
    // A zone belongs to one machine.
    if (address.includes('%')) return false;
    switch (isIP(address)) {
      case 4:
        return !special.check(address, 'ipv4');
      case 6:
        return unicast.check(address, 'ipv6') && !special.check(address, 'ipv6');
      default:
        return false;
    }
  };
}

/**
 * Whether `address` is public. Only the usual spellings are addresses: `2130706433`, `0x7f.1` and the like are not, so they
 * are not public. IPv4 inside IPv6 is public in the form of NAT64 alone, and there if it is so by itself.
 */
export function isPublicAddress(address: string): boolean {
  return createPublicCheck()(address);
}
