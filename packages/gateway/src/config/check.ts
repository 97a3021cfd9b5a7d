/**
 * Checks an expanded value against the schema and says what is wrong in the words of the file: what was expected at which
 * key, and the nearest key that is known there.
 */
import * as v from 'valibot';
import { checkAcross } from './check-across.ts';
import { didYouMean, shorten } from './problems.ts';
import { listOf } from './scalars.ts';
import { withProfile } from './profile.ts';
import { configSchema, type ConfigEntry } from './schema.ts';
import type { Finding } from './schema-parts.ts';
import type { Path } from './source.ts';

export type { Finding } from './schema-parts.ts';
type Issue = v.BaseIssue<unknown>;

/** Gives the checked entry with what its profile put there, or all findings. */
export function checkConfig(given: unknown): {
  readonly entry?: ConfigEntry;
  readonly profiled: readonly Path[];
  readonly findings: readonly Finding[];
} {
  const { value, applied: profiled, findings: weaker } = withProfile(given);
  const result = v.safeParse(configSchema, value);
  if (result.success) {
    const found = [...weaker, ...checkAcross(result.output)];
    return { profiled, findings: found, ...(found.length === 0 && { entry: result.output }) };
  }
  const context: Context = { value, hintsLeft: mostHints };
  return { profiled, findings: [...weaker, ...result.issues.flatMap((issue) => translate(issue, [], context))] };
}

type Context = { readonly value: unknown; hintsLeft: number };

/** More findings than anybody reads get no hint: looking for the nearest key is what costs time. */
const mostHints = 200;

function translate(issue: Issue, outer: Path, context: Context): Finding[] {
  const path = [...outer, ...(issue.path ?? []).map(({ key }) => (typeof key === 'number' ? key : String(key)))];
  if (issue.type === 'strict_object' && issue.expected !== 'Object') return keyFindings(issue, path, context);
  // Valibot's own words start with `Invalid`; the schema's start otherwise.
  if (!issue.message.startsWith('Invalid')) return [{ path, message: issue.message }];
  if (issue.type === 'union') return bestBranch(issue, path, context);
  return [{ path, message: `expected ${typeWord(issue.type)}, not ${kindOf(at(context.value, path))}` }];
}

/** A key that is missing, or all that are not known: Valibot names only the first. */
function keyFindings(issue: Issue, path: Path, context: Context): Finding[] {
  const parent = path.slice(0, -1);
  if (issue.expected !== 'never') {
    const wanted = schemasAt(path).flatMap((schema) => v.safeParse(schema, undefined).issues ?? []);
    return wanted.slice(0, 1).flatMap((one) => translate(one, path, context));
  }
  const known = knownKeys(parent);
  const written = at(context.value, parent);
  const unknown = isObject(written) ? Object.keys(written).filter((key) => !known.includes(key)) : [];
  return unknown.map((key) => ({ path: [...parent, key], message: unknownKey(key, known, context) }));
}

/** The branch of a union that fits the kind of value written: its findings are the useful ones. */
function bestBranch(issue: Issue, path: Path, context: Context): Finding[] {
  const written = at(context.value, path);
  const all = issue.issues ?? [];
  const inside = all.filter((one) => one.path !== undefined);
  const isInner = typeof written === 'object' && written !== null;
  const chosen = !isInner ? all.slice(0, 1) : inside.length > 0 ? inside : all.slice(-1);
  return chosen.flatMap((one) => translate(one, path, context));
}

function unknownKey(key: string, known: readonly string[], context: Context): string {
  context.hintsLeft -= 1;
  if (context.hintsLeft < 0) return 'unknown key';
  const hint = didYouMean(key, known);
  if (hint !== '') return `unknown key${hint}`;
  const some = known.length <= 12 ? known : known.slice(0, 12);
  return some.length === 0
    ? 'unknown key'
    : `unknown key; expected ${listOf(some)}${some.length < known.length ? ' …' : ''}`;
}

/** The keys that the schema has at a path; empty where any key may stand. */
export function knownKeys(path: Path): string[] {
  return [...new Set(schemasAt(path).flatMap((schema) => ('entries' in schema ? Object.keys(schema.entries) : [])))];
}

/** A schema as it is walked: whatever it wraps, chooses from or holds. */
type Node = v.GenericSchema & {
  readonly wrapped?: Node;
  readonly options?: readonly Node[];
  readonly entries?: Readonly<Record<string, Node>>;
  readonly value?: Node;
  readonly item?: Node;
};

/** The schemas of a value at a path: several where it may be of several kinds. */
function schemasAt(path: Path): Node[] {
  return path.reduce<Node[]>(
    (schemas, key) => schemas.flatMap((schema) => below(schema, key)).flatMap(branches),
    branches(configSchema),
  );
}

function branches(schema: Node): Node[] {
  if (schema.wrapped !== undefined) return branches(schema.wrapped);
  return schema.type === 'union' ? (schema.options ?? []).flatMap(branches) : [schema];
}

function below({ entries, value, item }: Node, key: string | number): Node[] {
  if (typeof key === 'number') return item === undefined ? [] : [item];
  const found = entries === undefined ? value : Object.hasOwn(entries, key) ? entries[key] : undefined;
  return found === undefined ? [] : [found];
}

function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, key) => {
    if (Array.isArray(inner) && typeof key === 'number') return inner[key];
    return isObject(inner) && Object.hasOwn(inner, key) ? inner[key] : undefined;
  }, value);
}

function typeWord(expected: string): string {
  const words: Readonly<Record<string, string>> = {
    strict_object: 'an object',
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
