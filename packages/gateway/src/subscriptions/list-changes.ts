/** Changes of lists: what clients ask for them by, and are told them with (2026-07-28, "Subscriptions"; 2025-11-25, lists). */

import type { Exchange } from '@sallyport/server';
import { isObject, type JsonObject } from '@sallyport/wire';

export type ListChange = 'tools' | 'prompts' | 'resources';

export const LIST_CHANGES: readonly {
  readonly kind: ListChange;
  /** Member of the filter of a `subscriptions/listen`. */
  readonly filter: string;
  readonly method: string;
}[] = [
  { kind: 'tools', filter: 'toolsListChanged', method: 'notifications/tools/list_changed' },
  { kind: 'prompts', filter: 'promptsListChanged', method: 'notifications/prompts/list_changed' },
  { kind: 'resources', filter: 'resourcesListChanged', method: 'notifications/resources/list_changed' },
];

/** What a `subscriptions/listen` names. */
export function askedOf({ message }: Exchange): JsonObject {
  const filter = message.params?.['notifications'];
  return isObject(filter) ? filter : {};
}
