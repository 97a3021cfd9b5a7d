import { createSecretKey, randomBytes } from 'node:crypto';
import type { Exchange } from '@sallyport/server';
import type { JsonObject } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import { compose } from './call.ts';
import { CatalogRoom, type ListKind, type Source } from './catalog/index.ts';
import { seal, unseal } from './credentials/index.ts';
import { createList } from './catalog/list-step.ts';
import { NO_PINS, NO_RECORDS } from './catalog/testing/rooms.ts';

const tool = (name: string): JsonObject => ({ name, inputSchema: {} });

function source(lists: Partial<Record<ListKind, () => JsonObject[]>>): Source {
  return {
    capabilities: { tools: {}, prompts: {}, resources: {} },
    info: {},
    instructions: undefined,
    list: async (kind) => lists[kind]?.() ?? [],
  };
}

describe('pages', () => {
  const key = createSecretKey(randomBytes(32));
  const names = Array.from({ length: 10 }, (_, n) => `t${n}`);

  async function paged(): Promise<{
    room: CatalogRoom;
    ask: (method: string, cursor?: unknown, who?: string) => Promise<{ names: string[]; next: string | undefined }>;
  }> {
    const features = { tools: true, resources: true, prompts: true };
    const rules = { deny: [], rename: {}, describe: {}, arguments: {} };
    const room = new CatalogRoom({
      setup: {
        servers: [{ name: 'a', fingerprint: '', features, tools: rules, readOnly: false, tags: [], overHttp: false }],
        naming: { mode: 'prefixed', maxLength: 48 },
        views: {},
        discovery: { mode: 'full', budget: 0, always: [] },
      },
      roots: ['/mcp'],
      watched: () => [],
      info: {},
      deadlineMs: () => 0,
      pageSize: 4,
      load: async () => undefined,
      save: async () => undefined,
      drop: async () => undefined,
      owned: NO_RECORDS,
      pins: NO_PINS,
      start: () => Promise.reject(new Error('nothing is started')),
      problem: () => undefined,
      onChanged: () => undefined,
      log: () => undefined,
      now: () => 0,
    });
    await room.refresh('a', source({ tools: () => names.map(tool), prompts: () => names.map((name) => ({ name })) }));
    const bound = (exchange: Exchange): string => exchange.principal.subject;
    const step = createList({
      view: ({ endpoint }) => room.view(endpoint),
      sealCursor: (place, exchange) => seal(key, place, bound(exchange)),
      openCursor: (cursor, exchange) => unseal(key, cursor, bound(exchange))?.toString('utf8'),
    });
    const ask = async (
      method: string,
      cursor?: unknown,
      who = 'me',
    ): ReturnType<Awaited<ReturnType<typeof paged>>['ask']> => {
      const params = cursor === undefined ? {} : { cursor };
      const exchange = {
        era: 'session',
        endpoint: '/mcp',
        message: { method, params },
        principal: { subject: who },
      };
      const answer = await compose([step])({ exchange: exchange as never });
      if (answer.kind !== 'result') throw new Error('no result');
      const text = `${answer.before.toString()}0${answer.after.toString()}`;
      const { result } = JSON.parse(text) as {
        result: Record<string, { name: string }[]> & { nextCursor?: never };
      };
      const list = result['tools'] ?? result['prompts'] ?? [];
      return { names: list.map(({ name }) => name), next: result['nextCursor'] };
    };
    return { room, ask };
  }

  it('hold everything once, in order', async () => {
    const { ask } = await paged();
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await ask('tools/list', cursor);
      expect(page.names.length).toBeLessThanOrEqual(4);
      seen.push(...page.names);
      cursor = page.next;
    } while (cursor !== undefined);
    expect(seen).toEqual(names.map((name) => `a__${name}`));
  });

  it('are refused for a cursor of another caller, list or version, or one that was changed', async () => {
    const { room, ask } = await paged();
    const { next = '' } = await ask('tools/list');
    const changed = `${next.slice(0, -2)}${next.endsWith('AA') ? 'BB' : 'AA'}`;
    const refused = [ask('tools/list', next, 'mallory'), ask('prompts/list', next), ask('tools/list', changed)];
    for (const cursor of ['', 'AQID', 4, null, {}]) refused.push(ask('tools/list', cursor));
    for (const each of refused) await expect(each).rejects.toMatchObject({ key: 'invalid_params' });
    expect((await ask('tools/list', next)).names).toHaveLength(4);
    await room.refresh('a', source({ tools: () => [tool('new'), ...names.map(tool)] }), ['tools']);
    await expect(ask('tools/list', next)).rejects.toMatchObject({ key: 'invalid_params' });
  });
});
