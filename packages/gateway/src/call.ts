/**
 * The call: what came in, and what each step of the pipeline adds to it. Steps and rooms share these types and nothing
 * else. No step is here.
 */

import type { Answer, Exchange } from '@sallyport/server';
import type { ParamHeader } from '@sallyport/wire';

/** `arguments` rules of one tool, in the server's own names. */
export interface ArgumentRules {
  readonly [argument: string]: { readonly hide: boolean; readonly fix?: unknown; readonly default?: unknown };
}

/** A server's news of a task (2025-11-25, tasks). */
export const TASK_STATUS = 'notifications/tasks/status';

/** Where a request goes. */
export interface Target {
  readonly server: string;
  readonly kind: 'tool' | 'prompt' | 'resource' | 'template' | 'task' | 'server';
  /** `server__original` for tools and prompts, the URI for resources: what policy, pins, audit and limits know. */
  readonly canonicalId: string;
  /** What the server calls it; undefined where the message names nothing. */
  readonly original: string | undefined;
  /** Tools only: arguments that travel as headers, and rules on arguments. */
  readonly paramHeaders?: readonly ParamHeader[];
  readonly argumentRules?: ArgumentRules;
}

/** One of several children or upstream sessions of a server that its clients do not share. */
export interface Instance {
  /** Names its owner: no two owners have the same. */
  readonly key: string;
  /** `principalKey` of the owner. */
  readonly owner: string;
  /** The owner's project folder, absolute, where the server works on one. */
  readonly root?: string;
}

export interface Call {
  /** What was asked. A step that takes out what was meant for the gateway puts the rest here. */
  exchange: Exchange;
  /** Set by `resolve`. */
  target?: Target;
  /** Set by `isolate`; absent: the instance that everybody shares. */
  instance?: Instance;
}

export type Next = (call: Call) => Promise<Answer>;

/** One step: passes on by calling `next`, or answers itself. Refuses by throwing a `Refused`. */
export type Step = (call: Call, next: Next) => Promise<Answer>;

/** Puts steps in a row. The last one must answer. */
export function compose(steps: readonly Step[]): Next {
  return steps.reduceRight<Next>(
    (next, step) => (call) => step(call, next),
    () => Promise.reject(new Error('The route ended without an answer.')),
  );
}
