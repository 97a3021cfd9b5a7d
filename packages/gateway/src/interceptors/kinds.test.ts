/** Prompts and reads of resources as interceptors see them, and calls whose client goes while one is asked. */
import type { Exchange } from '@sallyport/server';
import type { JsonObject } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import type { Call } from '../call.ts';
import { BREAKER_FAILURES } from './breaker.ts';
import { bytesAnswer, callOf, open, route, settings, type Opened, type Reply } from './testing/room.ts';

const PROMPT = { messages: [{ role: 'user', content: { type: 'text', text: 'ann@example.com' } }] };
const READ = { contents: [{ uri: 'file:///a', mimeType: 'text/plain', text: 'ann@example.com' }] };

function of(method: string, kind: 'prompt' | 'resource' | 'template', id: string, params: JsonObject): Call {
  const call = callOf(undefined, { kind, canonicalId: id, original: id });
  const message = { jsonrpc: '2.0', id: 1, method, params } as const;
  const exchange = { ...call.exchange, message, text: JSON.stringify(message) } as unknown as Exchange;
  return { ...call, exchange };
}
const getting = (args: JsonObject = {}): Call =>
  of('prompts/get', 'prompt', 'up__p', { name: 'shown', arguments: args });
const reading = (): Call => of('resources/read', 'resource', 'file:///a', { uri: 'file:///a' });

const all = (reply: Reply, more: object = {}): Opened =>
  open([settings('a', { phases: ['before-call', 'after-call'], ...more })], reply);
const through = (opened: Opened, call: Call, result: JsonObject, sent: Call[] = []): Promise<unknown> =>
  route(opened.room, async (made) => {
    sent.push(made);
    return bytesAnswer(result);
  })(call);

describe('prompts and resources', () => {
  it('are shown by what they are, a read without arguments', async () => {
    const opened = all(() => ({ action: 'pass' }));
    await through(opened, getting({ who: 'ann' }), PROMPT);
    await through(opened, reading(), READ);
    const shown = opened.asked.map(
      ({ question: { principal: _p, requestId: _r, server: _s, ...question } }) => question,
    );
    expect(shown).toEqual([
      { phase: 'before-call', prompt: 'up__p', name: 'shown', arguments: { who: 'ann' } },
      { phase: 'after-call', prompt: 'up__p', name: 'shown', result: PROMPT },
      { phase: 'before-call', resource: 'file:///a' },
      { phase: 'after-call', resource: 'file:///a', result: READ },
    ]);
  });

  it('become what is put in their place, and are withheld where that is refused', async () => {
    const masked = { messages: [{ role: 'user', content: { type: 'text', text: '***' } }] };
    const opened = all(({ phase }) =>
      phase === 'before-call' ? { action: 'replace', arguments: { who: 'x' } } : { action: 'replace', result: masked },
    );
    const sent: Call[] = [];
    const read = await through(opened, getting({ who: 'ann' }), { ...PROMPT, resultType: 'complete' }, sent);
    expect(sent[0]?.exchange.message.params?.['arguments']).toEqual({ who: 'x' });
    expect(read).toEqual(bytesAnswer({ ...masked, resultType: 'complete' }));
    const denied = all(({ phase }) => ({ action: phase === 'after-call' ? 'deny' : 'pass' }));
    await expect(through(denied, reading(), READ)).rejects.toThrow('withheld');
  });

  it.each<[string, Call, object]>([
    ['arguments of a read', reading(), { arguments: {} }],
    ['arguments that are no texts', getting(), { arguments: { who: 1 } }],
    ['a result without messages', getting(), { result: { content: [] } }],
    ['a message of nobody', getting(), { result: { messages: [{ content: {} }] } }],
    ['a result without contents', reading(), { result: { messages: [] } }],
    ['contents of nowhere', reading(), { result: { contents: [{ text: 'x' }] } }],
  ])('are not replaced by %s', async (_what, call, answer) => {
    const isResult = 'result' in answer;
    const opened = all(({ phase }) =>
      (phase === 'after-call') === isResult ? { action: 'replace', ...answer } : { action: 'pass' },
    );
    await expect(through(opened, call, call.target?.kind === 'prompt' ? PROMPT : READ)).rejects.toThrow(
      'could not be checked',
    );
  });

  it('that say they are no answer yet are one where they have what was asked for', async () => {
    const deny = all(({ phase }) => ({ action: phase === 'after-call' ? 'deny' : 'pass' }));
    const sly = { resultType: 'input_required', task: {}, taskId: 't', status: 'working' };
    await expect(through(deny, getting(), { ...PROMPT, ...sly })).rejects.toThrow('withheld');
    await expect(through(deny, reading(), { ...READ, ...sly })).rejects.toThrow('withheld');
    await expect(through(deny, reading(), { taskId: 't', status: 'working', secret: 1 })).rejects.toThrow('withheld');
    await through(deny, reading(), { resultType: 'input_required', inputRequests: {} });
  });

  it('are nothing for those that are asked about something else, nor is what completes them', async () => {
    const opened = all(() => ({ action: 'deny' }), { kinds: ['tool'] });
    await through(opened, getting(), PROMPT);
    await through(opened, reading(), READ);
    const prompts = all(() => ({ action: 'deny' }), { kinds: ['prompt'] });
    await through(prompts, reading(), READ);
    await through(prompts, callOf({}), {});
    await through(prompts, of('completion/complete', 'prompt', 'up__p', { ref: {} }), {});
    await through(prompts, of('completion/complete', 'template', 'x:{y}', { ref: {} }), {});
    expect([opened.asked, prompts.asked]).toEqual([[], []]);
  });
});

describe('a client that goes', () => {
  /** Its way to go. */
  const leaving = (call: Call): (() => void) => {
    const listeners: (() => void)[] = [];
    Object.assign(call.exchange, { onCancel: (listener: () => void) => listeners.push(listener) });
    return () => {
      for (const listener of listeners) listener();
    };
  };

  it.each(['before-call', 'after-call'] as const)(
    'ends the wait, and is no failure of who was asked: %s',
    async (phase) => {
      for (const onError of ['closed', 'open'] as const) {
        const opened = open([settings('a', { phases: [phase], onError })], () => new Promise(() => undefined));
        for (let n = 0; n <= BREAKER_FAILURES; n++) {
          const call = callOf({});
          const leave = leaving(call);
          const sent: Call[] = [];
          const answer = through(opened, call, { content: [] }, sent);
          // Until it is asked.
          for (let turns = 0; turns < 100 && opened.asked.length <= n; turns++) await Promise.resolve();
          expect(opened.asked).toHaveLength(n + 1);
          leave();
          await expect(answer).rejects.toMatchObject({ reason: 'cancelled' });
          expect(sent).toHaveLength(phase === 'after-call' ? 1 : 0);
        }
        expect([opened.told, opened.logged, opened.room.notes(), opened.life]).toEqual([[], [], [], ['open a']]);
      }
    },
  );
});
