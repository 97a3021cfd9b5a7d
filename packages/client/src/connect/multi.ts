/**
 * Several servers as one: one list of what they offer, under names that do not collide, and calls by those names. A server
 * that is down is left out of the lists and tried again; the others do not notice. It merges nothing but the lists.
 */

import type { JsonObject } from '@sallyport/wire';
import { HASH_LENGTHS, shownName, type Naming } from '../naming.ts';
import type { Client, ClientState } from './api.ts';
import type { RequestOptions } from './call.ts';
import type { LinkedClient } from './client.ts';
import { openClient } from './connect.ts';
import { createEmitter, type Emitter } from './emitter.ts';
import { ClientError } from './error.ts';
import type { ConnectOptions } from './options.ts';
import type { ConnectTarget } from './target.ts';
import type { CallToolResult, GetPromptResult, Prompt, ReadResourceResult, Resource, Tool } from './types.ts';

export interface MultiClientOptions extends ConnectOptions {
  /** Characters of a shown name, 32 at least; a longer one is cut and gets a hash. Default: 64, which all models take. */
  readonly maxNameLength?: number;
}

/** Something of a server. What is called is `name`; for a resource it is `uri`. */
export type Owned<T> = T & {
  /** The name under which the server was added. */
  readonly server: string;
  /** What the server itself calls it. */
  readonly original: string;
};

export interface MultiServer {
  readonly name: string;
  readonly state: ClientState;
  /** Why it is down. */
  readonly error: ClientError | undefined;
}

/** What the servers that answered offer, and why the others did not. */
export interface MergedList<T> {
  readonly items: readonly Owned<T>[];
  readonly failures: readonly { readonly server: string; readonly error: ClientError }[];
}

export interface MultiClientEvents {
  /** A server went up or down, was added or removed. */
  readonly servers: readonly MultiServer[];
  readonly toolsChanged: { readonly server: string };
  readonly promptsChanged: { readonly server: string };
  readonly resourcesChanged: { readonly server: string };
}

/** Methods reject with {@link ClientError}, and with `unknown_name` where no server offers what is called. */
export interface MultiClient extends AsyncDisposable {
  readonly servers: readonly MultiServer[];
  /** For all that is not merged here. */
  client(server: string): Client | undefined;
  on<Name extends keyof MultiClientEvents>(name: Name, listener: (event: MultiClientEvents[Name]) => void): () => void;
  /**
   * Resolves when the server was reached, or was found to be down and is tried again: `servers` says which. `options` go over
   * those of all. Rejects with a TypeError when the name is taken or none, or the target is none.
   */
  addServer(name: string, target: ConnectTarget, options?: ConnectOptions): Promise<MultiServer>;
  /** False when there is none of that name. */
  removeServer(name: string): Promise<boolean>;

  /** In the order in which the servers were added. Names are `server__tool`, shortened where they must be. */
  listTools(options?: RequestOptions): Promise<MergedList<Tool>>;
  listPrompts(options?: RequestOptions): Promise<MergedList<Prompt>>;
  /** URIs stay as they are: of two servers with the same one the first has it. */
  listResources(options?: RequestOptions): Promise<MergedList<Resource>>;
  callTool(name: string, args?: JsonObject, options?: RequestOptions): Promise<CallToolResult>;
  getPrompt(name: string, args?: Readonly<Record<string, string>>, options?: RequestOptions): Promise<GetPromptResult>;
  readResource(uri: string, options?: RequestOptions): Promise<ReadResourceResult>;

  close(): Promise<void>;
  destroy(): void;
}

const MAX_NAME_LENGTH = 64;
const LEAST_NAME_LENGTH = 32;
const MAX_SERVERS = 200;
/** No `__` and none at the end of `_`, so that no two servers and tools have one id; the gateway's rule besides. */
const SERVER_NAME = /^(?!.*__)(?!.*_$)[A-Za-z0-9_-]{1,32}$/;

/** Has no server yet. */
export function createMultiClient(options: MultiClientOptions = {}): MultiClient {
  return new MergingClient(options);
}

interface Member {
  readonly client: LinkedClient;
  error: ClientError | undefined;
}

