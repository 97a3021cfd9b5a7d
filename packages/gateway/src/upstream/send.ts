/**
 * The last step: the call goes to its server, and the answer comes back as bytes. One era on both sides; a call that
 * crosses eras is handed to the bridge.
 */

import type { Leg, Outgoing, UpstreamAnswer } from '@sallyport/client';
import type { Answer } from '@sallyport/server';
import {
  checkParamHeaders,
  isObject,
  mirrorParams,
  nameOf,
  PARAM_HEADER_PREFIX,
  type Era,
  type HeaderBag,
  type JsonObject,
} from '@sallyport/wire';
import type { Call, Step, Target } from '../call.ts';
import { Refused } from '../errors.ts';
import { applyArgumentRules } from './arguments.ts';
import { causeOf } from './cause.ts';
import { requestText, type ParamChanges } from './request-text.ts';

export interface Timeouts {
  readonly timeoutMs: number;
  readonly maxMs: number;
}

export interface SendOptions {
  /** A leg that is up, without waiting. */
  readonly ready: (server: string, era: Era) => Leg | undefined;
  /** A leg, started if need be. */
  readonly leg: (server: string, era: Era) => Promise<Leg>;
  readonly timeouts: (server: string, method: string) => Timeouts;
  /** Carries a call to a leg of the other era. `compose` makes the message with further changes to its parameters. */
  readonly bridge: (call: Call, leg: Leg, compose: (changes: ParamChanges) => Outgoing) => Promise<Answer>;
}

/** Members of the message that name the target, by method; the others go as they came. */
export function targetChanges(call: Call, target: Target): ParamChanges {
  const { method, params } = call.exchange.message;
  const changes: Record<string, string> = {};
  const { original } = target;
  if (original !== undefined) {
    if (method === 'completion/complete') {
      changes['ref'] = JSON.stringify({ ...(params?.['ref'] as JsonObject), ...refName(target) });
    } else if (target.kind === 'task') changes['taskId'] = JSON.stringify(original);
    else if ((target.kind === 'tool' || target.kind === 'prompt') && params?.['name'] !== original) {
      changes['name'] = JSON.stringify(original);
    }
  }
  if (target.argumentRules !== undefined) {
    const args = isObject(params?.['arguments']) ? params['arguments'] : {};
    changes['arguments'] = JSON.stringify(applyArgumentRules(args, target.argumentRules));
  }
  return changes;
}

function refName(target: Target): JsonObject {
  return target.kind === 'prompt' ? { name: target.original } : { uri: target.original };
}

/** The message for a leg, with `extra` changes to its parameters. */
export function outgoingOf(call: Call, target: Target, timeouts: Timeouts, extra: ParamChanges = {}): Outgoing {
  const { message, text } = call.exchange;
  const args = message.params?.['arguments'];
  const name = target.original ?? nameOf(message.method, message.params);
  return {
    method: message.method,
    ...(name !== undefined && nameOf(message.method, message.params) !== undefined && { name }),
    ...((call.exchange.era === 'stateless' || target.paramHeaders?.length) && {
      paramHeaders: paramHeadersOf(target, args, call.exchange.headers ?? {}),
    }),
    text: requestText(message, text, { ...targetChanges(call, target), ...extra }),
    ...timeouts,
    cause: causeOf(call),
  };
}

/** Recognised parameters are mirrored anew from the body; headers that nobody here knows are passed on. */
function paramHeadersOf(target: Target, args: unknown, headers: HeaderBag): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (name.startsWith(PARAM_HEADER_PREFIX) && typeof value === 'string') passed[name] = value;
  }
  for (const { header } of target.paramHeaders ?? []) delete passed[header];
  return { ...passed, ...mirrorParams(target.paramHeaders ?? [], args as JsonObject) };
}

export function createSend(options: SendOptions): Step {
  return async (call) => {
    const { exchange } = call;
    const target = call.target as Target;
    checkHeaders(call, target);
    const leg = options.ready(target.server, exchange.era) ?? (await options.leg(target.server, exchange.era));
    const timeouts = options.timeouts(target.server, exchange.message.method);
    if (leg.era !== exchange.era) {
      return await options.bridge(call, leg, (changes) => outgoingOf(call, target, timeouts, changes));
    }
    const pending = leg.request(outgoingOf(call, target, timeouts));
    exchange.onCancel(() => pending.cancel());
    return clientAnswer(await pending.answer, exchange.era);
  };
}

/** `Mcp-Param-*` headers of a stateless call over HTTP must say what the body says. */
function checkHeaders({ exchange }: Call, target: Target): void {
  if (exchange.era !== 'stateless' || exchange.headers === undefined || target.paramHeaders === undefined) return;
  if (target.paramHeaders.length === 0) return;
  const problem = checkParamHeaders(target.paramHeaders, exchange.message.params?.['arguments'], exchange.headers);
  if (problem !== undefined) throw new Refused(problem.key, problem.error.message);
}

/** An upstream's answer as the client's: a status counts only where the revision gives it a meaning. */
export function clientAnswer(answer: UpstreamAnswer, era: Era): Answer {
  if (answer.kind === 'result') return answer;
  const meaningful = era === 'stateless' && answer.status !== undefined && answer.status >= 400 && answer.status < 500;
  return { kind: 'error', error: answer.error, status: meaningful ? (answer.status as number) : 200 };
}
