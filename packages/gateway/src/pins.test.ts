/** Pins and the catalogue together: what comes into force, for whom, and what a call of a tool that is kept back is told. */

import type { JsonObject } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import type { Call } from './call.ts';
import { filled, roomOf, server, setupOf, source, type Setting } from './catalog/testing/rooms.ts';
import type { CatalogRoom, CatalogServer, Source } from './catalog/index.ts';
import { createResolve } from './catalog/resolve.ts';
import { approve } from './pins/approving.ts';
import { NO_LOCK } from './pins/lock.ts';
import { PinsRoom, type PinNews, type PinsMode, type PinStore } from './pins/index.ts';
import { pinStore } from './wiring/pins-state.ts';
import { createMemoryStore } from './store/memory.ts';

const tool = (name: string, more: JsonObject = {}): JsonObject => ({ name, inputSchema: { type: 'object' }, ...more });
const listing = (tools: readonly JsonObject[]): Source => ({
  ...source({}),
  list: async (kind) => (kind === 'tools' ? tools : []),
});

interface Pinned extends Setting {
  readonly pins: PinsRoom;
  readonly news: PinNews[];
  readonly logged: string[];
}

interface Opening {
  readonly mode?: PinsMode;
  readonly store?: PinStore;
  readonly servers?: readonly CatalogServer[];
}

function memory(): PinStore {
  return pinStore(createMemoryStore({ now: () => 0 }));
}

async function open({
  mode = 'warn',
  store = memory(),
  servers = [server('a'), server('b')],
}: Opening = {}): Promise<Pinned> {
  const news: PinNews[] = [];
  const logged: string[] = [];
  const pins = new PinsRoom({
    setup: {
      mode,
      lock: NO_LOCK,
      servers: servers.map(({ name }) => ({ name, target: { kind: 'http', url: `https://${name}.example/` } })),
    },
    store,
    told: (each) => news.push(each),
    log: (level, text) => logged.push(`${level} ${text}`),
    now: () => 0,
  });
  await pins.open();
  return { ...roomOf(setupOf(servers), { pins }), pins, news, logged };
}

const shown = (room: CatalogRoom): unknown[] =>
  [...room.root.catalog.tools.values()].map(({ name, shown: { _meta } }) => [
    name,
    ...(_meta === undefined ? [] : [_meta]),
  ]);

async function call(room: CatalogRoom, name: string): Promise<unknown> {
  const step = createResolve({
    view: () => room.root,
    openTaskId: () => undefined,
    unknown: (_call, error) => Promise.reject(error),
  });
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } };
  const exchange = { endpoint: '/mcp', message, era: 'session' } as never;
  const asked: Call = { exchange };
  return await step(asked, async () => ({ kind: 'value', result: {} })).then(
    () => asked.target?.canonicalId,
    ({ data, key }: { key: string; data: unknown }) => [key, data],
  );
}

const EVIL = tool('read', { description: 'evil' });

