/**
 * A client in the same process: it speaks to a server through the real protocol, message by message as text, over no transport
 * at all. In the stateless era it answers what a call asks by itself and goes on, as any client does.
 */

import { randomUUID } from 'node:crypto';
import {
  isObject,
  LATEST_SESSION,
  LATEST_STATELESS,
  MESSAGE_LIMITS,
  META_CLIENT_CAPABILITIES,
  META_CLIENT_INFO,
  META_LOG_LEVEL,
  META_PROTOCOL_VERSION,
  type Era,
  type JsonObject,
  type JsonRpcErrorObject,
  type JsonValue,
  type LogLevel,
  type SessionRevision,
} from '@sallyport/wire';
import { Connection } from '../connection/connection.ts';
import type { Principal, Served } from '../exchange.ts';
import type { CallResult } from '../framework/definitions.ts';
import { fakePrincipal } from './principal.ts';

/** Answers a question of the server: the `result`, or it throws and the server gets an error. */
export type AnswerQuestion = (params: JsonObject) => JsonObject | Promise<JsonObject>;

export interface InMemoryOptions {
  /** `fakePrincipal()` when absent. */
  readonly principal?: Principal;
  /** `session` when absent. */
  readonly era?: Era;
  /** Of the session era; the latest when absent. */
  readonly revision?: SessionRevision;
  /** Declared besides those that follow from what answers questions. */
  readonly capabilities?: JsonObject;
  readonly elicit?: AnswerQuestion;
  readonly sample?: AnswerQuestion;
  readonly roots?: AnswerQuestion;
  /** Of every request, in the stateless era. */
  readonly logLevel?: LogLevel;
}

export interface Notice {
  readonly method: string;
  readonly params: JsonObject;
}

export interface RequestOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (params: JsonObject) => void;
  /** Further members of `_meta`. */
  readonly meta?: JsonObject;
}

export interface InMemoryClient {
  readonly era: Era;
  /** What `initialize` or `server/discover` answered. */
  readonly server: JsonObject;
  /** Every notification so far, in order. A test may take out what it has looked at. */
  readonly notices: Notice[];
  /** The first notification of a method that fits, of those so far and to come. */
  untilNotice(method: string, fits?: (params: JsonObject) => boolean): Promise<Notice>;
  /** Any request. Rejects with a `PeerError`. */
  request(method: string, params?: JsonObject, options?: RequestOptions): Promise<JsonObject>;
  /** The same without going on: in the stateless era the answer may be `input_required`. */
  round(method: string, params?: JsonObject, options?: RequestOptions): Promise<JsonObject>;
  notify(method: string, params?: JsonObject): void;
  listTools(): Promise<readonly JsonObject[]>;
  callTool(name: string, args?: JsonObject, options?: RequestOptions): Promise<CallResult>;
  readResource(uri: string): Promise<readonly JsonObject[]>;
  getPrompt(name: string, args?: Readonly<Record<string, string>>): Promise<JsonObject>;
  close(): void;
}

/** The server answered with an error. */
export class PeerError extends Error {
  override readonly name: string = 'PeerError';
  readonly code: number;
  readonly data: JsonValue | undefined;

  constructor({ code, data, message }: JsonRpcErrorObject) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** Rounds of input that a call may take. */
const MAX_ROUNDS = 16;

const QUESTIONS = {
  'elicitation/create': 'elicit',
  'sampling/createMessage': 'sample',
  'roots/list': 'roots',
} as const;

export async function connectInMemory(
  server: { readonly served: Served },
  options: InMemoryOptions = {},
): Promise<InMemoryClient> {
  const client = new Client(server.served, options);
  await client.open();
  return client;
}

interface Waiting {
  readonly resolve: (result: JsonObject) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress: ((params: JsonObject) => void) | undefined;
}

class Client implements InMemoryClient {
  readonly era: Era;
  readonly notices: Notice[] = [];
  server: JsonObject = {};
  readonly #options: InMemoryOptions;
  readonly #connection: Connection;
  readonly #waiting: Map<number, Waiting> = new Map();
  readonly #watchers: Set<(notice: Notice) => void> = new Set();
  readonly #capabilities: JsonObject;
  #nextId = 1;
  #isClosed = false;

