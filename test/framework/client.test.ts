/**
 * `connect` against real servers: the reference server, this repository's own on the official SDK, and the framework's, over
 * every transport and in both eras.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { connect } from '@sallyport/client';
import type { Client, ConnectOptions, ConnectTarget } from '@sallyport/client';
import { serve } from '@sallyport/server';
import type { McpServer, Serving } from '@sallyport/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createInbox } from '../support/inbox.ts';
import { start } from '../support/process.ts';
import type { Running } from '../support/process.ts';
import { createEverything } from './everything/everything.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const REFERENCE = `${ROOT}node_modules/@modelcontextprotocol/server-everything/dist/index.js`;
const SERVER = `${ROOT}test/everything/server.ts`;
const WATCHED = 'test://watched-resource';

const shared: { running?: Running; sdk: string; server?: McpServer; serving?: Serving; own: string } = {
  sdk: '',
  own: '',
};

beforeAll(async () => {
  shared.running = start(process.execPath, [SERVER, '--port', '0']);
  [shared.sdk] = await shared.running.untilLine(/http:\S+/);
  shared.server = createEverything('everything');
  const limits = { rate: false } as const;
  shared.serving = await serve(shared.server, { log: false, limits, http: true, websocket: true, sse: true });
  shared.own = shared.serving.url ?? '';
});
afterAll(async () => {
  await shared.running?.stop();
  shared.server?.close();
  await shared.serving?.destroy();
});

const ASKED: ConnectOptions = {
  elicitation: {
    form: ({ fields }) => ({
      action: 'accept',
      content: Object.fromEntries(fields.filter(({ required }) => required).map(({ name }) => [name, `my ${name}`])),
    }),
  },
  sampling: ({ maxTokens }) => ({ role: 'assistant', model: 'm', content: { type: 'text', text: `of ${maxTokens}` } }),
  roots: [{ uri: 'file:///work', name: 'work' }],
};

const OVER_STDIO: ConnectTarget = { command: process.execPath, args: [SERVER, '--stdio'] };
const ways: [way: string, era: 'session' | 'stateless', target: () => ConnectTarget][] = [
  ['http to the SDK', 'session', () => shared.sdk],
  ['http to the SDK', 'stateless', () => shared.sdk],
  ['stdio to the SDK', 'session', () => OVER_STDIO],
  ['stdio to the SDK', 'stateless', () => OVER_STDIO],
  ['WebSocket to the framework', 'session', () => shared.own.replace('http:', 'ws:')],
  ['WebSocket to the framework', 'stateless', () => shared.own.replace('http:', 'ws:')],
  ['HTTP+SSE to the framework', 'session', () => new URL('/sse', shared.own)],
];

describe.each(ways)('over %s in the %s era', (way, era, target) => {
  const opened: { plain?: Client; asked?: Client } = {};
  const plain = (): Client => opened.plain as Client;

  beforeAll(async () => {
    opened.plain = await connect(target(), { era });
    opened.asked = await connect(target(), { era, ...ASKED });
  });
  afterAll(async () => {
    await Promise.all([opened.plain?.close(), opened.asked?.close()]);
  });

  it('lists, calls, reads, completes and says what it is', async () => {
    const client = plain();
    expect(client.server).toMatchObject({ name: 'everything', version: '1.0.0', era });
    expect(client.server.instructions).toMatch(/for tests/);
    const names = (await client.listTools()).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['echo', 'sleep']));
    expect((await client.listResources()).map(({ uri }) => uri)).toContain(WATCHED);
    expect((await client.listResourceTemplates()).map(({ uriTemplate }) => uriTemplate)).toEqual([
      'test://template/{id}/data',
    ]);
    expect((await client.listPrompts()).map(({ name }) => name)).toContain('test_simple_prompt');
    const { contents } = await client.readResource('test://static-text');
    expect(contents).toMatchObject([{ text: 'This is the content of the static text resource.' }]);
    const prompt = await client.getPrompt('test_prompt_with_arguments', { arg1: 'a', arg2: 'b' });
    expect(prompt.messages[0]?.content.text).toContain("arg1='a', arg2='b'");
    const reference = { type: 'ref/prompt', name: 'test_prompt_with_arguments' } as const;
    expect((await client.complete(reference, { name: 'arg1', value: 'par' })).values).toEqual([
      'paris',
      'park',
      'party',
    ]);
    const { content } = await client.callTool('test_multiple_content_types');
    expect(content.map(({ type }) => type)).toEqual(['text', 'image', 'resource']);
    expect(await client.callTool('test_error_handling')).toMatchObject({ isError: true });
    await client.ping();
    if (!way.endsWith('SDK')) return;
    expect((await client.callTool('unknown_content')).content[0]).toMatchObject({ type: 'hologram', depth: 3 });
  });

  it('answers what the server asks in the middle of a call', async () => {
    const client = opened.asked as Client;
    const textOf = async (tool: string, args = {}): Promise<string> =>
      (await client.callTool(tool, args)).content[0]?.text ?? '';
    expect(await textOf('test_elicitation', { message: 'Who?' })).toContain('"username":"my username"');
    const defaults = { name: 'John Doe', age: 30, score: 95.5, status: 'active', verified: true };
    expect(await textOf('test_elicitation_sep1034_defaults')).toContain(JSON.stringify(defaults));
    expect(await textOf('test_sampling', { prompt: 'x' })).toContain('of 100');
    expect(await textOf('test_input_required_result_list_roots')).toContain('file:///work');
    expect(await textOf('test_input_required_result_capabilities')).toMatch(/^Answered: (form, sample, roots|3)$/);
    if (era === 'session') return;
    expect(await textOf('test_input_required_result_multi_round')).toBe('my name likes my color');
    const { messages } = await client.getPrompt('test_input_required_result_prompt');
    expect(messages[0]?.content.text).toBe('Context: my context');
  });

  it('declares nothing that it has no handler for', async () => {
    const client = plain();
    const { content } = await client.callTool('test_input_required_result_capabilities');
    expect(content).toMatchObject([{ text: expect.stringMatching(/^Answered: (nothing|0)$/) as string }]);
  });

  it('tells of progress, log messages, changed lists and changed resources', async () => {
    const client = plain();
    const logs = createInbox<unknown>();
    const told = createInbox<string>();
    client.on('log', ({ data }) => logs.push(data));
    client.on('resourceUpdated', ({ uri }) => told.push(uri));
    client.on('toolsChanged', () => told.push('tools'));
    const steps: number[] = [];
    await client.callTool('test_tool_with_progress', {}, { onProgress: ({ progress }) => steps.push(progress) });
    expect(steps).toEqual([0, 50, 100]);
    await client.setLogLevel('debug');
    await client.callTool('log', { level: 'info', text: 'hello' });
    await logs.until((data) => JSON.stringify(data).includes('hello'), 'a log message');
    await client.subscribe(WATCHED);
    // In the stateless era nothing says when the subscription has begun: it is changed until that is told.
    const isTold = async (): Promise<boolean> => {
      await client.callTool('bump');
      return told.items.includes(WATCHED);
    };
    await expect.poll(isTold, { timeout: 20_000 }).toBe(true);
    await told.until((what) => what === 'tools', 'a changed list');
  });

  it('cancels at the server what is given up, and only that', async () => {
    const client = plain();
    const count = async (): Promise<unknown> => (await client.callTool('cancellations')).structuredContent;
    const { count: before } = (await count()) as { count: number };
    const controller = new AbortController();
    const other = client.callTool('test_tool_with_progress');
    const sleep = client.callTool(
      'sleep',
      { ms: 20_000 },
      { signal: controller.signal, onProgress: () => controller.abort() },
    );
    await expect(sleep).rejects.toMatchObject({ code: 'cancelled' });
    expect((await other).isError).toBeUndefined();
    await expect.poll(count).toEqual({ count: before + 1 });
  });

  it('has errors that say who refused what', async () => {
    const client = plain();
    await expect(client.readResource('test://nothing')).rejects.toMatchObject({
      code: 'rpc',
      rpc: { code: expect.any(Number) as number },
    });
    await expect(client.request('no/such')).rejects.toMatchObject({ code: 'rpc', rpc: { code: -32601 } });
  });

  it('does not mix up calls that are under way at once', async () => {
    const client = plain();
    const texts = Array.from({ length: 50 }, (_, index) => `call ${index}`);
    const results = await Promise.all(texts.map((text) => client.callTool('echo', { text })));
    expect(results.map(({ content }) => content[0]?.text)).toEqual(texts);
  });
});

describe('the reference server over stdio', () => {
  it('asks for a form, for a sample and for roots', async () => {
    await using client = await connect(
      { command: process.execPath, args: [REFERENCE, 'stdio'] },
      {
        ...ASKED,
        elicitation: {
          form: ({ fields }) => ({ action: fields.length > 0 ? 'accept' : 'cancel', content: { name: 'Ada' } }),
        },
      },
    );
    expect(client.server).toMatchObject({ era: 'session', revision: '2025-11-25' });
    const text = async (tool: string, args = {}): Promise<string> =>
      JSON.stringify((await client.callTool(tool, args)).content);
    expect(await text('get-sum', { a: 2, b: 3 })).toContain('5');
    expect(await text('trigger-elicitation-request')).toContain('Ada');
    expect(await text('trigger-sampling-request', { prompt: 'x', maxTokens: 7 })).toContain('of 7');
    expect(await text('get-roots-list')).toContain('file:///work');
  });
});

describe('the example of the README', () => {
  it('runs as it stands there', async () => {
    const readme = await readFile(`${ROOT}packages/client/README.md`, 'utf8');
    const [, code = ''] = /```ts\n(import \{ connect \}.*?)```/s.exec(readme) ?? [];
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, ['--input-type=module-typescript', '-e', code], { cwd: ROOT });
    expect(stdout).toContain('The sum of 2 and 3 is 5.');
  });
});
