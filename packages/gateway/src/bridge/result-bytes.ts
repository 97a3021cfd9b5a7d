/**
 * Changing a result without building it: the response's bytes, with members put at the front of its result or left out.
 */

import { UpstreamError, type ResultAnswer } from '@sallyport/client';
import type { Exchange } from '@sallyport/server';
import {
  isObject,
  membersOfBytes,
  mergeObjects,
  META_PREFIX,
  withoutEnvelope,
  type JsonObject,
  type JsonRpcResult,
  type JsonValue,
  type Members,
} from '@sallyport/wire';

const HEAD = '{"jsonrpc":"2.0","id":';
const TAIL = ',"result":';
/** How the text of a response with id 0 begins, which most servers write like that. */
const START = `${HEAD}0`;

/**
 * The response from behind its id on, where the id stands before the result: `,"result":{…}}`. Rejects when its body breaks
 * off, or its client goes before it is there.
 */
export async function resultBytes(answer: ResultAnswer, exchange: Pick<Exchange, 'onCancel'>): Promise<Buffer> {
  const { after, before, rest } = answer;
  const parts = [after];
  if (rest !== undefined) {
    await new Promise<void>((resolve, reject) => {
      // A rest that is given up says nothing more to whoever it was piped to.
      exchange.onCancel(() => reject(new UpstreamError('cancelled', 'The client went in the middle of its answer.')));
      rest.pipe({ write: (chunk) => parts.push(chunk) > 0, end: resolve, fail: reject });
    });
  }
  const bytes = parts.length === 1 ? after : Buffer.concat(parts);
  return bytes.toString('latin1', 0, TAIL.length) === TAIL
    ? bytes
    : reordered(Buffer.concat([before, Buffer.from('0'), bytes]));
}

function reordered(response: Buffer): Buffer {
  const span = membersOfBytes(response, 0)?.get('result');
  const result =
    span === undefined
      ? Buffer.from(JSON.stringify((JSON.parse(response.toString()) as JsonRpcResult).result))
      : response.subarray(span.start, span.end);
  return Buffer.concat([Buffer.from(TAIL), result, Buffer.from('}')]);
}

/** The whole response as text, with id 0. Rejects as `resultBytes` does. */
export async function resultText(answer: ResultAnswer, exchange: Pick<Exchange, 'onCancel'>): Promise<string> {
  return START + (await resultBytes(answer, exchange)).toString();
}

/** The result of bytes as `resultBytes` gives them. */
export function parsedResult(bytes: Buffer): JsonObject {
  return (JSON.parse(START + bytes.toString()) as JsonRpcResult).result;
}

/**
 * The response cut at its id again, with `front`, whose names are ASCII, put before the members of the result that it does
 * not have yet; an object that it has gets what is missing in it.
 */
export function withFront(bytes: Buffer, front: JsonObject): ResultAnswer {
  const inner = membersOfBytes(bytes, TAIL.length);
  if (inner === undefined) return cut([Buffer.from(JSON.stringify(mergeObjects(parsedResult(bytes), front)))], '}');
  const insertions: Insertion[] = [];
  let added = '';
  for (const [name, value] of Object.entries(front)) {
    const span = inner.get(name);
    if (span === undefined) added += `${JSON.stringify(name)}:${JSON.stringify(value)},`;
    else if (isObject(value)) insertions.push(...insertion(bytes, span.start, value));
  }
  if (added !== '') {
    const at = bytes.indexOf('{', TAIL.length) + 1;
    insertions.unshift({ at, text: inner.size === 0 ? added.slice(0, -1) : added });
  }
  return cut(withInsertions(bytes.subarray(TAIL.length), insertions), '');
}

interface Insertion {
  /** Index of a byte of the response. */
  readonly at: number;
  readonly text: string;
}

/** What puts the members of `value` which an object of the response lacks at its front. */
function insertion(bytes: Buffer, at: number, value: JsonObject): Insertion[] {
  const there = membersOfBytes(bytes, at);
  if (there === undefined) return [];
  const lacking = Object.entries(value).filter(([name]) => !there.has(name));
  if (lacking.length === 0) return [];
  const list = JSON.stringify(Object.fromEntries(lacking)).slice(1, -1);
  return [{ at: at + 1, text: there.size === 0 ? list : `${list},` }];
}

