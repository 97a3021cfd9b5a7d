/**
 * Whether a reply is the answer to its call. Every reply is searched for the id and the call's own text, without a parse,
 * so that the generator costs little; who wants certainty parses some of them whole (`deepProblem`).
 */

import { FILLER } from '../upstream/protocol.ts';

export interface Expected {
  readonly id: number;
  /** Unlike that of every other call. */
  readonly text: string;
  /** Length of the text that comes back; `text` is its beginning. */
  readonly bytes: number;
}

/** How much of either end of a large reply is searched. */
const EDGE_BYTES = 1024;
const SMALL_BYTES = 64 * 1024;
/** So much of a text is enough to know it again. */
const MARK_LENGTH = 48;
const SHOWN = 200;

/** Text for the call `id`, as long as wanted but never shorter than its mark. */
export function callText(id: number, bytes: number): string {
  const mark = `n${id}-`;
  return mark + 'x'.repeat(Math.max(0, bytes - mark.length));
}

function head(parts: readonly Buffer[], bytes: number): Buffer {
  let taken = 0;
  const count = parts.findIndex((part) => (taken += part.length) >= bytes) + 1;
  return Buffer.concat(count === 0 ? parts : parts.slice(0, count)).subarray(0, bytes);
}

function tail(parts: readonly Buffer[], bytes: number): Buffer {
  let taken = 0;
  let first = parts.length;
  while (first > 0 && taken < bytes) taken += parts[--first]?.length ?? 0;
  return Buffer.concat(parts.slice(first)).subarray(-bytes);
}

function hasId(bytes: Buffer, id: number): boolean {
  const key = `"id":${id}`;
  const at = bytes.indexOf(key);
  if (at < 0) return false;
  const next = bytes[at + key.length];
  return next === undefined || next === 0x2c || next === 0x7d;
}

/** What is wrong, as far as a search shows; undefined: nothing. */
export function problem(expected: Expected, parts: readonly Buffer[], bytes: number): string | undefined {
  if (bytes < expected.bytes) return `${bytes} bytes are fewer than the text of ${expected.bytes}`;
  const [only] = parts;
  const isSmall = bytes <= SMALL_BYTES;
  const edges = isSmall
    ? [parts.length === 1 && only !== undefined ? only : Buffer.concat(parts)]
    : [head(parts, EDGE_BYTES), tail(parts, EDGE_BYTES)];
  const shown = (): string => edges[0]?.toString('latin1', 0, SHOWN) ?? '';
  if (!edges.some((edge) => hasId(edge, expected.id))) return `no id ${expected.id} in ${shown()}`;
  const mark = expected.text.slice(0, MARK_LENGTH);
  if (!edges.some((edge) => edge.includes(mark))) return `no text ${mark} in ${shown()}`;
  return undefined;
}

/** The JSON of the last message with an id on an event stream; undefined when there is none. */
export function lastMessage(stream: string): string | undefined {
  return stream
    .split(/\r?\n\r?\n/)
    .map((event) =>
      event
        .split(/\r?\n/)
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice('data:'.length).trimStart())
        .join('\n'),
    )
    .findLast((data) => data.includes('"id":'));
}

interface ToolReply {
  readonly id?: unknown;
  readonly result?: { readonly isError?: boolean; readonly content?: readonly { readonly text?: string }[] };
}

function parsed(json: string | undefined): ToolReply | undefined {
  try {
    return JSON.parse(json ?? '') as ToolReply;
  } catch {
    return undefined;
  }
}

/** What is wrong with a reply that is parsed whole and compared to the last character; undefined: nothing. */
export function deepProblem(expected: Expected, text: string, isStream: boolean): string | undefined {
  const reply = parsed(isStream ? lastMessage(text) : text);
  if (reply === undefined) return `not JSON: ${text.slice(0, SHOWN)}`;
  const got = (reply.result?.content ?? []).map((each) => each.text ?? '').join('');
  const wanted = expected.text + FILLER.slice(0, expected.bytes - expected.text.length);
  if (reply.id !== expected.id || reply.result?.isError === true || got !== wanted) {
    return `another answer than call ${expected.id} must get: ${text.slice(0, SHOWN)}`;
  }
  return undefined;
}
