/** The door over HTTP in this process: by a clock of its own, behind a proxy, and under a public name. */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Environment } from '../layout/features.ts';
import { settingsOf } from './environment.ts';
import { type HttpFace, serveSpec, type ServingSpec } from './serve.ts';

const KEY = 'a-key-for-this-test-0123456789-abcdef';

const INITIALIZE = {
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
};

let folder: string;
let serving: ServingSpec | undefined;
let lines: string;
let nowMs: number;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'spec-door-')));
  lines = '';
  nowMs = 1_800_000_000_000;
});

afterEach(async () => {
  await serving?.destroy();
  await rm(folder, { recursive: true, force: true });
});

async function start(env: Environment, more: Partial<HttpFace> = {}): Promise<void> {
  serving = await serveSpec({
    roots: [folder],
    version: '0',
    env: {},
    now: () => nowMs,
    http: { ...settingsOf({ API_KEY: KEY, PORT: '0', ...env }), ...more },
    log: (line) => {
      lines += line;
    },
  });
}

interface Reply {
  readonly status: number;
  readonly session: string;
}

/** With node's own client: `fetch` sets Host itself. */
async function post(message: object, headers: Record<string, string> = {}): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const all = {
    authorization: `Bearer ${KEY}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...headers,
  };
  const asking = request(serving?.url ?? '', { method: 'POST', headers: all, agent: false }, (response) => {
    response.resume();
    const session = String(response.headers['mcp-session-id']);
    response.once('end', () => resolve({ status: response.statusCode ?? 0, session }));
  });
  asking.once('error', reject);
  asking.end(JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }));
  return await promise;
}

const open = async (headers?: Record<string, string>): Promise<number> => (await post(INITIALIZE, headers)).status;

it('P3-02 a session has an id of chance, and is unknown once nobody used it for SESSION_TIMEOUT', async () => {
  await start({ SESSION_TIMEOUT: '60000' });
  const opened = await Promise.all(Array.from({ length: 40 }, async () => post(INITIALIZE)));
  const ids = opened.map(({ session }) => session);
  expect(new Set(ids).size).toBe(40);
  // 22 characters of Base64 are the 122 bits of a random UUID, and more.
  for (const id of ids) expect(id).toMatch(/^[\x21-\x7e]{22,128}$/);
  const use = async (id = ''): Promise<number> =>
    (await post({ method: 'ping' }, { 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' })).status;
  nowMs += 60_000;
  expect(await use(ids[0])).toBe(200);
  nowMs += 60_000;
  expect([await use(ids[0]), await use(ids[1])]).toEqual([200, 404]);
  nowMs += 60_001;
  expect(await use(ids[0])).toBe(404);
  expect(await use('made-up-by-the-client-0123456789')).toBe(404);
});

describe('P3-09 limits by address', () => {
  const from = async (forwarded: string): Promise<number> => open({ 'x-forwarded-for': forwarded });

  it('are of the client behind a proxy that is named, not of what it claims, and of each alone', async () => {
    await start({ RATE_LIMIT_MAX: '2', RATE_LIMIT_WINDOW: '3600000' }, { proxies: ['127.0.0.0/8'] });
    expect([await from('203.0.113.1'), await from('203.0.113.1'), await from('203.0.113.1')]).toEqual([200, 200, 429]);
    expect(await from('198.51.100.7, 203.0.113.1')).toBe(429);
    expect(await from('203.0.113.2')).toBe(200);
  });

  it('are of the peer when no proxy is named, whatever it says', async () => {
    await start({ RATE_LIMIT_MAX: '2', RATE_LIMIT_WINDOW: '3600000' });
    expect([await from('203.0.113.1'), await from('203.0.113.2'), await from('203.0.113.3')]).toEqual([200, 200, 429]);
  });
});

describe('P3-03/04 a public name', () => {
  it('is answered to, and no other', async () => {
    await start({}, { publicUrl: 'https://spec.example.test' });
    const statuses = [
      await open({ host: 'spec.example.test' }),
      await open({ host: 'spec.example.test', origin: 'https://spec.example.test' }),
      await open({ host: 'evil.test' }),
      await open({ host: 'spec.example.test.evil.test' }),
    ];
    expect(statuses).toEqual([200, 200, 403, 403]);
  });

  it('brings a warning of origins with a wildcard, which this machine alone does not', async () => {
    const env = { ALLOWED_ORIGINS: 'https://*.example.test' };
    await start(env);
    expect(lines).not.toContain('wildcard');
    await serving?.destroy();
    await start(env, { publicUrl: 'https://spec.example.test' });
    expect(lines).toContain('wildcard');
  });
});
