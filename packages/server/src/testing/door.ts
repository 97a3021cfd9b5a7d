/**
 * For tests: a listener with an endpoint on a free loopback port, two principals, and what they may send. Nothing of
 * the package imports it.
 */

import { MESSAGE_LIMITS, wireError, type ErrorKey, type MessageLimits } from '@sallyport/wire';
import { CONNECTIONS_PER_PRINCIPAL, createSeats, type Seats } from '../connection/seats.ts';
import { ConnectionTable, type ConnectionTableOptions } from '../connection/table.ts';
import { preparedResult, type Answer, type Exchange, type Principal, type Served, type Session } from '../exchange.ts';
import type { Authenticate } from '../auth/authenticate.ts';
import type { Place, PublicRoute } from '../http/arrival.ts';
import { LISTENER_LIMITS, type ListenerLimits } from '../http/listener-options.ts';
import { createListener } from '../http/listener.ts';
import type { Listener } from '../http/listener-options.ts';
import { McpEndpoint, type McpEndpointOptions } from '../http/mcp-endpoint.ts';
import { createShield } from '../http/shield.ts';
import { createSseDoor } from '../http/sse.ts';
import type { TlsOptions } from '../http/tls-options.ts';
import { createWebSocketDoor } from '../http/web-socket.ts';
import { SESSION_LIMITS, SessionTable, type SessionLimits } from '../sessions.ts';
import { JSON_HEADERS, RawClient, type RawResponse } from './raw-client.ts';

export interface DoorOptions {
  readonly handle?: (exchange: Exchange) => Promise<Answer>;
  readonly served?: Partial<Served>;
  readonly limits?: Partial<ListenerLimits>;
  readonly sessionLimits?: Partial<SessionLimits>;
  readonly maxBodyBytes?: number;
  readonly resumeMs?: number;
  readonly origins?: readonly string[];
  readonly trustProxy?: readonly string[];
  readonly tls?: TlsOptions;
  readonly maxPerPrincipal?: number;
  readonly onRefused?: (reason: ErrorKey) => void;
  /** Told of every place that is asked for, by whom. */
  readonly onPlace?: (path: string, principal: Principal | undefined) => void;
  /** What is not there, for whom, and since when; tests change it. */
  readonly without?: { edition: number; readonly gone: Set<string> };
  /** WebSockets are served, and the transport of 2024-11-05. */
  readonly connections?: Partial<ConnectionTableOptions>;
  readonly authenticate?: Authenticate;
  readonly localOf?: McpEndpointOptions['localOf'];
}

export interface TestDoor {
  readonly port: number;
  readonly listener: Listener;
  readonly endpoint: McpEndpoint;
  readonly sessions: SessionTable;
  readonly connections: ConnectionTable;
  readonly seats: Seats;
  /** Every call that arrived. */
  readonly calls: Exchange[];
  readonly opened: Session[];
  readonly told: string[];
  /** The clock of sessions; tests move it. */
  readonly clock: { nowMs: number };
  sweep(): void;
  connect(): Promise<RawClient>;
  /** One POST on a connection of its own. */
  post(body: string, headers?: Readonly<Record<string, string>>): Promise<RawResponse>;
  request(
    method: string,
    target: string,
    headers?: Readonly<Record<string, string>>,
    body?: string,
  ): Promise<RawResponse>;
  /** Opens a session and gives its id. */
  initialize(revision?: string, key?: string): Promise<string>;
  close(): Promise<void>;
}

/** `Bearer alice` and `Bearer bob` are keys. */
const PRINCIPALS: ReadonlyMap<string, Principal> = new Map(
  ['alice', 'bob'].map((subject) => [`Bearer ${subject}`, { issuer: 'test', subject, roles: [] }]),
);

