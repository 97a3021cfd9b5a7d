/**
 * What a server lists, held against what is kept of it: the first use is believed, everything that comes later and is not
 * known waits for a word. Pure: the same record, list and surroundings give the same record.
 */

import { isObject, type JsonObject } from '@sallyport/wire';
import { canonicalText } from './canonical.ts';
import { changedMembers } from './changes.ts';
import type { LockedTools } from './lock.ts';
import { EVERYBODY, NO_PINS, type Accepted, type Pending, type ServerRecord, type ToolPins } from './record.ts';

/** A tool as it was listed. */
export interface Listed {
  readonly name: string;
  readonly hash: string;
  readonly tool: JsonObject;
}

export interface Sight {
  readonly tools: readonly Listed[];
  /** Who is told so: `EVERYBODY`, or an owner of whom nobody can tell who that is. */
  readonly reader: string;
  readonly nowMs: number;
}

export interface Surroundings {
  /** What the lock says of the server; undefined: nothing. */
  readonly locked: LockedTools | undefined;
  /** Why a name is doubted that is not known yet. */
  readonly doubts: (name: string) => readonly string[];
}

/** What was not so before. */
export interface News {
  readonly name: string;
  readonly hash: string;
  readonly changes: readonly string[];
  readonly isNew: boolean;
}

export interface Observed {
  /** The same object where nothing has changed. */
  readonly record: ServerRecord;
  readonly news: readonly News[];
}

/** Names that are kept of a server. What is beyond stays unknown. */
const MAX_TOOLS = 20_000;
/** Of one tool, of either kind. */
const MAX_DEFINITIONS = 8;
const MAX_READERS = 256;

export const OTHER_SERVER = 'another program or address stands behind the server’s name';
export const CAME_LATER = 'came after the first use of the server';

/** The definition that a tool is held against: the lock's is meant before what this machine knows. */
export function standing(pins: ToolPins, name: string, locked: LockedTools | undefined): readonly Accepted[] {
  if (locked === undefined) return pins.accepted;
  // What was believed at the first use is no approval, where somebody has written down what is meant.
  return [...(locked.get(name) ?? []), ...pins.accepted.filter(({ by }) => by === 'approval')];
}

export function observed(before: ServerRecord, sight: Sight, around: Surroundings): Observed {
  const record = new Map(before);
  const news: News[] = [];
  const names = new Set(sight.tools.map(({ name }) => name));
  const context: Context = {
    ...around,
    isFirst: around.locked === undefined && before.size === 0,
    vanished: lazily(() => shapesOf(before, names)),
  };
  for (const tool of sight.tools) {
    const pins = before.get(tool.name) ?? NO_PINS;
    if (pins === NO_PINS && record.size >= MAX_TOOLS) continue;
    const told = newsOf(tool, pins, context);
    put(record, tool.name, pinsAfter(pins, tool, told, sight));
    if (typeof told === 'object') news.push(told);
  }
  for (const [name, pins] of before) if (!names.has(name)) put(record, name, withoutReader(pins, sight.reader));
  return isSame(before, record) ? { record: before, news: [] } : { record, news };
}

interface Context extends Surroundings {
  readonly isFirst: boolean;
  readonly vanished: () => ReadonlyMap<string, string>;
}

/** Undefined: it does not stand, and that is known. */
function newsOf(tool: Listed, pins: ToolPins, context: Context): News | 'stands' | 'first use' | undefined {
  const { hash, name } = tool;
  const stands = standing(pins, name, context.locked);
  if (stands.some((each) => each.hash === hash)) return 'stands';
  if (pins.pending.some((each) => each.hash === hash)) return undefined;
  const latest = stands[0] ?? pins.pending[0];
  if (latest !== undefined) return { name, hash, changes: changesFrom(latest, tool.tool), isNew: false };
  const doubts = doubtsOf(tool, context);
  return context.isFirst && doubts.length === 0 ? 'first use' : { name, hash, changes: doubts, isNew: true };
}

function pinsAfter(pins: ToolPins, tool: Listed, told: ReturnType<typeof newsOf>, sight: Sight): ToolPins {
  if (told === 'stands') return withoutReader(pins, sight.reader);
  if (told === 'first use') return { accepted: [{ hash: tool.hash, tool: tool.tool, by: told }], pending: [] };
  const { changes = [], isNew = false } = told ?? {};
  return withPending(pins, { hash: tool.hash, tool: tool.tool, changes, isNew }, sight);
}

