/** What the files of this room share: who is asked, about what, and what may be answered (docs/INTERCEPTORS.md). */

import type { JsonObject } from '@sallyport/wire';
import type { SandboxSettings } from '../call.ts';

export type Phase = 'before-call' | 'after-call' | 'list';

/** What a call is made of: `tools/call`, `prompts/get`, `resources/read`. A list is one of tools. */
export type Kind = 'tool' | 'prompt' | 'resource';

export interface HookPlace {
  readonly kind: 'http';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Signs what is sent. */
  readonly secret?: string;
}

export interface ProgramPlace {
  readonly kind: 'child';
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Absolute. */
  readonly cwd: string;
  readonly sandbox: SandboxSettings;
}

export interface InterceptorSettings {
  readonly name: string;
  readonly target: HookPlace | ProgramPlace;
  readonly phases: readonly Phase[];
  readonly kinds: readonly Kind[];
  /** Globs; absent: all. */
  readonly servers?: readonly string[];
  /** Globs over canonical ids of tools; absent: all. */
  readonly tools?: readonly string[];
  readonly timeoutMs: number;
  readonly onError: 'closed' | 'open';
  readonly maxBytes: number;
}

/** Where questions go. */
export interface Hook {
  /** The text of an answer to a question, an object of JSON. Rejects without one in `timeoutMs`, and when nobody wants it any more. */
  ask(question: string, timeoutMs: number, signal?: AbortSignal): Promise<string>;
  /** It is ready when it is asked, if it can be. Never throws. */
  warm(): void;
  /** It gave no answers: whatever is open to it is given up. */
  renew(): void;
  /** Nothing is asked any more. Idempotent. */
  close(): Promise<void>;
  /** The same at once. */
  destroy(): void;
}

/** A tool of a list, by its server's own name. */
export interface ListedTool {
  readonly name: string;
  /** Instead of the one that it has; never longer. */
  readonly description?: string;
}

export type Verdict =
  | { readonly action: 'pass' }
  /** `message`: for the caller. */
  | { readonly action: 'deny'; readonly message: string | undefined }
  /** Arguments, or a result. */
  | { readonly action: 'replace'; readonly value: JsonObject }
  /** What stays of a list. */
  | { readonly action: 'keep'; readonly tools: readonly ListedTool[] };

/** What came of a question. `failed`: there was no answer, or none that can be used. */
export type Outcome = 'pass' | 'replace' | 'deny' | 'failed';

/** Something that the operator should know of, without what was in it. */
export interface Intervention {
  readonly interceptor: string;
  readonly phase: Phase;
  readonly outcome: Exclude<Outcome, 'pass'>;
  /** Whether it goes on all the same. */
  readonly passed: boolean;
  /** Of a failure. */
  readonly error?: string;
}
