/**
 * Checks an expanded value against the schema and says what is wrong in the words of the file: what was expected at which
 * key, and the nearest key that is known there.
 */
import type { z } from 'zod';
import { didYouMean, shorten } from './problems.ts';
import { configJsonSchema, configSchema, type ConfigEntry } from './schema.ts';
import type { Path } from './source.ts';

export type Finding = { readonly path: Path; readonly message: string };
type Issue = z.core.$ZodIssue;

/** Gives the checked entry, or all findings. */
export function checkConfig(value: unknown): { readonly entry?: ConfigEntry; readonly findings: readonly Finding[] } {
  const result = configSchema.safeParse(value);
  if (result.success) return { entry: result.data, findings: [] };
  // The schema is made once for all findings: a file may hold thousands of typing errors.
  const schema = configJsonSchema();
  const context: Context = { value, schema, hintsLeft: mostHints };
  const findings = result.error.issues.flatMap((issue) => translate(issue, [], context));
  return { findings };
}

type Context = { readonly value: unknown; readonly schema: unknown; hintsLeft: number };

/** More findings than anybody reads get no hint: looking for the nearest key is what costs time. */
const mostHints = 200;

function translate(issue: Issue, outer: Path, context: Context): Finding[] {
  const path = [...outer, ...issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key))];
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = context.hintsLeft > 0 ? knownKeys(path, context.schema) : [];
      return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(key, known, context) }));
    }
    case 'invalid_union':
      return isCustom(issue) ? [{ path, message: issue.message }] : bestBranch(issue, path, context);
    case 'invalid_value': {
      const values = issue.values.map(String);
      const written = at(context.value, path);
      const hint = typeof written === 'string' ? didYouMean(written, values) : '';
      return [{ path, message: `expected ${list(values)}${hint}` }];
    }
    case 'invalid_key':
      return [{ path, message: issue.issues[0]?.message ?? 'this key is not allowed here' }];
    case 'invalid_type':
      return [
        {
          path,
          message: isCustom(issue)
            ? issue.message
            : `expected ${typeWord(issue.expected)}, not ${kindOf(at(context.value, path))}`,
        },
      ];
    default:
      return [{ path, message: issue.message }];
  }
}

/** The branch of a union that fits the kind of value written: its findings are the useful ones. */
function bestBranch(issue: Extract<Issue, { code: 'invalid_union' }>, path: Path, context: Context): Finding[] {
  const written = at(context.value, path);
  const inner = typeof written === 'object' && written !== null;
  const fits = issue.errors.filter((branch) => branch.every((one) => !isWrongKind(one) || one.path.length > 0));
  const chosen = inner ? (fits.at(-1) ?? issue.errors.at(-1)) : issue.errors[0];
  return (chosen ?? []).flatMap((one) => translate(one, path, context));
}

function isWrongKind(issue: Issue): boolean {
  return issue.code === 'invalid_type' || issue.code === 'invalid_value';
}

/** zod's own words start with `Invalid`; the schema's start otherwise. */
function isCustom(issue: Issue): boolean {
  return !issue.message.startsWith('Invalid');
}

function unknownKey(key: string, known: readonly string[], context: Context): string {
  context.hintsLeft -= 1;
  if (context.hintsLeft < 0) return 'unknown key';
  const hint = didYouMean(key, known);
  if (hint !== '') return `unknown key${hint}`;
  const some = known.length <= 12 ? known : known.slice(0, 12);
  return some.length === 0
    ? 'unknown key'
    : `unknown key; expected ${list(some)}${some.length < known.length ? ' …' : ''}`;
}

/** The keys that the schema has at a path; empty where any key may stand. */
export function knownKeys(path: Path, schema: unknown = configJsonSchema()): string[] {
  const found = path.reduce<unknown[]>(
    (schemas, key) => schemas.flatMap(branches).flatMap((one) => below(one, key)),
    [schema],
  );
  return [...new Set(found.flatMap(branches).flatMap((one) => Object.keys(objectAt(one, 'properties'))))];
}

function branches(schema: unknown): unknown[] {
  const anyOf = isObject(schema) ? schema['anyOf'] : undefined;
  return Array.isArray(anyOf) ? anyOf.flatMap(branches) : [schema];
}

function below(schema: unknown, key: string | number): unknown[] {
  if (!isObject(schema)) return [];
  if (typeof key === 'number') return [schema['items']];
  const properties = objectAt(schema, 'properties');
  return [Object.hasOwn(properties, key) ? properties[key] : schema['additionalProperties']];
}

function objectAt(schema: unknown, key: string): Record<string, unknown> {
  const value = isObject(schema) ? schema[key] : undefined;
  return isObject(value) ? value : {};
}

function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, key) => {
    if (Array.isArray(inner) && typeof key === 'number') return inner[key];
    return isObject(inner) && Object.hasOwn(inner, key) ? inner[key] : undefined;
  }, value);
}

function list(words: readonly string[]): string {
  const quoted = words.map((word) => `\`${word}\``);
  return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1) ?? ''}`;
}

function typeWord(expected: string): string {
  const words: Readonly<Record<string, string>> = {
    object: 'an object',
    record: 'an object',
    array: 'a list',
    string: 'text',
    number: 'a number',
    boolean: 'true or false',
  };
  return words[expected] ?? expected;
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return 'text';
  return typeof value === 'object' ? 'an object' : `the ${typeof value} ${shorten(JSON.stringify(value) ?? '')}`;
}

/** A name that fits, made from one that does not; undefined when nothing is left of it. `taken` is in lower case. */
export function suggestName(name: string, taken: ReadonlySet<string>): string | undefined {
  const base = name
    .slice(0, 200)
    .replaceAll(/[^A-Za-z0-9_-]+/g, '-')
    .replaceAll(/_{2,}/g, '_')
    .replaceAll(/^[-_]+|[-_]+$/g, '')
    .slice(0, 32)
    .replace(/[-_]+$/, '');
  if (base === '') return undefined;
  const numbered = Array.from({ length: 8 }, (_, index) => `${base.slice(0, 28)}-${index + 2}`);
  return [base, ...numbered].find((candidate) => !taken.has(candidate.toLowerCase()));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
