/**
 * An MCP server by hand, on no SDK, that shows what it was sent and misbehaves on request: over HTTP in this process, or
 * as a program (`node test/gateway/raw-server.ts [--era session|stateless]`) over stdio. Its tools say what they do.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

type Json = Record<string, unknown>;
export type Era = 'session' | 'stateless';

interface Incoming {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Json;
  readonly result?: Json;
  readonly error?: Json;
}

/** Where messages about one request go: its own stream over HTTP, stdout over stdio. */
export interface Wire {
  send(text: string): void;
  /** Over HTTP: breaks the connection. Over stdio: ends the process. */
  destroy(): void;
  /** Over HTTP: the response that nothing has been written to yet. */
  readonly response?: ServerResponse;
}

export interface RawOptions {
  readonly era: Era;
  readonly tools?: readonly Json[];
  readonly prompts?: readonly Json[];
  readonly resources?: readonly Json[];
  readonly templates?: readonly Json[];
  /** Merged into what it declares. */
  readonly capabilities?: Json;
  readonly instructions?: string;
  /** Entries on a page of its lists. */
  readonly pageSize?: number;
  /** Takes a request before anybody else: true when it has been dealt with. */
  readonly before?: (message: Incoming, wire: Wire, text: string) => boolean;
}

const TOOLS = [
  'raw',
  'odd',
  'say',
  'ask',
  'log',
  'progress',
  'hold',
  'held',
  'pid',
  'release',
  'number',
  'big',
  'garbage',
  'crash',
];
const tool = (name: string): Json => ({ name, inputSchema: { type: 'object' } });

/** What `odd` answers with: members, content and numbers that no revision and no double knows. */
export const ODD =
  '{"content":[{"type":"hologram","depth":3,"x":{"y":[1,null]}}],"big":123456789012345678901234567890,"far":1e400,' +
  '"small":-0.0,"unknown":{"k\\u0065y":"\\ud83d\\ude00"},"resultType":"RT"}';

export class RawServer {
  readonly options: RawOptions;
  /** Every message that came, as text. */
  readonly received: string[] = [];
  readonly broadcasts: Set<Wire & { readonly subscriptionId?: string | number }> = new Set();
  readonly #held: Map<string | number, { wire: Wire; name: unknown }> = new Map();
  readonly #asked: Map<string | number, (reply: Incoming) => void> = new Map();
  #nextAsk = 1;
  #isReleasing = false;

  constructor(options: RawOptions) {
    this.options = options;
  }

  /** The messages of a method, parsed. */
  of(method: string): Incoming[] {
    return this.received.map((text) => JSON.parse(text) as Incoming).filter((message) => message.method === method);
  }

  receive(text: string, wire: Wire): void {
    this.received.push(text);
    const message = JSON.parse(text) as Incoming;
    if (message.method === undefined) {
      if (message.id !== undefined) this.#asked.get(message.id)?.(message);
      return;
    }
    if (this.options.before?.(message, wire, text) === true || message.id === undefined) return;
    void this.#request(message as Incoming & { id: string | number; method: string }, wire, text);
  }

  /** Says something to everybody who listens outside of calls. */
  broadcast(method: string, params: Json = {}): void {
    for (const wire of this.broadcasts) {
      const meta =
        wire.subscriptionId === undefined
          ? {}
          : { _meta: { 'io.modelcontextprotocol/subscriptionId': wire.subscriptionId } };
      wire.send(JSON.stringify({ jsonrpc: '2.0', method, params: { ...params, ...meta } }));
    }
  }

