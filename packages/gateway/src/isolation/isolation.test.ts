import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Answer, Exchange, Session } from '@sallyport/server';
import type { JsonObject, JsonRpcRequest } from '@sallyport/wire';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compose, type Call, type Instance } from '../call.ts';
import { createIsolate, sessionKey } from './index.ts';
import { Projects } from './project.ts';

type Isolation = 'shared' | 'principal' | 'project' | 'session';

let folder: string;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-isolation-')));
  await mkdir(join(folder, 'one'));
  await mkdir(join(folder, 'two'));
  await writeFile(join(folder, 'file'), '');
  await symlink(join(folder, 'one'), join(folder, 'alias'));
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

const DONE: Answer = { kind: 'value', result: {} };

interface Fake extends Partial<Omit<Exchange, 'message'>> {
  readonly params?: JsonObject;
  readonly method?: string;
}

function exchange({ params, method = 'tools/call', ...more }: Fake = {}): Exchange {
  const message: JsonRpcRequest = { jsonrpc: '2.0', id: 1, method, params: { name: 't', ...params } };
  return {
    message,
    text: JSON.stringify(message),
    era: 'session',
    revision: '2025-11-25',
    transport: 'http',
    endpoint: '/mcp',
    address: undefined,
    principal: { issuer: 'local', subject: 'ann', roles: [] },
    client: { info: undefined, capabilities: { roots: {} } },
    local: { folder: undefined },
    logLevel: undefined,
    session: undefined,
    headers: undefined,
    cancelled: false,
    onCancel: () => undefined,
    hold: () => undefined,
    notify: () => undefined,
    ask: () => Promise.reject(new Error('not asked here')),
    ...more,
  };
}

function session(id: string, subject = 'ann', endpoint = '/mcp'): Session {
  return {
    id,
    transport: 'http',
    endpoint,
    principal: { issuer: 'local', subject, roles: [] },
    revision: '2025-11-25',
    client: { info: undefined, capabilities: { roots: {} } },
    logLevel: undefined,
    notify: () => undefined,
  };
}

interface Passed {
  readonly answer: Answer;
  readonly instance: Instance | undefined;
  readonly exchange: Exchange;
}

function setUp(isolation: Isolation, roots: (exchange: Exchange) => JsonObject | undefined = () => undefined) {
  const asked: Exchange[] = [];
  const projects = new Projects({
    isNoProject: (path) => path === folder,
    askRoots: (from) => {
      asked.push(from);
      return Promise.resolve(roots(from));
    },
    seal: (plain, bound) => JSON.stringify([plain, bound]),
    unseal: (sealed, bound) => {
      const [plain, sealedFor] = JSON.parse(sealed) as [string, string];
      return bound === sealedFor ? plain : undefined;
    },
  });
  const step = createIsolate({ isolation: () => isolation, project: (from) => projects.find(from) });
  const run = async (from: Exchange): Promise<Passed> => {
    const call: Call = {
      exchange: from,
      target: { server: 's', kind: 'tool', canonicalId: 's__t', original: 't' },
    };
    const answer = await compose([step, () => Promise.resolve(DONE)])(call);
    return { answer, instance: call.instance, exchange: call.exchange };
  };
  return { run, projects, asked };
}

const rootsAt = (...names: string[]): JsonObject => ({
  roots: names.map((name) => ({ uri: pathToFileURL(join(folder, name)).href })),
});

const bob = { issuer: 'local', subject: 'bob', roles: [] };

