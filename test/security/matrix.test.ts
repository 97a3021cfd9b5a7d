/**
 * Five roles and twenty tools, with prompts, resources and templates, through a whole gateway and by every way in: who sees
 * what, who may call it, and that what is not seen is unknown byte for byte.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type Started } from '../gateway/gateway.ts';
import { serveRaw, type RawHttp } from '../gateway/raw-http.ts';
import type { Incoming, Wire } from '../gateway/raw-server.ts';
import { openCaller, plain, WAYS, type Caller, type Way } from './callers.ts';
import { bearer, randomKey, told } from './support.ts';

const READS = { readOnlyHint: true };
const DESTROYS = { destructiveHint: true };

/** Tool, its annotations, and for admin, developer, viewer, ops and nobody: allow, ask, deny (seen, refused), - (unknown). */
const TOOLS: readonly (readonly [string, object | undefined, string])[] = [
  ['files__read', READS, '      allow allow allow allow -'],
  ['files__write', undefined, ' allow allow -     -     -'],
  ['files__delete', DESTROYS, ' allow ask   -     -     -'],
  ['files__odd', { ...READS, ...DESTROYS }, 'allow ask - - -'],
  ['files__list', READS, '      allow allow allow allow -'],
  ['files__move', { readOnlyHint: false }, 'allow allow - - -'],
  ['files__send', undefined, '  allow allow -     deny  -'],
  ['files__purge', DESTROYS, '  -     -     -     -     -'],
  ['files__folders', READS, '   allow allow allow -     allow'],
  ['files__force_it', DESTROYS, '-    -     -     -     -'],
  ['files__log', READS, '       allow allow allow -     -'],
  ['files__tag', { destructiveHint: false }, 'allow allow - - -'],
  ['shop__order', undefined, '  ask   ask   ask   ask   -'],
  ['shop__refund', DESTROYS, '  allow ask   -     allow -'],
  ['shop__find', READS, '       allow allow allow allow -'],
  ['shop__audit', READS, '      allow allow allow allow -'],
  ['shop__pay', undefined, '    allow allow -     allow -'],
  ['shop__cancel', DESTROYS, '  allow ask   -     allow -'],
  ['shop__ship', undefined, '   allow allow -     allow -'],
  ['shop__stock', READS, '      allow allow allow allow -'],
];

const OTHERS: readonly (readonly ['prompt' | 'resource' | 'template', string, string])[] = [
  ['prompt', 'files__review', 'allow allow allow - -'],
  ['prompt', 'files__answer', '- - - - -'],
  ['prompt', 'shop__offer', 'allow allow allow allow -'],
  ['resource', 'file:///public/a', 'allow allow allow allow allow'],
  ['resource', 'file:///secret/a', '- - - - -'],
  ['resource', 'file:///home/a', 'allow allow allow - -'],
  ['template', 'file:///public/{x}', 'allow allow allow allow allow'],
  ['template', 'file:///secret/{x}', '- - - - -'],
];

const ROLES = ['admin', 'developer', 'viewer', 'ops', 'nobody'] as const;
type Role = (typeof ROLES)[number];

const RULES = [
  { effect: 'allow', roles: ['ops'], servers: ['shop'] },
  { effect: 'allow', roles: ['ops'], tools: ['files__read', 'files__list'] },
  { effect: 'allow', roles: ['ops'], tools: ['files__send'], when: 'arguments.to == "me"' },
  { effect: 'ask', principals: ['admin', 'developer', 'viewer', 'ops'], tools: ['shop__order'] },
  {
    effect: 'deny',
    tools: ['*__force_*', 'files__purge'],
    prompts: ['files__answer'],
    resources: ['file:///secret/*'],
  },
  { effect: 'allow', principals: ['nobody'], tools: ['files__folders'] },
  { effect: 'allow', servers: ['files'], resources: ['file:///public/*'] },
];

const keys = Object.fromEntries(ROLES.map((role) => [role, randomKey()])) as Record<Role, string>;
const cell = (cells: string, role: Role): string => cells.trim().split(/\s+/)[ROLES.indexOf(role)] as string;
const visible = (rows: readonly (readonly [unknown, string])[], role: Role): unknown[] =>
  rows.filter(([, cells]) => cell(cells, role) !== '-').map(([name]) => name);

const own = (server: string, names: readonly string[]): string[] =>
  names.filter((name) => name.startsWith(`${server}__`)).map((name) => name.slice(server.length + 2));
const others = (kind: string): (readonly [string, string])[] =>
  OTHERS.filter(([each]) => each === kind).map(([, id, cells]) => [id, cells]);

const answerCalls = (message: Incoming, wire: Wire): boolean => {
  if (message.method !== 'tools/call') return false;
  const result = { content: [{ type: 'text', text: 'done' }] };
  wire.send(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }));
  return true;
};

