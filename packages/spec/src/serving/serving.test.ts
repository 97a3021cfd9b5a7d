import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommand } from '../commands/run.ts';
import { settingsOf } from './environment.ts';
import { serveSpec } from './serve.ts';

const KEY = 'a-key-for-this-test-0123456789-abcdef';

let folder: string;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'spec-serving-')));
});

afterEach(async () => rm(folder, { recursive: true, force: true }));

describe("P3-01 DinCoder's environment names", () => {
  it('are honoured', () => {
    const env = {
      API_KEY: KEY,
      ENABLE_AUTH: 'true',
      ALLOWED_ORIGINS: 'http://localhost:*, https://*.smithery.ai',
      ORIGIN_WHITELIST: 'https://a.test',
      RATE_LIMIT_WINDOW: '1000',
      RATE_LIMIT_MAX: '10',
      PORT: '0',
      MCP_HOST: '::1',
      SESSION_TIMEOUT: '60000',
      LOG_LEVEL: 'warn',
    };
    expect(settingsOf(env)).toEqual({
      host: '::1',
      port: 0,
      apiKey: KEY,
      origins: ['http://localhost:*', 'https://*.smithery.ai', 'https://a.test'],
      rate: { count: 10, periodMs: 1000 },
      sessionIdleMs: 60_000,
      logLevel: 'warn',
    });
    // To listen at an empty name is to listen everywhere.
    expect(settingsOf({ MCP_HOST: '' }).host).toBe('127.0.0.1');
    expect(settingsOf({})).toMatchObject({
      host: '127.0.0.1',
      port: 8123,
      apiKey: undefined,
      origins: [],
      rate: { count: 100, periodMs: 60_000 },
    });
  });

  it.each([
    { ENABLE_AUTH: 'true' },
    { ALLOWED_ORIGINS: '*' },
    { PORT: '70000' },
    { RATE_LIMIT_MAX: 'many' },
    { ENABLE_AUTH: 'perhaps' },
    { API_KEY: 'short' },
    { API_KEY: `${KEY} ${KEY}` },
    { API_KEY: `${KEY}\n` },
    { ALLOWED_ORIGINS: 'example.com' },
    { ORIGIN_WHITELIST: 'https://example.com/' },
    { LOG_LEVEL: 'loud' },
    { SESSION_TIMEOUT: '999' },
    { RATE_LIMIT_WINDOW: '0' },
    { RATE_LIMIT_ENABLED: 'no' },
  ])('stop the start when they cannot be meant: %j', (env) => {
    expect(() => settingsOf(env)).toThrowError(expect.objectContaining({ code: 'invalid_input' }) as Error);
  });
});

