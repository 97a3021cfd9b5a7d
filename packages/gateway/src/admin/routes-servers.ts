/** Routes of the admin API about servers and what they offer. */

import type { JsonObject } from '@sallyport/wire';
import { found, has, invalid, listOf, needed, STRING, STRINGS, textIn } from './body.ts';
import { CHANGED, CONFIRM, editOf, TRIAL } from './edits.ts';
import { PAGES } from './pages.ts';
import type { AdminSource } from './source.ts';
import type { AdminRequest, Route } from './types.ts';

export function serverRoutes(source: AdminSource): readonly Route[] {
  return [...lookRoutes(source), ...addRoutes(source), ...changeRoutes(source), ...pinRoutes(source)];
}

const nameOf = (request: AdminRequest): string => request.of('name');

function lookRoutes(source: AdminSource): readonly Route[] {
  const resource = (request: AdminRequest): unknown => source.definition(nameOf(request));
  return [
    {
      method: 'GET',
      path: '/servers',
      summary: 'The servers and how they are.',
      needs: 'read',
      query: PAGES,
      pages: 'servers',
      answer: listOf('servers', { name: STRING, state: STRING, enabled: { type: 'boolean' } }),
      handle: () => source.servers(),
    },
    {
      method: 'GET',
      path: '/servers/{name}',
      summary: 'One server: how it is, and as `config` what is configured, secrets masked.',
      needs: 'read',
      resource,
      answer: has({ name: STRING, state: STRING, config: { type: 'object' } }),
      handle: (request) => found(source.server(nameOf(request)), 'server', nameOf(request)),
    },
    {
      method: 'POST',
      path: '/servers/{name}/restart',
      summary: 'Ends what is up of a server; the next call starts it anew.',
      needs: 'write',
      refusals: [409],
      action: { name: 'server.restart', target: nameOf },
      answer: has({ restarted: STRING }),
      handle: (request) => source.restart(nameOf(request)),
    },
    {
      method: 'GET',
      path: '/servers/{name}/logs',
      summary: 'The last lines of the log about a server, secrets masked.',
      needs: 'read',
      query: PAGES,
      pages: 'lines',
      answer: listOf('lines', { time: STRING, level: STRING, text: STRING }),
      handle: (request) => source.logs(nameOf(request)),
    },
    {
      method: 'GET',
      path: '/tools',
      summary: 'Every tool that this machine’s user sees.',
      needs: 'read',
      query: PAGES,
      pages: 'tools',
      answer: listOf('tools', { name: STRING, id: STRING, server: STRING }),
      handle: () => source.tools(),
    },
  ];
}

const SERVER: JsonObject = {
  type: 'object',
  description: 'A `url` or a `command`. Text is literal: nothing in it is expanded.',
  properties: {
    url: STRING,
    headers: { type: 'object', additionalProperties: STRING },
    command: STRING,
    args: STRINGS,
    env: { type: 'object', additionalProperties: STRING },
  },
};

function addRoutes(source: AdminSource): readonly Route[] {
  const resource = (request: AdminRequest): unknown => source.definition(nameOf(request));
  return [
    {
      method: 'POST',
      path: '/servers',
      summary:
        'Puts a new server into the configuration. Where a command would be started, 409 shows it with a hash first; the same with that hash as `confirm` adds it.',
      needs: 'write',
      query: TRIAL,
      body: has({ name: STRING, server: SERVER }, { properties: { name: STRING, server: SERVER, ...CONFIRM } }),
      refusals: [400, 403, 409],
      action: { name: 'server.add', target: ({ body }) => textIn(body, 'name') ?? '' },
      resource: ({ body }) => source.definition(textIn(body, 'name') ?? ''),
      answer: CHANGED,
      handle: (request) =>
        source.add(needed(request.body, 'name'), request.body['server'], editOf(request, 'server.add')),
    },
    {
      method: 'PUT',
      path: '/servers/{name}',
      summary: 'Has the configuration hold exactly this server under this name; the same again changes nothing.',
      needs: 'write',
      query: TRIAL,
      body: has({ server: SERVER }, { properties: { server: SERVER, ...CONFIRM } }),
      refusals: [400, 403, 409],
      action: { name: 'server.put', target: nameOf },
      resource,
      needsEdition: true,
      answer: CHANGED,
      handle: (request) => source.put(nameOf(request), request.body['server'], editOf(request, 'server.put')),
    },
  ];
}

function changeRoutes(source: AdminSource): readonly Route[] {
  const resource = (request: AdminRequest): unknown => source.definition(nameOf(request));
  return [
    {
      method: 'PATCH',
      path: '/servers/{name}',
      summary: 'Changes keys of a server by a merge patch (RFC 7396), such as `enabled`, `tools`, `timeout`.',
      needs: 'write',
      query: TRIAL,
      body: { type: 'object', properties: { enabled: { type: 'boolean' }, ...CONFIRM } },
      refusals: [400, 403, 409],
      action: { name: 'server.change', target: nameOf },
      resource,
      needsEdition: true,
      answer: CHANGED,
      handle: (request) => {
        const { confirm: _confirm, ...changes } = request.body;
        return source.patch(nameOf(request), changes, editOf(request, 'server.change'));
      },
    },
    {
      method: 'DELETE',
      path: '/servers/{name}',
      summary: 'Takes a server out of the configuration.',
      needs: 'write',
      query: TRIAL,
      refusals: [409],
      action: { name: 'server.remove', target: nameOf },
      resource,
      needsEdition: true,
      answer: CHANGED,
      handle: (request) => source.remove(nameOf(request), editOf(request, 'server.remove')),
    },
  ];
}

const PIN: JsonObject = { id: STRING, state: STRING, hash: STRING, changes: STRINGS };

function pinRoutes(source: AdminSource): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/pins',
      summary: 'The tools whose definitions are pinned: new, approved, changed or quarantined.',
      needs: 'read',
      query: PAGES,
      pages: 'pins',
      resource: () => source.pins(),
      answer: listOf('pins', PIN),
      handle: () => source.pins(),
    },
    {
      method: 'GET',
      path: '/pins/diff',
      summary: 'What waits for a word, and all that differs from what stands.',
      needs: 'read',
      query: { id: 'Of one tool, `server__tool`.', ...PAGES },
      pages: 'pins',
      answer: listOf('pins', { ...PIN, differences: { type: 'array' } }),
      handle: ({ query }) => source.pinDiffs(query.get('id') ?? undefined),
    },
    {
      method: 'POST',
      path: '/pins/approve',
      summary: 'Takes definitions as they were looked at: of each its id and every hash of it that waits.',
      needs: 'write',
      body: listOf('pins', { id: STRING, hash: STRING }),
      refusals: [400, 404, 412],
      action: {
        name: 'pins.approve',
        target: ({ body }) =>
          seenPins(body)
            .map(({ id }) => id)
            .join(' '),
      },
      resource: () => source.pins(),
      answer: listOf('approved', { id: STRING, hash: STRING }),
      handle: ({ body }) => source.approvePins(seenPins(body)),
    },
  ];
}

const MAX_PINS = 1000;

function seenPins({ pins }: JsonObject): { readonly id: string; readonly hash: string }[] {
  const isSeen = (each: unknown): each is { id: string; hash: string } => {
    const { hash, id } = (each ?? {}) as Record<string, unknown>;
    return typeof id === 'string' && typeof hash === 'string';
  };
  if (!Array.isArray(pins) || pins.length === 0 || pins.length > MAX_PINS || !pins.every(isSeen))
    throw invalid('`pins` is a list of objects with `id` and `hash`.');
  return pins.map(({ hash, id }) => ({ id, hash }));
}
