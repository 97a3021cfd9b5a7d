/**
 * Opens a WebSocket to a server: through the environment's proxy, with the configured headers, without compression and
 * redirects. What is said on it is not read here.
 */

import { isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Duplex } from 'node:stream';
import type { ClientOptions, WebSocket } from 'ws';
import type { SetTimer } from '../clock.ts';
import { statusError, type ResponseHeaders } from '../http-status.ts';
import { UpstreamError } from '../leg.ts';
import { proxyFor, type Environment } from '../proxy.ts';
import { tlsProblem, type TlsRules } from '../tls.ts';
import { openTunnel } from './tunnel.ts';

/** What servers made with the official SDKs agree to. It is not in the specification, so not all know it. */
const SUBPROTOCOL = 'mcp';
const SCHEMES: ReadonlySet<string> = new Set(['ws:', 'wss:']);
/** All header lines of the answer. */
const MAX_HEADER_BYTES = 16 * 1024;
/** For the closing handshake. */
const CLOSE_MS = 2000;

export interface DialOptions {
  /** `ws:` or `wss:`. */
  readonly url: URL;
  /** Lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** With the server itself; a proxy is verified as everything is. */
  readonly tls?: TlsRules;
  /** Where proxies are named. */
  readonly env: Environment;
  /** Milliseconds for all of it. */
  readonly timeoutMs: number;
  readonly maxMessageBytes: number;
  readonly setTimer: SetTimer;
  /** Aborted: it is not wanted any more; with an `UpstreamError` as reason, for that reason. */
  readonly signal: AbortSignal;
  /** Told of a response that is no upgrade, before the rejection. */
  readonly onRefused?: (status: number, headers: ResponseHeaders) => void;
}

/** Set by the protocol, or what concerns one connection alone. */
const RESERVED = /^(?:connection|content-length|expect|host|keep-alive|transfer-encoding|upgrade|sec-websocket-.*)$/;

/** The configured headers that are not sent. */
export function reservedHeaders(headers: DialOptions['headers']): string[] {
  return Object.keys(headers).filter((name) => RESERVED.test(name));
}

/** The address for messages: without what may be secret in a URL. */
export function whereOf(url: URL): string {
  return url.origin + url.pathname;
}

/** Resolves with an open socket that is paused. Rejects with `UpstreamError`. */
export async function dial(options: DialOptions): Promise<WebSocket> {
  if (!SCHEMES.has(options.url.protocol)) {
    throw new UpstreamError('protocol', `${whereOf(options.url)} is no ws: or wss: URL. Correct the configuration.`);
  }
  const answered: Answered = { subprotocol: undefined };
  // Most gateways have no such server: they do not load it.
  const { WebSocket: Socket } = await import('ws');
  try {
    return await dialAs(Socket, [SUBPROTOCOL], options, answered);
  } catch (error) {
    // One that upgrades but does not agree to the subprotocol may know none.
    if (answered.subprotocol !== 'none') throw error;
    return dialAs(Socket, [], options, { subprotocol: undefined });
  }
}

interface Answered {
  /** Of the response that upgraded. */
  subprotocol: 'none' | 'some' | undefined;
}

function dialAs(
  Socket: typeof WebSocket,
  protocols: string[],
  options: DialOptions,
  answered: Answered,
): Promise<WebSocket> {
  const { url, timeoutMs, setTimer, signal } = options;
  const where = whereOf(url);
  return new Promise((resolve, reject) => {
    const socket = create(Socket, protocols, options);
    const giveUp = (error: UpstreamError): void => {
      reject(error);
      socket.terminate();
    };
    const onAbort = (): void => giveUp(abortError(signal, where));
    const takeBack = setTimer(() => {
      giveUp(new UpstreamError('down', `${where} cannot be reached: no connection within ${timeoutMs} ms.`));
    }, timeoutMs);
    const settle = (): void => {
      takeBack();
      signal.removeEventListener('abort', onAbort);
    };
    signal.addEventListener('abort', onAbort);
    socket.once('upgrade', ({ headers }) => {
      answered.subprotocol = headers['sec-websocket-protocol'] === undefined ? 'none' : 'some';
    });
    socket.once('unexpected-response', (_request, { statusCode: status = 0, headers }) => {
      options.onRefused?.(status, headers);
      giveUp(statusError({ status, headers }, where));
    });
    // It stays for good: an error without a listener would end the process.
    socket.on('error', (error) => {
      settle();
      reject(socketError(error, where));
    });
    socket.once('open', () => {
      settle();
      socket.pause();
      resolve(socket);
    });
    if (signal.aborted) onAbort();
  });
}

