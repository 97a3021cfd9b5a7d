/** What a server offers, as its author writes it. Types only; what they become is in tools.ts, resources.ts and prompts.ts. */

import type { JsonObject } from '@sallyport/wire';
import type { Context, Viewer } from './context.ts';
import type { AnySchema, InputOf, OutputOf, StandardSchema } from './standard-schema.ts';

/** Who may know of it. To everybody else it does not exist, in lists and in calls. */
export interface Restriction {
  /** One of these roles, of which there is one at least. */
  readonly requireRole?: string | readonly string[];
  /**
   * All of these scopes. A credential that knows no scopes is not limited by them. Over HTTP it is listed to those who lack a
   * scope, and a call tells them which (403 `insufficient_scope`), so that they can ask for it.
   */
  readonly requireScope?: string | readonly string[];
  /** Asked at every list and call. Whatever is not `true`, also a promise and what it throws, counts as no. */
  readonly visible?: (viewer: Viewer) => boolean;
}

interface Described {
  readonly title?: string;
  readonly description?: string;
  readonly icons?: readonly JsonObject[];
  readonly _meta?: JsonObject;
}

/** Hints for clients (MCP, tools, "Tool annotations"). */
export interface ToolAnnotations {
  readonly title?: string;
  readonly readOnlyHint?: boolean;
  readonly destructiveHint?: boolean;
  readonly idempotentHint?: boolean;
  readonly openWorldHint?: boolean;
}

export interface ToolDefinition<
  Input extends AnySchema | undefined = AnySchema | undefined,
  Output extends AnySchema | undefined = AnySchema | undefined,
>
  extends Described, Restriction {
  /** 1 to 128 letters, digits and `_ - . /`. */
  readonly name: string;
  /** Absent: any arguments, as they come. */
  readonly inputSchema?: Input;
  /** The structured result is checked by it before it leaves. */
  readonly outputSchema?: Output;
  readonly annotations?: ToolAnnotations;
}

/** A piece of content: `text`, `image`, `audio`, `resource_link`, `resource`, or one that a later revision knows. */
export interface Content {
  readonly type: string;
  readonly [member: string]: unknown;
}

/** A result as the wire has it. */
export interface CallResult {
  readonly content: readonly Content[];
  readonly structuredContent?: unknown;
  readonly isError?: boolean;
  readonly _meta?: JsonObject;
}

/** What a tool may return: with an output schema the structured value, or a whole result; else also a text or any JSON. */
export type ToolResult<Output> = Output extends StandardSchema
  ? InputOf<Output> | CallResult
  : Output extends AnySchema
    ? object
    : unknown;

export type ToolParams<Input> = Input extends AnySchema ? OutputOf<Input> : JsonObject;

export type ToolHandler<Input, Output> = (
  params: ToolParams<Input>,
  context: Context,
) => ToolResult<Output> | Promise<ToolResult<Output>>;

/** One part of a resource: `text`, or `blob` in Base64. */
export interface ResourceContents {
  readonly uri: string;
  readonly mimeType?: string;
  readonly text?: string;
  readonly blob?: string;
  readonly _meta?: JsonObject;
}

/** A text, bytes, the parts of the resource (`ResourceContents[]`), or any other JSON, which is written as a text. */
export type ResourceResult = string | number | boolean | null | object;

export interface ResourceDefinition extends Described, Restriction {
  readonly uri: string;
  readonly name: string;
  readonly mimeType?: string;
  /** Bytes. */
  readonly size?: number;
  readonly annotations?: JsonObject;
}

export type ResourceHandler = (context: Context) => ResourceResult | Promise<ResourceResult>;

/** A list of values, of which those that begin as written are offered; or who looks them up. */
export type Completer =
  | readonly string[]
  | ((value: string, context: Context, given: Given) => readonly string[] | Promise<readonly string[]>);

/** What else is filled in already. */
export type Given = Readonly<Record<string, string>>;

export interface TemplateDefinition extends Described, Restriction {
  /** RFC 6570. */
  readonly uriTemplate: string;
  readonly name: string;
  readonly mimeType?: string;
  readonly annotations?: JsonObject;
  /** Resources of this template that exist now: they stand in the list of resources. */
  readonly list?: (context: Context) => readonly ListedResource[] | Promise<readonly ListedResource[]>;
  /** By variable. */
  readonly complete?: Readonly<Record<string, Completer>>;
}

export interface ListedResource extends Described {
  readonly uri: string;
  readonly name: string;
  readonly mimeType?: string;
}

/** Decoded; a list where the variable has `*`. They come from the client: a path in them must be checked like any other. */
export type Variables = Readonly<Record<string, string | readonly string[]>>;

export type TemplateHandler = (
  variables: Variables,
  context: Context,
  uri: string,
) => ResourceResult | Promise<ResourceResult>;

export interface PromptArgument {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly required?: boolean;
}

export interface PromptDefinition<Args extends AnySchema | undefined = AnySchema | undefined>
  extends Described, Restriction {
  readonly name: string;
  /** Of an object whose members are texts. */
  readonly argsSchema?: Args;
  /** The same as a list, without types. */
  readonly arguments?: readonly PromptArgument[];
  /** By argument. */
  readonly complete?: Readonly<Record<string, Completer>>;
}

export interface PromptMessage {
  readonly role: 'user' | 'assistant';
  readonly content: Content | readonly Content[];
}

/** A text is one message of the user. */
export type PromptResult =
  | string
  | readonly PromptMessage[]
  | { readonly description?: string; readonly messages: readonly PromptMessage[]; readonly _meta?: JsonObject };

export type PromptArgs<Args> = Args extends AnySchema ? OutputOf<Args> : Readonly<Record<string, string>>;

export type PromptHandler<Args> = (args: PromptArgs<Args>, context: Context) => PromptResult | Promise<PromptResult>;

/** What was added. Both are idempotent after `remove`. */
export interface Registered<Changes> {
  remove(): void;
  /** Members that are given replace the ones before. Throws as adding does, and changes nothing then. */
  update(changes: Changes): void;
}
