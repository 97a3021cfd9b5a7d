import type { JsonObject } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import type { CatalogView, Source } from './index.ts';
import { filled, roomOf, server, setupOf, source, stored } from './testing/rooms.ts';

const toolNames = (view: CatalogView): string[] => [...view.catalog.tools.keys()];
const listed = (view: CatalogView): unknown => view.lists.page('tools', 'session', 0, String);

describe('what views share', () => {
  it('is every definition: 10,000 tools in 20 views are 10,000 definitions', async () => {
    const names = Array.from({ length: 500 }, (_, n) => `tool${n}`);
    const servers = Array.from({ length: 20 }, (_, n) => server(`s${n}`, { tags: [`t${n % 2}`] }));
    const views = Object.fromEntries(
      servers.map(({ name }, n) => [name, n % 2 === 0 ? { tags: ['t0'] } : { tools: ['*__tool1*', `${name}__*`] }]),
    );
    const setup = setupOf(servers, { views });
    const { room } = roomOf(setup, stored(setup, new Map(servers.map(({ name }) => [name, { tools: names }]))));
    await room.open();
    const entries = new Set<unknown>();
    const definitions = new Set<unknown>();
    let shown = 0;
    for (const view of [room.root, ...servers.map(({ name }) => room.view(`/mcp/v/${name}`))]) {
      for (const entry of view.catalog.tools.values()) {
        shown++;
        entries.add(entry);
        definitions.add(entry.shown);
      }
    }
    expect(shown).toBeGreaterThan(80_000);
    expect([entries.size, definitions.size]).toEqual([10_000, 10_000]);
    // Alone, a server has names of its own: those are the server's definitions as they are.
    for (const { name } of servers) {
      for (const { shown: own } of room.view(`/mcp/s/${name}`).catalog.tools.values()) definitions.add(own);
    }
    expect(definitions.size).toBe(20_000);
    expect(room.snapshot('s0')?.tools[0]).toBe(room.view('/mcp/s/s0').catalog.tools.get('tool0')?.shown);
  });

  it('is the whole list where nothing is left out', async () => {
    const { room } = await filled(setupOf([server('a'), server('b')], { views: { all: {} } }), { a: { tools: ['x'] } });
    expect(room.view('/mcp/v/all').catalog.tools).toBe(room.root.catalog.tools);
  });

  it('stays the same object when something else changes', async () => {
    const { room } = await filled(setupOf([server('a'), server('b')]), { a: { tools: ['x'] }, b: { tools: ['y'] } });
    const [page, tools] = [listed(room.root), room.root.catalog.tools];
    const entry = tools.get('a__x');
    await room.refresh('b', source({ tools: ['y'], prompts: ['p'] }));
    expect(room.root.catalog.tools).toBe(tools);
    expect(listed(room.root)).toBe(page);
    await room.refresh('b', source({ tools: ['z'], prompts: ['p'] }));
    expect(room.root.catalog.tools).not.toBe(tools);
    expect(room.root.catalog.tools.get('a__x')).toBe(entry);
    expect(listed(room.root)).not.toBe(page);
  });
});

describe('views that are made when they are asked for', () => {
  it('are made again after many others, and those of the configuration stay', async () => {
    const { room } = await filled(setupOf([server('a')], { views: { v: {} } }), { a: { tools: ['x'] } });
    const [first, lasting] = [room.view('/mcp/s/a'), room.view('/mcp/v/v')];
    const often = room.view('/mcp?tags=often');
    for (let n = 0; n < 64; n++) {
      room.view(`/mcp?tags=${n}`);
      expect(room.view('/mcp?tags=often')).toBe(often);
    }
    expect(room.view('/mcp/s/a')).not.toBe(first);
    expect(toolNames(room.view('/mcp/s/a'))).toEqual(['x']);
    // One that somebody still holds goes on.
    await room.refresh('a', source({ tools: ['x', 'y'] }));
    expect(toolNames(first)).toEqual(['x', 'y']);
    expect(room.view('/mcp/v/v')).toBe(lasting);
    expect(room.view('stdio')).toBe(room.root);
  });
});

