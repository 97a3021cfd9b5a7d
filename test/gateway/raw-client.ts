/** MCP over HTTP by hand: what is sent and what arrives is text, so that tests see bytes. Both eras. */
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createInbox } from '../support/inbox.ts';
import type { Inbox } from '../support/inbox.ts';

export interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: Record<string, unknown> };
}

/** One message as it came. */
export interface Arrived {
  readonly text: string;
  readonly message: Message;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Everything that came, oldest first; ended when the response has. */
  readonly messages: Inbox<Arrived>;
  /** The last message, once the response has ended. */
  readonly last: Promise<Arrived>;
  /** Goes away without waiting. */
  abort(): void;
}

const JSON_HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

function arrived(text: string): Arrived {
  return { text, message: JSON.parse(text) as Message };
}

function readBody(response: IncomingMessage, messages: Inbox<Arrived>): void {
  const isStream = response.headers['content-type'] === 'text/event-stream';
  let text = '';
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    text += chunk;
    if (!isStream) return;
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const data = text
        .slice(0, end)
        .split('\n')
        .flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []))
        .join('\n');
      text = text.slice(end + 2);
      if (data !== '') messages.push(arrived(data));
    }
  });
  response.on('end', () => {
    if (!isStream && text !== '') messages.push(arrived(text));
    messages.end('the response has ended');
  });
  response.on('error', (error) => messages.end(error.message));
}

/** Sends a body; resolves when the head of the response is there. */
export function send(
  url: string,
  body: string | undefined,
  headers: Readonly<Record<string, string>>,
  method = 'POST',
): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const outgoing = request(url, { method, headers: { ...JSON_HEADERS, ...headers }, agent: false });
  outgoing.on('error', reject);
  outgoing.on('response', (response) => {
    const messages = createInbox<Arrived>();
    const ended = Promise.withResolvers<Arrived>();
    ended.promise.catch(() => undefined);
    response.on('close', () => {
      const last = messages.items.at(-1);
      if (last === undefined) ended.reject(new Error(`nothing came (${response.statusCode})`));
      else ended.resolve(last);
    });
    readBody(response, messages);
    resolve({
      status: response.statusCode ?? 0,
      headers: response.headers,
      messages,
      last: ended.promise,
      abort: () => outgoing.destroy(),
    });
  });
  outgoing.end(body);
  return promise;
}

export interface CallOptions {
  readonly id?: string | number;
  readonly meta?: Record<string, unknown>;
  readonly headers?: Readonly<Record<string, string>>;
}

const NAMED: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/cancel': 'taskId',
  'tasks/update': 'taskId',
};

/** The headers of a stateless request. */
export function statelessHeaders(method: string, params: Record<string, unknown>): Record<string, string> {
  const name = params[NAMED[method] ?? ''];
  return {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    ...(typeof name === 'string' && { 'mcp-name': name }),
  };
}

export interface RawClient {
  readonly era: 'session' | 'stateless';
  /** Sends a request and gives its reply as it comes. */
  start(method: string, params?: Record<string, unknown>, options?: CallOptions): Promise<Reply>;
  /** Sends a request and waits for its answer. */
  call(method: string, params?: Record<string, unknown>, options?: CallOptions): Promise<Message>;
}

export interface RawSession extends RawClient {
  readonly id: string;
  readonly headers: Record<string, string>;
  /** A notification, or an answer to a request of the server. */
  tell(message: object): Promise<number>;
  /** The session's own stream. */
  listen(): Promise<Reply>;
  end(): Promise<number>;
}

function clientOf(
  era: RawClient['era'],
  start: (method: string, params: Record<string, unknown>, options: CallOptions) => Promise<Reply>,
): RawClient {
  return {
    era,
    start: (method, params = {}, options = {}) => start(method, params, options),
    call: async (method, params = {}, options = {}) => (await (await start(method, params, options)).last).message,
  };
}

/** Opens a session; `capabilities` are the client's. */
export async function openSession(
  url: string,
  capabilities: Record<string, unknown> = {},
  more: Readonly<Record<string, string>> = {},
): Promise<RawSession> {
  const params = { protocolVersion: '2025-11-25', capabilities, clientInfo: { name: 'raw', version: '1' } };
  const opened = await send(url, JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params }), more);
  const id = opened.headers['mcp-session-id'];
  if (typeof id !== 'string') throw new Error(`no session: ${(await opened.last).text}`);
  await opened.last;
  const headers = { ...more, 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' };
  const tell = async (message: object): Promise<number> => {
    const reply = await send(url, JSON.stringify({ jsonrpc: '2.0', ...message }), headers);
    return reply.status;
  };
  await tell({ method: 'notifications/initialized' });
  let next = 0;
  const client = clientOf('session', (method, given, options) => {
    const meta = options.meta === undefined ? {} : { _meta: options.meta };
    const body = { jsonrpc: '2.0', id: options.id ?? ++next, method, params: { ...given, ...meta } };
    return send(url, JSON.stringify(body), { ...headers, ...options.headers });
  });
  return {
    ...client,
    id,
    headers,
    tell,
    listen: () => send(url, undefined, { ...headers, accept: 'text/event-stream' }, 'GET'),
    end: async () => (await send(url, undefined, headers, 'DELETE')).status,
  };
}

export const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
} as const;

/** A stateless client. */
export function stateless(
  url: string,
  capabilities: Record<string, unknown> = {},
  more: Readonly<Record<string, string>> = {},
): RawClient {
  let next = 0;
  return clientOf('stateless', (method, given, options) => {
    const meta = { ...ENVELOPE, 'io.modelcontextprotocol/clientCapabilities': capabilities, ...options.meta };
    const body = { jsonrpc: '2.0', id: options.id ?? ++next, method, params: { ...given, _meta: meta } };
    return send(url, JSON.stringify(body), { ...more, ...statelessHeaders(method, given), ...options.headers });
  });
}

/** The text of a tool's first content block. */
export function textOf(message: Message): string {
  const [block] = (message.result?.['content'] ?? []) as { text?: string }[];
  return block?.text ?? JSON.stringify(message);
}
