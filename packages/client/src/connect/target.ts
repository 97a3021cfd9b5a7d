/** What a client may be given to connect to, and the target that it means. It opens nothing. */

import type { HttpTarget, SseTarget, StdioTarget, TlsFiles, WsTarget } from '../upstream.ts';

/** A program that is started and spoken to over its pipes. */
export interface CommandTarget {
  /** A path, or a name that is looked up in PATH. Never a shell. */
  readonly command: string;
  readonly args?: readonly string[];
  /** Added to the few variables that a child gets of this process's environment; nothing else is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the current folder. */
  readonly cwd?: string;
}

/** A server on the network. */
export interface UrlTarget {
  /** `http:`, `https:`, `ws:` or `wss:`. */
  readonly url: string | URL;
  /**
   * Absent: by the URL; over HTTP both Streamable HTTP and the older HTTP+SSE are tried. `http` and `sse` say which it is.
   */
  readonly type?: 'http' | 'sse' | 'ws';
  /** Sent to the origin of `url` alone. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly tls?: TlsFiles;
}

export type ConnectTarget = string | URL | CommandTarget | UrlTarget;

export type RemoteTarget = HttpTarget | SseTarget | WsTarget;

/** Throws a TypeError that says what is wrong. */
export function targetOf(target: ConnectTarget, cwd: string): StdioTarget | RemoteTarget {
  if (typeof target === 'string' || target instanceof URL) return remoteTarget({ url: target });
  if ('url' in target) return remoteTarget(target);
  const { command, args = [], env = {} } = target;
  if (typeof command !== 'string' || command === '') throw new TypeError('A target needs a `command` or a `url`.');
  return { kind: 'stdio', command, args, env, cwd: target.cwd ?? cwd };
}

const SCHEMES: ReadonlyMap<string, 'http' | 'ws'> = new Map([
  ['http:', 'http'],
  ['https:', 'http'],
  ['ws:', 'ws'],
  ['wss:', 'ws'],
]);

function remoteTarget({ url: given, type, headers = {}, tls }: UrlTarget): RemoteTarget {
  const [url, scheme] = readUrl(given);
  if (type !== undefined && (type === 'ws') !== (scheme === 'ws')) {
    throw new TypeError(`The type ${type} of the target does not fit its URL, which begins with ${url.protocol}//.`);
  }
  const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  const remote = { url, headers: Object.fromEntries(lower), ...(tls !== undefined && { tls }) };
  if (scheme === 'ws') return { kind: 'ws', ...remote };
  if (type === 'sse') return { kind: 'sse', ...remote };
  return { kind: 'http', ...remote, ...(type === undefined && { guess: true }) };
}

function readUrl(given: string | URL): [url: URL, scheme: 'http' | 'ws'] {
  const url = URL.parse(String(given));
  const scheme = SCHEMES.get(url?.protocol ?? '');
  if (url === null || scheme === undefined) {
    throw new TypeError('The target is no http:, https:, ws: or wss: URL. A program is given as { command, args }.');
  }
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('The URL of the target holds a password. Give a credential by `headers` or `oauth`.');
  }
  return [url, scheme];
}
