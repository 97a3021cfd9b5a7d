/**
 * `completion/complete` (MCP, "Completion"): values for an argument of a prompt or a variable of a template. What is unknown, or
 * not for the caller to know, has no values.
 */

import { isObject, type JsonObject } from '@sallyport/wire';
import { errorAnswer, type Answer, type Exchange } from '../exchange.ts';
import { completed, failureAnswer, refusalOf } from './answers.ts';
import type { Call } from './call.ts';
import type { Completer, Given } from './definitions.ts';
import type { Kinds } from './kinds.ts';
import type { Log } from '../serving/log.ts';
import type { Prompt } from './prompts.ts';
import type { Template } from './resources.ts';

/** Values that one answer may have. */
const MAX_VALUES = 100;

export interface CompletionParts {
  readonly kinds: Kinds;
  readonly info: JsonObject;
  readonly log: Log;
}

/** Does not reject. */
export async function complete(call: Call, exchange: Exchange, { info, kinds, log }: CompletionParts): Promise<Answer> {
  const { argument, context, ref } = exchange.message.params ?? {};
  if (!isObject(ref) || !isObject(argument)) return errorAnswer('invalid_params', exchange.era, NEEDS);
  const { name, value } = argument;
  if (typeof name !== 'string' || typeof value !== 'string') return errorAnswer('invalid_params', exchange.era, NEEDS);
  try {
    const entry = entryOf(ref, kinds);
    const nothing = (): Answer => completed({ completion: { values: [], total: 0, hasMore: false } }, exchange, info);
    const refusal = entry && refusalOf(entry, exchange, nothing);
    if (refusal !== undefined) return refusal;
    const completer = entry && completerOf(entry, name);
    const all = await valuesOf(completer, value, call, givenIn(isObject(context) ? context : {}));
    const values = all.slice(0, MAX_VALUES);
    const completion = { values, total: all.length, hasMore: all.length > values.length };
    return completed({ completion }, exchange, info);
  } catch (error) {
    return failureAnswer({ exchange, noun: 'completion', name, error, log });
  }
}

const NEEDS = 'A completion needs a ref, and an argument with a name and a value.';

function entryOf(
  { name: prompt, type, uri }: JsonObject,
  { prompts, templates }: Kinds,
): Prompt | Template | undefined {
  const of = type === 'ref/prompt' ? prompt : uri;
  if (typeof of !== 'string') return undefined;
  return type === 'ref/prompt' ? prompts.get(of) : templates.get(of);
}

function completerOf({ definition: { complete: known } }: Prompt | Template, name: string): Completer | undefined {
  return known !== undefined && Object.hasOwn(known, name) ? known[name] : undefined;
}

async function valuesOf(
  completer: Completer | undefined,
  value: string,
  call: Call,
  given: Given,
): Promise<readonly string[]> {
  if (completer === undefined) return [];
  if (typeof completer !== 'function') return completer.filter((each) => each.startsWith(value));
  const values: unknown = await completer(value, call, given);
  if (isTexts(values)) return values;
  throw new TypeError('a completer returned no list of texts');
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function givenIn({ arguments: args }: JsonObject): Given {
  const entries = Object.entries(isObject(args) ? args : {});
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}
