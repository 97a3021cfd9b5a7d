/** The server by hand of raw-server.ts over HTTP, in this process. */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RawServer } from './raw-server.ts';
import type { Incoming, RawOptions, Wire } from './raw-server.ts';

/** Becomes a JSON body when the answer comes first, and an event stream else. */
function httpWire(response: ServerResponse, id: unknown): Wire {
  return {
    response,
    destroy: () => response.destroy(),
    send: (text) => {
      if (response.writableEnded || response.destroyed) return;
      const isAnswer = !text.includes('"method"') || /^\{"jsonrpc":"2.0","id":[^,]+,"(?:result|error)"/.test(text);
      if (isAnswer && !response.headersSent) {
        response.writeHead(200, { 'content-type': 'application/json' }).end(text);
        return;
      }
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: ${text}\n\n`);
      if (isAnswer && text.includes(`"id":${JSON.stringify(id)}`)) response.end();
    },
  };
}

export interface RawHttp extends AsyncDisposable {
  readonly url: string;
  readonly server: RawServer;
  /** Headers of the POSTs, with the method of their bodies. */
  /** The responses to requests, oldest first. */
  readonly responses: ServerResponse[];
  readonly posts: { readonly method: string | undefined; readonly headers: IncomingMessage['headers'] }[];
}

/** Serves over HTTP; `intercept` takes a request of the network before MCP does. */
export async function serveRaw(
  options: RawOptions,
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean = () => false,
  port = 0,
): Promise<RawHttp> {
  const raw = new RawServer(options);
  const posts: RawHttp['posts'] = [];
  const responses: ServerResponse[] = [];
  const http = createServer((request, response) => {
    if (intercept(request, response)) return;
    if (request.method === 'GET') {
      if (options.era === 'stateless') {
        response.writeHead(405).end();
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      const wire = {
        send: (text: string) => void response.write(`data: ${text}\n\n`),
        destroy: () => response.destroy(),
      };
      raw.broadcasts.add(wire);
      response.on('close', () => raw.broadcasts.delete(wire));
      return;
    }
    if (request.method !== 'POST') {
      response.writeHead(204).end();
      return;
    }
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const message = JSON.parse(body) as Incoming;
      posts.push({ method: message.method, headers: request.headers });
      if (message.method === 'initialize') response.setHeader('mcp-session-id', 'raw-session');
      if (message.id !== undefined) responses.push(response);
      raw.receive(body, httpWire(response, message.id));
      if (message.id === undefined || message.method === undefined) response.writeHead(202).end();
    });
  });
  await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    server: raw,
    posts,
    responses,
    [Symbol.asyncDispose]: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
