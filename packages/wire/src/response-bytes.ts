/**
 * Recognising a response in the bytes of an upstream without parsing its result, so that only the id is replaced and
 * the rest is forwarded untouched. Two layouts are known: id before the result (most servers), and id at the end (the
 * TypeScript and C# SDKs). Everything else is left to a parser.
 *
 * The result's strings and brackets are followed to its end, because an upstream is not trusted: a second `id`, a
 * `method` or another message behind the result would reach the client as something else than the answer to its call.
 * Whether the result is JSON inside is not checked, and line breaks in it are kept: who writes to a transport that is
 * framed by lines looks with `isSingleLine` first.
 */

import type { Members, Span } from './json-text.ts';

/** The bytes of a successful response, cut at its id: `before` + id + `after` is the whole. */
export interface ResultBytes {
  readonly id: number;
  readonly before: Buffer;
  readonly after: Buffer;
}

const HEAD = /^\{"jsonrpc": ?"2\.0", ?"id": ?(0|[1-9]\d{0,14}), ?"result": ?\{/;
/** The shortest text before the digits of the id, and behind them. */
const HEAD_START = '{"jsonrpc":"2.0","id":';
const HEAD_END = ',"result":{';
const MAX_DIGITS = 15;
const RESULT_FIRST = /^\{"result": ?\{/;
/** The two members behind a result, in either order. */
const TAIL =
  /^, ?(?:"jsonrpc": ?"2\.0", ?"id": ?(?<last>0|[1-9]\d{0,14})|"id": ?(?<first>0|[1-9]\d{0,14}), ?"jsonrpc": ?"2\.0")\}$/;
/** More than the longest head and the longest tail. */
const EDGE_BYTES = 80;

/** Inside a string, so many bytes are looked at one by one before the native search for a quote is worth its call. */
const NEAR_BYTES = 64;

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const ZERO = 0x30;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * The id in the first bytes of a response, when it stands before the result. It promises nothing about the bytes that
 * are still to come: `scanResult` follows those.
 */
export function resultHead(bytes: Buffer): ResultBytes | undefined {
  return densestHead(bytes) ?? anyHead(bytes);
}

/** What nearly all servers write, without a string of it. */
function densestHead(bytes: Buffer): ResultBytes | undefined {
  const start = HEAD_START.length;
  if (!standsAt(bytes, 0, HEAD_START)) return undefined;
  let end = start;
  let id = 0;
  for (let digit = digitAt(bytes, end); digit !== -1; digit = digitAt(bytes, ++end)) id = id * 10 + digit;
  const digits = end - start;
  const isPlain = digits === 1 || (digits > 1 && digits <= MAX_DIGITS && bytes[start] !== ZERO);
  if (!isPlain || !standsAt(bytes, end, HEAD_END)) return undefined;
  return { id, before: bytes.subarray(0, start), after: bytes.subarray(end) };
}

function standsAt(bytes: Buffer, at: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) if (bytes[at + index] !== text.charCodeAt(index)) return false;
  return true;
}

function digitAt(bytes: Buffer, at: number): number {
  const digit = (bytes[at] ?? 0) - ZERO;
  return digit >= 0 && digit <= 9 ? digit : -1;
}

function anyHead(bytes: Buffer): ResultBytes | undefined {
  const found = HEAD.exec(bytes.toString('latin1', 0, EDGE_BYTES));
  if (found === null) return undefined;
  const digits = found[1] as string;
  return cut(bytes, found[0].indexOf(digits, HEAD_START.length), digits);
}

/**
 * A whole response that carries a result and nothing else. Undefined for errors, requests, notifications, unknown
 * layouts and anything behind the result. White space at the end is left off.
 */
export function resultBytes(message: Buffer): ResultBytes | undefined {
  const bytes = withoutSpaceAtEnd(message);
  const head = resultHead(bytes);
  if (head !== undefined) {
    const scan = new Scan();
    return scan.push(head.after) && scan.ended ? head : undefined;
  }
  return idAtEnd(bytes);
}

function idAtEnd(bytes: Buffer): ResultBytes | undefined {
  const found = RESULT_FIRST.exec(bytes.toString('latin1', 0, EDGE_BYTES));
  if (found === null) return undefined;
  const end = new Nesting(0).follow(bytes, found[0].length - 1);
  if (end === -1 || bytes.length - end > EDGE_BYTES) return undefined;
  const tail = bytes.toString('latin1', end);
  const groups = TAIL.exec(tail)?.groups;
  const digits = groups?.['last'] ?? groups?.['first'];
  if (digits === undefined) return undefined;
  return cut(bytes, end + tail.indexOf(digits, tail.indexOf('"id"')), digits);
}

function cut(bytes: Buffer, start: number, digits: string): ResultBytes {
  return { id: Number(digits), before: bytes.subarray(0, start), after: bytes.subarray(start + digits.length) };
}

function withoutSpaceAtEnd(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > 0 && isSpace(bytes[end - 1])) end--;
  return end === bytes.length ? bytes : bytes.subarray(0, end);
}

function isSpace(byte: number | undefined): boolean {
  return byte === SPACE || byte === LF || byte === CR || byte === TAB;
}

/** Follows a response that arrives in pieces, behind the head that `resultHead` has found. */
export interface ResultScan {
  /**
   * Takes the next bytes: first `after` of the head, then every chunk. False when something else than the end of the
   * message follows the result: then these bytes must not be forwarded, and the message has to be cut off.
   */
  push(bytes: Buffer): boolean;
  /** True when the message is complete. A body that ends earlier is broken. */
  readonly ended: boolean;
}

export function scanResult(): ResultScan {
  return new Scan();
}

/**
 * The members of the object that opens at or after `at`, as `members` finds them in a text: spans are of bytes, names have one
 * character for each byte. Undefined for an object that breaks off, too.
 */
export function membersOfBytes(bytes: Buffer, at: number): Members | undefined {
  const open = behindSpace(bytes, at);
  if (bytes[open] !== OPEN_OBJECT) return undefined;
  const found = new Map<string, Span>();
  let cursor = behindSpace(bytes, open + 1);
  while (bytes[cursor] === QUOTE) {
    const nameEnd = closingQuote(bytes, cursor + 1);
    const name = bytes.toString('latin1', cursor + 1, nameEnd);
    if (name.includes('\\') || found.has(name)) return undefined;
    const start = behindSpace(bytes, behindSpace(bytes, nameEnd + 1) + 1);
    const end = endOfValue(bytes, start);
    found.set(name, { start, end });
    cursor = behindSpace(bytes, end);
    if (bytes[cursor] === COMMA) cursor = behindSpace(bytes, cursor + 1);
  }
  return bytes[cursor] === CLOSE_OBJECT ? found : undefined;
}

function behindSpace(bytes: Buffer, at: number): number {
  let index = at;
  while (isSpace(bytes[index])) index++;
  return index;
}

function endOfValue(bytes: Buffer, start: number): number {
  const first = bytes[start];
  if (first === QUOTE) return Math.min(closingQuote(bytes, start + 1) + 1, bytes.length);
  if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
    const end = new Nesting(0).follow(bytes, start);
    return end === -1 ? bytes.length : end;
  }
  let at = start;
  while (at < bytes.length && !isSpace(bytes[at]) && bytes[at] !== COMMA && bytes[at] !== CLOSE_OBJECT) at++;
  return at;
}

