/** What an application has of a client. Types only. */

import type { JsonObject, JsonRpcNotification, JsonValue, LogLevel } from '@sallyport/wire';
import type { RequestOptions } from './call.ts';
import type { ClientError } from './error.ts';
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

/** `down`: it is tried again, or with the next request where somebody must log in first. */
export type ClientState = 'connecting' | 'up' | 'down' | 'closed';

export interface ClientEvents {
  readonly state: { readonly state: ClientState; readonly error: ClientError | undefined };
  /** The list is another: also told after a reconnect, since nobody knows what happened meanwhile. */
  readonly toolsChanged: undefined;
  readonly promptsChanged: undefined;
  readonly resourcesChanged: undefined;
  /** A resource that was subscribed to has changed, or one below it. */
  readonly resourceUpdated: { readonly uri: string };
  /** `data` is whatever the server wrote. */
  readonly log: { readonly level: LogLevel; readonly logger: string | undefined; readonly data: JsonValue | undefined };
  /** A page that a handler of `elicitation.url` agreed to is done. */
  readonly elicitationComplete: { readonly elicitationId: string };
  /** Any other. */
  readonly notification: JsonRpcNotification;
}

/** Counted since the client was made. */
export interface ClientStats {
  /** Times that the server was reached: the first time, and every reconnect. */
  readonly reached: number;
  /** Requests of the application, and those of them that are under way or were rejected. */
  readonly requests: number;
  readonly underWay: number;
  readonly failed: number;
  /** What the server said beside its answers. */
  readonly notifications: number;
}

/**
 * A client of one server. Methods reject with {@link ClientError} alone. Between two tries to reach a server that is down they
 * reject at once with `unavailable`; the event `state` says when it is up again.
 */
export interface Client extends AsyncDisposable {
  readonly state: ClientState;
  /** Of the server as it was when it was last up. */
  readonly server: ServerDescription;
  stats(): ClientStats;
  /** Returns what takes the listener away. */
  on<Name extends keyof ClientEvents>(name: Name, listener: (event: ClientEvents[Name]) => void): () => void;

  /** All pages. Empty where the server announces no tools. Definitions that are none are left out. */
  listTools(options?: RequestOptions): Promise<readonly Tool[]>;
  listResources(options?: RequestOptions): Promise<readonly Resource[]>;
  listResourceTemplates(options?: RequestOptions): Promise<readonly ResourceTemplate[]>;
  listPrompts(options?: RequestOptions): Promise<readonly Prompt[]>;

  /**
   * Input that the server asks for meanwhile comes from the handlers. A tool that failed is a result with `isError`, not a
   * rejection. Nothing is sent a second time by itself: the call may have had its effect.
   */
  callTool(name: string, args?: JsonObject, options?: RequestOptions): Promise<CallToolResult>;
  readResource(uri: string, options?: RequestOptions): Promise<ReadResourceResult>;
  getPrompt(name: string, args?: Readonly<Record<string, string>>, options?: RequestOptions): Promise<GetPromptResult>;
  /** `context`: arguments that are filled in already. */
  complete(
    reference: CompletionReference,
    argument: { readonly name: string; readonly value: string },
    options?: RequestOptions & { readonly context?: Readonly<Record<string, string>> },
  ): Promise<Completion>;

  /**
   * Has the server tell of changes (`resourceUpdated`), again after every reconnect. In the session era it resolves when the
   * server agreed; in the stateless era the subscription begins in the background.
   */
  subscribe(uri: string, options?: RequestOptions): Promise<void>;
  unsubscribe(uri: string, options?: RequestOptions): Promise<void>;
  /** The least level of what comes as `log`. In the stateless era it goes with every request that follows. */
  setLogLevel(level: LogLevel, options?: RequestOptions): Promise<void>;
  /** Tells the server that `roots` gives something else now. Without effect in the stateless era, where it asks each time. */
  rootsChanged(): void;
  /** A sign of life. */
  ping(options?: RequestOptions): Promise<void>;
  /** For methods that have no function here. */
  request(method: string, params?: JsonObject, options?: RequestOptions): Promise<JsonObject>;

  /** Lets what is under way finish, ends the connection or the child, and does not reconnect. May be called twice. */
  close(): Promise<void>;
  /** Ends it now: what is under way rejects with `closed`. */
  destroy(): void;
}
