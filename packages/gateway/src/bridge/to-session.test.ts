import type { Answer } from '@sallyport/server';
import { describe, expect, it } from 'vitest';
import { ACCEPT, asked, bench, CAPABILITIES, DONE, FORM, parked, SAMPLED } from './testing/bench.ts';
import { errorOf, fakeBridge, resultOf, valueOf } from './testing/fakes.ts';

const invalid = (words: string): object => ({
  key: 'invalid_params',
  message: expect.stringContaining(words) as string,
});

describe('a call whose server asks nothing', () => {
  it('is answered as a stateless client wants it', async () => {
    const { leg, request } = bench();
    const { answer } = request({ _meta: { 'io.modelcontextprotocol/protocolVersion': 'x', own: 1 } });
    (await leg.until(1)).answer(DONE);
    expect(valueOf(await answer)).toMatchObject({ resultType: 'complete', content: [] });
    expect(leg.sent[0]?.params).toEqual({ name: 'tool', _meta: { own: 1 } });
  });

  it('lets the server send the log messages that it wants, in every round', async () => {
    const levels: string[] = [];
    const at = bench(fakeBridge({ needLevel: async (_leg, level) => void levels.push(level) }));
    const { answer } = at.request({}, { logLevel: 'debug' });
    void (await at.leg.until(1)).ask('roots/list');
    const { state } = asked(await answer);
    asked(await at.retry(state, {}, { logLevel: 'error' }));
    expect(levels).toEqual(['debug', 'error']);
  });

  it('is not cached when it reads, and a resource that is not there gets the code of its era', async () => {
    const at = bench();
    const read = (): Promise<Answer> => at.request({ uri: 'x:' }, { method: 'resources/read' }).answer;
    const [found, missing] = [read(), read()];
    (await at.leg.until(1)).answer(DONE);
    expect(valueOf(await found)).toMatchObject({ ttlMs: 0, cacheScope: 'private' });
    (await at.leg.until(2)).answer(errorOf(-32_002, 'm'));
    expect(await missing).toMatchObject({ error: { code: -32_602, data: { uri: 'x:' } } });
  });

  it('is a call of its own when it has answers to nothing', async () => {
    const { leg, request } = bench();
    const { answer } = request({ inputResponses: { wrong: ACCEPT } });
    const sent = await leg.until(1);
    const reply = sent.ask('elicitation/create', FORM);
    expect(asked(await answer).keys).toHaveLength(1);
    expect(sent.params).toEqual({ name: 'tool', _meta: {} });
    sent.answer(DONE);
    expect(await reply).toMatchObject({ error: {} });
  });

  it.each([null, 1, [], 'x'])('SES-12 is refused when its answers are %j', async (inputResponses) => {
    const { leg, request } = bench();
    await expect(request({ inputResponses }).answer).rejects.toMatchObject(invalid('must be an object'));
    expect(leg.sent).toHaveLength(0);
  });

  it.each([-32_042, -32_021, -32_050, -32_099])('does not bring the error %i over', async (code) => {
    const { leg, request } = bench();
    const { answer } = request();
    (await leg.until(1)).answer(errorOf(code, 'm'));
    expect(await answer).toMatchObject({ kind: 'error', error: { code: -32_603, message: 'm' } });
  });
});

