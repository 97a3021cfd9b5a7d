/** What a program returns against the output schema of its tool, and what is wrong with schemas, in the words of their author. */

import { compileSchema, linearPattern, SchemaError, TooCostly, type SchemaCheck } from '@sallyport/server/schema';
import type { JsonObject, JsonValue } from '@sallyport/wire';

/** What is wrong with a value; undefined: nothing. */
export type CheckValue = (value: JsonValue) => string | undefined;

/** Throws a `SchemaError` for a schema that nothing can be checked by. */
export function checkFor(schema: JsonObject): CheckValue {
  const check = compileSchema(schema, linearPattern);
  return (value) => problemsOf(check, value);
}

/** Why nothing can be checked by a schema; undefined: it can. */
export function schemaProblem(schema: JsonObject): string | undefined {
  try {
    checkFor(schema);
    return undefined;
  } catch (error) {
    if (error instanceof SchemaError) return error.message;
    throw error;
  }
}

function problemsOf(check: SchemaCheck, value: JsonValue): string | undefined {
  try {
    const problems = check(value);
    if (problems.length === 0) return undefined;
    return problems.map(({ at, message }) => (at === '' ? message : `${at}: ${message}`)).join('; ');
  } catch (error) {
    if (error instanceof TooCostly) return 'it cannot be checked within bounds';
    throw error;
  }
}
