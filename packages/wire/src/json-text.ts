/**
 * Looking at JSON text without building values: how deep and how large it is, and where the members of an object
 * stand, so that one can be replaced and every other byte is forwarded as it came (numbers beyond a double included).
 * `members` expects text that JSON.parse has accepted.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const SPACE = 0x20;

/** Index just past the string whose opening quote is at `start`; the text's length when it never closes. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let slashes = 0;
    while (text.charCodeAt(quote - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return quote + 1;
  }
  return text.length;
}

/**
 * What of the text goes past a limit, before any parser sees it: `'levels'` when it nests deeper than `maxDepth`,
 * `'members'` when it has more than `maxMembers` members and elements in all. Linear in the text's length.
 */
export function exceedsShape(text: string, maxDepth: number, maxMembers: number): 'levels' | 'members' | undefined {
  let depth = 0;
  let members = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at) - 1;
        break;
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        if (++depth > maxDepth) return 'levels';
        break;
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        depth--;
        break;
      case COMMA:
        if (++members > maxMembers) return 'members';
        break;
    }
  }
  return undefined;
}

/** Where a value stands in its text: `[start, end)`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Members of the object whose brace is at `at`; undefined when a key is written twice or with an escape. */
export type Members = ReadonlyMap<string, Span>;

/**
 * The members of the object that opens at or after `at`. Undefined when two members have the same key or a key is
 * spelled with an escape: such text means different things to different parsers, so it must not be forwarded as bytes.
 */
export function members(text: string, at: number): Members | undefined {
  const found = new Map<string, Span>();
  let cursor = skipSpace(text, skipSpace(text, at) + 1);
  while (text.charCodeAt(cursor) === QUOTE) {
    const keyEnd = endOfString(text, cursor);
    const key = text.slice(cursor + 1, keyEnd - 1);
    if (key.includes('\\') || found.has(key)) return undefined;
    const start = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const end = endOfValue(text, start);
    found.set(key, { start, end });
    cursor = skipSpace(text, end);
    if (text.charCodeAt(cursor) === COMMA) cursor = skipSpace(text, cursor + 1);
  }
  return found;
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

/** Applies edits, which must not overlap, in any order. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const sorted = edits.length > 1 ? edits.toSorted((a, b) => a.start - b.start) : edits;
  let result = '';
  let done = 0;
  for (const edit of sorted) {
    result += text.slice(done, edit.start) + edit.text;
    done = edit.end;
  }
  return result + text.slice(done);
}