describe('a question in the middle of a call', () => {
  it('reaches the client as input that is required, and its answer reaches the server', async () => {
    const at = bench();
    const first = await parked(at);
    expect(Object.values(first.requests)).toEqual([{ method: 'elicitation/create', params: FORM }]);
    const { answer } = at.request({
      requestState: first.state,
      inputResponses: { [first.keys[0] as string]: { ...ACCEPT, resultType: 'complete' }, unknown: ACCEPT },
    });
    expect(await first.reply).toEqual({ result: ACCEPT });
    first.sent.answer(DONE);
    expect(valueOf(await answer)).toMatchObject({ resultType: 'complete' });
    expect(at.leg.sent).toHaveLength(1);
    expect(at.bridge.timers.count).toBe(0);
  });

  it('goes in one round with those that were asked together, and later ones in the next', async () => {
    const at = bench();
    const { answer } = at.request();
    const sent = await at.leg.until(1);
    const replies = [
      sent.ask('elicitation/create', FORM, 1),
      sent.ask('sampling/createMessage', { messages: [], maxTokens: 1 }, 2),
      sent.ask('roots/list', undefined, 3),
    ];
    const one = asked(await answer);
    expect(Object.values(one.requests).map(({ method }) => method)).toEqual([
      'elicitation/create',
      'sampling/createMessage',
      'roots/list',
    ]);
    const later = sent.ask('roots/list', undefined, 4);
    const [a, b, c] = one.keys as [string, string, string];
    const guessed = 'input_4';
    const two = asked(
      await at.retry(one.state, {
        [a]: ACCEPT,
        [b]: SAMPLED,
        [c]: { roots: [] },
        [guessed]: { roots: [{ uri: 'x:' }] },
      }),
    );
    expect(await Promise.all(replies)).toEqual([{ result: ACCEPT }, { result: SAMPLED }, { result: { roots: [] } }]);
    // It was not shown before, so an answer to it was none.
    expect(two.keys).toEqual([guessed]);
    expect(two.state).not.toBe(one.state);
    const end = at.request({ requestState: two.state, inputResponses: { [guessed]: { roots: [] } } });
    expect(await later).toEqual({ result: { roots: [] } });
    sent.answer(DONE);
    expect(valueOf(await end.answer)).toMatchObject({ resultType: 'complete' });
  });

  it('SES-12 is asked again when its answer is missing or malformed, and others are not', async () => {
    const at = bench();
    const { answer } = at.request();
    const sent = await at.leg.until(1);
    const replies = [sent.ask('elicitation/create', FORM, 1), sent.ask('roots/list', undefined, 2)];
    const one = asked(await answer);
    const [form, roots] = one.keys as [string, string];
    const two = asked(await at.retry(one.state, { [form]: 12_345, [roots]: { roots: [] } }));
    expect(two.keys).toEqual([form]);
    expect(await replies[1]).toEqual({ result: { roots: [] } });
    const three = asked(await at.retry(two.state, {}));
    expect(three.requests).toEqual(two.requests);
    at.request({ requestState: three.state, inputResponses: { [form]: ACCEPT } });
    expect(await replies[0]).toEqual({ result: ACCEPT });
  });

  it('is put to the client ten times at most; then the server goes on without an answer', async () => {
    const at = bench();
    const first = await parked(at);
    let { state } = first;
    for (let round = 2; round <= 10; round++) ({ state } = asked(await at.retry(state, {})));
    const last = at.request({ requestState: state, inputResponses: {} });
    expect(await first.reply).toMatchObject({ error: { message: expect.stringContaining('10 times') as string } });
    first.sent.answer(DONE);
    expect(valueOf(await last.answer)).toMatchObject({ resultType: 'complete' });
  });

  it('that the client did not declare is answered to the server, and nobody sees it', async () => {
    const at = bench();
    const { answer } = at.request({}, { capabilities: { roots: {} } });
    const sent = await at.leg.until(1);
    const replies = [sent.ask('elicitation/create', FORM, 1), sent.ask('roots/list', undefined, 2)];
    const one = asked(await answer);
    expect(Object.values(one.requests)).toEqual([{ method: 'roots/list' }]);
    expect(await replies[0]).toMatchObject({ error: { message: 'not declared: elicitation' } });
    // In the next round the client declares nothing at all.
    const last = at.request({ requestState: one.state, inputResponses: {} }, { capabilities: {} });
    expect(await replies[1]).toMatchObject({ error: { message: 'not declared: roots' } });
    sent.answer(DONE);
    expect(valueOf(await last.answer)).toMatchObject({ resultType: 'complete' });
  });

  it.each([
    ['an error', errorOf(-32_000, 'cannot sample'), /declare: elicitation, sampling\. It said: cannot sample$/],
    ['a failed tool', resultOf({ isError: true, content: [{ type: 'text', text: 'no' }] }), /It said: no$/],
    ['a failed tool without words', resultOf({ isError: true }), /declare: elicitation, sampling\.$/],
  ])('that the client did not declare was needed when %s comes of it', async (_what, outcome, words) => {
    const at = bench();
    const { answer } = at.request({}, { capabilities: {} });
    const sent = await at.leg.until(1);
    const replies = [
      sent.ask('elicitation/create', FORM, 1),
      sent.ask('elicitation/create', { mode: 'url' }, 2),
      sent.ask('sampling/createMessage', { tools: [] }, 3),
    ];
    await Promise.all(replies);
    sent.answer(outcome);
    await expect(answer).rejects.toMatchObject({
      key: 'missing_capability',
      message: expect.stringMatching(words) as string,
      data: { requiredCapabilities: { elicitation: { form: {}, url: {} }, sampling: { tools: {} } } },
    });
  });

  it.each([
    [{}, {}],
    [{ tools: [] }, { tools: {} }],
    [{ toolChoice: {} }, { tools: {} }],
  ])('to sample with %j needs %j', async (params, sampling) => {
    const at = bench();
    const { answer } = at.request({}, { capabilities: {} });
    const sent = await at.leg.until(1);
    await sent.ask('sampling/createMessage', params);
    sent.answer(errorOf(-1, ''));
    await expect(answer).rejects.toMatchObject({ data: { requiredCapabilities: { sampling } } });
  });

  it('that the gateway can answer itself is answered by it, and nothing is lacking then', async () => {
    const own = { result: { roots: [{ uri: 'file:///project' }] } };
    const at = bench(fakeBridge({ unasked: (_call, method) => (method === 'roots/list' ? own : undefined) }));
    const { answer } = at.request();
    const sent = await at.leg.until(1);
    const form = sent.ask('elicitation/create', FORM, 1);
    expect(await sent.ask('roots/list', undefined, 2)).toEqual(own);
    const { keys, state } = asked(await answer);
    expect(keys).toEqual(['input_1']);
    const last = at.retry(state, { input_1: ACCEPT });
    await form;
    sent.answer(resultOf({ isError: true }));
    expect(valueOf(await last)).toMatchObject({ isError: true });
  });

  it('that was declared is not to blame for a tool that fails', async () => {
    const at = bench();
    const { answer } = at.request();
    (await at.leg.until(1)).answer(resultOf({ isError: true, content: [] }));
    expect(valueOf(await answer)).toMatchObject({ isError: true });
  });

  it.each([
    ['tools/call', 'vendor/ask'],
    ['completion/complete', 'elicitation/create'],
    ['vendor/method', 'roots/list'],
  ])('of %s is refused when it is %s', async (method, question) => {
    const at = bench();
    const { answer } = at.request({}, { method, capabilities: { ...CAPABILITIES, vendor: {} } });
    const sent = await at.leg.until(1);
    expect(await sent.ask(question, {})).toMatchObject({ error: { code: -32_601 } });
    sent.answer(DONE);
    expect(valueOf(await answer)).toMatchObject({ resultType: 'complete' });
  });

  it('is one of so many at a time', async () => {
    const at = bench();
    const { answer } = at.request();
    const sent = await at.leg.until(1);
    for (let id = 1; id <= 64; id++) void sent.ask('roots/list', undefined, id);
    expect(await sent.ask('roots/list', undefined, 65)).toMatchObject({ error: { code: -31_004 } });
    expect(asked(await answer).keys).toHaveLength(64);
  });

  it('is not shown when the server has taken it back', async () => {
    const at = bench();
    const { answer } = at.request();
    const sent = await at.leg.until(1);
    const replies = [sent.ask('elicitation/create', FORM, 7), sent.ask('roots/list', undefined, 8)];
    sent.cause.notify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } });
    expect(Object.values(asked(await answer).requests)).toEqual([{ method: 'roots/list' }]);
    expect(await replies[0]).toMatchObject({ error: {} });
  });
});

