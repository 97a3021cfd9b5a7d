/**
 * A round of the gateway's own with a stateless client (2026-07-28, "Multi round-trip requests"): a question goes out as
 * `input_required`, and what the client brought for the server meanwhile goes with it and comes back with the answer. The
 * state is sealed for what its asker names; that it is used once is the asker's matter.
 */

import { createHash } from 'node:crypto';
import { principalKey, type Answer, type Exchange } from '@sallyport/server';
import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { Refused } from './errors.ts';
import { withParams } from './restated.ts';

/** Authenticated encryption; whoever unseals names the same `bound`, and gets undefined for anything else. */
export interface Sealing {
  readonly seal: (plain: string, bound: string) => string;
  readonly unseal: (sealed: string, bound: string) => string | undefined;
}

export interface Question {
  /** Among the input requests of the round: ours begin with `sallyport-`. */
  readonly key: string;
  readonly method: string;
  readonly params?: JsonObject;
}

/** What came back. */
export interface Reply {
  readonly response: JsonValue;
  /** What went out with the question. */
  readonly data: JsonValue;
  /** The request as it goes on: with what the client had brought for the server. */
  readonly exchange: Exchange;
}

/** What a client brings back of a server's own round while it is asked. Longer ones are refused. */
const MAX_CARRIED = 64 * 1024;

/** Requests in the middle of which a stateless client may be asked. */
const WITH_INPUT: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);

export function canAskInRound({ era, message }: Exchange): boolean {
  return era === 'stateless' && WITH_INPUT.has(message.method);
}

/** The answer that asks. */
export function askInRound(
  exchange: Exchange,
  { key, ...request }: Question,
  data: JsonValue,
  bound: string,
  seal: Sealing['seal'],
): Answer {
  const { inputResponses, requestState } = exchange.message.params ?? {};
  const plain = JSON.stringify({ data, inputResponses, requestState });
  if (plain.length > MAX_CARRIED) throw new Refused('refused', 'The input of this call is too large to be carried.');
  const result = { resultType: 'input_required', inputRequests: { [key]: request }, requestState: seal(plain, bound) };
  return { kind: 'value', result };
}

/** What the client answered; undefined when it was not asked by this key. Throws `Refused` for a state that is not ours. */
export function replyInRound(
  exchange: Exchange,
  key: string,
  bound: string,
  unseal: Sealing['unseal'],
): Reply | undefined {
  const { inputResponses, requestState } = exchange.message.params ?? {};
  if (!isObject(inputResponses) || !Object.hasOwn(inputResponses, key)) return undefined;
  const plain = typeof requestState === 'string' ? unseal(requestState, bound) : undefined;
  if (plain === undefined) {
    throw new Refused(
      'invalid_params',
      'The requestState was not given out for this request. Send the request again without requestState.',
    );
  }
  const { data, ...carried } = JSON.parse(plain) as Carried;
  const { inputResponses: before, requestState: state } = carried;
  const response = inputResponses[key] as JsonValue;
  return { response, data, exchange: withParams(exchange, { inputResponses: before, requestState: state }) };
}

interface Carried {
  readonly data: JsonValue;
  readonly inputResponses?: JsonValue | undefined;
  readonly requestState?: JsonValue | undefined;
}

/** What every state is bound to: its purpose, its caller, and what is asked where. Not the arguments. */
export function boundTo(purpose: string, { principal, endpoint, message }: Exchange): string {
  const { method, params } = message;
  return JSON.stringify([
    purpose,
    principalKey(principal),
    endpoint,
    method,
    params?.['name'] ?? params?.['uri'] ?? '',
  ]);
}

/** Members of the parameters that differ from round to round. */
const OF_THE_ROUND: ReadonlySet<string> = new Set(['_meta', 'inputResponses', 'requestState']);

/** A digest of the parameters that stay the same from round to round, whatever order they are written in. */
export function paramsDigest(params: JsonObject): string {
  const lasting = Object.entries(params).filter(([name]) => !OF_THE_ROUND.has(name));
  return createHash('sha256').update(entriesText(lasting)).digest('base64url');
}

/** JSON with the members of objects in the order of their names. The depth of a message is bounded. */
function canonicalText(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`;
  return isObject(value) ? entriesText(Object.entries(value)) : JSON.stringify(value);
}

function entriesText(entries: readonly [string, JsonValue | undefined][]): string {
  const texts = entries.flatMap(([name, value]) =>
    value === undefined ? [] : [`${JSON.stringify(name)}:${canonicalText(value)}`],
  );
  // Names are unique, so the order of the texts is one order of the names.
  return `{${texts.toSorted().join(',')}}`;
}
