/** What the status of an HTTP response means for a call, when there is no JSON-RPC response in it. */

import { UpstreamError } from './leg.ts';

export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface Reply {
  readonly status: number;
  readonly headers: ResponseHeaders;
}

/** The media type of a `content-type`, lower case and without parameters; undefined when there is not exactly one. */
export function mediaType(headers: ResponseHeaders): string | undefined {
  const value = headers['content-type'];
  if (typeof value !== 'string') return undefined;
  const end = value.indexOf(';');
  return (end === -1 ? value : value.slice(0, end)).trim().toLowerCase();
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