describe('changes', () => {
  const servers = [server('a', { tags: ['t'] }), server('b')];

  it('are told once a turn, to the endpoints that are watched and look different', async () => {
    const { room, watched, changes, turn } = await filled(setupOf(servers, { views: { v: { servers: ['b'] } } }), {});
    for (const endpoint of ['/mcp', 'stdio', '/mcp/s/a', '/mcp/v/v', '/mcp?tools=a__x']) watched.add(endpoint);
    await room.refresh('a', source({ tools: ['x'], prompts: ['p'] }));
    await room.refresh('a', source({ tools: ['x', 'y'], prompts: ['p'] }));
    turn();
    expect(changes.splice(0)).toEqual([
      '/mcp tools prompts',
      'stdio tools prompts',
      '/mcp/s/a tools prompts',
      '/mcp?tools=a__x tools prompts',
    ]);
    await room.refresh('a', source({ tools: ['y', 'x'], prompts: ['p'] }));
    await room.refresh('b', source({ tools: ['z'] }));
    turn();
    expect(changes.splice(0)).toEqual(['/mcp tools', 'stdio tools', '/mcp/s/a tools', '/mcp/v/v tools']);
    await room.refresh('b', source({ tools: ['z'] }));
    turn();
    expect(changes).toEqual([]);
  });

  it('of owners are told also where the list looks the same', async () => {
    const { room, watched, changes, turn } = await filled(setupOf(servers), {
      a: { resources: ['x:1'] },
      b: { resources: ['x:1'] },
    });
    watched.add('/mcp');
    expect(room.root.ownerOf('x:1')).toBe('a');
    await room.refresh('a', source({}));
    turn();
    expect(changes).toEqual(['/mcp owners']);
    expect(room.root.ownerOf('x:1')).toBe('b');
  });

  it('cost nothing where nobody watches', async () => {
    const { room, changes, turn } = await filled(setupOf(servers), {});
    let read = 0;
    const watchful: JsonObject = { inputSchema: {}, toJSON: () => ({ name: 'x' }) } as never;
    Object.defineProperty(watchful, 'name', { enumerable: true, get: () => (read++, 'x') });
    await room.refresh('a', { ...source({}), list: async (kind) => (kind === 'tools' ? [watchful] : []) });
    const pinned = read;
    turn();
    expect([changes, read - pinned]).toEqual([[], 0]);
    expect(toolNames(room.root)).toEqual(['a__x']);
    expect(read).toBeGreaterThan(pinned);
  });
});

