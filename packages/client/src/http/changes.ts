/** The kinds of list changes that a server's capabilities announce. */

import { isObject, type JsonObject, type JsonRpcNotification } from '@sallyport/wire';

export const CHANGE_KINDS = ['tools', 'prompts', 'resources'] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

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
