/**
 * What a specification and data model say of interfaces: endpoints `GET /notes - what it does`, models `Model: Note { text:
 * string }`, operations under `Query:` and `Mutation:`, and the entities of data-model.md.
 */
import type { Entity } from '../grammar/design.ts';
import type { Outline } from '../grammar/markdown.ts';

export interface Endpoint {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  readonly path: string;
  readonly summary: string;
}

export interface ModelField {
  readonly name: string;
  /** Lower case: string, integer, number, boolean, datetime, date, uuid, or the name of a model. */
  readonly type: string;
  readonly list: boolean;
  readonly required: boolean;
}

export interface Model {
  readonly name: string;
  readonly fields: readonly ModelField[];
}

export interface ContractSource {
  readonly title: string;
  readonly endpoints: readonly Endpoint[];
  readonly models: readonly Model[];
  readonly operations: readonly { readonly kind: 'Query' | 'Mutation'; readonly text: string }[];
}

const METHODS = { GET: 'get', POST: 'post', PUT: 'put', PATCH: 'patch', DELETE: 'delete' } as const;

const TYPES: Readonly<Record<string, string>> = {
  int: 'integer',
  integer: 'integer',
  bigint: 'integer',
  float: 'number',
  double: 'number',
  decimal: 'number',
  number: 'number',
  bool: 'boolean',
  boolean: 'boolean',
  timestamp: 'datetime',
  datetime: 'datetime',
  date: 'date',
  uuid: 'uuid',
  id: 'uuid',
  string: 'string',
  text: 'string',
  varchar: 'string',
};

/** A name that every format takes: letters and digits, beginning with a capital. */
function typeName(text: string): string {
  const words = text.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  const name = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  return /^[A-Za-z]/.test(name) ? name : `Type${name}`;
}

function modelField(name: string, said: string, required: boolean): ModelField {
  const list = /\[\]|^(?:array|list)\b/i.test(said);
  const bare = said
    .replace(/\?$/, '')
    .replaceAll(/\[\]|^(?:array|list)\s*(?:of|<)\s*|>$/gi, '')
    .replace(/\(.*$/, '')
    .trim();
  const type = TYPES[bare.toLowerCase()] ?? (/^[A-Z]\w*$/.test(bare) ? typeName(bare) : 'string');
  return { name, type, list, required };
}

function modelOf(line: string): Model | undefined {
  const found = /\bModel:\s*`?([A-Za-z]\w{0,79})\s*\{([^}]{0,4000})\}/.exec(line);
  if (found === null) return undefined;
  const fields = (found[2] ?? '').split(/[,;]/).flatMap((part): ModelField[] => {
    const [, name, optional, type = 'string'] = /^\s*(\w{1,80})(\??)\s*:\s*([\w[\]<>]{1,60}\??)/.exec(part) ?? [];
    return name === undefined ? [] : [modelField(name, type, optional !== '?' && !type.endsWith('?'))];
  });
  return { name: typeName(found[1] ?? ''), fields };
}

function endpointOf(line: string): Endpoint | undefined {
  const [, name = '', path = '', summary = ''] =
    /\b(GET|POST|PUT|PATCH|DELETE)\s+(\/[\w{}:/.-]{0,200})(?:\s*(?:-|–|—|:)\s*(.{1,300}))?/.exec(line) ?? [];
  if (name === '') return undefined;
  const clean = path
    .replaceAll(/:(\w+)/g, '{$1}')
    .replaceAll(/\/{2,}/g, '/')
    .replace(/(.)[/.:-]+$/, '$1');
  // Braces that hold no one name are no variable, and a path with such is none.
  if (/[{}]/.test(clean.replaceAll(/\{\w+\}/g, ''))) return undefined;
  return { method: METHODS[name as keyof typeof METHODS], path: clean, summary: summary.trim() };
}

export function contractSource(
  title: string,
  outlines: readonly Outline[],
  entities: readonly Entity[],
): ContractSource {
  const endpoints = new Map<string, Endpoint>();
  const paths = new Map<string, string>();
  const models = new Map<string, Model>();
  const operations: { kind: 'Query' | 'Mutation'; text: string }[] = [];
  for (const { name, fields } of entities) {
    const known = fields.map((field) => modelField(field.name, field.type, field.required));
    models.set(typeName(name), { name: typeName(name), fields: known });
  }
  for (const { text } of outlines.flatMap(({ lines }) => lines)) {
    const line = text.replaceAll('**', '').replaceAll('`', '');
    const endpoint = endpointOf(line);
    if (endpoint !== undefined) {
      // Paths that differ in the names of their variables only are one path.
      const shape = endpoint.path.replaceAll(/\{\w+\}/g, '{}');
      const path = paths.get(shape) ?? endpoint.path;
      paths.set(shape, path);
      const key = `${endpoint.method} ${path}`;
      if (!endpoints.has(key)) endpoints.set(key, { ...endpoint, path });
    }
    const model = modelOf(line);
    if (model !== undefined) models.set(model.name, model);
    const [, kind, said = ''] = /\b(Query|Mutation):\s*(\w.{0,300})$/.exec(line) ?? [];
    if (kind !== undefined) operations.push({ kind: kind === 'Mutation' ? 'Mutation' : 'Query', text: said.trim() });
  }
  return { title, endpoints: [...endpoints.values()], models: [...models.values()], operations };
}
