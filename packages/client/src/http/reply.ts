/**
 * What the body of a reply says: an answer to the request it belongs to, or why it is none. A JSON-RPC body counts at any
 * HTTP status (2026-07-28, streamable HTTP: errors come as 4xx with a JSON-RPC body).
 */

import { resultBytes } from '@sallyport/wire';
import { UpstreamError, type UpstreamAnswer } from '../leg.ts';
import { decodeLine, type Decoded } from '../decode.ts';
import { statusError, type Reply } from '../http-status.ts';

/**
 * The answer to request `id`, or why there is none. The connection tells whose answer this is, so a result is not parsed
 * where its layout is known.
 */
export function readReply(bytes: Buffer, id: number, reply: Reply, where: string): UpstreamAnswer | UpstreamError {
  const cut = resultBytes(bytes);
  if (cut?.id === id) return { kind: 'result', before: cut.before, after: cut.after };
  return bytes.length === 0 ? statusError(reply, where) : readDecoded(decodeLine(bytes), id, reply, where);
}

function readDecoded(decoded: Decoded, id: number, reply: Reply, where: string): UpstreamAnswer | UpstreamError {
  const { status } = reply;
  switch (decoded.kind) {
    case 'result':
      if (decoded.id === id) return { kind: 'result', before: decoded.before, after: decoded.after };
      return otherRequest(status, where);
    case 'error':
      // Who refuses a request may not have read its id.
      if (status < 400 && decoded.id !== undefined && decoded.id !== id) return otherRequest(status, where);
      return { kind: 'error', error: decoded.error, status };
    case 'broken':
      // What a resource server says there is not for us to parse.
      if (status === 401 || status === 403) return statusError(reply, where);
      return new UpstreamError('protocol', `${where}: ${decoded.reason}`, { status });
    default:
      return statusError(reply, where);
  }
}

function otherRequest(status: number, where: string): UpstreamError {
  return new UpstreamError('protocol', `${where} answered another request than the one it was sent.`, { status });
}
