/** What the generator needs of a transport, and the handshake and lists that are the same on all of them. */

import { lastMessage } from './check.ts';

export type Era = 'session' | 'stateless';

export const SESSION_REVISION = '2025-11-25';
export const STATELESS_REVISION = '2026-07-28';

/** What came back for one request. `status` is 0 when nothing did. */
export interface Reply {
  readonly status: number;
  readonly parts: readonly Buffer[];
  readonly bytes: number;
  readonly isStream: boolean;
  readonly error?: string;
}

export interface Connection {
  /** Connects, and in the session era greets. */
  open(): Promise<void>;
  /** Sends a request that is already written. `name` is the tool's, for the headers. */
  send(id: number, method: string, name: string | undefined, body: string, done: (reply: Reply) => void): void;
  close(): void;
}

export interface ToolList {
  readonly names: readonly string[];
  /** Length of the reply. */
  readonly bytes: number;
}

const META = 'io.modelcontextprotocol/';
const CLIENT = { name: 'bench', version: '1.0.0' };

/** What every request of a stateless client says of itself; nothing in the session era. */
export function envelope(era: Era): object {
  if (era === 'session') return {};
  return {
    _meta: {
      [`${META}protocolVersion`]: STATELESS_REVISION,
      [`${META}clientInfo`]: CLIENT,
      [`${META}clientCapabilities`]: {},
    },
  };
}

export const GREETING: object = { protocolVersion: SESSION_REVISION, capabilities: {}, clientInfo: CLIENT };

export const FAILED: Reply = { status: 0, parts: [], bytes: 0, isStream: false };

function replyText(reply: Reply): string {
  return Buffer.concat(reply.parts).toString();
}

/** Sends one request and parses its answer. Rejects on errors, and after `timeoutMs`. */
export async function ask(
  connection: Connection,
  call: { readonly id: number; readonly method: string; readonly params: object; readonly timeoutMs: number },
): Promise<{ readonly result: Record<string, unknown>; readonly bytes: number }> {
  const { id, method, params, timeoutMs } = call;
  const reply = await new Promise<Reply>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${method}: no answer in ${timeoutMs} ms`)), timeoutMs);
    connection.send(id, method, undefined, JSON.stringify({ jsonrpc: '2.0', id, method, params }), (got) => {
      clearTimeout(timer);
      resolve(got);
    });
  });
  const text = replyText(reply);
  if (reply.status !== 200) {
    throw new Error(`${method}: status ${reply.status} ${reply.error ?? text.slice(0, 200)}`);
  }
  const message = JSON.parse((reply.isStream ? lastMessage(text) : text) ?? 'null') as {
    readonly result?: Record<string, unknown>;
  } | null;
  if (message?.result === undefined) throw new Error(`${method}: ${text.slice(0, 200)}`);
  return { result: message.result, bytes: reply.bytes };
}

/** All tools, page by page. */
export async function listTools(connection: Connection, era: Era, id: number, timeoutMs: number): Promise<ToolList> {
  const names: string[] = [];
  let bytes = 0;
  for (let cursor: unknown; ;) {
    const params = { ...(cursor !== undefined && { cursor }), ...envelope(era) };
    const page = await ask(connection, { id, method: 'tools/list', params, timeoutMs });
    const { tools, nextCursor } = page.result as { tools: readonly { name: string }[]; nextCursor?: string };
    names.push(...tools.map((tool) => tool.name));
    bytes += page.bytes;
    if (nextCursor === undefined) return { names, bytes };
    cursor = nextCursor;
  }
}

/** How a gateway shows the tool: by its own name, or behind a prefix (`up__echo`). */
export function shownName(names: readonly string[], tool: string): string | undefined {
  return names.find((name) => name === tool) ?? names.find((name) => new RegExp(`[^a-z]${tool}$`).test(name));
}

/** Of either end of a message as much as can hold its id. */
const EDGE = 512;

/** The id that a message answers, wherever its writer put it. */
export function answeredId(message: Buffer): number {
  const { length } = message;
  const edges = message.toString('latin1', 0, EDGE) + message.toString('latin1', Math.max(0, length - EDGE));
  return Number(/"id":(\d+)[,}]/.exec(edges)?.[1]);
}
