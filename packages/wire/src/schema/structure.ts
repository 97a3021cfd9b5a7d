/** Keywords on objects and lists, and what looks at the rest of them (JSON Schema 2020-12 Core §10.3, §11, Validation §6.4, §6.5). */

import { isObject, type JsonObject, type JsonValue } from '../json.ts';
import { numberOf, pricedText, type Family, type Making } from './making.ts';
import { SchemaError, type Check, type Run } from './run.ts';

export const structure: Family = (schema, making) =>
  [
    requiredCheck(schema),
    countCheck(schema),
    membersCheck(schema, making),
    namesCheck(schema, making),
    dependentCheck(schema, making),
    elementsCheck(schema, making),
    containsCheck(schema, making),
    uniqueCheck(schema),
  ].filter((check) => check !== undefined);

/** Asked last: what nothing else has looked at. */
export const unevaluated: Family = (schema, making) => {
  const { unevaluatedItems: items, unevaluatedProperties: properties } = schema;
  const checks: Check[] = [];
  if (properties !== undefined) {
    const check = making.check(properties, 'unevaluatedProperties');
    checks.push((value, run, seen) => {
      if (!isObject(value)) return true;
      const rest = Object.keys(value).filter((name) => seen?.members.has(name) !== true);
      return every(
        rest,
        (name) => member(value, name, check, run),
        (name) => seen?.members.add(name),
      );
    });
  }
  if (items !== undefined) {
    const check = making.check(items, 'unevaluatedItems');
    checks.push((value, run, seen) => {
      if (!Array.isArray(value)) return true;
      const rest = [...value.keys()].filter((index) => seen?.elements.has(index) !== true);
      return every(
        rest,
        (index) => element(value, index, check, run),
        (index) => seen?.elements.add(index),
      );
    });
  }
  return checks;
};

/** All of them are asked, so that all that is wrong is said. */
function every<T>(list: Iterable<T>, isValid: (one: T) => boolean, done: (one: T) => void): boolean {
  let all = true;
  for (const one of list) {
    if (isValid(one)) done(one);
    else all = false;
  }
  return all;
}

function member(value: JsonObject, name: string, check: Check, run: Run): boolean {
  return run.within(name, () => check(value[name] as JsonValue, run, undefined));
}

function element(value: readonly JsonValue[], index: number, check: Check, run: Run): boolean {
  return run.within(index, () => check(value[index] as JsonValue, run, undefined));
}

function requiredCheck({ required }: JsonObject): Check | undefined {
  if (required === undefined) return undefined;
  const names = textsOf(required, 'required');
  return (value, run) =>
    !isObject(value) ||
    every(
      names,
      (name) => Object.hasOwn(value, name) || run.fail('required', name),
      () => undefined,
    );
}

function textsOf(value: JsonValue | undefined, keyword: string): readonly string[] {
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
  throw new SchemaError(`\`${keyword}\` is no list of names`);
}

function countCheck(schema: JsonObject): Check | undefined {
  const [minItems, maxItems] = [numberOf(schema, 'minItems') ?? 0, numberOf(schema, 'maxItems') ?? Infinity];
  const [minMembers, maxMembers] = [
    numberOf(schema, 'minProperties') ?? 0,
    numberOf(schema, 'maxProperties') ?? Infinity,
  ];
  if (minItems === 0 && maxItems === Infinity && minMembers === 0 && maxMembers === Infinity) return undefined;
  return (value, run) => {
    const isList = Array.isArray(value);
    if (!isList && !isObject(value)) return true;
    const count = isList ? value.length : Object.keys(value).length;
    const [least, most] = isList ? [minItems, maxItems] : [minMembers, maxMembers];
    const what = isList ? 'elements' : 'members';
    if (count < least) return run.fail(`expected at least ${least} ${what}`);
    return count <= most || run.fail(`expected at most ${most} ${what}`);
  };
}

/** Checks by the names of an object of schemas. */
function checksOf(schemas: JsonValue | undefined, keyword: string, making: Making): ReadonlyMap<string, Check> {
  if (schemas === undefined) return new Map();
  if (!isObject(schemas)) throw new SchemaError(`\`${keyword}\` is no object`);
  return new Map(Object.entries(schemas).map(([name, schema]) => [name, making.check(schema, keyword)]));
}

