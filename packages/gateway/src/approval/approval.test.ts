import type { Answer, ClientReply, Exchange } from '@sallyport/server';
import type { JsonObject } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import type { Call } from '../call.ts';
import { createApprove, type ApproveOptions } from './index.ts';

const DONE: Answer = { kind: 'value', result: { content: [] } };
const YES = { action: 'accept', content: { approve: true } };

/** Nothing is hidden, but what was not sealed here, or for something else, is not opened. */
function createSealer(): Pick<ApproveOptions, 'seal' | 'unseal'> {
  const sealed = new Map<string, string>();
  return {
    seal: (plain, bound) => {
      sealed.set(`${plain}#${sealed.size}`, bound);
      return [...sealed.keys()].at(-1) as string;
    },
    unseal: (text, bound) => (sealed.get(text) === bound ? text.slice(0, text.lastIndexOf('#')) : undefined),
  };
}

interface Setting {
  readonly run: (more?: Partial<Exchange>, params?: JsonObject, call?: Partial<Call>) => Promise<JsonObject>;
  readonly served: JsonObject[];
  readonly asked: JsonObject[];
  clockMs: number;
  answers: Answer[];
}

function setUp(more: Partial<ApproveOptions> = {}): Setting {
  const used = new Set<string>();
  let nonces = 0;
  const setting: Setting = { run: async () => ({}), served: [], asked: [], clockMs: 0, answers: [] };
  const approve = createApprove({
    ...createSealer(),
    canAsk: () => true,
    ask: async (_, __, params) => {
      setting.asked.push(params);
      return { result: YES };
    },
    use: async (nonce) => !used.has(nonce) && used.add(nonce) !== undefined,
    requestStateMs: () => 1000,
    sent: ({ exchange: { message } }) => message.params ?? {},
    salt: '',
    randomId: () => `n${nonces++}`,
    now: () => setting.clockMs,
    ...more,
  });
  const run: Setting['run'] = async (exchange = {}, params = {}, call = {}) => {
    const message = {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 's__drop', arguments: { a: 1 }, ...params },
    };
    const facts = {
      message,
      text: JSON.stringify(message),
      era: 'stateless',
      endpoint: '/mcp',
      principal: { issuer: 'local', subject: 'alice', roles: [] },
      cancelled: false,
      hold: () => undefined,
    };
    const described = Object.defineProperties(facts, Object.getOwnPropertyDescriptors(exchange));
    const answer = await approve(
      {
        exchange: described as unknown as Exchange,
        target: { server: 's', kind: 'tool', canonicalId: 's__drop', original: 'drop' },
        decision: { effect: 'ask', rule: 'rules[0]' },
        ...call,
      },
      async ({ exchange: { message: passed } }) => {
        setting.served.push(passed.params as JsonObject);
        return setting.answers.shift() ?? DONE;
      },
    );
    return answer.kind === 'value' ? answer.result : {};
  };
  return Object.assign(setting, { run });
}

const state = (result: JsonObject): string => result['requestState'] as string;
const answered = (result: JsonObject, response: JsonObject = YES): JsonObject => ({
  requestState: state(result),
  inputResponses: { 'sallyport-approval': response },
});

describe('without a policy that asks', () => {
  it.each(['allow', 'deny'] as const)('%s goes its way unasked', async (effect) => {
    const { run, asked, served } = setUp();
    await run({ era: 'session' }, {}, { decision: { effect, rule: 'r' } });
    expect([asked.length, served.length]).toEqual([0, 1]);
  });
});

describe('a session', () => {
  it.each<[string, ClientReply, boolean]>([
    ['a yes', { result: YES }, true],
    ['a form that was sent off without a yes', { result: { action: 'accept', content: { approve: false } } }, false],
    ['an acceptance of nothing', { result: { action: 'accept' } }, false],
    ['a no', { result: { action: 'decline', content: { approve: true } } }, false],
    ['a cancelled form', { result: { action: 'cancel' } }, false],
    ['a text for a yes', { result: { action: 'accept', content: { approve: 'true' } } }, false],
    ['an error', { error: { code: -1, message: 'x' } }, false],
  ])('AUT-14 goes on after %s or not at all', async (_, reply, goesOn) => {
    const { run, served } = setUp({ ask: async () => reply });
    const done = await run({ era: 'session' }).then(
      () => 'served',
      (error: unknown) => (error as { key?: string }).key,
    );
    expect([done, served.length]).toEqual(goesOn ? ['served', 1] : ['refused', 0]);
  });

  it('is refused where nobody can be asked', async () => {
    const { run, served } = setUp({ canAsk: () => false });
    await expect(run({ era: 'session' })).rejects.toMatchObject({ key: 'refused' });
    await expect(run({ era: 'stateless' })).rejects.toMatchObject({ key: 'refused' });
    await expect(run({ era: 'stateless', message: { method: 'x/y' } as never })).rejects.toMatchObject({
      key: 'refused',
    });
    expect(served).toHaveLength(0);
  });

  it('starts nothing with a yes that comes after its caller has gone', async () => {
    let isGone = false;
    const exchange = {
      era: 'session' as const,
      get cancelled() {
        return isGone;
      },
    };
    const { run, served } = setUp({
      ask: async () => {
        isGone = true;
        return { result: YES };
      },
    });
    await expect(run(exchange)).rejects.toMatchObject({ key: 'refused' });
    expect(served).toHaveLength(0);
  });

  it('shows the arguments whole, with nothing in them that cannot be seen', async () => {
    const { run, asked } = setUp();
    await run(
      { era: 'session' },
      { arguments: { path: 'a\u202eb\u200bc\u3164\u034f\u{e0041}', note: 'line\nbreak\u2028' }, task: { ttl: 9 } },
    );
    const text = asked[0]?.['message'] as string;
    expect(text).toContain('"drop" of the server "s"');
    expect(text).toContain(String.raw`a\u202eb\u200bc\u3164\u034f\udb40\udc41`);
    expect(text).toContain('"ttl": 9');
    expect(text).toContain(String.raw`line\nbreak\u2028`);
    await run({ era: 'session' }, { arguments: { path: 'x'.repeat(10_000) } });
    expect(asked[1]?.['message']).toMatch(/… and \d+ more characters$/);
  });
});

