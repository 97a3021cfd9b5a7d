/**
 * A forwarding proxy on node:http and an undici pool: `node forward.ts --port N --upstream URL --read none|splice|json`.
 * `none` forwards bytes, `splice` cuts the prefix off the tool's name in the request's bytes, `json` parses and writes
 * anew both request and reply. It checks nothing: a yardstick, not a gateway.
 */

import http, { type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import { parseArgs } from 'node:util';
import { Pool, type Dispatcher } from 'undici';

const PREFIX = 'up__';
const NAME_START = Buffer.from(`"name":"${PREFIX}`);
const FORWARDED = ['content-type', 'accept', 'mcp-session-id', 'mcp-protocol-version', 'mcp-method', 'mcp-name'];
const HOP_BY_HOP: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length']);
/** Up to here head and body leave in one write. A larger body must not be corked: 'drain' would never come. */
const CORK_BYTES = 32 * 1024;
const CONNECTIONS = 256;
const KEEP_ALIVE_MS = 60_000;

type Headers = Record<string, string | string[] | undefined>;
type Read = 'none' | 'splice' | 'json';

interface ToolCall {
  readonly method?: string;
  readonly params?: { name?: string };
}

function renamed(body: Buffer, read: Read): Buffer {
  if (read === 'json') {
    const message = JSON.parse(body.toString()) as ToolCall;
    if (message.params?.name?.startsWith(PREFIX)) message.params.name = message.params.name.slice(PREFIX.length);
    return Buffer.from(JSON.stringify(message));
  }
  const at = read === 'splice' ? body.indexOf(NAME_START) : -1;
  if (at < 0) return body;
  const name = at + NAME_START.length;
  return Buffer.concat([body.subarray(0, name - PREFIX.length), body.subarray(name)]);
}

function requestHeaders(all: IncomingMessage['headers'], read: Read): Headers {
  const kept: Headers = {};
  for (const name of FORWARDED) if (all[name] !== undefined) kept[name] = all[name];
  const toolName = kept['mcp-name'];
  if (read !== 'none' && typeof toolName === 'string' && toolName.startsWith(PREFIX)) {
    kept['mcp-name'] = toolName.slice(PREFIX.length);
  }
  return kept;
}

/** Writes the upstream's response straight into the client's. */
class Forward implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse;
  readonly #read: Read;
  #gathered: Buffer[] | undefined;
  #status = 200;
  #headers: OutgoingHttpHeaders = {};

  constructor(response: ServerResponse, read: Read) {
    this.#response = response;
    this.#read = read;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#response.once('close', () => {
      if (!this.#response.writableFinished) controller.abort(new Error('The client went away.'));
    });
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    this.#status = status;
    const length = headers['content-length'];
    for (const name in headers) if (!HOP_BY_HOP.has(name)) this.#headers[name] = headers[name];
    if (this.#read === 'json' && headers['content-type'] === 'application/json') {
      this.#gathered = [];
      return;
    }
    if (typeof length === 'string') this.#headers['content-length'] = length;
    if (Number(length) <= CORK_BYTES) this.#response.cork();
    this.#response.writeHead(status, this.#headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#gathered !== undefined) this.#gathered.push(chunk);
    else if (!this.#response.write(chunk) && this.#response.writableCorked === 0) {
      controller.pause();
      this.#response.once('drain', () => controller.resume());
    }
  }

  onResponseEnd(): void {
    if (this.#gathered === undefined) this.#response.end();
    else {
      const text = Buffer.concat(this.#gathered).toString();
      const body = Buffer.from(text === '' ? '' : JSON.stringify(JSON.parse(text)));
      this.#response.writeHead(this.#status, { ...this.#headers, 'content-length': body.length });
      this.#response.end(body);
    }
    while (this.#response.writableCorked > 0) this.#response.uncork();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#response.headersSent) this.#response.destroy();
    else this.#response.writeHead(502).end(error.message);
  }
}

function serve(port: number, upstream: URL, read: Read): void {
  const pool = new Pool(upstream.origin, { connections: CONNECTIONS, keepAliveTimeout: KEEP_ALIVE_MS });
  const server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
      pool.dispatch(
        {
          path: upstream.pathname,
          method: request.method as Dispatcher.HttpMethod,
          headers: requestHeaders(request.headers, read),
          body: body.length === 0 ? null : renamed(body, read),
        },
        new Forward(response, read),
      );
    });
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.listen({ port, host: '127.0.0.1', backlog: 2048 });
}

const { values } = parseArgs({
  options: { port: { type: 'string' }, upstream: { type: 'string' }, read: { type: 'string', default: 'none' } },
});
serve(Number(values.port), new URL(values.upstream ?? ''), values.read as Read);
