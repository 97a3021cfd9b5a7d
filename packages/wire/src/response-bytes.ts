/**
 * Recognising a response in the bytes of an upstream without parsing its result, so that only the id is replaced and
 * the rest is forwarded untouched. Two layouts are known: id before the result (most servers) and id at the end
 * (the TypeScript SDK). Everything else is left to a parser.
 */

/** The bytes of a successful response, cut at its id: `before` + id + `after` is the whole. */
export interface ResultBytes {
  readonly id: number;
  readonly before: Buffer;
  readonly after: Buffer;
}

const HEAD = /^\{"jsonrpc": ?"2\.0", ?"id": ?(\d{1,15}), ?"result": ?\{/;
const RESULT_FIRST = /^\{"result": ?\{/;
/** The last member of the outermost object: the byte before its key is a comma, so the quote opens the key. */
const TAIL = /,"jsonrpc":"2\.0","id":(\d{1,15})\}$/;
const HEAD_BYTES = 96;
const TAIL_BYTES = 48;

/** The digits of the id in the first bytes of a response, when it stands before the result. */
export function resultHead(bytes: Buffer): ResultBytes | undefined {
  const found = HEAD.exec(bytes.toString('latin1', 0, HEAD_BYTES));
  if (found === null) return undefined;
  const digits = found[1] as string;
  const start = found[0].indexOf(digits, found[0].indexOf('"id"'));
  return cut(bytes, start, digits);
}

/** A whole response that carries a result. Undefined for errors, requests, notifications and unknown layouts. */
export function resultBytes(bytes: Buffer): ResultBytes | undefined {
  const last = bytes[bytes.length - 1];
  if (last !== 0x7d) return undefined;
  const head = resultHead(bytes);
  if (head !== undefined) return head;
  if (!RESULT_FIRST.test(bytes.toString('latin1', 0, 16))) return undefined;
  const from = Math.max(0, bytes.length - TAIL_BYTES);
  const found = TAIL.exec(bytes.toString('latin1', from));
  if (found === null) return undefined;
  const digits = found[1] as string;
  return cut(bytes, bytes.length - 1 - digits.length, digits);
}

function cut(bytes: Buffer, start: number, digits: string): ResultBytes {
  return { id: Number(digits), before: bytes.subarray(0, start), after: bytes.subarray(start + digits.length) };
}
