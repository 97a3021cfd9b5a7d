/**
 * Definitions as bytes that are the same for the same meaning (after RFC 8785), and the hash that a pin is. Beyond the RFC:
 * lists whose order means nothing in JSON Schema are sorted, because many servers make them from sets.
 */

import { hash } from 'node:crypto';
import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';

/** Members whose value is a set when it is a list. */
const SETS: ReadonlySet<string> = new Set(['required', 'enum', 'type']);

/** Members sorted by their UTF-16 units, numbers and strings as ECMAScript writes them. */
export function canonicalText(value: JsonValue | undefined, isSet = false): string {
  if (Array.isArray(value)) {
    const texts = value.map((each) => canonicalText(each));
    return `[${(isSet ? texts.toSorted() : texts).join(',')}]`;
  }
  if (!isObject(value)) return JSON.stringify(value) ?? 'null';
  const members = Object.keys(value)
    .filter((name) => value[name] !== undefined)
    .toSorted()
    .map((name) => `${JSON.stringify(name)}:${canonicalText(value[name], SETS.has(name))}`);
  return `{${members.join(',')}}`;
}

/**
 * SHA-256, hexadecimal, over the canonical id, what stands behind the server's name, and the whole definition: whatever a
 * client is given of a tool is pinned.
 */
export function pinHash(identity: string, id: string, tool: JsonObject): string {
  return hash('sha256', canonicalText({ id, server: identity, tool }));
}
