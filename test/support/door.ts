/** A door of `@sallyport/server` on a free loopback port, and a raw client that is as rude as a test wants it. */
import { connect, type Socket } from 'node:net';
import {
  createListener,
  createShield,
  LISTENER_LIMITS,
  McpEndpoint,
  preparedResult,
  SESSION_LIMITS,
  SessionTable,
  type Answer,
  type Exchange,
  type Listener,
  type ListenerLimits,
  type Principal,
  type Served,
  type Session,
  type SessionLimits,
} from '@sallyport/server';
import { MESSAGE_LIMITS, wireError } from '@sallyport/wire';

export interface DoorOptions {
  readonly handle?: (exchange: Exchange) => Promise<Answer>;
  readonly served?: Partial<Served>;
  readonly limits?: Partial<ListenerLimits>;
  readonly sessionLimits?: Partial<SessionLimits>;
  readonly maxBodyBytes?: number;
  readonly resumeMs?: number;
  readonly origins?: readonly string[];
}

export interface TestDoor {
  readonly port: number;
  readonly listener: Listener;
  readonly endpoint: McpEndpoint;
  readonly sessions: SessionTable;
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
  const calls: Exchange[] = [];
  const opened: Session[] = [];
  const told: string[] = [];
  const served: Served = {
    describe: () => ({ info: { name: 'test', version: '1' }, capabilities: {}, instructions: undefined }),
    handle: (exchange) => {
      calls.push(exchange);
      return options.handle?.(exchange) ?? Promise.resolve(preparedResult('{"ok":true}'));
    },
    notified: (message) => void told.push(message.method),
    sessionOpened: (session) => void opened.push(session),
    sessionClosed: () => {},
    ...options.served,
  };
  const sessions = new SessionTable(
    { ...SESSION_LIMITS, ...options.sessionLimits },
    { opened: (session) => served.sessionOpened(session), closed: (session) => served.sessionClosed(session) },
    () => clock.nowMs,
  );
  const common = { sessions, served, messageLimits: MESSAGE_LIMITS, resumeMs: options.resumeMs ?? 60_000 };
  const maxBodyBytes = options.maxBodyBytes ?? 64 * 1024;
  const endpoint = new McpEndpoint({ ...common, endpoint: '/mcp', maxBodyBytes });
  const other = new McpEndpoint({ ...common, endpoint: '/mcp/v/other', maxBodyBytes });
  const listener = createListener({
    shield: createShield({
      host: '127.0.0.1',
      hosts: [],
      origins: options.origins ?? [],
      publicUrl: undefined,
      trustProxy: [],
    }),
    authenticate: ({ authorization }) =>
      PRINCIPALS.get(authorization ?? '') ?? {
        error: wireError('unauthenticated'),
        headers: { 'www-authenticate': 'Bearer' },
      },
    endpoint: (path) => (path === '/mcp' ? endpoint : path === '/mcp/v/other' ? other : undefined),
    isMcpPath: (path) => path === '/mcp' || path.startsWith('/mcp/'),
    routes: {
      '/healthz': { hostExempt: true, handle: (_request, response) => void response.end('up') },
      '/known': { hostExempt: false, handle: (_request, response) => void response.end('known') },
      '/broken': {
        hostExempt: false,
        handle: () => {
          throw new Error('secret detail');
        },
      },
    },
    limits: { ...LISTENER_LIMITS, ...options.limits },
    onSweep: () => {},
  });
  const { port } = await listener.listen('127.0.0.1', 0);
  const request: TestDoor['request'] = async (method, target, headers = {}, body) => {
    const client = await RawClient.connect(port);
    client.request(method, target, headers, body);
    const response = await client.response();
    client.destroy();
    return response;
  };
  return {
    ...{ port, listener, endpoint, sessions, calls, opened, told, clock, request },
    sweep: () => endpoint.sweep(clock.nowMs),
    connect: () => RawClient.connect(port),
    post: (body, headers) => request('POST', '/mcp', { ...JSON_HEADERS, ...headers }, body),
    initialize: async (revision = '2025-11-25', key = 'alice') => {
      const response = await request(
        'POST',
        '/mcp',
        { ...JSON_HEADERS, authorization: `Bearer ${key}` },
        hello(revision),
      );
      return response.headers['mcp-session-id'] ?? `none: ${response.status} ${response.body}`;
    },
    close: async () => {
      sessions.close();
      await listener.close(0);
    },
  };
}

