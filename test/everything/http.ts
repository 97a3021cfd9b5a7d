/**
 * The everything server's HTTP side: both eras on the one path `/mcp`. The session era has real sessions,
 * with resumable streams (2025-11-25, basic/transports); the stateless era is the SDK's own handler. It
 * binds loopback only and checks Host and Origin; it has no authentication.
 */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { toNodeHandler } from '@modelcontextprotocol/node';
import {
  WebStandardStreamableHTTPServerTransport,
  createMcpHandler,
  hostHeaderValidationResponse,
  isLegacyRequest,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  originValidationResponse,
} from '@modelcontextprotocol/server';
import type { EventStore, JSONRPCMessage, McpHttpHandler } from '@modelcontextprotocol/server';
import { createEverything } from './everything.ts';
import { WATCHED_URI } from './state.ts';
import type { EverythingState } from './state.ts';

/** What a client is told to wait before it resumes a stream. */
const RETRY_MS = 200;

export interface HttpOptions {
  readonly name: string;
  readonly eras: 'session' | 'stateless' | 'both';
  /** 0 for any free port. */
  readonly port: number;
}

export interface HttpEverything {
  readonly url: string;
  close(): Promise<void>;
}

function createEventStore(): EventStore {
  const events: { streamId: string; message: JSONRPCMessage }[] = [];
  return {
    storeEvent: async (streamId, message) => String(events.push({ streamId, message }) - 1),
    getStreamIdForEventId: async (eventId) => events[Number(eventId)]?.streamId,
    replayEventsAfter: async (lastEventId, { send }) => {
      const after = Number(lastEventId);
      const streamId = events[after]?.streamId;
      if (streamId === undefined) throw new Error(`unknown event id ${lastEventId}`);
      for (const [index, event] of events.entries()) {
        const isPriming = Object.keys(event.message).length === 0;
        if (index > after && event.streamId === streamId && !isPriming) await send(String(index), event.message);
      }
      return streamId;
    },
  };
}

type SessionTransport = WebStandardStreamableHTTPServerTransport;
type Sessions = Map<string, SessionTransport>;

/** Serves a request without a session id: `initialize` opens a session, anything else is refused. */
async function serveUnbound(
  state: EverythingState,
  options: HttpOptions,
  sessions: Sessions,
  request: Request,
): Promise<Response> {
  const transport: SessionTransport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    eventStore: createEventStore(),
    retryInterval: RETRY_MS,
    onsessioninitialized: (id) => void sessions.set(id, transport),
    onsessionclosed: (id) => void sessions.delete(id),
  });
  await createEverything(state, { name: options.name, era: 'legacy', connected: true }).connect(transport);
  const response = await transport.handleRequest(request);
  if (transport.sessionId === undefined) await transport.close();
  return response;
}

function rejected(status: number, message: string): Response {
  return Response.json({ jsonrpc: '2.0', error: { code: -32600, message } }, { status });
}

function serveModern(state: EverythingState, options: HttpOptions): McpHttpHandler {
  const handler = createMcpHandler(
    ({ era }) => createEverything(state, { name: options.name, era, connected: false }),
    { legacy: 'reject' },
  );
  state.listeners.add((what) => {
    if (what === 'tools') handler.notify.toolsChanged();
    if (what === 'prompts') handler.notify.promptsChanged();
    if (what === 'resource') handler.notify.resourceUpdated(WATCHED_URI);
  });
  return handler;
}

function createFetch(
  state: EverythingState,
  options: HttpOptions,
  sessions: Sessions,
  modern: McpHttpHandler,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const refused =
      hostHeaderValidationResponse(request, localhostAllowedHostnames()) ??
      originValidationResponse(request, localhostAllowedOrigins());
    if (refused !== undefined) return refused;
    if (new URL(request.url).pathname !== '/mcp') return rejected(404, 'not found: the path is /mcp');
    if (options.eras === 'stateless' || (options.eras === 'both' && !(await isLegacyRequest(request)))) {
      return modern.fetch(request);
    }
    const id = request.headers.get('mcp-session-id');
    if (id === null) return serveUnbound(state, options, sessions, request);
    return sessions.get(id)?.handleRequest(request) ?? rejected(404, 'session not found');
  };
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** Starts listening; rejects when the port is taken. */
export async function serveHttp(state: EverythingState, options: HttpOptions): Promise<HttpEverything> {
  const sessions: Sessions = new Map();
  const modern = serveModern(state, options);
  const handle = toNodeHandler({ fetch: createFetch(state, options, sessions, modern) });
  // node:http types `method` and `url` as possibly undefined; for a request of a server they never are.
  const server = createServer(
    (request, response) =>
      void handle(Object.assign(request, { method: request.method ?? 'GET', url: request.url ?? '/' }), response),
  );
  const port = await listen(server, options.port);
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    close: async () => {
      await modern.close();
      await Promise.all([...sessions.values()].map((transport) => transport.close()));
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
