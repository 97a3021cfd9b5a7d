import {
  preparedResult,
  principalKey,
  type Answer,
  type Exchange,
  type Principal,
  type Session,
} from '@sallyport/server';
import type { JsonObject, JsonRpcNotification } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import type { Audience, Call, Decision, Target } from '../call.ts';
import { createAnnotationsOf, TaskRoom, type TasksOptions } from './index.ts';

const BOB = { issuer: 'local', subject: 'bob', roles: [] };

interface Bench {
  readonly room: TaskRoom;
  /** Servers that were asked for their tasks. */
  readonly asked: string[];
  readonly tools: Map<string, { readonly id: string; readonly annotations: JsonObject | undefined }>;
  /** Canonical ids that may not be seen, and servers that may not be used. */
  readonly denied: Set<string>;
}

const AT = ' at ';
const RELATED_TASK = 'io.modelcontextprotocol/related-task';

/** Servers `a` and `b` with the tasks that are given. What is sealed can be read. */
function bench(tasks: readonly string[] = []): Bench {
  const asked: string[] = [];
  const denied = new Set<string>();
  const tools: Bench['tools'] = new Map();
  const audience: Audience = {
    key: 'bob',
    maySee: (_kind, _server, id) => !denied.has(id),
    mayKnow: (server) => !denied.has(server),
    mayUse: (server) => !denied.has(server),
    mayEnter: () => true,
  };
  let seals = 0;
  const options: TasksOptions = {
    // No two seals are the same text.
    seal: (plain, bound) => `${++seals}:${plain}${AT}${bound}`,
    unseal: (sealed, bound) =>
      sealed.endsWith(AT + bound) ? sealed.slice(sealed.indexOf(':') + 1, -(AT + bound).length) : undefined,
    textOf: (answer) => Promise.resolve(`${answer.before.toString()}1${answer.after.toString()}`),
    servers: () => ['a', 'b'].filter((server) => audience.mayKnow(server)),
    audienceOf: () => audience,
    annotationsOf: createAnnotationsOf(() => new Map(tools)),
    list: (server) => {
      asked.push(server);
      return Promise.resolve(tasks.map((taskId) => ({ taskId, status: 'working' })));
    },
    log: () => {},
  };
  return { room: new TaskRoom(options), asked, tools, denied };
}

interface FakeSession extends Session {
  readonly got: JsonRpcNotification[];
}

function session(): FakeSession {
  const got: JsonRpcNotification[] = [];
  const notify = (message: JsonRpcNotification): void => void got.push(message);
  return { got, notify, endpoint: '/mcp', principal: BOB } as never;
}

function exchangeOf(method: string, params: JsonObject, owner?: Session): Exchange {
  const message = { jsonrpc: '2.0', id: 1, method, params };
  const text = JSON.stringify(message);
  return { era: 'session', endpoint: '/mcp', principal: BOB, message, text, session: owner } as never;
}

function toolCall(tool: string, given: JsonObject = {}, more: Partial<Call> = {}, owner?: Session): Call {
  const target: Target = { server: 'a', kind: 'tool', canonicalId: `a__${tool}`, original: tool };
  return { exchange: exchangeOf('tools/call', { name: tool, arguments: given, task: {} }, owner), target, ...more };
}

/** The way of a call through the room, with what its server answers: the result as the client reads it. */
async function answered(room: TaskRoom, call: Call, result: object): Promise<JsonObject> {
  const answer: Answer = await room.step(call, () => Promise.resolve(preparedResult(JSON.stringify(result))));
  return JSON.parse((answer as Answer & { kind: 'result' }).after.toString().slice(',"result":'.length, -1)) as never;
}

async function begun(room: TaskRoom, call: Call, taskId: string): Promise<string> {
  const { task } = await answered(room, call, { task: { taskId } });
  return (task as { taskId: string }).taskId;
}

function taskCall(taskId: string, original: string): Call {
  const target: Target = { server: 'a', kind: 'task', canonicalId: original, original };
  return { exchange: exchangeOf('tasks/get', { taskId }), target };
}

const anyone: Call = { exchange: exchangeOf('tasks/get', {}) };
const ASK: Decision = { effect: 'ask', rule: 'rules[0]' };

