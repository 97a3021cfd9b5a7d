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
      properties: {
        code: { type: 'string' },
        message: { type: 'string' },
        id: { type: 'string', description: 'Of the request, in the log and the audit trail.' },
      },
    },
  },
};

const MEANINGS: Readonly<Record<number, string>> = {
  400: 'What was sent cannot be meant.',
  401: 'No good credential.',
  403: 'Not from here, or not by this caller.',
  404: 'There is no such thing; also for whoever is no admin.',
  409: 'As things are it cannot be done; `confirm`: it will be done when this hash comes back.',
  412: 'Another edition is there than the one that was seen.',
  413: 'The body is too large.',
  415: 'The body is not application/json.',
  428: '`If-Match` is missing.',
  429: 'Too many requests.',
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

/** The statuses with which a route refuses, ascending. */
function refusalsOf(route: Route): readonly number[] {
  const { action, method, needs, path, pages, refusals = [], resource } = route;
  const isTagged = action !== undefined && resource !== undefined;
  return [
    ...new Set([
      401,
      404,
      ...refusals,
      // Nobody counts the user of this machine.
      ...(needs === 'user' ? [] : [429]),
      ...(path.includes('{') || pages !== undefined ? [400] : []),
      ...(needs === 'write' ? [403] : []),
      ...(method === 'GET' ? [] : [400, 413, 415]),
      ...(isTagged ? [412] : []),
      ...(route.needsEdition === true ? [428] : []),
    ]),
  ].toSorted((a, b) => a - b);
}

function operation(route: Route): JsonObject {
  const { answer = {}, body, method, needs, path, resource, summary } = route;
  const tag = { ETag: { schema: { type: 'string' }, description: 'The edition, for `If-Match`.' } };
  const parameters = parametersOf(route);
  return {
    operationId: operationId(method, path),
    summary,
    description: WHO[needs],
    ...(parameters.length > 0 && { parameters }),
    ...(method !== 'GET' && {
      requestBody: { required: true, content: { 'application/json': { schema: body ?? { type: 'object' } } } },
    }),
    responses: {
      '200': {
        description: 'Done.',
        ...(resource !== undefined && { headers: tag }),
        content: { 'application/json': { schema: answer } },
      },
      ...Object.fromEntries(
        refusalsOf(route).map((status) => [
          String(status),
          {
            description: MEANINGS[status] ?? 'Refused.',
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
          },
        ]),
      ),
    },
  };
}

function parametersOf({ action, needsEdition, path, query = {}, resource }: Route): JsonObject[] {
  const schema = { type: 'string' };
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  const edition = { name: 'If-Match', in: 'header', required: false, schema };
  return [
    ...names.map((name) => ({ name, in: 'path', required: true, schema })),
    ...Object.entries(query).map(([name, description]) => ({ name, in: 'query', description, schema })),
    ...(action === undefined || resource === undefined
      ? []
      : [
          {
            ...edition,
            description:
              needsEdition === true ? 'The ETag that was seen; needed where it exists.' : 'The ETag that was seen.',
          },
        ]),
  ];
}

function operationId(method: string, path: string): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  return method.toLowerCase() + words.map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`).join('');
}
