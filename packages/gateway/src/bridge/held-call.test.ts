import { describe, expect, it } from 'vitest';
import { MAX_PARKED_PER_PRINCIPAL } from './parked.ts';
import { ACCEPT, asked, bench, CAPABILITIES, DONE, FORM, parked } from './testing/bench.ts';
import { errorOf, fakeCall, REQUEST_STATE_MS, resultOf, valueOf, type FakeCall } from './testing/fakes.ts';

const invalid = (words: string): object => ({
  key: 'invalid_params',
  message: expect.stringContaining(words) as string,
});

describe('a parked call', () => {
  it('is ended when nobody comes for it', async () => {
    const at = bench();
    const first = await parked(at);
    expect(first.sent.cancelled).toEqual([]);
    at.bridge.timers.pass(REQUEST_STATE_MS);
    expect(first.sent.cancelled).toEqual([expect.stringContaining('did not come back')]);
    expect(await first.reply).toMatchObject({ error: { code: -31_003 } });
    await expect(at.retry(first.state, {})).rejects.toMatchObject(invalid('expired'));
  });

  it('has its time anew after every round', async () => {
    const at = bench();
    const first = await parked(at);
    at.bridge.timers.pass(REQUEST_STATE_MS - 1);
    const two = asked(await at.retry(first.state, {}));
    at.bridge.timers.pass(REQUEST_STATE_MS - 1);
    expect(asked(await at.retry(two.state, {})).keys).toEqual(first.keys);
    expect(first.sent.cancelled).toEqual([]);
  });

  it('is not ended by the end of a request that was answered, and is by that of the one under way', async () => {
    const at = bench();
    const { call, answer } = at.request();
    const sent = await at.leg.until(1);
    const reply = sent.ask('elicitation/create', FORM);
    const { state, keys } = asked(await answer);
    const second = at.request({ requestState: state, inputResponses: {} });
    const two = asked(await second.answer);
    second.call.cancel();
    expect(sent.cancelled).toEqual([]);
    const third = at.request({ requestState: two.state, inputResponses: { [keys[0] as string]: ACCEPT } });
    expect(await reply).toEqual({ result: ACCEPT });
    call.cancel();
    expect(sent.cancelled).toEqual([]);
    third.call.cancel();
    expect(sent.cancelled).toHaveLength(1);
    await expect(third.answer).rejects.toMatchObject({ reason: 'cancelled' });
  });

  it('ends with its client before anything was asked', async () => {
    const at = bench();
    const { call, answer } = at.request();
    const sent = await at.leg.until(1);
    const reply = sent.ask('elicitation/create', FORM);
    call.cancel();
    expect(sent.cancelled).toHaveLength(1);
    expect(await reply).toMatchObject({ error: {} });
    await expect(answer).rejects.toMatchObject({ reason: 'cancelled' });
    const gone = fakeCall({ capabilities: CAPABILITIES });
    gone.cancel();
    await expect(at.bridge.call(at.leg, gone)).rejects.toMatchObject({ reason: 'cancelled' });
    expect(at.leg.sent).toHaveLength(1);
  });

  it('keeps the answer that came in between for the client', async () => {
    const at = bench();
    const first = await parked(at);
    first.sent.answer(resultOf({ content: [], early: true }));
    expect(await first.reply).toMatchObject({ error: {} });
    expect(await first.sent.ask('roots/list', undefined, 2)).toMatchObject({ error: {} });
    expect(valueOf(await at.retry(first.state, {}))).toMatchObject({ resultType: 'complete', early: true });
  });

  it('keeps a failure that came in between for the client', async () => {
    const at = bench();
    const first = await parked(at);
    first.sent.fail(Object.assign(new Error('gone'), { reason: 'down' }));
    await first.reply;
    await expect(at.retry(first.state, {})).rejects.toMatchObject({ reason: 'down' });
  });

  it('is heard by the request that is under way, under that request’s token, and by nobody in between', async () => {
    const at = bench();
    const { call, answer } = at.request({ _meta: { progressToken: 'one' } });
    const sent = await at.leg.until(1);
    const progress = (value: number): void =>
      sent.cause.notify({
        jsonrpc: '2.0',
        method: 'notifications/progress',
        params: { progressToken: 1, progress: value },
      });
    progress(1);
    const reply = sent.ask('elicitation/create', FORM);
    const { state, keys } = asked(await answer);
    progress(2);
    const second = at.request({
      requestState: state,
      inputResponses: { [keys[0] as string]: ACCEPT },
      _meta: { progressToken: 2 },
    });
    await reply;
    progress(3);
    sent.cause.notify({ jsonrpc: '2.0', method: 'notifications/elicitation/complete', params: { elicitationId: 'e' } });
    sent.answer(DONE);
    await second.answer;
    const heard = (which: FakeCall): unknown[] =>
      which.heard.map(({ params }) => [params?.['progressToken'], params?.['progress']]);
    expect([heard(call), heard(second.call)]).toEqual([[['one', 1]], [[2, 3]]]);
  });

  it('is ended by closing the bridge; a call whose client is there goes on, and asks no more', async () => {
    const at = bench();
    const first = await parked(at);
    const under = at.request({}, { subject: 'bob' });
    const sent = await at.leg.until(2);
    at.bridge.close();
    at.bridge.close();
    expect(first.sent.cancelled).toEqual([expect.stringContaining('shutting down')]);
    expect(await first.reply).toMatchObject({ error: {} });
    expect(await sent.ask('elicitation/create', FORM)).toMatchObject({ error: { code: -31_004 } });
    sent.answer(DONE);
    expect(valueOf(await under.answer)).toMatchObject({ resultType: 'complete' });
    expect(at.bridge.timers.count).toBe(0);
  });

  it('has nobody to be asked between two rounds, as its server’s other questions may know', async () => {
    const at = bench();
    const { answer } = at.request();
    const sent = await at.leg.until(1);
    expect(sent.cause.isAway?.()).toBe(false);
    void sent.ask('elicitation/create', FORM);
    const { keys, state } = asked(await answer);
    expect(sent.cause.isAway?.()).toBe(true);
    const second = at.retry(state, { [keys[0] as string]: ACCEPT });
    expect(sent.cause.isAway?.()).toBe(false);
    sent.answer(DONE);
    await second;
  });

  it('is one of a few of its principal: of one more, the questions are refused and the server goes on', async () => {
    const at = bench();
    const all = [];
    for (let n = 0; n < MAX_PARKED_PER_PRINCIPAL; n++) all.push(await parked(at));
    const more = at.request();
    const sent = await at.leg.until(MAX_PARKED_PER_PRINCIPAL + 1);
    expect(await sent.ask('elicitation/create', FORM)).toMatchObject({ error: { code: -31_004 } });
    sent.answer(DONE);
    expect(valueOf(await more.answer)).toMatchObject({ resultType: 'complete' });
    // Another one has places of its own, and what is over leaves its place: answered, expired or cancelled alike.
    expect((await parked(at, { subject: 'bob' })).keys).toHaveLength(1);
    const first = all[0] as (typeof all)[0];
    first.sent.answer(DONE);
    await at.retry(first.state, {});
    expect((await parked(at)).keys).toHaveLength(1);
    at.bridge.timers.pass(REQUEST_STATE_MS);
    for (let n = 0; n < MAX_PARKED_PER_PRINCIPAL; n++) expect((await parked(at)).keys).toHaveLength(1);
  });
});

