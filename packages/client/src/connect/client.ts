/**
 * A client of one MCP server: its lists, its tools, what it says meanwhile. How the connection is kept is in `link.ts`, how
 * one request is made in `call.ts`.
 */

import {
  ERRORS,
  isObject,
  mirrorParams,
  paramHeaders,
  type JsonObject,
  type JsonRpcNotification,
  type LogLevel,
  type ParamHeader,
} from '@sallyport/wire';
import { ask, errorOf } from '../ask.ts';
import { announces, changesOf } from '../changes.ts';
import type { Leg } from '../leg.ts';
import type { Client, ClientEvents, ClientState, ClientStats } from './api.ts';
import { call, listAll, type CallContext, type RequestOptions } from './call.ts';
import { createEmitter, type Emitter } from './emitter.ts';
import { ClientError } from './error.ts';
import type { Inputs } from './inputs.ts';
import type { Link } from './link.ts';
import type { Diagnostic } from './options.ts';
import { createOutputs, type Outputs } from './outputs.ts';
import { tell } from './telling.ts';
import type {
  CallToolResult,
  Completion,
  CompletionReference,
  GetPromptResult,
  Prompt,
  ReadResourceResult,
  Resource,
  ResourceTemplate,
  ServerDescription,
  Tool,
} from './types.ts';

export interface ClientSettings {
  readonly inputs: Inputs;
  readonly hasRoots: boolean;
  /** Milliseconds. */
  readonly timeoutMs: number;
  readonly maxMs: number;
  /** Milliseconds, monotonic. */
  readonly monotonic: () => number;
  readonly onDiagnostic: (diagnostic: Diagnostic) => void;
}

/** A list of the protocol: its method, the member of its result, and what every element must have. */
interface List {
  readonly method: string;
  readonly key: string;
  readonly capability: 'tools' | 'prompts' | 'resources';
  readonly id: string;
}

const TOOLS: List = { method: 'tools/list', key: 'tools', capability: 'tools', id: 'name' };
const PROMPTS: List = { method: 'prompts/list', key: 'prompts', capability: 'prompts', id: 'name' };
const RESOURCES: List = { method: 'resources/list', key: 'resources', capability: 'resources', id: 'uri' };
const TEMPLATES: List = {
  method: 'resources/templates/list',
  key: 'resourceTemplates',
  capability: 'resources',
  id: 'uriTemplate',
};

/** Its link is put in by `connect.ts`: each needs the other. */
export class LinkedClient implements Client {
  readonly #settings: ClientSettings;
  readonly #link: Link;
  readonly #emitter: Emitter<ClientEvents>;
  readonly #subscribed = new Set<string>();
  /** By tools: the arguments that go into headers too. */
  readonly #mirrored = new Map<string, readonly ParamHeader[]>();
  readonly #outputs: Outputs = createOutputs((text) => this.#warn(text));
  readonly #counts = { reached: 0, requests: 0, underWay: 0, failed: 0, notifications: 0 };
  #logLevel: LogLevel | undefined;
  #server: ServerDescription | undefined;

  constructor(settings: ClientSettings, linkTo: (client: LinkedClient) => Link) {
    this.#settings = settings;
    this.#emitter = createEmitter((error) => this.#warn(`A listener failed: ${String(error)}`));
    this.#link = linkTo(this);
  }

  get state(): ClientState {
    return this.#link.state;
  }

