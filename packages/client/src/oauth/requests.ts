/**
 * Requests to protected resources and authorization servers: over TLS (on loopback also without, where that is allowed), in
 * time, small, and never to where a redirect points. Which addresses may be reached is decided by the `fetch` that is given.
 */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { AuthorizationError } from './error.ts';

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface Requests {
  /** One that guards where it connects to: most URLs come from outside. */
  readonly fetch: Fetch;
  /** Lets `http:` be used for addresses of this machine. */
  readonly allowLoopbackHttp: boolean;
  /** Aborted after so many milliseconds. */
  readonly timeout: (ms: number) => AbortSignal;
}

/** Milliseconds until the last byte of an answer. */
export const REQUEST_TIMEOUT_MS = 10_000;
const MAX_BYTES = 256 * 1024;
/** Characters; nothing longer is an address that a browser should be opened with. */
const MAX_URL_LENGTH = 4096;
const NOT_BY_HTTP =
  'it must begin with https:// (`oauth.allowLoopbackHttp: true` allows http to this machine, for development)';
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** What is wrong with a URL that is to be asked or opened; undefined: nothing. */
export function urlProblem(text: string, allowLoopbackHttp: boolean): string | undefined {
  if (text.length > MAX_URL_LENGTH) return 'it is too long';
  const url = URL.parse(text);
  if (url === null) return 'it is no URL';
  const isOfLoopback = url.protocol === 'http:' && LOOPBACK.test(url.hostname);
  const isAllowed = isOfLoopback && allowLoopbackHttp;
  if (url.protocol !== 'https:' && !isAllowed) return isOfLoopback ? NOT_BY_HTTP : 'it must begin with https://';
  if (url.username !== '' || url.password !== '') return 'it must hold no password';
  return url.hash === '' ? undefined : 'it must have no fragment';
}

/** Throws `unusable`. */
export function checkUrl(what: string, url: string, { allowLoopbackHttp }: Requests): void {
  const problem = urlProblem(url, allowLoopbackHttp);
  if (problem !== undefined) throw new AuthorizationError('unusable', `${what} ${shown(url)} is not used: ${problem}.`);
}

/** A document. Throws `unavailable` when it may be there later, else `unusable`. */
export async function getJson(url: string, requests: Requests): Promise<JsonObject> {
  checkUrl('The address', url, requests);
  const answer = await ask(url, { headers: { accept: 'application/json' } }, requests);
  if (answer.status >= 500 || answer.status === 429) throw statusError('unavailable', url, answer);
  if (answer.status !== 200 || answer.body === undefined) throw statusError('unusable', url, answer);
  return answer.body;
}

export interface Answer {
  readonly status: number;
  /** Undefined: it is no JSON object. */
  readonly body: JsonObject | undefined;
}

/** Any answer that came whole. Throws `unavailable` when none did. */
export async function ask(url: string, init: RequestInit, requests: Requests): Promise<Answer> {
  return await answerOf(url, () =>
    requests.fetch(url, { ...init, redirect: 'manual', signal: requests.timeout(REQUEST_TIMEOUT_MS) }),
  );
}

/** As {@link ask}, for a request that somebody else makes. */
export async function answerOf(url: string, send: () => Promise<Response>): Promise<Answer> {
  try {
    const response = await send();
    return { status: response.status, body: jsonOf(await textOf(response)) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'it failed';
    throw new AuthorizationError('unavailable', `${shown(url)} gave no answer: ${reason}`, { cause: error });
  }
}

export function statusError(problem: 'unavailable' | 'unusable', url: string, answer: Answer): AuthorizationError {
  const code = errorCode(answer);
  const status = code === undefined ? `status ${answer.status}` : `status ${answer.status}, ${code}`;
  const what = answer.status === 200 ? 'something that is no JSON object' : status;
  return new AuthorizationError(problem, `${shown(url)} answered ${what}.`);
}

/** The `error` of RFC 6749 §5.2 and RFC 7591 §3.2.2; undefined: there is none, or it is no code. */
export function errorCode({ body }: Answer): string | undefined {
  const error = body?.['error'];
  return typeof error === 'string' && /^[a-z_]{1,64}$/.test(error) ? error : undefined;
}

/** URLs of strangers are cut, and without what is in their query. */
export function shown(url: string): string {
  return JSON.stringify(url.replace(/\?.*/s, '?…').slice(0, 200));
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw new Error(`it is longer than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function jsonOf(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as JsonValue;
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
