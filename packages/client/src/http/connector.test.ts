import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Era, JsonObject } from '@sallyport/wire';
import { afterEach, describe, expect, it } from 'vitest';
import { createUpstream } from '../supervise.ts';
import type { Upstream, Verdict, VerdictStore } from '../upstream.ts';

/** A server that speaks what is in `eras`, and the methods that it was asked. */
async function serve(eras: { speaks: readonly Era[] }): Promise<{ url: URL; asked: string[]; server: Server }> {
  const asked: string[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.method !== 'POST') {
      response.writeHead(405).end();
      return;
    }
    const { id, method } = JSON.parse(Buffer.concat(chunks).toString()) as { id?: number; method: string };
    if (id === undefined) {
      response.writeHead(202).end();
      return;
    }
    asked.push(method);
    const results: Record<string, JsonObject> = {
      ...(eras.speaks.includes('session') && {
        initialize: { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 's', version: '1' } },
      }),
      ...(eras.speaks.includes('stateless') && {
        'server/discover': { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: {} },
      }),
    };
    const result = results[method];
    const body = result === undefined ? { error: { code: -32601, message: 'Unknown method.' } } : { result };
    response.writeHead(result === undefined ? 400 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id, ...body }));
  };
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`), asked, server };
}

class MemoryVerdicts implements VerdictStore {
  readonly kept = new Map<string, Verdict>();
  get(key: string): Promise<Verdict | undefined> {
    return Promise.resolve(this.kept.get(key));
  }
  put(key: string, verdict: Verdict): Promise<void> {
    this.kept.set(key, verdict);
    return Promise.resolve();
  }
}

const ended: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).toReversed()) await end();
});

async function setUp(
  ...speaks: Era[]
): Promise<{ eras: { speaks: readonly Era[] }; asked: string[]; start: () => Upstream; verdicts: MemoryVerdicts }> {
  const eras = { speaks };
  const { url, asked, server } = await serve(eras);
  ended.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const verdicts = new MemoryVerdicts();
  const start = (): Upstream => {
    const upstream = createUpstream({
      name: 'test',
      target: { kind: 'http', url, headers: {} },
      era: 'auto',
      connectTimeoutMs: 10_000,
      idleMs: 0,
      clientInfo: { name: 'sallyport', version: '0' },
      clientCapabilities: {},
      maxMessageBytes: 1024 * 1024,
      verdicts,
      events: {
        onUp: () => undefined,
        onDown: () => undefined,
        onNotification: () => undefined,
        onUnattributed: () => ({ error: { code: -31003, message: 'Refused.' } }),
        log: () => undefined,
      },
      env: {},
      now: () => 1_000_000,
    });
    ended.push(() => upstream.close());
    return upstream;
  };
  return { eras, asked, start, verdicts };
}

const erasOf = async (upstream: Upstream): Promise<Era[]> => [
  (await upstream.leg('stateless')).era,
  (await upstream.leg('session')).era,
];

describe('a server over HTTP', () => {
  it('that speaks both eras gets a leg for each', async () => {
    const { start } = await setUp('session', 'stateless');
    const upstream = start();
    expect(await erasOf(upstream)).toEqual(['stateless', 'session']);
    expect(upstream.ready('session')).not.toBe(upstream.ready('stateless'));
  });

  it('that speaks the session era alone gets one leg for all', async () => {
    const { start, asked } = await setUp('session');
    const upstream = start();
    expect(await erasOf(upstream)).toEqual(['session', 'session']);
    expect(asked).toEqual(['server/discover', 'initialize']);
  });

  it('that speaks the stateless era alone serves callers of the other', async () => {
    const { start, asked } = await setUp('stateless');
    const upstream = start();
    const first = await upstream.leg('stateless');
    expect((await upstream.leg('session')).era).toBe('stateless');
    expect(upstream.ready('stateless')).toBe(first);
    await upstream.leg('session');
    expect(asked.filter((method) => method === 'initialize')).toHaveLength(1);
  });

  it('is not asked again for what is known of it, unless that turns out wrong', async () => {
    const { eras, start, asked, verdicts } = await setUp('session');
    await start().leg('session');
    asked.length = 0;
    await start().leg('session');
    expect(asked).toEqual(['initialize']);
    eras.speaks = ['stateless'];
    expect((await start().leg('session')).era).toBe('stateless');
    expect([...verdicts.kept.values()]).toEqual([{ eras: ['stateless'], atMs: 1_000_000 }]);
  });

  it('that is not there fails, and is held back', async () => {
    const { start } = await setUp('session');
    await ended.shift()!();
    const upstream = start();
    await expect(upstream.leg('session')).rejects.toMatchObject({ reason: 'down' });
    expect(upstream.status()).toMatchObject({ state: 'failed' });
  });
});