  get server(): ServerDescription {
    const { leg } = this.#link;
    if (leg !== undefined) this.#server = describe(leg);
    if (this.#server === undefined) throw new ClientError('unavailable', 'The server has not been reached yet.');
    return this.#server;
  }

  stats(): ClientStats {
    return { ...this.#counts };
  }

  on<Name extends keyof ClientEvents>(name: Name, listener: (event: ClientEvents[Name]) => void): () => void {
    return this.#emitter.on(name, listener);
  }

  async listTools(options: RequestOptions = {}): Promise<readonly Tool[]> {
    return this.#use((leg) => this.#listTools(leg, options), options.signal);
  }

  listResources(options?: RequestOptions): Promise<readonly Resource[]> {
    return this.#list<Resource>(RESOURCES, options);
  }

  listResourceTemplates(options?: RequestOptions): Promise<readonly ResourceTemplate[]> {
    return this.#list<ResourceTemplate>(TEMPLATES, options);
  }

  listPrompts(options?: RequestOptions): Promise<readonly Prompt[]> {
    return this.#list<Prompt>(PROMPTS, options);
  }

  async callTool(name: string, args: JsonObject = {}, options: RequestOptions = {}): Promise<CallToolResult> {
    const result = await this.#use(async (leg) => {
      try {
        return await this.#callTool(leg, name, args, options);
      } catch (error) {
        // The server refused it before it looked at it, since a definition is another than it was.
        if (!this.#mirrors(leg) || errorOf(error)?.code !== ERRORS.header_mismatch.code) throw error;
        await this.#listTools(leg, options);
        return this.#callTool(leg, name, args, options);
      }
    }, options.signal);
    checkArray(result, 'tools/call', 'content');
    this.#outputs.check(name, result);
    return result as unknown as CallToolResult;
  }

  async readResource(uri: string, options?: RequestOptions): Promise<ReadResourceResult> {
    const result = await this.request('resources/read', { uri }, options);
    return checkArray(result, 'resources/read', 'contents') as unknown as ReadResourceResult;
  }

  async getPrompt(
    name: string,
    args?: Readonly<Record<string, string>>,
    options?: RequestOptions,
  ): Promise<GetPromptResult> {
    const params = { name, ...(args !== undefined && { arguments: args }) };
    const result = await this.request('prompts/get', params, options);
    return checkArray(result, 'prompts/get', 'messages') as unknown as GetPromptResult;
  }

  async complete(
    reference: CompletionReference,
    argument: { readonly name: string; readonly value: string },
    options: RequestOptions & { readonly context?: Readonly<Record<string, string>> } = {},
  ): Promise<Completion> {
    const context = options.context && { context: { arguments: options.context } };
    const params = { ref: { ...reference }, argument: { ...argument }, ...context };
    const { completion } = await this.request('completion/complete', params, options);
    return checkArray(isObject(completion) ? completion : {}, 'completion/complete', 'values') as unknown as Completion;
  }

  async subscribe(uri: string, options: RequestOptions = {}): Promise<void> {
    await this.#use(async (leg) => {
      this.#checkAnnounced(announces(leg.server.capabilities, 'resources', 'subscribe'), 'subscriptions');
      if (leg.era === 'session') await this.#send(leg, 'resources/subscribe', { uri }, options);
      this.#subscribed.add(uri);
      leg.setSubscriptions([...this.#subscribed]);
    }, options.signal);
  }

  async unsubscribe(uri: string, options: RequestOptions = {}): Promise<void> {
    if (!this.#subscribed.delete(uri)) return;
    await this.#use(async (leg) => leg.setSubscriptions([...this.#subscribed]), options.signal);
  }

  async setLogLevel(level: LogLevel, options: RequestOptions = {}): Promise<void> {
    await this.#use(async (leg) => {
      this.#checkAnnounced(isObject(leg.server.capabilities['logging']), 'log messages');
      if (leg.era === 'session') await this.#send(leg, 'logging/setLevel', { level }, options);
      this.#logLevel = level;
    }, options.signal);
  }

