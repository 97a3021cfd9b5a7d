import { setImmediate as turn } from 'node:timers/promises';
import type { JsonObject } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { connectInMemory, type InMemoryClient } from '../kit/client.ts';
import { fakeClock, type FakeClock } from '../kit/clock.ts';
import { fakePrincipal } from '../kit/principal.ts';
import type { Context } from './context.ts';
import { createServer, type McpServer } from './server.ts';

const NAME = z.object({ name: z.string().min(2) });

interface Opened {
  readonly server: McpServer;
  readonly clock: FakeClock;
}

/** With one tool, which takes any arguments. */
function withTool(handler: (context: Context) => unknown): Opened {
  const clock = fakeClock();
  const server = createServer({ name: 'test', version: '1.0.0', clock, log: () => {} });
  server.addTool({ name: 'x' }, async (_params, context) => await handler(context));
  return { server, clock };
}

async function text(client: InMemoryClient): Promise<unknown> {
  return (await client.callTool('x')).content[0]?.['text'];
}

describe.each(['session', 'stateless'] as const)('a handler in the %s era', (era) => {
  it('asks its user for a form, and gets what fits', async () => {
    const { server } = withTool(async ({ elicit }) => {
      const answer = await elicit({ message: 'Who?', requestedSchema: NAME });
      return answer.action === 'accept' ? answer.content.name.toUpperCase() : answer.action;
    });
    const asked: JsonObject[] = [];
    const answers: JsonObject[] = [
      { action: 'accept', content: { name: 'Ada' } },
      { action: 'decline' },
      { action: 'cancel' },
      { action: 'accept', content: { name: 'A' } },
    ];
    const elicit = (params: JsonObject): JsonObject => {
      asked.push(params);
      return answers[asked.length - 1] ?? {};
    };
    const client = await connectInMemory(server, { era, elicit });
    expect(await text(client)).toBe('ADA');
    expect(await text(client)).toBe('decline');
    expect(await text(client)).toBe('cancel');
    expect(await text(client)).toMatch(/^The form was not filled in as asked: name: /);
    expect(asked[0]).toEqual({
      mode: 'form',
      message: 'Who?',
      requestedSchema: { type: 'object', properties: { name: { type: 'string', minLength: 2 } }, required: ['name'] },
    });
  });

  it('has a page opened, a text written, and learns the folders', async () => {
    const { server } = withTool(async ({ elicit, roots, sample }) => {
      const page = await elicit({ mode: 'url', message: 'Log in', url: 'https://example.com' });
      const { content } = await sample({ messages: 'Hi', maxTokens: 5 });
      return { action: page.action, content: content as string, roots: [...(await roots())] };
    });
    const asked: JsonObject[] = [];
    const noting =
      (answer: JsonObject) =>
      (params: JsonObject): JsonObject => {
        asked.push(params);
        return answer;
      };
    const client = await connectInMemory(server, {
      era,
      elicit: noting({ action: 'accept' }),
      sample: noting({ role: 'assistant', model: 'm', content: { type: 'text', text: 'Hello' } }),
      roots: noting({ roots: [{ uri: 'file:///a', name: 'a' }] }),
    });
    expect(JSON.parse((await text(client)) as string)).toEqual({
      action: 'accept',
      content: { type: 'text', text: 'Hello' },
      roots: [{ uri: 'file:///a', name: 'a' }],
    });
    const { elicitationId, ...page } = asked[0] ?? {};
    expect(typeof elicitationId).toBe(era === 'session' ? 'string' : 'undefined');
    expect([page, ...asked.slice(1)]).toEqual([
      { mode: 'url', message: 'Log in', url: 'https://example.com' },
      { messages: [{ role: 'user', content: { type: 'text', text: 'Hi' } }], maxTokens: 5 },
      {},
    ]);
  });

  it('asks several things at once', async () => {
    const { server } = withTool(async ({ elicit, roots }) => {
      const [first, second, folders] = await Promise.all([
        elicit({ message: 'First', requestedSchema: NAME }),
        elicit({ message: 'Second', requestedSchema: NAME }),
        roots(),
      ]);
      return `${first.content?.name} ${second.content?.name} ${folders.length}`;
    });
    const client = await connectInMemory(server, {
      era,
      elicit: ({ message }) => ({ action: 'accept', content: { name: `${message as string}!` } }),
      roots: () => ({ roots: [] }),
    });
    expect(await text(client)).toBe('First! Second! 0');
  });
});

