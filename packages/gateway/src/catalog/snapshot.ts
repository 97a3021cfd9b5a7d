/**
 * What one server offers, as it said it: the last known lists, kept in the store so that a new process can serve them
 * before the server has started. Untrusted: only the members that are looked at are checked, all others are kept.
 */

import { isObject, type JsonObject } from '@sallyport/wire';
import { emptyPins, pin, type PinnedAnnotations } from './pinned.ts';

export interface Snapshot {
  readonly tools: readonly JsonObject[];
  readonly prompts: readonly JsonObject[];
  readonly resources: readonly JsonObject[];
  readonly templates: readonly JsonObject[];
  /** Of its tools, as they were first seen. */
  readonly pinned: PinnedAnnotations;
  /** Lists that the server declares and has never given: empty above, and not known to be empty. */
  readonly unread: readonly ListKind[];
  readonly capabilities: JsonObject;
  readonly info: JsonObject;
  readonly instructions: string | undefined;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** Of the configuration it was taken with: another command or URL makes it worthless. */
  readonly fingerprint: string;
}

export type ListKind = 'tools' | 'prompts' | 'resources' | 'templates';

/** How each list is asked for: method, member of the result, member that identifies an entry, capability. */
export const LISTS: Readonly<
  Record<ListKind, { method: string; member: string; identity: string; capability: string; changed: string }>
> = {
  tools: {
    method: 'tools/list',
    member: 'tools',
    identity: 'name',
    capability: 'tools',
    changed: 'notifications/tools/list_changed',
  },
  prompts: {
    method: 'prompts/list',
    member: 'prompts',
    identity: 'name',
    capability: 'prompts',
    changed: 'notifications/prompts/list_changed',
  },
  resources: {
    method: 'resources/list',
    member: 'resources',
    identity: 'uri',
    capability: 'resources',
    changed: 'notifications/resources/list_changed',
  },
  templates: {
    method: 'resources/templates/list',
    member: 'resourceTemplates',
    identity: 'uriTemplate',
    capability: 'resources',
    changed: 'notifications/resources/list_changed',
  },
};

export const LIST_KINDS: readonly ListKind[] = ['tools', 'prompts', 'resources', 'templates'];

/** Entries that have their identity and are not given twice; the first one counts. */
export function usableEntries(kind: ListKind, entries: readonly unknown[]): JsonObject[] {
  const { identity } = LISTS[kind];
  const seen = new Set<string>();
  return entries.filter((entry): entry is JsonObject => {
    const id = isObject(entry) ? entry[identity] : undefined;
    if (typeof id !== 'string' || id === '' || seen.has(id)) return false;
    seen.add(id);
    return true;
  });
}

/** A snapshot read back from the store; undefined when it is not one. */
export function readSnapshot(value: unknown): Snapshot | undefined {
  if (!isObject(value)) return undefined;
  const { tools, prompts, resources, templates, unread, capabilities, info, instructions, atMs, fingerprint } = value;
  if (typeof atMs !== 'number' || typeof fingerprint !== 'string' || !isObject(capabilities) || !isObject(info)) {
    return undefined;
  }
  const list = (kind: ListKind, entries: unknown): JsonObject[] =>
    usableEntries(kind, Array.isArray(entries) ? entries : []);
  const usableTools = list('tools', tools);
  return {
    tools: usableTools,
    pinned: readPins(value['pinned'], usableTools),
    prompts: list('prompts', prompts),
    resources: list('resources', resources),
    templates: list('templates', templates),
    unread: LIST_KINDS.filter(
      (kind) => (Array.isArray(unread) && unread.includes(kind)) || !Array.isArray(value[kind]),
    ),
    capabilities,
    info,
    instructions: typeof instructions === 'string' ? instructions : undefined,
    atMs,
    fingerprint,
  };
}

/** A record from before there were pins has those of its tools. */
function readPins(value: unknown, tools: readonly JsonObject[]): PinnedAnnotations {
  if (!isObject(value)) return pin(emptyPins(), tools);
  const entries = Object.entries(value).map(([name, annotations]) => [
    name,
    isObject(annotations) ? annotations : null,
  ]);
  return Object.assign(emptyPins(), Object.fromEntries(entries));
}

/** The lists that a notification says have changed; none for any other notification. */
export function kindsChangedBy(method: string): ListKind[] {
  return LIST_KINDS.filter((kind) => LISTS[kind].changed === method);
}

/** What clients are told of: lists of templates have no notification of their own. */
export function announced(kinds: ReadonlySet<ListKind>): Set<'tools' | 'prompts' | 'resources'> {
  return new Set([...kinds].map((kind) => (kind === 'templates' ? 'resources' : kind)));
}
