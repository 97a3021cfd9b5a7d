/** Where the policy asks, a person decides: by official clients of both lines and both eras, and by hand for what they do not do. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSession, stateless, textOf, type Message, type RawClient } from '../gateway/raw-client.ts';
import { configurationText, temporaryFolder } from '../gateway/gateway.ts';
import { openSdk1, openSdk2, type OpenOptions } from '../support/clients.ts';
import { openCaller, openStdioCaller } from './callers.ts';
import { bearer, randomKey, startGuarded, type Guarded } from './support.ts';

const POLICY = {
  rules: [
    { effect: 'allow', tools: ['*'] },
    { effect: 'ask', tools: ['up__number'], reason: 'numbers are dear' },
  ],
};
const key = randomKey();
const other = randomKey();
const KEYS = [
  { name: 'ann', key },
  { name: 'bob', key: other },
];

const start = (more: Parameters<typeof startGuarded>[1] = {}): Promise<Guarded> =>
  startGuarded({ auth: { keys: KEYS }, policy: POLICY }, more);
const called = ({ up }: Guarded): number => up.server.of('tools/call').length;

type Caller = { callTool(params: { name: string; arguments: Record<string, unknown> }): Promise<unknown> };
type Open = (url: string, options: OpenOptions) => Promise<AsyncDisposable & { readonly client: Caller }>;
const CLIENTS: readonly { readonly name: string; readonly open: Open }[] = [
  { name: 'SDK 1', open: openSdk1 },
  { name: 'SDK 2 with a session', open: (url, options) => openSdk2(url, { ...options, era: 'session' }) },
  { name: 'SDK 2 without one', open: (url, options) => openSdk2(url, { ...options, era: 'stateless' }) },
];

describe.each(CLIENTS)('AUT-14 $name', ({ open }) => {
  const REPLIES = [
    ['accepts and allows', { action: 'accept', content: { approve: true } }, true],
    ['accepts without allowing', { action: 'accept', content: { approve: false } }, false],
    ['declines', { action: 'decline' }, false],
    ['cancels', { action: 'cancel' }, false],
  ] as const;

  it.each(REPLIES)('%s', async (_what, reply, goesOn) => {
    await using place = await start();
    const questions: string[] = [];
    const elicitation = ({ message }: { message: string }): never => {
      questions.push(message);
      return reply as never;
    };
    await using opened = await open(place.started.url, { headers: bearer(key), handlers: { elicitation } });
    const result = opened.client.callTool({ name: 'up__number', arguments: { n: 42, to: 'a\u202eb' } });
    const words = await result.then(JSON.stringify, String);
    expect(words).toMatch(goesOn ? '"text":"42"' : /not approved/i);
    expect(called(place)).toBe(goesOn ? 1 : 0);
    expect(questions).toEqual([expect.stringContaining('numbers are dear') as string]);
    // Who decides sees the very arguments, without marks that would show them otherwise.
    expect(questions[0]).toContain('"number" of the server "up"');
    expect(questions[0]).toContain('"n": 42');
    expect(questions[0]).toContain('a\\u202eb');
    // What nothing asks about goes its way.
    expect(await opened.client.callTool({ name: 'up__pid', arguments: {} })).toBeDefined();
    expect(questions).toHaveLength(1);
  });

  it('is asked for each call anew', async () => {
    await using place = await start();
    const questions: string[] = [];
    const elicitation = ({ message }: { message: string }): never => {
      questions.push(message);
      return { action: questions.length === 1 ? 'accept' : 'decline', content: { approve: true } } as never;
    };
    await using opened = await open(place.started.url, { headers: bearer(key), handlers: { elicitation } });
    const given = { name: 'up__number', arguments: { n: 1 } };
    await opened.client.callTool(given);
    await expect(opened.client.callTool(given)).rejects.toThrow('not approved');
    expect([questions.length, called(place)]).toEqual([2, 1]);
  });

  it('that can ask nobody is refused, and nothing is called', async () => {
    await using place = await start();
    await using opened = await open(place.started.url, { headers: bearer(key) });
    const result = opened.client.callTool({ name: 'up__number', arguments: { n: 1 } });
    await expect(result).rejects.toThrow(/person must approve/);
    expect(called(place)).toBe(0);
  });
});

describe.each(['websocket', 'sse', 'stdio'] as const)('AUT-14 a client by %s', (way) => {
  it.each([true, false])('is asked on its own channel; its person says %s', async (approve) => {
    await using place = await startGuarded({
      auth: { keys: KEYS },
      policy: { roles: { own: { keys: ['local', 'ann'] } }, ...POLICY },
    });
    const elicitation = { elicitation: {} };
    await using caller =
      way === 'stdio'
        ? await openStdioCaller(place.started, elicitation)
        : await openCaller(way, place.started, key, '/mcp', elicitation);
    const answer = caller.ask('tools/call', { name: 'up__number', arguments: { n: 3 } });
    const { heard, tell } = caller.channel as NonNullable<typeof caller.channel>;
    const question = await heard.until(({ method }) => method === 'elicitation/create', 'the question');
    expect(called(place)).toBe(0);
    await tell({ jsonrpc: '2.0', id: question.id, result: { action: 'accept', content: { approve } } });
    const message = JSON.parse(await answer) as Message;
    expect([message.error?.code, called(place)]).toEqual(approve ? [undefined, 1] : [-31003, 0]);
  });
});

/** By hand: what the gateway asks in a round, and the request that answers it. */
const ELICIT = { elicitation: { form: {} } };
const YES = { action: 'accept', content: { approve: true } };

