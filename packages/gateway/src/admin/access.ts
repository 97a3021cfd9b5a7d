/**
 * Who is an admin, and from where: this machine's user, and keys with the role `admin`, straight from this machine or from
 * the addresses that are configured. Tokens of other issuers make nobody one, whatever roles they state. Nothing of a browser
 * counts: there are no cookies here, and a request that names an origin is a stranger's.
 */

import { BlockList, isIP } from 'node:net';
import { networkOf, type Arrival } from '@sallyport/server';
import type { AdminSettings, Caller, Needs } from './types.ts';

export interface AccessOptions {
  readonly settings: AdminSettings;
  /** Made on this machine, straight to the listener. */
  readonly isLocal: (request: Arrival['request']) => boolean;
  /** The issuer of our own keys, and the name of this machine's user. */
  readonly user: { readonly issuer: string; readonly subject: string };
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface Access {
  /** Undefined: to him there is nothing here. */
  admin(arrival: Arrival): Caller | undefined;
  /** Whether an admin may use a route. */
  may(caller: Caller, needs: Needs): boolean;
  /** Whether he may have a command started that he writes. */
  mayCommand(caller: Caller): boolean;
  /** Counts a request; undefined: no more came from there than may. This machine's user is not counted. */
  exceeded(caller: Caller, address: string | undefined): Exceeded | undefined;
}

/** Too many requests. */
export interface Exceeded {
  /** In a minute. */
  readonly limit: number;
  /** Milliseconds until some are taken again. */
  readonly resetMs: number;
}

const ADMIN_ROLE = 'admin';
const WINDOW_MS = 60_000;
const MAX_IN_WINDOW = 600;
/** Networks that are counted at the same time; only admins come that far. */
const MAX_COUNTED = 1000;

export function createAccess({ isLocal, now, settings, user }: AccessOptions): Access {
  const hosts = blocks(settings.hosts);
  const counts = new Map<string, { readonly sinceMs: number; count: number }>();
  return {
    admin: ({ address, principal, request }) => {
      if (isOfBrowser(request.headers)) return undefined;
      const { issuer, roles, subject } = principal;
      if (issuer !== user.issuer) return undefined;
      const here = isLocal(request);
      // The local key is this machine's: elsewhere it is nobody's.
      const isUser = here && subject === user.subject;
      const isAdmin = isUser || (subject !== user.subject && roles.includes(ADMIN_ROLE));
      if (!isAdmin || !(here || isListed(hosts, address))) return undefined;
      return { issuer, subject, isLocal: here, isUser };
    },
    may: ({ isLocal: here, isUser }, needs) => {
      if (needs === 'user') return isUser;
      return needs === 'read' || here || settings.remoteWrite;
    },
    mayCommand: ({ isLocal: here }) => here || (settings.commands && settings.remoteWrite),
    exceeded: ({ isUser }, address) => {
      if (isUser) return undefined;
      const [key, nowMs] = [networkOf(address), now()];
      const known = counts.get(key);
      const counted = known === undefined || nowMs - known.sinceMs >= WINDOW_MS ? { sinceMs: nowMs, count: 0 } : known;
      counted.count++;
      counts.delete(key);
      counts.set(key, counted);
      if (counts.size > MAX_COUNTED) for (const oldest of counts.keys().take(1)) counts.delete(oldest);
      if (counted.count <= MAX_IN_WINDOW) return undefined;
      return { limit: MAX_IN_WINDOW, resetMs: counted.sinceMs + WINDOW_MS - nowMs };
    },
  };
}

/** Programs send neither. */
function isOfBrowser(headers: Arrival['request']['headers']): boolean {
  return headers.origin !== undefined || headers['sec-fetch-site'] !== undefined;
}

function blocks(hosts: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of hosts) {
    const [address = '', prefix] = entry.split('/');
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

function isListed(hosts: BlockList, address: string | undefined): boolean {
  if (address === undefined) return false;
  const plain = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  const family = isIP(plain);
  return family !== 0 && hosts.check(plain, family === 4 ? 'ipv4' : 'ipv6');
}
