/**
 * Answers that end a request before it became a call: one JSON body for MCP paths, one for the others. A body that the
 * client is still sending is not read for them, so such an answer also ends the connection.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { failure, statusOf, type Era, type RequestId, type WireError } from '@sallyport/wire';
import type { Arrival } from './arrival.ts';

export interface Refusal {
  readonly error: WireError;
  readonly id?: RequestId | undefined;
  readonly era?: Era;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What is read, and thrown away, of a body that nobody wants; a smaller one does not cost the connection. */
const MAX_DISCARDED_BYTES = 64 * 1024;
/** How long a client may go on sending while it reads the refusal: closing at once would destroy the refusal as well. */
const LINGER_MS = 1000;

/** On MCP paths every 4xx and 5xx is a JSON-RPC error, so that no client mistakes it for an old server. */
export function refuse(response: ServerResponse, refusal: Refusal): void {
  const { error, id, era = 'session', headers = {} } = refusal;
  send(response, httpStatus(error, era), failure(error.error, id), headers);
}

/** The same, with the headers that every answer to this arrival has. */
export function refuseArrival(arrival: Arrival, error: WireError, more: Omit<Refusal, 'error'> = {}): void {
  arrival.onRefused?.(error.key, arrival.address);
  refuse(arrival.response, { error, ...more, headers: { ...arrival.headers, ...more.headers } });
}

/** Elsewhere. */
export function refusePlain(
  response: ServerResponse,
  error: WireError,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = { error: { code: error.key, message: error.error.message } };
  send(response, httpStatus(error, 'stateless'), body, headers);
}

/** The table's status is that of an answer to a call. What failed before it became one did not succeed at all. */
function httpStatus(error: WireError, era: Era): number {
  return error.key === 'internal' ? 500 : statusOf(error.key, era);
}

function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>>,
): void {
  if (response.headersSent || response.destroyed) return;
  endWith(response, status, { ...headers, 'content-type': 'application/json' }, JSON.stringify(body));
}

/** Answers, whatever may still come of the request. */
export function endWith(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  text: string,
): void {
  const head = { ...headers, 'content-length': Buffer.byteLength(text) };
  if (!bodyIsUnwanted(response.req)) {
    response.writeHead(status, head).end(text);
    return;
  }
  response.writeHead(status, { ...head, connection: 'close' }).write(text);
  discard(response.req, () => response.end());
}

/** True when more may come than is worth reading, or, after an `Expect` that was not met, perhaps nothing. */
function bodyIsUnwanted({ headers, complete }: IncomingMessage): boolean {
  if (complete) return false;
  if (headers['transfer-encoding'] !== undefined || headers.expect !== undefined) return true;
  return Number(headers['content-length'] ?? 0) > MAX_DISCARDED_BYTES;
}

/** Reads a little further, for a while, so that the client sees the refusal before its connection ends. */
function discard(request: IncomingMessage, done: () => void): void {
  let bytes = 0;
  let over = false;
  const end = (): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    request.pause();
    done();
  };
  const timer = setTimeout(end, LINGER_MS);
  request.once('end', end);
  request.once('close', end);
  // A body that was found too large while it came is paused, and stays so: it has been read too far already.
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes >= MAX_DISCARDED_BYTES / 4) request.pause();
  });
}