class Scan implements ResultScan {
  /** Starts inside the outermost object; the result is over when the nesting is back there. */
  readonly #result: Nesting = new Nesting(1);
  #inResult = true;
  ended = false;

  push(bytes: Buffer): boolean {
    let at = 0;
    if (this.#inResult) {
      at = this.#result.follow(bytes, 0);
      if (at === -1) return true;
      this.#inResult = false;
    }
    for (; at < bytes.length; at++) {
      if (isSpace(bytes[at])) continue;
      if (this.ended || bytes[at] !== CLOSE_OBJECT) return false;
      this.ended = true;
    }
    return true;
  }
}

/** Brackets and strings of JSON, followed through any chunking until the nesting is back at `floor`. */
class Nesting {
  readonly #floor: number;
  #depth: number;
  #inString = false;
  /** The first byte to come belongs to an escape. */
  #escaped = false;

  constructor(floor: number) {
    this.#floor = floor;
    this.#depth = floor;
  }

  /** Index just past the bracket that closes the value; -1 when it is not in these bytes. */
  follow(bytes: Buffer, from: number): number {
    const { length } = bytes;
    let depth = this.#depth;
    let at = from;
    if (this.#inString && from < length) at = closingQuote(bytes, this.#escaped ? from + 1 : from) + 1;
    while (at < length) {
      const byte = bytes[at++];
      if (byte === QUOTE) at = closingQuote(bytes, at) + 1;
      else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++;
      else if ((byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) && --depth <= this.#floor) return at;
    }
    this.#depth = depth;
    if (from < length) {
      this.#inString = at > length;
      this.#escaped = at > length + 1;
    }
    return -1;
  }
}

/**
 * Index of the quote that closes the string that goes on at `from`; the length when it is not in these bytes, one more
 * when the last byte is a backslash that escapes what comes next. Short strings and dense escapes are quickest byte by
 * byte, long stretches by the native search; after a look by either the other has its turn, so the whole is linear.
 */
function closingQuote(bytes: Buffer, from: number): number {
  const length = bytes.length;
  let at = from;
  while (at < length) {
    const near = Math.min(at + NEAR_BYTES, length);
    while (at < near) {
      const byte = bytes[at];
      if (byte === QUOTE) return at;
      at += byte === BACKSLASH ? 2 : 1;
    }
    if (at >= length) break;
    const quote = bytes.indexOf(QUOTE, at);
    const end = quote === -1 ? length : quote;
    const odd = slashesBefore(bytes, end, at) % 2;
    if (odd === 0) return end;
    at = end + 1;
  }
  return at;
}

/** How many backslashes stand in `[from, end)` without a gap before `end`. */
function slashesBefore(bytes: Buffer, end: number, from: number): number {
  let at = end;
  while (at > from && bytes[at - 1] === BACKSLASH) at--;
  return end - at;
}