function withInsertions(result: Buffer, insertions: readonly Insertion[]): Buffer[] {
  const parts: Buffer[] = [];
  let done = 0;
  for (const { at, text } of insertions.toSorted((a, b) => a.at - b.at)) {
    const index = at - TAIL.length;
    parts.push(result.subarray(done, index), Buffer.from(text));
    done = index;
  }
  return [...parts, result.subarray(done)];
}

/** What 2026-07-28 says of a complete result. Any other type is a word between the server and the client. */
const COMPLETE = '"complete"';
/** What it says of the results that may be kept (2026-07-28, "Caching"). */
const CACHING: ReadonlySet<string> = new Set(['ttlMs', 'cacheScope']);

/**
 * The response cut at its id again, without what only the stateless era says of every result. Whether its caching is said
 * too depends on the method: elsewhere such a member is the server's own.
 */
export function withoutEra(bytes: Buffer, isCacheable: boolean): ResultAnswer {
  const plain = membersOfBytes(bytes, TAIL.length);
  const entries = plain === undefined ? rewritten(bytes) : written(bytes, plain);
  const parts: Buffer[] = [];
  for (const [name, given] of entries) {
    const value = name === '_meta' ? ownMeta(given) : given;
    const isOfEra =
      (name === 'resultType' && value?.toString('latin1') === COMPLETE) || (isCacheable && CACHING.has(name));
    if (value === undefined || isOfEra) continue;
    parts.push(Buffer.from(`${parts.length === 0 ? '{' : ','}"${name}":`, 'latin1'), value);
  }
  return cut(parts.length === 0 ? [Buffer.from('{')] : parts, '}}');
}

/** The response cut at its id again, with other members in its result; undefined takes one out. All else stays as it was written. */
export function withMembers(bytes: Buffer, changes: Readonly<Record<string, JsonValue | undefined>>): ResultAnswer {
  const plain = membersOfBytes(bytes, TAIL.length);
  const parts: Buffer[] = [];
  const put = (name: string, value: Buffer): void =>
    void parts.push(Buffer.from(`${parts.length === 0 ? '{' : ','}"${name}":`, 'latin1'), value);
  for (const [name, value] of plain === undefined ? rewritten(bytes) : written(bytes, plain)) {
    if (!Object.hasOwn(changes, name)) put(name, value);
  }
  for (const [name, value] of Object.entries(changes)) {
    if (value !== undefined) put(name, Buffer.from(JSON.stringify(value)));
  }
  return cut(parts.length === 0 ? [Buffer.from('{')] : parts, '}}');
}

/** Names as they are written, one character for each byte, and what is called so. */
type Entries = Iterable<readonly [string, Buffer]>;

/** As they came, where that is one thing to every parser. */
function* written(bytes: Buffer, plain: Members): Entries {
  for (const [name, { start, end }] of plain) yield [name, bytes.subarray(start, end)];
}

function* rewritten(bytes: Buffer): Entries {
  for (const [name, value] of Object.entries(parsedResult(bytes))) {
    const spelled = Buffer.from(JSON.stringify(name)).toString('latin1');
    yield [spelled.slice(1, -1), Buffer.from(JSON.stringify(value))];
  }
}

/** `_meta` without the envelope's keys; undefined when nothing is left of it. */
function ownMeta(bytes: Buffer): Buffer | undefined {
  const meta: unknown = JSON.parse(bytes.toString());
  if (!isObject(meta) || !Object.keys(meta).some((name) => name.startsWith(META_PREFIX))) return bytes;
  const own = withoutEnvelope(meta);
  return Object.keys(own).length === 0 ? undefined : Buffer.from(JSON.stringify(own));
}

/** `result`: in pieces. `end`: what it lacks of the response. */
function cut(result: readonly Buffer[], end: string): ResultAnswer {
  return {
    kind: 'result',
    before: Buffer.from(HEAD),
    after: Buffer.concat([Buffer.from(TAIL), ...result, Buffer.from(end)]),
  };
}
