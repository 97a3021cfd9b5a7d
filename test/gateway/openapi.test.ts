/**
 * REST to MCP as a user has it: the command line adds a document, a gateway serves it, official clients of both eras call its
 * tools, and an API over HTTP answers (docs/OPENAPI.md).
 */
import { chmod, copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSdk1, openSdk2 } from '../support/clients.ts';
import { temporaryHome, type TemporaryHome } from '../support/home.ts';
import { run, start, type Finished, type Running } from '../support/process.ts';
import { CLIENT, EXPORT_KEY, PET_TOKEN, petStore, PNG, ZIP, type Asked, type PetStore } from './openapi/pet-store.ts';

const bin = fileURLToPath(new URL('../../packages/gateway/bin/sallyport.js', import.meta.url));
const fixture = (name: string): string => fileURLToPath(new URL(`openapi/${name}`, import.meta.url));
const TIMEOUT_MS = 25_000;
const VARIABLES = { PET_TOKEN, EXPORT_KEY, ORDERS_SECRET: CLIENT.secret };

interface Result {
  readonly content: readonly { readonly type: string; readonly [member: string]: unknown }[];
  readonly structuredContent?: Record<string, unknown>;
  readonly isError?: boolean;
  readonly _meta?: Record<string, unknown>;
}
interface Caller {
  readonly callTool: (call: { name: string; arguments: Record<string, unknown> }) => Promise<unknown>;
}

let store: PetStore;
let home: TemporaryHome;
let config: string;
let gateway: Running;
let url: string;
let pets: Caller;
const opened: AsyncDisposable[] = [];

function keep<T extends AsyncDisposable>(one: T): T {
  opened.push(one);
  return one;
}

async function clientOf(era: 'session' | 'stateless'): Promise<Caller> {
  return keep(await openSdk2(url, { era })).client;
}

const environment = (): Record<string, string> => ({
  ...home.env,
  SALLYPORT_HOME: join(home.path, 'state'),
  ...VARIABLES,
});

async function sallyport(...words: string[]): Promise<Finished> {
  return await run(process.execPath, [bin, ...words], { env: environment(), cwd: home.path, timeoutMs: TIMEOUT_MS });
}

const has = (hint: string): string => `has(annotations.${hint}) && annotations.${hint}`;
/** By what methods mean, whoever calls. The machine is busy while tests run. */
const RULED = {
  limits: { listDeadline: '30s' },
  policy: {
    rules: [
      { effect: 'deny', servers: ['inside'], when: has('destructiveHint'), reason: 'Nothing is destroyed.' },
      { effect: 'ask', servers: ['inside'], when: `!(${has('readOnlyHint')})` },
      { effect: 'allow', servers: ['*'] },
    ],
  },
};
const configuration = (servers: object, more: object = {}): string =>
  JSON.stringify({ mcpServers: servers, auth: { mode: 'none' }, store: 'memory', discovery: 'full', ...more });

beforeAll(async () => {
  store = await petStore();
  home = await temporaryHome();
  config = join(home.path, 'sallyport.json');
  await copyFile(fixture('petstore.yaml'), join(home.path, 'petstore.yaml'));
  await copyFile(fixture('issues.json'), join(home.path, 'issues.json'));
  for (const name of ['petstore.yaml', 'issues.json']) await chmod(join(home.path, name), 0o600);
  const openapi = {
    document: './petstore.yaml',
    server: store.url,
    operations: { allow: ['*'], deny: ['deletePet'] },
    auth: {
      token: { value: '${PET_TOKEN}' },
      key: { value: '${EXPORT_KEY}' },
      machine: { clientId: CLIENT.id, clientSecret: '${ORDERS_SECRET}', tokenUrl: `${store.origin}/token` },
    },
    maxBytes: 100_000,
  };
  const outside = { document: './issues.json', operations: { allow: ['GET *'] } };
  await writeFile(
    config,
    configuration(
      {
        pets: { openapi, timeout: { call: '20s' } },
        bare: { openapi: { ...openapi, auth: {}, operations: { allow: ['getPet'] } } },
        issues: { openapi: { ...outside, server: `${store.origin}/api` } },
        // No address of the operator: that of the document is outside.
        inside: { openapi: { document: './inside.json', operations: { allow: ['*'] } } },
      },
      RULED,
    ),
    { mode: 0o600 },
  );
  const inside = {
    openapi: '3.0.0',
    info: {},
    servers: [{ url: store.url }],
    paths: {
      '/pets': { get: { operationId: 'list' }, post: { operationId: 'make' }, delete: { operationId: 'destroy' } },
    },
  };
  await writeFile(join(home.path, 'inside.json'), JSON.stringify(inside), { mode: 0o600 });
  gateway = start(process.execPath, [bin, 'serve', config, '--port', '0'], { env: environment(), cwd: home.path });
  [, url = ''] = await gateway.untilLine(/ready at (http:\S+)/);
  pets = await clientOf('stateless');
});
afterAll(async () => {
  for (const each of opened) await each[Symbol.asyncDispose]();
  await gateway.stop();
  await store[Symbol.asyncDispose]();
  await home.remove();
});

