import type { ServerRequestAnswer } from '@sallyport/client';
import type { Answer } from '@sallyport/server';
import type { JsonObject, Revision } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import {
  errorOf,
  fakeBridge,
  fakeCall,
  fakeLeg,
  resultOf,
  valueOf,
  type CallOptions,
  type FakeCall,
  type FakeLeg,
} from './testing/fakes.ts';

interface Question {
  readonly method: string;
  readonly params: JsonObject | undefined;
  readonly answer: (answer: ServerRequestAnswer) => void;
}

interface Bench {
  readonly leg: FakeLeg;
  readonly call: FakeCall;
  readonly answer: Promise<Answer>;
  /** What the client was asked. */
  readonly questions: Question[];
}

const CAPABILITIES = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };

/** A session-era client's call. `answers` is what it says to any question at once; without it a test answers. */
function bench(options: CallOptions = {}, answers?: ServerRequestAnswer): Bench {
  const questions: Question[] = [];
  const call = fakeCall({
    revision: '2025-11-25',
    capabilities: CAPABILITIES,
    ask: (method, params) => {
      const { promise, resolve } = Promise.withResolvers<ServerRequestAnswer>();
      questions.push({ method, params, answer: resolve });
      return answers === undefined ? promise : Promise.resolve(answers);
    },
    ...options,
  });
  const leg = fakeLeg('2026-07-28');
  const answer = fakeBridge({ randomId: () => 'random' }).call(leg, call);
  answer.catch(() => undefined);
  return { leg, call, answer, questions };
}

const needs = (inputRequests: JsonObject | undefined, requestState?: string): ReturnType<typeof resultOf> =>
  resultOf({
    resultType: 'input_required',
    ...(inputRequests !== undefined && { inputRequests }),
    ...(requestState !== undefined && { requestState }),
  });
const DONE = resultOf({ resultType: 'complete', content: [] });
const FORM = { method: 'elicitation/create', params: { mode: 'form', message: 'who?' } };
const ROOTS = { method: 'roots/list' };

