/**
 * The bridge between eras: a call of a session-era client on a stateless server, and the reverse. It translates the
 * envelope, the results and the errors; input in the middle of a call goes to session-era clients as the requests they
 * know (2026-07-28, "Multi round-trip requests"). Calls within one era do not come here.
 */

import {
  UpstreamError,
  type Leg,
  type Outgoing,
  type ResultAnswer,
  type ServerRequestAnswer,
  type UpstreamAnswer,
} from '@sallyport/client';
import type { Answer } from '@sallyport/server';
import {
  ERRORS,
  isObject,
  META_CLIENT_CAPABILITIES,
  META_CLIENT_INFO,
  META_LOG_LEVEL,
  META_PROTOCOL_VERSION,
  META_SERVER_INFO,
  withoutEnvelope,
  type JsonObject,
  type JsonRpcErrorObject,
  type JsonRpcRequest,
  type JsonRpcResult,
  type JsonValue,
  type LogLevel,
} from '@sallyport/wire';
import type { Call } from '../call.ts';
import { Refused } from '../errors.ts';
import { resultText, withFront } from './result-text.ts';

/** JSON text by member of the parameters; undefined removes one. */
type Changes = Readonly<Record<string, string | undefined>>;
type Compose = (changes: Changes) => Outgoing;

export interface BridgeOptions {
  /** `_meta` as text, with the progress token left open. */
  readonly metaText: (meta: JsonObject) => string;
  /** Asks the client of the call, if it declared that it can be asked this. */
  readonly ask: (call: Call, method: string, params: JsonObject | undefined) => Promise<ServerRequestAnswer>;
  /** Lets a session-era server send the log messages that a stateless call wants. */
  readonly needLevel: (leg: Leg, level: LogLevel) => Promise<void>;
  /** The HTTP status of a server's error for a stateless client. */
  readonly statusFor: (answer: UpstreamAnswer & { kind: 'error' }) => number;
}

/** Rounds of input that one call may take. */
const MAX_ROUNDS = 10;

/** 2025-11-25, elicitation: the only revision that knows it. */
const URL_ELICITATION_REQUIRED = -32042;

/** Capabilities of a client that mean the same in the stateless era. */
const SHARED_CAPABILITIES = ['experimental', 'sampling', 'elicitation', 'roots', 'extensions'];

export function createBridge(options: BridgeOptions): (call: Call, leg: Leg, compose: Compose) => Promise<Answer> {
  return (call, leg, compose) =>
    leg.era === 'stateless' ? toStateless(options, call, leg, compose) : toSession(options, call, leg, compose);
}

async function send(call: Call, leg: Leg, outgoing: Outgoing): Promise<UpstreamAnswer> {
  const pending = leg.request(outgoing);
  call.exchange.onCancel(() => pending.cancel());
  return await pending.answer;
}

/** A session-era client calls a stateless server: every round carries the envelope, input is fetched in between. */
async function toStateless(options: BridgeOptions, call: Call, leg: Leg, compose: Compose): Promise<Answer> {
  const meta = options.metaText(envelopeFor(call, leg));
  let input: Changes = {};
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const answer = await send(call, leg, compose({ _meta: meta, ...input }));
    if (answer.kind === 'error') return sessionError(answer.error, call);
    if (answer.rest === undefined && !mentionsInput(answer)) return answer;
    const text = await resultText(answer);
    const required = inputRequired(text);
    if (required === undefined) return withFront(text, {});
    if (call.exchange.cancelled) throw new UpstreamError('cancelled', 'The client went between two rounds of input.');
    input = await fetchInput(options, call, required);
  }
  throw new Refused('refused', `The server asked for input more than ${MAX_ROUNDS} times.`);
}

function envelopeFor({ exchange }: Call, leg: Leg): JsonObject {
  const meta = exchange.message.params?.['_meta'];
  const capabilities = Object.entries(exchange.client.capabilities).filter(([name]) =>
    SHARED_CAPABILITIES.includes(name),
  );
  return {
    ...(isObject(meta) ? meta : {}),
    [META_PROTOCOL_VERSION]: leg.revision,
    [META_CLIENT_INFO]: exchange.client.info ?? { name: 'unknown', version: '0' },
    [META_CLIENT_CAPABILITIES]: Object.fromEntries(capabilities),
    ...(exchange.logLevel !== undefined && { [META_LOG_LEVEL]: exchange.logLevel }),
  };
}

