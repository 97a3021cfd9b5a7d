/** Stopping: what is under way ends, nothing new begins, nobody is left behind. */
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryHome } from '../support/home.ts';
import { freePort, untilListening } from '../support/port.ts';
import { start } from '../support/process.ts';
import { ask, startGateway } from './gateway.ts';
import { openSession, stateless, textOf } from './raw-client.ts';
import { serveRaw } from './raw-http.ts';

const PROGRAM = fileURLToPath(new URL('../../packages/gateway/bin/sallyport.js', import.meta.url));
const RAW_SERVER = fileURLToPath(new URL('raw-server.ts', import.meta.url));
const CALLS = 50;

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('SIGTERM', () => {
  it(`with ${CALLS} calls under way: all of them are answered, the exit code is 0, no child stays`, async () => {
    await using home = await temporaryHome();
    const port = await freePort();
    const file = join(home.path, 'sallyport.json');
    // The number of a caged child is its own affair.
    const up = { command: process.execPath, args: [RAW_SERVER], sandbox: 'none' };
    const configuration = { mcpServers: { up }, listen: { port }, auth: { mode: 'none' }, store: 'memory' };
    await writeFile(file, JSON.stringify(configuration), { mode: 0o600 });
    await using running = start(process.execPath, [PROGRAM, 'serve', '--config', file], {
      cwd: home.path,
      env: home.env,
    });
    await untilListening(port, new AbortController().signal);
    const url = `http://127.0.0.1:${port}/mcp`;
    const sessions = await Promise.all([1, 2, 3, 4, 5].map(() => openSession(url)));
    const streams = await Promise.all(sessions.map((session) => session.listen()));
    const listening = await stateless(url).start('subscriptions/listen', { notifications: { toolsListChanged: true } });
    const pid = Number(textOf(await stateless(url).call('tools/call', { name: 'up__pid', arguments: {} })));
    const calls = Array.from({ length: CALLS }, (_, n) => {
      const client = n % 2 === 0 ? stateless(url) : (sessions[n % 5] as (typeof sessions)[0]);
      return client.call('tools/call', { name: 'up__hold', arguments: { name: n } });
    });
    const held = (): Promise<string> =>
      stateless(url).call('tools/call', { name: 'up__held', arguments: {} }).then(textOf);
    await expect.poll(held).toBe(String(CALLS));
    expect(isAlive(pid)).toBe(true);
    // The one that releases the others is under way when the signal comes, and ends after it.
    const release = stateless(url).call('tools/call', { name: 'up__release', arguments: { ms: 500 } });
    await expect.poll(held).toBe(`${CALLS} and one that releases`);
    process.kill(running.pid, 'SIGTERM');
    const answers = (await Promise.all(calls)).map(textOf);
    expect(answers.toSorted()).toEqual(Array.from({ length: CALLS }, (_, n) => `released ${n}`).toSorted());
    expect(textOf(await release)).toBe('released');
    expect((await listening.last).message).toMatchObject({ result: { resultType: 'complete' } });
    expect(await running.exit).toEqual({ code: 0, signal: null });
    expect(isAlive(pid)).toBe(false);
    for (const stream of streams) stream.abort();
  });
});

describe('closing', () => {
  it('refuses what comes meanwhile, and gives up what does not end within the time for it', async () => {
    await using server = await serveRaw({ era: 'session' });
    const started = await startGateway({ mcpServers: { up: { url: server.url } }, limits: { drain: '200ms' } });
    const session = await openSession(started.url);
    const client = stateless(started.url);
    await session.call('tools/call', { name: 'up__number', arguments: { n: 1 } });
    const held = session.call('tools/call', { name: 'up__hold', arguments: {} });
    held.catch(() => undefined);
    await expect.poll(() => server.server.of('tools/call')).toHaveLength(2);
    const closed = started.gateway.close();
    await expect(client.call('tools/call', { name: 'up__number', arguments: { n: 2 } })).rejects.toThrow(
      /ECONN|socket|hang up/,
    );
    const refused = await ask(started, 'local', 'tools/list');
    expect(refused).toMatchObject({ kind: 'error', status: 503, error: { data: { code: 'shutting_down' } } });
    await closed;
    await started.gateway.close();
    await started[Symbol.asyncDispose]();
    expect(server.server.of('notifications/cancelled')).toHaveLength(1);
  });

  it('does not wait for a list that a server does not give', async () => {
    await using server = await serveRaw({
      era: 'session',
      prompts: [],
      before: ({ method }) => method === 'prompts/list',
    });
    await using started = await startGateway({
      mcpServers: { up: { url: server.url } },
      limits: { drain: '200ms', listDeadline: '100ms' },
    });
    await stateless(started.url).call('tools/list');
    const closed = started.gateway.close();
    const tooLate = new AbortController();
    const timer = setTimeout(() => tooLate.abort(), 5000);
    await Promise.race([closed, once(tooLate.signal, 'abort')]);
    clearTimeout(timer);
    expect(tooLate.signal.aborted).toBe(false);
  });
});

describe('SIGKILL', () => {
  it('leaves no child behind, and the next gateway is ready at once with what was known', async () => {
    await using home = await temporaryHome();
    const port = await freePort();
    const file = join(home.path, 'sallyport.json');
    // Deaf to the end of its input and to SIGTERM, with a child of its own that is no better.
    const deaf = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);`;
    const preload =
      `import { spawn } from 'node:child_process';` +
      `spawn(process.execPath, ['-e', ${JSON.stringify(deaf)}], { stdio: 'ignore' }); ${deaf}`;
    const args = ['--import', `data:text/javascript,${encodeURIComponent(preload)}`, RAW_SERVER, 'session'];
    const up = { command: process.execPath, args, era: 'session', sandbox: 'none' };
    await writeFile(file, JSON.stringify({ mcpServers: { up }, listen: { port } }), { mode: 0o600 });
    const serve = (): ReturnType<typeof start> =>
      start(process.execPath, [PROGRAM, 'serve', '--config', file], { cwd: home.path, env: home.env });
    const first = serve();
    await untilListening(port, new AbortController().signal);
    const key = (await readFile(join(home.path, '.local/state/sallyport/local.key'), 'utf8')).trim();
    const headers = { authorization: `Bearer ${key}` };
    const client = stateless(`http://127.0.0.1:${port}/mcp`, {}, headers);
    const pid = Number(textOf(await client.call('tools/call', { name: 'up__pid', arguments: {} })));
    const grandchild = await childOf(pid);
    process.kill(first.pid, 'SIGKILL');
    await first.exit;
    await using second = serve();
    await untilListening(port, new AbortController().signal);
    expect(second.pid).not.toBe(first.pid);
    // Served from what was kept, before the server is up again.
    const { result } = await client.call('tools/list');
    expect(JSON.stringify(result)).toContain('up__pid');
    await expect.poll(() => isAlive(pid) || isAlive(grandchild), { timeout: 10_000 }).toBe(false);
    const again = Number(textOf(await client.call('tools/call', { name: 'up__pid', arguments: {} })));
    expect(again).not.toBe(pid);
  });
});

/** The child of a process, by what the system says. */
async function childOf(pid: number): Promise<number> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return Number(children.trim().split(' ')[0]);
}
