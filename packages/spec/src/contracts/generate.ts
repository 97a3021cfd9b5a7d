/** Contracts out of what the specification says: OpenAPI 3.1 in YAML, GraphQL SDL, or JSON Schema 2020-12. A beginning, not a design. */
import { stringify } from 'yaml';
import { SpecError } from '../errors.ts';
import type { ContractSource, Endpoint, Model, ModelField } from './source.ts';

export const CONTRACT_FORMATS = ['openapi', 'graphql', 'json-schema'] as const;
export type ContractFormat = (typeof CONTRACT_FORMATS)[number];

export const CONTRACT_FILES: Readonly<Record<ContractFormat, string>> = {
  openapi: 'openapi.yaml',
  graphql: 'schema.graphql',
  'json-schema': 'schema.json',
};

type Node = Record<string, unknown>;

const FORMATS: Readonly<Record<string, Node>> = {
  string: { type: 'string' },
  integer: { type: 'integer' },
  number: { type: 'number' },
  boolean: { type: 'boolean' },
  datetime: { type: 'string', format: 'date-time' },
  date: { type: 'string', format: 'date' },
  uuid: { type: 'string' },
};
const EXAMPLES: Readonly<Record<string, unknown>> = {
  string: 'text',
  integer: 1,
  number: 1.5,
  boolean: true,
  datetime: '2026-01-31T12:00:00Z',
  date: '2026-01-31',
  uuid: '3f2c1a',
};

const isModel = (models: readonly Model[], name: string): boolean => models.some((model) => model.name === name);

function fieldSchema({ type, list }: ModelField, models: readonly Model[], place: string, examples: boolean): Node {
  const plain = FORMATS[type];
  let inner: Node = plain === undefined ? { type: 'string' } : { ...plain };
  if (plain === undefined && isModel(models, type)) inner = { $ref: `${place}${type}` };
  else if (examples && EXAMPLES[type] !== undefined) inner['examples'] = [EXAMPLES[type]];
  return list ? { type: 'array', items: inner } : inner;
}

function modelSchema(model: Model, models: readonly Model[], place: string, examples: boolean): Node {
  const required = model.fields.filter((field) => field.required).map(({ name }) => name);
  return {
    type: 'object',
    properties: Object.fromEntries(
      model.fields.map((field) => [field.name, fieldSchema(field, models, place, examples)]),
    ),
    ...(required.length === 0 ? {} : { required }),
  };
}

/** `GET /notes/{id}` as `getNotesById`. */
function operationId({ method, path }: Endpoint): string {
  const parts = path.split('/').filter((part) => part !== '');
  const words = parts.map((part) => {
    const variable = /^\{(\w+)\}$/.exec(part)?.[1];
    const word = (variable ?? part)
      .replaceAll(/[^A-Za-z0-9]+/g, ' ')
      .trim()
      .split(' ')
      .map((one) => one.charAt(0).toUpperCase() + one.slice(1))
      .join('');
    return variable === undefined ? word : `By${word}`;
  });
  return method + (words.join('') || 'Root');
}

/** The model an endpoint speaks of: the last word of its path that names one. */
function modelOf({ path }: Endpoint, models: readonly Model[]): Model | undefined {
  const names = path
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .toReversed();
  return names.flatMap((name) =>
    models.filter((model) =>
      [name, name.replace(/s$/, ''), name.replace(/ies$/, 'y')].includes(model.name.toLowerCase()),
    ),
  )[0];
}

