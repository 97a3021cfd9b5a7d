/**
 * Where the parts of a schema are: its dialect, and what `$ref` may name. Nothing outside of the document is ever fetched; what
 * is not inside is an error (JSON Schema 2020-12 §8.2, MCP 2026-07-28 "JSON Schema").
 */

import { isObject, type JsonObject, type JsonValue } from '../json.ts';
import { SchemaError } from './run.ts';

export interface Dialect {
  /** Before 2019-09 nothing beside a `$ref` counts. */
  readonly refAlone: boolean;
  /** Before 2020-12 `items` may be a list, and `additionalItems` is what follows it. */
  readonly itemsList: boolean;
}

export type Schema = JsonObject | boolean;

export interface Place {
  readonly schema: Schema;
  /** What relative references in it are relative to: its own id, where it has one. */
  readonly base: string;
}

export interface Document {
  readonly dialect: Dialect;
  readonly root: Place;
  /** Throws a `SchemaError` where there is nothing inside of the document. */
  find(reference: string, base: string): Place;
}

const DRAFT_7: Dialect = { refAlone: true, itemsList: true };
const DIALECTS: ReadonlyMap<string, Dialect> = new Map([
  ['json-schema.org/draft/2020-12/schema', { refAlone: false, itemsList: false }],
  ['json-schema.org/draft/2019-09/schema', { refAlone: false, itemsList: true }],
  ['json-schema.org/draft-07/schema', DRAFT_7],
  ['json-schema.org/draft-06/schema', DRAFT_7],
]);
const DEFAULT = DIALECTS.get('json-schema.org/draft/2020-12/schema') as Dialect;

/** Values of all kinds in a schema, and how deep they lie. */
const MAX_VALUES = 50_000;
const MAX_DEPTH = 100;
/** What a document without an id of its own is called. */
const OWN_BASE = 'schema:///';

export function openDocument(schema: Schema): Document {
  const dialect = dialectOf(schema);
  const root: Place = { schema, base: baseIn(schema, OWN_BASE) };
  const named = new Map<string, Place>([
    [OWN_BASE, root],
    [root.base, root],
  ]);
  walk(schema, OWN_BASE, named);
  return { dialect, root, find: (reference, base) => find(resolved(reference, base), named, reference) };
}

function dialectOf(schema: Schema): Dialect {
  const written = typeof schema === 'object' ? schema['$schema'] : undefined;
  if (written === undefined) return DEFAULT;
  const known =
    typeof written === 'string' ? DIALECTS.get(written.replace(/^https?:\/\//, '').replace(/#$/, '')) : undefined;
  if (known === undefined) {
    throw new SchemaError(`its dialect is not supported: ${JSON.stringify(written).slice(0, 200)}`);
  }
  return known;
}

/** Names every part that has a name, without calling itself. */
function walk(schema: Schema, startBase: string, named: Map<string, Place>): void {
  let values = 0;
  const open: { value: JsonValue; base: string; depth: number }[] = [{ value: schema, base: startBase, depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, depth } = next;
    if (++values > MAX_VALUES) throw new SchemaError('it has too many parts');
    if (depth > MAX_DEPTH) throw new SchemaError('its parts lie too deep in each other');
    if (value === null || typeof value !== 'object') continue;
    let { base } = next;
    if (isObject(value)) base = name(value, base, named);
    for (const member of Object.values(value)) open.push({ value: member ?? null, base, depth: depth + 1 });
  }
}

function name(schema: JsonObject, base: string, named: Map<string, Place>): string {
  const own = baseIn(schema, base);
  const place: Place = { schema, base: own };
  const { $anchor: anchor, $id: id } = schema;
  if (own !== base && !named.has(own)) named.set(own, place);
  if (typeof anchor === 'string') named.set(`${own}#${anchor}`, place);
  // Before 2019-09 an id that is a fragment was an anchor.
  if (typeof id === 'string' && id.startsWith('#') && id.length > 1) named.set(`${own}${id}`, place);
  return own;
}

/** The base of what stands in a schema, from the base of what it stands in. */
export function baseIn(schema: Schema, base: string): string {
  const id = typeof schema === 'object' ? schema['$id'] : undefined;
  return typeof id !== 'string' || id.startsWith('#') ? base : (resolved(id, base).split('#', 1)[0] as string);
}

function resolved(reference: string, base: string): string {
  if (!URL.canParse(reference, base)) throw new SchemaError(`it has a reference that is none: ${shown(reference)}`);
  return new URL(reference, base).href;
}

function find(uri: string, named: ReadonlyMap<string, Place>, reference: string): Place {
  const [document = '', fragment = ''] = uri.split('#', 2);
  const known = named.get(fragment === '' ? document : uri);
  if (known !== undefined) return known;
  const root = named.get(document);
  if (root === undefined) throw new SchemaError(`it refers to something outside of it: ${shown(reference)}`);
  return pointed(root, decoded(fragment), reference);
}

/** RFC 6901. */
function pointed(root: Place, pointer: string, reference: string): Place {
  let { schema: value, base }: { schema: JsonValue; base: string } = root;
  for (const [index, token] of pointer.split('/').entries()) {
    if (index === 0) continue;
    const key = token.replaceAll('~1', '/').replaceAll('~0', '~');
    const isThere = typeof value === 'object' && value !== null && Object.hasOwn(value, key);
    if (!isThere) throw new SchemaError(`it refers to a part that is not there: ${shown(reference)}`);
    value = (value as JsonObject)[key] as JsonValue;
    if (isObject(value)) base = baseIn(value, base);
  }
  if (!pointer.startsWith('/') || !(isObject(value) || typeof value === 'boolean')) {
    throw new SchemaError(`it refers to something that is no schema: ${shown(reference)}`);
  }
  return { schema: value, base };
}

function decoded(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    throw new SchemaError(`it has a reference that is none: ${shown(fragment)}`);
  }
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}
