/**
 * A session-era client calls a stateless server: every round carries the envelope, made from the session; what the
 * server needs is asked of the client by requests that it knows, on the call's own stream (2026-07-28, "Multi round-trip
 * requests"; 2025-11-25, sampling, elicitation and roots).
 */

import { UpstreamError, type Outgoing, type ServerRequestAnswer, type UpstreamAnswer } from '@sallyport/client';
import type { Answer } from '@sallyport/server';
import {
  ERRORS,
  isObject,
  META_CLIENT_CAPABILITIES,
  META_CLIENT_INFO,
  META_LOG_LEVEL,
  META_PROTOCOL_VERSION,
  wireError,
  type JsonObject,
  type JsonRpcErrorObject,
  type JsonRpcNotification,
  type JsonValue,
} from '@sallyport/wire';
import type { Call } from '../call.ts';
import { Refused } from '../errors.ts';
import { withEars } from './ears.ts';
import { MAX_QUESTIONS, MAX_ROUNDS, sessionQuestion } from './input.ts';
import type { BridgeOptions, Carrier, Changes, Compose } from './options.ts';
import { parsedResult, resultBytes, withoutEra } from './result-bytes.ts';

type Options = Pick<BridgeOptions, 'metaText' | 'ask' | 'unasked' | 'randomId'>;

/** Capabilities of a client that mean the same in the stateless era. */
const SHARED_CAPABILITIES: ReadonlySet<string> = new Set([
  'experimental',
  'sampling',
  'elicitation',
  'roots',
  'extensions',
]);

/** Tasks of one era are not those of the other. */
const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';

export async function toStateless(options: Options, call: Call, leg: Carrier, compose: Compose): Promise<Answer> {
  const { exchange } = call;
  const own: Changes = {
    _meta: options.metaText(envelopeFor(call, leg)),
    ...(exchange.message.params?.['task'] !== undefined && { task: undefined }),
  };
  const withCause = increasingProgress();
  let input: Changes = {};
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const answer = await send(call, leg, withCause(compose({ ...own, ...input })));
    if (answer.kind === 'error') return sessionError(answer.error, call);
    const bytes = await resultBytes(answer, exchange);
    const required = inputRequired(bytes);
    if (required === undefined) return withoutEra(bytes, exchange.message.method === 'resources/read');
    input = await fetchInput(options, call, required);
    if (exchange.cancelled) throw new UpstreamError('cancelled', 'The client went between two rounds of input.');
  }
  throw new Refused('refused', `The server asked for input more than ${MAX_ROUNDS} times.`);
}

async function send(call: Call, leg: Carrier, outgoing: Outgoing): Promise<UpstreamAnswer> {
  const pending = leg.request(outgoing);
  call.exchange.onCancel(() => pending.cancel());
  return await pending.answer;
}

function envelopeFor({ exchange }: Call, leg: Carrier): JsonObject {
  const meta = exchange.message.params?.['_meta'];
  return {
    ...(isObject(meta) ? meta : {}),
    [META_PROTOCOL_VERSION]: leg.revision,
    [META_CLIENT_INFO]: exchange.client.info ?? { name: 'unknown', version: '0' },
    [META_CLIENT_CAPABILITIES]: sharedCapabilities(exchange.client.capabilities),
    ...(exchange.logLevel !== undefined && { [META_LOG_LEVEL]: exchange.logLevel }),
  };
}

function sharedCapabilities(capabilities: JsonObject): JsonObject {
  const shared = Object.fromEntries(Object.entries(capabilities).filter(([name]) => SHARED_CAPABILITIES.has(name)));
  const { extensions } = shared;
  if (!isObject(extensions) || extensions[TASKS_EXTENSION] === undefined) return shared;
  const { [TASKS_EXTENSION]: _tasks, ...others } = extensions;
  return { ...shared, extensions: others };
}

/** Each round of a server counts its progress anew; what the client hears of its one request must only increase. */
function increasingProgress(): (outgoing: Outgoing) => Outgoing {
  let last = -Infinity;
  const isNews = ({ method, params }: JsonRpcNotification): boolean => {
    const progress = method === 'notifications/progress' ? params?.['progress'] : undefined;
    if (typeof progress !== 'number') return true;
    if (progress <= last) return false;
    last = progress;
    return true;
  };
  return ({ cause, ...outgoing }) => {
    if (cause === undefined) return outgoing;
    const heard = withEars(cause, {
      ask: (message) => cause.ask(message),
      deferred: () => cause.deferred?.(),
      notify: (message) => {
        if (isNews(message)) cause.notify(message);
      },
    });
    return { ...outgoing, cause: heard };
  };
}