export const JSON_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};

export function hello(revision: string): string {
  const params = { protocolVersion: revision, capabilities: {}, clientInfo: { name: 'raw', version: '1' } };
  return JSON.stringify({ jsonrpc: '2.0', id: 'hello', method: 'initialize', params });
}

export const STATELESS_META = {
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

export interface RawResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export class RawClient {
  readonly socket: Socket;
  /** Resolves when the connection is gone, however it went. */
  readonly closed: Promise<void>;
  received = '';
  #over = false;
  #waiting: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1');
      this.#wake();
    });
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#over = true;
        this.#wake();
        resolve();
      });
    });
  }

  static connect(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('error', reject);
      socket.once('connect', () => resolve(new RawClient(socket)));
    });
  }

  request(method: string, target: string, headers: Readonly<Record<string, string>> = {}, body?: string): void {
    const all: Record<string, string> = { host: '127.0.0.1', authorization: 'Bearer alice', ...headers };
    if (body !== undefined) all['content-length'] ??= String(Buffer.byteLength(body));
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    this.socket.write(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n${body ?? ''}`);
  }

  post(body: string, headers: Readonly<Record<string, string>> = {}): void {
    this.request('POST', '/mcp', { ...JSON_HEADERS, ...headers }, body);
  }

  /** Resolves when what was received passes the test. Rejects when the connection ends before. */
  async until<T>(test: (received: string) => T | undefined): Promise<T> {
    for (;;) {
      const found = test(this.received);
      if (found !== undefined && found !== false) return found;
      if (this.#over) throw new Error(`The connection ended after: ${this.received.slice(0, 500)}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** The next whole response with a Content-Length (or without a body); it is taken off what was received. */
  async response(): Promise<RawResponse> {
    const [response, length] = await this.until(parseResponse);
    this.received = this.received.slice(length);
    return response;
  }

  /** The data of the events received so far, of a response that is a stream. */
  events(): { id: string | undefined; data: string }[] {
    const body = dechunk(this.received.slice(this.received.indexOf('\r\n\r\n') + 4));
    return body
      .split('\n\n')
      .slice(0, -1)
      .filter((event) => !event.startsWith(':'))
      .map((event) => ({ id: /^id: (.*)$/m.exec(event)?.[1], data: /^data: (.*)$/m.exec(event)?.[1] ?? '' }));
  }

  /** Resolves with the events when there are so many. */
  untilEvents(count: number): Promise<{ id: string | undefined; data: string }[]> {
    return this.until(() => (this.events().length >= count ? this.events() : undefined));
  }

  destroy(): void {
    this.socket.destroy();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

function parseResponse(text: string): [RawResponse, number] | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines)
    headers[line.slice(0, line.indexOf(':')).toLowerCase()] = line.slice(line.indexOf(':') + 1).trim();
  const start = end + 4;
  const length = Number(headers['content-length'] ?? 0);
  if (headers['transfer-encoding'] === 'chunked') {
    const last = text.indexOf('\r\n0\r\n\r\n', start - 2);
    if (last === -1) return undefined;
    const body = Buffer.from(dechunk(text.slice(start)), 'latin1').toString('utf8');
    return [{ status: Number(first.split(' ')[1]), headers, body }, last + 7];
  }
  if (text.length < start + length) return undefined;
  const body = Buffer.from(text.slice(start, start + length), 'latin1').toString('utf8');
  return [{ status: Number(first.split(' ')[1]), headers, body }, start + length];
}

function dechunk(text: string): string {
  let body = '';
  let at = 0;
  for (;;) {
    const line = text.indexOf('\r\n', at);
    const size = line === -1 ? 0 : Number.parseInt(text.slice(at, line), 16);
    if (!(size > 0)) return body;
    body += text.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
  }
}
