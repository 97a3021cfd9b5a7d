/** Where the gateway is reached: by the public URL, or by the names and the port of its own listener. */

import { isLoopbackHost } from '@sallyport/server';
import type { RoomOptions } from '../rooms.ts';

export interface Address {
  /** Of the listener; 0 until it listens. */
  port: number;
  /** Whether the listener is open: nobody comes back to one that is not. */
  listens: boolean;
  /** URLs without a path, the one that is named to clients first. */
  bases(): readonly string[];
  /** The one for a client on this machine, which goes straight to the listener. */
  own(): string;
}

/**
 * With a public URL it is the only one: the names of this machine are those of every machine, and a token for them could have
 * been made for anybody's gateway. For the same reason they count only where nobody else can come.
 */
export function createAddress({ host, hosts, port, publicUrl, tls }: RoomOptions['config']['listen']): Address {
  const scheme = tls === undefined ? 'http' : 'https';
  const first = reachableHost(host);
  const named = [...new Set([...(isEverywhere(host) ? [] : [first]), ...hosts])];
  const names = isLoopbackHost(host)
    ? new Set([first, 'localhost', '127.0.0.1', '[::1]', ...hosts])
    : new Set(named.length === 0 ? [first] : named);
  return {
    port,
    listens: false,
    bases() {
      if (publicUrl !== undefined) return [publicUrl.replace(/\/+$/, '')];
      return [...names].map((name) => `${scheme}://${name}:${this.port}`);
    },
    own() {
      return `${scheme}://${first}:${this.port}`;
    },
  };
}

function isEverywhere(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** An address that means all of them is none that can be called. */
function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
