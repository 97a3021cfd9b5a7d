import { fileURLToPath } from 'node:url';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSdk1, openSdk2 } from '../support/clients.ts';
import type { Target } from '../support/clients.ts';
import { start } from '../support/process.ts';
import type { Running } from '../support/process.ts';
import { RAW_TOOL, UNKNOWN_DEFINITION, UNKNOWN_RESULT } from './raw.ts';
import { WATCHED_URI } from './state.ts';

const SERVER = fileURLToPath(new URL('server.ts', import.meta.url));
const OVER_STDIO: Target = { command: process.execPath, args: [SERVER, '--stdio'] };

const shared: { running?: Running; url: string } = { url: '' };

beforeAll(async () => {
  shared.running = start(process.execPath, [SERVER, '--port', '0']);
  [shared.url] = await shared.running.untilLine(/http:\S+/);
});

afterAll(async () => {
  await shared.running?.stop();
});

const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};

/** One stateless request, and its result as it was on the wire. */
async function post(method: string, params: Record<string, unknown>): Promise<Record<string, unknown>> {
  const response = await fetch(shared.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof params['name'] === 'string' && { 'mcp-name': params['name'] }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: ENVELOPE } }),
  });
  const { result } = (await response.json()) as { result: Record<string, unknown> };
  return result;
}

const ways: [string, () => Target][] = [
  ['http', () => shared.url],
  ['stdio', () => OVER_STDIO],
];

describe.each(ways)('the everything server over %s', (_way, target) => {
  it.each(['session', 'stateless'] as const)('counts a cancelled sleep in the %s era', async (era) => {
    await using opened = await openSdk2(target(), { era });
    const count = async (): Promise<unknown> =>
      (await opened.client.callTool({ name: 'cancellations' })).structuredContent;
    const { count: before } = (await count()) as { count: number };
    const controller = new AbortController();
    const sleep = opened.client.callTool(
      { name: 'sleep', arguments: { ms: 20_000 } },
      { signal: controller.signal, onprogress: () => controller.abort() },
    );
    await expect(sleep).rejects.toThrow(/abort/i);
    await expect.poll(count).toEqual({ count: before + 1 });
  });

  it('tells a session that subscribed of a changed resource and a changed list', async () => {
    await using opened = await openSdk1(target());
    await opened.client.subscribeResource({ uri: WATCHED_URI });
    await opened.client.callTool({ name: 'bump' });
    const updated = await opened.notices.until(
      ({ method }) => method === 'notifications/resources/updated',
      'an update of the resource',
    );
    expect(updated.params).toMatchObject({ uri: WATCHED_URI });
    await opened.notices.until(({ method }) => method === 'notifications/tools/list_changed', 'a changed list');
  });

  it('tells a stateless client that listens of a changed resource and a changed list', async () => {
    await using opened = await openSdk2(target(), { era: 'stateless' });
    const { client, notices } = opened;
    await client.listen({ toolsListChanged: true, resourceSubscriptions: [WATCHED_URI] });
    await client.callTool({ name: 'bump' });
    const updated = await notices.until(
      ({ method }) => method === 'notifications/resources/updated',
      'an update of the resource',
    );
    expect(updated.params).toMatchObject({ uri: WATCHED_URI });
    await notices.until(({ method }) => method === 'notifications/tools/list_changed', 'a changed list');
  });

  it('sends a log message only at the level asked for', async () => {
    await using opened = await openSdk1(target());
    await opened.client.setLoggingLevel('error');
    await opened.client.callTool({ name: 'log', arguments: { level: 'info', text: 'too low' } });
    await opened.client.callTool({ name: 'log', arguments: { level: 'error', text: 'loud enough' } });
    const first = await opened.notices.until(({ method }) => method === 'notifications/message', 'a log message');
    expect(first.params).toMatchObject({ level: 'error', data: 'loud enough' });
  });

  it('answers a payload of exactly the bytes asked for', async () => {
    await using opened = await openSdk1(target());
    const result = await opened.client.callTool(
      { name: 'payload', arguments: { bytes: 10_000 } },
      CallToolResultSchema,
    );
    expect(result.content).toEqual([{ type: 'text', text: 'x'.repeat(10_000) }]);
  });
});

describe('what no revision knows', () => {
  it('is on the wire in a definition', async () => {
    const { tools } = (await post('tools/list', {})) as { tools: { name: string }[] };
    expect(tools.find(({ name }) => name === RAW_TOOL)).toMatchObject(UNKNOWN_DEFINITION);
    expect(tools.filter((tool) => 'unknownField' in tool)).toHaveLength(1);
  });

  it('is on the wire in a result', async () => {
    const result = await post('tools/call', { name: RAW_TOOL, arguments: {} });
    expect(result).toMatchObject({ ...UNKNOWN_RESULT, resultType: 'complete' });
    expect(result['_meta']).toMatchObject({ 'everything/unknown': 'kept' });
    expect(JSON.stringify(result)).not.toContain('everything/raw');
  });
});

describe('--eras', () => {
  const both = (url: string, eras: string): Target[] => [
    url,
    { command: process.execPath, args: [SERVER, '--stdio', '--eras', eras] },
  ];

  it.each([
    ['session', 'session'],
    ['session', 'auto'],
    ['stateless', 'stateless'],
    ['stateless', 'auto'],
  ] as const)('%s serves a client of the era %s', async (eras, era) => {
    await using running = start(process.execPath, [SERVER, '--port', '0', '--eras', eras]);
    const [url] = await running.untilLine(/http:\S+/);
    for (const target of both(url, eras)) {
      await using opened = await openSdk2(target, { era });
      expect((await opened.client.listTools()).tools.map(({ name }) => name)).toContain('echo');
    }
  });

  it.each([
    ['session', 'stateless', /did not offer pinned protocol version/],
    ['stateless', 'session', /Unsupported protocol version/],
  ] as const)('%s refuses a client of the era %s', async (eras, era, reason) => {
    await using running = start(process.execPath, [SERVER, '--port', '0', '--eras', eras]);
    const [url] = await running.untilLine(/http:\S+/);
    for (const target of both(url, eras)) await expect(openSdk2(target, { era })).rejects.toThrow(reason);
  });
});
