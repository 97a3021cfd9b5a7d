/** An interceptor that is posted to: one request for each question, JSON out and in, redirected nowhere. */

import { boundedText } from '../bounded-text.ts';
import type { Hook, HookPlace } from './types.ts';

export interface HttpHookOptions {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Aborts after so many milliseconds; `AbortSignal.timeout`. */
  readonly timeout: (ms: number) => AbortSignal;
  /** Headers that sign a body. */
  readonly sign: (body: string, secret: string) => Readonly<Record<string, string>>;
  /** Of an answer. */
  readonly maxBytes: number;
}

export function createHttpHook({ headers, secret, url }: HookPlace, options: HttpHookOptions): Hook {
  const { fetch, maxBytes, sign, timeout } = options;
  return {
    ask: async (body, timeoutMs, signal) => {
      const late = timeout(timeoutMs);
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          ...headers,
          'content-type': 'application/json',
          accept: 'application/json',
          ...(secret !== undefined && sign(body, secret)),
        },
        body,
        redirect: 'error',
        signal: signal === undefined ? late : AbortSignal.any([late, signal]),
      });
      if (response.status !== 200) {
        await response.body?.cancel();
        throw new Error(`it answered ${response.status}`);
      }
      return await boundedText(response, maxBytes);
    },
    warm: () => undefined,
    renew: () => undefined,
    close: () => Promise.resolve(),
    destroy: () => undefined,
  };
}
