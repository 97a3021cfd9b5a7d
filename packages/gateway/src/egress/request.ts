/**
 * What a child asks of its proxy, read from a request line: where to, and for a request in absolute form what is asked there
 * (RFC 9112 §3.2). Takes nothing that two readers could understand in two ways: no user, no other scheme, no odd host.
 */

import { readHostPort } from '@sallyport/client/egress';

export interface Target {
  /** As URLs have it, without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface Forwarded extends Target {
  /** Path and query. */
  readonly path: string;
}

/** CONNECT: `host:port`, the port required. */
export function readAuthority(text: string): Target | undefined {
  const { host, port } = readHostPort(text) ?? {};
  return host === undefined || port === undefined ? undefined : { host, port };
}

/** Any other method: `http://host[:port]/path`. What is `https:` has to be asked by CONNECT. */
export function readAbsolute(text: string): Forwarded | undefined {
  const [, authority = '', rest = ''] = /^http:\/\/([^/?#\\]*)([/?][^#\s]*)?$/i.exec(text) ?? [];
  const { host, port = 80 } = readHostPort(authority) ?? {};
  return host === undefined ? undefined : { host, port, path: rest.startsWith('/') ? rest : `/${rest}` };
}

/** Of one connection alone (RFC 9110 §7.6.1), or meant for this proxy. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Header lines, name and value by turns, as they go on to the other side, without those of `own` (in lower case). */
export function passedOn(rawHeaders: readonly string[], own: readonly string[] = []): string[] {
  const lines = Array.from({ length: rawHeaders.length / 2 }, (_none, index) => {
    const [name = '', value = ''] = rawHeaders.slice(2 * index, 2 * index + 2);
    return { name, lower: name.toLowerCase(), value };
  });
  const named = lines
    .filter(({ lower }) => lower === 'connection')
    .flatMap(({ value }) => value.toLowerCase().split(','));
  const dropped = new Set([...named.map((name) => name.trim()), ...own]);
  return lines.flatMap(({ name, lower, value }) => (HOP_BY_HOP.has(lower) || dropped.has(lower) ? [] : [name, value]));
}
