/**
 * What a server says while it works on a call goes to the client of that call and to nobody else: progress under the
 * client's own token, log messages at its level, and questions that the client said it can answer.
 */

import type { Cause, ServerRequestAnswer } from '@sallyport/client';
import { principalKey, type ClientFacts, type Exchange } from '@sallyport/server';
import {
  ERRORS,
  isObject,
  LOG_LEVELS,
  wireError,
  type JsonObject,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type JsonValue,
  type LogLevel,
  type Revision,
} from '@sallyport/wire';
import { logIdOf, TASK_STATUS, type Call, type Target } from '../call.ts';
import { rootsOf } from './instances.ts';
import { progressToken } from './request-text.ts';

/** True when the client declared what this request of a server needs (2025-11-25, sampling and elicitation). */
function clientCan({ capabilities }: ClientFacts, method: string, params: JsonObject | undefined): boolean {
  const { sampling, elicitation, roots } = capabilities;
  switch (method) {
    case 'sampling/createMessage':
      if (params?.['tools'] === undefined && params?.['toolChoice'] === undefined) return sampling !== undefined;
      return isObject(sampling) && sampling['tools'] !== undefined;
    case 'elicitation/create':
      return elicits(elicitation, params?.['mode'] ?? 'form');
    case 'roots/list':
      return roots !== undefined;
    default:
      return true;
  }
}

/** Without a mode the capability means forms: there was nothing else before modes were named. */
function elicits(elicitation: JsonValue | undefined, mode: JsonValue): boolean {
  if (!isObject(elicitation)) return false;
  if (typeof mode !== 'string') return false;
  return elicitation[mode] !== undefined || (mode === 'form' && elicitation['url'] === undefined);
}

/** True when a message of `level` is wanted by one who asked for `wanted` and above. */
function reachesLevel(level: unknown, wanted: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level as LogLevel) >= LOG_LEVELS.indexOf(wanted);
}

/** What is done about the content of what is said and asked during a call. Undefined: it is kept back. */
export interface Meanwhile {
  readonly said: (call: Call, params: JsonObject) => JsonObject | undefined;
  readonly replied: (call: Call, result: JsonObject) => JsonObject | undefined;
}

export interface CauseOptions {
  /** How long a client may take for an answer. */
  readonly humanMs: () => number;
  /** Parameters as the client of the call may see them. */
  readonly shown: (call: Call, params: JsonObject | undefined) => JsonObject | undefined;
  /** A question in the words of the client's revision, and its answer in those of the server's. */
  readonly questionIn: (revision: Revision, method: string, params: JsonObject | undefined) => JsonObject | undefined;
  readonly answerIn: (revision: Revision, method: string, answer: JsonObject) => JsonObject;
  /** What must not pass is kept back: then there is nothing. */
  readonly meanwhile: Meanwhile;
  /** News of a task, which need not be one of this call's client. */
  readonly taskStatus: (server: string, message: JsonRpcNotification) => void;
}

/** `revision` is what the server speaks. */
export function causeOf(call: Call, revision: Revision, options: CauseOptions): Cause {
  return new CallCause(call, revision, options);
}

/** A class, so that a call costs one object and not a function for each thing that may happen to it. */
class CallCause implements Cause {
  readonly #call: Call;
  readonly #revision: Revision;
  readonly #options: CauseOptions;

  constructor(call: Call, revision: Revision, options: CauseOptions) {
    this.#call = call;
    this.#revision = revision;
    this.#options = options;
  }

  owner(): string {
    const { endpoint, principal, session } = this.#call.exchange;
    return session?.id ?? `${principalKey(principal)} ${endpoint}`;
  }

