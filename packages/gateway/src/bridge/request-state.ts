/**
 * The text by which a client names its parked call (2026-07-28, "Multi round-trip requests", `requestState`): sealed, and
 * good for one round of one request of one principal at one endpoint, for so long, in the process that holds the call.
 * Which call it names, and that it is used once, is the table's matter (parked.ts).
 */

import { principalKey } from '@sallyport/server';
import type { JsonValue } from '@sallyport/wire';
import type { Call } from '../call.ts';
import { Refused } from '../errors.ts';
import { paramsDigest, type Sealing } from '../round.ts';

export interface StateOptions extends Sealing {
  /** A random name of this process: what it parked is in its memory alone. */
  readonly owner: string;
  /** Milliseconds. */
  readonly now: () => number;
}

/** What a state says. */
export interface Ticket {
  /** A fresh one for every round. */
  readonly nonce: string;
  readonly expiresAtMs: number;
}

/** Ours are a few hundred characters long; longer ones are not looked at. */
const MAX_STATE_LENGTH = 4096;

const AGAIN = 'Send the request again without requestState.';

export function sealState({ seal, owner }: StateOptions, { nonce, expiresAtMs }: Ticket, call: Call): string {
  return seal(JSON.stringify([owner, nonce, expiresAtMs]), boundTo(call));
}

/** The nonce of a state that came with a request. Throws `Refused` for any that was not given out for it, or is too old. */
export function openState({ unseal, owner, now }: StateOptions, state: JsonValue, call: Call): string {
  const plain =
    typeof state === 'string' && state.length <= MAX_STATE_LENGTH ? unseal(state, boundTo(call)) : undefined;
  if (plain === undefined) throw badState('The requestState was not given out for this request.');
  const [ownedBy, nonce, expiresAtMs] = JSON.parse(plain) as [string, string, number];
  if (ownedBy !== owner) {
    throw badState('The gateway was restarted, or another replica of it holds this call: it cannot go on here.');
  }
  if (now() >= expiresAtMs) throw badState('The requestState has expired, and its call has ended.');
  return nonce;
}

/** A refusal that says what a client can do. */
export function badState(problem: string): Refused {
  return new Refused('invalid_params', `${problem} ${AGAIN}`);
}

/** What a state is good for: this caller, here, with this request to this server. */
function boundTo({ exchange, target }: Call): string {
  const { principal, endpoint, message } = exchange;
  const facts = [principalKey(principal), endpoint, message.method, target?.server, target?.canonicalId];
  return JSON.stringify(['request-state', ...facts, paramsDigest(message.params ?? {})]);
}
