import { array, assert, asyncProperty, constantFrom, option, record } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CatalogView, ViewRules } from './index.ts';
import { DISCOVERY, filled, roomOf, stored, server, setupOf, type Offer } from './testing/rooms.ts';

const toolNames = (view: CatalogView): string[] => [...view.catalog.tools.keys()];
const listed = (view: CatalogView, kind: 'tools' | 'resources' = 'tools'): string => {
  const answer = view.lists.page(kind, 'session', 0, String);
  return answer.kind === 'result' ? answer.after.toString() : '';
};

const OFFERS: Readonly<Record<string, Offer>> = {
  files: {
    tools: ['read_file', 'read_dir', 'write_file'],
    prompts: ['explain'],
    resources: ['file:///same', 'file:///own'],
    templates: ['file:///{path}'],
    said: { instructions: 'Files are here.', capabilities: { tools: {}, resources: { subscribe: true } } },
  },
  git: {
    tools: ['log', 'commit'],
    prompts: ['review'],
    resources: ['file:///same'],
    templates: ['file:///{path}', 'git://{hash}'],
    said: { instructions: 'Git is here.', capabilities: { tools: {}, prompts: {}, resources: {}, vendor: {} } },
  },
  web: { tools: ['fetch', 'read_page'], prompts: [], said: { capabilities: { tools: {} } } },
};

const SERVERS = [
  server('files', { tags: ['local', 'safe'] }),
  server('git', { tags: ['local'] }),
  server('web', { tags: ['remote'] }),
];

describe('one server alone', () => {
  it('has its own names, and its renaming and hiding', async () => {
    const rules = { deny: ['write_*'], rename: { read_dir: 'ls' }, describe: {}, arguments: {} };
    const { room } = await filled(setupOf([server('files', { tools: rules }), server('git')]), OFFERS);
    const view = room.view('/mcp/s/files');
    expect(toolNames(view)).toEqual(['read_file', 'ls']);
    expect(view.catalog.tools.get('ls')).toMatchObject({ id: 'files__read_dir', original: 'read_dir' });
    expect([...view.catalog.prompts.keys()]).toEqual(['explain']);
    expect(listed(view)).toContain('"name":"read_file"');
    expect(view.servers).toEqual(['files']);
  });

  it('owns every URI, also one that another has at the root or that it does not list', async () => {
    const { room } = await filled(setupOf(SERVERS), OFFERS);
    const owners = ['file:///same', 'file:///x', 'git://1', 'other:x'].map((uri) => [
      room.root.ownerOf(uri),
      room.view('/mcp/s/git').ownerOf(uri),
    ]);
    expect(owners).toEqual([
      ['files', 'git'],
      ['files', 'git'],
      ['git', 'git'],
      [undefined, 'git'],
    ]);
    expect([...room.view('/mcp/s/git').catalog.resources.keys()]).toEqual(['file:///same']);
    expect([...room.view('/mcp/s/git').catalog.templates.keys()]).toEqual(['file:///{path}', 'git://{hash}']);
  });

  it('owns no URI when its resources are switched off', async () => {
    const off = { features: { tools: true, prompts: true, resources: false } };
    const { room } = await filled(setupOf([server('files', off)]), OFFERS);
    expect(room.view('/mcp/s/files').ownerOf('file:///own')).toBeUndefined();
  });

  it('shows what lost its plain name at the root', async () => {
    const setup = setupOf([server('a'), server('b')], { naming: { mode: 'plain', maxLength: 48 } });
    const { room } = await filled(setup, { a: { tools: ['x'] }, b: { tools: ['x', 'y'] } });
    expect(toolNames(room.root)).toEqual(['x', 'y']);
    expect(room.root.catalog.withholds('b__x', 'b')).toBe(true);
    expect(room.view('/mcp/s/b').catalog.tools.get('x')?.id).toBe('b__x');
    expect(room.view('/mcp/s/b').catalog.withholds('b__x', 'b')).toBe(false);
    // A view has the names of the root: there, x is another's.
    expect(toolNames(room.view('/mcp?servers=b'))).toEqual(['y']);
  });

  it('declares and says what that server does', async () => {
    const { room } = await filled(setupOf(SERVERS), OFFERS);
    expect(room.view('/mcp/s/web').capabilities()).toEqual({ tools: { listChanged: true } });
    expect(room.view('/mcp/s/git').instructions()).toBe('Git is here.');
    expect(room.view('/mcp?servers=git').instructions()).toBe('git: Git is here.');
    expect(room.root.capabilities()).toHaveProperty('vendor');
    expect(room.view('/mcp?servers=files').capabilities()).not.toHaveProperty('vendor');
  });
});