interface InputRequired {
  readonly requests: JsonObject;
  readonly state: string | undefined;
}

const INPUT_REQUIRED = 'input_required';
const TASK = 'task';
/** Kinds of results that a session-era client does not know, as JSON writes them. */
const FOREIGN_TYPES: readonly string[] = [`"${INPUT_REQUIRED}"`, `"${TASK}"`];

/** What a result asks for; undefined for a complete one. */
function inputRequired(bytes: Buffer): InputRequired | undefined {
  if (!FOREIGN_TYPES.some((type) => bytes.includes(type))) return undefined;
  const { resultType, inputRequests, requestState } = parsedResult(bytes);
  if (resultType === TASK) throw new UpstreamError('protocol', 'The server made a task for a client that has no such.');
  if (resultType !== INPUT_REQUIRED) return undefined;
  const requests = isObject(inputRequests) ? inputRequests : {};
  const state = typeof requestState === 'string' ? requestState : undefined;
  const count = Object.keys(requests).length;
  if ((!isObject(inputRequests) && state === undefined) || count > MAX_QUESTIONS) {
    throw new UpstreamError('protocol', `The server asked for input and named nothing, or ${count} things at a time.`);
  }
  return { requests, state };
}

interface Question {
  readonly key: string;
  readonly method: string;
  readonly params: JsonObject | undefined;
  /** What is answered without asking the client. */
  readonly own: ServerRequestAnswer | undefined;
}

/** Everything that is asked for must be there, so nobody is asked anything while something of it cannot be had. */
async function fetchInput(options: Options, call: Call, required: InputRequired): Promise<Changes> {
  const questions = Object.entries(required.requests).map(([key, request]) => questionOf(options, call, key, request));
  for (const { method, own } of questions) {
    if (own !== undefined && 'error' in own) throw noInput(method, own.error);
  }
  const responses = await Promise.all(
    questions.map(async ({ key, method, params, own }): Promise<[string, JsonValue]> => {
      const reply = own ?? (await options.ask(call, method, params));
      if ('error' in reply) throw noInput(method, reply.error);
      return [key, reply.result];
    }),
  );
  const { state } = required;
  return {
    ...(responses.length > 0 && { inputResponses: JSON.stringify(Object.fromEntries(responses)) }),
    ...(state !== undefined && { requestState: JSON.stringify(state) }),
  };
}

function questionOf({ randomId, unasked }: Options, call: Call, key: string, request: JsonValue | undefined): Question {
  const { method, params: given } = isObject(request) ? request : {};
  if (typeof method !== 'string') throw new Refused('unavailable', 'The server asked for input in an unknown form.');
  const params = sessionQuestion(method, isObject(given) ? given : undefined, call.exchange.revision, randomId);
  return { key, method, params, own: unasked(call, method, params) };
}

function noInput(method: string, { message }: JsonRpcErrorObject): Refused {
  return new Refused('refused', `The client did not give the input that the server needs (${method}).`, {
    detail: message,
  });
}

/** Codes of 2026-07-28 that a session-era client would not understand. */
function sessionError(error: JsonRpcErrorObject, { exchange }: Call): Answer {
  if (error.code === ERRORS.missing_capability.code) return lacksCapability(error);
  return { kind: 'error', error: { ...error, code: sessionCode(error, exchange.message.method) }, status: 200 };
}

/** What a client has to declare is the one thing that it can do something about. */
function lacksCapability({ data }: JsonRpcErrorObject): Answer {
  const required = isObject(data) && isObject(data['requiredCapabilities']) ? data['requiredCapabilities'] : {};
  const names = Object.keys(required);
  const which = names.length === 0 ? '' : `: ${names.join(', ')}`;
  const { error } = wireError('refused', `The server needs a capability that the client did not declare${which}.`, {
    requiredCapabilities: required,
  });
  return { kind: 'error', error, status: ERRORS.refused.status };
}

function sessionCode({ code, data }: JsonRpcErrorObject, method: string): number {
  const isNotFound = method === 'resources/read' && isObject(data) && data['uri'] !== undefined;
  if (code === ERRORS.invalid_params.code && isNotFound) return ERRORS.resource_not_found.code;
  return code <= -32020 && code >= -32099 ? ERRORS.internal.code : code;
}
