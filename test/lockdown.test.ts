/** `lockdown` with the built command line: with gateways of every kind that run, with none, and open again. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { serveRaw, type RawHttp } from './gateway/raw-http.ts';
import { BROWSER } from './gateway/login-support.ts';
import { bearer, knock, list } from './security/support.ts';
import { temporaryHome, type TemporaryHome } from './support/home.ts';
import { run, start, type Finished, type Running } from './support/process.ts';
import { openProtectedServer } from './support/protected-server.ts';

const bin = fileURLToPath(new URL('../packages/gateway/bin/sallyport.js', import.meta.url));
const TIMEOUT_MS = 60_000;

let home: TemporaryHome;
let state: string;
let config: string;
let up: RawHttp;

beforeEach(async () => {
  home = await temporaryHome();
  state = join(home.path, 'state');
  config = join(home.path, 'config.json');
  up = await serveRaw({ era: 'session' });
});
afterEach(async () => {
  await up[Symbol.asyncDispose]();
  await home.remove();
});

const env = (): Record<string, string> => ({ ...home.env, SALLYPORT_HOME: state, SALLYPORT_CONFIG: config });

async function sallyport(...words: readonly string[]): Promise<Finished> {
  return await run(process.execPath, [bin, ...words], { env: env(), cwd: home.path, timeoutMs: TIMEOUT_MS });
}

async function done(...words: readonly string[]): Promise<string> {
  const { code, stderr, stdout } = await sallyport(...words);
  expect(code, stderr).toBe(0);
  return stdout;
}

async function configure(mcpServers: object, more: object = {}): Promise<void> {
  await writeFile(config, JSON.stringify({ listen: { port: 0 }, mcpServers, ...more }), { mode: 0o600 });
}

const serve = (...words: readonly string[]): Running =>
  start(process.execPath, [bin, 'serve', ...words], { env: env(), cwd: home.path });

async function served(gateway: Running): Promise<string> {
  const [, url = ''] = await gateway.untilLine(/ready at (\S+)/, 20_000);
  return url;
}

interface Locked {
  readonly evidence: { readonly path: string; readonly sha256: string };
  readonly steps: readonly { readonly step: string; readonly isDone: boolean; readonly result: string }[];
}

async function lockDown(): Promise<Locked> {
  const { code, stderr, stdout } = await sallyport('lockdown', '--yes', '--json', '--reason', 'a drill');
  const locked = JSON.parse(stdout) as Locked;
  expect(locked.steps.filter(({ isDone }) => !isDone)).toEqual([]);
  expect(code, stderr).toBe(0);
  return locked;
}

/** The files of an archive by their names. */
async function unpacked(path: string): Promise<ReadonlyMap<string, string>> {
  const names = execFileSync('tar', ['-tzf', path], { encoding: 'utf8' }).trim().split('\n');
  const read = (name: string): string =>
    execFileSync('tar', ['-xzOf', path, name], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return new Map(names.map((name) => [name.replace(/^[^/]+\//, ''), read(name)]));
}

it(
  'ends gateways with and without a listener, their children, keys and sessions; none starts until it is lifted',
  { timeout: TIMEOUT_MS },
  async () => {
    const pidFile = join(home.path, 'pid');
    const code = `require('fs').writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); process.stdin.resume()`;
    const server = {
      command: process.execPath,
      args: ['-e', code],
      env: { GIVEN: 'CANARY-1234567890abcdef' },
      start: 'eager',
      sandbox: 'none',
    };
    await configure({ up: { url: up.url, type: 'http' }, own: server });
    const key = (await done('key', 'create', 'ann')).trim();
    const old = await readFile(join(state, 'local.key'), 'utf8');
    const http = serve();
    const url = await served(http);
    expect((await list(url, bearer(key))).status).toBe(200);
    await expect.poll(() => readFile(pidFile, 'utf8').catch(() => '')).not.toBe('');
    const pid = Number(await readFile(pidFile, 'utf8'));
    // Of another configuration: it has nobody to join.
    const other = join(home.path, 'other.json');
    await writeFile(other, JSON.stringify({ mcpServers: { up: { url: up.url, type: 'http' } } }), { mode: 0o600 });
    const stdio = start(process.execPath, [bin, 'serve', '--stdio', '--config', other], { env: env(), cwd: home.path });
    await stdio.untilLine(/serving alone/, 20_000);
    stdio.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })}\n`);
    await stdio.untilLine(/"id":1/, 20_000);
    const { evidence, steps } = await lockDown();
    await Promise.all([http.exit, stdio.exit]);
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
    await expect(knock(url)).rejects.toThrow(/ECONNREFUSED/);
    expect(steps.map(({ step }) => step)).toEqual([
      'gateways and children',
      'keys',
      'sessions',
      'logins at servers',
      'caches',
      'local key',
      'audit record',
      'evidence',
    ]);
    expect((await stat(evidence.path)).mode & 0o777).toBe(0o600);
    expect(
      createHash('sha256')
        .update(await readFile(evidence.path))
        .digest('hex'),
    ).toBe(evidence.sha256);
    const files = await unpacked(evidence.path);
    expect([...files.keys()]).toEqual(
      expect.arrayContaining([
        'lockdown.json',
        'processes.txt',
        'gateways.json',
        'configuration.json',
        'keys.json',
        'audit-verify.json',
        'SHA256SUMS',
      ]),
    );
    expect(files.get('keys.json')).toContain('ann');
    expect(files.get('processes.txt')).toContain(String(pid));
    expect(JSON.parse(files.get('audit-verify.json') ?? '')).toMatchObject({ problems: [] });
    const all = [...files.values()].join('\n');
    for (const secret of [key, old.trim(), 'CANARY-1234567890abcdef']) expect(all).not.toContain(secret);
    for (const line of (files.get('SHA256SUMS') ?? '').trim().split('\n')) {
      const [sum = '', name = ''] = line.split('  ');
      expect(
        createHash('sha256')
          .update(files.get(name) ?? '')
          .digest('hex'),
        name,
      ).toBe(sum);
    }
    const refused = await sallyport('serve');
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('lockdown --lift') });
    expect((await sallyport('list')).code).toBe(1);
    await done('lockdown', '--lift', '--yes');
    expect(JSON.parse(await done('key', 'list', '--json'))).toEqual([]);
    const again = serve();
    const there = await served(again);
    expect((await list(there, bearer(key))).status).toBe(401);
    expect((await list(there, bearer(old.trim()))).status).toBe(401);
    await again.stop();
    expect(await done('audit', 'verify')).toMatch(/whole/);
    expect(await done('audit', 'export')).toMatch(/"action":"lockdown"[^]*"action":"lockdown.lift"/);
  },
);

it('revokes logins at servers where they were granted', { timeout: TIMEOUT_MS }, async () => {
  await using guarded = await openProtectedServer();
  await configure({
    guarded: { url: guarded.url, oauth: { allowLoopbackHttp: true, scopes: ['read', 'offline_access'] } },
  });
  const gateway = serve();
  await served(gateway);
  const login = start(process.execPath, [bin, 'login', 'guarded'], {
    env: { ...env(), SALLYPORT_BROWSER: BROWSER },
    cwd: home.path,
  });
  const exit = await login.exit;
  expect(exit.code, login.stderr()).toBe(0);
  expect(guarded.tokens().length).toBeGreaterThan(0);
  const { steps } = await lockDown();
  expect(steps.find(({ step }) => step === 'logins at servers')?.result).toMatch(/^1 login revoked$/);
  expect(guarded.tokens()).toEqual([]);
  await gateway.exit;
});

it(
  'works without a gateway, with a broken configuration, and asks unless it is told',
  { timeout: TIMEOUT_MS },
  async () => {
    await configure({});
    await done('key', 'create', 'ann');
    expect(await sallyport('lockdown')).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
    expect(await done('key', 'list')).toContain('ann');
    await writeFile(config, '{ broken', { mode: 0o600 });
    const { evidence } = await lockDown();
    expect((await unpacked(evidence.path)).get('keys.json')).toContain('ann');
  },
);
