/** Routes of the admin API about those who call: sessions, principals, keys. */

import type { JsonObject } from '@sallyport/wire';
import { invalid, needed, STRING, textIn } from './body.ts';
import type { AdminSource, NewKey } from './source.ts';
import type { AdminRequest, Route } from './types.ts';

const WHO: JsonObject = {
  type: 'object',
  required: ['who'],
  properties: { who: { ...STRING, description: 'The name of a key, or ISSUER#SUBJECT.' } },
};
const DAY_MS = 86_400_000;

export function callerRoutes(source: AdminSource): readonly Route[] {
  const id = (request: AdminRequest): string => request.of('id');
  const who = ({ body }: AdminRequest): string => needed(body, 'who');
  return [
    { method: 'GET', path: '/sessions', summary: 'Open sessions.', needs: 'read', handle: () => source.sessions() },
    {
      method: 'DELETE',
      path: '/sessions/{id}',
      summary: 'Ends a session over HTTP.',
      needs: 'write',
      action: { name: 'session.end', target: id },
      handle: (request) => source.endSession(id(request)),
    },
    {
      method: 'GET',
      path: '/principals',
      summary: 'Who has a key or a session, and who is shut out.',
      needs: 'read',
      handle: () => source.principals(),
    },
    {
      method: 'POST',
      path: '/principals/disable',
      summary: 'Shuts somebody out, whatever he can prove.',
      needs: 'write',
      body: WHO,
      action: { name: 'principal.disable', target: who },
      handle: (request) => source.setDisabled(who(request), true),
    },
    {
      method: 'POST',
      path: '/principals/enable',
      summary: 'Lets him in again.',
      needs: 'write',
      body: WHO,
      action: { name: 'principal.enable', target: who },
      handle: (request) => source.setDisabled(who(request), false),
    },
    ...keyRoutes(source),
  ];
}

function keyRoutes(source: AdminSource): readonly Route[] {
  const id = (request: AdminRequest): string => request.of('id');
  return [
    {
      method: 'GET',
      path: '/keys',
      summary: 'The keys of clients, without the keys themselves.',
      needs: 'read',
      handle: () => source.keys(),
    },
    {
      method: 'POST',
      path: '/keys',
      summary: 'Makes a key. It is in this answer and nowhere else.',
      needs: 'write',
      body: {
        type: 'object',
        required: ['name'],
        properties: {
          name: STRING,
          roles: { type: 'array', items: STRING },
          expires: { ...STRING, format: 'date-time' },
        },
      },
      action: { name: 'key.create', target: ({ body }) => textIn(body, 'name') ?? '' },
      handle: ({ body }) => source.createKey(newKey(body)),
    },
    {
      method: 'POST',
      path: '/keys/{id}/rotate',
      summary: 'Gives a key another secret; the one before is good for so many seconds more.',
      needs: 'write',
      body: { type: 'object', properties: { graceSeconds: { type: 'integer', minimum: 0, default: DAY_MS / 1000 } } },
      action: { name: 'key.rotate', target: id },
      handle: (request) => {
        const { graceSeconds = DAY_MS / 1000 } = request.body;
        if (typeof graceSeconds !== 'number') throw invalid('`graceSeconds` is a number.');
        return source.rotateKey(id(request), graceSeconds * 1000);
      },
    },
    {
      method: 'DELETE',
      path: '/keys/{id}',
      summary: 'Ends a key, by id or name, and all that is open with it.',
      needs: 'write',
      action: { name: 'key.revoke', target: id },
      handle: (request) => source.revokeKey(id(request)),
    },
  ];
}

function newKey(body: JsonObject): NewKey {
  const { expires, roles = [] } = body;
  if (!Array.isArray(roles) || !roles.every((role) => typeof role === 'string'))
    throw invalid('`roles` is a list of texts.');
  const name = needed(body, 'name');
  if (expires === undefined) return { name, roles };
  const expiresAtMs = typeof expires === 'string' ? Date.parse(expires) : Number.NaN;
  if (Number.isNaN(expiresAtMs)) throw invalid('`expires` is a time, such as 2027-01-31T00:00:00Z.');
  return { name, roles, expiresAtMs };
}
