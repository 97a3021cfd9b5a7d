/** What a request says beside its parameters: its `_meta`, and the trace that it belongs to (W3C Trace Context). */

import { randomBytes } from 'node:crypto';
import { isObject, singleHeader, type JsonObject } from '@sallyport/wire';
import type { Exchange } from '../exchange.ts';
import type { Trace } from './context.ts';

export function metaOf({ message }: Exchange): JsonObject {
  const meta = message.params?.['_meta'];
  return isObject(meta) ? meta : {};
}

/** What must be handed on (W3C Trace Context, `tracestate` limits). */
const MAX_TRACESTATE = 512;
const TRACEPARENT = /^[\da-f]{2}-([\da-f]{32})-[\da-f]{16}-[\da-f]{2}$/;

/** That of the request's `_meta`, else of its headers, else a new one (W3C Trace Context, `traceparent`). */
export function traceOf(exchange: Exchange): Trace {
  const { headers } = exchange;
  const meta = metaOf(exchange);
  const given = meta['traceparent'] ?? (headers && singleHeader(headers, 'traceparent'));
  const traceId = typeof given === 'string' ? TRACEPARENT.exec(given)?.[1] : undefined;
  if (traceId !== undefined && !/^0+$/.test(traceId)) {
    const state =
      meta['traceparent'] === undefined ? headers && singleHeader(headers, 'tracestate') : meta['tracestate'];
    const isState = typeof state === 'string' && state.length <= MAX_TRACESTATE;
    return { traceId, traceparent: given as string, tracestate: isState ? state : undefined };
  }
  const fresh = randomBytes(16).toString('hex');
  return { traceId: fresh, traceparent: `00-${fresh}-${randomBytes(8).toString('hex')}-01`, tracestate: undefined };
}
