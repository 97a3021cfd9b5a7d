/** `arguments` rules of the configuration, applied to a call: fixed values, defaults, and arguments that are not the caller's. */

import type { JsonObject, JsonValue } from '@sallyport/wire';
import type { ArgumentRules } from '../call.ts';

/** The arguments to send. A fixed value wins over the caller's; a hidden argument of the caller is dropped. */
export function applyArgumentRules(args: JsonObject, rules: ArgumentRules): JsonObject {
  const result: JsonObject = { ...args };
  for (const [name, rule] of Object.entries(rules)) {
    if (rule.hide) delete result[name];
    if (rule.fix !== undefined) result[name] = rule.fix as JsonValue;
    else if (rule.default !== undefined && result[name] === undefined) result[name] = rule.default as JsonValue;
  }
  return result;
}