describe('a client that did not declare what it is asked for', () => {
  const { server } = withTool(async ({ elicit, sample }) => {
    try {
      await elicit({ mode: 'url', message: 'Log in', url: 'https://example.com' });
    } catch (error) {
      await sample({ messages: (error as Error).message, maxTokens: 5 });
    }
  });
  const formsAlone = { elicit: () => ({ action: 'accept' }), capabilities: { elicitation: { form: {} } } };

  it('gets a result that says so in the session era', async () => {
    const client = await connectInMemory(server, formsAlone);
    expect(await client.callTool('x')).toMatchObject({
      isError: true,
      content: [{ text: 'The client does not support sampling, which this needs.' }],
    });
  });

  it('gets -32021 in the stateless era', async () => {
    const client = await connectInMemory(server, { ...formsAlone, era: 'stateless' });
    await expect(client.callTool('x')).rejects.toMatchObject({
      code: -32021,
      data: { code: 'missing_capability', requiredCapabilities: { sampling: {} } },
    });
  });
});

it('a client of the session era that answers with an error, or with no answer, is told so', async () => {
  const { server } = withTool(({ roots }) => roots());
  const failing = (): never => {
    throw new Error('not today');
  };
  expect(await text(await connectInMemory(server, { roots: failing }))).toBe(
    'The client answered with an error: not today',
  );
  expect(await text(await connectInMemory(server, { roots: () => ({ roots: 5 }) }))).toBe(
    'The client answered with what is no answer.',
  );
});

it('a client of before elicitation is not asked by it', async () => {
  const { server } = withTool(({ elicit }) => elicit({ message: 'Who?', requestedSchema: NAME }));
  const client = await connectInMemory(server, { revision: '2025-03-26', elicit: () => ({ action: 'decline' }) });
  expect(await text(client)).toBe('The client does not support elicitation, which this needs.');
});

