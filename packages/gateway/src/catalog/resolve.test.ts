import type { JsonObject } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import type { Call, Target } from '../call.ts';
import { createList } from './list-step.ts';
import { createResolve } from './resolve.ts';
import type { CatalogRoom } from './index.ts';
import { filled, server, setupOf } from './testing/rooms.ts';

const OFFERS = {
  files: {
    tools: ['read', 'write'],
    prompts: ['explain'],
    resources: ['file:///same'],
    templates: ['file:///{path}'],
    said: { capabilities: { tools: {}, completions: {} } },
  },
  git: { tools: ['log'], prompts: ['review'], resources: ['file:///same'], templates: ['git://{hash}'] },
};

const SETUP = setupOf([server('files'), server('git')], {
  views: { reading: { servers: ['files'], tools: ['files__read'] } },
});

function callAt(endpoint: string, method: string, params: JsonObject = {}): Call {
  const message = { jsonrpc: '2.0', id: 1, method, params };
  return { exchange: { endpoint, message, era: 'session', principal: { subject: 'me' } } as never };
}

function resolverOf(room: CatalogRoom): (call: Call) => Promise<Target | JsonObject | undefined> {
  const step = createResolve({
    view: ({ endpoint }) => room.view(endpoint),
    openTaskId: (taskId, { exchange }) =>
      taskId === `sealed at ${exchange.endpoint}` ? { server: 'files', original: 't1' } : undefined,
    unknown: (_call, error) => Promise.reject(error),
  });
  return async (call) => {
    const answer = await step(call, async () => ({ kind: 'value', result: {} }));
    return call.target ?? (answer.kind === 'value' ? answer.result : undefined);
  };
}

describe('what a call names', () => {
  it.each<[string, string, JsonObject, string, string]>([
    ['/mcp', 'tools/call', { name: 'files__write' }, 'files', 'files__write'],
    ['/mcp/s/files', 'tools/call', { name: 'write' }, 'files', 'files__write'],
    ['/mcp/v/reading', 'tools/call', { name: 'files__read' }, 'files', 'files__read'],
    ['/mcp/s/git', 'prompts/get', { name: 'review' }, 'git', 'git__review'],
    ['/mcp', 'resources/read', { uri: 'file:///same' }, 'files', 'file:///same'],
    ['/mcp/s/git', 'resources/read', { uri: 'file:///same' }, 'git', 'file:///same'],
    ['/mcp/s/git', 'resources/read', { uri: 'not:listed' }, 'git', 'not:listed'],
    ['/mcp/s/files', 'vendor/x', {}, 'files', 'vendor/x'],
    ['/mcp/v/reading', 'vendor/x', {}, 'files', 'vendor/x'],
    ['/mcp?servers=git', 'vendor/x', {}, 'git', 'vendor/x'],
    ['/mcp', 'vendor/x', { name: 'git__log' }, 'git', 'vendor/x'],
    ['/mcp', 'vendor/x', { uri: 'git://1' }, 'git', 'vendor/x'],
    ['/mcp', 'tasks/get', { taskId: 'sealed at /mcp' }, 'files', 't1'],
    [
      '/mcp',
      'completion/complete',
      { ref: { type: 'ref/resource', uri: 'file:///{path}' } },
      'files',
      'file:///{path}',
    ],
    [
      '/mcp/s/files',
      'completion/complete',
      { ref: { type: 'ref/prompt', name: 'explain' } },
      'files',
      'files__explain',
    ],
  ])('%s: %s %j goes to %s as %s', async (endpoint, method, params, to, canonicalId) => {
    const { room } = await filled(SETUP, OFFERS);
    expect(await resolverOf(room)(callAt(endpoint, method, params))).toMatchObject({ server: to, canonicalId });
  });

  it.each<[string, string, JsonObject]>([
    ['/mcp/v/reading', 'tools/call', { name: 'files__write' }],
    ['/mcp/v/reading', 'tools/call', { name: 'git__log' }],
    ['/mcp/v/reading', 'prompts/get', { name: 'git__review' }],
    ['/mcp/s/git', 'tools/call', { name: 'files__read' }],
    ['/mcp/s/git', 'tools/call', { name: 'git__log' }],
    ['/mcp?tools=files__read', 'tools/call', { name: 'files__write' }],
    ['/mcp/s/gone', 'tools/call', { name: 'read' }],
    ['/mcp', 'resources/read', { uri: 'not:listed' }],
    ['/mcp/v/gone', 'resources/read', { uri: 'file:///same' }],
    ['/mcp', 'vendor/x', {}],
    ['/mcp/s/gone', 'vendor/x', {}],
    ['/mcp/v/reading', 'vendor/x', { name: 'write' }],
    ['/mcp/s/git', 'tasks/get', { taskId: 'sealed at /mcp' }],
  ])('is unknown at %s: %s %j', async (endpoint, method, params) => {
    const { room } = await filled(SETUP, OFFERS);
    const resolve = resolverOf(room);
    const failure = (call: Call): Promise<unknown> =>
      resolve(call).then(
        () => 'resolved',
        ({ key, message }) => [key, message],
      );
    const refused = await failure(callAt(endpoint, method, params));
    const nameless = Object.fromEntries(Object.keys(params).map((key) => [key, 'nowhere']));
    const said = JSON.stringify(params['name'] ?? '').slice(1, -1);
    const unknown = await failure(callAt('/mcp', method, nameless));
    // In the same words as what nobody has.
    expect(JSON.stringify(refused)).toBe(JSON.stringify(unknown).replace('nowhere', said));
  });

  it.each(['files__explain', 'git__review'])(
    'has no completions where the view lacks it or its server completes nothing: %s',
    async (name) => {
      const { room } = await filled(SETUP, OFFERS);
      const call = callAt('/mcp?servers=git', 'completion/complete', { ref: { type: 'ref/prompt', name } });
      expect(await resolverOf(room)(call)).toMatchObject({ completion: { values: [] } });
    },
  );
});

describe('a list', () => {
  it('is that of the endpoint, and its cursor is of that list', async () => {
    const { room } = await filled(SETUP, OFFERS, { pageSize: 1 });
    const step = createList({
      view: ({ endpoint }) => room.view(endpoint),
      sealCursor: (place, { endpoint }) => `${endpoint} ${place}`,
      openCursor: (cursor, { endpoint }) =>
        cursor.startsWith(endpoint) ? cursor.slice(endpoint.length + 1) : undefined,
    });
    const ask = async (endpoint: string, cursor?: string): Promise<{ names: string[]; next?: string }> => {
      const call = callAt(endpoint, 'tools/list', cursor === undefined ? {} : { cursor });
      const answer = await step(call, () => Promise.reject(new Error('a list is the end')));
      if (answer.kind !== 'result') throw new Error('no result');
      const { result } = JSON.parse(`{"id":1${answer.after.toString()}`) as {
        result: { tools: { name: string }[]; nextCursor?: string };
      };
      return { names: result.tools.map(({ name }) => name), ...(result.nextCursor && { next: result.nextCursor }) };
    };
    expect((await ask('/mcp/v/reading')).names).toEqual(['files__read']);
    const first = await ask('/mcp/s/files');
    expect(first.names).toEqual(['read']);
    expect(await ask('/mcp/s/files', first.next)).toEqual({ names: ['write'] });
    await expect(ask('/mcp', first.next)).rejects.toMatchObject({ key: 'invalid_params' });
  });
});
