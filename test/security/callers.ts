/**
 * One caller by each way into a gateway, in one shape: a request goes in, the whole answer comes back as text. What is sent
 * is made by hand, so that what is hidden can be asked for all the same.
 */
import { PassThrough } from 'node:stream';
import { createInterface } from 'node:readline';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { WebSocket } from 'ws';
import { openSession, stateless, type Message, type RawClient } from '../gateway/raw-client.ts';
import type { Started } from '../gateway/gateway.ts';
import { createInbox, type Inbox } from '../support/inbox.ts';
import { bearer } from './support.ts';

export interface Caller extends AsyncDisposable {
  /** The answer as it came: a JSON-RPC message. */
  ask(method: string, params?: Record<string, unknown>): Promise<string>;
  /** The channel itself; undefined where each request has its own. */
  readonly channel: { readonly heard: Inbox<Message>; readonly tell: (message: object) => Promise<void> } | undefined;
}

export const WAYS = ['session', 'stateless', 'websocket', 'sse'] as const;
export type Way = (typeof WAYS)[number];

type Open = (url: string, key: string, capabilities: Record<string, unknown>) => Promise<Caller>;

const OPENERS: Readonly<Record<Way, Open>> = {
  session: async (url, key, capabilities) => overHttp(await openSession(url, capabilities, bearer(key))),
  stateless: async (url, key, capabilities) => overHttp(stateless(url, capabilities, bearer(key))),
  websocket: overWebSocket,
  sse: (url, key, capabilities) => overSse(url.replace('/mcp', '/sse'), key, capabilities),
};

/** `path` with its query; the legacy transport has one of its own. */
export function openCaller(
  way: Way,
  { port }: Started,
  key: string,
  path = '/mcp',
  capabilities: Record<string, unknown> = {},
): Promise<Caller> {
  return OPENERS[way](`http://127.0.0.1:${port}${path}`, key, capabilities);
}

/** The user of this machine, over the stdio of the process. */
export async function openStdioCaller(
  { gateway }: Started,
  capabilities: Record<string, unknown> = {},
): Promise<Caller> {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const heard = createInbox<Message>();
  createInterface({ input: output }).on('line', (line) => heard.push(JSON.parse(line) as Message));
  const door = gateway.serveStdio(input, output, process.cwd());
  const tell = async (message: object): Promise<void> => void input.write(`${JSON.stringify(message)}\n`);
  return await overMessages(tell, heard, capabilities, async () => {
    input.end();
    await door.done;
  });
}

function overHttp(client: RawClient): Caller {
  return {
    channel: undefined,
    ask: async (method, params) => (await (await client.start(method, params)).last).text,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function overWebSocket(url: string, key: string, capabilities: Record<string, unknown>): Promise<Caller> {
  const socket = new WebSocket(url.replace('http', 'ws'), { headers: bearer(key) });
  const heard = createInbox<Message>();
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => resolve());
    socket.once('error', reject);
  });
  socket.on('message', (data: Buffer) => heard.push(JSON.parse(data.toString()) as Message));
  socket.on('close', () => heard.end('the socket has closed'));
  const tell = async (message: object): Promise<void> => socket.send(JSON.stringify(message));
  return await overMessages(tell, heard, capabilities, async () => socket.terminate());
}

async function overSse(url: string, key: string, capabilities: Record<string, unknown>): Promise<Caller> {
  const withKey: typeof fetch = (input, init) =>
    fetch(input, { ...init, headers: { ...Object.fromEntries(new Headers(init?.headers)), ...bearer(key) } });
  const transport = new SSEClientTransport(new URL(url), { fetch: withKey, eventSourceInit: { fetch: withKey } });
  const heard = createInbox<Message>();
  transport.onmessage = (message) => heard.push(message as Message);
  await transport.start();
  const tell = (message: object): Promise<void> => transport.send(message as Parameters<typeof transport.send>[0]);
  return await overMessages(tell, heard, capabilities, () => transport.close());
}

/** A session of its own on a channel of messages. */
async function overMessages(
  tell: (message: object) => Promise<void>,
  heard: Inbox<Message>,
  capabilities: Record<string, unknown>,
  close: () => Promise<void>,
): Promise<Caller> {
  let next = 0;
  const ask: Caller['ask'] = async (method, params = {}) => {
    const id = ++next;
    await tell({ jsonrpc: '2.0', id, method, params });
    return JSON.stringify(await heard.until((message) => message.id === id, `the answer to ${method}`));
  };
  const clientInfo = { name: 'caller', version: '1' };
  await ask('initialize', { protocolVersion: '2025-11-25', capabilities, clientInfo });
  await tell({ jsonrpc: '2.0', method: 'notifications/initialized' });
  return { ask, channel: { heard, tell }, [Symbol.asyncDispose]: close };
}

/** An answer without what differs from one to the next: its number and the id in the log. */
export function plain(text: string): string {
  return text.replace(/"id":"[0-9a-f]{12}"/, '"id":"…"').replace(/"id":\d+/, '"id":0');
}