describe('isolation', () => {
  it('gives nobody an instance of a shared server', async () => {
    expect((await setUp('shared').run(exchange())).instance).toBeUndefined();
  });

  it('gives each principal one, the same for all of its sessions', async () => {
    const { run } = setUp('principal');
    const first = (await run(exchange({ session: session('1') }))).instance;
    expect(first).toEqual((await run(exchange({ session: session('2') }))).instance);
    expect(first).not.toEqual((await run(exchange({ principal: bob }))).instance);
  });

  it('gives each session one, and whoever has none that of the principal', async () => {
    const { run } = setUp('session');
    const keys = await Promise.all(
      [
        exchange({ session: session('1') }),
        exchange({ session: session('2') }),
        exchange({ session: session('1', 'bob'), principal: bob }),
        exchange({ session: session('1', 'ann', '/mcp/s/x') }),
        exchange({ era: 'stateless' }),
      ].map(async (from) => (await run(from)).instance?.key),
    );
    expect(new Set(keys).size).toBe(5);
    expect(keys[0]).toBe(sessionKey(session('1')));
    // What is released for one session must not be another's.
    expect(keys.filter((key) => key?.startsWith(sessionKey(session('1'))))).toHaveLength(1);
  });

  it('cannot be given the key of another by its names', async () => {
    const { run } = setUp('session');
    const sly = { issuer: 'local', subject: 'ann\n/mcp\n1', roles: [] };
    const key = (await run(exchange({ principal: sly, session: session('1', 'ann\n/mcp\n1') }))).instance?.key;
    expect(key?.startsWith(sessionKey(session('1')))).toBe(false);
  });

  it('gives each project of each principal one, whatever it is called', async () => {
    const { run } = setUp('project');
    const at = async (name: string, more: Fake = {}): Promise<Instance | undefined> =>
      (await run(exchange({ local: { folder: join(folder, name) }, ...more }))).instance;
    expect((await at('one'))?.root).toBe(join(folder, 'one'));
    expect(await at('alias')).toEqual(await at('one'));
    expect(await at('two')).not.toEqual(await at('one'));
    expect((await at('one', { principal: bob }))?.key).not.toBe((await at('one'))?.key);
  });

  it('is what the client says rather than where it was started, and never where anything is started', async () => {
    const { run } = setUp('project', () => rootsAt('two'));
    const local = { folder: join(folder, 'one') };
    expect((await run(exchange({ local, session: session('1') }))).instance?.root).toBe(join(folder, 'two'));
    const silent = setUp('project');
    expect((await silent.run(exchange({ local, session: session('1') }))).instance?.root).toBe(join(folder, 'one'));
    await expect(silent.run(exchange({ local: { folder }, session: session('1') }))).rejects.toThrow('names none');
    const { answer } = await silent.run(exchange({ local: { folder }, era: 'stateless' }));
    expect(answer).toMatchObject({ result: { resultType: 'input_required' } });
  });

  it.each([
    ['a file', () => join(folder, 'file')],
    ['nothing', () => join(folder, 'nowhere')],
    ['a relative path', () => 'one'],
  ])('takes no project that is %s', async (_what, path) => {
    await expect(setUp('project').run(exchange({ local: { folder: path() } }))).rejects.toThrow(
      'The project of this client',
    );
  });

  it('takes no project from another machine', async () => {
    const { run, asked } = setUp('project', () => rootsAt('one'));
    await expect(run(exchange({ local: undefined }))).rejects.toThrow('that machine');
    expect(asked).toEqual([]);
  });

  it('asks a session for its roots once, and again when they have changed', async () => {
    let now = 'one';
    const { run, projects, asked } = setUp('project', () => rootsAt(now, 'two'));
    const mine = session('1');
    const [first] = await Promise.all([run(exchange({ session: mine })), run(exchange({ session: mine }))]);
    expect(first.instance?.root).toBe(join(folder, 'one'));
    expect(asked).toHaveLength(1);
    now = 'two';
    expect((await run(exchange({ session: mine }))).instance?.root).toBe(join(folder, 'one'));
    projects.rootsChanged(mine);
    expect((await run(exchange({ session: mine }))).instance?.root).toBe(join(folder, 'two'));
    expect((await run(exchange({ session: session('2') }))).instance?.root).toBe(join(folder, 'two'));
    expect(asked).toHaveLength(3);
  });

  it('asks again when there was no answer', async () => {
    const said: { roots?: JsonObject } = {};
    const { run } = setUp('project', () => said.roots);
    const mine = session('1');
    await expect(run(exchange({ session: mine }))).rejects.toThrow('names none');
    said.roots = rootsAt('one');
    expect((await run(exchange({ session: mine }))).instance?.root).toBe(join(folder, 'one'));
  });

  it('does not ask who cannot be asked', async () => {
    const client = { info: undefined, capabilities: {} };
    for (const era of ['session', 'stateless'] as const) {
      await expect(setUp('project').run(exchange({ era, client, session: session('1') }))).rejects.toThrow(
        'names none',
      );
    }
    await expect(setUp('project').run(exchange({ era: 'stateless', method: 'completion/complete' }))).rejects.toThrow(
      'names none',
    );
  });
});

describe('the project of a stateless call', () => {
  const stateless = (params: JsonObject = {}, more: Fake = {}): Exchange =>
    exchange({ era: 'stateless', revision: '2026-07-28', params, ...more });

  async function asked(run: (from: Exchange) => Promise<Passed>, params: JsonObject = {}): Promise<JsonObject> {
    const { answer } = await run(stateless(params));
    expect(answer).toMatchObject({ kind: 'value', result: { resultType: 'input_required' } });
    return (answer as { result: JsonObject }).result;
  }

  it('is asked for in a round of its own, which the server does not see', async () => {
    const { run } = setUp('project');
    const { inputRequests, requestState } = await asked(run);
    const [key] = Object.keys(inputRequests as JsonObject) as [string];
    expect(inputRequests).toEqual({ [key]: { method: 'roots/list' } });
    const passed = await run(
      stateless({ inputResponses: { [key]: rootsAt('one') }, requestState: requestState as string }),
    );
    expect(passed.instance?.root).toBe(join(folder, 'one'));
    expect(passed.exchange.message.params).toEqual({ name: 't' });
    expect(JSON.parse(passed.exchange.text)).toEqual(passed.exchange.message);
  });

  it('keeps what the client brought for the server', async () => {
    const { run } = setUp('project');
    const brought = { inputResponses: { q: { action: 'accept' } }, requestState: 'of the server' };
    const { inputRequests, requestState } = await asked(run, brought);
    const [key] = Object.keys(inputRequests as JsonObject) as [string];
    const passed = await run(
      stateless({ inputResponses: { [key]: rootsAt('two') }, requestState: requestState as string }),
    );
    expect(passed.exchange.message.params).toEqual({ name: 't', ...brought });
  });

  it("takes no state of another principal's, another endpoint's or another tool's", async () => {
    const { run } = setUp('project');
    const { inputRequests, requestState } = await asked(run);
    const [key] = Object.keys(inputRequests as JsonObject) as [string];
    const params = { inputResponses: { [key]: rootsAt('one') }, requestState: requestState as string };
    for (const more of [{ principal: bob }, { endpoint: '/mcp/s/x' }, { params: { ...params, name: 'u' } }]) {
      await expect(run(stateless(params, more))).rejects.toThrow('not given out for this request');
    }
    await expect(run(stateless({ inputResponses: { [key]: rootsAt('one') } }))).rejects.toThrow('not given out');
  });

  it('says which root it cannot use', async () => {
    const { run } = setUp('project');
    const { inputRequests, requestState } = await asked(run);
    const [key] = Object.keys(inputRequests as JsonObject) as [string];
    const roots = { roots: [{ uri: 'https://example.com/' }] };
    await expect(
      run(stateless({ inputResponses: { [key]: roots }, requestState: requestState as string })),
    ).rejects.toThrow('no file URI');
  });
});
