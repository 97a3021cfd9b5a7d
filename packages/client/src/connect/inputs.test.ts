import type { JsonObject } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import { manualTimers } from '../testing/calls.ts';
import type { FormRequest, Handlers } from './handlers.ts';
import { createInputs, NoInput, type Inputs } from './inputs.ts';

interface Bench {
  readonly inputs: Inputs;
  readonly failures: string[];
  readonly timers: ReturnType<typeof manualTimers>;
}

function bench(handlers: Handlers, capabilities: JsonObject = {}): Bench {
  const failures: string[] = [];
  const timers = manualTimers();
  const onFailure = (text: string): void => void failures.push(text);
  const inputs = createInputs({
    server: 'one',
    handlers,
    capabilities,
    inputMs: 1000,
    setTimer: timers.setTimer,
    onFailure,
  });
  return { inputs, failures, timers };
}

const AGE: JsonObject = {
  message: 'How old are you?',
  requestedSchema: { type: 'object', properties: { age: { type: 'integer', minimum: 0 } }, required: ['age'] },
};
const asked = (method: string, params: JsonObject, id: number = 7): Parameters<Inputs['ask']>[0] => ({
  jsonrpc: '2.0',
  id,
  method,
  params,
});
const never = (): Promise<never> => new Promise(() => undefined);

describe('capabilities', () => {
  it.each<[Handlers, JsonObject, JsonObject]>([
    [{}, {}, {}],
    [{ elicitation: {} }, {}, {}],
    [{ elicitation: { form: never } }, {}, { elicitation: { form: {} } }],
    [
      { elicitation: { form: never, url: never }, roots: [] },
      {},
      { elicitation: { form: {}, url: {} }, roots: { listChanged: true } },
    ],
    [{ sampling: never }, { sampling: { tools: {} }, experimental: {} }, { sampling: { tools: {} }, experimental: {} }],
  ])('are what there are handlers for: %o', (handlers, more, expected) => {
    expect(bench(handlers, more).inputs.capabilities).toEqual(expected);
  });

  it.each([
    ['sampling/createMessage', { messages: [] }, -32601],
    ['roots/list', {}, -32601],
    ['elicitation/create', AGE, -32602],
    ['tasks/get', {}, -32601],
  ])('that were not declared are not answered: %s', async (method, params, code) => {
    expect(await bench({}).inputs.ask(asked(method, params))).toMatchObject({ error: { code } });
  });
});

describe('a form', () => {
  it('is filled in again until it fits, and what does not fit never leaves', async () => {
    const seen: FormRequest[] = [];
    const ages: unknown[] = ['ten', -1, 10];
    const { inputs } = bench({
      elicitation: {
        form: (request) => ({ action: 'accept', content: { age: ages[seen.push(request) - 1] as number } }),
      },
    });
    expect(await inputs.answer('elicitation/create', AGE)).toEqual({ action: 'accept', content: { age: 10 } });
    expect(seen.map(({ problems }) => problems.map(({ code }) => code))).toEqual([[], ['type'], ['too_small']]);
    expect(seen[0]).toMatchObject({ message: 'How old are you?', fields: [{ name: 'age', kind: 'integer' }] });
  });

  it('that is never filled in well is cancelled', async () => {
    let times = 0;
    const { inputs } = bench({
      elicitation: {
        form: () => {
          times++;
          return { action: 'accept', content: {} };
        },
      },
    });
    expect(await inputs.answer('elicitation/create', AGE)).toEqual({ action: 'cancel' });
    expect(times).toBe(5);
  });

  it.each(['decline', 'cancel'] as const)('may be refused: %s', async (action) => {
    const { inputs } = bench({ elicitation: { form: () => ({ action }) } });
    expect(await inputs.answer('elicitation/create', AGE)).toEqual({ action });
  });

  it('with a schema that is none is refused, and nobody is asked', async () => {
    const { inputs } = bench({ elicitation: { form: () => Promise.reject(new Error('asked')) } });
    const answer = await inputs.ask(asked('elicitation/create', { ...AGE, requestedSchema: { type: 'array' } }));
    expect(answer).toMatchObject({ error: { code: -32602 } });
  });

  it('that nobody looks at in time is cancelled, and the handler is told', async () => {
    const signals: AbortSignal[] = [];
    const { inputs, timers } = bench({
      elicitation: {
        form: ({ signal }) => {
          signals.push(signal);
          return never();
        },
      },
    });
    const answer = inputs.answer('elicitation/create', AGE);
    (await timers.set.next(({ ms }) => ms === 1000)).fire();
    expect(await answer).toEqual({ action: 'cancel' });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });
});

describe('a page', () => {
  const page = (url: unknown): JsonObject => ({ mode: 'url', message: 'Pay', url: url as string, elicitationId: 'e1' });

  it('is shown by its URL, and what is entered there does not come this way', async () => {
    const { inputs } = bench({
      elicitation: {
        url: ({ url, elicitationId }) => ({
          action: url + elicitationId === 'https://a.example/e1' ? 'accept' : 'cancel',
        }),
      },
    });
    expect(await inputs.answer('elicitation/create', page('https://a.example/'))).toEqual({ action: 'accept' });
  });

  it.each(['javascript:alert(1)', 'file:///etc/passwd', 'nonsense', 7, undefined])(
    'is not opened at %s',
    async (url) => {
      const { inputs } = bench({ elicitation: { url: () => ({ action: 'accept' }) } });
      await expect(inputs.answer('elicitation/create', page(url))).rejects.toThrow(/no https: or http: URL/);
    },
  );
});

describe('a handler', () => {
  it('that fails tells the server nothing of why, and the application all', async () => {
    const { inputs, failures } = bench({ sampling: () => Promise.reject(new Error('the key sk-1 is spent')) });
    const answer = await inputs.ask(asked('sampling/createMessage', {}));
    expect(answer).toEqual({ error: { code: -32603, message: 'An internal error occurred.' } });
    expect(failures).toEqual([expect.stringContaining('the key sk-1 is spent')]);
  });

  it('is told when the server takes its request back, and when the client ends', async () => {
    const signals: AbortSignal[] = [];
    const { inputs, failures } = bench({
      sampling: (_request, { signal }) => {
        signals.push(signal);
        return never();
      },
    });
    const [one, other] = [1, 2].map((id) => inputs.ask(asked('sampling/createMessage', {}, id)));
    inputs.takeBack(1);
    await one;
    expect([signals.map(({ aborted }) => aborted), failures]).toEqual([[true, false], []]);
    inputs.destroy();
    expect(await other).toMatchObject({ error: { code: -32603 } });
    await expect(inputs.answer('sampling/createMessage', {})).rejects.toBeInstanceOf(NoInput);
  });

  it('for roots may be a list or a function', async () => {
    const roots = [{ uri: 'file:///work', name: 'work' }];
    for (const given of [roots, () => roots, () => Promise.resolve(roots)]) {
      expect(await bench({ roots: given }).inputs.answer('roots/list', undefined)).toEqual({ roots });
    }
  });
});
