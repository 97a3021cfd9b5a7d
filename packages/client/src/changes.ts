/** What a server says of itself rather than of a call: the changes that its capabilities announce, and their names. */

import { isObject, type JsonObject, type JsonRpcNotification } from '@sallyport/wire';

export const CHANGE_KINDS = ['tools', 'prompts', 'resources'] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** Always told to the whole leg, whichever call is under way or whichever stream it came on. */
export const CHANGES: ReadonlySet<string> = new Set([
  ...CHANGE_KINDS.map((kind) => `notifications/${kind}/list_changed`),
  'notifications/resources/updated',
  // It names its task, which may be another caller's.
  'notifications/tasks/status',
]);

export function announces(capabilities: JsonObject, kind: ChangeKind, flag: 'listChanged' | 'subscribe'): boolean {
  const capability = capabilities[kind];
  return isObject(capability) && capability[flag] === true;
}

/** The notifications that say "read this list again", for each list that can change. */
export function changesOf(capabilities: JsonObject): JsonRpcNotification[] {
  return CHANGE_KINDS.filter((kind) => announces(capabilities, kind, 'listChanged')).map((kind) => ({
    jsonrpc: '2.0',
    method: `notifications/${kind}/list_changed`,
  }));
}
