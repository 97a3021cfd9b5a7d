/**
 * The bridge between eras: a call of a session-era client on a stateless server, and the reverse. It translates the
 * envelope, the results and the errors; input in the middle of a call goes to session-era clients as the requests they
 * know (2026-07-28, "Multi round-trip requests"). Calls within one era do not come here.
 */

import type { Leg, Outgoing, ServerRequestAnswer, UpstreamAnswer } from '@sallyport/client';
import type { Answer } from '@sallyport/server';
import {
  isObject,
  META_CLIENT_CAPABILITIES,
  META_CLIENT_INFO,
  META_LOG_LEVEL,
  META_PROTOCOL_VERSION,
  META_SERVER_INFO,
  withoutEnvelope,
  type JsonObject,
  type JsonRpcErrorObject,
  type JsonRpcResult,
  type JsonValue,
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
}

/** Rounds of input that one call may take. */
const MAX_ROUNDS = 10;

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
    if (answer.kind === 'error') return sessionError(answer.error);
    const text = await resultText(answer);
    const required = inputRequired(text);
    if (required === undefined) return withFront(text, {});
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

/** What a result asks for; undefined for a complete one. Only a result that has the words is parsed. */
function inputRequired(text: string): InputRequired | undefined {
  if (!text.includes('input_required')) return undefined;
  const { result } = JSON.parse(text) as JsonRpcResult;
  if (result['resultType'] !== 'input_required') return undefined;
  const { inputRequests, requestState } = result;
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
function sessionError(error: JsonRpcErrorObject): Answer {
  const uri = isObject(error.data) ? error.data['uri'] : undefined;
  const code =
    error.code === -32602 && uri !== undefined
      ? -32002
      : error.code <= -32020 && error.code >= -32099
        ? -32603
        : error.code;
  return { kind: 'error', error: { ...error, code }, status: 200 };
}

/** A stateless client calls a session-era server: its envelope stays here, the result gets what its revision asks for. */
async function toSession(options: BridgeOptions, call: Call, leg: Leg, compose: Compose): Promise<Answer> {
  const { message } = call.exchange;
  const given = message.params?.['_meta'];
  const meta = withoutEnvelope(isObject(given) ? given : {});
  const outgoing = compose({ _meta: options.metaText(meta), inputResponses: undefined, requestState: undefined });
  const answer = await send(call, leg, outgoing);
  if (answer.kind === 'error') return statelessError(answer.error, message.params?.['uri']);
  return withFront(await resultText(answer), {
    resultType: 'complete',
    ...(message.method === 'resources/read' && { ttlMs: 0, cacheScope: 'private' }),
    _meta: { [META_SERVER_INFO]: leg.server.info },
  });
}

/** Codes of the session era that 2026-07-28 forbids. */
function statelessError(error: JsonRpcErrorObject, uri: JsonValue | undefined): Answer {
  if (error.code === -32002) {
    const data = { ...(isObject(error.data) ? error.data : {}), ...(uri !== undefined && { uri }) };
    return { kind: 'error', error: { ...error, code: -32602, data }, status: 200 };
  }
  return { kind: 'error', error: error.code === -32042 ? { ...error, code: -32603 } : error, status: 200 };
}
