/**
 * Requests that the gateway makes for itself, such as reading a catalogue: the result is parsed, and an error answer is
 * a rejection. Not for calls of clients, whose results are forwarded as bytes.
 */

import {
  isErrorObject,
  isObject,
  nameOf,
  type JsonObject,
  type JsonRpcErrorObject,
  type JsonValue,
} from '@sallyport/wire';
import { UpstreamError, type BodyRest, type Leg, type UpstreamAnswer } from './leg.ts';

const MAX_PAGES = 1000;
/** Over all pages: what a server may make the gateway hold. */
const MAX_ITEMS = 100_000;

export interface AskOptions {
  /** Milliseconds for one answer; progress does not renew it. */
  readonly timeoutMs: number;
  /** The request asks for progress, under its own id. */
  readonly withProgress?: boolean;
}

/**
 * Asks and resolves with the `result`. Rejects with `UpstreamError`; an error that the server answered has the reason
 * `protocol` and stands in `cause` (see `errorOf`).
 */
export async function ask(
  leg: Pick<Leg, 'request' | 'ownMeta'>,
  method: string,
  params: JsonObject | undefined,
  { timeoutMs, withProgress = false }: AskOptions,
): Promise<JsonObject> {
  const sent = withMeta(params, leg.ownMeta);
  const name = nameOf(method, sent);
  const paramsOf = (id: number): JsonObject | undefined =>
    withProgress ? withMeta(sent, { progressToken: id }) : sent;
  const { answer } = leg.request({
    method,
    ...(name !== undefined && { name }),
    text: (id) => JSON.stringify({ jsonrpc: '2.0', id, method, params: paramsOf(id) }),
    timeoutMs,
    maxMs: timeoutMs,
  });
  return readResult(method, await answer);
}

/** What a server answered to a request of the gateway's own, when that is why `ask` rejected. */
export function errorOf(error: unknown): JsonRpcErrorObject | undefined {
  if (!(error instanceof UpstreamError) || error.reason !== 'protocol') return undefined;
  return isErrorObject(error.cause) ? error.cause : undefined;
}

/** All pages of a list. */
export interface Pages {
  /** The elements of every page, in order. */
  readonly items: readonly JsonValue[];
  /** The results as they came, with what they say about caching. */
  readonly results: readonly JsonObject[];
}

/**
 * Reads every page of a list; `key` is the member that holds the elements (`tools`, `resources`, …). A server that goes
 * in circles or does not come to an end is refused (`protocol`).
 */
export async function askAllPages(
  leg: Pick<Leg, 'request' | 'ownMeta'>,
  method: string,
  key: string,
  options: AskOptions,
): Promise<Pages> {
  const items: JsonValue[] = [];
  const results: JsonObject[] = [];
  const cursors = new Set<string>();
  let cursor: string | undefined;
  do {
    const result = await ask(leg, method, cursor === undefined ? undefined : { cursor }, options);
    const page = result[key];
    if (!Array.isArray(page)) throw new UpstreamError('protocol', `The result of ${method} has no array "${key}".`);
    if (items.length + page.length > MAX_ITEMS) throw endless(method, `more than ${MAX_ITEMS} elements`);
    for (const item of page) items.push(item);
    results.push(result);
    cursor = readCursor(method, result['nextCursor']);
    if (cursor !== undefined && (cursors.has(cursor) || results.length === MAX_PAGES)) {
      throw endless(method, cursors.has(cursor) ? 'the same cursor twice' : `more than ${MAX_PAGES} pages`);
    }
    if (cursor !== undefined) cursors.add(cursor);
  } while (cursor !== undefined);
  return { items, results };
}

function endless(method: string, what: string): UpstreamError {
  return new UpstreamError('protocol', `The pages of ${method} do not end: the server gave ${what}.`);
}

/** Null is what some servers write for "no more". */
function readCursor(method: string, value: JsonValue | undefined): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  throw new UpstreamError('protocol', `The cursor in a result of ${method} is not a string.`);
}

function withMeta(params: JsonObject | undefined, meta: JsonObject | undefined): JsonObject | undefined {
  if (meta === undefined) return params;
  const own = params?.['_meta'];
  return { ...params, _meta: isObject(own) ? { ...own, ...meta } : meta };
}

async function readResult(method: string, answer: UpstreamAnswer): Promise<JsonObject> {
  if (answer.kind === 'error') {
    const { code, message } = answer.error;
    const options = answer.status === undefined ? {} : { status: answer.status };
    const text = `The server answered ${method} with error ${code}: ${message}`;
    throw new UpstreamError('protocol', text, { ...options, cause: answer.error });
  }
  const rest = answer.rest === undefined ? [] : await collect(answer.rest);
  // The id is put back as a zero: nobody looks at it here.
  const text = Buffer.concat([answer.before, Buffer.from('0'), answer.after, ...rest]).toString('utf8');
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch (error) {
    throw new UpstreamError('protocol', `The answer to ${method} is not valid JSON.`, { cause: error });
  }
  const result = isObject(message) ? message['result'] : undefined;
  if (isObject(result)) return result;
  throw new UpstreamError('protocol', `The answer to ${method} has no result object.`);
}

function collect(rest: BodyRest): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    rest.pipe({
      write: (chunk) => {
        chunks.push(chunk);
        return true;
      },
      end: () => resolve(chunks),
      fail: (error) => reject(new UpstreamError('down', 'The answer broke off.', { cause: error })),
    });
  });
}
