/**
 * Who is counted where addresses are: an IPv4 address, written as IPv6 or not; of an IPv6 address its /64, because one host
 * has all of that. Pure text: it does not check that this is an address.
 */

export function networkOf(address = ''): string {
  if (!address.includes(':')) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail = ''] = address.split('::');
  const [before, after] = [head, tail].map((part) => (part === '' ? [] : part.split(':'))) as [string[], string[]];
  // Two colons stand for as many groups of zeros as are missing.
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0');
  return [...before, ...zeros, ...after].slice(0, 4).join(':');
}
