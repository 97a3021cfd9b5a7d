/**
 * What is believed of a tool's annotations: what its server said when the tool was first seen. A server that says later
 * that a tool changes nothing is not believed; one that says so no more is. Annotations are hints (2025-11-25, tools), and
 * whoever decides by them must not be led by who is decided about.
 */

import { isObject, type JsonObject } from '@sallyport/wire';

/** By the server's own name of the tool; null: the tool had none. Those that vanished stay: they may come back. */
export type PinnedAnnotations = Readonly<Record<string, JsonObject | null>>;

/** Of one server. Whoever offers more new names than this is believed nothing about them. */
const MAX_PINNED = 20_000;

/** What stays pinned, and what the tools of a new list add to it. The same object when that is nothing. */
export function pin(pinned: PinnedAnnotations, tools: readonly JsonObject[]): PinnedAnnotations {
  const added = tools.filter(({ name }) => !Object.hasOwn(pinned, name as string));
  const room = MAX_PINNED - Object.keys(pinned).length;
  if (added.length === 0 || room <= 0) return pinned;
  const entries = added
    .slice(0, room)
    .map(({ name, annotations }) => [name as string, isObject(annotations) ? annotations : null]);
  return Object.assign(emptyPins(), pinned, Object.fromEntries(entries));
}

/** Names are a server's to choose: `__proto__` is one like any other. */
export function emptyPins(): PinnedAnnotations {
  return Object.create(null) as PinnedAnnotations;
}

/** The stricter of what was pinned and what is said now, hint by hint; a tool that was not pinned has no annotations. */
export function believed(pinned: PinnedAnnotations, tool: JsonObject): JsonObject | undefined {
  const name = tool['name'] as string;
  const before = Object.hasOwn(pinned, name) ? pinned[name] : null;
  const now = tool['annotations'];
  if (!isObject(before) || !isObject(now)) return undefined;
  if (before === now || JSON.stringify(before) === JSON.stringify(now)) return now;
  const agreed = (hint: string, harmless: boolean): JsonObject => {
    if (before[hint] === harmless && now[hint] === harmless) return { [hint]: harmless };
    return before[hint] === !harmless || now[hint] === !harmless ? { [hint]: !harmless } : {};
  };
  return {
    ...agreed('readOnlyHint', true),
    ...agreed('destructiveHint', false),
    ...agreed('idempotentHint', true),
    ...agreed('openWorldHint', false),
  };
}
