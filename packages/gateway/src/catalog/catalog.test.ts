import type { JsonObject } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import {
  CatalogRoom,
  type CatalogChange,
  type CatalogOptions,
  type CatalogServer,
  type ListKind,
  type Setup,
  type Source,
} from './index.ts';
import { DISCOVERY, NO_PINS, NO_RECORDS } from './testing/rooms.ts';

function server(name: string, more: Partial<CatalogServer> = {}): CatalogServer {
  return {
    name,
    fingerprint: `print of ${name}`,
    features: { tools: true, resources: true, prompts: true },
    tools: { deny: [], rename: {}, describe: {}, arguments: {} },
    readOnly: false,
    tags: [],
    overHttp: false,
    ...more,
  };
}

const tool = (name: string): JsonObject => ({ name, inputSchema: {} });

type Offer = Partial<Record<ListKind, () => Promise<JsonObject[]> | JsonObject[]>>;

function source(offer: Offer, more: Partial<Source> = {}): Source {
  return {
    capabilities: { tools: {}, prompts: {}, resources: {} },
    info: {},
    instructions: undefined,
    list: async (kind) => (await offer[kind]?.()) ?? [],
    ...more,
  };
}

interface Setting {
  readonly room: CatalogRoom;
  /** What was told, as `endpoint: kinds`. */
  readonly changes: string[];
  readonly saved: Map<string, unknown>;
  /** Ends the turn: what changed in it is told. */
  readonly turn: () => void;
}

type Tell = (vantage: { readonly endpoint: string }, change: CatalogChange) => void;

function setup(servers: readonly CatalogServer[], more: Partial<Setup> = {}): Setup {
  return { servers, naming: { mode: 'prefixed', maxLength: 48 }, views: {}, discovery: DISCOVERY, ...more };
}

function setting(servers: readonly CatalogServer[], more: Partial<CatalogOptions> = {}): Setting {
  const changes: string[] = [];
  const saved = new Map<string, unknown>();
  const told: Tell = ({ endpoint }, { kinds }) => changes.push(`${endpoint}: ${[...kinds].join(' ')}`);
  const scheduled: (() => void)[] = [];
  const room = new CatalogRoom({
    setup: setup(servers),
    roots: ['/mcp', 'stdio'],
    watched: () => [{ endpoint: '/mcp', audience: undefined }],
    info: {},
    deadlineMs: () => 20,
    load: async (name) => saved.get(name),
    save: async (name, snapshot) => void saved.set(name, structuredClone(snapshot)),
    drop: async (name) => void saved.delete(name),
    owned: NO_RECORDS,
    pins: NO_PINS,
    start: () => new Promise(() => undefined),
    problem: () => undefined,
    onChanged: told,
    schedule: (tell) => scheduled.push(tell),
    log: () => undefined,
    now: () => 0,
    ...more,
  });
  const turn = (): void => {
    for (const tell of scheduled.splice(0)) tell();
  };
  return { room, changes, saved, turn };
}

const toolNames = (room: CatalogRoom): string[] => [...room.root.catalog.tools.keys()];
const never = <T>(): Promise<T> => new Promise(() => undefined);

describe('waiting for servers', () => {
  it('ends at the deadline, which is that of the start and not of each list', async () => {
    let nowMs = 0;
    const { room } = setting([server('slow')], { now: () => nowMs });
    await room.root.ready();
    expect(room.root.missing()).toEqual([{ server: 'slow', reason: 'It has not answered yet.' }]);
    nowMs = 20;
    let waited = true;
    void room.root.ready().then(() => (waited = false));
    await Promise.resolve();
    await Promise.resolve();
    expect(waited).toBe(false);
  });

  it('ends when the lists that are wanted have come, though others have not', async () => {
    const { room } = setting([server('a')], {
      deadlineMs: () => 60_000,
      start: async () => source({ tools: () => [tool('x')], prompts: never }),
    });
    await room.root.ready(['tools']);
    expect(toolNames(room)).toEqual(['a__x']);
    expect(room.root.missing()).toEqual([{ server: 'a', reason: 'It has not given its list of prompts.' }]);
    // A list says what it lacks itself, not what others lack.
    const text = (kind: ListKind): string => JSON.stringify(room.root.lists.page(kind, 'session', 0, String));
    const said = Buffer.from('sallyport/missing').toJSON().data.join(',');
    expect([text('tools').includes(said), text('prompts').includes(said)]).toEqual([false, true]);
  });

  it('ends at once for a server that cannot be started, and leaves the others alone', async () => {
    const { room } = setting([server('bad'), server('good')], {
      deadlineMs: () => 60_000,
      problem: (name) => `${name} is down`,
      start: (name) =>
        name === 'bad' ? Promise.reject(new Error('no')) : Promise.resolve(source({ tools: () => [tool('x')] })),
    });
    await room.root.ready();
    expect(toolNames(room)).toEqual(['good__x']);
    expect(room.root.missing()).toEqual([{ server: 'bad', reason: 'bad is down' }]);
  });

  it('asks again, after a while, for a list that could not be read', async () => {
    let nowMs = 0;
    let reads = 0;
    const failing = source({
      tools: () => {
        if (++reads === 1) throw new Error('busy');
        return [tool('x')];
      },
    });
    const { room } = setting([server('a')], { deadlineMs: () => 60_000, now: () => nowMs, start: async () => failing });
    await room.root.ready();
    expect(room.root.missing()).toEqual([{ server: 'a', reason: 'It has not given its list of tools.' }]);
    await room.root.ready();
    expect(reads).toBe(1);
    nowMs = 5000;
    await room.root.ready();
    expect(toolNames(room)).toEqual(['a__x']);
    expect(room.root.missing()).toEqual([]);
  });
});

