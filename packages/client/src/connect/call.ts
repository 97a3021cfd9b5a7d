/**
 * One request of an application on a leg: time-outs, cancellation and progress, and in the stateless era the rounds in which
 * the server asks for input (2026-07-28, "Multi round-trip requests"). It does not choose the leg and does not log in.
 */

import {
  ERRORS,
  isObject,
  META_LOG_LEVEL,
  type JsonObject,
  type JsonRpcErrorObject,
  type JsonRpcNotification,
  type JsonValue,
  type LogLevel,
} from '@sallyport/wire';
import { ask, askAllPages, errorOf, type Pages } from '../ask.ts';
import type { Leg, Outgoing, Pending } from '../leg.ts';
import { ClientError } from './error.ts';
import { NoInput, type Inputs } from './inputs.ts';
import type { Progress } from './types.ts';

export interface RequestOptions {
  /** Milliseconds without an answer; progress renews it. Default: that of the client. */
  readonly timeoutMs?: number;
  /**
   * Milliseconds in all; progress does not move it. Default: that of the client. While a handler is asked both clocks stand
   * still.
   */
  readonly maxMs?: number;
  /** Aborted: the server is told (`notifications/cancelled`, or its stream is closed), and the request rejects. */
  readonly signal?: AbortSignal;
  /** Asks for progress, and is told of it. */
  readonly onProgress?: (progress: Progress) => void;
}

export interface CallContext {
  readonly inputs: Inputs;
  /** Log messages and whatever else the server says on account of the request. */
  readonly hear: (message: JsonRpcNotification) => void;
  /** Something came from the server. */
  readonly alive: () => void;
  /** Asked for with every request of the stateless era. */
  readonly logLevel: LogLevel | undefined;
  readonly timeoutMs: number;
  readonly maxMs: number;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** Rounds of input for one request. */
const MAX_ROUNDS = 10;
/** Requests for input in one round. */
const MAX_INPUTS = 64;

export interface Sent {
  readonly method: string;
  readonly params: JsonObject | undefined;
  /** `Mcp-Param-*`; see `Outgoing`. */
  readonly paramHeaders?: Readonly<Record<string, string>>;
}

/** Resolves with the result. Rejects with `UpstreamError`, `ClientError`, or the reason of the signal. */
export async function call(leg: Leg, sent: Sent, context: CallContext, options: RequestOptions): Promise<JsonObject> {
  const { method, paramHeaders } = sent;
  const wired = wire(leg, context, options, paramHeaders);
  const asked = { timeoutMs: options.timeoutMs ?? context.timeoutMs, withProgress: options.onProgress !== undefined };
  let { params } = sent;
  for (let round = 0; ; round++) {
    const result = await askWithPages(() => ask(wired, method, params, asked), leg, context.inputs, options.signal);
    if (leg.era === 'session' || !needsInput(method, result)) return result;
    if (round === MAX_ROUNDS)
      throw new ClientError('input', `The server asked for input ${MAX_ROUNDS} times and more.`);
    params = { ...sent.params, ...(await answers(result, context.inputs, options.signal)) };
  }
}

/**
 * A server of the session era may refuse a request until the person has been at some pages (2025-11-25, "URL Elicitation
 * Required Error"). When all were agreed to the request is sent once more: the server has not acted on it. Else, and when the
 * server refuses it again, its error stands.
 */
async function askWithPages(
  send: () => Promise<JsonObject>,
  { era }: Leg,
  inputs: Inputs,
  signal: AbortSignal | undefined,
): Promise<JsonObject> {
  try {
    return await send();
  } catch (error) {
    const pages = era === 'session' ? pagesOf(errorOf(error)) : [];
    if (pages.length === 0) throw error;
    for (const page of pages) if (!(await isAgreedTo(page, inputs, signal))) throw error;
    return await send();
  }
}

/** Every one an elicitation by URL; none where one is not, or there are too many. */
function pagesOf(error: JsonRpcErrorObject | undefined): readonly JsonObject[] {
  const data = error?.code === ERRORS.url_elicitation_required.code ? error.data : undefined;
  const pages = isObject(data) && Array.isArray(data['elicitations']) ? data['elicitations'] : [];
  const isPage = (page: JsonValue): page is JsonObject => isObject(page) && page['mode'] === 'url';
  return pages.length <= MAX_INPUTS && pages.every(isPage) ? pages : [];
}

async function isAgreedTo(page: JsonObject, inputs: Inputs, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    return (await inputs.answer('elicitation/create', page, signal))['action'] === 'accept';
  } catch (error) {
    if (error instanceof NoInput) return false;
    throw error;
  }
}