async function call(name: string, args: Record<string, unknown> = {}, client: Caller = pets): Promise<Result> {
  return (await client.callTool({ name, arguments: args })) as Result;
}

/** What the API was asked by a call. */
async function asking(
  name: string,
  args: Record<string, unknown>,
): Promise<{ readonly asked: readonly Asked[]; readonly result: Result }> {
  const before = store.asked.items.length;
  const result = await call(name, args);
  return { result, asked: store.asked.items.slice(before) };
}

const textOf = ({ content }: Result): string =>
  content.map(({ text }) => (typeof text === 'string' ? text : '')).join('\n');

describe('the tools of a document', () => {
  it('are those that are chosen, with the annotations of their methods, and no credential to be given', async () => {
    const { client } = keep(await openSdk1(url));
    const { tools } = await client.listTools();
    const own = tools.filter(({ name }) => name.startsWith('pets__'));
    expect(own.map(({ name }) => name)).toEqual(
      ['listPets', 'createPet', 'getPet', 'getPhoto', 'putPhoto', 'exportPets', 'order', 'trouble'].map(
        (name) => `pets__${name}`,
      ),
    );
    const [list, create, get] = own;
    expect(list?.annotations).toEqual({ readOnlyHint: true, openWorldHint: true });
    expect(list?.description).toContain('`cursor` asks for the next one');
    expect(create?.annotations).toEqual({ readOnlyHint: false, openWorldHint: true });
    expect(create?.inputSchema).toMatchObject({ required: ['body'], additionalProperties: false });
    // What the API fills in itself is not asked for, nor what it keeps to itself promised.
    const defs = create?.inputSchema['$defs'] as Record<string, { properties: object; required: string[] }>;
    expect([Object.keys(defs['Pet']?.properties ?? {}), defs['Pet']?.required]).toEqual([
      ['name', 'nickname', 'secret', 'parent'],
      ['name'],
    ]);
    expect(Object.keys(get?.outputSchema?.['properties'] ?? {})).toEqual(['id', 'name', 'nickname', 'parent']);
    expect(JSON.stringify(own)).not.toMatch(/api_key|deletePet/);
    expect(tools.every(({ name }) => name.length <= 48)).toBe(true);
  });

  it.each(['session', 'stateless'] as const)('give what the API gives, with pages: %s', async (era) => {
    const client = await clientOf(era);
    const first = await call('pets__listPets', { limit: 1, tag: ['a b', 'c'] }, client);
    expect(first.structuredContent).toEqual({ items: [{ id: 1, name: 'Tom', nickname: null }], next_cursor: 'two' });
    expect(first._meta?.['sallyport/http']).toEqual({ status: 200, next: { cursor: 'two' } });
    expect(textOf(first)).toContain('call it again with {"cursor":"two"}');
    const last = await call('pets__listPets', { limit: 1, cursor: 'two' }, client);
    expect([textOf(last), last._meta?.['sallyport/http']]).toEqual([
      JSON.stringify(last.structuredContent),
      { status: 200 },
    ]);
    expect(store.asked.items.some((asked) => asked.url === '/v1/pets?limit=1&tag=a%20b,c')).toBe(true);
  });

  it('send bodies as the document says', async () => {
    const made = await asking('pets__createPet', { body: { name: 'Ö', parent: { name: 'x' } } });
    expect(
      made.asked.map(({ body, headers }) => [Buffer.from(body, 'latin1').toString(), headers['content-type']]),
    ).toEqual([['{"name":"Ö","parent":{"name":"x"}}', 'application/json']]);
    expect(made.result._meta?.['sallyport/http']).toEqual({ status: 201, location: '/v1/pets/3' });
    const photo = await asking('pets__putPhoto', {
      petId: '1',
      body: { file: PNG.toString('base64'), caption: 'a\r\n"b"', marks: ['x', 'y'] },
    });
    const [{ body, headers } = expect.fail('It was not asked.')] = photo.asked;
    const form = await new Response(Buffer.from(body, 'latin1'), {
      headers: { 'content-type': headers['content-type'] ?? '' },
    }).formData();
    expect([...form.keys()]).toEqual(['file', 'caption', 'marks', 'marks']);
    expect(Buffer.from(await (form.get('file') as File).arrayBuffer())).toEqual(PNG);
    expect(form.get('caption')).toBe('a\r\n"b"');
    expect(textOf(photo.result)).toBe('HTTP 204, without content.');
  });

  it('give pictures and other bytes as such', async () => {
    const { content } = await call('pets__getPhoto', { petId: '1' });
    expect(content).toEqual([{ type: 'image', data: PNG.toString('base64'), mimeType: 'image/png' }]);
    const packed = await call('pets__exportPets');
    expect(packed.content).toEqual([
      {
        type: 'resource',
        resource: { uri: `${store.url}/export`, mimeType: 'application/zip', blob: ZIP.toString('base64') },
      },
    ]);
  });
});

