/**
 * Looking at JSON text without building values: how deep and how large it is, and where the members of an object
 * stand, so that one can be replaced and every other byte is forwarded as it came (numbers beyond a double included).
 * It does not validate: what it says holds for text that JSON.parse accepts (RFC 8259), and for other text it only
 * ends, in time linear in the text's length.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const SPACE = 0x20;

/** Behind an escaped quote, so many characters are looked at one by one before the native search is worth its call. */
const NEAR_CHARACTERS = 64;

/**
 * Index just past the string whose opening quote is at `start`; the text's length when it never closes.
 * A run of backslashes is counted once, by the quote behind it, so the whole is linear.
 */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (let quote = text.indexOf('"', at); quote !== -1; quote = text.indexOf('"', at)) {
    let slashes = 0;
    while (text.charCodeAt(quote - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return quote + 1;
    at = quote + 1;
    const near = Math.min(at + NEAR_CHARACTERS, text.length);
    while (at < near) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) return at + 1;
      at += code === BACKSLASH ? 2 : 1;
    }
  }
  return text.length;
}

/** What goes past a limit: nesting, or the number of values. */
export type Excess = 'levels' | 'members';

/** The shape of a text: what of it goes past a limit, and how many member names its objects have in all. */
export interface Shape {
  readonly excess: Excess | undefined;
  /** Complete only without an excess. */
  readonly names: number;
}

/**
 * The shape of a text before any parser sees it. Every value but the first stands behind an opening bracket or a
 * comma, so these are what is counted against `maxMembers`; an empty object or array counts one more.
 */
export function shapeOf(text: string, maxDepth: number, maxMembers: number): Shape {
  let depth = 0;
  let values = 0;
  let names = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at) - 1;
        break;
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        if (++depth > maxDepth) return { excess: 'levels', names };
        if (++values > maxMembers) return { excess: 'members', names };
        break;
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        depth--;
        break;
      case COMMA:
        if (++values > maxMembers) return { excess: 'members', names };
        break;
      case COLON:
        names++;
        break;
    }
  }
  return { excess: undefined, names };
}

/**
 * What of the text goes past a limit, before any parser sees it: `'levels'` when it nests deeper than `maxDepth`,
 * `'members'` when it has more than `maxMembers` members and elements in all. Linear in the text's length.
 */
export function exceedsShape(text: string, maxDepth: number, maxMembers: number): Excess | undefined {
  return shapeOf(text, maxDepth, maxMembers).excess;
}

/** Where a value stands in its text: `[start, end)`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The members of an object by name, in the order of the text. */
export type Members = ReadonlyMap<string, Span>;

/**
 * The members of the object that opens at or after `at`. Undefined when no object opens there, when two members have
 * the same name or when a name is spelled with an escape: such text means different things to different parsers, so it
 * must not be forwarded as bytes. Only the names of this object are looked at, not those of objects inside.
 */
export function members(text: string, at: number): Members | undefined {
  const open = skipSpace(text, at);
  if (text.charCodeAt(open) !== OPEN_OBJECT) return undefined;
  const found = new Map<string, Span>();
  return collect(text, open, found, undefined) === -1 ? undefined : found;
}

/** The members of an object, and those of an object in it. */
export interface NestedMembers {
  readonly outer: Members;
  /** Undefined when the object has no such member, or one that is no object. */
  readonly inner: Members | undefined;
}

/** What `members` says of the object at or after `at` and of its member `name`, in one pass. Undefined when it would be for either. */
export function nestedMembers(text: string, at: number, name: string): NestedMembers | undefined {
  const open = skipSpace(text, at);
  if (text.charCodeAt(open) !== OPEN_OBJECT) return undefined;
  const outer = new Map<string, Span>();
  const inside: Inside = { name, members: undefined };
  return collect(text, open, outer, inside) === -1 ? undefined : { outer, inner: inside.members };
}

interface Inside {
  readonly name: string;
  members: Map<string, Span> | undefined;
}

/** Collects the members of the object that opens at `open`. The index just past it; -1 when its names are not plain. */
function collect(text: string, open: number, into: Map<string, Span>, inside: Inside | undefined): number {
  let cursor = skipSpace(text, open + 1);
  while (text.charCodeAt(cursor) === QUOTE) {
    const nameEnd = endOfString(text, cursor);
    const name = text.slice(cursor + 1, nameEnd - 1);
    if (name.includes('\\') || into.has(name)) return -1;
    const start = skipSpace(text, skipSpace(text, nameEnd) + 1);
    let end: number;
    if (inside !== undefined && name === inside.name && text.charCodeAt(start) === OPEN_OBJECT) {
      inside.members = new Map();
      end = collect(text, start, inside.members, undefined);
      if (end === -1) return -1;
    } else end = endOfValue(text, start);
    into.set(name, { start, end });
    cursor = skipSpace(text, end);
    if (text.charCodeAt(cursor) === COMMA) cursor = skipSpace(text, cursor + 1);
  }
  return Math.min(cursor + 1, text.length);
}

function skipSpace(text: string, at: number): number {
  let index = at;
  while (index < text.length && text.charCodeAt(index) <= SPACE) index++;
  return index;
}

function endOfValue(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === QUOTE) return endOfString(text, start);
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) return endOfScalar(text, start);
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at) - 1;
    else if (code === OPEN_OBJECT || code === OPEN_ARRAY) depth++;
    else if ((code === CLOSE_OBJECT || code === CLOSE_ARRAY) && --depth === 0) return at + 1;
  }
  return text.length;
}

function endOfScalar(text: string, start: number): number {
  let at = start;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === COMMA || code === CLOSE_OBJECT || code === CLOSE_ARRAY || code <= SPACE) break;
    at++;
  }
  return at;
}

/** One replacement in a text. */
export interface Edit extends Span {
  readonly text: string;
}

/** Applies edits, which must not overlap, in any order. Insertions at one place keep the order they were given in. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const sorted = isInOrder(edits) ? edits : edits.toSorted((a, b) => a.start - b.start);
  let result = '';
  let done = 0;
  for (const edit of sorted) {
    result += text.slice(done, edit.start) + edit.text;
    done = edit.end;
  }
  return result + text.slice(done);
}

function isInOrder(edits: readonly Edit[]): boolean {
  let before = 0;
  for (const { start } of edits) {
    if (start < before) return false;
    before = start;
  }
  return true;
}
