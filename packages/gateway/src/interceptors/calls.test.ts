import type { Answer } from '@sallyport/server';
import type { JsonObject } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import type { Call, Target } from '../call.ts';
import { Refused } from '../errors.ts';
import { BREAKER_FAILURES, BREAKER_MS } from './breaker.ts';
import { bytesAnswer, callOf, open, route, settings, type Opened, type Reply } from './testing/room.ts';

const PASS = { action: 'pass' };
const text = (said: string): JsonObject => ({ content: [{ type: 'text', text: said }] });
const replace = (member: string, value: unknown): object => ({ action: 'replace', [member]: value });

/** What a server is sent, and what a caller reads of its answer. */
async function through(
  opened: Opened,
  call: Call,
  answer: Answer = bytesAnswer(text('ok')),
): Promise<{ readonly sent: Call[]; readonly read: Answer }> {
  const sent: Call[] = [];
  const read = await route(opened.room, async (made) => {
    sent.push(made);
    return answer;
  })(call);
  return { sent, read };
}

/** What a client reads, in bytes as every result of a server is. */
function resultOf(answer: Answer): unknown {
  if (answer.kind !== 'result') throw new Error(`an answer of kind ${answer.kind}`);
  return (JSON.parse(`${answer.before.toString()}0${answer.after.toString()}`) as { result: unknown }).result;
}

const before = (more: object = {}): ReturnType<typeof settings> => settings('a', { phases: ['before-call'], ...more });
const after = (more: object = {}): ReturnType<typeof settings> => settings('a', { phases: ['after-call'], ...more });

describe('arguments', () => {
  it('go through one interceptor after the other, and are decided once more where they changed', async () => {
    const opened = open([before(), { ...before(), name: 'b' }], ({ arguments: args }, name) =>
      replace('arguments', { ...(args as object), [name]: 1 }),
    );
    const again: unknown[] = [];
    const sent: Call[] = [];
    const made = route(
      opened.room,
      async (call) => {
        sent.push(call);
        return bytesAnswer(text('ok'));
      },
      (call, next) => {
        again.push(call.exchange.message.params?.['arguments']);
        return next(call);
      },
    );
    await made(callOf({ x: 0 }));
    expect(again).toEqual([{ x: 0, a: 1, b: 1 }]);
    expect(JSON.parse(sent[0]?.exchange.text ?? '')).toMatchObject({ params: { arguments: { x: 0, a: 1, b: 1 } } });
    expect(opened.asked[1]?.question['arguments']).toEqual({ x: 0, a: 1 });
    expect(opened.told).toEqual(
      ['a', 'b'].map((interceptor) => ({ interceptor, phase: 'before-call', outcome: 'replace', passed: true })),
    );
  });

  it('that nobody changes go on as they were written', async () => {
    const opened = open([before()], () => PASS);
    const call = callOf({ n: 1 });
    const { exchange } = call;
    const { sent } = await through(opened, call);
    expect(sent[0]?.exchange).toBe(exchange);
    expect(opened.told).toEqual([]);
    expect((await through(opened, callOf(undefined))).sent[0]?.exchange.message.params).toEqual({ name: 'shown' });
  });

  it('that a decision refuses afterwards are sent to nobody', async () => {
    const opened = open([before()], () => replace('arguments', {}));
    const made = route(
      opened.room,
      () => Promise.reject(new Error('sent')),
      () => {
        throw new Refused('refused', 'by policy');
      },
    );
    await expect(made(callOf({ x: 1 }))).rejects.toThrow('by policy');
  });

  it('that are denied are refused in the words of the interceptor, on one line', async () => {
    const opened = open([before(), { ...before(), name: 'b' }], () => ({
      action: 'deny',
      message: `no\n\u202ethis ${'x'.repeat(600)}`,
    }));
    const error = (await through(opened, callOf({})).catch((caught: unknown) => caught)) as Refused;
    expect(error).toMatchObject({ key: 'refused', data: { reason: 'interceptor' } });
    expect(error.message).toMatch(/^no this x+…$/);
    expect(error.message).toHaveLength(500);
    expect(opened.asked).toHaveLength(1);
    expect(opened.told).toEqual([{ interceptor: 'a', phase: 'before-call', outcome: 'deny', passed: false }]);
  });

  it('that are denied with a credential of the gateway are refused without it', async () => {
    const opened = open([before()], () => ({ action: 'deny', message: `because of ${opened.own}` }));
    await expect(through(opened, callOf({}))).rejects.toThrow(/^The call was refused\.$/);
  });

  it.each([[[{ ticket: 1 }]], 'text', 1, null])('that are no object are sent to nobody: %j', async (given) => {
    const opened = open([before()], () => ({ action: 'pass' }));
    await expect(through(opened, callOf(given as never))).rejects.toThrow('an object');
    expect(opened.asked).toEqual([]);
  });

  it('that the guard will refuse are shown to nobody', async () => {
    const opened = open([before()], () => ({ action: 'deny' }));
    const { sent } = await through(opened, callOf({ key: opened.own }));
    expect(sent).toHaveLength(1);
    expect(opened.asked).toEqual([]);
  });
});

