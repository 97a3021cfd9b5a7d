/**
 * The message of a POST: its headers, its body and its form are checked here, in this order, for every transport that
 * takes messages by POST. What the message means, and whether it may be sent where it came, is for the caller.
 */

import { readMessage, wireError, type Incoming, type MessageLimits } from '@sallyport/wire';
import type { Arrival } from './arrival.ts';
import { checkBodyHeaders, readBody } from './body.ts';
import { refuseArrival } from './refuse.ts';

export interface PostLimits {
  readonly maxBodyBytes: number;
  readonly messageLimits: MessageLimits;
}

/** What a body may hold that is worth looking at. */
export type Posted = Exclude<Incoming, { readonly kind: 'invalid' }>;

/** Calls `take` with the message and its text, or refuses the request. */
export function readPost(
  arrival: Arrival,
  { maxBodyBytes, messageLimits }: PostLimits,
  take: (posted: Posted, text: string) => void,
): void {
  const { request, response } = arrival;
  const problem = checkBodyHeaders(request, maxBodyBytes);
  if (problem !== undefined) return refuseArrival(arrival, problem);
  if (request.headers.expect !== undefined) response.writeContinue();
  readBody(request, maxBodyBytes, (body) => {
    if (body === undefined) return void response.destroy();
    if ('key' in body) return refuseArrival(arrival, body);
    try {
      const incoming = readMessage(body.text, messageLimits);
      if (incoming.kind === 'invalid') refuseArrival(arrival, incoming.error, { id: incoming.id });
      else take(incoming, body.text);
    } catch {
      refuseArrival(arrival, wireError('internal'));
    }
  });
}

/** Heard, and nothing to say. */
export function accept({ response, headers }: Arrival): void {
  response.writeHead(202, { ...headers, 'content-length': 0 }).end();
}