/** Why a connection is given up. */
export function abortError({ reason }: AbortSignal, where: string): UpstreamError {
  if (reason instanceof UpstreamError) return reason;
  return new UpstreamError('down', `The connection to ${where} is not wanted any more.`);
}

/** Throws `UpstreamError`: what is configured may be no text for a header. */
function create(Socket: typeof WebSocket, protocols: string[], options: DialOptions): WebSocket {
  const address = new URL(options.url);
  address.hash = '';
  try {
    return new Socket(address, protocols, clientOptions(options));
  } catch (error) {
    throw socketError(error as Error, whereOf(options.url));
  }
}

function clientOptions({ url, headers, tls, env, maxMessageBytes, timeoutMs, signal }: DialOptions): ClientOptions {
  const proxy = proxyFor(url, env);
  // It is handed to Node as it is; of one member the types of `ws` have another idea.
  const trust: object = tls ?? {};
  const sent = Object.entries(headers).filter(([name]) => !RESERVED.test(name));
  // Its types do not know the time to close, nor that what is left over goes to `http.request`.
  const options: ClientOptions & { closeTimeout: number; maxHeaderSize: number } = {
    headers: Object.fromEntries(sent),
    perMessageDeflate: false,
    followRedirects: false,
    maxPayload: maxMessageBytes,
    maxHeaderSize: MAX_HEADER_BYTES,
    closeTimeout: CLOSE_MS,
    ...trust,
  };
  if (proxy === undefined) return options;
  return { ...options, createConnection: throughProxy(proxy, url, tls, { timeoutMs, signal }) };
}

type CreateConnection = NonNullable<ClientOptions['createConnection']>;

function throughProxy(
  proxy: URL,
  url: URL,
  tls: TlsRules | undefined,
  limits: { readonly timeoutMs: number; readonly signal: AbortSignal },
): CreateConnection {
  const isSecure = url.protocol === 'wss:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const target = `${url.hostname}:${url.port === '' ? (isSecure ? 443 : 80) : url.port}`;
  return ((_options: object, onCreated: (error: Error | null, socket?: Duplex) => void) => {
    openTunnel(proxy, target, limits).then(
      (socket) => {
        const servername = isIP(host) === 0 ? { servername: host } : {};
        onCreated(null, isSecure ? connectTls({ ...tls, socket, host, ...servername }) : socket);
      },
      (error: Error) => onCreated(error),
    );
  }) as unknown as CreateConnection;
}

/** What an error of a WebSocket means. */
export function socketError(error: Error, where: string): UpstreamError {
  if (error instanceof UpstreamError) return error;
  const { code } = error as { code?: unknown };
  const name = typeof code === 'string' ? code : '';
  if (name === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') {
    return new UpstreamError('too_large', `${where} sent a message over the limit, and was cut off.`, { cause: error });
  }
  if (name.startsWith('WS_ERR_') || name.startsWith('HPE_')) {
    const text = `${where} does not speak WebSocket as it should: ${error.message}.`;
    return new UpstreamError('protocol', text, { cause: error });
  }
  const untrusted = tlsProblem(error);
  if (untrusted !== undefined) {
    return new UpstreamError('down', `${where} is not trusted: ${untrusted}`, { cause: error });
  }
  const detail = name === '' || error.message.includes(name) ? error.message : `${error.message} (${name})`;
  const advice = 'Check the URL and that the server is running.';
  return new UpstreamError('down', `${where} cannot be reached, or broke off: ${detail}. ${advice}`, { cause: error });
}
