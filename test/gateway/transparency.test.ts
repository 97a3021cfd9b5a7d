/** What passes within an era, byte for byte (docs/PROTOCOL.md, "What passes"). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway } from './gateway.ts';
import type { Started } from './gateway.ts';
import { ENVELOPE, openSession, send, stateless, statelessHeaders } from './raw-client.ts';
import { serveRaw } from './raw-http.ts';
import { ODD } from './raw-server.ts';
import type { RawHttp } from './raw-http.ts';
import type { Era } from './raw-server.ts';

const RAW_SERVER = new URL('raw-server.ts', import.meta.url).pathname;

interface Setting {
  http?: RawHttp;
  overHttp?: Started;
  overStdio?: Started;
}

describe.each(['session', 'stateless'] as const)('in the %s era', (era: Era) => {
  const at: Setting = {};

  beforeAll(async () => {
    at.http = await serveRaw({
      era,
      tools: [
        { name: 'raw', inputSchema: { type: 'object' } },
        { name: 'odd', inputSchema: { type: 'object', 'x-vendor': [1, { a: null }] }, vendor: { deep: ['x'] } },
        { name: 'say', inputSchema: { type: 'object' } },
      ],
      capabilities: { vendorCapability: { on: true }, experimental: { 'vendor/thing': { level: 3 } } },
      before: (message, wire) => {
        if (message.method !== 'vendor/method') return false;
        wire.send(`{"jsonrpc":"2.0","id":${String(message.id)},"result":{"vendor":[1e400,"x"],"resultType":"v"}}`);
        return true;
      },
    });
    at.overHttp = await startGateway({ mcpServers: { up: { url: at.http.url, era } } });
    at.overStdio = await startGateway({
      mcpServers: { up: { command: process.execPath, args: [RAW_SERVER, era], era } },
    });
  });

  afterAll(async () => {
    await at.overHttp?.[Symbol.asyncDispose]();
    await at.overStdio?.[Symbol.asyncDispose]();
    await at.http?.[Symbol.asyncDispose]();
  });

  /** Posts parameters as they stand and gives the answer's text. */
  async function post(url: string, method: string, params: string, name?: string): Promise<string> {
    const headers =
      era === 'session'
        ? (await openSession(url)).headers
        : statelessHeaders(method, name === undefined ? {} : { name });
    const reply = await send(url, `{"jsonrpc":"2.0","id":"my id","method":"${method}","params":${params}}`, headers);
    return (await reply.last).text;
  }

  const meta =
    era === 'session'
      ? '{"vendor/x":1e400}'
      : JSON.stringify({
          ...ENVELOPE,
          'io.modelcontextprotocol/clientCapabilities': { vendor: {} },
          'vendor/x': 'V',
        }).replace('"V"', '1e400');

  const ways = [
    ['http', () => at.overHttp as Started],
    ['stdio', () => at.overStdio as Started],
  ] as const;

  it.each(ways)('a request leaves as it was written, over %s', async (_way, started) => {
    const args = '{"n": 12345678901234567890123, "far":1e400,"neg":-0.0, "u":"\\u0041","k\\u0065y":[ ] }';
    const params = `{ "name": "up__raw", "vendorMember" : {"a":[1,  2]}, "arguments": ${args}, "_meta":${meta} }`;
    const text = await post(started().url, 'tools/call', params, 'up__raw');
    const answer = JSON.parse(text) as { id: string; result: { content: { text: string }[] } };
    expect(answer.id).toBe('my id');
    const seen = answer.result.content[0]?.text ?? '';
    expect(seen.replace(/"id":\d+/, '"id":"my id"')).toBe(
      `{"jsonrpc":"2.0","id":"my id","method":"tools/call","params":${params.replace('up__raw', 'raw')}}`,
    );
  });

  it.each(ways)('a result comes back as it was written, over %s', async (_way, started) => {
    const params = `{"name":"up__odd","arguments":{},"_meta":${meta}}`;
    const result = ODD.replace('RT', era === 'stateless' ? 'vendor/odd' : 'complete');
    expect(await post(started().url, 'tools/call', params, 'up__odd')).toBe(
      `{"jsonrpc":"2.0","id":"my id","result":${result}}`,
    );
  });

  it.each(ways)('a name that is spelled with escapes is written anew, over %s', async (_way, started) => {
    const params = `{"n\\u0061me":"up__raw","arguments":{"x":1},"_meta":${meta}}`;
    const text = await post(started().url, 'tools/call', params, 'up__raw');
    const { result } = JSON.parse(text) as { result: { content: { text: string }[] } };
    const seen = result.content[0]?.text ?? '';
    expect(seen).toContain('"name":"raw"');
    expect(seen).not.toContain('\\u0061');
  });

  it.each([
    ['params', '{"name":"up__raw","name":"up__odd","arguments":{}'],
    ['arguments', '{"name":"up__raw","arguments":{"path":"/a","p\\u0061th":"/b"}'],
    ['a nested object', '{"name":"up__raw","arguments":{"o":{"a":1,"a":2}}'],
  ])('a member that stands twice in %s is refused', async (_where, params) => {
    const before = at.http?.server.received.length;
    const text = await post((at.overHttp as Started).url, 'tools/call', `${params},"_meta":${meta}}`, 'up__raw');
    expect(JSON.parse(text)).toMatchObject({ id: 'my id', error: { code: -32600 } });
    expect(at.http?.server.received.slice(before).filter((each) => each.includes('tools/call'))).toEqual([]);
  });

  it('an unknown method passes to the only server, and its result back', async () => {
    const params = `{"vendor":[1e400],"_meta":${meta}}`;
    const text = await post((at.overHttp as Started).url, 'vendor/method', params);
    expect(text).toBe('{"jsonrpc":"2.0","id":"my id","result":{"vendor":[1e400,"x"],"resultType":"v"}}');
    expect(at.http?.server.received.at(-1)).toContain(`"method":"vendor/method","params":${params}}`);
  });

  it('unknown members of definitions and capabilities are kept', async () => {
    const { url } = at.overHttp as Started;
    const client = era === 'session' ? await openSession(url) : stateless(url);
    const { result } = await client.call('tools/list');
    const tools = (result?.['tools'] ?? []) as Record<string, unknown>[];
    expect(tools.find(({ name }) => name === 'up__odd')).toEqual({
      name: 'up__odd',
      inputSchema: { type: 'object', 'x-vendor': [1, { a: null }] },
      vendor: { deep: ['x'] },
    });
    const { capabilities } = (at.overHttp as Started).gateway.rooms.served.describe(
      { endpoint: '/mcp', principal: { issuer: 'local', subject: 'local', roles: [] } },
      era,
    ) as { capabilities: object };
    expect(capabilities).toMatchObject({
      vendorCapability: { on: true },
      experimental: { 'vendor/thing': { level: 3 } },
    });
  });

  it('an unknown notification of a server reaches the call during which it is sent', async () => {
    const { url } = at.overHttp as Started;
    const client = era === 'session' ? await openSession(url) : stateless(url);
    const args = { method: 'notifications/vendor', params: { x: [1] } };
    const reply = await client.start('tools/call', { name: 'up__say', arguments: args });
    await reply.last;
    expect(reply.messages.items[0]?.message).toMatchObject({ method: 'notifications/vendor', params: { x: [1] } });
  });
});

describe('in the session era alone', () => {
  it('an unknown notification of a client reaches the only server', async () => {
    await using http = await serveRaw({ era: 'session', tools: [{ name: 'raw', inputSchema: { type: 'object' } }] });
    await using started = await startGateway({ mcpServers: { up: { url: http.url, era: 'session' } } });
    const session = await openSession(started.url);
    await session.call('tools/call', { name: 'up__raw', arguments: {} });
    await session.tell({ method: 'notifications/vendor', params: { deep: [null] } });
    await expect.poll(() => http.server.of('notifications/vendor').at(-1)?.params).toEqual({ deep: [null] });
  });
});
