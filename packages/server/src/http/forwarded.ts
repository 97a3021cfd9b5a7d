/**
 * Who asks, when proxies stand between: `Forwarded` (RFC 7239) and the `X-Forwarded-` headers, believed only of proxies
 * that are named. What a stranger has written in front of their words is never reached.
 */

import { BlockList, isIP, SocketAddress } from 'node:net';
import type { HeaderBag } from '@sallyport/wire';

/** The other end of a request, as far as it can be told. */
export interface RemoteClient {
  /** Its network address; of an IPv4 client never in the form of IPv6. */
  readonly address: string | undefined;
  /** It speaks TLS, to us or to the proxy that it talks to. */
  readonly secure: boolean;
}

export interface ProxyTrust {
  /** True for the address of a trusted proxy. */
  trusts(address: string | undefined): boolean;
  /** The client behind the peer of a socket; the peer itself when that is no trusted proxy. */
  clientOf(peer: string | undefined, headers: HeaderBag): RemoteClient;
}

/** More proxies than this stand in no row. */
const MAX_HOPS = 32;
const MAPPED = /^::ffff:(\d+(?:\.\d+){3})$/i;

/** `trusted` are addresses and networks (CIDR). Throws on what is neither. */
export function createProxyTrust(trusted: readonly string[]): ProxyTrust {
  const list = new BlockList();
  for (const entry of trusted) add(list, entry);
  const trusts = (address: string | undefined): boolean => {
    const plain = unmapped(address);
    const family = plain === undefined ? 0 : isIP(plain);
    return family !== 0 && list.check(plain as string, family === 4 ? 'ipv4' : 'ipv6');
  };
  return {
    trusts,
    clientOf: (peer, headers) => {
      const address = unmapped(peer);
      if (trusted.length === 0 || address === undefined || !trusts(address)) return { address, secure: false };
      return { address: behind(address, headers, trusts), secure: saysSecure(headers) };
    },
  };
}

function add(list: BlockList, entry: string): void {
  const [address = '', bits, ...more] = entry.split('/');
  const family = isIP(address);
  const prefix = Number(bits ?? (family === 4 ? 32 : 128));
  const known = family !== 0 && !address.includes('%') && more.length === 0 && /^\d{1,3}$/.test(bits ?? '0');
  if (!known || prefix > (family === 4 ? 32 : 128)) {
    throw new Error(`${JSON.stringify(entry)} is neither an address nor a network: write 192.0.2.1 or 192.0.2.0/24.`);
  }
  list.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6');
}

function unmapped(address: string | undefined): string | undefined {
  return address?.startsWith('::ffff:') === true ? (MAPPED.exec(address)?.[1] ?? address) : address;
}

/** The two kinds of headers must agree: a proxy writes one of them, and passes the other on as it came. */
function behind(peer: string, headers: HeaderBag, trusts: ProxyTrust['trusts']): string {
  const standard = headers['forwarded'];
  const usual = headers['x-forwarded-for'];
  const found = [
    ...(typeof standard === 'string' ? [walk(peer, standard, forOf, trusts)] : []),
    ...(typeof usual === 'string' ? [walk(peer, usual, (element) => element, trusts)] : []),
  ];
  const [first = peer, second = first] = found;
  return first === second ? first : peer;
}

/** From the right, past trusted proxies, to the first that is none. What is no address ends the way before it. */
function walk(
  peer: string,
  list: string,
  read: (element: string) => string | undefined,
  trusts: ProxyTrust['trusts'],
): string {
  let reached = peer;
  let hops = 0;
  for (const element of fromTheRight(list)) {
    const address = addressOf(read(element) ?? '');
    if (address === undefined || ++hops > MAX_HOPS) return reached;
    reached = address;
    if (!trusts(address)) return reached;
  }
  return reached;
}

/** The elements of a list. Begun at the end, a quote that was left open further left changes nothing. */
function* fromTheRight(list: string): Generator<string> {
  let end = list.length;
  let quoted = false;
  for (let at = end - 1; at >= 0; at--) {
    if (list[at] === '"' && list[at - 1] !== '\\') quoted = !quoted;
    else if (list[at] === ',' && !quoted) {
      yield list.slice(at + 1, end).trim();
      end = at;
    }
  }
  yield list.slice(0, end).trim();
}

const FOR = /(?:^|;)[ \t]*for=(?:"([^"\\]*)"|([^;\s"]*))[ \t]*(?=;|$)/gi;

/** The one `for` of an element of `Forwarded`. */
function forOf(element: string): string | undefined {
  const found = [...element.matchAll(FOR)];
  return found.length === 1 ? (found[0]?.[1] ?? found[0]?.[2]) : undefined;
}

/** `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`; in one form for each address. */
function addressOf(node: string): string | undefined {
  const found = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+))(?::\d{1,5})?$/i.exec(node);
  const address = found?.[1] ?? found?.[2] ?? node;
  const family = address.includes('%') ? 0 : isIP(address);
  if (family === 0) return undefined;
  return family === 4 ? address : unmapped(new SocketAddress({ address, family: 'ipv6' }).address);
}

const PROTO = /(?:^|[;,])[ \t]*proto="?([^;,\s"]*)/gi;

/** True when somebody says https and nobody says anything else. */
function saysSecure(headers: HeaderBag): boolean {
  const usual = headers['x-forwarded-proto'];
  const standard = headers['forwarded'];
  const said = [
    ...(typeof usual === 'string' ? usual.split(',') : []),
    ...(typeof standard === 'string' ? [...standard.matchAll(PROTO)].map(([, proto = '']) => proto) : []),
  ];
  return said.length > 0 && said.every((proto) => proto.trim().toLowerCase() === 'https');
}
