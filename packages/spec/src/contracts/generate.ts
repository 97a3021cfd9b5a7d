/** Contracts out of what the specification says: OpenAPI 3.1 in YAML, GraphQL SDL, or JSON Schema 2020-12. A beginning, not a design. */
import { stringify } from 'yaml';
import { SpecError } from '../errors.ts';
import { graphql } from './graphql.ts';
import { isModel, modelOf, operationIds } from './names.ts';
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

function operation(endpoint: Endpoint, id: string, models: readonly Model[]): Node {
  const { method, path, summary } = endpoint;
  const model = modelOf(endpoint, models);
  const reference = model === undefined ? { type: 'object' } : { $ref: `#/components/schemas/${model.name}` };
  const single = path.endsWith('}') || method !== 'get';
  const body: Node = { 'application/json': { schema: single ? reference : { type: 'array', items: reference } } };
  const status = method === 'post' ? '201' : method === 'delete' ? '204' : '200';
  const variables = new Set(Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => name));
  const parameters = Array.from(variables, (name) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  return {
    operationId: id,
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
  for (const [endpoint, id] of operationIds(endpoints))
    (paths[endpoint.path] ??= {})[endpoint.method] = operation(endpoint, id, models);
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