  async #request(message: Incoming & { id: string | number; method: string }, wire: Wire, text: string): Promise<void> {
    const { id, method, params = {} } = message;
    const answer = (result: Json): void =>
      wire.send(JSON.stringify({ jsonrpc: '2.0', id, result: { ...this.#complete(), ...result } }));
    const lists: Record<string, [string, readonly Json[]]> = {
      'tools/list': ['tools', this.options.tools ?? TOOLS.map(tool)],
      'prompts/list': ['prompts', this.options.prompts ?? []],
      'resources/list': ['resources', this.options.resources ?? []],
      'resources/templates/list': ['resourceTemplates', this.options.templates ?? []],
    };
    const list = lists[method];
    if (list !== undefined) return answer(this.#page(list, params['cursor']));
    switch (method) {
      case 'initialize':
        return this.options.era === 'session' ? answer(this.#greeting()) : this.#unknown(id, wire);
      case 'server/discover':
        return this.options.era === 'stateless' ? answer(this.#discovery()) : this.#unknown(id, wire);
      case 'ping':
      case 'logging/setLevel':
      case 'resources/subscribe':
      case 'resources/unsubscribe':
        return answer({});
      case 'resources/read':
        return answer({
          contents: [{ uri: params['uri'], text: String(params['uri']) }],
          ttlMs: 0,
          cacheScope: 'private',
        });
      case 'prompts/get':
        return answer({ messages: [{ role: 'user', content: { type: 'text', text: String(params['name']) } }] });
      case 'completion/complete':
        return answer({ completion: { values: [JSON.stringify(params['ref'])] } });
      case 'subscriptions/listen': {
        const listening = { ...wire, send: wire.send.bind(wire), destroy: wire.destroy.bind(wire), subscriptionId: id };
        this.broadcasts.add(listening);
        const meta = { 'io.modelcontextprotocol/subscriptionId': id };
        const acknowledged = { jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged' };
        return wire.send(
          JSON.stringify({ ...acknowledged, params: { _meta: meta, notifications: params['notifications'] } }),
        );
      }
      case 'tools/call':
        return await this.#tool(id, params, wire, text);
      default:
        return this.#unknown(id, wire);
    }
  }

  async #tool(id: string | number, params: Json, wire: Wire, text: string): Promise<void> {
    const args = (params['arguments'] ?? {}) as Json;
    const said = (value: string): void =>
      wire.send(
        JSON.stringify({
          jsonrpc: '2.0',
          id,
          result: { ...this.#complete(), content: [{ type: 'text', text: value }] },
        }),
      );
    const notify = (method: string, more: Json): void =>
      wire.send(JSON.stringify({ jsonrpc: '2.0', method, params: more }));
    switch (params['name']) {
      case 'raw':
        return said(text);
      case 'odd': {
        const result = ODD.replace('RT', this.options.era === 'stateless' ? 'vendor/odd' : 'complete');
        return wire.send(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`);
      }
      case 'say':
        notify(String(args['method']), (args['params'] ?? {}) as Json);
        return said('said');
      case 'ask': {
        const asked = this.#nextAsk++;
        const reply = new Promise<Incoming>((resolve) => this.#asked.set(asked, resolve));
        wire.send(JSON.stringify({ jsonrpc: '2.0', id: asked, method: args['method'], params: args['params'] }));
        return said(JSON.stringify(await reply));
      }
      case 'log':
        for (const level of args['levels'] as string[]) notify('notifications/message', { level, data: `at ${level}` });
        return said('logged');
      case 'progress': {
        const { progressToken } = (params['_meta'] ?? {}) as Json;
        for (let step = 1; step <= Number(args['steps']); step++) {
          if (progressToken !== undefined) notify('notifications/progress', { progressToken, progress: step });
          if (args['ms'] !== undefined) await delay(Number(args['ms']));
        }
        return said('done');
      }
      case 'hold':
        this.#held.set(id, { wire, name: args['name'] });
        return;
      case 'held':
        return said(`${this.#held.size}${this.#isReleasing ? ' and one that releases' : ''}`);
      case 'pid':
        return said(String(process.pid));
      case 'release':
        this.#isReleasing = true;
        await delay(Number(args['ms'] ?? 0));
        for (const [held, { wire: heldWire, name }] of this.#held) {
          const result = { ...this.#complete(), content: [{ type: 'text', text: `released ${String(name)}` }] };
          heldWire.send(JSON.stringify({ jsonrpc: '2.0', id: held, result }));
        }
        this.#held.clear();
        return said('released');
      case 'number':
        await delay(Number(args['ms'] ?? 0));
        return said(String(args['n']));
      case 'big':
        return said('x'.repeat(Number(args['bytes'])));
      case 'garbage':
        return wire.send(String(args['text'] ?? '{"jsonrpc":"2.0",'));
      case 'crash':
        return wire.destroy();
      default:
        return this.#unknown(id, wire);
    }
  }

  #complete(): Json {
    return this.options.era === 'stateless' ? { resultType: 'complete' } : {};
  }

  #page([member, entries]: [string, readonly Json[]], cursor: unknown): Json {
    const size = this.options.pageSize ?? Infinity;
    const from = cursor === undefined ? 0 : Number(cursor);
    const more = from + size < entries.length ? { nextCursor: String(from + size) } : {};
    const caching = this.options.era === 'stateless' ? { ttlMs: 0, cacheScope: 'private' } : {};
    return { [member]: entries.slice(from, from + size), ...more, ...caching };
  }

  #capabilities(): Json {
    const changing = { listChanged: true };
    const { prompts, resources, templates, capabilities } = this.options;
    return {
      tools: changing,
      logging: {},
      ...(prompts !== undefined && { prompts: changing, completions: {} }),
      ...((resources ?? templates) !== undefined && { resources: { ...changing, subscribe: true } }),
      ...capabilities,
    };
  }

  #greeting(): Json {
    const { instructions } = this.options;
    return {
      protocolVersion: '2025-11-25',
      capabilities: this.#capabilities(),
      serverInfo: { name: 'raw', version: '1' },
      ...(instructions !== undefined && { instructions }),
    };
  }

  #discovery(): Json {
    return {
      supportedVersions: ['2026-07-28'],
      capabilities: this.#capabilities(),
      ttlMs: 0,
      cacheScope: 'private',
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'raw', version: '1' } },
    };
  }

  #unknown(id: string | number, wire: Wire): void {
    wire.send(JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32601, message: 'Method not found' } }));
  }
}

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
      if (options.era === 'stateless') return void response.writeHead(405).end();
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
    if (request.method !== 'POST') return void response.writeHead(204).end();
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

function serveStdio(era: Era): void {
  const raw = new RawServer({ era, resources: [{ uri: 'raw://one', name: 'one' }] });
  const wire: Wire = {
    send: (text) => void process.stdout.write(`${text}\n`),
    destroy: () => process.exit(1),
  };
  raw.broadcasts.add(wire);
  createInterface({ input: process.stdin }).on('line', (line) => raw.receive(line, wire));
}

if (process.argv[1] === import.meta.filename) serveStdio(process.argv[2] === 'stateless' ? 'stateless' : 'session');