describe('credentials', () => {
  it('are those of the operation, and no other', async () => {
    const { asked } = await asking('pets__exportPets', {});
    expect(asked.map(({ headers, url: path }) => [path, headers.authorization])).toEqual([
      [`/v1/export?api_key=${EXPORT_KEY}`, undefined],
    ]);
    const free = await asking('pets__trouble', { kind: 'none' });
    expect(free.asked.map(({ headers, url: path }) => [path, headers.authorization])).toEqual([
      ['/v1/trouble/none', undefined],
    ]);
    expect(free.result.structuredContent).toEqual({ ok: true });
  });

  it('of a client are fetched, renewed when they are refused, and kept', async () => {
    const body = { pet: 1, address: { city: 'Köln' }, notes: ['a', 'b'] };
    const { result } = await asking('pets__order', { body });
    expect(textOf(result)).toBe('ordered pet=1&address%5Bcity%5D=K%C3%B6ln&notes=a&notes=b');
    expect(store.tokens).toHaveLength(2);
    await call('pets__order', { body });
    expect(store.tokens).toHaveLength(2);
  });

  it('that are missing are named, and nothing is sent', async () => {
    const { asked, result } = await asking('bare__getPet', { petId: '1' });
    expect([asked, result.isError, textOf(result)]).toEqual([
      [],
      true,
      'It needs a credential that is not configured: token.',
    ]);
  });

  it('are not in what anybody sees', async () => {
    const shown = await sallyport('config', 'show', '--config', config);
    const listed = await sallyport('list', '--detail', '--config', config);
    const said = [shown.stdout, shown.stderr, listed.stdout, gateway.stdout(), gateway.stderr()].join('\n');
    expect(said).toContain('pets');
    for (const secret of [PET_TOKEN, EXPORT_KEY, CLIENT.secret]) expect(said).not.toContain(secret);
  });
});

describe('the policy', () => {
  it('knows what reads and what destroys by the methods of a document', async () => {
    await expect(call('inside__list')).rejects.toThrow('is not available');
    await expect(call('inside__destroy')).rejects.toThrow('Nothing is destroyed.');
    await expect(call('inside__make')).rejects.toThrow('A person must approve this call');
  });
});

describe('what goes wrong', () => {
  it.each([
    ['another path', '../orders'],
    ['an escaped slash', '1%2F..%2F..'],
    ['one that is escaped twice', '1%252Fphoto'],
    ['a backslash', '1\\photo'],
    ['a dot segment', '..'],
    ['an escaped dot segment', '%2e%2E'],
    ['nothing', ''],
    ['a line break', '1\r\nx: y'],
  ])('a path cannot be left: %s', async (_what, petId) => {
    const { asked, result } = await asking('pets__getPet', { petId });
    expect([asked, result.isError]).toEqual([[], true]);
    expect(textOf(result)).toContain('`petId`');
  });

  it('what would end a path stays in it', async () => {
    const { asked } = await asking('pets__getPet', { petId: '9?x=1#y;z@evil.example' });
    expect(asked.map((each) => each.url)).toEqual(['/v1/pets/9%3Fx%3D1%23y%3Bz%40evil.example']);
  });

  it('errors of the API are errors, bounded, with what it says of the next try', async () => {
    const missing = await call('pets__getPet', { petId: '9' });
    expect([missing.isError, textOf(missing)]).toEqual([true, 'HTTP 404\n{"error":"no such pet"}']);
    const busy = await call('pets__trouble', { kind: 'busy' });
    expect(textOf(busy)).toBe('HTTP 429\nTry again in 30 s.\n{"error":"later"}');
    expect(busy._meta?.['sallyport/http']).toEqual({ status: 429, retryAfterMs: 30_000 });
    const broken = await call('pets__trouble', { kind: 'broken' });
    expect([broken.isError, textOf(broken).length < 17_000]).toEqual([true, true]);
    const moved = await asking('pets__trouble', { kind: 'moved' });
    expect([moved.result.isError, moved.asked.length]).toEqual([true, 1]);
    expect(textOf(moved.result)).toContain('which is not followed');
  });

  it('an answer that is not what was promised is said to be so, and not lost', async () => {
    const result = await call('pets__trouble', { kind: 'shape' });
    expect(result.isError).toBe(true);
    expect(textOf(result)).toMatch(/not what its document says: ok: [^]*"hint":"not a boolean"/);
  });

  it('an answer that is too large fails, and a call that is given up ends at the API', async () => {
    await expect(call('pets__trouble', { kind: 'large' })).rejects.toThrow('more than may pass');
    const { client } = keep(await openSdk1(url));
    const stop = new AbortController();
    const never = { name: 'pets__trouble', arguments: { kind: 'never' } };
    const given = client.callTool(never, undefined, { signal: stop.signal }).catch((error: unknown) => String(error));
    await store.asked.until((asked) => asked.url.endsWith('/never'), 'the call that never ends');
    stop.abort();
    expect(await given).toMatch(/abort/i);
    await store.left.until((path) => path.endsWith('/never'), 'its end');
  });

  it('an address of the document on this machine is not asked unless the operator wrote it', async () => {
    const before = store.asked.items.length;
    await expect(call('inside__list')).rejects.toThrow('is not available');
    expect(store.asked.items.length).toBe(before);
    await gateway.untilLine(/127\.0\.0\.1:\d+ came from outside and is not asked/);
  });
});