  constructor(served: Served, options: InMemoryOptions) {
    this.#options = options;
    this.era = options.era ?? 'session';
    this.#capabilities = {
      ...(options.elicit && { elicitation: { form: {}, url: {} } }),
      ...(options.sample && { sampling: {} }),
      ...(options.roots && { roots: {} }),
      ...options.capabilities,
    };
    this.#connection = new Connection({
      channel: {
        // Later, as from any other side: who sends is not called in the midst of it.
        send: (message) => queueMicrotask(() => this.#receive(message.toString())),
        waitingBytes: 0,
        pause: () => {},
        end: () => this.#ended(),
        destroy: () => this.#ended(),
      },
      peer: {
        transport: 'stdio',
        endpoint: 'memory',
        principal: options.principal ?? fakePrincipal(),
        local: () => undefined,
      },
      served,
      messageLimits: MESSAGE_LIMITS,
      sessionId: randomUUID(),
      stateless: true,
      onClosed: () => {},
    });
  }

  async open(): Promise<void> {
    if (this.era === 'stateless') {
      this.server = await this.request('server/discover');
      return;
    }
    const protocolVersion = this.#options.revision ?? LATEST_SESSION;
    this.server = await this.request('initialize', {
      protocolVersion,
      capabilities: this.#capabilities,
      clientInfo: INFO,
    });
    this.notify('notifications/initialized');
  }

  async request(method: string, params: JsonObject = {}, options: RequestOptions = {}): Promise<JsonObject> {
    let result = await this.round(method, params, options);
    for (let round = 0; result['resultType'] === 'input_required'; round++) {
      if (round === MAX_ROUNDS) throw new Error(`${method} asks without an end`);
      const { inputRequests, requestState } = result;
      const inputResponses = await this.#answerAll(isObject(inputRequests) ? inputRequests : {});
      result = await this.round(
        method,
        { ...params, inputResponses, ...(requestState !== undefined && { requestState }) },
        options,
      );
    }
    return result;
  }

  async round(
    method: string,
    params: JsonObject = {},
    { meta = {}, onProgress, signal }: RequestOptions = {},
  ): Promise<JsonObject> {
    if (this.#isClosed) throw new Error('The client is closed.');
    signal?.throwIfAborted();
    const id = this.#nextId++;
    const _meta = { ...this.#envelope(), ...meta, ...(onProgress && { progressToken: id }) };
    const { promise, reject, resolve } = Promise.withResolvers<JsonObject>();
    this.#waiting.set(id, { resolve, reject, onProgress });
    const cancel = (): void => {
      this.#waiting.delete(id);
      this.notify('notifications/cancelled', { requestId: id });
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', cancel, { once: true });
    this.#send({ jsonrpc: '2.0', id, method, params: Object.keys(_meta).length === 0 ? params : { ...params, _meta } });
    return await promise.finally(() => signal?.removeEventListener('abort', cancel));
  }

  notify(method: string, params?: JsonObject): void {
    this.#send({ jsonrpc: '2.0', method, ...(params && { params }) });
  }

  async untilNotice(method: string, fits: (params: JsonObject) => boolean = () => true): Promise<Notice> {
    const isIt = (notice: Notice): boolean => notice.method === method && fits(notice.params);
    const known = this.notices.find(isIt);
    if (known !== undefined) return known;
    return await new Promise((resolve) => {
      const watcher = (notice: Notice): void => {
        if (!isIt(notice)) return;
        this.#watchers.delete(watcher);
        resolve(notice);
      };
      this.#watchers.add(watcher);
    });
  }

  /** Of every page. */
  async listTools(): Promise<readonly JsonObject[]> {
    const tools: JsonValue[] = [];
    let cursor: JsonValue | undefined;
    do {
      const page = await this.request('tools/list', cursor === undefined ? {} : { cursor });
      tools.push(...(page['tools'] as JsonValue[]));
      cursor = page['nextCursor'];
    } while (cursor !== undefined);
    return tools as JsonObject[];
  }

  async callTool(name: string, args: JsonObject = {}, options: RequestOptions = {}): Promise<CallResult> {
    return (await this.request('tools/call', { name, arguments: args }, options)) as unknown as CallResult;
  }

  async readResource(uri: string): Promise<readonly JsonObject[]> {
    return (await this.request('resources/read', { uri }))['contents'] as JsonObject[];
  }

  async getPrompt(name: string, args: Readonly<Record<string, string>> = {}): Promise<JsonObject> {
    return await this.request('prompts/get', { name, arguments: { ...args } });
  }

  close(): void {
    this.#connection.destroy();
  }

  #envelope(): JsonObject {
    if (this.era === 'session') return {};
    const { logLevel } = this.#options;
    return {
      [META_PROTOCOL_VERSION]: LATEST_STATELESS,
      [META_CLIENT_CAPABILITIES]: this.#capabilities,
      [META_CLIENT_INFO]: INFO,
      ...(logLevel !== undefined && { [META_LOG_LEVEL]: logLevel }),
    };
  }

  #send(message: JsonObject): void {
    if (!this.#isClosed) this.#connection.receive(JSON.stringify(message));
  }

  #receive(text: string): void {
    const message = JSON.parse(text) as JsonObject;
    const { error, id, method, params, result } = message;
    if (typeof method !== 'string') return this.#answered(id, result, error);
    const given = isObject(params) ? params : {};
    if (id !== undefined) return void this.#asked(id, method, given);
    const notice = { method, params: given };
    this.notices.push(notice);
    const token = method === 'notifications/progress' ? given['progressToken'] : undefined;
    if (typeof token === 'number') this.#waiting.get(token)?.onProgress?.(given);
    for (const watcher of this.#watchers) watcher(notice);
  }

  #answered(id: JsonValue | undefined, result: JsonValue | undefined, error: JsonValue | undefined): void {
    // What was refused before its id was read.
    if (typeof id !== 'number') return this.#failAll(new PeerError(error as unknown as JsonRpcErrorObject));
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result as JsonObject);
    else waiting?.reject(new PeerError(error as unknown as JsonRpcErrorObject));
  }

  async #asked(id: JsonValue, method: string, params: JsonObject): Promise<void> {
    try {
      this.#send({ jsonrpc: '2.0', id, result: await this.#answerOne(method, params) });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#send({ jsonrpc: '2.0', id, error: { code: -32603, message } });
    }
  }

  async #answerAll(requests: JsonObject): Promise<JsonObject> {
    const answers = Object.entries(requests).map(async ([key, request]) => {
      const { method, params } = request as JsonObject;
      return [key, await this.#answerOne(method as string, isObject(params) ? params : {})] as const;
    });
    return Object.fromEntries(await Promise.all(answers));
  }

  async #answerOne(method: string, params: JsonObject): Promise<JsonObject> {
    const answer = Object.hasOwn(QUESTIONS, method)
      ? this.#options[QUESTIONS[method as keyof typeof QUESTIONS]]
      : undefined;
    if (answer === undefined) throw new Error(`The client does not answer ${method}.`);
    return await answer(params);
  }

  #ended(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#failAll(new Error('The connection is closed.'));
  }

  #failAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

const INFO: JsonObject = { name: 'in-memory', version: '1.0.0' };
