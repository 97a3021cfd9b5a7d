/**
 * Opens a WebSocket with the token of its server, and again when the server refused the upgrade and there is another one. All
 * of it has the time that one opening has: the fetching of a token bears no longer wait than the connection itself.
 */

import type { WebSocket } from 'ws';
import { answerRefusal, noToken, refusalOf } from '../authorize.ts';
import { UpstreamError } from '../leg.ts';
import type { Authorization } from '../upstream.ts';
import { abortError, dial, whereOf, type DialOptions } from './dial.ts';

/** As `dial`; rejects with `UpstreamError` `unauthorized` when somebody must log in. */
export async function dialAuthorized(
  authorization: Authorization | undefined,
  options: DialOptions,
): Promise<WebSocket> {
  if (authorization === undefined) return dial(options);
  const { setTimer, signal, timeoutMs, url } = options;
  const late = new AbortController();
  const takeBack = setTimer(() => {
    late.abort(new UpstreamError('down', `${whereOf(url)} let nobody in within ${timeoutMs} ms.`));
  }, timeoutMs);
  try {
    return await dialAgain(authorization, { ...options, signal: AbortSignal.any([signal, late.signal]) });
  } finally {
    takeBack();
  }
}

async function dialAgain(authorization: Authorization, options: DialOptions): Promise<WebSocket> {
  const where = whereOf(options.url);
  for (let repeats = 0; ; repeats++) {
    const token = await unlessAborted(tokenOf(authorization, where), options.signal, where);
    let refusal: ReturnType<typeof refusalOf>;
    try {
      return await dial({
        ...options,
        headers: token === undefined ? options.headers : { ...options.headers, authorization: `Bearer ${token}` },
        onRefused: (status, headers) => {
          refusal = refusalOf(status, headers, token);
        },
      });
    } catch (error) {
      if (refusal === undefined) throw error;
    }
    await unlessAborted(answerRefusal(authorization, refusal, { where, repeats }), options.signal, where);
  }
}

async function tokenOf(authorization: Authorization, where: string): Promise<string | undefined> {
  try {
    return await authorization.token();
  } catch (error) {
    throw noToken(error, where);
  }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal, where: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(abortError(signal, where));
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
