/**
 * What a message is, as far as a relay must know. It checks nothing: whoever the message is for does that, and a message that
 * cannot be read here is still passed on.
 */
import { isObject, isRequestId, resultHead, type JsonObject, type RequestId } from '@sallyport/wire';

export type Peeked =
  | { readonly kind: 'request'; readonly id: RequestId; readonly method: string; readonly params: JsonObject }
  | { readonly kind: 'notification'; readonly method: string; readonly params: JsonObject }
  | { readonly kind: 'response'; readonly id: RequestId; readonly ok: boolean }
  | { readonly kind: 'other' };

const OTHER: Peeked = { kind: 'other' };

export function peek(message: Buffer): Peeked {
  // The usual result, however large it is, tells its id in its first bytes.
  const head = resultHead(message);
  if (head !== undefined) return { kind: 'response', id: head.id, ok: true };
  const value = parsed(message);
  if (value === undefined) return OTHER;
  const { id, method } = value;
  if (typeof method === 'string') {
    const params = isObject(value['params']) ? value['params'] : {};
    if (isRequestId(id)) return { kind: 'request', id, method, params };
    return id === undefined ? { kind: 'notification', method, params } : OTHER;
  }
  return isRequestId(id) ? { kind: 'response', id, ok: value['error'] === undefined } : OTHER;
}

/** The object that a message is; undefined when it is none. */
export function parsed(message: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(message.toString('utf8'));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
