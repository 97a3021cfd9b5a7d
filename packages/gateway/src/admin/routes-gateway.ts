/** Routes of the admin API about the gateway itself, its audit trail, and what its own user asks for. */

import type { JsonObject } from '@sallyport/wire';
import { has, listOf, needed, STRING, textIn } from './body.ts';
import { limitOf } from './pages.ts';
import type { AdminSource, AuditQuery } from './source.ts';
import type { AdminRequest, Route } from './types.ts';

export function gatewayRoutes(source: AdminSource): readonly Route[] {
  return [...stateRoutes(source), ...auditRoutes(source), ...userRoutes(source)];
}

function stateRoutes(source: AdminSource): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/health',
      summary: 'Whether calls are taken, how many servers are in which state, and what the operator should know.',
      needs: 'read',
      answer: has({
        status: { enum: ['ready', 'stopping', 'impaired'] },
        store: { type: 'boolean' },
        servers: { type: 'object', additionalProperties: { type: 'integer' } },
        notes: { type: 'array', items: STRING },
      }),
      handle: () => source.health(),
    },
    {
      method: 'GET',
      path: '/system',
      summary: 'The gateway as a process, with the servers.',
      needs: 'read',
      answer: has({
        version: STRING,
        pid: { type: 'integer' },
        uptimeMs: { type: 'number' },
        memory: has({ rssBytes: { type: 'integer' }, heapBytes: { type: 'integer' } }),
        store: STRING,
        sandbox: { type: 'object', additionalProperties: { type: 'integer' } },
      }),
      handle: () => source.system(),
    },
    {
      method: 'POST',
      path: '/cache/clear',
      summary: 'Asks the servers that are up for their lists anew.',
      needs: 'write',
      action: { name: 'cache.clear', target: () => '' },
      answer: has({ asked: { type: 'array', items: STRING } }),
      handle: () => source.clearCache(),
    },
  ];
}

/** Members of a record that can be asked for. */
const MEMBERS = ['type', 'action', 'decision', 'principal', 'server', 'target', 'rule', 'correlationId'] as const;
const DEFAULT_LIMIT = 100;

function auditRoutes(source: AdminSource): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/audit',
      summary: 'Records of the audit trail, the oldest first: all that fit what is said of them.',
      needs: 'read',
      query: {
        since: 'A time (2027-01-31T12:00:00Z), or how long ago (24h, 30d); left out: 24h.',
        until: 'A time, or how long ago.',
        ...Object.fromEntries(MEMBERS.map((member) => [member, `\`${member}\` of the records.`])),
        limit: `How many at most, 1 to 1000; left out: ${DEFAULT_LIMIT}.`,
        cursor: '`next` of the page before; it may also be used later, for what has come since.',
      },
      refusals: [400, 409],
      answer: listOf('records', { seq: { type: 'integer' }, time: STRING, type: STRING, action: STRING }),
      handle: ({ query }) => source.audit(auditQuery(query)),
    },
    {
      method: 'POST',
      path: '/audit/verify',
      summary: 'Whether the trail is as it was written. Body: an earlier answer, kept elsewhere, as an anchor.',
      needs: 'read',
      body: { type: 'object', properties: { chains: { type: 'array' } } },
      refusals: [400, 409],
      answer: has({ chains: { type: 'array' }, problems: { type: 'array' }, notes: { type: 'array' } }),
      handle: ({ body }) => source.verifyAudit(body['chains']),
    },
  ];
}

function auditQuery(query: URLSearchParams): AuditQuery {
  const members = MEMBERS.flatMap((member) => {
    const value = query.get(member);
    return value === null ? [] : [[member, value] as const];
  });
  return {
    since: query.get('since') ?? undefined,
    until: query.get('until') ?? undefined,
    members: Object.fromEntries(members),
    limit: limitOf(query) ?? DEFAULT_LIMIT,
    cursor: query.get('cursor') ?? undefined,
  };
}

/** What the command line of this machine's user asks for. */
function userRoutes(source: AdminSource): readonly Route[] {
  const server = ({ body }: AdminRequest): string => needed(body, 'server');
  const ofServer: JsonObject = has({ server: STRING });
  return [
    {
      method: 'POST',
      path: '/login',
      summary: 'Begins a login at a server, or with its `state` waits a while for it.',
      needs: 'user',
      body: has({ server: STRING }, { properties: { server: STRING, state: STRING, device: { type: 'boolean' } } }),
      refusals: [400],
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
      refusals: [400],
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
