/**
 * Addresses of clients as far as they may be written: whole, their network alone, or not at all. Also wherever they stand in a
 * text, so that no line that quotes one gives it away. This machine's own addresses say nothing of a person and stay.
 */

import { BlockList, isIP, SocketAddress } from 'node:net';

/** `truncated`: of IPv4 the first 24 bits, of IPv6 the first 48. */
export type AddressMode = 'full' | 'truncated' | 'none';

/** In a text, where one was that may not be written. */
const HIDDEN = '[address]';

/** Undefined: nothing of it may be written. */
export function shownAddress(mode: AddressMode, address: string | undefined): string | undefined {
  if (mode === 'full' || address === undefined) return address;
  const family = isIP(address);
  // A word that stands for addresses is none.
  if (family === 0) return /^[a-z]+$/.test(address) ? address : undefined;
  if (isOwn(address)) return address;
  return mode === 'none' ? undefined : networkText(address);
}

/** A text in which no address says more than it may. */
export function shownText(mode: AddressMode, text: string): string {
  if (mode === 'full') return text;
  return text.replaceAll(CANDIDATE, (run) => {
    for (const form of FORMS) {
      const [, address = '', rest = ''] = form.exec(run) ?? [];
      if (isIP(address) !== 0) return `${shownAddress(mode, address) ?? HIDDEN}${rest}`;
    }
    return run;
  });
}

/** What texts and details pass through before they are written. */
interface Redact {
  text(text: string): string;
  detail(detail: Readonly<Record<string, unknown>>): Record<string, unknown>;
  learn(secrets: Iterable<string>): void;
}

/** The same, and no address says more than it may. After the other: what hides a secret must see it as it is. */
export function withoutAddresses(redact: Redact, mode: AddressMode): Redact {
  if (mode === 'full') return redact;
  const shown = (value: unknown): unknown => {
    if (typeof value === 'string') return shownText(mode, value);
    if (Array.isArray(value)) return value.map(shown);
    return typeof value === 'object' && value !== null ? members(value) : value;
  };
  const members = (detail: object): Record<string, unknown> =>
    Object.fromEntries(Object.entries(detail).map(([name, value]) => [shownText(mode, name), shown(value)]));
  return {
    text: (text) => shownText(mode, redact.text(text)),
    detail: (detail) => members(redact.detail(detail)),
    learn: (secrets) => redact.learn(secrets),
  };
}

/** What may be an address, as long as it goes: each character is looked at once. */
const CANDIDATE = /(?<![\w.:])[\da-f][\da-f.:]{2,63}(?![\w])|(?<![\w.:])::[\da-f.:]{0,62}(?![\w])/gi;
/** As it stands, before punctuation, before a port. */
const FORMS: readonly RegExp[] = [/^(.+)$/s, /^(.*[^.:])([.:]+)$/s, /^([\d.]+)(:\d+\.?)$/s];

const OWN: BlockList = new BlockList();
OWN.addSubnet('127.0.0.0', 8, 'ipv4');
OWN.addAddress('0.0.0.0', 'ipv4');
OWN.addAddress('::1', 'ipv6');
OWN.addAddress('::', 'ipv6');

function isOwn(address: string): boolean {
  const plain = unmapped(address);
  return OWN.check(plain, plain.includes(':') ? 'ipv6' : 'ipv4');
}

/** An address of IPv4 in the form of IPv6 is one of IPv4. */
function unmapped(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

function networkText(address: string): string {
  const plain = unmapped(address);
  if (!plain.includes(':')) return `${plain.split('.').slice(0, 3).join('.')}.0/24`;
  // One form for each address (RFC 5952), without a zone.
  const { address: canonical } = new SocketAddress({ address: plain.replace(/%.*$/, ''), family: 'ipv6' });
  const [head = '', tail = ''] = canonical.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0');
  const network = [...before, ...zeros, ...after].slice(0, 3).join(':');
  return `${network.replace(/(?::0)+$/, '')}::/48`;
}
