/** Routes of the admin API about those who call: sessions, principals, keys. */

import type { JsonObject } from '@sallyport/wire';
import { found, has, invalid, listOf, needed, STRING, STRINGS, textIn } from './body.ts';
import { PAGES } from './pages.ts';
import type { AdminSource, NewKey } from './source.ts';
import type { AdminRequest, Route } from './types.ts';

const DAY_MS = 86_400_000;

export function callerRoutes(source: AdminSource): readonly Route[] {
  return [...sessionRoutes(source), ...principalRoutes(source), ...keyRoutes(source), ...issuingRoutes(source)];
}

const idOf = (request: AdminRequest): string => request.of('id');

function sessionRoutes(source: AdminSource): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/sessions',
      summary: 'Open sessions.',
      needs: 'read',
      query: PAGES,
      pages: 'sessions',
      answer: listOf('sessions', { id: STRING, transport: STRING, endpoint: STRING, principal: STRING }),
      handle: () => source.sessions(),
    },
    {
      method: 'DELETE',
      path: '/sessions/{id}',
      summary: 'Ends a session over HTTP.',
      needs: 'write',
      refusals: [409],
      action: { name: 'session.end', target: idOf },
      resource: (request) => source.session(idOf(request)),
      answer: has({ ended: STRING }),
      handle: (request) => source.endSession(idOf(request)),
    },
  ];
}

const PRINCIPAL: JsonObject = {
  principal: STRING,
  disabled: { type: 'boolean' },
  key: { type: 'boolean' },
  sessions: { type: 'integer' },
};

function principalRoutes(source: AdminSource): readonly Route[] {
  const who = (request: AdminRequest): string => request.of('who');
  const resource = async (request: AdminRequest): Promise<unknown> => {
    const { disabled, principal } = await source.principal(who(request));
    return { disabled, principal };
  };
  return [
    {
      method: 'GET',
      path: '/principals',
      summary: 'Who has a key or a session, or is shut out.',
      needs: 'read',
      query: PAGES,
      pages: 'principals',
      answer: listOf('principals', PRINCIPAL),
      handle: () => source.principals(),
    },
    {
      method: 'GET',
      path: '/principals/{who}',
      summary: 'One of them, by the name of a key or ISSUER#SUBJECT, percent-encoded. Nobody is unknown.',
      needs: 'read',
      refusals: [400, 409],
      resource,
      answer: has(PRINCIPAL),
      handle: (request) => source.principal(who(request)),
    },
    {
      method: 'PUT',
      path: '/principals/{who}',
      summary: 'Shuts somebody out, whatever he can prove, or lets him in again.',
      needs: 'write',
      body: has({ disabled: { type: 'boolean' } }),
      refusals: [400, 409],
      action: { name: 'principal.change', target: who },
      resource,
      answer: has(PRINCIPAL),
      handle: (request) => {
        const { disabled } = request.body;
        if (typeof disabled !== 'boolean') throw invalid('`disabled` is true or false.');
        return source.setDisabled(who(request), disabled);
      },
    },
  ];
}

const KEY: JsonObject = { id: STRING, name: STRING, roles: STRINGS };

function keyRoutes(source: AdminSource): readonly Route[] {
  const resource = (request: AdminRequest): unknown => source.key(idOf(request));
  return [
    {
      method: 'GET',
      path: '/keys',
      summary: 'The keys of clients, without the keys themselves.',
      needs: 'read',
      query: PAGES,
      pages: 'keys',
      refusals: [409],
      answer: listOf('keys', KEY),
      handle: () => source.keys(),
    },
    {
      method: 'GET',
      path: '/keys/{id}',
      summary: 'One key of the store, by id or name, without the key itself.',
      needs: 'read',
      refusals: [409],
      resource,
      answer: has(KEY),
      handle: async (request) => found(await source.key(idOf(request)), 'key in the store', idOf(request)),
    },
    {
      method: 'DELETE',
      path: '/keys/{id}',
      summary: 'Ends a key, by id or name, and all that is open with it.',
      needs: 'write',
      refusals: [409],
      action: { name: 'key.revoke', target: idOf },
      resource,
      answer: has({ revoked: { const: true } }),
      handle: (request) => source.revokeKey(idOf(request)),
    },
  ];
}

/** Those whose answer holds a key. */
function issuingRoutes(source: AdminSource): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/keys',
      summary: 'Makes a key. It is in this answer and nowhere else.',
      needs: 'write',
      body: has(
        { name: STRING },
        { properties: { name: STRING, roles: STRINGS, expires: { ...STRING, format: 'date-time' } } },
      ),
      refusals: [400, 409],
      action: { name: 'key.create', target: ({ body }) => textIn(body, 'name') ?? '' },
      resource: ({ body }) => source.key(textIn(body, 'name') ?? ''),
      answer: has({ ...KEY, key: STRING }),
      handle: ({ body }) => source.createKey(newKey(body)),
    },
    {
      method: 'POST',
      path: '/keys/{id}/rotate',
      summary: 'Gives a key another secret; the one before is good for so many seconds more.',
      needs: 'write',
      body: { type: 'object', properties: { graceSeconds: { type: 'number', minimum: 0, default: DAY_MS / 1000 } } },
      refusals: [400, 409],
      action: { name: 'key.rotate', target: idOf },
      resource: (request) => source.key(idOf(request)),
      answer: has({ ...KEY, key: STRING }),
      handle: (request) => {
        const { graceSeconds = DAY_MS / 1000 } = request.body;
        if (typeof graceSeconds !== 'number') throw invalid('`graceSeconds` is a number.');
        return source.rotateKey(idOf(request), graceSeconds * 1000);
      },
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
