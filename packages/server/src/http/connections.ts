/**
 * Sockets before and beside requests: how many an address may have, and the answer to bytes that never became a
 * request. It knows no paths, so its answers have the form of MCP paths.
 */

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { failure, wireError, type WireError } from '@sallyport/wire';
import { networkOf } from '../network.ts';
import { headerLines, isEncrypted } from './headers.ts';

/**
 * Counts the sockets of each address (of IPv6, of each network: see `networkOf`) for as long as they are open. What it
 * returns is false for one that comes when there are `max` already; those that are exempt are not counted.
 */
export function createConnectionCap(
  max: number,
  isExempt: (address: string | undefined) => boolean,
): (socket: Socket) => boolean {
  const open = new Map<string, number>();
  return (socket) => {
    if (isExempt(socket.remoteAddress)) return true;
    const network = networkOf(socket.remoteAddress);
    const count = (open.get(network) ?? 0) + 1;
    open.set(network, count);
    socket.once('close', () => {
      const left = (open.get(network) ?? 1) - 1;
      if (left === 0) open.delete(network);
      else open.set(network, left);
    });
    return count <= max;
  };
}

/** Refuses a socket. Requests on it must not be served. */
export function refuseConnection(socket: Socket): void {
  endRaw(socket, '429 Too Many Requests', wireError('rate_limited', 'Too many connections.'), [RETRY_AFTER]);
}

/**
 * Answers a request that never became one: broken framing, header lines too large, too slow. `response` is the last one
 * that was begun on the socket. While an earlier request waits for its answer, or an answer is half sent, nothing can
 * be said: it would be taken for a part of that.
 */
export function answerBrokenRequest(
  error: NodeJS.ErrnoException,
  socket: Socket,
  response: ServerResponse | undefined,
): void {
  if (response !== undefined && !response.writableFinished && !isWaitingForBody(response)) return void socket.destroy();
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return endRaw(socket, '431 Request Header Fields Too Large', wireError('headers_too_large'));
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return endRaw(socket, '408 Request Timeout', wireError('timeout_body'));
    default:
      return endRaw(socket, '400 Bad Request', wireError('invalid_request', 'This is not a valid HTTP request.'));
  }
}

/** Refuses a protocol that is not spoken here, where the request cannot go on as a plain one. */
export function refuseUpgrade(socket: Socket): void {
  endRaw(socket, '400 Bad Request', wireError('invalid_request', 'This cannot be upgraded to that protocol.'));
}

function isWaitingForBody({ headersSent, req, socket }: ServerResponse): boolean {
  return !headersSent && !req.complete && socket !== null;
}

const RETRY_AFTER = 'retry-after: 60';

function endRaw(socket: Socket, status: string, error: WireError, more: readonly string[] = []): void {
  if (!socket.writable) return void socket.destroy();
  const body = JSON.stringify(failure(error.error));
  const head = [
    `HTTP/1.1 ${status}`,
    ...headerLines(isEncrypted(socket)),
    ...more,
    'connection: close',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroySoon());
}
