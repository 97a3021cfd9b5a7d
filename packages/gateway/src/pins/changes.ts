/** What is another between two definitions of a tool: by member, for a list; by value, for a person who decides. Pure. */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { canonicalText } from './canonical.ts';

/** Members of a definition that differ, sorted. Order alone is no difference. */
export function changedMembers(before: JsonObject, after: JsonObject): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => canonicalText(before[name]) !== canonicalText(after[name])).toSorted();
}

/** One value that came, went or is another, as JSON; undefined: it is not there. */
export interface Difference {
  /** Members from the outside in: `inputSchema.properties.path.description`. */
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

export function differences(before: JsonObject, after: JsonObject): Difference[] {
  const [old, now] = [leaves(before), leaves(after)];
  const paths = [...new Set([...old.keys(), ...now.keys()])].toSorted();
  return paths.flatMap((path) => {
    const [was, is] = [old.get(path), now.get(path)];
    return was === is ? [] : [{ path, before: was, after: is }];
  });
}

/** Lists stand as a whole: what moved in one would look like many changes. */
function leaves(value: JsonValue | undefined, path = '', into: Map<string, string> = new Map()): Map<string, string> {
  const entries = isObject(value) ? Object.entries(value) : [];
  if (entries.length === 0) {
    into.set(path, canonicalText(value, /(?:^|\.)(?:required|enum|type)$/.test(path)));
    return into;
  }
  for (const [name, member] of entries) leaves(member, path === '' ? name : `${path}.${name}`, into);
  return into;
}
