/** Big results through a gateway: their head, and the rest piece by piece, for whoever got them and nobody else (docs/CODE.md). */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configurationText, startGateway, temporaryFolder, type Started } from './gateway.ts';
import { openSession, stateless, textOf, type Message, type RawClient } from './raw-client.ts';
import { serveRaw, type RawHttp } from './raw-http.ts';

const KEYS = { ann: 'ann-client-key-of-a-test-0123456789', bob: 'bob-client-key-of-a-test-0123456789' };
const TYPED = { type: 'object', properties: { x: { type: 'string' } } };
const EXACT = '{"n":123456789012345678901234567890,"x":"XS"}';

let up: RawHttp;
let started: Started;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  const inputSchema = { type: 'object' };
  up = await serveRaw({
    era: 'session',
    tools: [
      { name: 'big', inputSchema },
      { name: 'raw', inputSchema, outputSchema: TYPED },
      { name: 'odd', inputSchema },
    ],
    before: ({ id, method, params }, wire) => {
      if (method !== 'tools/call' || params?.['name'] === 'big') return false;
      const isTyped = params?.['name'] === 'raw';
      const structured = EXACT.replace('XS', 'y'.repeat(isTyped ? 5000 : 5));
      const content = JSON.stringify([
        { type: 'text', text: 'z '.repeat(5000) },
        { type: 'image', data: 'AAAA', mimeType: 'image/png' },
      ]);
      wire.send(
        `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"big":1234567890123456789012,"structuredContent":${structured},"content":${content}}}`,
      );
      return true;
    },
  });
  folder = await temporaryFolder();
  started = await startGateway(
    {
      mcpServers: { up: { url: up.url } },
      auth: { mode: 'key', keys: Object.entries(KEYS).map(([name, key]) => ({ name, key })) },
      discovery: { mode: 'full', resultBudget: 1000 },
      views: { wide: { discovery: { mode: 'code' } } },
    },
    { stateDirectory: folder.path },
  );
  await started.gateway.rooms.catalog.root.ready();
});
afterAll(async () => {
  await started[Symbol.asyncDispose]();
  await up[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const as = (who: keyof typeof KEYS): Record<string, string> => ({ authorization: `Bearer ${KEYS[who]}` });
const call = (client: RawClient, name: string, args: object = {}): Promise<Message> =>
  client.call('tools/call', { name, arguments: args });
const HANDLE = /"handle": "([^"]+)", "offset": (\d+)/;

/** All of a result, page by page. */
async function readOn(client: RawClient, head: string): Promise<string> {
  const [, handle = '', first = ''] = HANDLE.exec(head) ?? [];
  let all = head.slice(0, Number(first));
  for (;;) {
    const page = textOf(await call(client, 'read_result', { handle, offset: all.length }));
    const found = /\n\n\[Characters \d+ to (\d+) of (\d+); [^\]]*\]$/.exec(page);
    if (found === null) throw new Error(page);
    all += page.slice(0, found.index);
    expect(all).toHaveLength(Number(found[1]));
    if (found[1] === found[2]) return all;
  }
}

