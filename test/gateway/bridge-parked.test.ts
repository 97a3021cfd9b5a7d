/**
 * Stateless clients on servers of the session era that ask something in the middle of a call: what is seen on both
 * wires (docs/PROTOCOL.md, "Between eras"; 2026-07-28, multi round-trip requests).
 */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answering, openSdk2 } from '../support/clients.ts';
import { start } from '../support/process.ts';
import type { Running } from '../support/process.ts';
import { startGateway } from './gateway.ts';
import type { Started } from './gateway.ts';
import { stateless, textOf } from './raw-client.ts';
import type { Message, RawClient } from './raw-client.ts';
import { serveRaw } from './raw-http.ts';
import type { RawHttp } from './raw-http.ts';

const EVERYTHING = fileURLToPath(new URL('../everything/server.ts', import.meta.url));
const WAYS = ['http', 'stdio'] as const;
const CAPABILITIES = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };
const FORM = { message: 'who?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } };
const ACCEPT = { action: 'accept', content: { name: 'Ada' } };

const at: { running: Running[]; gateways: Map<string, Started> } = { running: [], gateways: new Map() };

beforeAll(async () => {
  const running = start(process.execPath, [EVERYTHING, '--port', '0', '--eras', 'session']);
  at.running.push(running);
  const [url] = await running.untilLine(/http:\S+/);
  const program = { command: process.execPath, args: [EVERYTHING, '--stdio', '--eras', 'session'] };
  at.gateways.set('http', await startGateway({ mcpServers: { e: { url } }, naming: 'plain' }));
  at.gateways.set('stdio', await startGateway({ mcpServers: { e: program }, naming: 'plain' }));
  for (const { gateway } of at.gateways.values()) await gateway.rooms.catalog.root.ready();
});

afterAll(async () => {
  for (const started of at.gateways.values()) await started[Symbol.asyncDispose]();
  for (const running of at.running) await running.stop();
});

describe.each(WAYS)('a stateless client of the SDK on a session server over %s', (way) => {
  const asked: string[] = [];
  const handlers = answering(asked);

  it.each([
    ['test_elicitation', { message: 'who?' }, ['who?'], 'username'],
    ['test_sampling', { prompt: 'x' }, ['sampling'], 'sampled'],
    ['test_input_required_result_list_roots', {}, ['roots'], 'file:///root'],
    ['test_input_required_result_multi_round', {}, [/Step 1/, /Step 2/], 'Ada likes blue'],
  ])('answers what %s asks', async (name, given, questions, text) => {
    asked.length = 0;
    const { url } = at.gateways.get(way) as Started;
    await using opened = await openSdk2(url, { era: 'stateless', handlers });
    const result = await opened.client.callTool({ name, arguments: given });
    expect(JSON.stringify(result)).toContain(text);
    expect(asked).toEqual(questions.map((question) => expect.stringMatching(question) as string));
  });

  it('answers several questions of one round', async () => {
    asked.length = 0;
    const { url } = at.gateways.get(way) as Started;
    await using opened = await openSdk2(url, { era: 'stateless', handlers });
    const result = await opened.client.callTool({ name: 'test_input_required_result_multiple_inputs', arguments: {} });
    expect(JSON.stringify(result)).toMatch(/Ada: .*sampled/);
    expect(asked.toSorted()).toEqual(['What is your name?', 'roots', 'sampling']);
  });
});

interface Pair extends AsyncDisposable {
  readonly server: RawHttp;
  readonly gateway: Started;
  readonly client: RawClient;
}

async function pair(capabilities: Record<string, unknown> = CAPABILITIES): Promise<Pair> {
  const server = await serveRaw({ era: 'session' });
  const gateway = await startGateway({ mcpServers: { s: { url: server.url } } });
  return {
    server,
    gateway,
    client: stateless(gateway.url, capabilities),
    [Symbol.asyncDispose]: async () => {
      await gateway[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const ASK = { name: 's__ask', arguments: { method: 'elicitation/create', params: FORM } };

interface Round {
  readonly key: string;
  readonly more: { readonly inputResponses: Record<string, unknown>; readonly requestState: string };
}

/** The one question of a round, and the parameters that answer it. */
function roundOf({ result, error }: Message): Round {
  expect(error).toBeUndefined();
  expect(result?.['resultType']).toBe('input_required');
  const [key] = Object.keys(result?.['inputRequests'] as object) as [string];
  return { key, more: { inputResponses: { [key]: ACCEPT }, requestState: result?.['requestState'] as string } };
}

describe('on the wire', () => {
  it('a parked call on a shared child does not keep others of its client from being asked', async () => {
    const { url } = at.gateways.get('stdio') as Started;
    const client = stateless(url, CAPABILITIES);
    const call = { name: 'test_elicitation', arguments: { message: 'who?' } };
    const first = roundOf(await client.call('tools/call', call));
    const second = roundOf(await client.call('tools/call', call));
    for (const { more } of [second, first])
      expect((await client.call('tools/call', { ...call, ...more })).result).toMatchObject({ resultType: 'complete' });
  });

  it('a question is a result, its answer comes by a new request, and the server sees one call', async () => {
    await using both = await pair();
    const first = await both.client.call('tools/call', ASK);
    expect(first.result).toMatchObject({
      inputRequests: { [roundOf(first).key]: { method: 'elicitation/create', params: FORM } },
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'raw' } },
    });
    const last = await both.client.call('tools/call', { ...ASK, ...roundOf(first).more });
    expect(last.result).toMatchObject({ resultType: 'complete' });
    expect(JSON.parse(textOf(last))).toMatchObject({ result: ACCEPT });
    expect(both.server.server.of('tools/call')).toHaveLength(1);
    const [sent] = both.server.server.of('tools/call');
    expect(Object.keys(sent?.params ?? {}).toSorted()).toEqual(['_meta', 'arguments', 'name']);
  });

  it('a state is refused when it is changed, used twice or brought with another request', async () => {
    await using both = await pair();
    const { more } = roundOf(await both.client.call('tools/call', ASK));
    const refused = async (params: Record<string, unknown>): Promise<unknown> => {
      const { error } = await both.client.call('tools/call', params);
      return [error?.code, error?.data?.['code']];
    };
    const invalid = [-32602, 'invalid_params'];
    expect(await refused({ ...ASK, ...more, requestState: `${more.requestState}-TAMPERED` })).toEqual(invalid);
    expect(await refused({ ...ASK, ...more, arguments: { method: 'roots/list' } })).toEqual(invalid);
    expect(await refused({ ...ASK, ...more, inputResponses: null })).toEqual(invalid);
    expect((await both.client.call('tools/call', { ...ASK, ...more })).result).toMatchObject({
      resultType: 'complete',
    });
    expect(await refused({ ...ASK, ...more })).toEqual(invalid);
    expect(both.server.server.of('tools/call')).toHaveLength(1);
  });

  it('the server gets an error for what the client did not declare', async () => {
    await using both = await pair({ sampling: {} });
    const { result } = await both.client.call('tools/call', ASK);
    expect(result).toMatchObject({ resultType: 'complete' });
    expect(JSON.stringify(result)).toContain('does not offer elicitation/create');
  });

  it('progress goes to the request under way by its own token, and the call ends with the client of that request', async () => {
    const wires: ((progress: number) => void)[] = [];
    await using server = await serveRaw({
      era: 'session',
      before: ({ method, params }, wire) => {
        if (method !== 'tools/call') return false;
        const { progressToken } = (params?.['_meta'] ?? {}) as Record<string, unknown>;
        const say = (message: object): void => wire.send(JSON.stringify({ jsonrpc: '2.0', ...message }));
        wires.push((progress) => say({ method: 'notifications/progress', params: { progressToken, progress } }));
        say({ id: 'q', method: 'elicitation/create', params: FORM });
        return true;
      },
    });
    await using gateway = await startGateway({ mcpServers: { s: { url: server.url } } });
    const client = stateless(gateway.url, CAPABILITIES);
    const call = { name: 's__raw', arguments: {} };
    const { more } = roundOf(await client.call('tools/call', call, { meta: { progressToken: 'one' } }));
    const second = client.start('tools/call', { ...call, ...more }, { meta: { progressToken: 'two' } });
    await expect.poll(() => server.server.received.some((text) => text.includes('"id":"q"'))).toBe(true);
    wires[0]?.(7);
    const reply = await second;
    const { message } = await reply.messages.until(({ message: { method } }) => method !== undefined, 'progress');
    expect(message).toMatchObject({ method: 'notifications/progress', params: { progressToken: 'two', progress: 7 } });
    expect(server.server.of('notifications/cancelled')).toHaveLength(0);
    reply.abort();
    await expect.poll(() => server.server.of('notifications/cancelled').length).toBe(1);
    const { error } = await client.call('tools/call', { ...call, ...more });
    expect(error).toMatchObject({ code: -32602 });
  });

  it('a gateway that stops ends what is parked, and does not wait for it', async () => {
    await using both = await pair();
    roundOf(await both.client.call('tools/call', ASK));
    await both.gateway.gateway.close();
    await expect.poll(() => both.server.server.of('notifications/cancelled').length).toBe(1);
  });

  it('a URL that has to be opened first is asked for, and never an error of the other era', async () => {
    const url = { url: 'https://a.example/login', message: 'log in' };
    let calls = 0;
    await using server = await serveRaw({
      era: 'session',
      before: ({ id, method }, wire) => {
        if (method !== 'tools/call') return false;
        const error = {
          code: -32042,
          message: 'open',
          data: { elicitations: [{ ...url, mode: 'url', elicitationId: 'e' }] },
        };
        const answer = ++calls === 1 ? { error } : { result: { content: [{ type: 'text', text: 'in' }] } };
        wire.send(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
        return true;
      },
    });
    await using gateway = await startGateway({ mcpServers: { s: { url: server.url } } });
    const call = { name: 's__raw', arguments: {} };
    const client = stateless(gateway.url, CAPABILITIES);
    const first = await client.call('tools/call', call);
    const { key, more } = roundOf(first);
    expect(first.result?.['inputRequests']).toEqual({
      [key]: { method: 'elicitation/create', params: { ...url, mode: 'url' } },
    });
    expect(textOf(await client.call('tools/call', { ...call, ...more }))).toBe('in');
    calls = 0;
    const reply = await stateless(gateway.url).start('tools/call', call);
    expect([reply.status, (await reply.last).message.error]).toMatchObject([
      400,
      { code: -32021, data: { requiredCapabilities: { elicitation: { url: {} } } } },
    ]);
  });
});