describe('a task that is opened', () => {
  it('AUT-02 names the call that made it, with what is believed of the tool now', async () => {
    const { room, tools } = bench();
    tools.set('write', { id: 'a__write', annotations: { destructiveHint: false } });
    const id = await begun(room, toolCall('write', { path: '/tmp' }, { decision: ASK }), 't1');
    expect(room.open(id, anyone)).toEqual({
      server: 'a',
      original: 't1',
      madeBy: {
        canonicalId: 'a__write',
        annotations: { destructiveHint: false },
        arguments: { path: '/tmp' },
        approved: true,
      },
    });
    tools.set('write', { id: 'a__write', annotations: undefined });
    expect(room.open(id, anyone)?.madeBy).toEqual({
      canonicalId: 'a__write',
      arguments: { path: '/tmp' },
      approved: true,
    });
    tools.clear();
    expect(room.open(id, anyone)?.madeBy?.annotations).toEqual({ destructiveHint: true });
  });

  it('was approved only where a person was asked', async () => {
    const { room } = bench();
    const decision: Decision = { effect: 'allow', rule: 'default' };
    const id = await begun(room, toolCall('read', {}, { decision }), 't1');
    expect(room.open(id, anyone)?.madeBy).toMatchObject({ canonicalId: 'a__read', approved: false });
  });

  it('AUT-02 names its tool to a gateway that has forgotten it, also under the id that is given then', async () => {
    const id = await begun(bench().room, toolCall('write', { path: '/tmp' }, { decision: ASK }), 't1');
    const { room } = bench();
    const madeBy = { canonicalId: 'a__write', annotations: { destructiveHint: true }, approved: true };
    expect(room.open(id, anyone)).toEqual({ server: 'a', original: 't1', madeBy });
    const { taskId } = await answered(room, taskCall(id, 't1'), { taskId: 't1', status: 'working' });
    expect(room.open(taskId as string, anyone)).toEqual({ server: 'a', original: 't1', madeBy });
  });

  it('names no tool where its id does not, and nothing to another principal', () => {
    const { room } = bench();
    const old = `a t 1${AT}["local","bob"] /mcp`;
    expect(room.open(old, anyone)).toEqual({ server: 'a', original: 't 1' });
    const other = { ...anyone.exchange, principal: { ...BOB, subject: 'eve' } } as Exchange;
    expect(room.open(old, { exchange: other })).toBeUndefined();
  });

  it('has no arguments where they were long', async () => {
    const { room } = bench();
    const id = await begun(room, toolCall('write', { text: '-'.repeat(2000) }), 't1');
    expect(room.open(id, anyone)?.madeBy).not.toHaveProperty('arguments');
  });

  it('keeps its tool when an answer to another call points at it', async () => {
    const { room } = bench();
    await begun(room, toolCall('write'), 't1');
    const related = { _meta: { [RELATED_TASK]: { taskId: 't1' } } };
    for (const params of [
      await answered(room, toolCall('read'), { content: [], ...related }),
      room.shown(toolCall('read'), related),
    ]) {
      const meta = params?.['_meta'] as Record<string, { taskId: string }>;
      const taskId = meta[RELATED_TASK]?.taskId ?? '';
      // The id itself says so, also when nothing else is known any more.
      for (const each of [room, bench().room]) {
        expect(each.open(taskId, anyone)?.madeBy?.canonicalId).toBe('a__write');
      }
    }
  });
});

describe('a right that was taken away', () => {
  const listed = async (room: TaskRoom): Promise<readonly { taskId: string }[]> => {
    const answer = await room.list({ exchange: exchangeOf('tasks/list', {}) }, () => Promise.reject(new Error('end')));
    return (answer as Answer & { kind: 'value' }).result['tasks'] as never;
  };

  it('AUT-02 takes tasks off the list, and its server is not asked', async () => {
    const { asked, denied, room } = bench(['t1', 't2']);
    await begun(room, toolCall('write'), 't1');
    await begun(room, toolCall('read'), 't2');
    const all = await listed(room);
    expect(all.map(({ taskId }) => room.open(taskId, anyone)?.madeBy?.canonicalId)).toEqual(['a__write', 'a__read']);
    denied.add('a__write');
    expect((await listed(room)).map(({ taskId }) => room.open(taskId, anyone)?.original)).toEqual(['t2']);
    asked.length = 0;
    denied.add('a');
    expect([await listed(room), asked]).toEqual([[], ['b']]);
  });

  it.each(['a__write', 'a'])('AUT-02 silences the news of them: %s', async (what) => {
    const { denied, room } = bench();
    const mine = session();
    await begun(room, toolCall('write', {}, {}, mine), 't1');
    const news: JsonRpcNotification = {
      jsonrpc: '2.0',
      method: 'notifications/tasks/status',
      params: { taskId: 't1', status: 'completed' },
    };
    room.status('a', news);
    expect(mine.got).toHaveLength(1);
    const taskId = mine.got[0]?.params?.['taskId'] as string;
    expect(room.open(taskId, anyone)?.madeBy?.canonicalId).toBe('a__write');
    // Another's instance knows nothing of it, whatever it says.
    room.status('a', news, JSON.stringify(['local', 'somebody else']));
    expect(mine.got).toHaveLength(1);
    room.status('a', news, principalKey(BOB));
    expect(mine.got.splice(1)).toHaveLength(1);
    denied.add(what);
    room.status('a', news);
    expect(mine.got).toHaveLength(1);
  });
});

describe('the id of a task', () => {
  it('is the same text each time, in answers, lists and news, so that a client knows its task by it', async () => {
    const { room } = bench(['t1']);
    const owner = session();
    const id = await begun(room, toolCall('work', {}, {}, owner), 't1');
    expect((await answered(room, taskCall(id, 't1'), { taskId: 't1', status: 'working' }))['taskId']).toBe(id);
    room.status('a', { jsonrpc: '2.0', method: 'notifications/tasks/status', params: { taskId: 't1' } });
    expect(owner.got[0]?.params?.['taskId']).toBe(id);
    const { result } = (await room.list(anyone, () => Promise.reject(new Error('unused')))) as { result: JsonObject };
    expect(result['tasks']).toEqual([{ taskId: id, status: 'working' }]);
    // Another process, or one that has forgotten it, gives back what it was asked by.
    const other = bench().room;
    expect((await answered(other, taskCall(id, 't1'), { taskId: 't1', status: 'working' }))['taskId']).toBe(id);
  });
});

describe('a task that is to be heard of', () => {
  const listener = (principal: Principal = BOB): Exchange => ({ endpoint: '/mcp', principal }) as never;

  it('is its owner’s, remembered, and made by a tool that may be seen; its instance is named', async () => {
    const { denied, room } = bench();
    const instance = { key: 'bobs', owner: 'bob', principal: BOB };
    const id = await begun(room, toolCall('work', {}, { instance }), 't1');
    const heard = (who: Exchange): unknown => room.listenable(who, [id, 'unknown']);
    expect(heard(listener())).toEqual([{ taskId: id, server: 'a', original: 't1', instance }]);
    expect(heard(listener({ ...BOB, subject: 'mallory' }))).toEqual([]);
    denied.add('a__work');
    expect(heard(listener())).toEqual([]);
    expect(bench().room.listenable(listener(), [id])).toEqual([]);
  });
});
