/** Interceptors of the configuration, as types.ts describes its values. */

import type { SandboxConfig } from './types-server.ts';

export type InterceptorPhase = 'before-call' | 'after-call' | 'list';

/** Is posted to. */
export type HookTarget = {
  readonly kind: 'http';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Signs what is sent. */
  readonly secret?: string;
};

/** A child process that is asked by lines of JSON. */
export type InterceptorProgram = {
  readonly kind: 'child';
  /** A bare name is looked up on PATH; anything with a separator is absolute here. */
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Absolute. */
  readonly cwd: string;
  readonly sandbox: SandboxConfig;
};

/** What a call is one of. */
export type InterceptedKind = 'tool' | 'prompt' | 'resource';

/** Somebody who is asked about calls, or lists of tools. */
export type InterceptorConfig = {
  /** Unique. */
  readonly name: string;
  readonly target: HookTarget | InterceptorProgram;
  readonly phases: readonly InterceptorPhase[];
  /** The calls that it is asked about. */
  readonly kinds: readonly InterceptedKind[];
  /** Globs over names of servers; absent: all. */
  readonly servers?: readonly string[];
  /** Globs over canonical ids of tools; absent: all. */
  readonly tools?: readonly string[];
  /** For an answer. */
  readonly timeoutMs: number;
  /** What happens without an answer: nothing passes, or everything. */
  readonly onError: 'closed' | 'open';
  /** Of arguments, a result or a list that it is shown, and of its answer. */
  readonly maxBytes: number;
};