function operation(endpoint: Endpoint, models: readonly Model[]): Node {
  const { method, path, summary } = endpoint;
  const model = modelOf(endpoint, models);
  const reference = model === undefined ? { type: 'object' } : { $ref: `#/components/schemas/${model.name}` };
  const single = path.endsWith('}') || method !== 'get';
  const body: Node = { 'application/json': { schema: single ? reference : { type: 'array', items: reference } } };
  const status = method === 'post' ? '201' : method === 'delete' ? '204' : '200';
  const parameters = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  return {
    operationId: operationId(endpoint),
    ...(summary === '' ? {} : { summary }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(['post', 'put', 'patch'].includes(method)
      ? { requestBody: { required: true, content: { 'application/json': { schema: reference } } } }
      : {}),
    responses: {
      [status]: { description: summary === '' ? 'Done.' : summary, ...(status === '204' ? {} : { content: body }) },
      default: { description: 'It did not work.' },
    },
  };
}

function openapi({ title, endpoints, models }: ContractSource, examples: boolean): string {
  const paths: Record<string, Node> = {};
  for (const endpoint of endpoints) (paths[endpoint.path] ??= {})[endpoint.method] = operation(endpoint, models);
  const place = '#/components/schemas/';
  const schemas = Object.fromEntries(models.map((model) => [model.name, modelSchema(model, models, place, examples)]));
  const document = {
    openapi: '3.1.0',
    info: { title, version: '1.0.0' },
    paths,
    ...(models.length === 0 ? {} : { components: { schemas } }),
  };
  return stringify(document, { aliasDuplicateObjects: false });
}

const SCALARS: Readonly<Record<string, string>> = {
  string: 'String',
  integer: 'Int',
  number: 'Float',
  boolean: 'Boolean',
  datetime: 'String',
  date: 'String',
  uuid: 'ID',
};

function graphql({ title, models, operations, endpoints }: ContractSource): string {
  const typeOf = ({ type, list, required }: ModelField): string => {
    const name = SCALARS[type] ?? (isModel(models, type) ? type : 'String');
    return `${list ? `[${name}!]` : name}${required ? '!' : ''}`;
  };
  const types = models.map(({ name, fields }) =>
    [`type ${name} {`, ...fields.map((field) => `  ${field.name}: ${typeOf(field)}`), '}'].join('\n'),
  );
  const said = (kind: 'Query' | 'Mutation'): string[] =>
    operations
      .filter((one) => one.kind === kind)
      .map(({ text }) => /^(\w+(?:\([^)]*\))?)(?:\s*:\s*([\w![\]]+))?/.exec(text))
      .flatMap((found) => (found === null ? [] : [`  ${found[1]}: ${found[2] ?? 'String'}`]));
  const fromEndpoints = (reads: boolean): string[] =>
    endpoints
      .filter(({ method }) => (method === 'get') === reads)
      .map((endpoint) => {
        const variables = Array.from(endpoint.path.matchAll(/\{(\w+)\}/g), ([, name]) => `${name}: ID!`);
        const name = modelOf(endpoint, models)?.name ?? 'String';
        const answer = reads && !endpoint.path.endsWith('}') ? `[${name}!]!` : name;
        return `  ${operationId(endpoint)}${variables.length === 0 ? '' : `(${variables.join(', ')})`}: ${answer}`;
      });
  const queries = [...said('Query'), ...fromEndpoints(true)];
  const mutations = [...said('Mutation'), ...fromEndpoints(false)];
  return [
    `# ${title.replaceAll(/\s+/g, ' ')}`,
    '',
    ['type Query {', ...(queries.length === 0 ? ['  _empty: Boolean'] : queries), '}'].join('\n'),
    ...(mutations.length === 0 ? [] : ['', ['type Mutation {', ...mutations, '}'].join('\n')]),
    ...types.flatMap((text) => ['', text]),
    '',
  ].join('\n');
}

function jsonSchema({ title, models }: ContractSource, examples: boolean): string {
  const $defs = Object.fromEntries(
    models.map((model) => [model.name, modelSchema(model, models, '#/$defs/', examples)]),
  );
  return `${JSON.stringify({ $schema: 'https://json-schema.org/draft/2020-12/schema', title, $defs }, null, 2)}\n`;
}

/** A SpecError `missing_step` when nothing was said that a contract could be made of. */
export function contractText(source: ContractSource, format: ContractFormat, examples: boolean): string {
  const said =
    source.models.length + (format === 'json-schema' ? 0 : source.endpoints.length + source.operations.length);
  if (said === 0) {
    const how =
      'Write "GET /notes - lists notes" or "Model: Note { text: string }" in the specification, or a data model.';
    throw new SpecError('missing_step', `Nothing was found to make a contract of. ${how}`);
  }
  if (format === 'openapi') return openapi(source, examples);
  return format === 'graphql' ? graphql(source) : jsonSchema(source, examples);
}