describe('a result', () => {
  const PICTURE = { type: 'image', data: 'AAAA', mimeType: 'image/png' };

  it('is another one for the caller, and of the same kind', async () => {
    const opened = open([after()], ({ result }) =>
      replace('result', {
        ...(result as object),
        resultType: 'mine',
        content: [{ type: 'text', text: '***' }, PICTURE],
        structuredContent: { n: 1 },
      }),
    );
    const full = { ...text('secret'), structuredContent: { n: 2 }, resultType: 'complete', isError: true };
    const { read } = await through(opened, callOf({}), bytesAnswer(full));
    expect(resultOf(read)).toEqual({
      content: [{ type: 'text', text: '***' }, PICTURE],
      structuredContent: { n: 1 },
      resultType: 'complete',
      isError: true,
    });
    expect(opened.asked[0]?.question).toMatchObject({ phase: 'after-call', tool: 'up__t', result: full });
  });

  it('that nobody changes passes byte for byte', async () => {
    const opened = open([after()], () => PASS);
    const answer = bytesAnswer({ ...text('ok'), odd: 1e30 });
    expect((await through(opened, callOf({}), answer)).read).toBe(answer);
    const value: Answer = { kind: 'value', result: text('ok') };
    expect((await through(opened, callOf({}), value)).read).toBe(value);
  });

  it('that flows is shown as a whole', async () => {
    const opened = open([after()], () => PASS);
    const rest = { bytes: 0, pipe: () => undefined, resume: () => undefined, cancel: () => undefined };
    const { read } = await through(opened, callOf({}), { ...bytesAnswer(text('ok')), rest });
    expect(read).toEqual(bytesAnswer(text('ok')));
  });

  it('with a credential of the gateway put into it is withheld', async () => {
    const opened = open([after()], () => replace('result', text(`here: ${opened.own}`)));
    await expect(through(opened, callOf({}))).rejects.toThrow('holds a credential of the gateway');
  });

  it('that is denied is withheld, and what of it is still to come is given up', async () => {
    const opened = open([after()], () => ({ action: 'deny' }));
    let cancelled = 0;
    const rest = { bytes: 5, pipe: () => undefined, resume: () => undefined, cancel: () => void cancelled++ };
    await expect(through(opened, callOf({}), { ...bytesAnswer(text('')), rest })).rejects.toThrow('withheld');
    expect(cancelled).toBe(1);
  });

  it.each<[string, JsonObject, Partial<Target>]>([
    ['a question to the client', { resultType: 'input_required', inputRequests: {} }, {}],
    ['a task that has begun', { task: { taskId: 't', status: 'working' } }, {}],
    ['a task that has begun, in the other era', { resultType: 'task', taskId: 't', status: 'working' }, {}],
    ['news of a task', { taskId: 't', status: 'working' }, { kind: 'task' }],
  ])('that is %s is none yet', async (_what, result, target) => {
    const opened = open([after()], () => ({ action: 'deny' }));
    const call = callOf({}, target);
    await through(opened, call, bytesAnswer(result));
    expect(opened.asked).toEqual([]);
  });

  it('with content counts as one, whatever it calls itself', async () => {
    const opened = open([after()], () => ({ action: 'deny' }));
    const sly = { ...text('secret'), resultType: 'input_required', task: {}, taskId: 't', status: 'working' };
    await expect(through(opened, callOf({}), bytesAnswer(sly))).rejects.toThrow('withheld');
  });

  it('of a task is looked at as that of the tool which made it', async () => {
    const opened = open([after({ tools: ['up__made'] })], () => replace('result', text('***')));
    const task = { kind: 'task', madeBy: { canonicalId: 'up__made', approved: false } } as const;
    const own = await through(
      opened,
      callOf(undefined, task),
      bytesAnswer({ ...text('secret'), resultType: 'complete' }),
    );
    expect(resultOf(own.read)).toEqual({ ...text('***'), resultType: 'complete' });
    const inner = { taskId: 't', status: 'completed', result: { ...text('secret'), resultType: 'complete' } };
    const { read } = await through(opened, callOf(undefined, task), bytesAnswer(inner));
    expect(resultOf(read)).toEqual({ ...inner, result: { ...text('***'), resultType: 'complete' } });
    expect(opened.asked[0]?.question['tool']).toBe('up__made');
    const other = { kind: 'task', madeBy: { canonicalId: 'up__other', approved: false } } as const;
    const foreign = bytesAnswer(text('x'));
    expect((await through(opened, callOf(undefined, other), foreign)).read).toBe(foreign);
  });

  it('of a task whose tool is not known any more is shown to all who look at its server', async () => {
    const opened = open([after({ tools: ['up__made'], servers: ['up'] })], () => ({ action: 'deny' }));
    await expect(through(opened, callOf(undefined, { kind: 'task' }), bytesAnswer(text('x')))).rejects.toThrow(
      'withheld',
    );
  });

  it('of more bytes than may be shown is withheld, or passes unseen where that is configured', async () => {
    const big = bytesAnswer(text('x'.repeat(20_000)));
    const closed = open([after()], () => PASS);
    await expect(through(closed, callOf({}), big)).rejects.toThrow('could not be checked, so it is withheld');
    const lax = open([after({ onError: 'open' })], () => PASS);
    expect((await through(lax, callOf({}), big)).read).toBe(big);
    for (const { asked, told } of [closed, lax]) {
      expect(asked).toEqual([]);
      expect(told).toMatchObject([{ outcome: 'failed' }]);
    }
  });
});