describe('another configuration', () => {
  const offers = { a: { tools: ['x'], resources: ['r:1'] }, b: { tools: ['y'] } };
  const setup = setupOf([server('a'), server('b')], { views: { v: { servers: ['a'] }, w: {} } });

  it('keeps what is known of a server that is the same, under its new rules', async () => {
    const { room } = await filled(setup, offers);
    const known = room.snapshot('a');
    expect(toolNames(room.root)).toEqual(['a__x', 'b__y']);
    const tools = { deny: [], rename: { x: 'z' }, describe: {}, arguments: {} };
    room.replace(setupOf([server('a', { tools }), server('c')]));
    expect(room.snapshot('a')).toBe(known);
    expect(toolNames(room.root)).toEqual(['a__z']);
    expect(room.root.missing()).toEqual([{ server: 'c', reason: 'It has not answered yet.' }]);
  });

  it('forgets one that is gone or another, loads what the store has, and reads the new one when asked', async () => {
    const store = new Map<string, unknown>();
    const { room } = await filled(setup, offers, {
      deadlineMs: () => 60_000,
      load: async (name) => store.get(name),
      save: async (name, snapshot) => void store.set(name, structuredClone(snapshot)),
      start: async () => source({ tools: ['new'] }),
    });
    const other = server('a', { fingerprint: 'another' });
    room.replace(setupOf([other]));
    expect([room.snapshot('a'), room.snapshot('b')]).toEqual([undefined, undefined]);
    await room.root.ready();
    expect(toolNames(room.root)).toEqual(['a__new']);
    room.replace(setupOf([other, server('b')]));
    await new Promise(setImmediate);
    expect(toolNames(room.root)).toEqual(['a__new', 'b__y']);
  });

  it('does not take what a program says that is not used any more', async () => {
    const { room } = await filled(setup, offers);
    const gate = Promise.withResolvers<JsonObject[]>();
    const slow: Source = { ...source({}), list: (kind) => (kind === 'tools' ? gate.promise : Promise.resolve([])) };
    const reading = room.refresh('a', slow);
    room.replace(setupOf([server('a', { fingerprint: 'another' })]));
    await room.refresh('a', source({ tools: ['fresh'] }));
    gate.resolve([{ name: 'stale', inputSchema: {} }]);
    await reading;
    expect(toolNames(room.root)).toEqual(['a__fresh']);
  });

  it('says which endpoints and servers are gone, and shows nothing there', async () => {
    const { room, watched } = await filled(setup, offers);
    const kept = ['/mcp', '/mcp/s/a', '/mcp?tools=b__*', '/mcp/v/w'];
    const lost = ['/mcp/s/b', '/mcp?servers=a,b', '/mcp/v/v', '/mcp/v/v?tools=x', '/mcp/v/w?servers=b'];
    for (const endpoint of [...kept, ...lost, '/mcp/s/never']) watched.add(endpoint);
    const held = room.view('/mcp/v/v');
    expect(room.place('/mcp', 'servers=a,b')).toEqual({ name: '/mcp?servers=a,b' });
    const next = setupOf([server('a')], { views: { w: { tags: ['t'] } } });
    const { gone, removed } = room.replace(next);
    expect(gone.toSorted()).toEqual(lost.toSorted());
    expect([...removed]).toEqual(['b']);
    expect(toolNames(held)).toEqual([]);
    expect(toolNames(room.view('/mcp/v/v'))).toEqual([]);
    expect(held.ownerOf('r:1')).toBeUndefined();
    expect([room.place('/mcp/v/v', ''), room.place('/mcp', 'servers=a,b')]).toEqual(['unknown', 'unknown']);
    expect(room.place('/mcp', 'servers=a')).toEqual({ name: '/mcp?servers=a' });
  });

  it('is told where something looks different, or belongs to another', async () => {
    const { room, watched, changes, turn } = await filled(setup, offers);
    for (const endpoint of ['/mcp', '/mcp/s/a', '/mcp/v/v', '/mcp/v/w']) watched.add(endpoint);
    const views = { v: { servers: ['a'] }, w: { servers: ['b'] } };
    room.replace(setupOf([server('a'), server('b')], { views }));
    turn();
    expect(changes).toEqual(['/mcp owners', '/mcp/s/a owners', '/mcp/v/v owners', '/mcp/v/w tools resources owners']);
  });

  it('is used also when the store cannot be read', async () => {
    const logged: string[] = [];
    const { room } = await filled(setup, offers, {
      load: () => Promise.reject(new Error('disk')),
      log: (_level, text) => logged.push(text),
    });
    room.replace(setupOf([server('a'), server('c')]));
    await new Promise(setImmediate);
    expect(logged).toEqual(['stored catalogues could not be read']);
    await room.refresh('c', source({ tools: ['z'] }));
    expect(toolNames(room.root)).toEqual(['a__x', 'c__z']);
  });

  it('prefers what a server says to what the store has of it', async () => {
    const gate = Promise.withResolvers<void>();
    const { load } = stored(setup, new Map([['a', { tools: ['old'] }]]));
    const { room } = roomOf(setup, { load: (name) => gate.promise.then(() => load(name)) });
    const opened = room.open();
    await room.refresh('a', source({ tools: ['said'] }));
    gate.resolve();
    await opened;
    expect(toolNames(room.root)).toEqual(['a__said']);
  });

  it('ends the wait for servers that are gone', async () => {
    const never = { deadlineMs: () => 60_000, start: () => new Promise<never>(() => undefined) };
    const { room } = roomOf(setup, never);
    const waiting = room.root.ready();
    room.replace(setupOf([]));
    await waiting;
    expect(room.root.missing()).toEqual([]);
  });
});
