/** For tests: one request as a program makes it, with whatever Host, Origin and credential it likes, and its whole answer. */

import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { JsonValue } from '@sallyport/wire';
import type { Log } from '../log.ts';

export interface Asked {
  /** POST with a body, else GET. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** The authority of the server's certificate. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly localAddress?: string;
  /** Of TLS. */
  readonly maxVersion?: 'TLSv1.2';
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: JsonValue;
}

const JSON_HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

export async function ask(url: string, { body, headers, method, ...tls }: Asked = {}): Promise<Answered> {
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  const all = { ...(body !== undefined && JSON_HEADERS), ...headers };
  const options = { agent: false, method: method ?? (body === undefined ? 'GET' : 'POST'), headers: all, ...tls };
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    send(url, options).once('response', resolve).once('error', reject).end(body);
  });
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  return { status: answer.statusCode ?? 0, headers: answer.headers, text, json: parsed(text) };
}

function parsed(text: string): JsonValue {
  try {
    return JSON.parse(
      text.startsWith('event:') || text.startsWith('id:') ? (/^data: (.+)$/m.exec(text)?.[1] ?? '') : text,
    );
  } catch {
    return null;
  }
}

export const INITIALIZE: string = JSON.stringify({
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
});

/** A request of the stateless era, with the headers that it needs. */
export function stateless(method: string, params: Record<string, JsonValue> = {}): Asked & { readonly body: string } {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const name = params['name'];
  return {
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: meta } }),
    headers: {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof name === 'string' && { 'mcp-name': name }),
    },
  };
}

export function call(name: string, given: Record<string, JsonValue> = {}, headers: Asked['headers'] = {}): Asked {
  const { body, headers: own } = stateless('tools/call', { name, arguments: given });
  return { body, headers: { ...own, ...headers } };
}

/** A log that is kept. */
export function keptLog(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  return { lines, log: (level, text, detail) => lines.push(`${level} ${text} ${JSON.stringify(detail ?? {})}`) };
}