const serve = async (server: string, uris: boolean): Promise<RawHttp> =>
  await serveRaw({
    era: 'session',
    tools: TOOLS.flatMap(([id, annotations]) =>
      own(server, [id]).map((name) => ({ name, inputSchema: { type: 'object' }, ...(annotations && { annotations }) })),
    ),
    prompts: own(
      server,
      others('prompt').map(([id]) => id),
    ).map((name) => ({ name })),
    ...(uris && {
      resources: others('resource').map(([uri]) => ({ uri, name: uri })),
      templates: others('template').map(([uriTemplate]) => ({ uriTemplate, name: uriTemplate })),
    }),
    before: answerCalls,
  });

const at: { started?: Started; ups: RawHttp[] } = { ups: [] };
const started = (): Started => at.started as Started;
const called = (): unknown[] => at.ups.flatMap(({ server }) => server.of('tools/call'));

beforeAll(async () => {
  at.ups.push(await serve('files', true), await serve('shop', false));
  const [files, shop] = at.ups as [RawHttp, RawHttp];
  at.started = await startGateway({
    mcpServers: { files: { url: files.url, type: 'http' }, shop: { url: shop.url, type: 'http' } },
    views: { selling: { servers: ['shop'] }, all: {} },
    auth: { mode: 'key', keys: ROLES.map((role) => ({ name: role, key: keys[role], roles: [role] })) },
    policy: { roles: { ops: {}, nobody: {} }, rules: RULES },
    limits: { rate: { perPrincipal: 'off' } },
    discovery: { mode: 'auto', budget: 1_000_000 },
  });
  await started().gateway.rooms.catalog.root.ready();
});

afterAll(async () => {
  await at.started?.[Symbol.asyncDispose]();
  for (const up of at.ups) await up[Symbol.asyncDispose]();
});

async function listed(caller: Caller, method: string, member: string, name: string): Promise<string[]> {
  const { result } = JSON.parse(await caller.ask(method)) as { result: Record<string, Record<string, string>[]> };
  return (result[member] ?? []).map((entry) => entry[name] as string);
}

/** What became of a call, in the words of the table. */
function outcome(text: string): string {
  const { error, result } = JSON.parse(text) as { error?: { code: number; message: string }; result?: object };
  if (result !== undefined) return 'allow';
  if (error?.code === -32602 || error?.code === -32002) return '-';
  if (error?.code !== -31003) return text;
  return error.message.includes('approve') ? 'ask' : 'deny';
}

const cells = WAYS.flatMap((way) => ROLES.map((role) => ({ way, role })));

describe.each(cells)('$role by $way', ({ way, role }) => {
  it('P2-16 P4-07 AUT-02 sees and may call exactly what the table says of 20 tools', async () => {
    await using caller = await openCaller(way, started(), keys[role]);
    const rows = TOOLS.map(([name, , all]) => [name, all] as const);
    expect(await listed(caller, 'tools/list', 'tools', 'name')).toEqual(visible(rows, role));
    for (const [name, all] of rows) {
      const before = called().length;
      const found = outcome(await caller.ask('tools/call', { name, arguments: {} }));
      expect([name, found]).toEqual([name, cell(all, role)]);
      expect(called().length - before, name).toBe(found === 'allow' ? 1 : 0);
    }
  });

  it('AUT-02 sees and may use exactly the prompts, resources and templates of the table, and completes no others', async () => {
    await using caller = await openCaller(way, started(), keys[role]);
    const kinds = [
      ['prompt', 'prompts/list', 'prompts', 'name'],
      ['resource', 'resources/list', 'resources', 'uri'],
      ['template', 'resources/templates/list', 'resourceTemplates', 'uriTemplate'],
    ] as const;
    for (const [kind, method, member, name] of kinds) {
      expect(await listed(caller, method, member, name)).toEqual(visible(others(kind), role));
    }
    for (const [kind, id, all] of OTHERS) {
      const expected = cell(all, role);
      const uri = id.replace('{x}', 'b');
      const used = kind === 'prompt' ? caller.ask('prompts/get', { name: id }) : caller.ask('resources/read', { uri });
      expect([id, outcome(await used)]).toEqual([id, expected]);
      const ref = kind === 'prompt' ? { type: 'ref/prompt', name: id } : { type: 'ref/resource', uri: id };
      const completed = await caller.ask('completion/complete', { ref, argument: { name: 'x', value: '' } });
      const { result } = JSON.parse(completed) as { result: { completion: { values: unknown[] } } };
      expect([id, result.completion.values.length > 0]).toEqual([id, expected === 'allow']);
    }
  });

  it('AUT-05 gets for what is not seen the bytes that it gets for what is not there', async () => {
    await using caller = await openCaller(way, started(), keys[role]);
    const same = async (
      method: string,
      hidden: Record<string, unknown>,
      absent: Record<string, unknown>,
      names: [string, string],
    ): Promise<void> => {
      const [one, other] = [await caller.ask(method, hidden), await caller.ask(method, absent)];
      expect(plain(one)).toBe(plain(other).replaceAll(names[1], names[0]));
    };
    for (const [name, , all] of TOOLS) {
      if (cell(all, role) !== '-') continue;
      const absent = name.replace(/.$/, 'Q');
      await same('tools/call', { name, arguments: { a: 1 } }, { name: absent, arguments: { a: 1 } }, [name, absent]);
    }
    for (const [kind, id, all] of OTHERS) {
      if (cell(all, role) !== '-') continue;
      const [there, absent] = [id.replace('{x}', 'b'), kind === 'prompt' ? id.replace(/.$/, 'Q') : 'other:///home/a'];
      if (kind === 'prompt') await same('prompts/get', { name: there }, { name: absent }, [there, absent]);
      else await same('resources/read', { uri: there }, { uri: absent }, [there, absent]);
      const unknownMethod = kind === 'prompt' ? 'vendor/prompts' : 'vendor/read';
      const key = kind === 'prompt' ? 'name' : 'uri';
      await same(unknownMethod, { [key]: there }, { [key]: absent }, [there, absent]);
    }
  });
});