describe('a tool that is not as it was pinned', () => {
  it('works in mode warn, and is flagged for clients, the log and the operator', async () => {
    const { news, pins, room } = await open();
    await room.refresh('a', listing([tool('read')]));
    expect(shown(room)).toEqual([['a__read']]);
    await room.refresh('a', listing([EVIL, tool('more')]));
    expect(shown(room)).toEqual([
      ['a__read', { 'sallyport/pin': 'changed' }],
      ['a__more', { 'sallyport/pin': 'new' }],
    ]);
    expect(await call(room, 'a__read')).toBe('a__read');
    expect(news.map(({ tools }) => tools.map(({ changes, id }) => [id, ...changes]))).toEqual([
      [
        ['a__read', 'description'],
        ['a__more', 'came after the first use of the server'],
      ],
    ]);
    expect(pins.notes().join()).toContain('a: read, more: not as pinned, until');
    await room.refresh('a', listing([EVIL, tool('more')]));
    expect(news).toHaveLength(1);
  });

  it('AUT-11 is kept back in quarantine from the moment on that its server lists it, until it is approved', async () => {
    const store = memory();
    const { changes, room, turn, watched, pins } = await open({ mode: 'quarantine', store });
    watched.add('/mcp');
    await room.refresh('a', listing([tool('read'), tool('write')]));
    turn();
    changes.length = 0;
    await room.refresh('a', listing([EVIL, tool('write'), tool('more')]));
    turn();
    expect(shown(room)).toEqual([['a__write']]);
    expect(changes).toEqual(['/mcp tools']);
    expect(room.root.catalog.hidden.map(({ what }) => what)).toEqual(['read', 'more']);
    for (const name of ['a__read', 'a__more']) {
      expect(await call(room, name)).toEqual(['refused', { reason: 'quarantined' }]);
      expect(room.root.catalog.withholds(name, 'a')).toBe(true);
    }
    expect(await call(room, 'a__none')).toEqual(['invalid_params', undefined]);
    // By another process, as a verb does it.
    await approve(store, 'a', (name) => name === 'read');
    await pins.refresh();
    turn();
    expect(shown(room)).toEqual([['a__read'], ['a__write']]);
    expect(room.root.catalog.tools.get('a__read')?.shown['description']).toBe('evil');
    expect(changes).toEqual(['/mcp tools', '/mcp tools']);
    expect(await call(room, 'a__read')).toBe('a__read');
  });

  it('never comes into force before it is judged, whoever looks meanwhile', async () => {
    const held = memory();
    const gate = Promise.withResolvers<void>();
    let isSlow = false;
    const slow: PinStore = { ...held, get: async (key) => (isSlow && (await gate.promise), await held.get(key)) };
    const { room } = await open({ mode: 'quarantine', store: slow });
    await room.refresh('a', listing([tool('read')]));
    isSlow = true;
    const reading = room.refresh('a', listing([EVIL]));
    await new Promise(setImmediate);
    expect(room.root.catalog.tools.get('a__read')?.shown['description']).toBeUndefined();
    gate.resolve();
    await reading;
    expect(shown(room)).toEqual([]);
  });

  it('is what it is to every process, and after a restart', async () => {
    const store = memory();
    const one = await open({ mode: 'quarantine', store });
    await one.room.refresh('a', listing([tool('read')]));
    const two = await open({ mode: 'quarantine', store });
    await two.room.refresh('a', listing([EVIL]));
    expect(shown(two.room)).toEqual([]);
    await one.room.refresh('a', listing([EVIL]));
    expect(shown(one.room)).toEqual([]);
    expect([two.news.length, one.news.length]).toEqual([1, 0]);
  });

  it('is pinned once by two processes at the same time', async () => {
    const store = memory();
    const [one, two] = [await open({ mode: 'quarantine', store }), await open({ mode: 'quarantine', store })];
    await Promise.all([one.room.refresh('a', listing([tool('read')])), two.room.refresh('a', listing([EVIL]))]);
    await Promise.all([one.pins.refresh(), two.pins.refresh()]);
    expect(shown(one.room).length + shown(two.room).length).toBe(1);
    expect(one.news.length + two.news.length).toBe(1);
  });

  it('cannot say of itself that it is approved', async () => {
    const { room } = await open();
    await room.refresh('a', listing([tool('read', { _meta: { 'sallyport/pin': 'approved', own: 1 } })]));
    expect(shown(room)).toEqual([['a__read', { own: 1 }]]);
  });

  it('is what an owner is told otherwise, for that owner alone', async () => {
    const principal = (subject: string): { issuer: string; subject: string; roles: [] } => ({
      issuer: 'i',
      subject,
      roles: [],
    });
    const owner = (subject: string): { key: string; principal: { issuer: string; subject: string } } => ({
      key: JSON.stringify(['i', subject]),
      principal: { issuer: 'i', subject },
    });
    const { room } = await open({ mode: 'quarantine' });
    room.usePersonal(new Set(['a']));
    await room.refreshFor('a', owner('alice'), listing([tool('read')]));
    await room.refreshFor('a', owner('bob'), listing([EVIL]));
    const seen = (subject: string): string[] => [...room.everything(principal(subject)).catalog.tools.keys()];
    expect([seen('alice'), seen('bob')]).toEqual([['a__read'], []]);
  });
});

describe('pins', () => {
  it('OUT-04 keep a tool back that has the name of another server’s, whichever was asked first', async () => {
    const { room, pins } = await open({ mode: 'quarantine' });
    await Promise.all([
      room.refresh('a', listing([tool('read_file')])),
      room.refresh('b', listing([tool('re\u0430dFile'), tool('list'), tool('find_tools')])),
    ]);
    expect(shown(room)).toEqual([['a__read_file'], ['b__list']]);
    expect(pins.notes().join()).toContain('find_tools');
  });

  it('P4-16 believe the annotations that were approved, not those that a server says instead', async () => {
    const store = memory();
    const servers = [server('a', { readOnly: true })];
    const { room, pins } = await open({ store, servers });
    const READ = { annotations: { readOnlyHint: true } };
    await room.refresh('a', listing([tool('read', READ), tool('drop')]));
    await room.refresh('a', listing([tool('read', { ...READ, description: 'x' }), tool('drop', READ)]));
    expect(shown(room)).toEqual([['a__read', { 'sallyport/pin': 'changed' }]]);
    await approve(store, 'a', () => true);
    await pins.refresh();
    expect(shown(room)).toEqual([['a__read'], ['a__drop']]);
  });

  it('are not looked at in mode off', async () => {
    const { room, pins } = await open({ mode: 'off' });
    await room.refresh('a', listing([tool('read')]));
    await room.refresh('a', listing([EVIL]));
    expect([shown(room), pins.table.size, pins.notes()]).toEqual([[['a__read']], 0, []]);
  });

  it.each<[PinsMode, unknown[], string]>([
    ['warn', [['a__read']], 'warn tools could not be held against their pins'],
    ['quarantine', [], ''],
  ])('that cannot be written: mode %s', async (mode, expected, line) => {
    const store = { ...memory(), putIf: () => Promise.reject(new Error('full')) };
    const { logged, room } = await open({ mode, store });
    await room.refresh('a', listing([tool('read')]));
    expect(shown(room)).toEqual(expected);
    expect(logged.join()).toBe(line);
  });

  it('cost a look into a table where all is as it was', async () => {
    const store = memory();
    let reads = 0;
    const { room } = await open({ store: { ...store, get: (key) => (reads++, store.get(key)) } });
    await room.refresh('a', listing([tool('read')]));
    const before = reads;
    for (let n = 0; n < 100; n += 1) await room.refresh('a', listing([tool('read')]));
    expect(reads).toBe(before);
  });

  it('are nothing that a catalogue without them needs', async () => {
    const { room } = await filled(setupOf([server('a')]), { a: { tools: ['x'] } });
    expect(shown(room)).toEqual([['a__x']]);
  });
});
