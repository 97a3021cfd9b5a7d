/**
 * An MCP server by hand, on no SDK, that shows what it was sent and misbehaves on request: over HTTP in a test's process (raw-http.ts), or
 * as a program (`node test/gateway/raw-server.ts [--era session|stateless]`) over stdio. Its tools say what they do.
 */
import type { ServerResponse } from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

type Json = Record<string, unknown>;
export type Era = 'session' | 'stateless';

export interface Incoming {
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
const definition = (name: string): Json => ({ name, inputSchema: { type: 'object' } });

/** What `odd` answers with: members, content and numbers that no revision and no double knows. */
export const ODD =
  '{"content":[{"type":"hologram","depth":3,"x":{"y":[1,null]}}],"big":123456789012345678901234567890,"far":1e400,' +
  '"small":-0.0,"unknown":{"k\\u0065y":"\\ud83d\\ude00"},"resultType":"RT"}';

interface ToolCall {
  readonly id: string | number;
  readonly params: Json;
  readonly args: Json;
  readonly wire: Wire;
  /** The whole request, as it came. */
  readonly text: string;
}

type Tool = (call: ToolCall) => string | void | Promise<string>;

function argumentsOf(params: Json): Json {
  return (params['arguments'] ?? {}) as Json;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function notify(wire: Wire, method: string, params: Json): void {
  wire.send(JSON.stringify({ jsonrpc: '2.0', method, params }));
}

export class RawServer {
  readonly options: RawOptions;
  /** Every message that came, as text. */
  readonly received: string[] = [];
  readonly broadcasts: Set<Wire & { readonly subscriptionId?: string | number }> = new Set();
  readonly #held: Map<string | number, { wire: Wire; name: string }> = new Map();
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
      'tools/list': ['tools', this.options.tools ?? TOOLS.map(definition)],
      'prompts/list': ['prompts', this.options.prompts ?? []],
      'resources/list': ['resources', this.options.resources ?? []],
      'resources/templates/list': ['resourceTemplates', this.options.templates ?? []],
    };
    const list = lists[method];
    if (list !== undefined) return answer(this.#page(list, params['cursor']));
    if (method === 'tools/call') return await this.#tool({ id, params, args: argumentsOf(params), wire, text });
    if (method === 'subscriptions/listen') return this.#listen(id, params, wire);
    const result = this.#answer(method, params);
    if (result === undefined) this.#unknown(id, wire);
    else answer(result);
  }

  #answer(method: string, params: Json): Json | undefined {
    switch (method) {
      case 'initialize':
        return this.options.era === 'session' ? this.#greeting() : undefined;
      case 'server/discover':
        return this.options.era === 'stateless' ? this.#discovery() : undefined;
      case 'ping':
      case 'logging/setLevel':
      case 'resources/subscribe':
      case 'resources/unsubscribe':
        return {};
      case 'resources/read':
        return { contents: [{ uri: params['uri'], text: 'read' }], ttlMs: 0, cacheScope: 'private' };
      case 'prompts/get':
        return { messages: [{ role: 'user', content: { type: 'text', text: 'got' } }] };
      case 'completion/complete':
        return { completion: { values: [JSON.stringify(params['ref'])] } };
      default:
        return undefined;
    }
  }

  #listen(subscriptionId: string | number, params: Json, wire: Wire): void {
    this.broadcasts.add({ send: (text) => wire.send(text), destroy: () => wire.destroy(), subscriptionId });
    const meta = { 'io.modelcontextprotocol/subscriptionId': subscriptionId };
    notify(wire, 'notifications/subscriptions/acknowledged', { _meta: meta, notifications: params['notifications'] });
  }

  async #tool(call: ToolCall): Promise<void> {
    const tool = this.#tools[String(call.params['name'])];
    if (tool === undefined) return this.#unknown(call.id, call.wire);
    const said = await tool(call);
    if (said !== undefined) call.wire.send(this.#result(call.id, said));
  }

  #result(id: string | number, text: string): string {
    const result = { ...this.#complete(), content: [{ type: 'text', text }] };
    return JSON.stringify({ jsonrpc: '2.0', id, result });
  }

  /** What a tool says is its result; without it, it has answered by itself or does not. */
  readonly #tools: Readonly<Record<string, Tool>> = {
    raw: ({ text }) => text,
    odd: ({ id, wire }) => {
      const result = ODD.replace('RT', this.options.era === 'stateless' ? 'vendor/odd' : 'complete');
      wire.send(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`);
    },
    say: ({ args, wire }) => {
      notify(wire, textOf(args['method']), argumentsOf({ arguments: args['params'] }));
      return 'said';
    },
    ask: async ({ args, wire }) => {
      const asked = this.#nextAsk++;
      const reply = new Promise<Incoming>((resolve) => this.#asked.set(asked, resolve));
      wire.send(JSON.stringify({ jsonrpc: '2.0', id: asked, method: args['method'], params: args['params'] }));
      return JSON.stringify(await reply);
    },
    log: ({ args, wire }) => {
      for (const level of args['levels'] as string[]) notify(wire, 'notifications/message', { level, data: level });
      return 'logged';
    },
    progress: async ({ params, args, wire }) => {
      const { progressToken } = argumentsOf({ arguments: params['_meta'] });
      for (let progress = 1; progress <= Number(args['steps']); progress++) {
        if (progressToken !== undefined) notify(wire, 'notifications/progress', { progressToken, progress });
        if (args['ms'] !== undefined) await delay(Number(args['ms']));
      }
      return 'done';
    },
    hold: ({ id, args, wire }) => void this.#held.set(id, { wire, name: textOf(args['name']) }),
    held: () => `${this.#held.size}${this.#isReleasing ? ' and one that releases' : ''}`,
    release: async ({ args }) => {
      this.#isReleasing = true;
      await delay(Number(args['ms'] ?? 0));
      for (const [id, { wire, name }] of this.#held) wire.send(this.#result(id, `released ${name}`));
      this.#held.clear();
      return 'released';
    },
    pid: () => String(process.pid),
    number: async ({ args }) => {
      await delay(Number(args['ms'] ?? 0));
      return textOf(args['n']);
    },
    big: ({ args }) => 'x'.repeat(Number(args['bytes'])),
    garbage: ({ args, wire }) => wire.send(args['text'] === undefined ? '{"jsonrpc":"2.0",' : textOf(args['text'])),
    crash: ({ wire }) => wire.destroy(),
  };

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
