/** One request as an attacker writes it, with nothing added but what he leaves out. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';

export interface Reply {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
}

export interface Ask {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Buffer;
  /** Of a connection of its own over TLS. */
  readonly tls?: Pick<RequestOptions, 'ca' | 'maxVersion' | 'minVersion'>;
}

export const INITIALIZE: string = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 't', version: '1' } },
});

export async function ask(
  base: string,
  { method = 'POST', path = '/mcp', headers = {}, body = method === 'POST' ? INITIALIZE : '', tls }: Ask = {},
): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const all = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers };
  const options = { method, headers: all, ...(tls === undefined ? {} : { ...tls, agent: false as const }) };
  const asking = (tls === undefined ? httpRequest : httpsRequest)(new URL(path, base), options, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
  });
  asking.on('error', reject);
  asking.end(body);
  return await promise;
}
