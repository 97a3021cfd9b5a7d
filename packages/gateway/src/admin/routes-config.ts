/** Routes of the admin API about the configuration: what is in force, changes of the file, and what was before. */

import { has, listOf, STRING, STRINGS, textIn } from './body.ts';
import { CHANGED, CONFIRM, editOf, TRIAL } from './edits.ts';
import { PAGES } from './pages.ts';
import type { AdminSource } from './source.ts';
import type { AdminRequest, Route } from './types.ts';

export function configRoutes(source: AdminSource): readonly Route[] {
  return [...fileRoutes(source), ...historyRoutes(source)];
}

function fileRoutes(source: AdminSource): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/config',
      summary: 'The configuration in force, secrets masked. The ETag is that of the file.',
      needs: 'read',
      resource: () => source.edition(),
      answer: has({ config: { type: 'object' } }),
      handle: () => source.config(),
    },
    {
      method: 'PATCH',
      path: '/config',
      summary: 'Changes keys of the configuration by a merge patch (RFC 7396). Text is literal.',
      needs: 'write',
      query: TRIAL,
      body: { type: 'object', properties: CONFIRM },
      refusals: [400, 403, 409],
      action: {
        name: 'config.change',
        target: ({ body }) =>
          Object.keys(body)
            .filter((key) => key !== 'confirm')
            .join(' ')
            .slice(0, 200),
      },
      resource: () => source.edition(),
      needsEdition: true,
      answer: CHANGED,
      handle: (request) => {
        const { confirm: _confirm, ...changes } = request.body;
        return source.patchConfig(changes, editOf(request, 'config.change'));
      },
    },
    {
      method: 'POST',
      path: '/reload',
      summary: 'Reads the configuration again. `confirm`: the hash of what was shown and is wanted.',
      needs: 'write',
      body: { type: 'object', properties: { confirm: STRING } },
      refusals: [400],
      action: { name: 'reload', target: () => '' },
      answer: has({ status: { enum: ['unchanged', 'applied', 'refused', 'invalid', 'confirm'] } }),
      handle: ({ body }) => source.reload(textIn(body, 'confirm')),
    },
  ];
}

function historyRoutes(source: AdminSource): readonly Route[] {
  const id = (request: AdminRequest): string => request.of('id');
  const members = { id: STRING, time: STRING, by: STRING, action: STRING, diff: STRINGS };
  return [
    {
      method: 'GET',
      path: '/config/history',
      summary: 'The last 50 editions of the file, the newest first: who, when, and what was changed.',
      needs: 'read',
      query: PAGES,
      pages: 'history',
      refusals: [409],
      answer: listOf('history', members),
      handle: () => source.history(),
    },
    {
      method: 'GET',
      path: '/config/history/{id}',
      summary: 'One of them, and as `toRestore` what would change if it were in force again.',
      needs: 'read',
      refusals: [409],
      answer: has({ ...members, toRestore: STRINGS }),
      handle: (request) => source.historyEntry(id(request)),
    },
    {
      method: 'POST',
      path: '/config/history/{id}/restore',
      summary: 'Has the file say again what it said then.',
      needs: 'write',
      query: TRIAL,
      body: { type: 'object', properties: CONFIRM },
      refusals: [400, 403, 409],
      action: { name: 'config.restore', target: id },
      resource: () => source.edition(),
      needsEdition: true,
      answer: CHANGED,
      handle: (request) => source.restoreConfig(id(request), editOf(request, 'config.restore')),
    },
  ];
}
