/**
 * One MCP endpoint: its address, the dispatcher that reaches it, and the three kinds of requests that are sent there.
 * It knows nothing of eras and sessions: the headers are given.
 */

import { unrefTimer, type SetTimer } from '../clock.ts';
import { UpstreamError, type LegEvents } from '../leg.ts';
import type { TlsRules } from '../tls.ts';
import { createDispatcher, type HttpDispatcher } from './dispatcher.ts';
import { Exchange, transportError, type BodyReader } from './exchange.ts';

/** Names and values in turns: undici takes such a list without copying it. */
export type HeaderList = readonly string[];

export interface EndpointOptions {
  readonly url: URL;
  /** Sent to this origin alone; lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Where proxies are named. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly connectTimeoutMs: number;
  /** Without it, the server's certificate must hold for `url`. */
  readonly tls?: TlsRules;
  /** Used instead of one made for `url`. It is not closed here. */
  readonly dispatcher?: HttpDispatcher;
  readonly events: LegEvents;
  readonly setTimer?: SetTimer;
}

/** What a message that needs no answer came to: the status, or why there was none. */
export type Sent = { readonly status: number } | { readonly error: UpstreamError };

export interface Endpoint {
  /** The address for messages: without what may be secret in a URL. */
  readonly where: string;
  /** What every POST of a message carries, the configured headers among it. */
  readonly postHeaders: HeaderList;
  /** What every request to open a stream carries. */
  readonly streamHeaders: HeaderList;
  /** What is configured, as far as it is not the protocol's to say. */
  readonly ownHeaders: HeaderList;
  post(exchange: Exchange, headers: HeaderList, body: string): void;
  get(exchange: Exchange, headers: HeaderList): void;
  /** Sends what is answered by a status alone. Never rejects. */
  tell(method: 'POST' | 'DELETE', headers: HeaderList, body: string | undefined, timeoutMs: number): Promise<Sent>;
  /**
   * Calls once, when there is another token than the one that the server refused last: for streams in the background, which
   * nobody waits for. Returns what takes it back.
   */
  whenAuthorized(open: () => void): () => void;
  /** After the requests under way. */
  close(): Promise<void>;
  destroy(): void;
}

/** What of an uninteresting body is read so that its connection can be used again. */
const DISCARDED_BYTES = 64 * 1024;

export function createEndpoint(options: EndpointOptions): Endpoint {
  const { url, env, connectTimeoutMs, setTimer = unrefTimer } = options;
  const where = url.origin + url.pathname;
  const path = url.pathname + url.search;
  const { origin } = url;
  const dispatcher: HttpDispatcher =
    options.dispatcher ?? createDispatcher(url, env, { connectTimeoutMs, ...(options.tls && { tls: options.tls }) });
  const own = ownHeaders(options.headers, (name) => {
    options.events.log('warn', `The header ${name} is not sent to ${where} as configured: the protocol sets it.`);
  });
  const isOwn = options.dispatcher === undefined;

  const send = (
    exchange: Exchange,
    method: 'POST' | 'GET' | 'DELETE',
    headers: HeaderList,
    body: string | null,
  ): void => {
    dispatcher.dispatch(
      { origin, path, method, headers: headers as string[], body, headersTimeout: 0, bodyTimeout: 0 },
      exchange,
    );
  };
  const tell: Endpoint['tell'] = (method, headers, body, timeoutMs) =>
    new Promise((resolve) => {
      const exchange = new Exchange({
        head: (status) => {
          resolve({ status });
          return discard(
            () => takeBack(),
            () => exchange.abort(),
          );
        },
        fail: (error) => {
          takeBack();
          resolve({ error: transportError(error, where) });
        },
      });
      const takeBack = setTimer(() => {
        exchange.abort();
        resolve({ error: new UpstreamError('timeout', `${where} did not take a message within ${timeoutMs} ms.`) });
      }, timeoutMs);
      send(exchange, method, headers, body ?? null);
    });

  return {
    where,
    ownHeaders: own,
    postHeaders: [...own, 'accept', 'application/json, text/event-stream', 'content-type', 'application/json'],
    streamHeaders: [...own, 'accept', 'text/event-stream'],
    post: (exchange, headers, body) => send(exchange, 'POST', headers, body),
    get: (exchange, headers) => send(exchange, 'GET', headers, null),
    tell,
    whenAuthorized: (open) => dispatcher.whenAuthorized?.(open) ?? (() => undefined),
    close: async () => {
      if (isOwn) await dispatcher.close().catch(() => undefined);
    },
    destroy: () => {
      if (isOwn) void dispatcher.destroy().catch(() => undefined);
    },
  };
}

/** Set here, or what concerns one connection alone. */
const RESERVED: ReadonlySet<string> = new Set([
  'accept',
  'connection',
  'content-length',
  'content-type',
  'expect',
  'keep-alive',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
  'transfer-encoding',
  'upgrade',
]);

function ownHeaders(configured: Readonly<Record<string, string>>, onReserved: (name: string) => void): HeaderList {
  const list: string[] = [];
  for (const [name, value] of Object.entries(configured)) {
    if (RESERVED.has(name)) onReserved(name);
    else list.push(name, value);
  }
  return list;
}

/** Reads a body away, a large one not to its end. */
function discard(onEnd: () => void, abort: () => void): BodyReader {
  let bytes = 0;
  return {
    data: (chunk) => {
      bytes += chunk.length;
      if (bytes <= DISCARDED_BYTES) return;
      onEnd();
      abort();
    },
    end: onEnd,
    fail: onEnd,
  };
}
