/** What passes between the gateway and the thread that reads one document (thread.ts). */

import type { JsonObject } from '@sallyport/wire';
import type { Wanted } from './making.ts';
import type { Scheme } from './security.ts';
import type { SentTool } from './sent-tool.ts';

/** What a thread is started with. */
export interface Order {
  readonly bytes: Uint8Array;
  /** SHA-256 that they must have, hexadecimal. */
  readonly hash: string;
  /** Name of the server. */
  readonly server: string;
  readonly wanted: Wanted;
}

/** What is said of a document besides its tools. */
export interface About {
  readonly schemes: ReadonlyMap<string, Scheme>;
  readonly info: JsonObject;
  readonly instructions: string | undefined;
  /** What makes no tool: how many, and the first of them. */
  readonly refused: { readonly count: number; readonly operations: readonly string[] };
  /** Globs that match nothing. */
  readonly idle: readonly string[];
}

/** `about` comes by itself, each of the pieces behind it when it is asked for by any message; the last of them is empty. */
export type FromThread =
  | { readonly kind: 'about'; readonly about: About }
  | { readonly kind: 'tools'; readonly tools: readonly SentTool[] }
  | { readonly kind: 'refused'; readonly message: string };