describe('a stateless client', () => {
  it('AUT-14 has nothing of an approval of a process that has forgotten what was used', async () => {
    const sealer = createSealer();
    const [before, after] = ['one', 'two'].map((salt) => setUp({ ...sealer, salt }));
    const round = (await before?.run()) ?? {};
    await expect(after?.run({}, answered(round))).rejects.toMatchObject({ key: 'invalid_params' });
    expect([before?.served, after?.served]).toEqual([[], []]);
  });

  it('is asked in a round of its own, and the server hears nothing of it', async () => {
    const { run, served } = setUp();
    const round = await run({}, { inputResponses: { x: 1 }, requestState: 'of the server' });
    expect(round).toMatchObject({
      resultType: 'input_required',
      inputRequests: { 'sallyport-approval': { method: 'elicitation/create' } },
    });
    expect(served).toHaveLength(0);
    await run({}, answered(round));
    expect(served).toEqual([
      { name: 's__drop', arguments: { a: 1 }, inputResponses: { x: 1 }, requestState: 'of the server' },
    ]);
  });

  it('AUT-14 uses an approval once', async () => {
    const { run, served } = setUp();
    const round = await run();
    await run({}, answered(round));
    await expect(run({}, answered(round))).rejects.toMatchObject({ key: 'invalid_params' });
    expect(served).toHaveLength(1);
  });

  it('AUT-14 has nothing of an approval that expired', async () => {
    const setting = setUp();
    const round = await setting.run();
    setting.clockMs = 1000;
    await expect(setting.run({}, answered(round))).rejects.toMatchObject({ key: 'invalid_params' });
    expect(setting.served).toHaveLength(0);
  });

  it.each<[string, Partial<Exchange>, JsonObject, Partial<Call>]>([
    ['other arguments', {}, { arguments: { a: 2 } }, {}],
    ['another caller', { principal: { issuer: 'local', subject: 'bob', roles: [] } }, {}, {}],
    ['another endpoint', { endpoint: '/mcp/s/s' }, {}, {}],
    ['another tool', {}, { name: 's__other' }, {}],
    ['another target', {}, {}, { target: { server: 't', kind: 'tool', canonicalId: 't__drop', original: 'drop' } }],
  ])('AUT-14 has nothing of an approval for %s', async (_, exchange, params, call) => {
    const { run, served } = setUp();
    const round = await run();
    await expect(run(exchange, { ...params, ...answered(round) }, call)).rejects.toMatchObject({
      key: 'invalid_params',
    });
    expect(served).toHaveLength(0);
  });

  it('is refused after a no, and cannot say yes to what it made up', async () => {
    const { run, served } = setUp();
    await expect(run({}, answered(await run(), { action: 'decline' }))).rejects.toMatchObject({ key: 'refused' });
    await expect(run({}, answered({ requestState: 'made up' }))).rejects.toMatchObject({ key: 'invalid_params' });
    expect(served).toHaveLength(0);
  });

  it('answers what the server asks meanwhile under the same approval, each round once', async () => {
    const setting = setUp();
    const asks = (requestState: string): Answer => {
      const result = { resultType: 'input_required', inputRequests: { q: {} }, requestState };
      const [before, after] = ['{"jsonrpc":"2.0","id":', `,"result":${JSON.stringify(result)}}`];
      return { kind: 'result', before: Buffer.from(before), after: Buffer.from(after) };
    };
    setting.answers = [asks('one'), asks('two')];
    const first = await setting.run({}, answered(await setting.run()));
    expect(first).toMatchObject({ resultType: 'input_required', inputRequests: { q: {} } });
    expect(state(first)).not.toBe('one');
    const back = { inputResponses: { q: 'yes' }, requestState: state(first) };
    await expect(setting.run({}, { ...back, arguments: { a: 2 } })).resolves.toMatchObject({
      inputRequests: { 'sallyport-approval': {} },
    });
    const second = await setting.run({}, back);
    await expect(setting.run({}, back)).rejects.toMatchObject({ key: 'invalid_params' });
    await setting.run({}, { inputResponses: {}, requestState: state(second) });
    expect(setting.served.map(({ requestState }) => requestState)).toEqual([undefined, 'one', 'two']);
    expect(setting.served[1]).toMatchObject({ inputResponses: { q: 'yes' } });
  });
});
