/** Tasks by the rights of today: what is asked of one is decided as the call of the tool that made it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configurationText } from '../gateway/gateway.ts';
import { openSession, type Message, type RawSession } from '../gateway/raw-client.ts';
import { serveRaw, type RawHttp } from '../gateway/raw-http.ts';
import type { Wire } from '../gateway/raw-server.ts';
import { temporaryHome } from '../support/home.ts';
import { bearer, randomKey, startGuarded, type Guarded } from './support.ts';

const METHODS = ['tasks/get', 'tasks/result', 'tasks/cancel', 'tasks/update'];

/** A server of the session era: each call of a tool makes a task. */
function serveTasks(): Promise<RawHttp> {
  let count = 0;
  return serveRaw({
    era: 'session',
    tools: ['read', 'write', 'move'].map((name) => ({
      name,
      inputSchema: {},
      annotations: { destructiveHint: name === 'move' },
      execution: { taskSupport: 'optional' },
    })),
    capabilities: { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } },
    before: ({ id, method = '', params }, wire: Wire) => {
      if (method !== 'tools/call' && !method.startsWith('tasks/')) return false;
      const all = Array.from({ length: count }, (_, n) => ({
        taskId: `t${n + 1}`,
        status: 'working',
      }));
      const result =
        method === 'tools/call'
          ? { task: { taskId: `t${++count}`, status: 'working' } }
          : method === 'tasks/list'
            ? { tasks: all }
            : { taskId: params?.['taskId'], status: 'working' };
      wire.send(JSON.stringify({ jsonrpc: '2.0', id, result }));
      return true;
    },
  });
}

interface Setting extends AsyncDisposable {
  readonly a: RawHttp;
  readonly b: RawHttp;
  readonly place: Guarded;
  readonly bob: RawSession;
  /** Takes rules into force beside those that were given. */
  readonly add: (...more: readonly object[]) => Promise<void>;
}

async function setting(rules: readonly object[], capabilities: Record<string, unknown> = {}): Promise<Setting> {
  const stack = new AsyncDisposableStack();
  const home = stack.use(await temporaryHome());
  const [a, b] = [stack.use(await serveTasks()), stack.use(await serveTasks())];
  const [key, file] = [randomKey(), join(home.path, 'sallyport.json')];
  const mcpServers = { a: { url: a.url, type: 'http' }, b: { url: b.url, type: 'http' } };
  const configuration = { mcpServers, auth: { keys: [{ name: 'bob', key, roles: ['dev'] }] } };
  const policy = (all: readonly object[]): object => ({ roles: { dev: {} }, rules: all });
  const place = stack.use(await startGuarded({ ...configuration, policy: policy(rules) }, { file }));
  await place.started.gateway.rooms.catalog.root.ready();
  return {
    a,
    b,
    place,
    bob: await openSession(place.started.url, capabilities, bearer(key)),
    add: async (...more) => {
      await writeFile(file, configurationText({ ...configuration, policy: policy([...rules, ...more]) }));
      await place.started.gateway.reload();
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function taskIdOf(result: Message['result']): string {
  return (result as { task: { taskId: string } }).task.taskId;
}

async function begin(bob: RawSession, name: string, given: object = {}): Promise<string> {
  const { result } = await bob.call('tools/call', { name, arguments: given, task: {} });
  return taskIdOf(result);
}

const codes = (bob: RawSession, taskId: string): Promise<unknown[]> =>
  Promise.all(METHODS.map(async (method) => (await bob.call(method, { taskId })).error?.code));

const reached = ({ server }: RawHttp): number => METHODS.reduce((sum, method) => sum + server.of(method).length, 0);

const listed = async (bob: RawSession): Promise<number> => {
  const { result } = await bob.call('tasks/list');
  return (result as { tasks: unknown[] }).tasks.length;
};

const ALLOW = { effect: 'allow', servers: ['a', 'b'] };
const news = ({ method }: Message): boolean => method === 'notifications/tasks/status';

describe('AUT-02 a task', () => {
  it('is refused as soon as a call of its tool would be: a condition that does not hold any more', async () => {
    await using set = await setting([ALLOW]);
    const { a, add, bob } = set;
    const [write, read] = [await begin(bob, 'a__write'), await begin(bob, 'a__read')];
    expect(await codes(bob, write)).toEqual([undefined, undefined, undefined, undefined]);
    await add({ effect: 'deny', tools: ['a__write'], when: "!inCidr(address, '10.0.0.0/8')" });
    const before = reached(a);
    const refused = await bob.call('tools/call', { name: 'a__write', arguments: {} });
    expect(new Set(await codes(bob, write))).toEqual(new Set([refused.error?.code]));
    expect(reached(a)).toBe(before);
    expect(await codes(bob, read)).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('is unknown, unlisted and silent when its tool may not be seen any more, and no server is asked in vain', async () => {
    await using set = await setting([ALLOW]);
    const { a, add, b, bob } = set;
    const [write, ofB] = [await begin(bob, 'a__write'), await begin(bob, 'b__write')];
    await begin(bob, 'a__read');
    const stream = await bob.listen();
    await expect.poll(() => a.server.broadcasts.size).toBeGreaterThan(0);
    expect(await listed(bob)).toBe(3);
    await add({ effect: 'deny', tools: ['a__write'] }, { effect: 'deny', servers: ['b'] });
    const [asked, before] = [b.server.of('tasks/list').length, reached(a) + reached(b)];
    expect(await listed(bob)).toBe(1);
    expect(b.server.of('tasks/list')).toHaveLength(asked);
    for (const taskId of [write, ofB]) expect(new Set(await codes(bob, taskId))).toEqual(new Set([-32602]));
    expect(reached(a) + reached(b)).toBe(before);
    for (const taskId of ['t1', 't2']) {
      a.server.broadcast('notifications/tasks/status', { taskId, status: taskId });
    }
    const { message } = await stream.messages.until((arrived) => news(arrived.message), 'the news');
    expect(message.params?.['status']).toBe('t2');
    stream.abort();
  });

  it('meets the conditions on the arguments of its call', async () => {
    await using set = await setting([{ effect: 'allow', tools: ['a__*'], when: "arguments.path == '/tmp'" }]);
    const { bob } = set;
    const taskId = await begin(bob, 'a__write', { path: '/tmp' });
    expect(await codes(bob, taskId)).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('AUT-14 that a person allowed is not asked about again, and one that nobody was asked about is', async () => {
    await using set = await setting([{ effect: 'ask', tools: ['a__write'] }, ALLOW], {
      elicitation: {},
    });
    const { add, bob } = set;
    const begun = await bob.start('tools/call', { name: 'a__write', arguments: {}, task: {} });
    const asked = ({ message }: { readonly message: Message }): boolean => message.method === 'elicitation/create';
    const question = await begun.messages.until(asked, 'the question');
    await bob.tell({
      id: question.message.id,
      result: { action: 'accept', content: { approve: true } },
    });
    const taskId = taskIdOf((await begun.last).message.result);
    expect(await codes(bob, taskId)).toEqual([undefined, undefined, undefined, undefined]);
    const free = await begin(bob, 'a__read');
    await add({ effect: 'ask', tools: ['a__read'] });
    const again = await bob.start('tasks/get', { taskId: free });
    const { message } = await again.messages.until(asked, 'another question');
    await bob.tell({ id: message.id, result: { action: 'decline' } });
    expect((await again.last).message.error).toBeDefined();
  });
});
