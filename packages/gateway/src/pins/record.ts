/**
 * What is kept of a server's tools: the definitions that stand, and those that were offered since and wait for a word. Facts
 * alone: what follows from them in which mode is in judging.ts. As read from the store it is untrusted, and checked.
 */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';

/** A definition that stands. */
export interface Accepted {
  readonly hash: string;
  readonly tool: JsonObject;
  /** Nobody has looked at what came with the first use. */
  readonly by: 'first use' | 'approval';
}

/** A definition that was offered and does not stand. */
export interface Pending {
  readonly hash: string;
  readonly tool: JsonObject;
  /** What is another than in the definition that stands, or why a tool that is new is doubted; for the operator. */
  readonly changes: readonly string[];
  /** The tool was not known before it. */
  readonly isNew: boolean;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
  /** To whom the server says it at present, by `readerOf`. */
  readonly readers: readonly string[];
}

/** Of one tool. */
export interface ToolPins {
  /** The one that stands longest last. A server that tells each principal something else has several. */
  readonly accepted: readonly Accepted[];
  readonly pending: readonly Pending[];
}

/** Of one server, by its own names of the tools. Tools that vanished stay: they may come back. */
export type ServerRecord = ReadonlyMap<string, ToolPins>;

export const NO_RECORD: ServerRecord = new Map();
/** The reader that stands for everybody. */
export const EVERYBODY = '';

export const NO_PINS: ToolPins = { accepted: [], pending: [] };

type Stored = null | boolean | number | string | readonly Stored[] | { readonly [name: string]: Stored };

/** As it goes into the store: a list of pairs, because names are a server's to choose. */
export function storedRecord(record: ServerRecord): Stored {
  return { tools: [...record].map(([name, pins]) => [name, pins]) } as unknown as Stored;
}

/** What cannot be read is left out. */
export function readRecord(value: unknown): ServerRecord {
  const tools = isObject(value) && Array.isArray(value['tools']) ? value['tools'] : [];
  return new Map(
    tools.flatMap((entry): [string, ToolPins][] => {
      const [name, pins] = Array.isArray(entry) ? entry : [];
      if (typeof name !== 'string' || !isObject(pins)) return [];
      return [[name, { accepted: listOf(pins['accepted'], accepted), pending: listOf(pins['pending'], pending) }]];
    }),
  );
}

function listOf<T>(value: JsonValue | undefined, read: (entry: JsonObject) => T | undefined): T[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((entry) => (isObject(entry) ? (read(entry) ?? []) : []));
}

function accepted({ by, hash, tool }: JsonObject): Accepted | undefined {
  if (typeof hash !== 'string' || !isObject(tool)) return undefined;
  return { hash, tool, by: by === 'approval' ? by : 'first use' };
}

function pending({ changes, hash, isNew, readers, sinceMs, tool }: JsonObject): Pending | undefined {
  if (typeof hash !== 'string' || !isObject(tool) || typeof sinceMs !== 'number') return undefined;
  return { hash, tool, sinceMs, isNew: isNew === true, changes: texts(changes), readers: texts(readers) };
}

function texts(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}
