/** Members of values that came from outside. */

import { isObject, type JsonValue } from '@sallyport/wire';

/** Own members in their order; none of what is no object. */
export function membersOf(value: JsonValue | undefined): [string, JsonValue][] {
  return isObject(value) ? (Object.entries(value) as [string, JsonValue][]) : [];
}
