/**
 * Opens the official SDKs' clients, of both lines, over HTTP and stdio: peers that share no code with this
 * project. What the server asks of the client is answered by the handlers given; notifications are kept.
 */
import { Client as Client2, StreamableHTTPClientTransport as Http2 } from '@modelcontextprotocol/client';
import type {
  CreateMessageRequest,
  CreateMessageResult,
  ElicitRequest,
  ElicitResult,
  ListRootsResult,
  Transport as Transport2,
} from '@modelcontextprotocol/client';
import { StdioClientTransport as Stdio2 } from '@modelcontextprotocol/client/stdio';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as Stdio1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as Http1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { createInbox } from './inbox.ts';
import type { Inbox } from './inbox.ts';

/** A program that speaks MCP on its stdin and stdout. */
export interface Program {
  readonly command: string;
  readonly args: string[];
  /** Its environment; without it, the SDK's few safe variables. */
  readonly env?: Record<string, string>;
  readonly cwd?: string;
}

/** An HTTP URL or a program. */
export type Target = string | Program;

/** What the client answers to the server; each one given is also declared as a capability. */
export interface Handlers {
  readonly sampling?: (params: CreateMessageRequest['params']) => CreateMessageResult | Promise<CreateMessageResult>;
  readonly elicitation?: (params: ElicitRequest['params']) => ElicitResult | Promise<ElicitResult>;
  readonly roots?: () => ListRootsResult | Promise<ListRootsResult>;
}

/** Answers whatever is asked, and notes what: the message of an elicitation, or the kind of question. */
export function answering(asked: string[]): Handlers {
  return {
    elicitation: ({ message }) => {
      asked.push(message);
      return { action: 'accept', content: { name: 'Ada', color: 'blue', username: 'ada', email: 'a@b' } };
    },
    sampling: () => {
      asked.push('sampling');
      return { model: 'm', role: 'assistant', content: { type: 'text', text: 'sampled' } };
    },
    roots: () => {
      asked.push('roots');
      return { roots: [{ uri: 'file:///root' }] };
    },
  };
}

export interface OpenOptions {
  /** Sent with every HTTP request; ignored over stdio. */
  readonly headers?: Record<string, string>;
  /** Declared besides what the handlers imply. */
  readonly capabilities?: Record<string, object>;
  readonly handlers?: Handlers;
}

export interface Notice {
  readonly method: string;
  readonly params?: unknown;
}

export interface Opened<C> extends AsyncDisposable {
  readonly client: C;
  /** Notifications that no handler of the client took. */
  readonly notices: Inbox<Notice>;
}

const IDENTITY = { name: 'sallyport-tests', version: '1.0.0' };

function capabilities(options: OpenOptions): Record<string, object> {
  const { sampling, elicitation, roots } = options.handlers ?? {};
  return {
    ...(sampling !== undefined && { sampling: {} }),
    ...(elicitation !== undefined && { elicitation: { form: {} } }),
    ...(roots !== undefined && { roots: { listChanged: true } }),
    ...options.capabilities,
  };
}

function httpOptions(options: OpenOptions): { requestInit: RequestInit } | undefined {
  return options.headers === undefined ? undefined : { requestInit: { headers: options.headers } };
}

/** A client of SDK v1: the session era, up to 2025-11-25. Rejects when the handshake fails. */
export async function openSdk1(target: Target, options: OpenOptions = {}): Promise<Opened<Client1>> {
  const client = new Client1(IDENTITY, { capabilities: capabilities(options) });
  const notices = createInbox<Notice>();
  client.fallbackNotificationHandler = async (notification) => notices.push(notification);
  const { sampling, elicitation, roots } = options.handlers ?? {};
  if (sampling !== undefined) {
    client.setRequestHandler(CreateMessageRequestSchema, ({ params }) =>
      sampling(params as CreateMessageRequest['params']),
    );
  }
  if (elicitation !== undefined) {
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => elicitation(params));
  }
  if (roots !== undefined) client.setRequestHandler(ListRootsRequestSchema, () => roots());
  const transport =
    typeof target === 'string'
      ? new Http1(new URL(target), httpOptions(options))
      : new Stdio1({ ...target, stderr: 'ignore' });
  await client.connect(transport);
  return { client, notices, [Symbol.asyncDispose]: () => client.close() };
}

export interface OpenSdk2Options extends OpenOptions {
  /** `auto` probes for the stateless era first. */
  readonly era: 'session' | 'stateless' | 'auto';
}

const NEGOTIATION = { session: 'legacy', stateless: { pin: '2026-07-28' }, auto: 'auto' } as const;

/** A client of SDK v2 in the era given. Rejects when the server does not speak it. */
export async function openSdk2(target: Target, options: OpenSdk2Options): Promise<Opened<Client2>> {
  const client = new Client2(IDENTITY, {
    capabilities: capabilities(options),
    versionNegotiation: { mode: NEGOTIATION[options.era] },
  });
  const notices = createInbox<Notice>();
  client.fallbackNotificationHandler = async (notification) => notices.push(notification);
  const { sampling, elicitation, roots } = options.handlers ?? {};
  if (sampling !== undefined) client.setRequestHandler('sampling/createMessage', ({ params }) => sampling(params));
  if (elicitation !== undefined) client.setRequestHandler('elicitation/create', ({ params }) => elicitation(params));
  if (roots !== undefined) client.setRequestHandler('roots/list', () => roots());
  const transport: Transport2 =
    typeof target === 'string'
      ? new Http2(new URL(target), httpOptions(options))
      : new Stdio2({ ...target, stderr: 'ignore' });
  await client.connect(transport);
  return { client, notices, [Symbol.asyncDispose]: () => client.close() };
}
