/** Properties of a schema with those of the schemas that it is made of (`allOf`). */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import type { ApiDocument } from './document.ts';
import { membersOf } from './members.ts';

/** Schemas that are looked into: what is made of itself, or of many, has an end. */
const MAX_SCHEMAS = 200;

/** By name; what stands further out counts. Throws `DocumentError` for a reference that leads nowhere. */
export function inheritedProperties(schema: JsonValue, document: ApiDocument): ReadonlyMap<string, JsonValue> {
  const found = new Map<string, JsonValue>();
  for (const { properties } of madeOf(schema, document)) {
    for (const [name, property] of membersOf(properties)) if (!found.has(name)) found.set(name, property);
  }
  return found;
}

/** One of them, without a look at the others. Throws as {@link inheritedProperties}. */
export function inheritedProperty(schema: JsonValue, name: string, document: ApiDocument): JsonValue | undefined {
  for (const { properties } of madeOf(schema, document)) {
    if (isObject(properties) && Object.hasOwn(properties, name)) return properties[name];
  }
  return undefined;
}

function* madeOf(schema: JsonValue, document: ApiDocument): Generator<JsonObject> {
  const open: JsonValue[] = [schema];
  for (let count = 0; count < MAX_SCHEMAS && open.length > 0; count++) {
    const next = open.shift();
    if (!isObject(next)) continue;
    const resolved = document.resolve(next);
    yield resolved;
    const { allOf } = resolved;
    if (Array.isArray(allOf)) open.push(...allOf.slice(0, MAX_SCHEMAS));
  }
}
