/**
 * A server of one revision over Streamable HTTP. It refuses what its revision would not take: another version header, no
 * session or an unknown one, headers that do not mirror the body.
 */
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isStateless, sendsVersionHeader } from './revisions.ts';
import type { Revision } from './revisions.ts';
import { RevisionServer } from './server.ts';
import type { Channel } from './server.ts';
import { metaOf } from './wire.ts';
import type { Id, Message } from './wire.ts';

export interface Serving extends AsyncDisposable {
  readonly server: RevisionServer;
  /** What a gateway's configuration says of it. */
  readonly target: Record<string, unknown>;
}

const VERSION = 'io.modelcontextprotocol/protocolVersion';
const NAMED: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'resources/read': 'uri',
  'prompts/get': 'name',
};

/** Why a stateless server refuses a request (2026-07-28, transports). */
function statelessProblem(message: Message, headers: IncomingHttpHeaders): [number, string] | undefined {
  if (message.method === undefined) return [-32600, 'a response'];
  const version = metaOf(message)[VERSION];
  if (version !== '2026-07-28') return [-32022, `version ${String(version)}`];
  if (headers['mcp-protocol-version'] !== version) return [-32020, 'version header'];
  if (headers['mcp-method'] !== message.method) return [-32020, 'method header'];
  const name = NAMED[message.method];
  return name !== undefined && headers['mcp-name'] !== message.params?.[name] ? [-32020, 'name header'] : undefined;
}

/** Why a session-era server of a revision refuses a message (2025-11-25, transports, "Session management"). */
function sessionProblem(
  revision: Revision,
  sessions: ReadonlySet<string>,
  message: Message,
  headers: IncomingHttpHeaders,
): [number, string] | undefined {
  if (message.method === 'initialize') return undefined;
  const version = headers['mcp-protocol-version'];
  const isOther = version !== undefined && version !== revision;
  if (isOther && sendsVersionHeader(revision)) return [-32000, `Bad Request: version ${String(version)}`];
  if (sessions.has(String(headers['mcp-session-id']))) return undefined;
  return [-32000, 'Bad Request: No valid session ID provided'];
}

/** JSON when the answer comes first, an event stream else. */
function replyChannel(response: ServerResponse, { id }: Message): Channel {
  return {
    send: (text, message) => {
      if (response.writableEnded || response.destroyed) return;
      const isAnswer = message.method === undefined && message.id === id;
      if (isAnswer && !response.headersSent) {
        response.writeHead(200, { 'content-type': 'application/json' }).end(text);
        return;
      }
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: ${text}\n\n`);
      if (isAnswer) response.end();
    },
    end: () => {
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end();
    },
  };
}

function openStream(server: RevisionServer, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
  response.on('close', server.attach({ send: (text) => void response.write(`data: ${text}\n\n`) }));
}

function takePost(server: RevisionServer, request: IncomingMessage, response: ServerResponse, text: string): void {
  const message = JSON.parse(text) as Message;
  const { id, method } = message;
  const isRequest = id !== undefined && method !== undefined;
  if (isStateless(server.revision) && isRequest) {
    response.on('close', () => {
      if (!response.writableFinished) server.takenBack(id, 'closed');
    });
  }
  server.receive(text, replyChannel(response, message), request.headers);
  if (!isRequest) response.writeHead(202).end();
}

function refuse(response: ServerResponse, id: Id | undefined, [code, message]: [number, string]): void {
  const body = JSON.stringify({ jsonrpc: '2.0', id: id ?? null, error: { code, message } });
  response.writeHead(400, { 'content-type': 'application/json' }).end(body);
}

function newSession(sessions: Set<string>): string {
  const id = `session-${sessions.size + 1}`;
  sessions.add(id);
  return id;
}

export async function serveHttp(revision: Revision): Promise<Serving> {
  const server = new RevisionServer(revision);
  const sessions = new Set<string>();
  const handle = (request: IncomingMessage, response: ServerResponse, text: string): void => {
    const isPost = request.method === 'POST';
    if (isStateless(revision) && !isPost) return void response.writeHead(405).end();
    const message = isPost ? (JSON.parse(text) as Message) : {};
    const problem = isStateless(revision)
      ? statelessProblem(message, request.headers)
      : sessionProblem(revision, sessions, message, request.headers);
    if (problem !== undefined) {
      if (isPost) server.tape.heard(text, request.headers);
      return refuse(response, message.id, problem);
    }
    if (request.method === 'GET') return openStream(server, response);
    if (request.method === 'DELETE') return void response.writeHead(200).end();
    if (message.method === 'initialize') response.setHeader('mcp-session-id', newSession(sessions));
    takePost(server, request, response, text);
  };
  const http = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (text += chunk));
    request.on('end', () => handle(request, response, text));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    server,
    target: { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp` },
    [Symbol.asyncDispose]: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