export async function openDoor(options: DoorOptions = {}): Promise<TestDoor> {
  const clock = { nowMs: 1_000_000 };
  const seen: Seen = { calls: [], opened: [], told: [] };
  const served = servedFor(options, seen);
  const sessions = sessionsOf(options, served, clock);
  const { resumeMs = 60_000, maxBodyBytes = 64 * 1024, localOf } = options;
  const seats = createSeats(options.maxPerPrincipal ?? CONNECTIONS_PER_PRINCIPAL);
  const limits = { maxBodyBytes, messageLimits: MESSAGE_LIMITS };
  const locals = localOf && { localOf };
  const endpoint = new McpEndpoint({ ...limits, ...locals, served, sessions, seats, resumeMs });
  const connections = new ConnectionTable({
    ...locals,
    served,
    messageLimits: MESSAGE_LIMITS,
    seats,
    absoluteMs: SESSION_LIMITS.absoluteMs,
    now: () => clock.nowMs,
    ...options.connections,
  });
  const listener = listenerOf(options, placesOf({ options, endpoint, connections, limits }));
  const { port } = await listener.listen('127.0.0.1', 0);
  const request: TestDoor['request'] = async (method, target, headers = {}, body) => {
    const client = await RawClient.connect(port);
    client.request(method, target, headers, body);
    const response = await client.response();
    client.destroy();
    return response;
  };
  return {
    port,
    listener,
    endpoint,
    sessions,
    connections,
    seats,
    ...seen,
    clock,
    request,
    sweep: () => {
      endpoint.sweep(clock.nowMs);
      connections.sweep();
    },
    connect: () => RawClient.connect(port),
    post: (body, headers) => request('POST', '/mcp', { ...JSON_HEADERS, ...headers }, body),
    initialize: async (revision = '2025-11-25', key = 'alice') => {
      const headers = { ...JSON_HEADERS, authorization: `Bearer ${key}` };
      const response = await request('POST', '/mcp', headers, hello(revision));
      return response.headers['mcp-session-id'] ?? `none: ${response.status} ${response.body}`;
    },
    close: async () => {
      sessions.close();
      connections.close();
      await listener.close(0);
    },
  };
}

function sessionsOf({ sessionLimits }: DoorOptions, served: Served, clock: { readonly nowMs: number }): SessionTable {
  return new SessionTable(
    { ...SESSION_LIMITS, ...sessionLimits },
    {
      opened: (session) => served.sessionOpened(session),
      changed: (session, before) => served.sessionChanged(session, before),
      closed: (session) => served.sessionClosed(session),
    },
    () => clock.nowMs,
  );
}

/** What reached the one who serves. */
interface Seen {
  readonly calls: Exchange[];
  readonly opened: Session[];
  readonly told: string[];
}

function servedFor({ handle, served }: DoorOptions, { calls, opened, told }: Seen): Served {
  return {
    describe: () => ({ info: { name: 'test', version: '1' }, capabilities: {}, instructions: undefined }),
    handle: (exchange) => {
      calls.push(exchange);
      return handle?.(exchange) ?? Promise.resolve(preparedResult('{"ok":true}'));
    },
    notified: (message) => void told.push(message.method),
    sessionOpened: (session) => void opened.push(session),
    sessionChanged: () => {},
    sessionClosed: () => {},
    ...served,
  };
}

interface Doors {
  readonly options: DoorOptions;
  readonly endpoint: McpEndpoint;
  readonly connections: ConnectionTable;
  readonly limits: { readonly maxBodyBytes: number; readonly messageLimits: MessageLimits };
}

/** By path; `/mcp/v/other` has a name for each of its queries. */
function placesOf({ options, endpoint, connections, limits }: Doors): Readonly<Record<string, Place>> {
  const http = { '/mcp': { name: '/mcp', endpoint }, '/mcp/v/other': { name: '/mcp/v/other', endpoint } };
  if (options.connections === undefined) return http;
  const webSocket = createWebSocketDoor({ connections, maxMessageBytes: limits.maxBodyBytes });
  const sse = createSseDoor({ ...limits, connections, messagesPath: '/messages' });
  return {
    '/mcp': { ...http['/mcp'], webSocket },
    '/mcp/v/other': { ...http['/mcp/v/other'], webSocket },
    '/sse': { name: '/sse', endpoint: sse.stream },
    '/messages': { name: '/sse', endpoint: sse.messages },
  };
}