function membersCheck(schema: JsonObject, making: Making): Check | undefined {
  const { additionalProperties: more, patternProperties: patterned, properties } = schema;
  if (more === undefined && patterned === undefined && properties === undefined) return undefined;
  const named = checksOf(properties, 'properties', making);
  const patterns = [...checksOf(patterned, 'patternProperties', making)].map(
    ([source, check]) => [making.pattern(source), check] as const,
  );
  const additional = more === undefined ? undefined : making.check(more, 'additionalProperties');
  const checksFor = (name: string, run: Run): readonly Check[] => {
    const own = named.get(name);
    const fitting = patterns.filter(([matches]) => matches(name, run)).map(([, check]) => check);
    if (own !== undefined) return patterns.length === 0 ? [own] : [own, ...fitting];
    return fitting.length === 0 && additional !== undefined ? [additional] : fitting;
  };
  return (value, run, seen) => {
    if (!isObject(value)) return true;
    let isValid = true;
    for (const name of Object.keys(value)) {
      const checks = checksFor(name, run);
      for (const check of checks) if (!member(value, name, check, run)) isValid = false;
      if (checks.length > 0) seen?.members.add(name);
    }
    return isValid;
  };
}

function namesCheck({ propertyNames }: JsonObject, making: Making): Check | undefined {
  if (propertyNames === undefined) return undefined;
  const check = making.check(propertyNames, 'propertyNames');
  return (value, run) => {
    if (!isObject(value)) return true;
    const isName = (name: string): boolean => run.within(name, () => check(name, run, undefined));
    return every(Object.keys(value), isName, () => undefined);
  };
}

/** `dependencies` was both of the others until draft-07. */
function dependentCheck(schema: JsonObject, making: Making): Check | undefined {
  const { dependencies = {}, dependentRequired = {}, dependentSchemas = {} } = schema;
  const rules: (readonly [string, Check])[] = [];
  for (const [keyword, given] of Object.entries({ dependencies, dependentRequired, dependentSchemas })) {
    if (!isObject(given)) throw new SchemaError(`\`${keyword}\` is no object`);
    for (const [name, rule] of Object.entries(given)) {
      const isList = keyword === 'dependentRequired' || Array.isArray(rule);
      const check = isList ? requiredCheck({ required: rule }) : making.check(rule, keyword);
      if (check !== undefined) rules.push([name, check]);
    }
  }
  if (rules.length === 0) return undefined;
  return (value, run, seen) =>
    !isObject(value) ||
    every(
      rules,
      ([name, check]) => !Object.hasOwn(value, name) || check(value, run, seen),
      () => undefined,
    );
}

function elementsCheck(schema: JsonObject, making: Making): Check | undefined {
  const { additionalItems, items, prefixItems } = schema;
  const isOld = making.dialect.itemsList && Array.isArray(items);
  const listed = isOld ? items : making.dialect.itemsList ? undefined : prefixItems;
  const following = isOld ? additionalItems : items;
  if (listed === undefined && following === undefined) return undefined;
  if (listed !== undefined && !Array.isArray(listed)) throw new SchemaError('`prefixItems` is no list');
  const first = (listed ?? []).map((part) => making.check(part, isOld ? 'items' : 'prefixItems'));
  const rest = following === undefined ? undefined : making.check(following, isOld ? 'additionalItems' : 'items');
  return (value, run, seen) => {
    if (!Array.isArray(value)) return true;
    const end = rest === undefined ? Math.min(first.length, value.length) : value.length;
    let isValid = true;
    for (let index = 0; index < end; index++) {
      const check = first[index] ?? rest;
      if (check !== undefined && !element(value, index, check, run)) isValid = false;
      seen?.elements.add(index);
    }
    return isValid;
  };
}

function containsCheck(schema: JsonObject, making: Making): Check | undefined {
  if (schema['contains'] === undefined) return undefined;
  const check = making.check(schema['contains'], 'contains');
  const [least, most] = [numberOf(schema, 'minContains') ?? 1, numberOf(schema, 'maxContains') ?? Infinity];
  return (value, run, seen) => {
    if (!Array.isArray(value)) return true;
    let count = 0;
    for (const index of value.keys()) {
      if (!run.aside(() => element(value, index, check, run)).isValid) continue;
      count++;
      // Before 2020-12 that one is as expected said nothing about it.
      if (!making.dialect.itemsList) seen?.elements.add(index);
    }
    if (count < least) return run.fail(`expected at least ${least} of its elements to be as described`);
    return count <= most || run.fail(`expected at most ${most} of its elements to be as described`);
  };
}

function uniqueCheck({ uniqueItems }: JsonObject): Check | undefined {
  if (uniqueItems !== true) return undefined;
  return (value, run) => {
    if (!Array.isArray(value)) return true;
    const known = new Set(value.map((one) => pricedText(one, (steps) => run.spend(1 + steps))));
    return known.size === value.length || run.fail('expected no element twice');
  };
}
