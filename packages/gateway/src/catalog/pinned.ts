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

/** What the pins say of one definition of a tool. */
export interface PinVerdict {
  /** `quarantined`: it is not shown, and calls are refused. */
  readonly state: 'new' | 'approved' | 'changed' | 'quarantined';
  /** Clients are told: it is not the definition that stands. */
  readonly isFlagged: boolean;
  /** Annotations that stand; null: there are none; undefined: what was seen first counts. */
  readonly annotations: JsonObject | null | undefined;
}

/** Of the tools of one server. The same function as long as the pins are the same. */
export type ServerPins = (tool: JsonObject) => PinVerdict;

/** Where lists are held against the pins before they come into force. */
export interface Pins {
  /** By server; nothing is said of those that are not there. Another map when something in it is another. */
  readonly table: ReadonlyMap<string, ServerPins>;
  /**
   * A server lists these tools: to everybody, or to one owner (`Owner.key`). Resolves when the table knows them; rejects where
   * they must not come into force.
   */
  observe(server: string, tools: readonly JsonObject[], owner?: string): Promise<void>;
  onChanged(listener: () => void): void;
}

/** `_meta` of a tool whose definition is not the one that stands. */
const META_PIN = 'sallyport/pin';

/** The definition as clients see it. What a server says of its own pins is taken out. */
export function flagged(tool: JsonObject, verdict: PinVerdict | undefined): JsonObject {
  const meta = tool['_meta'];
  const { [META_PIN]: said, ...others } = isObject(meta) ? meta : {};
  if (verdict?.isFlagged === true) return { ...tool, _meta: { ...others, [META_PIN]: verdict.state } };
  return said === undefined ? tool : { ...tool, _meta: others };
}

/**
 * The stricter of what was pinned and what is said now, hint by hint; a tool that was not pinned has no annotations. What a
 * person has approved (`approved`) counts before what was seen first.
 */
export function believed(
  pinned: PinnedAnnotations,
  tool: JsonObject,
  approved?: JsonObject | null,
): JsonObject | undefined {
  const name = tool['name'] as string;
  const seen = Object.hasOwn(pinned, name) ? pinned[name] : null;
  const before = approved === undefined ? seen : approved;
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
