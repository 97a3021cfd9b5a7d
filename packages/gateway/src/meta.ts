/**
 * The seam of the gateway's own tools: what somebody sees instead of the whole catalogue, and how such a tool becomes calls of
 * other tools. Rooms that bring tools (`discovery`, `code`) share it and know nothing of each other.
 */

import type { Answer, ClientReply, Exchange } from '@sallyport/server';
import type { JsonObject, JsonRpcNotification } from '@sallyport/wire';
import type { Call } from './call.ts';

/** How much of the catalogue is shown at once, from the widest. */
export type DiscoveryMode = 'full' | 'groups' | 'search' | 'code';

/** Those that this version has. */
export const DISCOVERY_MODES: readonly DiscoveryMode[] = ['full', 'groups', 'search', 'code'];

/** An endpoint that turns texts into vectors. */
export interface EmbeddingsSetting {
  /** The whole of it: `https://…/v1/embeddings`, `http://localhost:11434/api/embed`. */
  readonly url: string;
  readonly model: string;
  /** Sent as a bearer token. */
  readonly key?: string;
  /** Asked of models that can shorten what they give. */
  readonly dimensions?: number;
  /** For a question; then words alone count. */
  readonly timeoutMs: number;
}

/** How the catalogue is shown at an endpoint. */
export interface DiscoverySetting {
  /** `auto`: full while what is seen costs less than the budget, else search. */
  readonly mode: DiscoveryMode | 'auto';
  /** Tokens, estimated. */
  readonly budget: number;
  /** Globs over canonical ids of tools that are shown in every mode. */
  readonly always: readonly string[];
  /** Tokens that a result may cost; absent or 0: any number. */
  readonly resultBudget?: number;
}

/** A tool that the caller may see. The same object as long as nothing about it is another. */
export interface SeenTool {
  /** As it is called here: a shown name. */
  readonly name: string;
  /** Canonical. */
  readonly id: string;
  readonly server: string;
  /** What its server calls it. */
  readonly original: string;
  /** The definition as clients see it: name, title, description, inputSchema, outputSchema, annotations … */
  readonly shown: JsonObject;
  /** The believed (pinned) ones: the only ones to decide by. */
  readonly annotations: JsonObject | undefined;
}

/** A server that the caller may know of. */
export interface SeenServer {
  readonly name: string;
  /** Of the configuration, else what the server says of itself; may be empty. */
  readonly description: string;
  /** Why its tools are not here; absent: they are. */
  readonly missing?: string;
}

/** What one caller sees at one endpoint: nothing else may be found, described or called by it. */
export interface Sight {
  /** By shown name, in configuration order. The same map as long as nothing in it is another. */
  readonly tools: ReadonlyMap<string, SeenTool>;
  /** In configuration order. */
  readonly servers: readonly SeenServer[];
}

interface Meta {
  readonly name: string;
  /** What a client lists: the same bytes for the same sight, on every run. */
  definition(sight: Sight): JsonObject;
}

/** A tool that is answered here. */
export interface AnsweringTool extends Meta {
  readonly kind: 'answers';
  /** `args` is checked to be an object and no more. Bad arguments are a result with `isError`, as of any tool. */
  answer(call: Call, args: JsonObject, sight: Sight): Answer | Promise<Answer>;
}

/**
 * A tool that stands for one call of another: that call goes the whole route in its place, so that policy, limits, approval, guard
 * and audit see the real target, and progress, cancellation, input and tasks are those of a direct call.
 */
export interface StandInTool extends Meta {
  readonly kind: 'stands';
  /** Only for targets that are believed to change nothing. */
  readonly reads?: true;
  /** The member of its arguments that names the server whose tool is meant. */
  readonly serverIn?: string;
  /** The request that is meant, or what is wrong with the arguments, for the model to read. Throws `Refused`. */
  meant(exchange: Exchange, args: JsonObject, sight: Sight): Exchange | { readonly wrong: string };
  /** What its client reads of the outcome; absent: what it would read of the direct call. */
  readonly told?: (answer: Answer, call: Call) => Answer;
}

export type MetaTool = AnsweringTool | StandInTool;

/**
 * Makes a call of its own under an outer one: the whole route from the admission of the principal on, with a record and a
 * measure of its own that name the outer call. Never rejects.
 */
export type InnerCall = (outer: Call, exchange: Exchange) => Promise<Answer>;

/** Where what happens during an inner call goes. */
export interface Ears {
  /** Of the server of an inner call: progress (under the token `INNER_PROGRESS`), log messages. */
  notify(message: JsonRpcNotification): void;
  /** Asks whoever called: sampling, elicitation, roots. Resolves with an error where nobody can be asked. */
  ask(method: string, params: JsonObject | undefined): Promise<ClientReply>;
  /** What waits for a person or another server may take a while. */
  hold(): void;
}
