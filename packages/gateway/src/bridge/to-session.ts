/**
 * A stateless client calls a session-era server: its envelope stays here, the result gets what its revision asks for,
 * and what the server asks in the middle of the call becomes rounds of input, between which the call is parked
 * (2026-07-28, "Multi round-trip requests").
 */

import { principalKey, type Answer } from '@sallyport/server';
import {
  ERRORS,
  isObject,
  META_SERVER_INFO,
  withoutEnvelope,
  type JsonObject,
  type JsonRpcErrorObject,
  type JsonRpcRequest,
} from '@sallyport/wire';
import type { Call } from '../call.ts';
import { Refused } from '../errors.ts';
import { HeldCall, missingCapability, type Round, type Turn } from './held-call.ts';
import type { BridgeOptions, Carrier, Compose } from './options.ts';
import type { ParkedCalls } from './parked.ts';
import { badState, openState, sealState, type StateOptions } from './request-state.ts';
import { parsedResult, resultBytes, withFront } from './result-bytes.ts';

export interface SessionSide {
  readonly options: Pick<
    BridgeOptions,
    'metaText' | 'unasked' | 'needLevel' | 'statusFor' | 'requestStateMs' | 'randomId'
  >;
  readonly state: StateOptions;
  readonly parked: ParkedCalls<HeldCall>;
}

export async function toSession(side: SessionSide, call: Call, leg: Carrier, compose: Compose): Promise<Answer> {
  const { options, state, parked } = side;
  const { message, logLevel } = call.exchange;
  const responses = inputResponses(message);
  if (logLevel !== undefined) await options.needLevel(leg, logLevel);
  const given = message.params?.['_meta'];
  const meta = withoutEnvelope(isObject(given) ? given : {});
  const outgoing = compose({ _meta: options.metaText(meta), inputResponses: undefined, requestState: undefined });
  const round = { call, leg, outgoing };
  const held = parkedCall(side, call) ?? newCall(side, round);
  const turn = await held.turn(round, responses);
  if (turn.kind === 'over') return await overAnswer(options, turn, call, leg);
  held.leave();
  const ticket = { nonce: options.randomId(), expiresAtMs: state.now() + options.requestStateMs };
  const requestState = sealState(state, ticket, call);
  parked.park(ticket.nonce, held);
  return inputRequired(turn, requestState, leg);
}

/** Members that are no answer are the round's matter; something else than an object is no set of answers at all. */
function inputResponses({ params }: JsonRpcRequest): JsonObject {
  const given = params?.['inputResponses'];
  if (given === undefined) return {};
  if (!isObject(given)) throw new Refused('invalid_params', 'inputResponses must be an object.');
  return given;
}

/** The call that a request goes on with; undefined for one that begins. Throws `Refused` for a state that is not good. */
function parkedCall({ state, parked }: SessionSide, call: Call): HeldCall | undefined {
  const requestState = call.exchange.message.params?.['requestState'];
  if (requestState === undefined) return undefined;
  const held = parked.take(openState(state, requestState, call));
  if (held === undefined) throw badState('The requestState was used before, or its call has ended.');
  return held;
}

function newCall({ options, parked }: SessionSide, round: Round): HeldCall {
  const principal = principalKey(round.call.exchange.principal);
  return new HeldCall({ unasked: options.unasked, seat: () => parked.seat(principal) }, round);
}

function inputRequired({ requests }: Turn & { kind: 'input' }, requestState: string, leg: Carrier): Answer {
  const result = {
    resultType: 'input_required',
    inputRequests: requests,
    requestState,
    _meta: { [META_SERVER_INFO]: leg.server.info },
  };
  return { kind: 'value', result };
}

async function overAnswer(
  { statusFor }: SessionSide['options'],
  { answer, lacking }: Turn & { kind: 'over' },
  call: Call,
  leg: Carrier,
): Promise<Answer> {
  const { message } = call.exchange;
  if (answer.kind === 'error') {
    if (lacking !== undefined) throw missingCapability(lacking, answer.error.message);
    return { kind: 'error', error: statelessError(answer.error, message), status: statusFor(answer) };
  }
  const bytes = await resultBytes(answer, call.exchange);
  if (lacking !== undefined) checkSucceeded(bytes, lacking);
  return withFront(bytes, {
    resultType: 'complete',
    ...(message.method === 'resources/read' && { ttlMs: 0, cacheScope: 'private' }),
    _meta: { [META_SERVER_INFO]: leg.server.info },
  });
}

/** A server may do without what it was refused. One that fails then is taken to have needed it. */
function checkSucceeded(bytes: Buffer, lacking: JsonObject): void {
  const { isError, content } = parsedResult(bytes);
  if (isError !== true) return;
  const [block] = Array.isArray(content) ? content : [];
  throw missingCapability(lacking, isObject(block) && typeof block['text'] === 'string' ? block['text'] : undefined);
}

/** Codes of the session era that 2026-07-28 forbids. */
function statelessError(error: JsonRpcErrorObject, { params }: JsonRpcRequest): JsonRpcErrorObject {
  if (error.code === ERRORS.resource_not_found.code) {
    const uri = params?.['uri'];
    const data = { ...(isObject(error.data) ? error.data : {}), ...(uri !== undefined && { uri }) };
    return { ...error, code: ERRORS.invalid_params.code, data };
  }
  return isReserved(error.code) ? { ...error, code: ERRORS.internal.code } : error;
}

/** They belong to the revision, which knows none of what a session-era server can mean by them: -32042 is one. */
function isReserved(code: number): boolean {
  return code <= -32020 && code >= -32099;
}
