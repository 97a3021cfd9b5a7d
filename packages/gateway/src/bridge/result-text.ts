/** Changing a result without building it: the response's text, with members put at the front of its result or left out. */

import { UpstreamError, type ResultAnswer } from '@sallyport/client';
import type { Exchange } from '@sallyport/server';
import {
  applyEdits,
  isObject,
  members,
  mergeObjects,
  META_PREFIX,
  withoutEnvelope,
  type Edit,
  type JsonObject,
  type JsonRpcResult,
} from '@sallyport/wire';

/** The whole response as text, with id 0. Rejects when its body breaks off, or its client goes before it is there. */
export async function resultText(answer: ResultAnswer, exchange: Pick<Exchange, 'onCancel'>): Promise<string> {
  const parts = [answer.before, Buffer.from('0'), answer.after];
  const { rest } = answer;
  if (rest !== undefined) {
    await new Promise<void>((resolve, reject) => {
      // A rest that is given up says nothing more to whoever it was piped to.
      exchange.onCancel(() => reject(new UpstreamError('cancelled', 'The client went in the middle of its answer.')));
      rest.pipe({ write: (chunk) => parts.push(chunk) > 0, end: resolve, fail: reject });
    });
  }
  return Buffer.concat(parts).toString('utf8');
}

/**
 * The response cut at its id again, with `front` put before the members of the result that it does not have yet; an
 * object that it has gets what is missing in it.
 */
export function withFront(text: string, front: JsonObject): ResultAnswer {
  const result = members(text, 0)?.get('result');
  const inner = result && members(text, result.start);
  if (result === undefined || inner === undefined) return rebuilt(text, front);
  const edits: Edit[] = [];
  let added = '';
  for (const [name, value] of Object.entries(front)) {
    const span = inner.get(name);
    if (span === undefined) added += `${JSON.stringify(name)}:${JSON.stringify(value)},`;
    else if (isObject(value)) edits.push(...insertion(text, span.start, value));
  }
  const start = result.start + 1;
  if (added !== '') edits.push({ start, end: start, text: inner.size === 0 ? added.slice(0, -1) : added });
  const within = edits.map((edit) => ({ ...edit, start: edit.start - result.start, end: edit.end - result.start }));
  return cut(applyEdits(text.slice(result.start, result.end), within));
}

/** The edit that puts the members of `value` which an object of the text lacks at its front. */
function insertion(text: string, at: number, value: JsonObject): Edit[] {
  const there = members(text, at);
  if (there === undefined) return [];
  const lacking = Object.entries(value).filter(([name]) => !there.has(name));
  if (lacking.length === 0) return [];
  const list = JSON.stringify(Object.fromEntries(lacking)).slice(1, -1);
  return [{ start: at + 1, end: at + 1, text: there.size === 0 ? list : `${list},` }];
}

/** What 2026-07-28 says of a complete result. Any other type is a word between the server and the client. */
const COMPLETE = '"complete"';
/** What it says of the results that may be kept (2026-07-28, "Caching"). */
const CACHING: ReadonlySet<string> = new Set(['ttlMs', 'cacheScope']);

/**
 * The response cut at its id again, without what only the stateless era says of every result. Whether its caching is said
 * too depends on the method: elsewhere such a member is the server's own.
 */
export function withoutEra(text: string, isCacheable: boolean): ResultAnswer {
  const kept = entriesOf(text).flatMap(([name, given]) => {
    const value = name === '_meta' ? ownMeta(given) : given;
    const isOfEra = (name === 'resultType' && value === COMPLETE) || (isCacheable && CACHING.has(name));
    return value === undefined || isOfEra ? [] : [`${JSON.stringify(name)}:${value}`];
  });
  return cut(`{${kept.join(',')}}`);
}

/** The members of the result, as they were written where that is one thing to every parser. */
function entriesOf(text: string): (readonly [string, string])[] {
  const result = members(text, 0)?.get('result');
  const inner = result && members(text, result.start);
  if (inner !== undefined) return [...inner].map(([name, { start, end }]) => [name, text.slice(start, end)]);
  const parsed = JSON.parse(text) as JsonRpcResult;
  return Object.entries(parsed.result).map(([name, value]) => [name, JSON.stringify(value)]);
}

/** `_meta` without the envelope's keys; undefined when nothing is left of it. */
function ownMeta(text: string): string | undefined {
  const meta: unknown = JSON.parse(text);
  if (!isObject(meta) || !Object.keys(meta).some((name) => name.startsWith(META_PREFIX))) return text;
  const own = withoutEnvelope(meta);
  return Object.keys(own).length === 0 ? undefined : JSON.stringify(own);
}

function rebuilt(text: string, front: JsonObject): ResultAnswer {
  const { result } = JSON.parse(text) as JsonRpcResult;
  return cut(JSON.stringify(mergeObjects(result, front)));
}

function cut(result: string): ResultAnswer {
  return { kind: 'result', before: Buffer.from('{"jsonrpc":"2.0","id":'), after: Buffer.from(`,"result":${result}}`) };
}