describe('over HTTP', () => {
  it.each([
    [{ MCP_HOST: '0.0.0.0' }, {}, /API_KEY is not set/],
    [{ MCP_HOST: '0.0.0.0', API_KEY: KEY }, {}, /in the open/],
    [{ MCP_HOST: '0.0.0.0' }, { proxies: ['127.0.0.1'] }, /API_KEY is not set/],
    [{}, { proxies: ['127.0.0.1'] }, /API_KEY is not set/],
    [{}, { publicUrl: 'https://spec.test' }, /API_KEY is not set/],
    [{ MCP_HOST: '0.0.0.0', API_KEY: KEY }, { proxies: ['127.0.0.1'] }, /--public-url/],
    [{ API_KEY: KEY }, { publicUrl: 'http://spec.test' }, /is no public URL/],
    [{ API_KEY: KEY }, { publicUrl: 'spec.test' }, /is no public URL/],
    [{ API_KEY: KEY }, { proxies: ['proxy.test'] }, /neither an address nor a network/],
  ])('is not opened to the network by %j %j', async (env, more, why) => {
    const http = { ...settingsOf({ PORT: '0', ...env }), ...more };
    const serving = serveSpec({ roots: [folder], version: '0', env: {}, now: Date.now, http, log: () => undefined });
    await expect(serving).rejects.toThrow(why);
  });

  it('P3-01 P3-03/04 P3-11 asks for the key, looks at origins, and says how it is', async () => {
    const http = settingsOf({ API_KEY: KEY, PORT: '0', ALLOWED_ORIGINS: 'https://*.smithery.ai' });
    const serving = await serveSpec({
      roots: [folder],
      version: '0',
      env: {},
      now: Date.now,
      http,
      log: () => undefined,
    });
    try {
      const base = new URL(serving.url ?? '');
      const body = JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 't', version: '1' } },
      });
      const post = async (headers: Record<string, string>): Promise<number> => {
        const response = await fetch(base, {
          method: 'POST',
          body,
          headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', ...headers },
        });
        await response.body?.cancel();
        return response.status;
      };
      const authorization = { Authorization: `Bearer ${KEY}` };
      expect([
        await post({}),
        await post({ Authorization: 'Bearer wrong' }),
        await post({ Authorization: KEY }),
        await post(authorization),
      ]).toEqual([401, 401, 401, 200]);
      for (const [origin, status] of [
        ['https://a.smithery.ai', 200],
        ['https://smithery.ai.evil.test', 403],
        ['https://evilsmithery.ai', 403],
        ['null', 403],
      ] as const) {
        expect([origin, await post({ ...authorization, Origin: origin })]).toEqual([origin, status]);
      }
      const health = await fetch(new URL('/healthz', base));
      expect([health.status, health.headers.get('x-content-type-options')]).toEqual([200, 'nosniff']);
      expect((await fetch(new URL('/metrics', base))).status).toBe(401);
      const metrics = await fetch(new URL('/metrics', base), { headers: authorization });
      expect([metrics.headers.get('content-type'), await metrics.text()]).toEqual([
        'text/plain; version=0.0.4; charset=utf-8',
        expect.stringContaining('\nmcp_active_sessions 2\n'),
      ]);
    } finally {
      await serving.destroy();
    }
  });
});

describe('a command', () => {
  const options = (more: object = {}): Parameters<typeof runCommand>[1] => ({
    cwd: folder,
    env: { PATH: process.env['PATH'], API_KEY: KEY },
    timeoutMs: 20_000,
    ...more,
  });

  it('P3-07 is ended when its time is over', async () => {
    const hanging = runCommand(
      { program: 'node', args: ['-e', 'setInterval(() => {}, 1000)'] },
      options({ timeoutMs: 300 }),
    );
    await expect(hanging).rejects.toThrowError(/took longer than 300 ms/);
  });

  it('P3-07 is ended with all it started when the call is cancelled', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const inner = `require("node:net").connect(${port}, "127.0.0.1").on("error", () => {}); setInterval(() => {}, 1000)`;
    const outer = `require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(inner)}], { stdio: "ignore" }); setInterval(() => {}, 1000)`;
    const controller = new AbortController();
    const gone = Promise.withResolvers<void>();
    server.once('connection', (socket) => {
      socket.on('error', () => undefined);
      socket.once('close', () => gone.resolve());
      controller.abort();
    });
    const running = runCommand({ program: 'node', args: ['-e', outer] }, options({ signal: controller.signal }));
    await expect(running).rejects.toThrowError(/was cancelled/);
    await gone.promise;
    server.close();
  });

  it('gets words as words, and none of our environment', async () => {
    const args = [
      '-p',
      'JSON.stringify([process.argv.slice(1), process.env.API_KEY ?? null, process.env.CI])',
      '$(touch pwned); `x`',
    ];
    const { stdout, code } = await runCommand({ program: 'node', args }, options());
    expect([code, JSON.parse(stdout)]).toEqual([0, [['$(touch pwned); `x`'], null, 'true']]);
  });

  it('is never found in the working folder, and says when it is missing', async () => {
    await writeFile(join(folder, 'planted'), '#!/bin/sh\ntouch pwned\n', { mode: 0o755 });
    await expect(runCommand({ program: 'planted', args: [] }, options())).rejects.toMatchObject({
      code: 'command_failed',
    });
  });
});