describe('a server that wants URLs opened first', () => {
  const url = { url: 'https://a.example', message: 'open it' };
  const required = errorOf(-32_042, 'open', { elicitations: [{ ...url, mode: 'url', elicitationId: 'e' }] });

  it('is asked once more when the client has opened them', async () => {
    const at = bench();
    const { answer } = at.request();
    (await at.leg.until(1)).answer(required);
    const one = asked(await answer);
    expect(Object.values(one.requests)).toEqual([{ method: 'elicitation/create', params: { ...url, mode: 'url' } }]);
    const second = at.request({
      requestState: one.state,
      inputResponses: { [one.keys[0] as string]: { action: 'accept' } },
    });
    const again = await at.leg.until(2);
    expect(again.params).toEqual({ name: 'tool', _meta: {} });
    again.answer(DONE);
    expect(valueOf(await second.answer)).toMatchObject({ resultType: 'complete' });
  });

  it.each(['decline', 'cancel'])('is not when the answer is %s', async (action) => {
    const at = bench();
    const { answer } = at.request();
    (await at.leg.until(1)).answer(required);
    const one = asked(await answer);
    const second = at.retry(one.state, { [one.keys[0] as string]: { action } });
    await expect(second).rejects.toMatchObject({ key: 'refused' });
    expect(at.leg.sent).toHaveLength(1);
  });

  it('is told to a client that cannot as a capability that is missing', async () => {
    const at = bench();
    const { answer } = at.request({}, { capabilities: { elicitation: { form: {} } } });
    (await at.leg.until(1)).answer(required);
    await expect(answer).rejects.toMatchObject({
      key: 'missing_capability',
      data: { requiredCapabilities: { elicitation: { url: {} } } },
    });
  });

  it('does not go on for ever', async () => {
    const at = bench();
    let answer = at.request().answer;
    for (let round = 1; round <= 10; round++) {
      (await at.leg.until(round)).answer(required);
      const { state, keys } = asked(await answer);
      answer = at.retry(state, { [keys[0] as string]: { action: 'accept' } });
    }
    (await at.leg.until(11)).answer(required);
    await expect(answer).rejects.toMatchObject({
      key: 'refused',
      message: expect.stringContaining('10 times') as string,
    });
    expect(at.leg.sent).toHaveLength(11);
  });
});
