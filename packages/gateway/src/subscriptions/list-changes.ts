/**
 * Changes of lists, and news of tasks: what clients ask for them by, and are told them with (2026-07-28, "Subscriptions" and the tasks
 * extension; 2025-11-25, lists).
 */

import type { Exchange, Session } from '@sallyport/server';
import { isObject, type JsonObject } from '@sallyport/wire';
import { Refused } from '../errors.ts';

export type ListChange = 'tools' | 'prompts' | 'resources';

export const LIST_CHANGES: readonly {
  readonly kind: ListChange;
  /** Member of the filter of a `subscriptions/listen`. */
  readonly filter: string;
}[] = [
  { kind: 'tools', filter: 'toolsListChanged' },
  { kind: 'prompts', filter: 'promptsListChanged' },
  { kind: 'resources', filter: 'resourcesListChanged' },
];

/** Whether a client sees the tools as they were shown to it: it is told of no change then. */
export type IsShownSame = (client: Session | Exchange) => boolean;

/** What is known of how the tools are shown. */
export interface ShownTools {
  /** Asked of many at one moment; a client is taken to be told where it says no. */
  readonly looking: () => IsShownSame;
  /** A client without a session wants to hear of changes of the tools from now on. */
  readonly awaits: (exchange: Exchange) => void;
}

/** What a client is told a change with. */
export function methodOf(kind: ListChange): string {
  return `notifications/${kind}/list_changed`;
}

/** What a `subscriptions/listen` names. */
export function askedOf({ message }: Exchange): JsonObject {
  const filter = message.params?.['notifications'];
  return isObject(filter) ? filter : {};
}

const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';

/** The tasks that a `subscriptions/listen` names, each once. Throws when its client has not declared the extension. */
export function tasksOf(exchange: Exchange): readonly string[] {
  const given = askedOf(exchange)['taskIds'];
  const taskIds = Array.isArray(given) ? given.filter((each) => typeof each === 'string') : [];
  if (taskIds.length === 0) return taskIds;
  const { extensions } = exchange.client.capabilities;
  if (!isObject(extensions) || extensions[TASKS_EXTENSION] === undefined) {
    const requiredCapabilities = { extensions: { [TASKS_EXTENSION]: {} } };
    throw new Refused('missing_capability', undefined, { data: { requiredCapabilities } });
  }
  return [...new Set(taskIds)];
}
