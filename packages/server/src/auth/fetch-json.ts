/**
 * A JSON document of an authorization server: over TLS or on loopback, in time, small, and from the very address that was
 * asked. Which addresses may be reached at all is decided by the `fetch` that is passed in.
 */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { isLoopbackAddress } from '../http/shield.ts';

/** The `fetch` of the platform, or one that guards where it connects to. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface FetchJsonOptions {
  readonly fetch: Fetch;
  /** Until the last byte of the answer. */
  readonly timeoutMs: number;
  /** Of a POST of a form. */
  readonly form?: { readonly body: URLSearchParams; readonly authorization: string };
}

/** For every request to an authorization server. */
export const FETCH_TIMEOUT_MS = 5000;

const MAX_BYTES = 1024 * 1024;

/** Rejects with an error for the log, which names the URL and what is wrong, and nothing of the answer. */
export async function fetchJson(url: string, options: FetchJsonOptions): Promise<JsonObject> {
  const { fetch, form, timeoutMs } = options;
  const problem = urlProblem(url);
  if (problem !== undefined) throw new Error(`${url}: ${problem}`);
  try {
    const response = await fetch(url, {
      // An answer from elsewhere is nobody's: what is asked for has one address.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
      headers: { accept: 'application/json', ...(form && { authorization: form.authorization }) },
      ...(form && { method: 'POST', body: form.body }),
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`it answered with status ${response.status}`);
    }
    const value = JSON.parse(await textOf(response)) as JsonValue;
    if (!isObject(value)) throw new Error('its answer is no JSON object');
    return value;
  } catch (error) {
    throw new Error(`${url}: ${reasonOf(error)}`, { cause: error });
  }
}

/** What is wrong with the URL of something that is trusted; undefined: nothing. */
export function urlProblem(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null) return 'it is no URL';
  const name = url.hostname.replace(/^\[|\]$/g, '');
  const isLoopback = name === 'localhost' || isLoopbackAddress(name);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback)) return 'it must begin with https://';
  return url.username === '' && url.password === '' ? undefined : 'it must hold no password';
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw new Error(`its answer is longer than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'it failed';
  if (error instanceof SyntaxError) return 'its answer is no JSON';
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
