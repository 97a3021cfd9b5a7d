/**
 * One server of the framework on every transport, asked by clients of every revision that the transport knows: the same calls,
 * with the same answers.
 */
import type { Readable, Writable } from 'node:stream';
import { serve } from '@sallyport/server';
import type { McpServer, Serving, Verify } from '@sallyport/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { overHttp, overSse, overStdio, overWebSocket } from '../matrix/carrier.ts';
import type { OpenCarrier } from '../matrix/carrier.ts';
import type { MatrixClient } from '../matrix/client.ts';
import { openClient } from '../matrix/open-client.ts';
import { answerTo } from '../matrix/questions.ts';
import { isStateless, knowsElicitation, REVISIONS } from '../matrix/revisions.ts';
import type { Revision } from '../matrix/revisions.ts';
import { textOf } from '../matrix/wire.ts';
import type { Json } from '../matrix/wire.ts';
import { createEverything } from './everything/everything.ts';
import { WATCHED_URI } from './everything/state.ts';

const shared: { server?: McpServer; serving?: Serving; url: string } = { url: '' };
const QUIET = { log: false, limits: { rate: false } } as const;

beforeAll(async () => {
  shared.server = createEverything('everything');
  shared.serving = await serve(shared.server, { ...QUIET, http: true, websocket: true, sse: true });
  shared.url = shared.serving.url ?? '';
});

afterAll(async () => {
  shared.server?.close();
  await shared.serving?.destroy();
});

/** A door of its own on the one registry. */
function overPipe(): OpenCarrier {
  const server = shared.server ?? createEverything('everything');
  const serveStdio = (
    input: Readable,
    output: Writable,
  ): ReturnType<Parameters<typeof overStdio>[0]['gateway']['serveStdio']> => {
    const done = serve(server, { ...QUIET, stdio: { input, output } }).then(({ closed }) => closed);
    return { done, drain: () => undefined, close: () => undefined };
  };
  return overStdio({ gateway: { serveStdio } });
}

const SESSIONS = REVISIONS.filter((revision) => !isStateless(revision));
const WAYS: readonly [name: string, carry: () => OpenCarrier, revisions: readonly Revision[]][] = [
  ['Streamable HTTP', () => overHttp(shared.url), REVISIONS],
  ['stdio', overPipe, REVISIONS],
  ['WebSocket', () => overWebSocket(shared.url), REVISIONS],
  ['HTTP+SSE', () => overSse(shared.url), SESSIONS],
];

const table = WAYS.flatMap(([name, carry, revisions]) => revisions.map((revision) => ({ name, carry, revision })));

const call = (name: string, args: Json = {}): Json => ({ name, arguments: args });

async function textFrom(client: MatrixClient, name: string, args: Json = {}): Promise<string> {
  return textOf(await client.request('tools/call', call(name, args)).answer);
}

