/**
 * Opens the connection for a URL that came from outside. Literals and looked-up addresses are checked here, by the list
 * that is then dialled: a name is looked up once per connection, so another answer a moment later changes nothing, and of
 * an answer only what may be reached is tried.
 *
 * Through a proxy of the environment the name is looked up and checked here first, and the proxy, the operator's own, looks
 * it up again: what it reaches is its own policy's matter. A name that the operator opened is left to the proxy alone.
 */

import { lookup as lookUp } from 'node:dns/promises';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Duplex } from 'node:stream';
import { proxyFor, type Environment } from '../proxy.ts';
import { tlsRules } from '../tls.ts';
import type { TlsFiles } from '../upstream.ts';
import { openTunnel } from '../ws/tunnel.ts';
import { EgressRefused, hostOf, type Reach, type Target } from './reach.ts';

/** All addresses of a name. */
export type Lookup = (host: string) => Promise<readonly string[]>;

export interface DialOptions {
  readonly reach: Reach;
  readonly lookup: Lookup;
  /** Where proxies are named. */
  readonly env: Environment;
  /** Undefined: the authorities of the process, and no certificate of ours. */
  readonly tls: TlsFiles | undefined;
  /** Milliseconds; what `signal` ends at the latest. */
  readonly timeoutMs: number;
  /** Gives up what is not connected yet. */
  readonly signal: AbortSignal;
}

/** What is needed without TLS. */
type PlainOptions = Omit<DialOptions, 'tls'>;

/** The one of the system, which reads its hosts file too. */
export const systemLookup: Lookup = async (host) => {
  const found = await lookUp(host, { all: true, order: 'verbatim' });
  return found.map(({ address }) => address);
};

/** `url`: of http: or https:. Rejects with {@link EgressRefused}, the error of the network, or the signal's reason. */
export async function dial(url: URL, options: DialOptions): Promise<Duplex> {
  const socket = await dialPlain(url, options);
  const target = targetOf(url);
  return target.secure ? secured(socket, target, options) : socket;
}

/** The same without TLS, for bytes that are somebody else's. The scheme of `url` decides about port and proxy all the same. */
export async function dialPlain(url: URL, options: PlainOptions): Promise<Duplex> {
  const target = targetOf(url);
  const proxy = proxyFor(url, options.env);
  return proxy === undefined
    ? await connectTo(await check(url, target, options), target, options.signal)
    : await throughProxy(proxy, url, target, options);
}

async function throughProxy(proxy: URL, url: URL, target: Target, options: PlainOptions): Promise<Duplex> {
  if (!options.reach.opensName(target.host)) await check(url, target, options);
  return openTunnel(proxy, `${url.hostname}:${target.port}`, options);
}

function targetOf(url: URL): Target {
  const secure = url.protocol === 'https:';
  return { host: hostOf(url), port: url.port === '' ? (secure ? 443 : 80) : Number(url.port), secure };
}

/** The addresses that may be dialled, at least one. */
async function check(url: URL, target: Target, options: PlainOptions): Promise<readonly string[]> {
  const { host } = target;
  const found = isIP(host) === 0 ? await addressesOf(host, options) : [host];
  const reasons = found.map((address) => options.reach.refusal(target, address));
  const allowed = found.filter((_address, index) => reasons[index] === undefined);
  if (allowed.length > 0) return allowed;
  const reason = reasons[0] ?? 'it has no address';
  throw new EgressRefused(
    `${url.origin} came from outside and is not asked: ${reason}. If it may be reached, add ${host} to egress.allow.`,
  );
}

async function addressesOf(host: string, { lookup, signal }: PlainOptions): Promise<readonly string[]> {
  try {
    return await unlessAborted(lookup(host), signal);
  } catch (error) {
    if (signal.aborted) throw error;
    const advice = 'Where only a proxy looks names up, add it to egress.allow.';
    throw new Error(`${host} cannot be looked up: ${(error as Error).message}. ${advice}`, { cause: error });
  }
}

function connectTo(addresses: readonly string[], { port }: Target, signal: AbortSignal): Promise<Socket> {
  const answer = addresses.map((address) => ({ address, family: isIP(address) }));
  const socket = connect({
    // Never an address: Node would dial that itself, and not ask `lookup`.
    host: 'checked.invalid',
    port,
    autoSelectFamily: true,
    lookup: (_host, _options, callback) => callback(null, answer),
  });
  return opened(socket, 'connect', signal);
}

/** TLS on a connection. No session is resumed: what a server wants kept does not come along next time. */
function secured(socket: Duplex, { host }: Target, { tls: files, signal }: DialOptions): Promise<Duplex> {
  const tls = connectTls({
    socket,
    host,
    ...(isIP(host) === 0 && { servername: host }),
    ...(files && tlsRules(files)),
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: true,
  });
  return opened(tls, 'secureConnect', signal);
}

function opened<S extends Socket>(socket: S, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<S> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => void socket.destroy(signal.reason as Error);
    // It stays for good: an error without a listener would end the process.
    socket.on('error', (error) => {
      signal.removeEventListener('abort', giveUp);
      reject(described(error));
    });
    socket.once(event, () => {
      signal.removeEventListener('abort', giveUp);
      resolve(socket);
    });
    signal.addEventListener('abort', giveUp);
    if (signal.aborted) giveUp();
  });
}

/** Several addresses that were tried in vain come as one error without a message. */
function described(error: Error): Error {
  if (!(error instanceof AggregateError)) return error;
  const texts = error.errors.map((each) => (each instanceof Error ? each.message : String(each)));
  return new Error(texts.join('; '), { cause: error });
}

/** What comes of `promise`, or the signal's reason. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', giveUp);
    if (signal.aborted) giveUp();
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}
