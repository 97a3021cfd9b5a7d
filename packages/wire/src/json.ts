/** What JSON can say, as types, and the one guard that everything else starts from. */

export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue | undefined;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Both objects in one, objects inside merged alike; where they disagree the first one counts. */
export function mergeObjects(first: JsonObject, second: JsonObject): JsonObject {
  const merged: JsonObject = { ...second, ...first };
  for (const key of Object.keys(second)) {
    const [a, b] = [first[key], second[key]];
    if (isObject(a) && isObject(b)) merged[key] = mergeObjects(a, b);
  }
  return merged;
}