describe('a session-era client on a stateless server', () => {
  it('is asked all that a round needs, and the answers go back by their keys with the state', async () => {
    const { leg, answer, questions } = bench();
    (await leg.until(1)).answer(needs({ a: FORM, b: ROOTS }, 's1'));
    await expect.poll(() => questions.length).toBe(2);
    expect(questions.map(({ method, params }) => [method, params])).toEqual([
      ['elicitation/create', FORM.params],
      ['roots/list', undefined],
    ]);
    questions[1]?.answer({ result: { roots: [] } });
    questions[0]?.answer({ result: { action: 'accept' } });
    const second = await leg.until(2);
    expect(second.params).toMatchObject({
      name: 'tool',
      inputResponses: { a: { action: 'accept' }, b: { roots: [] } },
      requestState: 's1',
    });
    second.answer(needs({ c: ROOTS }));
    await expect.poll(() => questions.length).toBe(3);
    questions[2]?.answer({ result: { roots: [] } });
    const third = await leg.until(3);
    // Of that round alone, and no state where the server gave none.
    expect([third.params['inputResponses'], third.params['requestState']]).toEqual([{ c: { roots: [] } }, undefined]);
    third.answer(DONE);
    expect(valueOf(await answer)).toMatchObject({ content: [] });
  });

  it('is not asked at all when one thing of a round cannot be had', async () => {
    const { leg, answer, questions } = bench({ capabilities: { elicitation: {} } });
    (await leg.until(1)).answer(needs({ a: FORM, b: ROOTS }));
    await expect(answer).rejects.toMatchObject({
      key: 'refused',
      message: expect.stringContaining('roots/list') as string,
    });
    expect(questions).toHaveLength(0);
  });

  it('is not asked what the gateway can answer itself', async () => {
    const own = { result: { roots: [{ uri: 'file:///project' }] } };
    const leg = fakeLeg('2026-07-28');
    const bridge = fakeBridge({ unasked: () => own });
    const answer = bridge.call(leg, fakeCall({ revision: '2025-11-25' }));
    (await leg.until(1)).answer(needs({ a: ROOTS }));
    const second = await leg.until(2);
    expect(second.params['inputResponses']).toEqual({ a: own.result });
    second.answer(DONE);
    expect(valueOf(await answer)).toMatchObject({ content: [] });
  });

  it('that answers with an error ends the call', async () => {
    const { leg, answer } = bench({}, { error: { code: -1, message: 'no' } });
    (await leg.until(1)).answer(needs({ a: FORM }));
    await expect(answer).rejects.toMatchObject({ key: 'refused', detail: 'no' });
    expect(leg.sent).toHaveLength(1);
  });

  it.each<[Revision, JsonObject]>([
    ['2025-11-25', { mode: 'form', message: 'who?' }],
    ['2025-06-18', { message: 'who?' }],
  ])('of %s is asked in its own words', async (revision, params) => {
    const { leg, questions } = bench({ revision });
    (await leg.until(1)).answer(needs({ a: FORM }));
    await expect.poll(() => questions[0]?.params).toEqual(params);
  });

  it('gets an id for a URL that is to be opened', async () => {
    const { leg, questions } = bench();
    const params = { mode: 'url', url: 'https://a.example', message: 'm' };
    (await leg.until(1)).answer(needs({ a: { method: 'elicitation/create', params } }));
    await expect.poll(() => questions[0]?.params).toEqual({ ...params, elicitationId: 'random' });
  });

  it('is not troubled by a state alone: the server is asked again at once, ten times at most', async () => {
    const { leg, answer, questions } = bench();
    for (let round = 1; round <= 10; round++) (await leg.until(round)).answer(needs(undefined, `s${round}`));
    await expect(answer).rejects.toMatchObject({ key: 'refused' });
    expect([leg.sent.length, questions.length]).toEqual([10, 0]);
    expect(leg.sent.map(({ params }) => params['requestState'])).toEqual([
      undefined,
      ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((round) => `s${round}`),
    ]);
  });

  it.each<[string, JsonObject]>([
    ['nothing', {}],
    [
      'more than a screen can show',
      { inputRequests: Object.fromEntries([...Array(65).keys()].map((n) => [n, ROOTS])) },
    ],
  ])('is not troubled by a server that asks for %s', async (_what, asked) => {
    const { leg, answer, questions } = bench();
    (await leg.until(1)).answer(resultOf({ resultType: 'input_required', ...asked }));
    await expect(answer).rejects.toMatchObject({ reason: 'protocol' });
    expect(questions).toHaveLength(0);
  });

  it.each([{ a: 1 }, { a: {} }, { a: { method: 1 } }])('is not asked %j', async (requests) => {
    const { leg, answer } = bench();
    (await leg.until(1)).answer(needs(requests));
    await expect(answer).rejects.toMatchObject({ key: 'unavailable' });
  });

  it('that goes while it is asked takes the call with it: no further round is sent', async () => {
    const { leg, call, answer, questions } = bench();
    (await leg.until(1)).answer(needs({ a: FORM }));
    await expect.poll(() => questions.length).toBe(1);
    call.cancel();
    questions[0]?.answer({ result: { action: 'accept' } });
    await expect(answer).rejects.toMatchObject({ reason: 'cancelled' });
    expect(leg.sent).toHaveLength(1);
  });

  it('that goes in a later round cancels that one', async () => {
    const { leg, call, answer } = bench({}, { result: { action: 'accept' } });
    (await leg.until(1)).answer(needs({ a: FORM }));
    const second = await leg.until(2);
    call.cancel();
    expect(second.cancelled).toHaveLength(1);
    await expect(answer).rejects.toMatchObject({ reason: 'cancelled' });
  });

  it('hears progress that only increases, whatever the rounds of the server count', async () => {
    const { leg, call, answer } = bench({ params: { name: 'tool', _meta: { progressToken: 't' } } });
    const say = async (round: number, ...values: number[]): Promise<void> => {
      const { cause } = await leg.until(round);
      for (const progress of values) {
        cause.notify({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: round, progress } });
      }
      cause.notify({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info' } });
    };
    await say(1, 1, 5);
    (await leg.until(1)).answer(needs(undefined, 's'));
    await say(2, 1, 5, 6);
    (await leg.until(2)).answer(DONE);
    await answer;
    const progress = call.heard.filter(({ method }) => method === 'notifications/progress');
    expect(progress.map(({ params }) => [params?.['progressToken'], params?.['progress']])).toEqual([
      ['t', 1],
      ['t', 5],
      ['t', 6],
    ]);
    expect(call.heard).toHaveLength(5);
    expect((await leg.until(2)).params['_meta']).toMatchObject({ progressToken: 't' });
  });
});

describe('the envelope of a session-era client', () => {
  it('says what the session said, but nothing of tasks, which do not cross', async () => {
    const extensions = { 'io.modelcontextprotocol/tasks': {}, 'vendor/x': {} };
    const { leg } = bench({
      capabilities: { ...CAPABILITIES, extensions, tasks: {}, vendor: {} },
      params: { name: 'tool', task: { ttl: 1 } },
      logLevel: 'error',
    });
    expect((await leg.until(1)).params).toEqual({
      name: 'tool',
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'client', version: '1' },
        'io.modelcontextprotocol/clientCapabilities': { ...CAPABILITIES, extensions: { 'vendor/x': {} } },
        'io.modelcontextprotocol/logLevel': 'error',
      },
    });
  });
});

