/**
 * What one message of a server is: a line of its stdout, a frame, an event or a body. A successful response is
 * cut at its id without parsing its result where its layout allows; everything else goes through the parser. Says what a
 * line is, not whom it concerns.
 */

import {
  members,
  readMessage,
  resultBytes,
  resultHead,
  type JsonRpcErrorObject,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type MessageLimits,
  type RequestId,
  type ResultBytes,
} from '@sallyport/wire';

export type Decoded =
  | ({ readonly kind: 'result' } & ResultBytes)
  /** `id` is absent when the server could not read the id of what it complains about. */
  | { readonly kind: 'error'; readonly id: RequestId | undefined; readonly error: JsonRpcErrorObject }
  | { readonly kind: 'request'; readonly message: JsonRpcRequest }
  | { readonly kind: 'notification'; readonly message: JsonRpcNotification }
  /** Only in 2025-03-26. Each entry is a line of its own. */
  | { readonly kind: 'batch'; readonly lines: readonly Buffer[] }
  /** A response that can be told apart by its id but not forwarded. */
  | { readonly kind: 'broken'; readonly id: number; readonly reason: string }
  | { readonly kind: 'noise'; readonly reason: string };

/**
 * Up to this size a response is parsed to see that its result is JSON; the time this takes is small beside a call.
 * Above it, only the structure is followed.
 */
const PROVEN_BYTES = 16 * 1024;

/** The results of servers are larger than what clients send, and fewer. */
const LIMITS: MessageLimits = { depth: 128, members: 2_000_000, batch: 1000 };

/** Never throws. The Buffers of a result are views of `line`. */
export function decodeLine(line: Buffer): Decoded {
  const cut = resultBytes(line);
  if (cut !== undefined && (line.length > PROVEN_BYTES || isJson(line))) {
    return { kind: 'result', id: cut.id, before: cut.before, after: cut.after };
  }
  const decoded = decodeText(line.toString('utf8'));
  if (cut !== undefined && decoded.kind === 'noise') return { kind: 'broken', id: cut.id, reason: decoded.reason };
  if (decoded.kind !== 'broken') return decoded;
  // Of several ids the one that stands where it should says which call the server meant.
  return { ...decoded, id: resultHead(line)?.id ?? decoded.id };
}

function isJson(line: Buffer): boolean {
  try {
    // Only structure is asked for, so the cheapest decoding of the bytes does.
    JSON.parse(line.toString('latin1'));
    return true;
  } catch {
    return false;
  }
}

function decodeText(text: string): Decoded {
  const incoming = readMessage(text, LIMITS);
  switch (incoming.kind) {
    case 'request':
    case 'notification':
      return incoming;
    case 'response':
      if ('error' in incoming.message) {
        return { kind: 'error', id: incoming.message.id, error: incoming.message.error };
      }
      return cutText(text, incoming.message.id);
    case 'batch':
      return { kind: 'batch', lines: incoming.entries.map((entry) => Buffer.from(JSON.stringify(entry))) };
    default:
      return typeof incoming.id === 'number'
        ? { kind: 'broken', id: incoming.id, reason: incoming.error.error.message }
        : { kind: 'noise', reason: incoming.error.error.message };
  }
}

function cutText(text: string, id: RequestId): Decoded {
  if (typeof id !== 'number') return { kind: 'noise', reason: 'The id of a response is none that was sent.' };
  const span = members(text, 0)?.get('id');
  if (span === undefined) {
    return { kind: 'broken', id, reason: 'A member of the response is written twice or with an escape.' };
  }
  return {
    kind: 'result',
    id,
    before: Buffer.from(text.slice(0, span.start)),
    after: Buffer.from(text.slice(span.end)),
  };
}

/** What a message was that was too large to be kept. */
export type Oversized =
  | { readonly kind: 'response'; readonly id: number }
  /** A request or a notification of the server: no call waits for it. */
  | { readonly kind: 'said' }
  | { readonly kind: 'unknown' };

const VERSION = '"jsonrpc" ?: ?"2\\.0"';
const ID = '"id" ?: ?(?<id>0|[1-9]\\d{0,14})';
/** An id before the result: in either order with the version, or without one. */
const HEAD_ID = new RegExp(
  `^\\{ ?(?:${VERSION} ?, ?${ID}|${ID.replace('<id>', '<first>')}(?: ?, ?${VERSION})?) ?, ?"(?:result|error)"`,
);
const HEAD_RESULT = new RegExp(`^\\{ ?(?:${VERSION} ?, ?)?"(?:result|error)"`);
const HEAD_METHOD = new RegExp(`^\\{ ?(?:${VERSION} ?, ?)?(?:"id" ?: ?[^,]{1,300}, ?)?"method"`);
/**
 * An id as the last member but for the version. Where a quote follows a comma and a name follows the quote, no string can
 * have been open, and the last brace closes the message: so this is its own id, whatever came before.
 */
const TAIL_ID = new RegExp(`, ?${ID} ?(?:, ?${VERSION} ?)?\\}\\s*$`);

/**
 * Looks for the id at the edges of a message. A server that writes something else there than it should is believed: it
 * could as well answer that id.
 */
export function oversizeOf(head: Buffer, tail: Buffer | undefined): Oversized {
  const start = head.toString('latin1');
  const atStart = HEAD_ID.exec(start)?.groups;
  const found = atStart?.['id'] ?? atStart?.['first'];
  if (found !== undefined) return { kind: 'response', id: Number(found) };
  if (HEAD_METHOD.test(start)) return { kind: 'said' };
  if (tail === undefined || !HEAD_RESULT.test(start)) return { kind: 'unknown' };
  const atEnd = TAIL_ID.exec(tail.toString('latin1'))?.groups?.['id'];
  return atEnd === undefined ? { kind: 'unknown' } : { kind: 'response', id: Number(atEnd) };
}