/** Every page of a list. Rejects as {@link call} does. */
export function listAll(
  leg: Leg,
  { method, key }: { readonly method: string; readonly key: string },
  context: CallContext,
  options: RequestOptions,
): Promise<Pages> {
  return askAllPages(wire(leg, context, options), method, key, { timeoutMs: options.timeoutMs ?? context.timeoutMs });
}

/** The leg as `ask` wants it, for one thing that an application does: all requests of it share the longest time. */
function wire(
  leg: Leg,
  { inputs, hear, alive, logLevel, now, ...limits }: CallContext,
  { signal, onProgress, maxMs = limits.maxMs }: RequestOptions,
  paramHeaders?: Sent['paramHeaders'],
): Pick<Leg, 'request' | 'ownMeta'> {
  let leftMs = maxMs;
  const notify = (message: JsonRpcNotification): void => {
    alive();
    if (message.method !== 'notifications/progress') hear(message);
    else onProgress?.((message.params ?? {}) as unknown as Progress);
  };
  const cause: Outgoing['cause'] = {
    owner: () => 'application',
    notify,
    ask: (message) => inputs.ask(message, signal),
  };
  const request = (outgoing: Outgoing): Pending => {
    signal?.throwIfAborted();
    const sentMs = now();
    const pending = leg.request({ ...outgoing, cause, paramHeaders, maxMs: Math.max(1, leftMs) });
    const onAbort = (): void => pending.cancel(String(signal?.reason));
    signal?.addEventListener('abort', onAbort, { once: true });
    const over = (): void => {
      leftMs -= now() - sentMs;
      signal?.removeEventListener('abort', onAbort);
    };
    pending.answer.then(over, over);
    return pending;
  };
  const { ownMeta } = leg;
  const level = logLevel !== undefined && { [META_LOG_LEVEL]: logLevel };
  return { request, ownMeta: ownMeta && { ...ownMeta, ...level } };
}

/** An absent type is that of earlier servers: complete. One that was not negotiated must not be taken for a result. */
function needsInput(method: string, { resultType }: JsonObject): boolean {
  if (resultType === undefined || resultType === 'complete') return false;
  if (resultType === 'input_required') return true;
  const named = JSON.stringify(resultType).slice(0, 60);
  throw new ClientError(
    'protocol',
    `The server answered ${method} with the resultType ${named}, which nobody agreed on.`,
  );
}

/** One after the other: a person fills in one form at a time. */
async function answers(
  { inputRequests = {}, requestState }: JsonObject,
  inputs: Inputs,
  signal: AbortSignal | undefined,
): Promise<JsonObject> {
  if (!isObject(inputRequests) || Object.keys(inputRequests).length > MAX_INPUTS) {
    throw new ClientError(
      'protocol',
      `The inputRequests of the server are no object of ${MAX_INPUTS} requests at most.`,
    );
  }
  const responses: [string, JsonObject][] = [];
  for (const [key, request] of Object.entries(inputRequests)) {
    const method = isObject(request) ? request['method'] : undefined;
    if (!isObject(request) || typeof method !== 'string') {
      throw new ClientError('protocol', 'An input request of the server is none.');
    }
    responses.push([key, await answer(inputs, method, request, signal)]);
  }
  return {
    ...(responses.length > 0 && { inputResponses: Object.fromEntries(responses) }),
    ...(requestState !== undefined && { requestState }),
  };
}

async function answer(
  inputs: Inputs,
  method: string,
  { params }: JsonObject,
  signal: AbortSignal | undefined,
): Promise<JsonObject> {
  try {
    return await inputs.answer(method, params, signal);
  } catch (error) {
    if (!(error instanceof NoInput)) throw error;
    const text = `The server asked for input (${method}), and there is none: ${error.message}`;
    throw new ClientError('input', text, { cause: error });
  }
}