/** What becomes of a call that must only read. */
function read(name: string, role: Role): string {
  const [, annotations, all] = TOOLS.find(([each]) => each === name) as (typeof TOOLS)[number];
  const direct = cell(all, role);
  return annotations === READS || direct === '-' ? direct : 'deny';
}

/** By the gateway's own tools, in the modes that have them. */
const MEANT: readonly {
  mode: string;
  way: string;
  meant: (name: string) => Record<string, unknown>;
  expected: (name: string, direct: string, role: Role) => string;
}[] = [
  { mode: 'search', way: 'call_tool', meant: (name) => ({ name }), expected: (_name, direct) => direct },
  {
    mode: 'search',
    way: 'call_read_tool',
    meant: (name) => ({ name }),
    expected: (name, _direct, role) => read(name, role),
  },
  {
    mode: 'groups',
    way: 'call_dynamic_tool',
    meant: (name) => ({ group: name.split('__')[0], name: name.split('__')[1] }),
    expected: (_name, direct) => direct,
  },
];
/** Calls all tools and says what became of each. */
const PROGRAM = `
  const became = [];
  for (const name of ${JSON.stringify(TOOLS.map(([name]) => name))}) {
    const [server, tool] = name.split('__');
    try {
      await tools[server][tool]({});
      became.push([name, 'allow']);
    } catch (error) {
      const refused = error.message.includes('approve') ? 'ask' : 'deny';
      became.push([name, error.name === 'ToolError' ? refused : '-']);
    }
  }
  became`;
const CLIENTS = ['session', 'stateless'] as const satisfies readonly Way[];