interface Route {
  readonly server: string;
  readonly original: string;
}

/** A kind of list, and where what is in it was found. */
interface Kind<T> {
  readonly read: (client: Client, options: RequestOptions | undefined) => Promise<readonly T[]>;
  readonly idOf: (item: T) => string;
  readonly isUri: boolean;
  readonly routes: Map<string, Route>;
}

class MergingClient implements MultiClient {
  readonly #options: MultiClientOptions;
  readonly #naming: Naming;
  readonly #members = new Map<string, Member>();
  readonly #emitter: Emitter<MultiClientEvents>;
  readonly #tools: Kind<Tool> = kind(
    (client, options) => client.listTools(options),
    ({ name }) => name,
  );
  readonly #prompts: Kind<Prompt> = kind(
    (client, options) => client.listPrompts(options),
    ({ name }) => name,
  );
  readonly #resources: Kind<Resource> = kind(
    (client, options) => client.listResources(options),
    ({ uri }) => uri,
    true,
  );
  #isClosed = false;

  constructor(options: MultiClientOptions) {
    const { maxNameLength: maxLength = MAX_NAME_LENGTH, onDiagnostic } = options;
    if (!(maxLength >= LEAST_NAME_LENGTH)) throw new TypeError(`maxNameLength is ${LEAST_NAME_LENGTH} or more.`);
    this.#options = options;
    this.#naming = { mode: 'prefixed', maxLength };
    this.#emitter = createEmitter((error) =>
      onDiagnostic?.({ level: 'warn', text: `A listener failed: ${String(error)}`, detail: undefined }),
    );
  }

  get servers(): readonly MultiServer[] {
    return [...this.#members].map(([name, { client, error }]) => ({ name, state: client.state, error }));
  }

  client(server: string): Client | undefined {
    return this.#members.get(server)?.client;
  }

  on<Name extends keyof MultiClientEvents>(name: Name, listener: (event: MultiClientEvents[Name]) => void): () => void {
    return this.#emitter.on(name, listener);
  }

  async addServer(name: string, target: ConnectTarget, options: ConnectOptions = {}): Promise<MultiServer> {
    this.#checkName(name);
    const client = await openClient(target, { ...this.#options, ...options }, undefined, name);
    // Another may have come while its libraries were loaded.
    try {
      this.#checkName(name);
    } catch (error) {
      client.destroy();
      throw error;
    }
    const member: Member = { client, error: undefined };
    this.#members.set(name, member);
    this.#listen(name, member);
    await client.start(options.signal ?? this.#options.signal).catch((error: ClientError) => {
      member.error = error;
    });
    this.#emitter.emit('servers', this.servers);
    return { name, state: client.state, error: member.error };
  }

  async removeServer(name: string): Promise<boolean> {
    const member = this.#members.get(name);
    if (member === undefined) return false;
    this.#members.delete(name);
    for (const { routes } of [this.#tools, this.#prompts, this.#resources]) {
      for (const [shown, { server }] of routes) if (server === name) routes.delete(shown);
    }
    this.#emitter.emit('servers', this.servers);
    await member.client.close();
    return true;
  }

  listTools(options?: RequestOptions): Promise<MergedList<Tool>> {
    return this.#list(this.#tools, options);
  }

  listPrompts(options?: RequestOptions): Promise<MergedList<Prompt>> {
    return this.#list(this.#prompts, options);
  }

  listResources(options?: RequestOptions): Promise<MergedList<Resource>> {
    return this.#list(this.#resources, options);
  }

  async callTool(name: string, args?: JsonObject, options?: RequestOptions): Promise<CallToolResult> {
    const [client, original] = await this.#find(this.#tools, name, options);
    return client.callTool(original, args, options);
  }

  async getPrompt(
    name: string,
    args?: Readonly<Record<string, string>>,
    options?: RequestOptions,
  ): Promise<GetPromptResult> {
    const [client, original] = await this.#find(this.#prompts, name, options);
    return client.getPrompt(original, args, options);
  }

  async readResource(uri: string, options?: RequestOptions): Promise<ReadResourceResult> {
    const [client, original] = await this.#find(this.#resources, uri, options);
    return client.readResource(original, options);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#members.values()].map(({ client }) => client.close()));
  }

  destroy(): void {
    this.#isClosed = true;
    for (const { client } of this.#members.values()) client.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #checkName(name: string): void {
    if (this.#isClosed) throw new ClientError('closed', 'The client was closed.');
    if (!SERVER_NAME.test(name)) {
      throw new TypeError(
        'The name of a server is 1 to 32 of A-Z a-z 0-9 _ -, without "__" and without "_" at its end.',
      );
    }
    if (this.#members.has(name)) throw new TypeError(`There is a server of the name ${name}. Remove it first.`);
    if (this.#members.size >= MAX_SERVERS) throw new TypeError(`There are ${MAX_SERVERS} servers, and no more fit.`);
  }

  #listen(server: string, member: Member): void {
    const { client } = member;
    client.on('state', ({ error }) => {
      member.error = error;
      if (this.#members.get(server) === member) this.#emitter.emit('servers', this.servers);
    });
    for (const name of ['toolsChanged', 'promptsChanged', 'resourcesChanged'] as const) {
      client.on(name, () => this.#emitter.emit(name, { server }));
    }
  }

  async #list<T>(of: Kind<T>, options: RequestOptions | undefined): Promise<MergedList<T>> {
    const members = [...this.#members];
    const read = await Promise.allSettled(members.map(async ([, member]) => of.read(await reachable(member), options)));
    const items: Owned<T>[] = [];
    const failures: { server: string; error: ClientError }[] = [];
    const routes = new Map<string, Route>();
    for (const [index, outcome] of read.entries()) {
      const server = members[index]?.[0] as string;
      if (outcome.status === 'rejected') failures.push({ server, error: outcome.reason as ClientError });
      else for (const item of outcome.value) this.#place(of, item, server, routes, items);
    }
    this.#replace(of, routes, failures);
    return { items, failures };
  }

  /** The first one keeps a name that two want; a name with a hash that is taken gets a longer hash. */
  #place<T>(of: Kind<T>, item: T, server: string, routes: Map<string, Route>, items: Owned<T>[]): void {
    const original = of.idOf(item);
    const names = of.isUri ? [original] : HASH_LENGTHS.map((length) => this.#nameOf(server, original, length));
    const shown = names.find((name) => !routes.has(name));
    if (shown === undefined) return;
    routes.set(shown, { server, original });
    items.push({ ...item, ...(!of.isUri && { name: shown }), server, original });
  }

  #nameOf(server: string, original: string, hashLength: number): string {
    return shownName(server, original, original, this.#naming, hashLength);
  }

  /** What a server that did not answer had offered stays known, so that a call says that it is down. */
  #replace<T>(of: Kind<T>, routes: Map<string, Route>, failures: MergedList<T>['failures']): void {
    const silent = new Set(failures.map(({ server }) => server));
    for (const [shown, route] of of.routes) {
      if (silent.has(route.server) && this.#members.has(route.server) && !routes.has(shown)) routes.set(shown, route);
    }
    of.routes.clear();
    for (const [shown, route] of routes) if (this.#members.has(route.server)) of.routes.set(shown, route);
  }

  async #find<T>(of: Kind<T>, shown: string, options: RequestOptions | undefined): Promise<[Client, string]> {
    if (!of.routes.has(shown)) await this.#list(of, options);
    const route = of.routes.get(shown);
    const client = route && this.client(route.server);
    if (client !== undefined && route !== undefined) return [client, route.original];
    throw new ClientError('unknown_name', `No server offers ${JSON.stringify(shown.slice(0, 200))}.`);
  }
}

/** Nobody waits for one that is being tried again, unless a request is what it takes: a login. */
async function reachable({ client, error }: Member): Promise<Client> {
  if (client.state === 'down' && error !== undefined && error.code !== 'unauthorized') throw error;
  return client;
}

function kind<T>(read: Kind<T>['read'], idOf: Kind<T>['idOf'], isUri: boolean = false): Kind<T> {
  return { read, idOf, isUri, routes: new Map() };
}