describe('the command line', () => {
  const other = (): string => join(home.path, 'other.json');
  const written = async (): Promise<string> => await readFile(other(), 'utf8');
  beforeAll(async () => writeFile(other(), configuration({}), { mode: 0o600 }));

  it('adds what only reads, and says what is left out, where calls go and what is needed', async () => {
    const { code, stderr, stdout } = await sallyport('add', 'shop', '--openapi', 'petstore.yaml', '--config', other());
    expect([code, stdout]).toEqual([0, `added shop to ${other()}: 5 tools\n`]);
    expect(stderr).toContain('only operations that read (GET, HEAD) become tools. 5 others change something');
    expect(stderr).toContain('calls go to https://eu.pets.example.com, as the document says: only on the public net');
    expect(stderr).toContain('auth: { token: { value: "${secret:NAME}" } }');
    expect(JSON.parse(await written())).toMatchObject({
      mcpServers: { shop: { openapi: { document: './petstore.yaml' } } },
    });
    const shop = { document: './petstore.yaml', operations: { allow: ['nope', 'importPets'] } };
    await writeFile(join(home.path, 'doubtful.json'), configuration({ shop: { openapi: shop } }), { mode: 0o600 });
    const doubtful = await sallyport('validate', 'doubtful.json');
    expect([doubtful.code, doubtful.stderr]).toEqual([
      0,
      expect.stringMatching(/`nope` of [^]*no tool: POST \/import/),
    ]);
    const auth = { nobody: { value: 'some-value-that-is-long' } };
    await writeFile(join(home.path, 'wrong.json'), configuration({ shop: { openapi: { ...shop, auth } } }), {
      mode: 0o600,
    });
    const wrong = await sallyport('validate', 'wrong.json');
    expect([wrong.code, wrong.stderr]).toEqual([
      3,
      expect.stringContaining('openapi.auth.nobody: the document has no') as string,
    ]);
    const again = await sallyport('add', 'Shop', '--openapi', 'petstore.yaml', '--config', other());
    expect([again.code, again.stderr]).toEqual([3, expect.stringContaining('already') as string]);
  });

  it('fetches a document once, and takes another one when it is told to', async () => {
    store.document = await readFile(fixture('issues.json'), 'utf8');
    const where = `${store.origin}/document`;
    const added = await sallyport('add', 'far', '--openapi', where, '--operations', 'GET *', '--config', other());
    expect([added.code, added.stdout], added.stderr).toEqual([0, `added far to ${other()}: 3 tools\n`]);
    expect(added.stderr).toContain(
      'no tool: GET /elsewhere: "https://evil.example/parameters.json#/x" is not in this document',
    );
    const copy = join(home.path, 'far.openapi.json');
    const first = await readFile(copy, 'utf8');
    expect(JSON.parse(first)).toEqual(JSON.parse(store.document));
    store.document = store.document.replace('/teams/{ids}', '/crews/{ids}');
    expect((await sallyport('validate', '--config', other())).code).toBe(0);
    const asked = await sallyport('refresh', 'far', '--config', other());
    expect([asked.code, asked.stdout, await readFile(copy, 'utf8')]).toEqual([1, '', first]);
    expect(asked.stderr).toMatch(/^- GET \/teams[^]*^\+ GET \/crews/m);
    const before = await written();
    const taken = await sallyport('refresh', 'far', '--yes', '--config', other());
    expect([taken.code, taken.stdout]).toEqual([0, 'the document of far is pinned as it is now\n']);
    expect(await written()).not.toBe(before);
    await writeFile(copy, first);
    const wrong = await sallyport('validate', '--config', other());
    expect([wrong.code, wrong.stdout + wrong.stderr]).toEqual([
      3,
      expect.stringContaining('is not what `sha256` says') as string,
    ]);
  });
});
