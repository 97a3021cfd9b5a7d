/** Keywords on single values: types, numbers, texts, fixed values (JSON Schema 2020-12 Validation §6.1 to §6.3). */

import { isObject, type JsonObject, type JsonValue } from '../json.ts';
import { numberOf, pricedText, type Family, type Making } from './making.ts';
import { canonicalJson, SchemaError, type Check } from './run.ts';

const TYPES: Readonly<Record<string, (value: JsonValue) => boolean>> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  // A number that is too large for a double is not said to be none.
  integer: (value) => typeof value === 'number' && (Number.isInteger(value) || !Number.isFinite(value)),
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
  array: (value) => Array.isArray(value),
  object: (value) => isObject(value),
};
/** Values of an enumeration that are shown. */
const MAX_SHOWN = 10;
const MAX_SHOWN_LENGTH = 40;
/** Quotients of doubles are a little beside the whole number. */
const TOLERANCE = 1e-9;

export const scalars: Family = (schema, making) =>
  [typeCheck(schema), fixedCheck(schema), numberCheck(schema), textCheck(schema, making)].filter(
    (check) => check !== undefined,
  );

function typeCheck({ type }: JsonObject): Check | undefined {
  if (type === undefined) return undefined;
  const tests = listed(type).map((name) => {
    const test = typeof name === 'string' && Object.hasOwn(TYPES, name) ? TYPES[name] : undefined;
    if (test === undefined)
      throw new SchemaError(`\`type\` has a value that is none: ${JSON.stringify(name).slice(0, 100)}`);
    return test;
  });
  const expected = `expected ${listed(type).map(String).join(' or ')}`;
  const [only] = tests;
  if (tests.length === 1 && only !== undefined) return (value, run) => only(value) || run.fail(expected);
  return (value, run) => tests.some((test) => test(value)) || run.fail(expected);
}

function listed(value: JsonValue): readonly JsonValue[] {
  return Array.isArray(value) ? value : [value];
}

function fixedCheck(schema: JsonObject): Check | undefined {
  const { enum: values } = schema;
  const constant = Object.hasOwn(schema, 'const') ? [schema['const'] as JsonValue] : undefined;
  if (constant === undefined && values === undefined) return undefined;
  if (values !== undefined && !Array.isArray(values)) throw new SchemaError('`enum` is no list');
  const checks = [constant, values].filter((list) => list !== undefined).map(oneOf);
  return (value, run) => checks.every((check) => check(value, run, undefined));
}

function oneOf(values: readonly JsonValue[]): Check {
  const plain = new Set(values.filter((value) => !isComposed(value)));
  const composed = new Set(values.filter(isComposed).map((value) => canonicalJson(value)));
  const shown = values.slice(0, MAX_SHOWN).map((value) => JSON.stringify(value).slice(0, MAX_SHOWN_LENGTH));
  const expected = `expected ${shown.join(' or ')}${values.length > MAX_SHOWN ? ' or another of its values' : ''}`;
  return (value, run) => {
    if (plain.has(value)) return true;
    if (composed.size > 0 && isComposed(value) && composed.has(pricedText(value, (steps) => run.spend(steps))))
      return true;
    return run.fail(expected);
  };
}

function isComposed(value: JsonValue): boolean {
  return typeof value === 'object' && value !== null;
}

function numberCheck(schema: JsonObject): Check | undefined {
  const limit = (name: string): number | undefined => numberOf(schema, name);
  const [least, most] = [limit('minimum'), limit('maximum')];
  const [above, below] = [limit('exclusiveMinimum'), limit('exclusiveMaximum')];
  const factor = limit('multipleOf');
  if (factor !== undefined && factor <= 0) throw new SchemaError('`multipleOf` is not above zero');
  const tests: (readonly [string, (value: number) => boolean])[] = [];
  if (least !== undefined) tests.push([`expected at least ${least}`, (value) => value >= least]);
  if (most !== undefined) tests.push([`expected at most ${most}`, (value) => value <= most]);
  if (above !== undefined) tests.push([`expected more than ${above}`, (value) => value > above]);
  if (below !== undefined) tests.push([`expected less than ${below}`, (value) => value < below]);
  if (factor !== undefined) tests.push([`expected a multiple of ${factor}`, (value) => isMultiple(value, factor)]);
  if (tests.length === 0) return undefined;
  return (value, run) =>
    typeof value !== 'number' || tests.every(([expected, test]) => test(value) || run.fail(expected));
}

function isMultiple(value: number, factor: number): boolean {
  const quotient = value / factor;
  return (
    !Number.isFinite(quotient) ||
    Math.abs(quotient - Math.round(quotient)) <= TOLERANCE * Math.max(1, Math.abs(quotient))
  );
}

function textCheck(schema: JsonObject, making: Making): Check | undefined {
  const [least, most] = [numberOf(schema, 'minLength'), numberOf(schema, 'maxLength')];
  const { pattern } = schema;
  if (pattern !== undefined && typeof pattern !== 'string') throw new SchemaError('`pattern` is no text');
  const matches = pattern === undefined ? undefined : making.pattern(pattern);
  if (least === undefined && most === undefined && matches === undefined) return undefined;
  return (value, run) => {
    if (typeof value !== 'string') return true;
    if (least !== undefined && isShorter(value, least)) return run.fail(`expected at least ${least} characters`);
    if (most !== undefined && !isShorter(value, most + 1)) return run.fail(`expected at most ${most} characters`);
    return (
      matches === undefined || matches(value, run) || run.fail(`expected text that matches ${pattern?.slice(0, 200)}`)
    );
  };
}

/** In characters, as people count them: a pair of surrogates is one. */
function isShorter(text: string, length: number): boolean {
  if (text.length < length) return true;
  if (text.length >= 2 * length) return false;
  let count = 0;
  for (let index = 0; index < text.length && count < length; count++) {
    index += (text.codePointAt(index) as number) > 0xffff ? 2 : 1;
  }
  return count < length;
}
