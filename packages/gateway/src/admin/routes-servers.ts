/** Routes of the admin API about servers. */

import type { JsonObject } from '@sallyport/wire';
import { found, needed, STRING, textIn, invalid } from './body.ts';
import type { AdminSource, ServerEdit } from './source.ts';
import type { AdminRequest, Route } from './types.ts';

export function serverRoutes(source: AdminSource): readonly Route[] {
  const name = (request: AdminRequest): string => request.of('name');
  return [
    {
      method: 'GET',
      path: '/servers',
      summary: 'The servers and how they are.',
      needs: 'read',
      handle: () => source.servers(),
    },
    {
      method: 'GET',
      path: '/servers/{name}',
      summary: 'One server.',
      needs: 'read',
      handle: (request) => found(source.server(name(request)), 'server', name(request)),
    },
    {
      method: 'POST',
      path: '/servers/{name}/restart',
      summary: 'Ends what is up of a server; the next call starts it anew.',
      needs: 'write',
      action: { name: 'server.restart', target: name },
      handle: (request) => source.restart(name(request)),
    },
    {
      method: 'GET',
      path: '/servers/{name}/logs',
      summary: 'The last lines of the log about a server, secrets masked.',
      needs: 'read',
      handle: (request) => source.logs(name(request)),
    },
    {
      method: 'GET',
      path: '/tools',
      summary: 'Every tool that this machine’s user sees.',
      needs: 'read',
      handle: () => source.tools(),
    },
    ...editRoutes(source),
  ];
}

const ADDED: JsonObject = {
  type: 'object',
  required: ['name', 'server'],
  properties: {
    name: STRING,
    server: {
      type: 'object',
      properties: {
        url: STRING,
        headers: { type: 'object', additionalProperties: STRING },
        command: STRING,
        args: { type: 'array', items: STRING },
        env: { type: 'object', additionalProperties: STRING },
        description: STRING,
      },
    },
    confirm: { ...STRING, description: 'The hash that the first answer gave.' },
  },
};

/** Those that change the file. */
function editRoutes(source: AdminSource): readonly Route[] {
  const name = (request: AdminRequest): string => request.of('name');
  const edit = ({ body, ifMatch, mayCommand }: AdminRequest): ServerEdit => ({
    mayCommand,
    ifMatch,
    confirm: textIn(body, 'confirm'),
  });
  return [
    {
      method: 'POST',
      path: '/servers',
      summary:
        'Puts a server into the configuration: a URL, or a command, which is shown with its hash first and added when the hash comes back as `confirm`. Text is literal: nothing in it is expanded.',
      needs: 'write',
      body: ADDED,
      action: { name: 'server.add', target: ({ body }) => textIn(body, 'name') ?? '' },
      handle: (request) => source.add(needed(request.body, 'name'), request.body['server'], edit(request)),
    },
    {
      method: 'PATCH',
      path: '/servers/{name}',
      summary: 'Turns a server on or off in the configuration.',
      needs: 'write',
      body: { type: 'object', required: ['enabled'], properties: { enabled: { type: 'boolean' } } },
      action: { name: 'server.switch', target: name },
      handle: (request) => {
        const { enabled } = request.body;
        if (typeof enabled !== 'boolean') throw invalid('`enabled` is true or false.');
        return source.switchServer(name(request), enabled, edit(request));
      },
    },
    {
      method: 'DELETE',
      path: '/servers/{name}',
      summary: 'Takes a server out of the configuration.',
      needs: 'write',
      action: { name: 'server.remove', target: name },
      handle: (request) => source.remove(name(request), edit(request)),
    },
  ];
}