  rootsChanged(): void {
    const { leg } = this.#link;
    if (this.#settings.hasRoots && leg?.era === 'session') leg.notify('notifications/roots/list_changed');
  }

  async ping(options: RequestOptions = {}): Promise<void> {
    const methodOf = ({ era }: Leg): string => (era === 'session' ? 'ping' : 'server/discover');
    await this.#use((leg) => this.#send(leg, methodOf(leg), undefined, options), options.signal);
  }

  request(method: string, params?: JsonObject, options: RequestOptions = {}): Promise<JsonObject> {
    return this.#use((leg) => this.#send(leg, method, params, options), options.signal);
  }

  async close(): Promise<void> {
    await this.#link.close();
    this.#settings.inputs.destroy();
  }

  destroy(): void {
    this.#settings.inputs.destroy();
    this.#link.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Resolves when the server is reached. Rejects with `ClientError`. */
  async start(signal?: AbortSignal): Promise<void> {
    await this.#link.use(async () => undefined, signal);
  }

  async #use<T>(act: (leg: Leg) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const counts = this.#counts;
    counts.requests++;
    counts.underWay++;
    try {
      return await this.#link.use(act, signal);
    } catch (error) {
      counts.failed++;
      throw error;
    } finally {
      counts.underWay--;
    }
  }

  onState(state: ClientState, error: ClientError | undefined): void {
    this.#emitter.emit('state', { state, error });
  }

  onNotification(message: JsonRpcNotification): void {
    this.#counts.notifications++;
    this.#tell(message);
  }

  #tell(message: JsonRpcNotification): void {
    if (message.method === 'notifications/tools/list_changed') this.#outputs.forget();
    if (message.method === 'notifications/cancelled') this.#settings.inputs.takeBack(message.params?.['requestId']);
    else tell(this.#emitter, message);
  }

  onUp(leg: Leg, isAgain: boolean): void {
    this.#counts.reached++;
    this.#server = describe(leg);
    this.#mirrored.clear();
    this.#outputs.forget();
    if (this.#subscribed.size > 0) leg.setSubscriptions([...this.#subscribed]);
    const level = this.#logLevel;
    if (level !== undefined && leg.era === 'session') {
      ask(leg, 'logging/setLevel', { level }, { timeoutMs: this.#settings.timeoutMs }).catch((error: unknown) =>
        this.#warn(`The server did not take the level of log messages again: ${String(error)}`),
      );
    }
    if (isAgain) for (const message of changesOf(leg.server.capabilities)) this.#tell(message);
  }

  get #context(): CallContext {
    const { inputs, timeoutMs, maxMs, monotonic: now } = this.#settings;
    const hear = (message: JsonRpcNotification): void => this.onNotification(message);
    const alive = (): void => this.#link.alive();
    return { inputs, hear, alive, logLevel: this.#logLevel, timeoutMs, maxMs, now };
  }

  #send(leg: Leg, method: string, params: JsonObject | undefined, options: RequestOptions): Promise<JsonObject> {
    return call(leg, { method, params }, this.#context, options);
  }

  #callTool(leg: Leg, name: string, args: JsonObject, options: RequestOptions): Promise<JsonObject> {
    const declared = this.#mirrors(leg) ? this.#mirrored.get(name) : undefined;
    const params = { name, arguments: args };
    const headers = declared && { paramHeaders: mirrorParams(declared, args) };
    return call(leg, { method: 'tools/call', params, ...headers }, this.#context, options);
  }

  /** Over HTTP the stateless era has arguments in headers (2026-07-28, tools, x-mcp-header). */
  #mirrors(leg: Leg): boolean {
    return this.#link.kind === 'http' && leg.era === 'stateless';
  }

  async #listTools(leg: Leg, options: RequestOptions): Promise<readonly Tool[]> {
    const tools = await this.#listOn<Tool>(leg, TOOLS, options);
    this.#outputs.learn(tools);
    if (!this.#mirrors(leg)) return tools;
    this.#mirrored.clear();
    return tools.filter(({ name, inputSchema }) => {
      const read = paramHeaders(inputSchema);
      if (!read.valid) this.#warn(`The tool ${JSON.stringify(name)} is left out: ${read.reason}.`);
      else if (read.declarations.length > 0) this.#mirrored.set(name, read.declarations);
      return read.valid;
    });
  }

  #list<T>(list: List, options: RequestOptions = {}): Promise<readonly T[]> {
    return this.#use((leg) => this.#listOn<T>(leg, list, options), options.signal);
  }

  async #listOn<T>(leg: Leg, list: List, options: RequestOptions): Promise<readonly T[]> {
    if (!isObject(leg.server.capabilities[list.capability])) return [];
    const { items } = await listAll(leg, list, this.#context, options);
    const good = items.filter((item) => isObject(item) && typeof item[list.id] === 'string');
    if (good.length < items.length) this.#warn(`${items.length - good.length} elements of ${list.method} are none.`);
    return good as unknown as readonly T[];
  }

  #checkAnnounced(isAnnounced: boolean, what: string): void {
    if (!isAnnounced) throw new ClientError('unsupported', `The server has no ${what}.`);
  }

  #warn(text: string): void {
    this.#settings.onDiagnostic({ level: 'warn', text, detail: undefined });
  }
}

function describe({ era, revision, server: { info, capabilities, instructions } }: Leg): ServerDescription {
  const { name, version, title } = info;
  return {
    name: typeof name === 'string' ? name : '',
    version: typeof version === 'string' ? version : '',
    title: typeof title === 'string' ? title : undefined,
    instructions,
    capabilities,
    era,
    revision,
  };
}

/** What a server answers is looked at no further than that an application can walk through it. */
function checkArray(result: JsonObject, method: string, key: string): JsonObject {
  if (Array.isArray(result[key])) return result;
  throw new ClientError('protocol', `The result of ${method} has no array "${key}".`);
}
