/**
 * The reference server as a process: `node server.ts --port N [--tools N] [--sse]` or `node server.ts --stdio [--tools N]`.
 * Every path is an MCP endpoint, so that one process can stand for many servers.
 */

import { randomUUID } from 'node:crypto';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import { parseArgs } from 'node:util';
import {
  createProtocol,
  headerMismatch,
  STATELESS_REVISION,
  type Message,
  type Protocol,
  type Reply,
} from './protocol.ts';

const EVENT_START = Buffer.from('event: message\ndata: ');
const EVENT_END = Buffer.from('\n\n');
const KEEP_ALIVE_MS = 60_000;

function asEvent(body: readonly Buffer[]): Buffer {
  return Buffer.concat([EVENT_START, ...body, EVENT_END]);
}

function send(response: ServerResponse, reply: Reply, sse: boolean, sessions: Set<string>): void {
  const headers: Record<string, string | number> = {};
  if (reply.greets === true) {
    const id = randomUUID();
    sessions.add(id);
    headers['mcp-session-id'] = id;
  }
  if (reply.stays === true || (sse && reply.status === 200 && reply.body.length > 0)) {
    headers['content-type'] = 'text/event-stream';
    headers['cache-control'] = 'no-cache';
    response.writeHead(reply.status, headers);
    response.write(asEvent(reply.body));
    if (reply.stays !== true) response.end();
    return;
  }
  if (reply.body.length > 0) headers['content-type'] = 'application/json';
  const [only] = reply.body;
  const body = reply.body.length === 1 && only !== undefined ? only : Buffer.concat(reply.body);
  headers['content-length'] = body.length;
  response.writeHead(reply.status, headers);
  response.end(body);
}

function refusal(status: number, message: string): Reply {
  return { status, body: [Buffer.from(JSON.stringify({ jsonrpc: '2.0', error: { code: -32600, message } }))] };
}

function answer(protocol: Protocol, request: IncomingMessage, text: string, sessions: Set<string>): Reply {
  const message = JSON.parse(text) as Message;
  const { headers } = request;
  if (headers['mcp-protocol-version'] === STATELESS_REVISION) {
    const wrong = headerMismatch(headers, message);
    if (wrong !== undefined) return refusal(400, `Header and body differ: ${wrong}`);
  } else {
    const session = headers['mcp-session-id'];
    if (session !== undefined && !sessions.has(String(session))) return refusal(404, 'Session not found');
  }
  return protocol.handle(message);
}

function serveHttp(protocol: Protocol, port: number, sse: boolean): void {
  const sessions = new Set<string>();
  const server = http.createServer((request, response) => {
    if (request.method !== 'POST') {
      request.resume();
      if (request.method === 'DELETE') sessions.delete(String(request.headers['mcp-session-id']));
      response.writeHead(request.method === 'DELETE' ? 200 : 405).end();
      return;
    }
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      send(response, answer(protocol, request, Buffer.concat(parts).toString(), sessions), sse, sessions);
    });
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.listen({ port, host: '127.0.0.1', backlog: 2048 });
}

/** Replies of one turn of the event loop leave in one write. */
function serveStdio(protocol: Protocol): void {
  let rest = '';
  let waiting: Buffer[] = [];
  const flush = (): void => {
    process.stdout.write(Buffer.concat(waiting));
    waiting = [];
  };
  process.stdin.setEncoding('utf8');
  process.stdin.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const { body } = protocol.handle(JSON.parse(line) as Message);
      if (body.length === 0) continue;
      if (waiting.length === 0) setImmediate(flush);
      waiting.push(...body, EVENT_END.subarray(1));
    }
  });
}

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    tools: { type: 'string', default: '10' },
    sse: { type: 'boolean', default: false },
    stdio: { type: 'boolean', default: false },
  },
});
const protocol = createProtocol({ tools: Number(values.tools) });
if (values.stdio) serveStdio(protocol);
else serveHttp(protocol, Number(values.port), values.sse);
