/** Where the gateway is reached: by the public URL, or by the names and the port of its own listener. */

import type { RoomOptions } from './rooms.ts';

export interface Address {
  /** Of the listener; 0 until it listens. */
  port: number;
  /** URLs without a path, the one that is named to clients first. */
  bases(): readonly string[];
  /** The one for a client on this machine, which goes straight to the listener. */
  own(): string;
}

/** URLs of this machine come first where there is no public one: whoever asks for them is on it. */
export function createAddress({ host, hosts, port, publicUrl, tls }: RoomOptions['config']['listen']): Address {
  const scheme = tls === undefined ? 'http' : 'https';
  const first = reachableHost(host);
  const names = new Set([first, 'localhost', '127.0.0.1', '[::1]', ...hosts]);
  return {
    port,
    bases() {
      const own = [...names].map((name) => `${scheme}://${name}:${this.port}`);
      return publicUrl === undefined ? own : [publicUrl.replace(/\/+$/, ''), ...own];
    },
    own() {
      return `${scheme}://${first}:${this.port}`;
    },
  };
}

/** An address that means all of them is none that can be called. */
function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
