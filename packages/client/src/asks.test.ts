import type { JsonRpcRequest, RequestId } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import { Asks } from './asks.ts';
import { Calls } from './calls.ts';
import type { LegEvents, ServerRequestAnswer, UpstreamError } from './leg.ts';
import { callOf, manualTimers, TestCause } from './testing/calls.ts';

interface Bench {
  readonly asks: Asks;
  readonly answers: [RequestId, ServerRequestAnswer][];
  readonly held: string[];
}

function bench(onUnattributed: LegEvents['onUnattributed']): Bench {
  const answers: Bench['answers'] = [];
  const held: string[] = [];
  const hold = (): (() => void) => {
    held.push('held');
    return () => void held.push('let go');
  };
  const asks = new Asks({ answer: (...each) => void answers.push(each), onUnattributed, hold });
  return { asks, answers, held };
}

const request = (id: RequestId): JsonRpcRequest => ({ jsonrpc: '2.0', id, method: 'roots/list' });
const DONE: ServerRequestAnswer = { result: { roots: [] } };

describe('a request that no call can be named for', () => {
  it('may be answered at once, and no clock is touched', () => {
    const { asks, answers, held } = bench(() => DONE);
    asks.ask(request(1), undefined);
    expect([answers, held]).toEqual([[[1, DONE]], []]);
  });

  it('may be answered later, and clocks stand still until then', async () => {
    const given = Promise.withResolvers<ServerRequestAnswer>();
    const { asks, answers, held } = bench(() => given.promise);
    asks.ask(request('a'), undefined);
    expect([answers, held]).toEqual([[], ['held']]);
    given.resolve(DONE);
    await given.promise;
    await expect.poll(() => answers).toEqual([['a', DONE]]);
    expect(held).toEqual(['held', 'let go']);
  });

  it('is an error where the answer fails', async () => {
    const { asks, answers } = bench(() => Promise.reject(new Error('no')));
    asks.ask(request(1), undefined);
    await expect.poll(() => answers).toMatchObject([[1, { error: { code: -32603 } }]]);
  });

  it('is not answered when it was taken back, and clocks go on', async () => {
    const given = Promise.withResolvers<ServerRequestAnswer>();
    const { asks, answers, held } = bench(() => given.promise);
    asks.ask(request(1), undefined);
    expect(asks.takeBack(1, { jsonrpc: '2.0', method: 'notifications/cancelled' })).toBe(false);
    expect(held).toEqual(['held', 'let go']);
    given.resolve(DONE);
    await given.promise;
    asks.ask(request(1), undefined);
    await expect.poll(() => answers).toHaveLength(1);
  });

  it('comes in no greater number than can be kept', () => {
    const { asks, answers } = bench(() => new Promise(() => undefined));
    for (let id = 0; id < 66; id++) asks.ask(request(Math.min(id, 64)), undefined);
    expect(answers.map(([id, answer]) => [id, 'error' in answer])).toEqual([
      [64, true],
      [64, true],
    ]);
  });
});

describe('clocks that are held', () => {
  it('do not run out, and go on with the time that was left', async () => {
    let nowMs = 0;
    const { setTimer, set } = manualTimers();
    const timedOut: number[] = [];
    const calls = new Calls({ now: () => nowMs, setTimer, onTimeout: ({ id }) => void timedOut.push(id) });
    const sweep = async (): Promise<void> => (await set.next()).fire();
    const call = calls.open(callOf({ timeoutMs: 100, maxMs: 1000, cause: new TestCause() }), false);
    const failed = call.answer.catch((error: UpstreamError) => error.reason);
    const letGo = calls.hold();
    nowMs = 500;
    await sweep();
    expect(timedOut).toEqual([]);
    letGo();
    nowMs = 601;
    await sweep();
    expect([timedOut, await failed]).toEqual([[call.id], 'timeout']);
  });
});
