/**
 * Which proxy the environment names for an address, the same for every transport: HTTPS_PROXY or HTTP_PROXY by the scheme,
 * and NO_PROXY. Lower case comes first, as with other tools. It connects to nothing.
 */

import { UpstreamError } from './leg.ts';

const LOOPBACK = /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;
const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'ws:': '80', 'https:': '443', 'wss:': '443' };

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy, of scheme `http:` or `https:`; undefined when none is to be asked. None is for a loopback address: a proxy
 * would take the gateway's loopback for its own. Throws `UpstreamError` when what is named is no such URL.
 */
export function proxyFor(url: URL, env: Environment): URL | undefined {
  const name = url.protocol === 'https:' || url.protocol === 'wss:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const text = variable(env, name);
  if (text === undefined || LOOPBACK.test(url.hostname) || isExempt(url, variable(env, 'NO_PROXY') ?? ''))
    return undefined;
  const proxy = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (proxy?.protocol === 'http:' || proxy?.protocol === 'https:') return proxy;
  // The value may hold a password.
  throw new UpstreamError('down', `${name} is no http: or https: URL, so ${url.origin} cannot be reached. Correct it.`);
}

/** `NO_PROXY`: names with an optional port, each with what is below it; `*` is everything. */
function isExempt(url: URL, list: string): boolean {
  const port = url.port === '' ? DEFAULT_PORTS[url.protocol] : url.port;
  return list.split(/[\s,]+/).some((entry) => {
    const [, name = '', only] = /^(?:\*?\.)?(.+?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    if (name === '' || (only !== undefined && only !== port)) return false;
    return name === '*' || url.hostname === name || url.hostname.endsWith(`.${name}`);
  });
}

function variable(env: Environment, name: string): string | undefined {
  const value = env[name.toLowerCase()] ?? env[name];
  return value === '' ? undefined : value;
}
