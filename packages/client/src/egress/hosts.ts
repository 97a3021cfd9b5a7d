/**
 * Which hosts a child may reach, as `sandbox.network` names them: `api.example.com`, `*.example.com` (whatever is below it),
 * an address, each with an optional port. Decides on names and ports; which address a name may have is the business of
 * `reach.ts`, but for an address that is written here itself.
 */

import { isIP } from 'node:net';
import { createReach, hostOf, type Reach } from './reach.ts';

/** Ports of an entry that names none. */
const WEB_PORTS: readonly number[] = [443, 80];
const HOST_AND_PORT = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/;
const MAX_NAME_LENGTH = 253;
const MAX_PORT = 65_535;

export interface HostPort {
  /** As URLs have it, but without brackets and without a dot at the end: a name in lower case, or an address. */
  readonly host: string;
  readonly port: number | undefined;
}

export interface HostList {
  allows(host: string, port: number): boolean;
}

/** `host`, `host:port`, `[v6]:port`; undefined: it is neither. Never a URL, and never with a user. */
export function readHostPort(text: string): HostPort | undefined {
  const [, written, digits] = HOST_AND_PORT.exec(text) ?? [];
  // What is an address to a URL, such as 0x7f.1, is one here: so nothing is an address to some and a name to others.
  const url = written === undefined ? null : URL.parse(`http://${written}/`);
  const host = url === null ? '' : hostOf(url);
  const port = digits === undefined ? undefined : Number(digits);
  if (host === '' || host.length > MAX_NAME_LENGTH || /^\.|\.\./.test(host)) return undefined;
  return port === undefined || (port > 0 && port <= MAX_PORT) ? { host, port } : undefined;
}

/** `host` with `port`, as it stands in URLs; a port of the web may be left out of an entry. */
export function hostPortText(host: string, port: number): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

/** The entry of `sandbox.network` that opens this, as short as may be. */
export function hostEntry(host: string, port: number): string {
  const text = hostPortText(host, port);
  return WEB_PORTS.includes(port) ? text.slice(0, text.lastIndexOf(':')) : text;
}

interface Entry extends HostPort {
  /** Whatever is below the host, and not the host itself. */
  readonly below: boolean;
}

/** What is wrong with an entry; undefined: nothing. */
export function hostProblem(entry: string): string | undefined {
  if (readEntry(entry) !== undefined) return undefined;
  const text = JSON.stringify(entry.slice(0, 200));
  return `${text} is no host: write api.example.com, *.example.com, api.example.com:8443 or an address.`;
}

/** Throws on an entry that is none. */
export function createHostList(entries: readonly string[]): HostList {
  const list = entries.map((entry) => {
    const read = readEntry(entry);
    if (read === undefined) throw new Error(hostProblem(entry));
    return read;
  });
  return {
    allows: (host, port) =>
      list.some((entry) => {
        const isHost = entry.below ? host.endsWith(`.${entry.host}`) && isIP(host) === 0 : host === entry.host;
        return isHost && (entry.port === undefined ? WEB_PORTS.includes(port) : entry.port === port);
      }),
  };
}

/** Public addresses, what the operator has opened (`egress.allow`), and addresses that were written themselves. */
export function createHostReach(allow: readonly string[]): Reach {
  const reach = createReach(allow);
  return {
    opensName: (host) => reach.opensName(host),
    refusal: ({ host }, address) =>
      // Scheme and port were decided by the list: what is asked here is the address alone.
      isIP(host) === 0 ? reach.refusal({ host, port: 443, secure: true }, address) : undefined,
  };
}

function readEntry(entry: string): Entry | undefined {
  const below = entry.startsWith('*.');
  // An address of version 6 may stand without brackets where no port follows.
  const text = isIP(entry) === 6 ? `[${entry}]` : entry.slice(below ? 2 : 0);
  const read = readHostPort(text);
  if (read === undefined) return undefined;
  // `*.com` would be half of the world.
  if (below && (isIP(read.host) !== 0 || !read.host.includes('.'))) return undefined;
  return { ...read, below };
}