describe('an answer that cannot be used', () => {
  it.each<[string, object]>([
    ['nothing', {}],
    ['a list', []],
    ['an unknown action', { action: 'allow' }],
    ['no arguments', { action: 'replace', arguments: [1] }],
    ['a result instead of arguments', { action: 'replace', result: text('x') }],
    [
      'more levels than a message may have',
      replace('arguments', JSON.parse('{"a":'.repeat(80) + '1' + '}'.repeat(80))),
    ],
  ])('is none: %s', async (_what, answer) => {
    const closed = open([before()], () => answer);
    await expect(through(closed, callOf({ x: 1 }))).rejects.toThrow('could not be checked, so it is not made');
    const lax = open([before({ onError: 'open' })], () => answer);
    expect((await through(lax, callOf({ x: 1 }))).sent[0]?.exchange.message.params?.['arguments']).toEqual({ x: 1 });
    expect(lax.told).toMatchObject([{ outcome: 'failed', passed: true }]);
  });

  it.each([
    { content: 'x' },
    { structuredContent: {} },
    { content: [{ text: 'no type' }] },
    { ...text('x'), isError: 'yes' },
    { ...text('x'), structuredContent: 'x' },
  ])('is no result: %j', async (result) => {
    const opened = open([after()], () => replace('result', result));
    await expect(through(opened, callOf({}))).rejects.toThrow('could not be checked');
  });
});