describe('views', () => {
  const all = ['files', 'git', 'web'];

  it.each<[ViewRules, string[], number]>([
    [{}, all, 7],
    [{ servers: ['git'] }, ['git'], 2],
    [{ servers: ['*i*'] }, ['files', 'git'], 5],
    [{ tags: ['local'] }, ['files', 'git'], 5],
    [{ servers: ['web'], tags: ['safe'] }, ['files', 'web'], 5],
    [{ tools: ['files__read_*'] }, ['files'], 2],
    [{ tools: ['*__read_*'] }, all, 3],
    [{ servers: ['git'], tools: ['files__*', 'git__log'] }, ['git'], 1],
    [{ servers: [] }, [], 0],
    [{ servers: [], tags: [] }, [], 0],
    [{ servers: ['git'], tools: [] }, ['git'], 0],
    [{ tools: [] }, [], 0],
    [{ servers: ['unknown'] }, [], 0],
  ])('%j has the servers %j', async (rules, servers, tools) => {
    const { room } = await filled(setupOf(SERVERS, { views: { v: rules } }), OFFERS);
    const view = room.view('/mcp/v/v');
    expect(view.servers).toEqual(servers);
    expect(toolNames(view)).toHaveLength(tools);
    for (const name of toolNames(view)) expect(view.catalog.tools.get(name)).toBe(room.root.catalog.tools.get(name));
    expect([...view.catalog.prompts.values()].every((entry) => servers.includes(entry.server))).toBe(true);
    expect(view.catalog.prompts.size).toBe(servers.filter((name) => name !== 'web').length);
  });

  it.each([
    ['/mcp?servers=files,git&tags=local', ['files', 'git'], 5],
    ['/mcp?servers=files,web&tags=local', ['files'], 3],
    ['/mcp?servers=*i*', ['files', 'git'], 5],
    ['/mcp?tools=git__log,web__*', ['git', 'web'], 3],
    ['/mcp?servers=git&tools=web__*', ['git'], 0],
    ['/mcp?tags=nothing', [], 0],
    ['/mcp/v/local?servers=web', [], 0],
    ['/mcp/v/local?tags=safe', ['files'], 2],
    ['/mcp/v/local?tools=*file', ['files', 'git'], 1],
    ['/mcp/s/git?servers=files', [], 0],
    ['/mcp/s/git?tools=git__log', ['git'], 1],
    ['stdio', all, 7],
    ['stdio?servers=web', ['web'], 2],
    ['/mcp/s/unknown', [], 0],
    ['/mcp/v/unknown', [], 0],
    ['anything', [], 0],
  ])('%s has the servers %j', async (endpoint, servers, tools) => {
    const views = { local: { tags: ['local'], tools: ['files__read_*', 'git__*'] } };
    const { room } = await filled(setupOf(SERVERS, { views }), OFFERS);
    expect(room.view(endpoint).servers).toEqual(servers);
    expect(toolNames(room.view(endpoint))).toHaveLength(tools);
  });

  it('withhold the tools that they leave out, by whatever method', async () => {
    const { room } = await filled(setupOf(SERVERS, { views: { r: { tools: ['files__read_*'] } } }), OFFERS);
    const { catalog } = room.view('/mcp/v/r');
    expect([catalog.withholds('files__read_file', 'files'), catalog.withholds('files__write_file', 'files')]).toEqual([
      false,
      true,
    ]);
  });

  it('give a URI to the first of their own servers', async () => {
    const { room } = await filled(setupOf(SERVERS, { views: { v: { servers: ['git', 'web'] } } }), OFFERS);
    expect(room.view('/mcp/v/v').ownerOf('file:///same')).toBe('git');
    expect(listed(room.view('/mcp/v/v'), 'resources')).toContain('file:///same');
    expect(room.view('/mcp/v/v').ownerOf('file:///own')).toBe('git');
    expect(room.view('/mcp/v/v').ownerOf('none:x')).toBeUndefined();
  });

  it('say what is missing of their own servers alone, and start no others', async () => {
    const started: string[] = [];
    const { room } = await filled(
      setupOf(SERVERS),
      {},
      {
        deadlineMs: () => 60_000,
        start: async (name) => {
          started.push(name);
          throw new Error('down');
        },
      },
    );
    const view = room.view('/mcp?servers=git');
    await view.ready(['tools']);
    expect(started).toEqual(['git']);
    expect(view.missing(['tools'])).toEqual([{ server: 'git', reason: 'It has not answered yet.' }]);
    expect(listed(view)).not.toContain('web');
    expect(listed(room.root)).toContain('web');
  });

  it('never widen by narrowing', () => {
    const glob = constantFrom('*', 'a__*', '*__x', 'b__y', 'c*', '*');
    const names = array(constantFrom('a', 'b', 'c', '*', 'a*'), { maxLength: 3 });
    const tags = array(constantFrom('t', 'u'), { maxLength: 2 });
    const tools = array(glob, { maxLength: 2 });
    const rules = record({ servers: option(names), tags: option(tags), tools: option(tools) });
    const servers = ['a', 'b', 'c'].map((name, n) => server(name, { tags: n === 0 ? ['t'] : ['t', 'u'] }));
    const offer = { tools: ['x', 'y'], prompts: ['p'], resources: ['r:1'], templates: ['r:{x}'] };
    const shownBy = ({ catalog }: CatalogView): string[] => [
      ...catalog.tools.keys(),
      ...[...catalog.prompts.keys()].map((name) => `prompt ${name}`),
      ...catalog.resources.keys(),
      ...catalog.templates.keys(),
    ];
    return assert(
      asyncProperty(
        rules,
        record({ servers: names, tags, tools }),
        constantFrom('/mcp', '/mcp/s/b', '/mcp/v/v'),
        async (given, narrow, path) => {
          const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
          const offers = new Map(servers.map(({ name }) => [name, offer]));
          const setup = setupOf(servers, { views: { v: present } });
          const { room } = roomOf(setup, stored(setup, offers));
          await room.open();
          const query = Object.entries(narrow)
            .map(([key, list]) => `${key}=${list.join(',')}`)
            .join('&');
          const placed = room.place(path, query);
          if (typeof placed === 'string' || 'problem' in placed) throw new Error(`${path}?${query} has no place`);
          const [wide, narrowed] = [room.view(path), room.view(placed.name)];
          expect(wide.servers).toEqual(expect.arrayContaining([...narrowed.servers]));
          expect(shownBy(wide)).toEqual(expect.arrayContaining(shownBy(narrowed)));
          expect(shownBy(room.view('/mcp')).length).toBeGreaterThanOrEqual(
            path === '/mcp/s/b' ? 0 : shownBy(wide).length,
          );
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('instructions', () => {
  it('are not more than the tools that are shown in their place', async () => {
    const names = Array.from({ length: 30 }, (_, at) => `s${at}`);
    const offers = Object.fromEntries(names.map((name) => [name, { said: { instructions: 'x'.repeat(500) } }]));
    const said = async (mode: 'full' | 'search'): Promise<string> => {
      const discovery = { ...DISCOVERY, mode };
      const { room } = await filled(
        setupOf(
          names.map((name) => server(name)),
          { discovery },
        ),
        offers,
      );
      return room.view('/mcp').instructions() ?? '';
    };
    expect((await said('full')).length).toBeGreaterThan(6000);
    const short = await said('search');
    expect(short.length).toBeLessThan(2100);
    expect(short).toMatch(/^s0: x+…\ns1: /);
  });
});