describe.each(CLIENTS.flatMap((client) => ROLES.map((role) => ({ client, role }))))(
  '$role with a client of the $client era',
  ({ client, role }) => {
    const seen = visible(
      TOOLS.map(([name, , all]) => [name, all] as const),
      role,
    );
    const use = async (caller: Caller, name: string, args: object): Promise<string> =>
      await caller.ask('tools/call', { name, arguments: args });

    it('P2-16 AUT-02 finds and is described exactly what it may see', async () => {
      await using caller = await openCaller(client, started(), keys[role], '/mcp?discovery=search');
      const query = TOOLS.map(([name]) => name).join(' ');
      const found = JSON.parse(await use(caller, 'find_tools', { query, limit: 50 })) as Told;
      const foundNames = found.result.structuredContent?.tools.map(({ name }) => name) ?? [];
      expect(foundNames).toHaveLength(seen.length);
      expect(new Set(foundNames)).toEqual(new Set(seen));
      const names = TOOLS.map(([name]) => name);
      const described = JSON.parse(await use(caller, 'describe_tools', { names })) as Told;
      expect(described.result.structuredContent?.tools.map(({ name }) => name)).toEqual(seen);
      const unknown = names.filter((name) => !seen.includes(name));
      expect(described.result.content[0]?.text).toContain(`Unknown tools: ${unknown.join(', ')}.`);
      const shown = await caller.ask('tools/list');
      expect(shown.includes('shop')).toBe(seen.some((name) => String(name).startsWith('shop__')));
    });

    it('P2-16 AUT-02 is given of each group exactly what it may see', async () => {
      await using caller = await openCaller(client, started(), keys[role], '/mcp?discovery=groups');
      for (const group of ['files', 'shop']) {
        const { error, result } = JSON.parse(await use(caller, 'get_dynamic_tools', { group })) as Partial<Told>;
        const tools = JSON.parse(result?.content[0]?.text ?? '[]') as { name: string }[];
        const names = tools.map(({ name }) => `${group}__${name}`);
        expect(names).toEqual(seen.filter((name) => String(name).startsWith(`${group}__`)));
        // One of which nothing may be seen is not there.
        expect(error?.message).toBe(names.length > 0 ? undefined : `Failed to list tools: Group not found: ${group}`);
      }
    });

    it('P2-16 AUT-02 may call from a program what it may call directly', async () => {
      await using caller = await openCaller(client, started(), keys[role], '/mcp?discovery=code');
      const before = called().length;
      const { result } = JSON.parse(await use(caller, 'run_code', { code: PROGRAM })) as Told;
      const direct = TOOLS.map(([name, , all]) => [name, cell(all, role)]);
      expect(JSON.parse(result.content[0]?.text ?? '')).toEqual(direct);
      expect(called().length - before).toBe(direct.filter(([, became]) => became === 'allow').length);
    });

    it.each(MEANT)('P2-16 AUT-05 may call by $way what it may call directly, and learns no more', async (each) => {
      const { expected, meant, mode, way } = each;
      await using caller = await openCaller(client, started(), keys[role], `/mcp?discovery=${mode}`);
      for (const [name, , all] of TOOLS) {
        const before = called().length;
        const text = await use(caller, way, { ...meant(name), arguments: {} });
        const wanted = expected(name, cell(all, role), role);
        const isUnknown = /"isError":true/.test(text) && text.includes(`Unknown tool: ${name}`);
        const became = isUnknown ? '-' : outcome(text);
        expect([name, became]).toEqual([name, wanted]);
        expect(called().length - before, name).toBe(became === 'allow' ? 1 : 0);
        if (wanted !== '-') continue;
        const absent = name.replace(/.$/, 'Q');
        const other = await use(caller, way, { ...meant(absent), arguments: {} });
        expect(plain(text)).toBe(plain(other).replaceAll(absent, name));
      }
    });
  },
);

interface Told {
  readonly result: {
    readonly content: readonly { readonly text: string }[];
    readonly structuredContent?: { readonly tools: readonly { readonly name: string }[] };
  };
  readonly error?: { readonly message: string };
}

/** By a single server, a view and a narrowing, in the names that are shown there. */
const PLACES: readonly { path: string; shown: (name: string) => string | undefined }[] = [
  { path: '/mcp/s/shop', shown: (name) => own('shop', [name])[0] },
  { path: '/mcp/s/files', shown: (name) => own('files', [name])[0] },
  { path: '/mcp/v/selling', shown: (name) => (name.startsWith('shop__') ? name : undefined) },
  { path: '/mcp/v/all', shown: (name) => name },
  { path: '/mcp?servers=files', shown: (name) => (name.startsWith('files__') ? name : undefined) },
  { path: '/mcp?tools=*__*r*', shown: (name) => (/__.*r/.test(name) ? name : undefined) },
];
const placed = (['session', 'stateless', 'websocket'] as const satisfies readonly Way[]).flatMap((way) =>
  PLACES.map((place) => ({ way, ...place })),
);

describe.each(placed)('at $path by $way', ({ way, path, shown }) => {
  // Of the shop there is nothing for nobody.
  const roles = ROLES.filter((role) => role !== 'nobody' || !/shop|selling/.test(path));

  it.each(roles)('AUT-02 %s has no other rights than elsewhere', async (role) => {
    const rows = TOOLS.flatMap(([name, , all]) => {
      const here = shown(name);
      return here === undefined ? [] : [[here, all] as const];
    });
    await using caller = await openCaller(way, started(), keys[role], path);
    expect(await listed(caller, 'tools/list', 'tools', 'name')).toEqual(visible(rows, role));
    for (const [name, all] of rows) {
      const found = outcome(await caller.ask('tools/call', { name, arguments: {} }));
      expect([name, found]).toEqual([name, cell(all, role)]);
    }
  });
});

it.each(['/mcp/s/shop', '/mcp/v/selling', '/mcp?servers=shop'])(
  'AUT-05 %s is not there for who may use nothing of it',
  async (path) => {
    const base = `http://127.0.0.1:${started().port}`;
    const absent = await told(base, path.replace(/\w+$/, 'none'), bearer(keys.nobody));
    expect(absent.map((each) => (each as unknown[])[0])).toEqual(absent.map(() => 404));
    expect(await told(base, path, bearer(keys.nobody))).toEqual(absent);
  },
);
