/** Answers that end a request before it became a call: one JSON body for MCP paths, one for the others. */

import type { ServerResponse } from 'node:http';
import { failure, statusOf, type Era, type RequestId, type WireError } from '@sallyport/wire';

export interface Refusal {
  readonly error: WireError;
  readonly id?: RequestId | undefined;
  readonly era?: Era;
  readonly headers?: Readonly<Record<string, string>>;
  /** The connection is of no use any more: a body is still on its way. */
  readonly close?: boolean;
}

/** On MCP paths every 4xx and 5xx is a JSON-RPC error, so that no client mistakes it for an old server. */
export function refuse(response: ServerResponse, refusal: Refusal): void {
  const { error, id, era = 'session', headers = {} } = refusal;
  send(response, statusOf(error.key, era), failure(error.error, id), headers, refusal.close ?? false);
}

/** Elsewhere. */
export function refusePlain(
  response: ServerResponse,
  error: WireError,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = { error: { code: error.key, message: error.error.message } };
  send(response, statusOf(error.key, 'stateless'), body, headers, false);
}

function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>>,
  close: boolean,
): void {
  if (response.headersSent || response.destroyed) return;
  const text = JSON.stringify(body);
  response.writeHead(status, {
    ...headers,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...(close && { connection: 'close' }),
  });
  response.end(text);
}
