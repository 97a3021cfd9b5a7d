/** `sallyport login` and `logout`: with the gateway that runs, and alone. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { temporaryHome, type TemporaryHome } from '../support/home.ts';
import { run, start, type Finished, type Running } from '../support/process.ts';
import { openProtectedServer, type ProtectedServer } from '../support/protected-server.ts';
import { WebBrowser } from '../../packages/server/src/browser/testing/web-browser.ts';
import { BROWSER } from './login-support.ts';

const bin = fileURLToPath(new URL('../../packages/gateway/bin/sallyport.js', import.meta.url));
const TIMEOUT_MS = 25_000;

const at: { up?: ProtectedServer; home?: TemporaryHome; gateway?: Running } = {};
const up = (): ProtectedServer => at.up as ProtectedServer;

beforeEach(async () => {
  at.up = await openProtectedServer();
  at.home = await temporaryHome();
});
afterEach(async () => {
  await at.gateway?.stop();
  delete at.gateway;
  await at.home?.[Symbol.asyncDispose]();
  await at.up?.[Symbol.asyncDispose]();
});

const environment = (): Record<string, string> => {
  const { env, path } = at.home as TemporaryHome;
  return { ...env, SALLYPORT_HOME: join(path, 'state'), SALLYPORT_CONFIG: join(path, 'sallyport.json') };
};

async function configure(more: object = {}): Promise<void> {
  const oauth = { allowLoopbackHttp: true, scopes: ['read', 'offline_access'] };
  const mcpServers = { up: { url: up().url, oauth }, here: { command: process.execPath, args: ['-e', ''] } };
  const file = environment()['SALLYPORT_CONFIG'] as string;
  await writeFile(file, JSON.stringify({ mcpServers, listen: { port: 0 }, ...more }), { mode: 0o600 });
}

async function sallyport(
  words: readonly string[],
  env: Record<string, string> = { SALLYPORT_BROWSER: BROWSER },
): Promise<Finished> {
  const { path } = at.home as TemporaryHome;
  return await run(process.execPath, [bin, ...words], {
    env: { ...environment(), ...env },
    cwd: path,
    timeoutMs: TIMEOUT_MS,
  });
}

async function serve(): Promise<void> {
  const { path } = at.home as TemporaryHome;
  at.gateway = start(process.execPath, [bin, 'serve'], { env: environment(), cwd: path });
  await at.gateway.untilLine(/ready at/);
}

async function stateOf(server: string): Promise<unknown> {
  const { stdout } = await sallyport(['list', '--json']);
  const { servers } = JSON.parse(stdout) as { servers: { name: string; state: string }[] };
  return servers.find(({ name }) => name === server)?.state;
}

describe.each(['with the gateway that runs', 'alone'])('%s', (how) => {
  it('P1-03 UPS-18 somebody logs in, sees until when, calls, and logs out again', async () => {
    await configure();
    if (how !== 'alone') await serve();
    expect(await stateOf('up')).toBe('needs login');
    const login = await sallyport(['login', 'up', '--json']);
    expect(login.code, login.stderr).toBe(0);
    expect(JSON.parse(login.stdout)).toMatchObject({ server: 'up', status: 'done', issuer: up().issuer });
    const { expiresAtMs } = JSON.parse(login.stdout) as { expiresAtMs: number };
    expect(Math.abs(expiresAtMs - Date.now() - 3_600_000)).toBeLessThan(120_000);
    expect(login.stderr).toContain('A browser was opened');
    const call = await sallyport(['call', 'up__whoami']);
    expect([call.code, call.stdout], call.stderr).toEqual([0, expect.stringContaining('alice')]);
    // Once is enough.
    expect((await sallyport(['login', 'up'])).stdout).toContain('Logged in at up');
    expect(up().tokenRequests).toEqual(['authorization_code']);
    const logout = await sallyport(['logout', 'up']);
    expect([logout.code, logout.stdout], logout.stderr).toEqual([0, expect.stringContaining('revoked')]);
    expect(up().tokens()).toEqual([]);
    expect(await stateOf('up')).toBe('needs login');
    expect((await sallyport(['logout', 'up'])).stdout).toContain('Nobody was logged in');
  });
});

describe('another master key', () => {
  it('P1-04 opens the login and proves the audit trail, once `secret rekey` has run', async () => {
    await configure();
    expect((await sallyport(['login', 'up'])).code).toBe(0);
    const key = { SALLYPORT_MASTER_KEY: randomBytes(32).toString('base64') };
    const old = join(environment()['SALLYPORT_HOME'] as string, 'master.key');
    await serve();
    const refused = await sallyport(['secret', 'rekey', '--from', old], key);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('sallyport stop')]);
    await at.gateway?.stop();
    const rekey = await sallyport(['secret', 'rekey', '--from', old, '--json'], key);
    expect(rekey.code, rekey.stderr).toBe(0);
    expect(JSON.parse(rekey.stdout)).toMatchObject({ outcome: 'absent' });
    // There is no browser here: it is the login of before.
    const call = await sallyport(['call', 'up__whoami'], key);
    expect([call.code, call.stdout], call.stderr).toEqual([0, expect.stringContaining('alice')]);
    expect(up().tokenRequests).toEqual(['authorization_code']);
    const verified = await sallyport(['audit', 'verify'], key);
    expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining('The trail is whole')]);
  });
});

describe('a code', () => {
  it('is entered in a browser of any machine', async () => {
    await configure();
    const { path } = at.home as TemporaryHome;
    await using verb = start(process.execPath, [bin, 'login', 'up', '--device', '--json'], {
      env: environment(),
      cwd: path,
    });
    const [, address = ''] = await verb.untilLine(/^ *(http:\S+user_code=\S+)$/);
    const browser = new WebBrowser();
    const entered = await browser.submit(await browser.open(address), 'user_code');
    const page = await browser.submit(entered, 'deviceConfirmForm');
    expect(page.text).toBe('done');
    expect(await verb.exit, verb.stderr()).toMatchObject({ code: 0 });
    expect(JSON.parse(verb.stdout())).toMatchObject({ server: 'up', status: 'done' });
    expect((await sallyport(['call', 'up__whoami'])).stdout).toContain('alice');
  });
});

describe('a login that does not come', () => {
  it('is refused with 4 when the person says no', async () => {
    await configure();
    up().refuses = true;
    const { code, stderr, stdout } = await sallyport(['login', 'up']);
    expect([code, stdout]).toEqual([4, '']);
    expect(stderr).toContain('said no');
    expect(stderr).not.toContain('secret words');
  });

  it('ends with Ctrl+C, and prints the address where no browser is', async () => {
    await configure();
    const { path } = at.home as TemporaryHome;
    await using verb = start(process.execPath, [bin, 'login', 'up'], { env: environment(), cwd: path });
    await verb.untilLine(/Open this address on this machine/);
    await verb.untilLine(new RegExp(`${up().issuer}/auth\\?`));
    process.kill(verb.pid, 'SIGINT');
    expect(await verb.exit).toMatchObject({ code: 1 });
  });

  it('is wrong for a server that is not there, or that nobody logs in at', async () => {
    await configure();
    const unknown = await sallyport(['login', 'upp']);
    expect([unknown.code, unknown.stderr]).toEqual([3, expect.stringContaining('did you mean `up`')]);
    const needless = await sallyport(['login', 'here']);
    expect([needless.code, needless.stderr]).toEqual([3, expect.stringContaining('Nobody logs in at "here"')]);
  });

  it('is not begun where nothing of it would be kept', async () => {
    await configure({ store: 'memory' });
    const { code, stderr } = await sallyport(['login', 'up']);
    expect([code, stderr]).toEqual([3, expect.stringContaining('start the gateway first')]);
  });

  it('cannot be had when the server is not there', async () => {
    await configure();
    await up()[Symbol.asyncDispose]();
    expect((await sallyport(['login', 'up'])).code).toBe(5);
    delete at.up;
  });
});
