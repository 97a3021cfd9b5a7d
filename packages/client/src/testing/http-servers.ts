/**
 * For tests: servers over HTTP on a free loopback port that do as a test says, and what a leg to them is told. Nothing of
 * the package imports it.
 */

import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonObject, JsonRpcNotification, JsonRpcRequest } from '@sallyport/wire';
import type { HttpOptions } from '../http/options.ts';
import type { UpstreamError } from '../leg.ts';
import { Inbox } from './inbox.ts';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  /** The message of a POST. */
  readonly message: JsonObject;
}

export type Handle = (request: Received, response: http.ServerResponse) => void;

export interface TestServer {
  readonly url: URL;
  readonly received: Inbox<Received>;
}

export function json(
  response: http.ServerResponse,
  message: unknown,
  status = 200,
  headers: http.OutgoingHttpHeaders = {},
): void {
  const body = typeof message === 'string' ? message : JSON.stringify(message);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

export function sse(response: http.ServerResponse, ...messages: readonly unknown[]): http.ServerResponse {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  for (const message of messages) {
    response.write(typeof message === 'string' ? message : `event: message\ndata: ${JSON.stringify(message)}\n\n`);
  }
  return response;
}

export const ok = (id: unknown, result: JsonObject = {}): JsonObject => ({ jsonrpc: '2.0', id: id as number, result });
export const bad = (id: unknown, code: number, message: string, data?: JsonObject): JsonObject => ({
  jsonrpc: '2.0',
  id: id as number,
  error: { code, message, ...(data && { data }) },
});

interface Guarded {
  /** True: it has answered, as a server that wants a token does. */
  readonly refuse?: (request: Received, response: http.ServerResponse) => boolean;
}

export interface SessionScript extends Guarded {
  readonly capabilities?: JsonObject;
  readonly call?: Handle;
  readonly get?: Handle;
  readonly other?: Handle;
}

export interface StatelessScript extends Guarded {
  readonly capabilities?: JsonObject;
  readonly versions?: readonly string[];
  readonly call?: Handle;
  readonly listen?: Handle;
}

export interface HttpServers {
  readonly serve: (handle: Handle) => Promise<TestServer>;
  /** A server of the session era that does as it should, but for what a test says. */
  readonly sessionServer: (script: SessionScript) => Promise<TestServer>;
  readonly statelessServer: (script: StatelessScript) => Promise<TestServer>;
  /** Destroys it at the end. */
  readonly kept: <T extends { destroy(): void }>(leg: T) => T;
  /** Also at the end, before what was there before. */
  readonly onEnd: (cleanup: () => Promise<void> | void) => void;
  /** Ends all. */
  readonly end: () => Promise<void>;
}

export function createHttpServers(): HttpServers {
  const cleanups: Array<() => Promise<void> | void> = [];
  const serve = async (handle: Handle): Promise<TestServer> => {
    const received = new Inbox<Received>();
    const server = http.createServer((request, response) => {
      void receive(request).then((one) => {
        received.push(one);
        handle(one, response);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => closeServer(server));
    return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp?key=hidden`), received };
  };
  return {
    serve,
    sessionServer: (script) => serve(guarded(script, sessionHandle(script))),
    statelessServer: (script) => serve(guarded(script, statelessHandle(script))),
    kept: (leg) => {
      cleanups.push(() => leg.destroy());
      return leg;
    },
    onEnd: (cleanup) => void cleanups.push(cleanup),
    end: async () => {
      for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
    },
  };
}

/** At once: connections are cut. */
export function closeServer(server: http.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function receive(request: http.IncomingMessage): Promise<Received> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString();
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    headers: request.headers,
    message: text === '' ? {} : (JSON.parse(text) as JsonObject),
  };
}

function guarded({ refuse }: Guarded, handle: Handle): Handle {
  return (request, response) => {
    if (refuse?.(request, response) !== true) handle(request, response);
  };
}

function sessionHandle({ capabilities = { tools: {} }, call, get, other }: SessionScript): Handle {
  let sessions = 0;
  return (request, response) => {
    const { message, method } = request;
    if (method === 'GET') return get === undefined ? response.writeHead(405).end() : get(request, response);
    if (method === 'DELETE') return response.writeHead(200).end();
    if (message['method'] === 'initialize') {
      sessions++;
      const result = {
        protocolVersion: '2025-06-18',
        capabilities,
        serverInfo: { name: 's' },
        instructions: 'Be kind.',
      };
      return json(response, ok(message['id'], result), 200, { 'mcp-session-id': `session-${sessions}` });
    }
    if (message['method'] === 'tools/call' && call !== undefined) return call(request, response);
    if (message['method'] !== undefined && message['id'] !== undefined && other !== undefined)
      return other(request, response);
    return response.writeHead(202).end();
  };
}

function statelessHandle(script: StatelessScript): Handle {
  const { capabilities = { tools: {} }, versions = ['2026-07-28'], call, listen } = script;
  return (request, response) => {
    const { message } = request;
    const meta = { 'io.modelcontextprotocol/serverInfo': { name: 'm' } };
    if (message['method'] === 'server/discover') {
      const result = { resultType: 'complete', supportedVersions: [...versions], capabilities, _meta: meta };
      return json(response, ok(message['id'], result));
    }
    if (message['method'] === 'subscriptions/listen' && listen !== undefined) return listen(request, response);
    if (message['method'] === 'tools/call' && call !== undefined) return call(request, response);
    return json(response, bad(message['id'], -32601, 'Unknown'), 404);
  };
}

export interface Bench {
  readonly options: HttpOptions;
  readonly notifications: Inbox<JsonRpcNotification>;
  readonly unattributed: Inbox<JsonRpcRequest>;
  readonly downs: Inbox<UpstreamError>;
  readonly logs: Inbox<string>;
}

export function bench(url: URL, more: Partial<HttpOptions> = {}): Bench {
  const notifications = new Inbox<JsonRpcNotification>();
  const unattributed = new Inbox<JsonRpcRequest>();
  const downs = new Inbox<UpstreamError>();
  const logs = new Inbox<string>();
  const options: HttpOptions = {
    url,
    headers: { authorization: 'Bearer upstream' },
    env: {},
    clientInfo: { name: 'test', version: '1' },
    clientCapabilities: { sampling: {} },
    connectTimeoutMs: 5000,
    maxMessageBytes: 1 << 20,
    now: () => performance.now(),
    events: {
      onNotification: (message) => notifications.push(message),
      onUnattributed: (message) => {
        unattributed.push(message);
        return { error: { code: -32603, message: 'nobody' } };
      },
      onDown: (error) => downs.push(error),
      log: (level, text, detail) => logs.push(`${level} ${text} ${JSON.stringify(detail ?? {})}`),
    },
    ...more,
  };
  return { options, notifications, unattributed, downs, logs };
}

export const isCall = ({ message }: Received): boolean => message['method'] === 'tools/call';
export const isMethod =
  (method: string) =>
  ({ message }: Received): boolean =>
    message['method'] === method;
export const isGet = ({ method }: Received): boolean => method === 'GET';
