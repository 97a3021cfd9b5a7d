/** What a server says of itself rather than of a call: the changes that its capabilities announce, and their names. */

import { isObject, META_CLIENT_CAPABILITIES, type JsonObject, type JsonRpcNotification } from '@sallyport/wire';

export const CHANGE_KINDS = ['tools', 'prompts', 'resources'] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** Always told to the whole leg, whichever call is under way or whichever stream it came on. */
export const CHANGES: ReadonlySet<string> = new Set([
  ...CHANGE_KINDS.map((kind) => `notifications/${kind}/list_changed`),
  'notifications/resources/updated',
  // It names its task, which may be another caller's.
  'notifications/tasks/status',
  'notifications/tasks',
]);

const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';

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

/**
 * What a `subscriptions/listen` asks of tasks, as far as the server has the extension, with the `_meta` that declares it: without
 * that the whole subscription would be refused (2026-07-28, tasks extension, "Task Status Notifications").
 */
export function tasksAsked(
  { extensions }: JsonObject,
  taskIds: readonly string[],
  meta: JsonObject | undefined,
): { readonly filter: JsonObject; readonly meta: JsonObject | undefined } {
  if (taskIds.length === 0 || !isObject(extensions) || !isObject(extensions[TASKS_EXTENSION])) {
    return { filter: {}, meta };
  }
  const own = meta?.[META_CLIENT_CAPABILITIES];
  const capabilities = isObject(own) ? own : {};
  const declared = isObject(capabilities['extensions']) ? capabilities['extensions'] : {};
  const all = { ...capabilities, extensions: { ...declared, [TASKS_EXTENSION]: {} } };
  return { filter: { taskIds: [...taskIds] }, meta: { ...meta, [META_CLIENT_CAPABILITIES]: all } };
}
