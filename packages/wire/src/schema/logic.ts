/** Keywords that put schemas together, and references (JSON Schema 2020-12 Core §8.2.3, §10.2). */

import type { JsonObject, JsonValue } from '../json.ts';
import type { Family, Making } from './making.ts';
import { addSeen, newSeen, SchemaError, type Check, type Problem, type Run, type Seen } from './run.ts';

export const logic: Family = (schema, making) =>
  [
    referenceCheck(schema, making),
    allOf(schema, making),
    anyOf(schema, making),
    oneOf(schema, making),
    not(schema, making),
    conditional(schema, making),
  ].filter((check) => check !== undefined);

function referenceCheck(schema: JsonObject, making: Making): Check | undefined {
  for (const keyword of ['$dynamicRef', '$recursiveRef']) {
    if (schema[keyword] !== undefined) throw new SchemaError(`\`${keyword}\` is not supported`);
  }
  const { $ref: reference } = schema;
  if (reference === undefined) return undefined;
  if (typeof reference !== 'string') throw new SchemaError('`$ref` is no text');
  return making.reference(reference);
}

function listOf(value: JsonValue | undefined, keyword: string, making: Making): readonly Check[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length === 0) throw new SchemaError(`\`${keyword}\` is no list of schemas`);
  return value.map((part) => making.check(part, keyword));
}

function allOf({ allOf: parts }: JsonObject, making: Making): Check | undefined {
  const checks = listOf(parts, 'allOf', making);
  if (checks === undefined) return undefined;
  return (value, run, seen) => {
    let isValid = true;
    for (const check of checks) if (!check(value, run, seen)) isValid = false;
    return isValid;
  };
}

/** What a branch looks at counts when the branch holds. */
function branch(check: Check, value: JsonValue, run: Run, seen: Seen | undefined): ReturnType<Run['aside']> {
  const own = seen && newSeen();
  const outcome = run.aside(() => check(value, run, own));
  if (outcome.isValid) addSeen(seen, own);
  return outcome;
}

function anyOf({ anyOf: parts }: JsonObject, making: Making): Check | undefined {
  const checks = listOf(parts, 'anyOf', making);
  if (checks === undefined) return undefined;
  return (value, run, seen) => {
    const failed: (readonly Problem[])[] = [];
    let holds = false;
    for (const check of checks) {
      const { isValid, problems } = branch(check, value, run, seen);
      if (!isValid) failed.push(problems);
      else if (seen === undefined) return true;
      else holds = true;
    }
    return holds || noneHolds(failed, run);
  };
}

function oneOf({ oneOf: parts }: JsonObject, making: Making): Check | undefined {
  const checks = listOf(parts, 'oneOf', making);
  if (checks === undefined) return undefined;
  return (value, run, seen) => {
    const outcomes = checks.map((check) => branch(check, value, run, seen));
    const count = outcomes.filter(({ isValid }) => isValid).length;
    if (count === 0)
      return noneHolds(
        outcomes.map(({ problems }) => problems),
        run,
      );
    return count === 1 || run.fail('expected one alternative, but several fit');
  };
}

const EXPECTED = 'expected ';

/** Where every alternative says what it expects of this very value, all of it is said in one. */
function noneHolds(failed: readonly (readonly Problem[])[], run: Run): false {
  const here = run.here;
  const texts = failed.map(([first]) =>
    first?.at === here && first.message.startsWith(EXPECTED) ? first.message : '',
  );
  const isPlain = texts.every((text) => text !== '');
  return run.fail(
    isPlain
      ? EXPECTED + [...new Set(texts.map((text) => text.slice(EXPECTED.length)))].join(' or ')
      : 'fits no alternative',
  );
}

function not({ not: part }: JsonObject, making: Making): Check | undefined {
  if (part === undefined) return undefined;
  const check = making.check(part, 'not');
  return (value, run, seen) =>
    !run.aside(() => check(value, run, seen && newSeen())).isValid || run.fail('fits what it must not');
}

function conditional({ else: otherwise, if: condition, then }: JsonObject, making: Making): Check | undefined {
  if (condition === undefined) return undefined;
  const check = making.check(condition, 'if');
  const yes = then === undefined ? undefined : making.check(then, 'then');
  const no = otherwise === undefined ? undefined : making.check(otherwise, 'else');
  return (value, run, seen) => {
    const next = branch(check, value, run, seen).isValid ? yes : no;
    return next === undefined || next(value, run, seen);
  };
}