describe('the state of a round', () => {
  it('is good for one request, whoever comes first', async () => {
    const at = bench();
    const first = await parked(at);
    const responses = { [first.keys[0] as string]: ACCEPT };
    const both = [at.retry(first.state, responses), at.retry(first.state, responses)];
    await expect(both[1]).rejects.toMatchObject(invalid('used before'));
    first.sent.answer(DONE);
    expect(valueOf((await both[0]) as Answer)).toMatchObject({ resultType: 'complete' });
    await expect(at.retry(first.state, responses)).rejects.toMatchObject(invalid('used before'));
    expect(at.leg.sent).toHaveLength(1);
  });

  it('of an earlier round is refused while a later one waits', async () => {
    const at = bench();
    const first = await parked(at);
    const two = asked(await at.retry(first.state, {}));
    await expect(at.retry(first.state, { [first.keys[0] as string]: ACCEPT })).rejects.toMatchObject(invalid('used'));
    at.request({ requestState: two.state, inputResponses: { [first.keys[0] as string]: ACCEPT } });
    expect(await first.reply).toEqual({ result: ACCEPT });
  });

  it('SES-12 is nothing to somebody else, nor for another request, and is not used up by them', async () => {
    const at = bench();
    const first = await parked(at);
    await expect(at.retry(first.state, {}, { subject: 'bob' })).rejects.toMatchObject(invalid('not given out'));
    await expect(at.retry(first.state, {}, { params: { x: 1 } })).rejects.toMatchObject(invalid('not given out'));
    await expect(at.retry(`${first.state}-TAMPERED`, {})).rejects.toMatchObject(invalid('not given out'));
    const malformed = at.request({ requestState: first.state, inputResponses: null });
    await expect(malformed.answer).rejects.toMatchObject(invalid('object'));
    at.request({ requestState: first.state, inputResponses: { [first.keys[0] as string]: ACCEPT } });
    expect(await first.reply).toEqual({ result: ACCEPT });
  });

  it('of another process is refused in words that say so', async () => {
    const seals = { seal: (plain: string) => plain, unseal: (sealed: string) => sealed };
    const before = await parked(bench(fakeBridge(seals)));
    const restarted = bench(fakeBridge(seals));
    await expect(restarted.retry(before.state, {})).rejects.toMatchObject(invalid('restarted'));
    expect(restarted.leg.sent).toHaveLength(0);
  });
});