function doubtsOf({ name, tool }: Listed, { doubts, isFirst, vanished }: Context): string[] {
  const shape = isFirst ? undefined : shapeOf(tool);
  const former = shape === undefined ? undefined : vanished().get(shape);
  return [
    ...doubts(name),
    ...(former === undefined ? [] : [`renamed from ${former}: the schema is the same`]),
    ...(isFirst ? [] : [CAME_LATER]),
  ];
}

function changesFrom(before: { readonly tool: JsonObject }, tool: JsonObject): string[] {
  const members = changedMembers(before.tool, tool);
  return members.length === 0 ? [OTHER_SERVER] : members;
}

type Waiting = Omit<Pending, 'readers' | 'sinceMs'>;

function withPending(pins: ToolPins, { hash, tool, changes, isNew }: Waiting, { nowMs, reader }: Sight): ToolPins {
  const { accepted, pending } = withoutReader(pins, reader, hash);
  const known = pending.find((each) => each.hash === hash);
  if (known?.readers.includes(reader) === true) return { accepted, pending };
  if (known !== undefined) {
    const readers = [...known.readers, reader].slice(-MAX_READERS);
    return { accepted, pending: pending.map((each) => (each === known ? { ...known, readers } : each)) };
  }
  const added = { hash, tool, changes, isNew, sinceMs: nowMs, readers: [reader] };
  return { accepted, pending: [...pending, added].slice(-MAX_DEFINITIONS) };
}

/** It is not told these any more; a definition that nobody is told waits for nothing. */
function withoutReader(pins: ToolPins, reader: string, except?: string): ToolPins {
  const gone = ({ hash, readers }: Pending): boolean => hash !== except && readers.includes(reader);
  if (!pins.pending.some(gone)) return pins;
  const pending = pins.pending.flatMap((each) => {
    if (!gone(each)) return [each];
    const readers = each.readers.filter((other) => other !== reader);
    return readers.length === 0 ? [] : [{ ...each, readers }];
  });
  return { ...pins, pending };
}

function put(record: Map<string, ToolPins>, name: string, pins: ToolPins): void {
  if (pins.accepted.length === 0 && pins.pending.length === 0) record.delete(name);
  else record.set(name, pins);
}

function isSame(before: ServerRecord, after: ServerRecord): boolean {
  if (before.size !== after.size) return false;
  for (const [name, pins] of after) {
    const was = before.get(name);
    if (was === undefined) return false;
    if (was.accepted !== pins.accepted) return false;
    if (was.pending.length !== pins.pending.length) return false;
    if (!was.pending.every((each, at) => each === pins.pending[at])) return false;
  }
  return true;
}

/** Names of tools that are not listed any more, by what they took and gave. */
function shapesOf(record: ServerRecord, listed: ReadonlySet<string>): ReadonlyMap<string, string> {
  const shapes = new Map<string, string>();
  for (const [name, { accepted, pending }] of record) {
    if (listed.has(name)) continue;
    for (const { tool } of [...accepted, ...pending]) {
      const shape = shapeOf(tool);
      if (shape !== undefined && !shapes.has(shape)) shapes.set(shape, name);
    }
  }
  return shapes;
}

/** Undefined: it takes nothing that it could be known again by. */
function shapeOf({ inputSchema, outputSchema }: JsonObject): string | undefined {
  const properties = isObject(inputSchema) ? inputSchema['properties'] : undefined;
  if (!isObject(properties) || Object.keys(properties).length === 0) return undefined;
  return canonicalText({
    ...(isObject(inputSchema) && { inputSchema }),
    ...(isObject(outputSchema) && { outputSchema }),
  });
}

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/**
 * Somebody has looked, and wants what is offered. What everybody is told replaces what stood; what single principals are told
 * stands beside it, because others are told something else.
 */
export function approved(pins: ToolPins): ToolPins {
  const { accepted, pending } = pins;
  const isShared = pending.some(({ readers }) => readers.includes(EVERYBODY));
  const fresh = pending.map(({ hash, tool }): Accepted => ({ hash, tool, by: 'approval' })).toReversed();
  const kept = isShared ? [] : accepted.map((each): Accepted => ({ ...each, by: 'approval' }));
  return { accepted: [...fresh, ...kept].slice(0, MAX_DEFINITIONS), pending: [] };
}