async function asked(client: RawClient, given: Record<string, unknown>): Promise<Record<string, unknown>> {
  const { result } = await client.call('tools/call', { name: 'up__number', arguments: given });
  expect(result?.['resultType']).toBe('input_required');
  const [id] = Object.keys(result?.['inputRequests'] as object) as [string];
  return { requestState: result?.['requestState'], inputResponses: { [id]: YES } };
}

const go = (client: RawClient, given: Record<string, unknown>, reply: Record<string, unknown>): Promise<Message> =>
  client.call('tools/call', { name: 'up__number', arguments: given, ...reply });

const REFUSED = { code: -32602, message: expect.stringContaining('without requestState') as string };

describe('AUT-14 an approval', () => {
  it('is good once: the same again is refused, also when both come at once', async () => {
    await using place = await start();
    const ann = stateless(place.started.url, ELICIT, bearer(key));
    const reply = await asked(ann, { n: 1 });
    expect(textOf(await go(ann, { n: 1 }, reply))).toBe('1');
    const again = await go(ann, { n: 1 }, reply);
    expect(again.error).toMatchObject({ code: -32602, message: expect.stringContaining('used already') as string });
    const second = await asked(ann, { n: 2 });
    const both = await Promise.all([1, 2, 3, 4].map(() => go(ann, { n: 2 }, second)));
    expect(both.filter(({ error }) => error === undefined)).toHaveLength(1);
    expect(called(place)).toBe(2);
  });

  it('is good for these arguments, this tool, this caller and this place alone', async () => {
    await using place = await startGuarded({
      auth: { keys: KEYS },
      policy: { rules: [POLICY.rules[0], { effect: 'ask', tools: ['up__number', 'up__raw'] }] },
    });
    const ann = stateless(place.started.url, ELICIT, bearer(key));
    const reply = await asked(ann, { n: 1, list: [1, 2], deep: { a: 1 } });
    const others = [{ n: 2 }, {}, { n: 1, list: [2, 1], deep: { a: 1 } }, { n: 1, list: [1, 2], deep: { a: 1, b: 2 } }];
    for (const given of others) expect((await go(ann, given, reply)).error).toMatchObject(REFUSED);
    const same = { n: 1, list: [1, 2], deep: { a: 1 } };
    const elsewhere = [
      await go(stateless(place.started.url, ELICIT, bearer(other)), same, reply),
      await ann.call('tools/call', { name: 'up__raw', arguments: same, ...reply }),
      await go(stateless(`${place.started.url}?servers=up`, ELICIT, bearer(key)), same, reply),
    ];
    for (const { error } of elsewhere) expect(error).toMatchObject(REFUSED);
    const state = String(reply['requestState']);
    for (const forged of [
      state.slice(0, -2),
      `${state}A`,
      state.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
      '',
      'x',
    ]) {
      expect((await go(ann, same, { ...reply, requestState: forged })).error).toMatchObject(REFUSED);
    }
    expect(called(place)).toBe(0);
    expect(textOf(await go(ann, same, reply))).toBe('1');
  });

  it('that nobody asked for, or that came too late, starts nothing', async () => {
    const clock = { ms: Date.now() };
    await using place = await start({ now: () => clock.ms });
    const ann = stateless(place.started.url, ELICIT, bearer(key));
    const unsolicited = await go(ann, { n: 1 }, { inputResponses: { 'sallyport-approval': YES } });
    expect(unsolicited.error).toMatchObject(REFUSED);
    const reply = await asked(ann, { n: 1 });
    clock.ms += 11 * 60_000;
    const late = await go(ann, { n: 1 }, reply);
    expect(late.error?.code).toBe(-32602);
    expect(called(place)).toBe(0);
  });

  it('used in one process is used in every other one', async () => {
    await using folder = await temporaryFolder();
    const configuration = { auth: { keys: KEYS }, policy: POLICY, store: 'sqlite' };
    const stateDirectory = folder.path;
    await using one = await startGuarded(configuration, { stateDirectory });
    await using two = await startGuarded(configuration, { stateDirectory });
    const [first, second] = [one, two].map(({ started }) => stateless(started.url, ELICIT, bearer(key))) as [
      RawClient,
      RawClient,
    ];
    const reply = await asked(first, { n: 1 });
    expect(textOf(await go(second, { n: 1 }, reply))).toBe('1');
    expect((await go(first, { n: 1 }, reply)).error?.message).toContain('used already');
    expect([called(one), called(two)]).toEqual([0, 1]);
  });

  it('given by somebody else, or after the call was cancelled, starts nothing', async () => {
    await using place = await start();
    const ann = await openSession(place.started.url, ELICIT, bearer(key));
    const bob = await openSession(place.started.url, ELICIT, bearer(other));
    const pending = await ann.start('tools/call', { name: 'up__number', arguments: { n: 1 } }, { id: 'pending' });
    const { message } = await pending.messages.until(
      (each) => each.message.method === 'elicitation/create',
      'the question',
    );
    await bob.tell({ id: message.id, result: YES });
    expect(called(place)).toBe(0);
    await ann.tell({ method: 'notifications/cancelled', params: { requestId: 'pending' } });
    await ann.tell({ id: message.id, result: YES });
    expect((await ann.call('tools/call', { name: 'up__pid', arguments: {} })).error).toBeUndefined();
    expect(place.up.server.of('tools/call').map(({ params }) => params?.['name'])).toEqual(['pid']);
    pending.abort();
  });

  it('AUT-08 does not outlive the right to call: a rule that came meanwhile counts', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'sallyport.json');
    await using place = await start({ file });
    const ann = await openSession(place.started.url, ELICIT, bearer(key));
    const pending = await ann.start('tools/call', { name: 'up__number', arguments: { n: 1 } });
    const { message } = await pending.messages.until(
      (each) => each.message.method === 'elicitation/create',
      'the question',
    );
    const rules = [...POLICY.rules, { effect: 'deny', tools: ['up__number'] }];
    const mcpServers = { up: { url: place.up.url, type: 'http' } };
    await writeFile(file, configurationText({ mcpServers, auth: { keys: KEYS }, policy: { rules } }));
    await place.started.log.until(({ text }) => text === 'the configuration was taken over', 'the reload');
    await ann.tell({ id: message.id, result: YES });
    expect((await pending.last).message.error?.code).toBe(-32602);
    expect(called(place)).toBe(0);
  });
});
