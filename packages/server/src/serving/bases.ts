/** Where a served server is reached: by its public URL, or by the names and the port of its own listener. */

import { isLoopbackHost } from '../http/shield.ts';
import type { Settled } from './settle.ts';

export interface Bases {
  /** URLs without a path, the one that is named to clients first. */
  readonly all: () => readonly string[];
  /** The one for a client on this machine, which goes straight to the listener. */
  readonly own: () => string;
}

/**
 * With a public URL it is the only one: the names of this machine are those of every machine, and a token for them could have
 * been made for anybody's server. For the same reason they count only where nobody else can come.
 */
export function basesOf({ hasTls, host, place, publicUrl }: Settled, address: { readonly port: number }): Bases {
  const scheme = hasTls ? 'https' : 'http';
  const first = reachable(host);
  const hosts = place.hosts ?? [];
  const isEverywhere = host === '0.0.0.0' || host === '::';
  const named = [...(isEverywhere ? [] : [first]), ...hosts];
  const local = isLoopbackHost(host) ? [first, 'localhost', '127.0.0.1', '[::1]', ...hosts] : named;
  const names = new Set(local.length === 0 ? [first] : local);
  const origin = (name: string): string => `${scheme}://${name}:${address.port}`;
  return {
    all: () => (publicUrl === undefined ? [...names].map(origin) : [publicUrl.href.replace(/\/+$/, '')]),
    own: () => origin(first),
  };
}

/** An address that means all of them is none that can be called. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
