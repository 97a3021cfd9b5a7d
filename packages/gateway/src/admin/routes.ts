/** The table of the admin API: each route, what it needs, and which function of the gateway answers it. */

import type { JsonObject } from '@sallyport/wire';
import { needed, STRING, textIn } from './body.ts';
import { callerRoutes } from './routes-callers.ts';
import { serverRoutes } from './routes-servers.ts';
import type { AdminSource } from './source.ts';
import type { AdminRequest, Route } from './types.ts';

export function createRoutes(source: AdminSource): readonly Route[] {
  return [...serverRoutes(source), ...callerRoutes(source), ...gatewayRoutes(source), ...userRoutes(source)];
}

function gatewayRoutes(source: AdminSource): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/config',
      summary: 'The configuration in force, secrets masked, with its edition.',
      needs: 'read',
      handle: () => source.config(),
    },
    {
      method: 'GET',
      path: '/health',
      summary: 'Whether calls are taken, and what the operator should know.',
      needs: 'read',
      handle: () => source.health(),
    },
    {
      method: 'GET',
      path: '/system',
      summary: 'The gateway as a process, with the servers.',
      needs: 'read',
      handle: () => source.system(),
    },
    {
      method: 'POST',
      path: '/reload',
      summary: 'Reads the configuration again. `confirm`: the hash of what was shown and is wanted.',
      needs: 'write',
      body: { type: 'object', properties: { confirm: STRING } },
      action: { name: 'reload', target: () => '' },
      handle: ({ body }) => source.reload(textIn(body, 'confirm')),
    },
  ];
}

/** What the command line of this machine's user asks for. */
function userRoutes(source: AdminSource): readonly Route[] {
  const server = ({ body }: AdminRequest): string => needed(body, 'server');
  const ofServer: JsonObject = { type: 'object', required: ['server'], properties: { server: STRING } };
  return [
    {
      method: 'POST',
      path: '/login',
      summary: 'Begins a login at a server, or with its `state` waits a while for it.',
      needs: 'user',
      body: {
        type: 'object',
        required: ['server'],
        properties: { server: STRING, state: STRING, device: { type: 'boolean' } },
      },
      action: { name: 'server.login', target: server },
      handle: (request) =>
        source.login(server(request), {
          state: textIn(request.body, 'state'),
          device: request.body['device'] === true,
        }),
    },
    {
      method: 'POST',
      path: '/logout',
      summary: 'Ends a login at a server.',
      needs: 'user',
      body: ofServer,
      action: { name: 'server.logout', target: server },
      handle: (request) => source.logout(server(request)),
    },
    {
      method: 'POST',
      path: '/explain',
      summary: 'What the policy says of a call, and why.',
      needs: 'user',
      handle: ({ body }) => source.explain(body),
    },
  ];
}