describe('an interceptor that fails', () => {
  const failing: Reply = () => Promise.reject(new Error('no way'));

  it('says nothing of it to callers, and the log why, once in a while', async () => {
    const opened = open([before()], failing);
    const error = (await through(opened, callOf({})).catch((caught: unknown) => caught)) as Refused;
    expect(error.message).not.toContain('no way');
    expect(error.detail).toBe('the interceptor "a": no way');
    await through(opened, callOf({})).catch(() => undefined);
    expect(opened.logged).toHaveLength(1);
    expect(opened.told).toHaveLength(2);
  });

  it('costs those nothing that it does not concern', async () => {
    const opened = open([before({ tools: ['up__t'] }), before({ name: 'b', servers: ['down'] })], failing);
    await through(opened, callOf({}, { canonicalId: 'up__u' }));
    await through(opened, callOf({}, { kind: 'prompt' }));
    await through(opened, callOf({}, { kind: 'server' }));
    expect(opened.asked).toEqual([]);
  });

  it('is left alone after a while, and asked again after another', async () => {
    let isDown = true;
    const opened = open([before()], () => (isDown ? failing({}, 'a') : PASS));
    for (let n = 0; n < BREAKER_FAILURES + 3; n++) await through(opened, callOf({})).catch(() => undefined);
    expect(opened.asked).toHaveLength(BREAKER_FAILURES);
    expect(opened.life).toEqual(['open a', 'renew a']);
    expect(opened.room.notes()).toEqual([expect.stringContaining('"a" does not answer')]);
    isDown = false;
    await expect(through(opened, callOf({}))).rejects.toThrow('could not be checked');
    opened.nowMs += BREAKER_MS;
    await through(opened, callOf({}));
    await through(opened, callOf({}));
    expect(opened.room.notes()).toEqual([]);
    expect(opened.room.counts()).toContainEqual({ interceptor: 'a', phase: 'before-call', outcome: 'pass', count: 2 });
    expect(opened.room.counts()).toContainEqual({
      interceptor: 'a',
      phase: 'before-call',
      outcome: 'failed',
      count: 9,
    });
  });

  it('is not left alone for answers that cannot be used: whoever is called may make it give those', async () => {
    const opened = open([before()], () => ({ action: 'odd' }));
    for (let n = 0; n < BREAKER_FAILURES + 3; n++) await through(opened, callOf({})).catch(() => undefined);
    expect(opened.asked).toHaveLength(BREAKER_FAILURES + 3);
  });
});

describe('another configuration', () => {
  it('keeps what is the same, closes what is gone, and is in force at once', async () => {
    const answers: Reply = (_question, name) => ({ action: 'deny', message: name });
    const [a, b] = [before(), before({ name: 'b', onError: 'open' })];
    const opened = open([a], answers);
    expect(opened.room.isOn()).toBe(true);
    const target = callOf({}).target as NonNullable<Call['target']>;
    const refused = (): Promise<unknown> =>
      route(opened.room, () => Promise.reject(new Error('sent')))({ ...callOf({}), target });
    await expect(refused()).rejects.toThrow(/^a$/);
    opened.room.use([b, a]);
    await expect(refused()).rejects.toThrow(/^b$/);
    opened.room.use([{ ...b, onError: 'closed' }]);
    await expect(refused()).rejects.toThrow(/^b$/);
    expect(opened.life).toEqual(['open a', 'open b', 'close a']);
    opened.room.use([]);
    expect(opened.room.isOn()).toBe(false);
    await expect(refused()).rejects.toThrow('sent');
    opened.room.use([settings('l', { phases: ['list'] })]);
    expect(opened.room.isOn()).toBe(false);
  });
});