describe('refreshing', () => {
  it('tells of lists that look different, and of no others, once a turn', async () => {
    const offer = [tool('x'), tool('secret')];
    const deny = { tools: { deny: ['secret*'], rename: {}, describe: {}, arguments: {} } };
    const { room, changes, turn } = setting([server('a', deny)]);
    const read = (): Promise<void> => room.refresh('a', source({ tools: () => [...offer] }));
    await read();
    expect(changes).toEqual([]);
    turn();
    expect(changes).toEqual(['/mcp: tools']);
    await read();
    offer.push(tool('secret2'));
    await read();
    turn();
    expect(changes).toHaveLength(1);
    offer.push(tool('y'));
    await read();
    // That somebody asks meanwhile changes nothing for those who wait to be told.
    expect(toolNames(room)).toEqual(['a__x', 'a__y']);
    offer.push(tool('z'));
    await read();
    turn();
    expect(changes).toEqual(['/mcp: tools', '/mcp: tools']);
    offer.pop();
    await read();
    offer.push(tool('z'));
    await read();
    turn();
    expect(changes).toHaveLength(2);
    offer.pop();
    await read();
    // Whoever asked meanwhile has seen something else than before and after.
    expect(toolNames(room)).toEqual(['a__x', 'a__y']);
    offer.push(tool('z'));
    await read();
    turn();
    expect(changes).toHaveLength(3);
  });

  it('reads once more, not a hundred times, for a hundred changes meanwhile', async () => {
    let reads = 0;
    const gate = Promise.withResolvers<void>();
    const slow = source({
      tools: async () => {
        reads++;
        await gate.promise;
        return [tool(`x${reads}`)];
      },
    });
    const { room } = setting([server('a')]);
    const all = Array.from({ length: 100 }, () => room.refresh('a', slow, ['tools']));
    gate.resolve();
    await Promise.all(all);
    expect(reads).toBe(2);
    expect(toolNames(room)).toEqual(['a__x2']);
  });

  it('keeps what was known when a list cannot be read, and when it cannot be saved', async () => {
    const { room } = setting([server('a')], { save: () => Promise.reject(new Error('disk full')) });
    await room.refresh('a', source({ tools: () => [tool('x')] }));
    await room.refresh('a', source({ tools: () => Promise.reject(new Error('busy')) }));
    expect(toolNames(room)).toEqual(['a__x']);
  });
});

describe('what is kept', () => {
  it('is saved again only when something of it has changed', async () => {
    const saves: string[] = [];
    const { room } = setting([server('a')], { save: async (name) => void saves.push(name) });
    const offer = { tools: () => [tool('x')] };
    await room.refresh('a', source(offer));
    await room.refresh('a', source(offer));
    expect(saves).toHaveLength(1);
    await room.refresh('a', source(offer, { instructions: 'New.' }));
    await room.refresh('a', source({ tools: () => [tool('y')] }, { instructions: 'New.' }), ['tools']);
    expect(saves).toHaveLength(3);
  });

  it('is the same bytes after a restart, in configuration order whoever answers first', async () => {
    const servers = [server('b'), server('a')];
    const { room, saved } = setting(servers);
    await room.refresh('a', source({ tools: () => [tool('z'), tool('y')] }));
    await room.refresh('b', source({ tools: () => [tool('x')] }));
    const bytes = (each: CatalogRoom): string => JSON.stringify(each.root.lists.page('tools', 'session', 0, String));
    const again = setting(servers, { load: async (name) => saved.get(name) }).room;
    await again.open();
    expect(toolNames(again)).toEqual(['b__x', 'a__z', 'a__y']);
    expect(bytes(again)).toBe(bytes(room));
    expect(again.root.lists.version).toBe(room.root.lists.version);
    expect(again.root.missing()).toEqual([]);
  });

  it.each([
    ['another fingerprint', { fingerprint: 'other' }],
    ['no object', null],
  ])('is not used with %s', async (_what, change) => {
    const { room, saved } = setting([server('a')]);
    await room.refresh('a', source({ tools: () => [tool('x')] }));
    const kept = change === null ? 'garbage' : { ...(saved.get('a') as object), ...change };
    const again = setting([server('a')], { load: async () => kept }).room;
    await again.open();
    expect(toolNames(again)).toEqual([]);
    expect(again.root.missing()).toHaveLength(1);
  });
});

describe('capabilities', () => {
  it('are declared in full until every server has answered, then what any of them can', async () => {
    const { room } = setting([
      server('a'),
      server('b', { features: { tools: true, resources: true, prompts: false } }),
    ]);
    expect(room.root.capabilities()).toMatchObject({
      tools: { listChanged: true },
      resources: { subscribe: true },
      completions: {},
    });
    await room.refresh(
      'a',
      source({}, { capabilities: { tools: { listChanged: false }, resources: { subscribe: false } } }),
    );
    const capabilities = { resources: { subscribe: true }, prompts: {}, vendor: { a: 1 } };
    await room.refresh('b', source({}, { capabilities }));
    expect(room.root.capabilities()).toEqual({
      tools: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
      vendor: { a: 1 },
    });
  });
});

describe('instructions', () => {
  it('are the beginnings of those that there are, whole characters', async () => {
    const { room } = setting([server('a'), server('b'), server('c')]);
    expect(room.root.instructions()).toBeUndefined();
    await room.refresh('b', source({}, { instructions: '  Use me.\n' }));
    await room.refresh('a', source({}, { instructions: `${'x'.repeat(198)}😀 and more` }));
    await room.refresh('c', source({}, { instructions: ' ' }));
    expect(room.root.instructions()).toBe(`a: ${'x'.repeat(198)}…\nb: Use me.`);
  });
});