describe('a call that waits for a stateless client', () => {
  const asking = (): Opened & { readonly ended: Promise<unknown> } => {
    const ended = Promise.withResolvers<unknown>();
    const opened = withTool(async ({ elicit, signal }) => {
      signal.addEventListener('abort', () => ended.resolve(signal.reason));
      const { content } = await elicit({ message: 'Who?', requestedSchema: NAME, key: 'who' });
      return `Hello ${content?.name}`;
    });
    return { ...opened, ended: ended.promise };
  };
  const CAPABLE = { era: 'stateless', capabilities: { elicitation: {} } } as const;
  /** One round by hand: the answer as it is on the wire. */
  const once = (client: InMemoryClient, params: JsonObject = {}): Promise<JsonObject> =>
    client.round('tools/call', { name: 'x', arguments: {}, ...params });
  const ANSWER = { who: { action: 'accept', content: { name: 'Ada' } } };

  it('goes on where it was, once', async () => {
    const client = await connectInMemory(asking().server, CAPABLE);
    const { requestState, ...asked } = await once(client);
    expect(asked).toMatchObject({
      resultType: 'input_required',
      inputRequests: { who: { method: 'elicitation/create' } },
    });
    const back = { inputResponses: ANSWER, requestState: requestState ?? null };
    expect(await once(client, back)).toMatchObject({ resultType: 'complete', content: [{ text: 'Hello Ada' }] });
    await expect(once(client, back)).rejects.toMatchObject({ code: -32602 });
  });

  it('asks again for what was not answered', async () => {
    const client = await connectInMemory(asking().server, CAPABLE);
    const first = await once(client);
    const inputResponses = { who: { content: {} }, other: ANSWER.who };
    const second = await once(client, { inputResponses, requestState: first['requestState'] ?? null });
    expect(second).toMatchObject({ resultType: 'input_required', inputRequests: { who: {} } });
    expect(second['requestState']).not.toBe(first['requestState']);
    const third = await once(client, { inputResponses: ANSWER, requestState: second['requestState'] ?? null });
    expect(third).toMatchObject({ content: [{ text: 'Hello Ada' }] });
  });

  it('takes answers that come with the first request', async () => {
    const client = await connectInMemory(asking().server, CAPABLE);
    expect(await once(client, { inputResponses: ANSWER })).toMatchObject({ content: [{ text: 'Hello Ada' }] });
  });

  it('is found by its own principal alone, with the same request, and by no other state', async () => {
    const { server } = asking();
    const client = await connectInMemory(server, CAPABLE);
    const mallory = await connectInMemory(server, { ...CAPABLE, principal: fakePrincipal({ subject: 'mallory' }) });
    const { requestState: state = null } = await once(client);
    const back = { inputResponses: ANSWER, requestState: state };
    await expect(once(mallory, back)).rejects.toMatchObject({ code: -32602 });
    await expect(once(client, { ...back, arguments: { other: 1 } })).rejects.toMatchObject({ code: -32602 });
    await expect(once(client, { ...back, requestState: `${state as string}x` })).rejects.toMatchObject({
      code: -32602,
    });
    await expect(once(client, { ...back, requestState: null })).rejects.toMatchObject({ code: -32602 });
    // None of them has used it up.
    expect(await once(client, back)).toMatchObject({ content: [{ text: 'Hello Ada' }] });
  });

  it('waits ten minutes and no longer', async () => {
    const { clock, ended, server } = asking();
    const client = await connectInMemory(server, CAPABLE);
    const { requestState = null } = await once(client);
    clock.advance(10 * 60_000);
    expect(await ended).toMatchObject({ message: 'The client did not come back with an answer in time.' });
    await expect(once(client, { inputResponses: ANSWER, requestState })).rejects.toMatchObject({ code: -32602 });
    expect(clock.timers).toBe(0);
  });

  it('is one of 64 of its principal', async () => {
    const { clock, server } = asking();
    const client = await connectInMemory(server, CAPABLE);
    for (let i = 0; i < 64; i++) expect(await once(client)).toMatchObject({ resultType: 'input_required' });
    expect(await once(client)).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('too many calls') as unknown }],
    });
    const other = await connectInMemory(server, { ...CAPABLE, principal: fakePrincipal({ subject: 'bob' }) });
    expect(await once(other)).toMatchObject({ resultType: 'input_required' });
    expect(clock.timers).toBe(65);
    server.close();
    expect(clock.timers).toBe(0);
  });

  it('takes ten rounds at most', async () => {
    const { server } = withTool(async ({ elicit }) => {
      for (;;) await elicit({ message: 'Again?', requestedSchema: NAME });
    });
    const client = await connectInMemory(server, { era: 'stateless', elicit: () => ({ action: 'decline' }) });
    expect(await client.callTool('x')).toMatchObject({ isError: true });
  });

  it('that has ended meanwhile is answered when its client comes back', async () => {
    const go = Promise.withResolvers<void>();
    const { clock, server } = withTool(async ({ roots }) => {
      void roots();
      await go.promise;
      return 'without you';
    });
    const client = await connectInMemory(server, { era: 'stateless', capabilities: { roots: {} } });
    const { requestState = null } = await once(client);
    go.resolve();
    // Whatever follows without a wait has happened after a turn of the event loop.
    await turn();
    expect(await once(client, { requestState })).toMatchObject({ content: [{ text: 'without you' }] });
    // Nobody waits for what nobody answers: it would end the process here.
    await once(client);
    clock.advance(10 * 60_000);
    await turn();
  });

  it('is over when its client cancels the round that goes on', async () => {
    const slow = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<unknown>();
    const { server } = withTool(async ({ roots, signal }) => {
      await roots();
      slow.resolve();
      signal.addEventListener('abort', () => ended.resolve(signal.reason));
      await ended.promise;
    });
    const controller = new AbortController();
    const client = await connectInMemory(server, { era: 'stateless', roots: () => ({ roots: [] }) });
    const call = client.callTool('x', {}, { signal: controller.signal });
    await slow.promise;
    controller.abort(new Error('not wanted'));
    await expect(call).rejects.toThrow('not wanted');
    expect(await ended.promise).toMatchObject({ message: 'The client has cancelled the call.' });
  });

  it('may be the reading of a resource, or a prompt; not a completion', async () => {
    const { server } = withTool(() => '');
    server.addResource({ uri: 'test://who', name: 'who' }, async ({ roots }) => String((await roots()).length));
    server.addPrompt(
      {
        name: 'who',
        arguments: [{ name: 'a' }],
        complete: { a: async (_value, { roots }) => (await roots()).map(({ uri }) => uri) },
      },
      async (_args, { roots }) => String((await roots()).length),
    );
    const client = await connectInMemory(server, {
      era: 'stateless',
      roots: () => ({ roots: [{ uri: 'file:///a' }] }),
    });
    expect(await client.readResource('test://who')).toEqual([{ uri: 'test://who', text: '1' }]);
    expect(await client.getPrompt('who')).toMatchObject({ messages: [{ content: { text: '1' } }] });
    const argument = { name: 'a', value: '' };
    await expect(
      client.request('completion/complete', { ref: { type: 'ref/prompt', name: 'who' }, argument }),
    ).rejects.toMatchObject({
      message: 'The client cannot be asked in the midst of this request.',
    });
  });
});