interface InputRequired {
  readonly requests: JsonObject;
  readonly state: string | undefined;
}

const INPUT_REQUIRED = 'input_required';

/** Only a result that has the word somewhere is looked into; all others pass as they came. */
function mentionsInput({ before, after }: ResultAnswer): boolean {
  return before.includes(INPUT_REQUIRED) || after.includes(INPUT_REQUIRED);
}

/** What a result asks for; undefined for a complete one. */
function inputRequired(text: string): InputRequired | undefined {
  if (!text.includes(INPUT_REQUIRED)) return undefined;
  const { result } = JSON.parse(text) as JsonRpcResult;
  if (result['resultType'] !== INPUT_REQUIRED) return undefined;
  const { inputRequests, requestState } = result;
  if (!isObject(inputRequests) && typeof requestState !== 'string') {
    throw new UpstreamError(
      'protocol',
      'The server asked for input and named none (2026-07-28, multi round-trip requests).',
    );
  }
  return {
    requests: isObject(inputRequests) ? inputRequests : {},
    state: typeof requestState === 'string' ? requestState : undefined,
  };
}

async function fetchInput(options: BridgeOptions, call: Call, { requests, state }: InputRequired): Promise<Changes> {
  const responses = await Promise.all(
    Object.entries(requests).map(async ([key, request]): Promise<[string, JsonValue]> => {
      const method = isObject(request) ? request['method'] : undefined;
      if (typeof method !== 'string')
        throw new Refused('unavailable', 'The server asked for input in an unknown form.');
      const params = isObject(request) && isObject(request['params']) ? request['params'] : undefined;
      const reply = await options.ask(call, method, params);
      if ('error' in reply) {
        throw new Refused('refused', `The client did not give the input that the server needs (${method}).`, {
          detail: reply.error.message,
        });
      }
      return [key, reply.result];
    }),
  );
  return {
    ...(responses.length > 0 && { inputResponses: JSON.stringify(Object.fromEntries(responses)) }),
    ...(state !== undefined && { requestState: JSON.stringify(state) }),
  };
}

/** Codes of 2026-07-28 that a session-era client would not understand. */
function sessionError(error: JsonRpcErrorObject, { exchange }: Call): Answer {
  return { kind: 'error', error: { ...error, code: sessionCode(error, exchange.message.method) }, status: 200 };
}

function sessionCode({ code, data }: JsonRpcErrorObject, method: string): number {
  const isNotFound = method === 'resources/read' && isObject(data) && data['uri'] !== undefined;
  if (code === ERRORS.invalid_params.code && isNotFound) return ERRORS.resource_not_found.code;
  return code <= -32020 && code >= -32099 ? ERRORS.internal.code : code;
}

/** A stateless client calls a session-era server: its envelope stays here, the result gets what its revision asks for. */
async function toSession(options: BridgeOptions, call: Call, leg: Leg, compose: Compose): Promise<Answer> {
  const { message, logLevel } = call.exchange;
  if (logLevel !== undefined) await options.needLevel(leg, logLevel);
  const given = message.params?.['_meta'];
  const meta = withoutEnvelope(isObject(given) ? given : {});
  const outgoing = compose({ _meta: options.metaText(meta), inputResponses: undefined, requestState: undefined });
  const answer = await send(call, leg, outgoing);
  if (answer.kind === 'error') {
    return { kind: 'error', error: statelessError(answer.error, message), status: options.statusFor(answer) };
  }
  return withFront(await resultText(answer), {
    resultType: 'complete',
    ...(message.method === 'resources/read' && { ttlMs: 0, cacheScope: 'private' }),
    _meta: { [META_SERVER_INFO]: leg.server.info },
  });
}

/** Codes of the session era that 2026-07-28 forbids. */
function statelessError(error: JsonRpcErrorObject, { params }: JsonRpcRequest): JsonRpcErrorObject {
  if (error.code === ERRORS.resource_not_found.code) {
    const uri = params?.['uri'];
    const data = { ...(isObject(error.data) ? error.data : {}), ...(uri !== undefined && { uri }) };
    return { ...error, code: ERRORS.invalid_params.code, data };
  }
  return error.code === URL_ELICITATION_REQUIRED ? { ...error, code: ERRORS.internal.code } : error;
}