const authenticate: Authenticate = ({ authorization }) =>
  PRINCIPALS.get(authorization ?? '') ?? {
    error: wireError('unauthenticated'),
    headers: { 'www-authenticate': 'Bearer' },
  };

const ROUTES: ReadonlyMap<string, PublicRoute> = new Map<string, PublicRoute>([
  ['/healthz', { hostExempt: true, handle: (_request, response) => void response.end('up') }],
  ['/known', { hostExempt: false, handle: (_request, response) => void response.end('known') }],
  [
    '/page',
    {
      hostExempt: false,
      handle: (_request, response) => {
        response.setHeader('content-security-policy', "default-src 'none'");
        response.setHeader('cache-control', 'max-age=60');
        response.end('page');
      },
    },
  ],
  ['/whoami', { hostExempt: false, handle: (_request, response, client) => void response.end(JSON.stringify(client)) }],
  [
    '/broken',
    {
      hostExempt: false,
      handle: () => {
        throw new Error('secret detail');
      },
    },
  ],
]);

function listenerOf(options: DoorOptions, places: Readonly<Record<string, Place>>): Listener {
  const { origins = [], tls, trustProxy = [] } = options;
  return createListener({
    shield: createShield({ host: '127.0.0.1', hosts: [], origins, publicUrl: undefined, trustProxy, tls }),
    tls,
    authenticate: options.authenticate ?? authenticate,
    ...(options.onRefused && { onRefused: options.onRefused }),
    endpoint: (path, query, principal) => {
      options.onPlace?.(path, principal);
      if (options.without?.gone.has(`${principal.subject} ${path}`) === true) return undefined;
      const place = Object.hasOwn(places, path) ? places[path] : undefined;
      return place === undefined || place.name !== '/mcp/v/other' || query === ''
        ? place
        : { ...place, name: `${place.name}?${query}` };
    },
    edition: () => options.without?.edition,
    opensWebSocket: (path) => Object.hasOwn(places, path) && places[path]?.webSocket !== undefined,
    isMcpPath: (path) => path === '/mcp' || path.startsWith('/mcp/') || path === '/sse' || path === '/messages',
    route: (path) => ROUTES.get(path),
    limits: { ...LISTENER_LIMITS, ...options.limits },
    onSweep: () => {},
  });
}

export function hello(revision: string): string {
  const params = { protocolVersion: revision, capabilities: {}, clientInfo: { name: 'raw', version: '1' } };
  return JSON.stringify({ jsonrpc: '2.0', id: 'hello', method: 'initialize', params });
}

export const STATELESS_META: Readonly<Record<string, unknown>> = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
};

/** A stateless call and the headers that go with it. */
export function stateless(
  id: string | number,
  method: string,
  params: Readonly<Record<string, unknown>> = {},
): [string, Record<string, string>] {
  const body = JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta: STATELESS_META } });
  const name = params['name'];
  return [
    body,
    {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof name === 'string' && { 'mcp-name': name }),
    },
  ];
}

/** The headers of a session's messages. */
export function inSession(id: string, revision = '2025-11-25'): Record<string, string> {
  return { 'mcp-session-id': id, 'mcp-protocol-version': revision };
}

export function call(id: string | number, method = 'tools/call', params: object = { name: 'echo' }): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params });
}

/** Answers `hang` never, `wait` when it is let. */
export function handlers(): { readonly release: () => void; readonly handle: NonNullable<DoorOptions['handle']> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    release: resolve,
    handle: async ({ message }) => {
      if (message.method === 'hang') return await new Promise(() => {});
      if (message.method === 'wait') await promise;
      return preparedResult(`{"method":${JSON.stringify(message.method)}}`);
    },
  };
}
