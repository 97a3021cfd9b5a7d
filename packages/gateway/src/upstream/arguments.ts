/** `arguments` rules of the configuration, applied to a call: fixed values, defaults, and arguments that are not the caller's. */

import { isObject, members, type JsonObject, type JsonRpcRequest, type JsonValue } from '@sallyport/wire';
import type { ArgumentRules } from '../call.ts';

/** The arguments to send. A fixed value wins over the caller's; a hidden argument of the caller is dropped. */
export function argumentsWith(args: JsonValue | undefined, rules: ArgumentRules): JsonObject {
  const given = new Map(Object.entries(isObject(args) ? args : {}));
  for (const [name, value] of ruled(rules, given)) {
    if (value === undefined) given.delete(name);
    else given.set(name, value);
  }
  return Object.fromEntries(given);
}

/** The parameters of a call with the arguments that are sent. */
export function paramsWith(params: JsonObject, rules: ArgumentRules | undefined): JsonObject {
  return rules === undefined ? params : { ...params, arguments: argumentsWith(params['arguments'], rules) };
}

/** The same as text, in which the caller's other arguments stand as they were written. */
export function argumentsText(message: JsonRpcRequest, text: string, rules: ArgumentRules): string {
  const params = members(text, 0)?.get('params');
  const written = params && members(text, params.start)?.get('arguments');
  const given = written && members(text, written.start);
  if (given === undefined) return JSON.stringify(argumentsWith(message.params?.['arguments'], rules));
  const texts = new Map([...given].map(([name, { start, end }]) => [name, text.slice(start, end)]));
  for (const [name, value] of ruled(rules, given)) {
    if (value === undefined) texts.delete(name);
    else texts.set(name, JSON.stringify(value));
  }
  return `{${[...texts].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
}

/** What the rules make of each argument that they change: its value, or undefined where it is dropped. */
function* ruled(
  rules: ArgumentRules,
  given: { has(name: string): boolean },
): Generator<readonly [string, JsonValue | undefined]> {
  for (const [name, rule] of Object.entries(rules)) {
    if (rule.fix !== undefined) yield [name, rule.fix as JsonValue];
    else if (rule.default !== undefined && (rule.hide || !given.has(name))) yield [name, rule.default as JsonValue];
    else if (rule.hide) yield [name, undefined];
  }
}
