/**
 * What the body of a reply says: an answer to the request it belongs to, or why it is none. A JSON-RPC body counts at any
 * HTTP status (2026-07-28, streamable HTTP: errors come as 4xx with a JSON-RPC body).
 */

import { resultBytes } from '@sallyport/wire';
import { UpstreamError, type UpstreamAnswer } from '../leg.ts';
import { decodeLine, type Decoded } from '../stdio/decode.ts';
import { mediaType, type ResponseHeaders } from './exchange.ts';

export interface Reply {
  readonly status: number;
  readonly headers: ResponseHeaders;
}

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
      return new UpstreamError('protocol', `${where}: ${decoded.reason}`, { status });
    default:
      return statusError(reply, where);
  }
}

function otherRequest(status: number, where: string): UpstreamError {
  return new UpstreamError('protocol', `${where} answered another request than the one it was sent.`, { status });
}

/** What a reply without a JSON-RPC response means. */
export function statusError({ status, headers }: Reply, where: string): UpstreamError {
  if (status >= 300 && status < 400) {
    const location = headers['location'];
    const to = typeof location === 'string' ? ` to ${JSON.stringify(location.slice(0, 200))}` : '';
    const text = `${where} answered ${status}, a redirect${to}. Redirects are not followed: configure the new URL.`;
    return new UpstreamError('protocol', text, { status });
  }
  if (status === 401 || status === 403) {
    const text = `${where} answered ${status}: it wants another credential. Configure one for this server.`;
    return new UpstreamError('unauthorized', text, { status });
  }
  if (status >= 500 || status === 429) {
    return new UpstreamError('down', `${where} answered ${status} without a JSON-RPC response.`, { status });
  }
  const type = mediaType(headers) ?? 'no content type';
  const text = `${where} answered ${status} (${type}) without a JSON-RPC response. Check that the URL is an MCP endpoint.`;
  return new UpstreamError('protocol', text, { status });
}
