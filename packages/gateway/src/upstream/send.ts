/**
 * The last step: the call goes to its server, and the answer comes back as bytes. One era on both sides; a call that
 * crosses eras is handed to the bridge.
 */

import {
  UpstreamError,
  type Cause,
  type ErrorAnswer,
  type Leg,
  type Outgoing,
  type UpstreamAnswer,
} from '@sallyport/client';
import type { Answer } from '@sallyport/server';
import {
  checkParamHeaders,
  ERRORS,
  isObject,
  mirrorParams,
  nameOf,
  PARAM_HEADER_PREFIX,
  type Era,
  type HeaderBag,
  type JsonObject,
  type JsonValue,
  type ParamHeader,
} from '@sallyport/wire';
import type { Call, Instance, Step, Target } from '../call.ts';
import { Refused } from '../errors.ts';
import { argumentsText, argumentsWith } from './arguments.ts';
import { requestText, type ParamChanges } from './request-text.ts';

export interface Timeouts {
  readonly timeoutMs: number;
  readonly maxMs: number;
}

export interface SendOptions {
  /** A leg that is up, without waiting. */
  readonly ready: (server: string, era: Era, instance: Instance | undefined) => Leg | undefined;
  /** A leg, started if need be. */
  readonly leg: (server: string, era: Era, instance: Instance | undefined) => Promise<Leg>;
  readonly timeouts: (server: string, method: string) => Timeouts;
  /** After an error: true when it is worth one more try, with another credential. */
  readonly renewed: (error: unknown, server: string) => Promise<boolean>;
  /** Who hears what the server says meanwhile. */
  readonly cause: (call: Call, leg: Leg) => Cause;
  /** Milliseconds, monotonic. */
  readonly monotonic: () => number;
  /** Carries a call to a leg of the other era. `compose` makes the message with further changes to its parameters. */
  readonly bridge: (call: Call, leg: Leg, compose: (changes: ParamChanges) => Outgoing) => Promise<Answer>;
}

/** Members of the message that name the target, by method; the others go as they came. */
function targetChanges(call: Call, target: Target): ParamChanges {
  const { message, text } = call.exchange;
  const { method, params } = message;
  const named = nameChanges(method, params ?? {}, target);
  const { argumentRules } = target;
  if (argumentRules === undefined || !(method === 'tools/call' || isObject(params?.['arguments']))) return named;
  return { ...named, arguments: argumentsText(message, text, argumentRules) };
}

function nameChanges(method: string, params: JsonObject, { original, kind }: Target): ParamChanges {
  if (original === undefined || kind === 'resource' || kind === 'template') return {};
  if (kind === 'task') return { taskId: JSON.stringify(original) };
  if (method !== 'completion/complete') {
    return params['name'] === original ? {} : { name: JSON.stringify(original) };
  }
  const ref = params['ref'] as JsonObject;
  return ref['name'] === original ? {} : { ref: JSON.stringify({ ...ref, name: original }) };
}

/** The message for a leg, with `extra` changes to its parameters. */
function outgoingOf(
  call: Call,
  target: Target,
  context: Timeouts & { readonly cause: Cause },
  extra?: ParamChanges,
): Outgoing {
  const { message, text, era, headers } = call.exchange;
  const { method, params } = message;
  const named = nameOf(method, params);
  const mirrors = era === 'stateless' || (target.paramHeaders ?? NO_DECLARATIONS).length > 0;
  const changes = targetChanges(call, target);
  // One literal: calls of every kind have the same shape.
  return {
    method,
    name: named === undefined ? undefined : (target.original ?? named),
    paramHeaders: mirrors ? paramHeadersOf(target, params?.['arguments'], headers ?? {}) : undefined,
    text: requestText(message, text, extra === undefined ? changes : { ...changes, ...extra }),
    timeoutMs: context.timeoutMs,
    maxMs: context.maxMs,
    cause: context.cause,
  };
}

const NO_DECLARATIONS: readonly ParamHeader[] = [];

/** Recognised parameters are mirrored anew from the arguments as they leave; headers that nobody here knows are passed on. */
function paramHeadersOf(target: Target, args: JsonValue | undefined, headers: HeaderBag): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (name.startsWith(PARAM_HEADER_PREFIX) && typeof value === 'string') passed[name] = value;
  }
  const { paramHeaders: declared = NO_DECLARATIONS, argumentRules } = target;
  if (declared.length === 0) return passed;
  for (const { header } of declared) delete passed[header];
  const sent = argumentRules === undefined ? args : argumentsWith(args, argumentRules);
  return { ...passed, ...mirrorParams(declared, sent) };
}

export function createSend(options: SendOptions): Step {
  const send = async (call: Call, isLast: boolean): Promise<Answer> => {
    const { exchange, instance } = call;
    const target = call.target as Target;
    checkHeaders(call, target);
    const { era } = exchange;
    const beganMs = options.monotonic();
    try {
      const leg = options.ready(target.server, era, instance) ?? (await options.leg(target.server, era, instance));
      // It may have gone while the server was started: then the server never hears of it.
      if (exchange.cancelled) throw new UpstreamError('cancelled', 'The client went before its server was up.');
      const { timeoutMs, maxMs } = options.timeouts(target.server, exchange.message.method);
      const context = { timeoutMs, maxMs, cause: options.cause(call, leg) };
      if (leg.era !== era) {
        return await options.bridge(call, leg, (changes) => outgoingOf(call, target, context, changes));
      }
      const pending = leg.request(outgoingOf(call, target, context));
      exchange.onCancel(() => pending.cancel());
      return clientAnswer(await pending.answer, era);
    } catch (error) {
      if (isLast || !(await options.renewed(error, target.server))) throw error;
      return await send(call, true);
    } finally {
      call.upstreamMs = options.monotonic() - beganMs;
    }
  };
  return (call) => send(call, false);
}

/** `Mcp-Param-*` headers of a stateless call over HTTP must say what the body says, as far as the client can know them. */
function checkHeaders(
  { exchange: current, stated: exchange = current, via }: Call,
  { paramHeaders, argumentRules }: Target,
): void {
  // Whoever meant it through another tool could not know what it declares.
  if (exchange.era !== 'stateless' || exchange.headers === undefined || via !== undefined) return;
  if (paramHeaders === undefined || paramHeaders.length === 0) return;
  const shown = paramHeaders.filter(({ path }) => {
    const rule = argumentRules?.[path[0] as string];
    return rule === undefined || !(rule.hide || rule.fix !== undefined);
  });
  const problem = checkParamHeaders(shown, exchange.message.params?.['arguments'], exchange.headers);
  if (problem !== undefined) throw new Refused(problem.key, problem.error.message);
}

/** An upstream's answer as the client's. */
function clientAnswer(answer: UpstreamAnswer, era: Era): Answer {
  if (answer.kind === 'result') return answer;
  return { kind: 'error', error: answer.error, status: statusFor(answer, era) };
}

/**
 * The status of an upstream's error: 404 and 400 where 2026-07-28 gives them a meaning, whatever they came with. Others
 * speak of the gateway's own request: a 401 would send the client to a login that is not its own.
 */
export function statusFor({ error, status }: ErrorAnswer, era: Era): number {
  if (era === 'session') return 200;
  if (error.code === ERRORS.method_not_found.code) return ERRORS.method_not_found.status;
  return status === 400 ? 400 : 200;
}
