import { hash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createServer } from '../framework/server.ts';
import { SessionTable } from '../sessions.ts';
import { apiKey } from './auth/api-key.ts';
import { serve, type Serving } from './serve.ts';
import { openSqlite, type Sqlite } from './sqlite.ts';
import { ask, INITIALIZE } from './testing/ask.ts';

let folder = '';
const open: { destroy?: () => unknown; close?: () => unknown }[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-sqlite-'));
});
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await (each.destroy?.() ?? each.close?.());
  rmSync(folder, { recursive: true });
});

function file(options: { readonly maxSessions?: number } = {}): Sqlite {
  const sqlite = openSqlite({ path: join(folder, 'sessions.db'), ...options });
  open.push({ close: () => sqlite.close() });
  return sqlite;
}

const KEYS = { ann: 'k3yOfAnn-0123456789abcdefghijklmnop', bob: 'k3yOfBob-0123456789abcdefghijklmnop' };

async function site(sqlite: Sqlite, clock = { nowMs: 1_000_000 }): Promise<{ readonly url: string; serving: Serving }> {
  const server = createServer({ name: 'kept', version: '1.0.0', log: () => {} });
  server.addTool({ name: 'steps', description: 'Tells.', inputSchema: { type: 'object' } }, async (_given, context) => {
    context.progress(1, 2);
    context.progress(2, 2);
    return 'done';
  });
  const serving = await serve(server, {
    http: true,
    log: false,
    now: () => clock.nowMs,
    auth: apiKey({ keys: Object.entries(KEYS).map(([name, key]) => ({ name, key, roles: [] })) }),
    sessions: { store: sqlite.sessions, idleMs: 60_000 },
  });
  open.push(serving);
  return { url: serving.url as string, serving };
}

const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';

