/**
 * What servers offer and answer, as the specification names it (2025-11-25 and 2026-07-28, schema). Types only: members that
 * are not named here are kept and can be read by their names.
 */

import type { Era, JsonObject, JsonValue, Revision } from '@sallyport/wire';

export interface Icon {
  readonly src: string;
  readonly mimeType?: string;
  readonly sizes?: readonly string[];
  readonly [member: string]: unknown;
}

/** Hints of the server about a tool. Nothing vouches for them. */
export interface ToolAnnotations {
  readonly title?: string;
  readonly readOnlyHint?: boolean;
  readonly destructiveHint?: boolean;
  readonly idempotentHint?: boolean;
  readonly openWorldHint?: boolean;
  readonly [member: string]: unknown;
}

export interface Tool {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  /** JSON Schema of the arguments. */
  readonly inputSchema: JsonObject;
  /** JSON Schema of `structuredContent`. */
  readonly outputSchema?: JsonObject;
  readonly annotations?: ToolAnnotations;
  readonly icons?: readonly Icon[];
  readonly [member: string]: unknown;
}

export interface Resource {
  readonly uri: string;
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly mimeType?: string;
  /** Bytes. */
  readonly size?: number;
  readonly icons?: readonly Icon[];
  readonly [member: string]: unknown;
}

export interface ResourceTemplate {
  /** RFC 6570. */
  readonly uriTemplate: string;
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly mimeType?: string;
  readonly [member: string]: unknown;
}

export interface PromptArgument {
  readonly name: string;
  readonly description?: string;
  readonly required?: boolean;
  readonly [member: string]: unknown;
}

export interface Prompt {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly arguments?: readonly PromptArgument[];
  readonly [member: string]: unknown;
}

/** Of one resource: `text`, or `blob` in Base64. */
export interface ResourceContents {
  readonly uri: string;
  readonly mimeType?: string;
  readonly text?: string;
  readonly blob?: string;
  readonly [member: string]: unknown;
}

/**
 * A piece of content. `type` says which members there are: `text` (`text`), `image` and `audio` (`data` in Base64,
 * `mimeType`), `resource` (`resource`), `resource_link` (`uri`, `name`), or one that a later revision knows.
 */
export interface ContentBlock {
  readonly type: string;
  readonly text?: string;
  readonly data?: string;
  readonly mimeType?: string;
  readonly resource?: ResourceContents;
  readonly uri?: string;
  readonly name?: string;
  readonly [member: string]: unknown;
}

export interface CallToolResult {
  readonly content: readonly ContentBlock[];
  /** As `outputSchema` of the tool describes it. */
  readonly structuredContent?: JsonValue;
  /** The tool failed, and `content` says why. */
  readonly isError?: boolean;
  readonly [member: string]: unknown;
}

export interface ReadResourceResult {
  readonly contents: readonly ResourceContents[];
  readonly [member: string]: unknown;
}

export interface PromptMessage {
  readonly role: 'user' | 'assistant';
  readonly content: ContentBlock;
}

export interface GetPromptResult {
  readonly description?: string;
  readonly messages: readonly PromptMessage[];
  readonly [member: string]: unknown;
}

/** What is completed: an argument of a prompt, or a variable of a resource template. */
export type CompletionReference =
  | { readonly type: 'ref/prompt'; readonly name: string }
  | { readonly type: 'ref/resource'; readonly uri: string };

export interface Completion {
  /** A hundred at most. */
  readonly values: readonly string[];
  readonly total?: number;
  readonly hasMore?: boolean;
}

/** What a server says of itself. Its name and version are its own claim. */
export interface ServerDescription {
  readonly name: string;
  readonly version: string;
  readonly title: string | undefined;
  /** How it wants to be used. */
  readonly instructions: string | undefined;
  readonly capabilities: JsonObject;
  readonly era: Era;
  readonly revision: Revision;
}

/** How far a call is. `total` is absent when the server does not know it. */
export interface Progress {
  readonly progress: number;
  readonly total?: number;
  readonly message?: string;
}
