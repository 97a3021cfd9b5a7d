/**
 * What the transports over HTTP have in common when a server asks for a token (RFC 6750 §3, MCP authorization): which
 * answers are such a request, what is done about one, and what a caller is told when that does not help. It sends nothing.
 */

import { readChallenge } from './oauth/challenge.ts';
import type { Refusal } from './oauth/authorization.ts';
import type { ResponseHeaders } from './http-status.ts';
import { UpstreamError } from './leg.ts';
import type { Authorization } from './upstream.ts';

/** How often one request is sent again: after a renewal, a migration and a step-up, and then no more. */
const MAX_REPEATS = 3;

/** Undefined: the answer is no request for another token. */
export function refusalOf(status: number, headers: ResponseHeaders, sent: string | undefined): Refusal | undefined {
  if (status !== 401 && status !== 403) return undefined;
  const value = headers['www-authenticate'];
  const wwwAuthenticate = Array.isArray(value) ? value.join(', ') : value;
  if (status === 403 && readChallenge(wwwAuthenticate).error !== 'insufficient_scope') return undefined;
  return { status, wwwAuthenticate, sent };
}

/**
 * Resolves when the request is to be sent again, which was done `repeats` times before. Rejects with `UpstreamError`
 * `unauthorized`: a person must log in, or nothing helps.
 */
export async function answerRefusal(
  authorization: Authorization,
  refusal: Refusal,
  { where, repeats }: { readonly where: string; readonly repeats: number },
): Promise<void> {
  const { status } = refusal;
  if (repeats >= MAX_REPEATS) {
    const text = `${where} still answers ${status} after ${repeats} tries, each with the token that it asked for.`;
    throw new UpstreamError('unauthorized', text, { status });
  }
  const answer = await authorization.challenged(refusal).catch((error: unknown) => {
    throw noToken(error, where, status);
  });
  if (answer === 'retry') return;
  const { login } = answer;
  const text = `${where} answered ${status}: somebody must log in at ${login.issuer} first.`;
  throw new UpstreamError('unauthorized', text, { status, login });
}

/** `error`: why no token could be had. */
export function noToken(error: unknown, where: string, status?: number): UpstreamError {
  const reason = error instanceof Error ? error.message : String(error);
  const text = `There is no token for ${where}: ${reason}`;
  return new UpstreamError('unauthorized', text, { cause: error, ...(status !== undefined && { status }) });
}
