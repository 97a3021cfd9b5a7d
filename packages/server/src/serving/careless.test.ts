/** What an author's functions do wrong ends neither a request nor the process; vitest fails on a rejection that nobody looks at. */

import { afterEach, describe, expect, it } from 'vitest';
import { createServer } from '../framework/server.ts';
import type { SessionStore } from '../session-store.ts';
import type { Log } from './log.ts';
import type { ServeOptions } from './options.ts';
import type { RateOptions } from './rates.ts';
import { serve, type Serving } from './serve.ts';
import { ask, call, INITIALIZE, keptLog } from './testing/ask.ts';

const open: Serving[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.destroy()));
});

async function site(options: ServeOptions): Promise<string> {
  const server = createServer({ name: 'careless', version: '1.0.0', log: () => {} });
  server.addTool({ name: 'echo', description: 'Echoes.', inputSchema: { type: 'object' } }, () => 'x');
  const serving = await serve(server, { http: true, ...options });
  open.push(serving);
  return serving.url as string;
}

const later = async (): Promise<never> => {
  throw new Error('the database is down');
};
const now = (): never => {
  throw new Error('the disk is full');
};

describe('a hook of a limit', () => {
  it.each<[string, RateOptions, number[]]>([
    ['skip that answers later skips nobody', { global: '1/h', skip: async () => true }, [200, 429]],
    ['skip that fails later skips nobody', { global: '1/h', skip: later }, [200, 429]],
    [
      'key that answers later gives nobody a bucket of their own',
      { perPrincipal: '1/h', key: async () => 'a' },
      [200, 429],
    ],
    [
      'key that is another object each time gives no fresh bucket',
      { perPrincipal: '1/h', key: () => ({}) },
      [200, 429],
    ],
    ['key that fails later gives no fresh bucket', { perTool: '1/h', key: later }, [200, 429]],
    ['onLimitReached that fails later is logged', { global: '1/h', onLimitReached: later }, [200, 429]],
  ])('S2-13 %s', async (_what, rate, statuses) => {
    const { lines, log } = keptLog();
    const url = await site({ log, limits: { rate } });
    const answers = [await ask(url, call('echo')), await ask(url, call('echo'))];
    expect(answers.map(({ status }) => status)).toEqual(statuses);
    const fails = Object.values(rate).includes(later);
    expect(lines.some((line) => line.startsWith('error a function of limits.rate failed'))).toBe(fails);
  });

  it('S2-13 counts by a text that is the same for several', async () => {
    const key: RateOptions['key'] = ({ tool }) => tool?.slice(0, 2);
    const url = await site({ log: false, limits: { rate: { perPrincipal: '1/h', key } } });
    expect((await ask(url, call('echo'))).status).toBe(200);
    expect((await ask(url, call('ecru'))).status).toBe(429);
    expect((await ask(url, call('azure'))).status).toBe(200);
  });
});

describe('a store of sessions', () => {
  const NAMES = ['get', 'put', 'delete', 'expire', 'addEvent', 'events', 'dropEvents'];
  const made = (work: () => unknown): SessionStore =>
    Object.fromEntries(NAMES.map((name) => [name, work])) as unknown as SessionStore;

  it.each<[string, () => unknown]>([
    ['throws', now],
    ['fails later', later],
    ['answers later', () => Promise.resolve()],
    ['gives null', () => null],
  ])('that %s keeps nothing: sessions are in memory, and found there', async (_what, work) => {
    const swept = Promise.withResolvers<void>();
    const expire = (): unknown => {
      swept.resolve();
      return work();
    };
    const store = { ...made(work), expire } as SessionStore;
    const { lines, log } = keptLog();
    const url = await site({ log, sessions: { store }, limits: { listener: { sweepMs: 20 } } });
    const opened = await ask(url, { body: INITIALIZE });
    expect(opened.status).toBe(200);
    const headers = {
      'mcp-session-id': String(opened.headers['mcp-session-id']),
      'mcp-protocol-version': '2025-11-25',
    };
    const ping = { body: '{"jsonrpc":"2.0","id":1,"method":"ping"}', headers };
    expect((await ask(url, ping)).status).toBe(200);
    const unknown = { ...headers, 'mcp-session-id': '00000000-0000-4000-8000-000000000000' };
    expect((await ask(url, { ...ping, headers: unknown })).status).toBe(404);
    await swept.promise;
    expect((await ask(url, { method: 'DELETE', headers })).status).toBe(204);
    expect((await ask(url, ping)).status).toBe(404);
    expect(lines.some((line) => line.startsWith('error the session store failed'))).toBe(
      work === now || work === later,
    );
  });
});

it('a provider that does not close, and a log that rejects, keep no server from closing', async () => {
  const lines: string[] = [];
  const log = ((_level, text) => {
    lines.push(text);
    return later();
  }) as Log;
  const serving = await serve(createServer({ name: 'careless', version: '1.0.0' }), {
    http: true,
    auth: { kind: 'mine', open: () => ({ prove: () => undefined, close: later }) },
    log,
  });
  await serving.close();
  await serving.closed;
  expect(lines).toContain('a provider of authentication did not close');
});

it('a query that is read later, or not at all, is an error of ours without a word', async () => {
  const { lines, log } = keptLog();
  const url = await site({ log, query: later as unknown as () => string });
  const answer = await ask(`${url}?a=1`, call('echo'));
  expect([answer.status, answer.text.includes('database')]).toEqual([500, false]);
  expect(lines.join('\n')).toContain('the function `query` failed');
});
