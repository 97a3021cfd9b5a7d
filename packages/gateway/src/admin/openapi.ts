/** The admin API as an OpenAPI 3.1 document, from the table of its routes. Pure. */

import type { JsonObject } from '@sallyport/wire';
import type { Needs, Route } from './types.ts';

const WHO: Readonly<Record<Needs, string>> = {
  read: 'Any admin.',
  write: 'An admin on the machine of the gateway; from elsewhere with `admin.remoteWrite`.',
  user: 'The user of the machine of the gateway, with the local key.',
};

const ERROR: JsonObject = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message'],
      properties: { code: { type: 'string' }, message: { type: 'string' }, id: { type: 'string' } },
    },
  },
};

export function openApiDocument(routes: readonly Route[], path: string, version: string): JsonObject {
  const paths: Record<string, JsonObject> = {};
  for (const route of routes)
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) };
  return {
    openapi: '3.1.0',
    info: {
      title: 'Sallyport admin API',
      version,
      description: 'For admins of a gateway. Whoever is none finds 404 at every path.',
    },
    servers: [{ url: path }],
    security: [{ key: [] }],
    paths,
    components: {
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'The local key, or a key with the role `admin`.' },
      },
      schemas: { Error: ERROR },
    },
  };
}

function operation({ body, method, needs, path, query = {}, summary }: Route): JsonObject {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  const parameters = [
    ...names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    ...Object.entries(query).map(([name, description]) => ({
      name,
      in: 'query',
      description,
      schema: { type: 'string' },
    })),
  ];
  return {
    operationId: operationId(method, path),
    summary,
    description: WHO[needs],
    ...(parameters.length > 0 && { parameters }),
    ...(method !== 'GET' && {
      requestBody: { required: true, content: { 'application/json': { schema: body ?? { type: 'object' } } } },
    }),
    responses: {
      '200': { description: 'Done.', content: { 'application/json': { schema: {} } } },
      default: {
        description: 'Refused.',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
  };
}

function operationId(method: string, path: string): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  return method.toLowerCase() + words.map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`).join('');
}
