/**
 * What all connections of one everything server share: counters the tests read, and the changes they can
 * cause. Holds no protocol; instances subscribe and tell their own clients.
 */
import { randomBytes } from 'node:crypto';
import { createRequestStateCodec } from '@modelcontextprotocol/server';
import type { RequestStateCodec } from '@modelcontextprotocol/server';

/** The resource that `bump` changes. */
export const WATCHED_URI = 'test://watched-resource';

export type Change = 'tools' | 'prompts' | 'resource';

export interface EverythingState {
  /** Calls of `sleep` that their caller cancelled. */
  cancellations: number;
  /** Number of changes to {@link WATCHED_URI}; part of its text. */
  revision: number;
  /** Whether the tool `sometimes_tool` is offered. */
  extraTool: boolean;
  /** Whether the prompt `sometimes_prompt` is offered. */
  extraPrompt: boolean;
  readonly listeners: Set<(change: Change) => void>;
  /** Signs the state of multi-round calls; the key lives as long as the process. */
  readonly requestState: RequestStateCodec<{ round: number; name?: string }>;
}

export function createState(): EverythingState {
  return {
    cancellations: 0,
    revision: 0,
    extraTool: false,
    extraPrompt: false,
    listeners: new Set(),
    requestState: createRequestStateCodec({ key: randomBytes(32) }),
  };
}

/** Applies a change and tells every listener, in the order they subscribed. */
export function change(state: EverythingState, what: Change): void {
  if (what === 'tools') state.extraTool = !state.extraTool;
  if (what === 'prompts') state.extraPrompt = !state.extraPrompt;
  if (what === 'resource') state.revision += 1;
  for (const listener of state.listeners) listener(what);
}