  logId(): string {
    return logIdOf(this.#call);
  }

  deferred(): void {
    this.#call.exchange.hold();
  }

  notify(message: JsonRpcNotification): void {
    const call = this.#call;
    if (message.method === TASK_STATUS) return this.#options.taskStatus((call.target as Target).server, message);
    const own = forClient(call, message);
    if (own === undefined) return;
    const { meanwhile, shown } = this.#options;
    const params = shown(call, own.params);
    const said = params && meanwhile.said(call, params);
    if (params === undefined || said !== undefined) call.exchange.notify(withParams(own, said));
  }

  async ask({ method, params }: JsonRpcRequest): Promise<ServerRequestAnswer> {
    const call = this.#call;
    const { answerIn, humanMs, meanwhile, questionIn, shown } = this.#options;
    const own = unasked(call, method, params);
    if (own !== undefined) return own;
    const question = questionIn(call.exchange.revision, method, shown(call, params));
    const reply = await askGuarded(call, method, question, humanMs(), meanwhile);
    return 'error' in reply ? reply : { result: answerIn(this.#revision, method, reply.result) };
  }
}

function withParams(message: JsonRpcNotification, params: JsonObject | undefined): JsonRpcNotification {
  return params === undefined || params === message.params ? message : { ...message, params };
}

/**
 * What a server is answered without asking the client of the call: an error for what the client did not declare, and the
 * root of an instance that works on one project. Undefined: the client is asked.
 */
export function unasked(
  { exchange, instance }: Call,
  method: string,
  params: JsonObject | undefined,
): ServerRequestAnswer | undefined {
  const root = instance?.root;
  // It hears of no other folder, whatever else the client works on.
  if (method === 'roots/list' && root !== undefined) return rootsOf(root);
  if (clientCan(exchange.client, method, params)) return undefined;
  return {
    error: {
      code: ERRORS.method_not_found.code,
      message: `The client of this call does not offer ${method} in this form.`,
    },
  };
}

const QUESTION_KEPT = 'The question holds what must not pass, so the client was not asked.';
const REPLY_KEPT = 'The answer of the client holds what must not pass, so it is kept back.';

/** The same, of what a server asks: neither the question nor the answer has what must not pass. */
export async function askGuarded(
  call: Call,
  method: string,
  params: JsonObject | undefined,
  humanMs: number,
  { replied, said }: Meanwhile,
): Promise<ServerRequestAnswer> {
  const question = params && said(call, params);
  if (params !== undefined && question === undefined) return { error: wireError('refused', QUESTION_KEPT).error };
  const reply = await ask(call.exchange, method, question, humanMs);
  if ('error' in reply) return reply;
  const result = replied(call, reply.result);
  return result === undefined ? { error: wireError('refused', REPLY_KEPT).error } : { result };
}

/** Asks the client of a session-era call. Never rejects: that nobody answered in time is an answer. */
export async function ask(
  exchange: Exchange,
  method: string,
  params: JsonObject | undefined,
  humanMs: number,
): Promise<ServerRequestAnswer> {
  const { promise: tooLate, resolve } = Promise.withResolvers<ServerRequestAnswer>();
  const timer = setTimeout(() => resolve({ error: wireError('refused', 'Nobody answered in time.').error }), humanMs);
  const answer = await Promise.race([exchange.ask(method, params), tooLate]);
  clearTimeout(timer);
  return answer;
}

/** A program answers this, not a person. */
const ROOTS_TIMEOUT_MS = 10_000;

/** What a client says of its roots; undefined when it does not. */
export async function askRoots(exchange: Exchange): Promise<JsonObject | undefined> {
  const reply = await ask(exchange, 'roots/list', undefined, ROOTS_TIMEOUT_MS);
  return 'result' in reply ? reply.result : undefined;
}

function forClient(call: Call, message: JsonRpcNotification): JsonRpcNotification | undefined {
  const { exchange } = call;
  if (message.method === 'notifications/progress') {
    const token = progressToken(exchange.message);
    return token === undefined ? undefined : { ...message, params: { ...message.params, progressToken: token } };
  }
  // It names a request by the server's id, which is another one's here; a late answer to it finds nobody.
  if (message.method === 'notifications/cancelled') return undefined;
  if (message.method !== 'notifications/message') return message;
  if (exchange.logLevel === undefined) return exchange.era === 'session' ? message : undefined;
  return reachesLevel(message.params?.['level'], exchange.logLevel) ? message : undefined;
}