describe('what a session-era client does not know', () => {
  it('is a task: the call fails', async () => {
    const { leg, answer } = bench();
    (await leg.until(1)).answer(resultOf({ resultType: 'task', taskId: 't' }));
    await expect(answer).rejects.toMatchObject({ reason: 'protocol' });
  });

  it('is not a result that only speaks of such', async () => {
    const { leg, answer } = bench();
    const result = { resultType: 'complete', structuredContent: { resultType: 'task', kind: 'input_required' } };
    (await leg.until(1)).answer(resultOf(result));
    expect(valueOf(await answer)).toEqual({ structuredContent: result.structuredContent });
  });

  it.each([
    ['tools/call', { name: 'tool' }, { ttlMs: 1, content: [] }],
    ['resources/read', { uri: 'a:b' }, { content: [] }],
  ])('is what every result of the other era says, such as one of %s', async (method, params, rest) => {
    const { leg, answer } = bench({ method, params });
    const meta = { 'io.modelcontextprotocol/serverInfo': { name: 's', version: '1' } };
    (await leg.until(1)).answer(resultOf({ resultType: 'complete', ttlMs: 1, content: [], _meta: meta }));
    expect(valueOf(await answer)).toEqual(rest);
  });

  it.each([
    [{ requiredCapabilities: { sampling: {}, elicitation: {} } }, /did not declare: sampling, elicitation\.$/],
    [undefined, /did not declare\.$/],
  ])('is the error that a capability is missing: %j is said in words', async (data, words) => {
    const { leg, answer } = bench();
    (await leg.until(1)).answer(errorOf(-32_021, 'Missing', data));
    expect(await answer).toMatchObject({
      kind: 'error',
      status: 200,
      error: { code: -31_003, message: expect.stringMatching(words) as string },
    });
  });

  it.each([
    [-32_020, -32_603],
    [-32_022, -32_603],
    [-32_602, -32_602],
    [-1, -1],
  ])('is not the error %i: it becomes %i', async (code, expected) => {
    const { leg, answer } = bench();
    (await leg.until(1)).answer(errorOf(code, 'm'));
    expect(await answer).toMatchObject({ error: { code: expected, message: 'm' } });
  });

  it('is a resource that is not there: it gets the code of its era', async () => {
    const { leg, answer } = bench({ method: 'resources/read', params: { uri: 'x:' } });
    (await leg.until(1)).answer(errorOf(-32_602, 'm', { uri: 'x:' }));
    expect(await answer).toMatchObject({ error: { code: -32_002 } });
  });
});

describe('a large answer', () => {
  it('whose client goes in the middle ends the call', async () => {
    const { leg, call, answer } = bench();
    const piped = Promise.withResolvers<void>();
    const rest = { bytes: 10, pipe: () => piped.resolve(), resume: () => undefined, cancel: () => undefined };
    (await leg.until(1)).answer({ kind: 'result', before: Buffer.alloc(0), after: Buffer.alloc(0), rest });
    await piped.promise;
    call.cancel();
    await expect(answer).rejects.toMatchObject({ reason: 'cancelled' });
  });
});
