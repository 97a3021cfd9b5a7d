/** What the compiler of schemas gives to the families of keywords, and what they share. */

import type { JsonObject, JsonValue } from '../json.ts';
import type { Dialect } from './names.ts';
import { canonicalJson, SchemaError, type Check, type Run } from './run.ts';

/** Says whether a pattern is found in a text, in time linear to it. */
export interface Pattern {
  test(text: string): boolean;
  /** Instructions. */
  programSize(): number;
}

/** Throws when it is no pattern, or one that takes more than linear time. */
export type CompilePattern = (source: string) => Pattern;

/** Gives the check of a schema, or of a pattern in it, for its parts. */
export interface Making {
  readonly dialect: Dialect;
  /** Of a part: throws a `SchemaError` when it is no schema. */
  check(part: unknown, keyword: string): Check;
  reference(text: string): Check;
  pattern(source: string): (text: string, run: Run) => boolean;
}

/** Checks of the keywords of one schema. */
export type Family = (schema: JsonObject, making: Making) => readonly Check[];

/** Equal for equal values, and paid for by its length. */
export function pricedText(value: JsonValue, spend: (steps: number) => void): string {
  const text = canonicalJson(value);
  spend(text.length >> 5);
  return text;
}

/** Undefined where there is none. Throws where it is no number. */
export function numberOf(schema: JsonObject, name: string): number | undefined {
  const value = schema[name];
  if (value === undefined || typeof value === 'number') return value;
  throw new SchemaError(`\`${name}\` is no number`);
}