function headers(id: string, who: keyof typeof KEYS = 'ann'): Record<string, string> {
  return { authorization: `Bearer ${KEYS[who]}`, 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' };
}

async function initialized(url: string): Promise<string> {
  const opened = await ask(url, { body: INITIALIZE, headers: { authorization: `Bearer ${KEYS.ann}` } });
  return String(opened.headers['mcp-session-id']);
}

describe('sessions in a file', () => {
  it('go on in the next process, for their principal alone, until they are ended', async () => {
    const clock = { nowMs: 1_000_000 };
    const first = await site(file(), clock);
    const id = await initialized(first.url);
    await first.serving.close();
    const { serving, url } = await site(file(), clock);
    expect((await ask(url, { body: PING, headers: headers(id, 'bob') })).status).toBe(404);
    expect((await ask(url, { body: PING, headers: headers(id) })).status).toBe(200);
    expect(serving.connections()).toMatchObject([{ transport: 'http', client: { name: 'test' } }]);
    expect((await ask(url, { method: 'DELETE', headers: headers(id) })).status).toBe(204);
    await serving.close();
    const third = await site(file(), clock);
    expect((await ask(third.url, { body: PING, headers: headers(id) })).status).toBe(404);
  });

  it('S2-08 end there as they do in memory', async () => {
    const clock = { nowMs: 1_000_000 };
    const first = await site(file(), clock);
    const id = await initialized(first.url);
    await first.serving.close();
    clock.nowMs += 60_001;
    const { url } = await site(file(), clock);
    expect((await ask(url, { body: PING, headers: headers(id) })).status).toBe(404);
  });

  it('S2-04 are filed under a hash, in a file of this user alone', async () => {
    const sqlite = file();
    const { serving, url } = await site(sqlite);
    const id = await initialized(url);
    await serving.close();
    sqlite.close();
    const path = join(folder, 'sessions.db');
    expect(readFileSync(path).includes(id)).toBe(false);
    expect(statSync(path).mode & 0o077).toBe(0);
  });

  it('tell what came after the last event that was seen, also in the next process', async () => {
    const first = await site(file());
    const id = await initialized(first.url);
    const request = {
      jsonrpc: '2.0',
      id: 5,
      method: 'tools/call',
      params: { name: 'steps', arguments: {}, _meta: { progressToken: 1 } },
    };
    const streamed = await ask(first.url, { body: JSON.stringify(request), headers: headers(id) });
    const seen = [...streamed.text.matchAll(/^id: (.+)$/gm)].map(([, event]) => event as string);
    expect(seen.length).toBeGreaterThan(2);
    await first.serving.close();
    const { url } = await site(file());
    const again = (event: string, who?: 'bob'): ReturnType<typeof ask> =>
      ask(url, { headers: { ...headers(id, who), accept: 'text/event-stream', 'last-event-id': event } });
    const rest = await again(seen[1] as string);
    expect([...rest.text.matchAll(/^id: (.+)$/gm)].map(([, event]) => event)).toEqual(seen.slice(2));
    expect(rest.text).toContain('done');
    expect((await again(seen[1] as string, 'bob')).status).toBe(404);
    expect((await again('99.1')).status).toBe(400);
  });

  it('stay for as long as they are in use, also where nothing is said for long', () => {
    const clock = { nowMs: 1_000_000 };
    const store = file().sessions;
    const heard = { opened: () => {}, changed: () => {}, closed: () => {} };
    const limits = { max: 10, idleMs: 60_000, absoluteMs: 10 ** 9, resumeMs: 1000 };
    const table = new SessionTable(limits, heard, () => clock.nowMs, store);
    const principal = { issuer: 'key', subject: 'ann', roles: [] };
    const client = { info: undefined, capabilities: {} };
    const session = table.open({ endpoint: '/mcp', principal, revision: '2025-11-25', client });
    const id = String(session?.id);
    session?.calls.set(1, { cancel: () => {}, cut: () => {} });
    for (const _ of [1, 2, 3]) {
      clock.nowMs += 40_000;
      table.sweep();
      expect(store.get(hash('sha256', id))).toMatchObject({ lastUsedMs: clock.nowMs });
    }
    session?.calls.delete(1);
    clock.nowMs += 60_001;
    table.sweep();
    expect([table.size, store.get(hash('sha256', id))]).toEqual([0, undefined]);
  });

  it('are bounded: the one unused for longest gives way', () => {
    const { sessions } = file({ maxSessions: 2 });
    const session = (lastUsedMs: number) => ({
      endpoint: '/mcp',
      owner: 'o',
      revision: '2025-11-25' as const,
      client: { info: undefined, capabilities: {} },
      logLevel: undefined,
      createdMs: 1,
      lastUsedMs,
    });
    for (const [key, used] of [
      ['a', 3],
      ['b', 1],
      ['c', 2],
    ] as const)
      sessions.put(key, session(used));
    expect(['a', 'b', 'c'].map((key) => sessions.get(key) !== undefined)).toEqual([true, false, true]);
    sessions.addEvent('a', 's', { sequence: 1, data: 'x' });
    sessions.addEvent('gone', 's', { sequence: 1, data: 'x' });
    expect([sessions.events('a', 's').length, sessions.events('gone', 's').length]).toEqual([1, 0]);
    sessions.delete('a');
    expect(sessions.events('a', 's')).toEqual([]);
  });
});

describe('records in a file', () => {
  it('are written once by whoever is first, expire, and are told apart by collection', async () => {
    const clock = { nowMs: 1000 };
    const sqlite = openSqlite({ path: ':memory:', now: () => clock.nowMs });
    open.push({ close: () => sqlite.close() });
    const [one, two] = [sqlite.records('one'), sqlite.records('two')];
    expect(await one.putIf('k', 'absent', { a: 1 })).toBe(true);
    expect(await one.putIf('k', 'absent', { a: 2 })).toBe(false);
    const { version = 0 } = (await one.get('k')) ?? {};
    expect(await one.putIf('k', version, { a: 3 }, { expiresAtMs: 2000 })).toBe(true);
    expect(await one.putIf('k', version, { a: 4 })).toBe(false);
    expect(await two.get('k')).toBeUndefined();
    const before = await one.version();
    expect(await one.list('k')).toMatchObject([{ key: 'k', value: { a: 3 }, expiresAtMs: 2000 }]);
    expect(await one.list('x')).toEqual([]);
    clock.nowMs = 2000;
    expect(await one.get('k')).toBeUndefined();
    expect(await one.delete('k')).toBe(false);
    await one.put('%', 1);
    expect(await one.delete('%')).toBe(true);
    expect(await one.delete('%')).toBe(false);
    expect(await one.version()).toBeGreaterThan(before);
  });
});