describe.each(table)('$revision over $name', ({ carry, revision }) => {
  const open = (): Promise<MatrixClient> => openClient(carry(), revision);
  const era = isStateless(revision) ? { resultType: 'complete' } : {};

  it('lists, calls, reads, gets and completes', async () => {
    await using client = await open();
    expect(client.negotiated).toBe(revision);
    const { result } = await client.request('tools/list').answer;
    expect(result?.['tools']).toContainEqual(
      expect.objectContaining({ name: 'echo', inputSchema: expect.anything() as unknown }),
    );
    const said = await client.request('tools/call', call('echo', { text: 'hello' })).answer;
    expect(said.result).toMatchObject({ ...era, content: [{ type: 'text', text: 'hello' }] });
    const bad = await client.request('tools/call', call('echo', { text: 5 })).answer;
    expect(bad.result).toMatchObject({ ...era, isError: true });
    expect(textOf(bad)).toMatch(
      /^The arguments do not fit the input schema of echo, so the tool was not called: text: /,
    );
    const unknown = await client.request('tools/call', call('no_such_tool')).answer;
    expect(unknown.error).toMatchObject({ code: -32602, message: 'Unknown tool: no_such_tool' });
    const read = await client.request('resources/read', { uri: 'test://template/4%202/data' }).answer;
    expect(read.result).toMatchObject({
      ...era,
      contents: [
        {
          uri: 'test://template/4%202/data',
          mimeType: 'application/json',
          text: expect.stringContaining('"id":"4 2"') as unknown,
        },
      ],
    });
    const missing = await client.request('resources/read', { uri: 'test://nowhere' }).answer;
    expect(missing.error?.code).toBe(isStateless(revision) ? -32602 : -32002);
    const prompt = await client.request('prompts/get', {
      name: 'test_prompt_with_arguments',
      arguments: { arg1: 'a', arg2: 'b' },
    }).answer;
    expect(prompt.result).toMatchObject({
      ...era,
      messages: [{ role: 'user', content: { text: "Prompt with arguments: arg1='a', arg2='b'" } }],
    });
    const ref = { type: 'ref/prompt', name: 'test_prompt_with_arguments' };
    const completed = await client.request('completion/complete', { ref, argument: { name: 'arg1', value: 'par' } })
      .answer;
    expect(completed.result).toMatchObject({ completion: { values: ['paris', 'park', 'party'], hasMore: false } });
    const structured = await client.request('tools/call', call('cancellations')).answer;
    expect(structured.result?.['structuredContent']).toMatchObject({ count: expect.any(Number) as unknown });
  });

  it('tells of progress, log messages and changes', async () => {
    await using client = await open();
    const from = client.tape.items.length;
    await client.request('tools/call', call('test_tool_with_progress'), { progressToken: 'far' }).answer;
    const told = client.tape.incoming(from).filter(({ message }) => message.method === 'notifications/progress');
    expect(told.map(({ message }) => message.params?.['progress'])).toEqual([0, 50, 100]);
    await client.setLevel('error');
    const logsFrom = client.tape.items.length;
    await textFrom(client, 'log', { level: 'info', text: 'too low' });
    await textFrom(client, 'log', { level: 'error', text: 'loud enough' });
    const logs = client.tape.incoming(logsFrom).filter(({ message }) => message.method === 'notifications/message');
    expect(logs.map(({ message }) => message.params)).toMatchObject([{ level: 'error', data: 'loud enough' }]);
    const subscription = await client.subscribe(WATCHED_URI);
    await textFrom(client, 'bump');
    const isUpdate = ({ message }: { message: { method?: string } }): boolean =>
      message.method === 'notifications/resources/updated';
    const updated = await client.tape.until(isUpdate, 'an update');
    expect(updated.message.params).toMatchObject({ uri: WATCHED_URI });
    await subscription.end();
  });

  it('asks its client in the midst of a call', async () => {
    await using client = await open();
    const onQuestion = (method: string): Json => answerTo(method, 'x', revision);
    const ask = async (name: string): Promise<string> =>
      textOf(await client.request('tools/call', call(name), { onQuestion }).answer);
    expect(await ask('test_input_required_result_sampling')).toContain('sampled x');
    expect(await ask('test_input_required_result_list_roots')).toBe('Roots: file:///x');
  });

  it('hears that a call is not wanted any more', async () => {
    await using client = await open();
    const cancelled = async (): Promise<number> =>
      (JSON.parse(await textFrom(client, 'cancellations')) as { count: number }).count;
    const before = await cancelled();
    const sleep = client.request('tools/call', call('sleep', { ms: 20_000 }), { progressToken: 'sleep' });
    await client.tape.until(
      ({ message }) => message.params?.['progressToken'] === 'sleep' && message.method === 'notifications/progress',
      'the sleep to begin',
    );
    await sleep.cancel();
    await expect.poll(cancelled).toBe(before + 1);
  });
});

const asking = table.filter(({ revision }) => knowsElicitation(revision));

it.each(asking)('$revision over $name asks its user in the midst of a call', async ({ carry, revision }) => {
  await using client = await openClient(carry(), revision);
  const onQuestion = (method: string): Json => answerTo(method, 'x', revision);
  const ask = async (name: string): Promise<string> =>
    textOf(await client.request('tools/call', call(name), { onQuestion }).answer);
  expect(await ask('test_input_required_result_elicitation')).toBe('Hello, Ada x!');
  expect(await ask('test_input_required_result_multiple_inputs')).toContain('Ada x: ');
});

it('keeps a hundred clients of different principals apart', async () => {
  const verify: Verify = ({ authorization }) =>
    authorization === undefined
      ? undefined
      : { issuer: 'test', subject: authorization.replace('Bearer ', ''), roles: [] };
  await using serving = await closing(serve(createEverything('everything'), { ...QUIET, http: true, auth: verify }));
  const url = serving.url ?? '';
  const ask = async (subject: string, id: number): Promise<unknown> => {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${subject}`,
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': 'whoami',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id,
        method: 'tools/call',
        params: { ...call('whoami'), _meta: ENVELOPE },
      }),
    });
    const { result } = (await response.json()) as { result: { content: { text: string }[] } };
    return result.content[0]?.text;
  };
  const subjects = Array.from({ length: 100 }, (_, index) => `client-${String(index)}`);
  const answers = await Promise.all(subjects.flatMap((subject, index) => [ask(subject, index), ask(subject, index)]));
  expect(answers).toEqual(subjects.flatMap((subject) => [subject, subject]));
});

const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};

async function closing(serving: Promise<Serving>): Promise<Serving & AsyncDisposable> {
  const opened = await serving;
  return Object.assign(opened, { [Symbol.asyncDispose]: () => opened.destroy() });
}