describe.each(['session', 'stateless'] as const)('a client of the %s era', (era) => {
  const open = async (who: keyof typeof KEYS, url = started.url): Promise<RawClient> =>
    era === 'session' ? await openSession(url, {}, as(who)) : stateless(url, {}, as(who));

  it('reads the head of a big result, and then the rest', async () => {
    const client = await open('ann');
    const small = await call(client, 'up__big', { bytes: 3000 });
    expect(textOf(small)).toBe('x'.repeat(3000));
    const big = await call(client, 'up__big', { bytes: 30_000 });
    expect(textOf(big).length).toBeLessThan(5000);
    expect(textOf(big)).toContain('of 30000 characters');
    expect(await readOn(client, textOf(big))).toBe('x'.repeat(30_000));
    const huge = textOf(await call(client, 'up__big', { bytes: 5e6 }));
    expect(huge).toContain('of 5000000 characters');
  });

  it('is shown the tool for it in every mode', async () => {
    const names = async (client: RawClient): Promise<unknown> => {
      const { result } = await client.call('tools/list');
      return (result as { readonly tools: { readonly name: string }[] }).tools.map(({ name }) => name);
    };
    expect(await names(await open('ann'))).toEqual(['read_result', 'up__big', 'up__raw', 'up__odd']);
    const code = await open('ann', `${started.url}/v/wide`);
    expect(await names(code)).toEqual(['find_tools', 'describe_tools', 'run_code', 'read_result']);
    expect(textOf(await call(code, 'run_code', { code: '(await tools.up.big({ bytes: 30000 })).length' }))).toBe(
      '30000',
    );
    const much = textOf(await call(code, 'run_code', { code: 'await tools.up.big({ bytes: 30000 })' }));
    expect(await readOn(code, much)).toBe('x'.repeat(30_000));
  });

  it('gets what a tool promised whole, and what is no text where it was', async () => {
    const client = await open('ann');
    const typed = await client.start('tools/call', { name: 'up__raw', arguments: {} });
    const { message, text } = await typed.last;
    expect(text).toContain(`"structuredContent":${EXACT.replace('XS', 'y'.repeat(5000))}`);
    expect(text).toContain('"big":1234567890123456789012');
    expect(message.result?.['content']).toMatchObject([{ type: 'text' }, { type: 'image', data: 'AAAA' }]);
    expect(textOf(message)).toMatch(HANDLE);
    const untyped = await call(client, 'up__odd');
    expect(untyped.result?.['structuredContent']).toBeUndefined();
    expect(await readOn(client, textOf(untyped))).toContain('"x":"yyyyy"');
  });

  it('cannot read what another got, nor elsewhere, nor by a handle that it made', async () => {
    const [ann, bob] = [await open('ann'), await open('bob')];
    const [, handle = ''] = HANDLE.exec(textOf(await call(ann, 'up__big', { bytes: 30_000 }))) ?? [];
    const read = async (client: RawClient, args: object): Promise<unknown> => {
      const { result } = await call(client, 'read_result', args);
      return [result?.['isError'], textOf({ result } as Message)];
    };
    const gone = [true, 'There is no result with this handle, or not any more: call the tool again.'];
    expect(await read(bob, { handle })).toEqual(gone);
    expect(await read(await open('ann', `${started.url}/v/wide`), { handle })).toEqual(gone);
    expect(await read(ann, { handle: `${handle.slice(0, -2)}AA` })).toEqual(gone);
    expect(await read(ann, {})).toEqual([true, expect.stringContaining('needs a handle')]);
    expect(await read(ann, { handle, offset: -1 })).toEqual([true, expect.stringContaining('offset')]);
    expect(await read(ann, { handle, offset: 40_000 })).toEqual([true, 'The result has 30000 characters.']);
    expect(await read(ann, { handle, limit: 5 })).toEqual([
      undefined,
      expect.stringMatching(/^xxxxx\n\n\[Characters 0 to 5 /),
    ]);
  });
});

it('what is forgotten, and what a gateway that ends has kept, is gone', async () => {
  const own = await startGateway(
    { mcpServers: { up: { url: up.url } }, discovery: { resultBudget: 1000 } },
    { stateDirectory: folder.path },
  );
  const client = stateless(own.url);
  const big = textOf(await call(client, 'up__big', { bytes: 30_000 }));
  const [, handle = ''] = HANDLE.exec(big) ?? [];
  own.gateway.rooms.forget(JSON.stringify(['local', 'local']));
  expect(textOf(await call(client, 'read_result', { handle }))).toContain('There is no result');
  await call(client, 'up__big', { bytes: 30_000 });
  const kept = async (): Promise<number> => (await readdir(join(folder.path, 'results'))).length;
  expect(await kept()).toBe(2);
  const names = await readdir(join(folder.path, 'results'), { recursive: true, withFileTypes: true });
  const files = names.filter((name) => name.isFile());
  expect(files.length).toBeGreaterThan(0);
  for (const { name, parentPath } of files) {
    const written = await readFile(join(parentPath, name), 'utf8');
    const bytes = Buffer.from(written, 'base64url').toString('latin1');
    expect([written, bytes].some((each) => each.includes('x'.repeat(20)))).toBe(false);
  }
  await own[Symbol.asyncDispose]();
  expect(await kept()).toBe(1);
});

it('what is kept goes with the key of its owner, and is out of sight with its tool', async () => {
  await using state = await temporaryFolder();
  const file = join(state.path, 'sallyport.json');
  const given = (names: readonly (keyof typeof KEYS)[], more: object = {}): Record<string, unknown> => ({
    ...more,
    mcpServers: { up: { url: up.url } },
    auth: { mode: 'key', keys: names.map((name) => ({ name, key: KEYS[name] })) },
    discovery: { resultBudget: 1000 },
  });
  await using own = await startGateway(given(['ann', 'bob']), { file, stateDirectory: state.path });
  for (const who of ['ann', 'bob'] as const) {
    expect(textOf(await call(stateless(own.url, {}, as(who)), 'up__big', { bytes: 30_000 }))).toMatch(HANDLE);
  }
  const kept = async (): Promise<number> =>
    (await readdir(join(state.path, 'results'), { recursive: true, withFileTypes: true })).filter((each) =>
      each.isFile(),
    ).length;
  expect(await kept()).toBe(2);
  await writeFile(file, configurationText(given(['ann'])));
  expect((await own.gateway.reload()).status).toBe('applied');
  await expect.poll(kept).toBe(1);
  const ann = stateless(own.url, {}, as('ann'));
  const [, handle = ''] = HANDLE.exec(textOf(await call(ann, 'up__big', { bytes: 30_000 }))) ?? [];
  expect(textOf(await call(ann, 'read_result', { handle }))).toContain('xxxx');
  const policy = { default: 'allow', rules: [{ effect: 'deny', tools: ['up__big'] }] };
  await writeFile(file, configurationText(given(['ann'], { policy })));
  expect((await own.gateway.reload()).status).toBe('applied');
  expect(textOf(await call(ann, 'read_result', { handle }))).toContain('There is no result');
});
