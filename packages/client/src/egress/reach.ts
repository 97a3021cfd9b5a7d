/**
 * What may be reached at a URL that came from outside: public addresses over https, and what the operator has opened. It
 * decides on an address that is about to be dialled; it looks nothing up.
 */

import { BlockList, isIP } from 'node:net';
import { createPublicCheck } from './addresses.ts';

/** The guard did not let a request out, or its answer in. The message is for the log: it may name internal addresses. */
export class EgressRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'EgressRefused';
  }
}

/** Where a URL leads, before any look-up. */
export interface Target {
  /** Lower case, without brackets and without a dot at the end. */
  readonly host: string;
  readonly port: number;
  /** By https. */
  readonly secure: boolean;
}

export interface Reach {
  /** Whatever address it has, it may be reached. */
  opensName(host: string): boolean;
  /** Why this address of the target must not be dialled; undefined: it may be. */
  refusal(target: Target, address: string): string | undefined;
}

const FIRST_FREE_PORT = 1024;
/** Of other protocols, at ports that anybody may use: the list of the Fetch standard, "port blocking". */
const PORTS_OF_OTHERS: ReadonlySet<number> = new Set([
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10_080,
]);

/** `allow`: names, addresses and networks (CIDR). Throws on an entry that is none. */
export function createReach(allow: readonly string[]): Reach {
  const isPublic = createPublicCheck();
  const networks = new BlockList();
  const names = new Set<string>();
  for (const entry of allow) {
    const opened = readEntry(entry);
    if (opened === undefined) throw new Error(allowProblem(entry));
    if (typeof opened === 'string') names.add(opened);
    else networks.addSubnet(opened.network, opened.bits, opened.family);
  }
  const isOpened = (address: string): boolean => {
    const family = familyOf(address);
    return family !== undefined && networks.check(address, family);
  };
  return {
    opensName: (host) => names.has(host),
    refusal: ({ host, port, secure }, address) => {
      if (names.has(host) || isOpened(address)) return undefined;
      if (!secure) return 'http: is only for what is opened';
      if (!isWebPort(port)) return `port ${port} is no port of the web`;
      return isPublic(address) ? undefined : `its address ${address} is not public`;
    },
  };
}

/** What is wrong with an entry of `egress.allow`; undefined: nothing. */
export function allowProblem(entry: string): string | undefined {
  if (readEntry(entry) !== undefined) return undefined;
  const text = JSON.stringify(entry.slice(0, 200));
  return `${text} is no host name, address or network: write auth.example.com, 10.1.2.3 or 10.1.0.0/16.`;
}

interface Network {
  readonly network: string;
  readonly bits: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** A name, or a network. */
function readEntry(entry: string): string | Network | undefined {
  const [text = '', prefix, ...more] = entry.split('/');
  const network = text.replace(/^\[(.*)\]$/, '$1');
  const family = network.includes('%') ? undefined : familyOf(network);
  if (family === undefined) return nameOf(entry);
  const most = family === 'ipv4' ? 32 : 128;
  const bits = Number(prefix ?? most);
  if (more.length > 0 || !/^\d{1,3}$/.test(prefix ?? '0') || bits > most) return undefined;
  return { network, bits, family };
}

/** As URLs have it. Something with a port or a pattern opens nothing, so it must not look as if it did. */
function nameOf(entry: string): string | undefined {
  const url = URL.parse(`https://${entry}/`);
  if (url === null || url.href !== `https://${url.hostname}/` || !/^[a-z0-9_][a-z0-9._-]*$/.test(url.hostname))
    return undefined;
  const host = hostOf(url);
  return isIP(host) === 0 ? host : undefined;
}

/** The host of a URL as {@link Target} has it. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const family = isIP(address);
  return family === 0 ? undefined : family === 4 ? 'ipv4' : 'ipv6';
}

function isWebPort(port: number): boolean {
  return port === 443 || (port >= FIRST_FREE_PORT && !PORTS_OF_OTHERS.has(port));
}
