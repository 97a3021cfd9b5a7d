/** Results and failures of handlers as answers of their era. What a stranger may read is decided here and nowhere else. */

import { randomUUID } from 'node:crypto';
import { isObject, META_SERVER_INFO, wireError, withLogId, type JsonObject } from '@sallyport/wire';
import { errorAnswer, preparedResult, type Answer, type Exchange } from '../exchange.ts';
import { MissingCapabilityError, ToolError } from './errors.ts';
import type { Log } from '../serving/log.ts';
import type { Entry } from './registry.ts';
import { viewerOf } from './viewer.ts';

/**
 * With the members that the stateless era wants besides. It is written here, where what no JSON can say is still the failure of
 * whoever returned it: throws a `TypeError`.
 */
export function completed(result: JsonObject, { era }: Exchange, info: JsonObject): Answer {
  return preparedResult(jsonText(era === 'session' ? result : withMeta(result, info)));
}

function withMeta(result: JsonObject, info: JsonObject): JsonObject {
  const meta = result['_meta'];
  return { ...result, resultType: 'complete', _meta: { ...(isObject(meta) ? meta : {}), [META_SERVER_INFO]: info } };
}

/** Throws a `TypeError` for what no JSON can say. */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`a handler returned what no JSON can say: a ${typeof value}`);
  return text;
}

/** Undefined: it may be used. `unknown` answers for what the caller may not know of. */
export function refusalOf(
  { see }: Pick<Entry, 'see'>,
  exchange: Exchange,
  unknown: (exchange: Exchange) => Answer,
): Answer | undefined {
  const seen = see === undefined ? 'visible' : see(viewerOf(exchange, exchange.session));
  if (seen === 'visible') return undefined;
  if (seen === 'hidden') return unknown(exchange);
  return errorAnswer('insufficient_scope', exchange.era, undefined, { scopes: [...seen.scopes] });
}

/** What failed, for the log. */
export interface Failed {
  readonly exchange: Exchange;
  readonly noun: 'tool' | 'resource' | 'prompt' | 'completion' | 'request';
  readonly name: string;
  readonly error: unknown;
  readonly log: Log;
}

/** What the caller reads of a failure: its own message, or that it failed, with the id under which the log tells more. */
export type Told = { readonly message: string } | { readonly id: string } | { readonly answer: Answer };

export function toldOf({ error, exchange, log, name, noun }: Failed): Told {
  if (error instanceof MissingCapabilityError && exchange.era === 'stateless') {
    const data = { requiredCapabilities: error.required };
    return { answer: errorAnswer('missing_capability', exchange.era, error.message, data) };
  }
  if (error instanceof ToolError) return { message: error.message };
  const id = randomUUID();
  // Who has left does not wait for an answer, and what fails because of that is no fault.
  if (!exchange.cancelled) {
    log('error', `a ${noun} failed`, {
      id,
      [noun]: name,
      method: exchange.message.method,
      error: describeError(error),
    });
  }
  return { id };
}

/** The failure of a resource, a prompt or a completion. */
export function failureAnswer(failed: Failed): Answer {
  const told = toldOf(failed);
  if ('answer' in told) return told.answer;
  const { era } = failed.exchange;
  if ('message' in told) return errorAnswer('internal', era, told.message);
  const { error } = wireError('internal', `The ${failed.noun} failed (id ${told.id}).`);
  return { kind: 'error', error: withLogId(error, told.id), status: 200 };
}

/** Whatever was thrown. */
export function describeError(error: unknown): string {
  try {
    return error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error);
  } catch {
    return 'what was thrown cannot be written';
  }
}
