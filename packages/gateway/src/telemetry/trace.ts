/**
 * The trace that a call belongs to, when its client says so: `traceparent` in `_meta` (2026-07-28, "Tracing") or as a header
 * (W3C Trace Context §3.2). It is read for the log alone: nothing is decided by it, and it is forwarded as it came.
 */

import type { Exchange } from '@sallyport/server';
import { isObject } from '@sallyport/wire';

const TRACE_PARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.{0,64})?$/;

/** The trace id, 32 hexadecimal digits; undefined when there is none or it is malformed. */
export function traceIdOf({ message, headers }: Pick<Exchange, 'message' | 'headers'>): string | undefined {
  const meta = message.params?.['_meta'];
  const value = (isObject(meta) ? meta['traceparent'] : undefined) ?? headers?.['traceparent'];
  return typeof value === 'string' ? TRACE_PARENT.exec(value)?.[1] : undefined;
}
