/** The gateway in the background, as a person has it: the built command line, and clients that share what it runs. */
import { existsSync } from 'node:fs';
import { appendFile, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSdk1, openSdk2 } from './support/clients.ts';
import { temporaryHome, type TemporaryHome } from './support/home.ts';
import { run, start, type Finished, type Running } from './support/process.ts';

const bin = fileURLToPath(new URL('../packages/gateway/bin/sallyport.js', import.meta.url));
const TIMEOUT_MS = 40_000;

/** Says its pid, and hangs when asked to. */
const telling = `
import { createInterface } from 'node:readline';
const tools = ['pid', 'hang'].map((name) => ({ name, inputSchema: { type: 'object' } }));
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined || params?.name === 'hang') return;
  const result = { initialize: { protocolVersion: '2025-11-25', capabilities: { tools: { listChanged: true } }, serverInfo: { name: 'telling', version: '1' } },
    ping: {}, 'tools/list': { tools }, 'tools/call': { content: [{ type: 'text', text: String(process.pid) }] } }[method];
  console.log(JSON.stringify({ jsonrpc: '2.0', id, ...(result ? { result } : { error: { code: -32601, message: 'no' } }) }));
});
`;

let home: TemporaryHome;
let state: string;
let config: string;

beforeEach(async () => {
  home = await temporaryHome();
  state = join(home.path, 'state');
  await writeFile(join(home.path, 'telling.mjs'), telling);
  config = await writeConfig('one');
});

afterEach(async () => {
  // Whatever a test left running, also what no record speaks of any more.
  for (const file of await files()) await sallyport(['stop', '--config', file]);
  await home.remove();
});

async function files(): Promise<string[]> {
  return (await readdir(home.path)).filter((name) => name.endsWith('.json')).map((name) => join(home.path, name));
}

async function writeConfig(name: string, more: object = {}): Promise<string> {
  const file = join(home.path, `${name}.json`);
  const mcpServers = { telling: { command: 'node', args: ['telling.mjs'], sandbox: 'none' } };
  await writeFile(file, JSON.stringify({ mcpServers, listen: { port: 0 }, ...more }), { mode: 0o600 });
  return file;
}

function environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { ...home.env, SALLYPORT_HOME: state, ...more };
}

async function sallyport(
  words: readonly string[],
  more: { readonly env?: Record<string, string>; readonly input?: string } = {},
): Promise<Finished> {
  return await run(process.execPath, [bin, ...words], {
    env: environment(more.env),
    cwd: home.path,
    timeoutMs: TIMEOUT_MS,
    ...(more.input !== undefined && { input: more.input }),
  });
}

async function json(words: readonly string[], code = 0): Promise<Record<string, unknown>> {
  const finished = await sallyport([...words, '--json']);
  expect(finished.code, finished.stderr).toBe(code);
  return JSON.parse(finished.stdout) as Record<string, unknown>;
}

interface StartedGateway {
  readonly url: string;
  readonly pid: number;
  readonly log: string;
  readonly started: boolean;
}

async function startDaemon(file = config, ...words: string[]): Promise<StartedGateway> {
  return (await json(['start', '--config', file, ...words])) as unknown as StartedGateway;
}

/** Also of one that has ended and that nobody has collected yet: who adopts it may take a moment. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function untilGone(pid: number): Promise<void> {
  await expect.poll(() => isAlive(pid), { timeout: TIMEOUT_MS }).toBe(false);
}

/** Ends a gateway in the middle, as a crash does. */
async function kill(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  await untilGone(pid);
}

/** Has the records speak of another process. */
async function renumber(from: number, to: number): Promise<void> {
  const names = (await readdir(join(state, 'daemons'))).filter((name) => name.endsWith('.json'));
  for (const path of [join(state, 'daemon.json'), ...names.map((name) => join(state, 'daemons', name))]) {
    await writeFile(path, (await readFile(path, 'utf8')).replace(`"pid": ${from}`, `"pid": ${to}`));
  }
}

/** A client of an SDK that starts `serve --stdio`. */
async function clientOf(file = config): Promise<Awaited<ReturnType<typeof openSdk1>>> {
  return await openSdk1({
    command: process.execPath,
    args: [bin, 'serve', '--stdio', '--config', file],
    env: environment(),
    cwd: home.path,
  });
}

async function pidTold(client: Awaited<ReturnType<typeof clientOf>>['client']): Promise<number> {
  const { content } = await client.callTool({ name: 'telling__pid', arguments: {} });
  return Number((content as { text: string }[])[0]?.text);
}

/** `serve --stdio` by hand: its lines are seen. */
function stdio(file = config, env: Record<string, string> = {}): Running {
  return start(process.execPath, [bin, 'serve', '--stdio', '--config', file], {
    env: environment(env),
    cwd: home.path,
  });
}

const initialize = `${JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
})}\n{"jsonrpc":"2.0","method":"notifications/initialized"}\n`;
const call = (id: number, name: string): string =>
  `${JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: {} } })}\n`;

describe('start and stop', () => {
  it('run a gateway that outlives its start, once for a configuration, and end it with its children', async () => {
    const { url, pid, log, started } = await startDaemon();
    expect([started, log, isAlive(pid)]).toEqual([true, join(state, 'daemon.log'), true]);
    expect((await stat(log)).mode & 0o777).toBe(0o600);
    // It answers its start before it says so in the log.
    await expect.poll(() => readFile(log, 'utf8'), { timeout: TIMEOUT_MS }).toContain(`Sallyport is ready at ${url}`);
    expect(await startDaemon()).toMatchObject({ started: false, pid });
    const called = await sallyport(['call', 'telling__pid']);
    expect(called).toMatchObject({ code: 0, stderr: '' });
    const stopped = await sallyport(['stop']);
    expect(stopped).toMatchObject({ code: 0, stdout: `Stopped the gateway at ${url} (pid ${pid}).\n`, stderr: '' });
    await untilGone(pid);
    await untilGone(Number(called.stdout));
    expect(existsSync(join(state, 'daemon.json'))).toBe(false);
    expect(await sallyport(['stop'])).toMatchObject({
      code: 0,
      stdout: 'No gateway is running: there is nothing to stop.\n',
    });
  });

  it('starts one gateway, however many ask at once', async () => {
    const all = await Promise.all([1, 2, 3].map(() => startDaemon()));
    expect(new Set(all.map(({ pid }) => pid)).size).toBe(1);
    expect(all.filter(({ started }) => started)).toHaveLength(1);
  });

  it('says what stopped it from starting, and leaves nothing behind', async () => {
    const wrong = await writeConfig('wrong', { listen: { port: 0, host: '0.0.0.0' } });
    const outcome = await sallyport(['start', '--config', wrong]);
    expect(outcome).toMatchObject({ code: 3, stdout: '' });
    expect(outcome.stderr).toMatch(
      /ended before it was ready \(exit code 3\):\n {2}sallyport: listen\.host 0\.0\.0\.0 is reachable/,
    );
    expect(outcome.stderr).toContain('daemon.log');
    expect((await readdir(join(state, 'daemons'))).filter((name) => name.endsWith('.json'))).toEqual([]);
  });

  it('starts with the options it was given, and again with the same', async () => {
    const first = await startDaemon(config, '--host', 'localhost');
    expect(first.url).toContain('//localhost:');
    const again = (await json(['restart'])) as unknown as StartedGateway;
    expect(again.url).toContain('//localhost:');
    expect([again.pid === first.pid, isAlive(again.pid)]).toEqual([false, true]);
    await untilGone(first.pid);
    await writeFile(config, '{"mcpServers":{"x":{}}}');
    expect(await sallyport(['restart'])).toMatchObject({ code: 3 });
    expect(isAlive(again.pid)).toBe(true);
  });

  it('keeps two configurations apart', async () => {
    const other = await writeConfig('two');
    const [one, two] = [await startDaemon(), await startDaemon(other)];
    expect(one.log).not.toBe(two.log);
    const unclear = await sallyport(['stop']);
    expect(unclear).toMatchObject({ code: 2, stdout: '' });
    expect(unclear.stderr).toContain(`${one.url}  ${config}`);
    expect(await sallyport(['stop', '--config', other])).toMatchObject({ code: 0 });
    await untilGone(two.pid);
    expect(isAlive(one.pid)).toBe(true);
    expect(JSON.parse(await readFile(join(state, 'daemon.json'), 'utf8'))).toMatchObject({ pid: one.pid });
    expect((await sallyport(['list'])).stderr).toContain(one.url);
  });

  it('never ends a stranger who has the number, and forgets the record', async () => {
    const { pid } = await startDaemon();
    await kill(pid);
    await using stranger = start(process.execPath, ['-e', 'console.log("here"); setInterval(() => {}, 1e3)']);
    await stranger.untilLine(/here/);
    await renumber(pid, stranger.pid);
    expect(await sallyport(['stop'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('nothing to stop') as string,
    });
    expect(isAlive(stranger.pid)).toBe(true);
    expect(existsSync(join(state, 'daemon.json'))).toBe(false);
  });

  it('never ends a stranger who has the number while another gateway has the port', async () => {
    const { pid } = await startDaemon();
    await using stranger = start(process.execPath, ['-e', 'console.log("here"); setInterval(() => {}, 1e3)']);
    await stranger.untilLine(/here/);
    await renumber(pid, stranger.pid);
    expect((await sallyport(['stop'])).stderr).toContain('is not the gateway of');
    expect([isAlive(stranger.pid), isAlive(pid)]).toEqual([true, true]);
    await kill(pid);
  });

  it('does not restart what runs in a terminal', async () => {
    await using serving = start(process.execPath, [bin, 'serve', '--config', config], {
      env: environment(),
      cwd: home.path,
    });
    await serving.untilLine(/ready at/);
    const outcome = await sallyport(['restart']);
    expect(outcome).toMatchObject({ code: 1 });
    expect(outcome.stderr).toContain('runs in the foreground');
    expect((await sallyport(['logs'])).stderr).toContain('in its terminal');
  });
});

describe('at login', () => {
  it('writes a unit once, says how to undo it, and undoes it', async () => {
    const unit = join(home.path, '.config/systemd/user/sallyport.service');
    const first = await sallyport(['start', '--at-login', '--config', config]);
    expect(first.code, first.stderr).toBe(0);
    if (process.platform !== 'linux') return;
    expect(first.stderr).toContain(`at login: wrote ${unit}`);
    expect(await readFile(unit, 'utf8')).toContain(`"serve" "--config" "${config}"`);
    expect((await sallyport(['start', '--at-login', '--config', config])).stderr).toContain('is there already');
    const undone = await sallyport(['stop', '--at-login']);
    expect(undone).toMatchObject({ code: 0 });
    expect(undone.stderr).toContain(`at login: removed ${unit}`);
    expect(existsSync(unit)).toBe(false);
  });
});

describe('status', () => {
  it('says that nothing runs, with a code of its own', async () => {
    expect(await json(['status'], 5)).toEqual({ running: false });
    expect((await sallyport(['status'])).stdout).toContain('not running. `sallyport start`');
  });

  it('says how the gateway is', async () => {
    const { url, pid, log } = await startDaemon();
    const status = await json(['status']);
    expect(status).toMatchObject({
      running: true,
      url,
      pid,
      log,
      config: { path: config, changed: false },
      servers: [{ name: 'telling' }],
      sessions: { http: 0 },
    });
    const { stdout } = await sallyport(['status']);
    expect(stdout).toContain(`Sallyport runs at ${url}`);
    expect(stdout).toContain(config);
  });
});

describe('reload', () => {
  it('takes a change over that is wanted, and leaves one that is broken', async () => {
    const file = await writeConfig('reloads', { reload: 'confirm' });
    const { pid } = await startDaemon(file);
    expect((await sallyport(['reload'])).stdout).toContain('Nothing has changed.');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('"telling"', '"teller"'));
    const unasked = await sallyport(['reload']);
    expect(unasked).toMatchObject({ code: 4, stdout: '' });
    expect(unasked.stderr).toContain('teller');
    expect((await sallyport(['reload', '--yes'])).stdout).toContain('Reloaded');
    expect((await sallyport(['list'])).stdout).toMatch(/^teller /m);
    await writeFile(file, text.replace('"telling"', '"teller_"'));
    const broken = await sallyport(['reload']);
    expect(broken).toMatchObject({ code: 3, stdout: '' });
    expect(broken.stderr).toContain(`${file}:1:`);
    expect(isAlive(pid)).toBe(true);
  });

  it('reads the file again on SIGHUP', async () => {
    const file = await writeConfig('hangs-up', { reload: 'confirm' });
    const { pid } = await startDaemon(file);
    await using following = start(process.execPath, [bin, 'logs', '-f'], { env: environment(), cwd: home.path });
    await writeFile(file, '{"mcpServers":');
    process.kill(pid, 'SIGHUP');
    await following.untilLine(/hangs-up\.json:1:/);
    expect((await json(['status']))['config']).toMatchObject({
      changed: true,
      error: { atMs: expect.any(Number) as number },
    });
  });

  it('is refused by a configuration that says so, and a note tells what is to be done', async () => {
    const file = await writeConfig('stays', { reload: 'off' });
    await startDaemon(file);
    await writeFile(file, (await readFile(file, 'utf8')).replace('"telling"', '"teller"'));
    expect((await sallyport(['list'])).stderr).toContain('`sallyport restart` takes it over');
    expect(await sallyport(['reload'])).toMatchObject({ code: 3, stdout: '' });
    await sallyport(['restart']);
    const listed = await sallyport(['list']);
    expect(listed.stdout).toMatch(/^teller /m);
    expect(listed.stderr).not.toContain('has changed');
  });

  it('has nothing to do when nothing runs', async () => {
    expect(await sallyport(['reload'])).toMatchObject({ code: 5, stdout: '' });
  });
});

describe('logs', () => {
  it('says that there are none yet', async () => {
    const outcome = await sallyport(['logs']);
    expect(outcome).toMatchObject({ code: 1, stdout: '' });
    expect(outcome.stderr).toContain('there is no log yet');
  });

  it('shows what was written, also when nothing runs any more, and follows across a new beginning', async () => {
    const { log, url } = await startDaemon();
    await sallyport(['stop']);
    expect((await sallyport(['logs'])).stdout).toContain(`Sallyport is ready at ${url}`);
    expect((await sallyport(['logs', '-n', '1'])).stdout.split('\n')).toHaveLength(2);
    await using following = start(process.execPath, [bin, 'logs', '-f', '-n', '1'], {
      env: environment(),
      cwd: home.path,
    });
    await following.untilLine(/stopping/);
    await appendFile(log, 'the first\n');
    await following.untilLine(/the first/);
    await appendFile(log, 'the second\n');
    await writeFile(`${log}.1`, await readFile(log));
    await writeFile(log, 'the third\n');
    await following.untilLine(/the third/);
    expect(following.lines.slice(-3)).toEqual(['the first', 'the second', 'the third']);
    process.kill(following.pid, 'SIGINT');
    expect(await following.exit).toEqual({ code: 0, signal: null });
  });
});

describe('serve --stdio', () => {
  it('lets five clients share one set of children', async () => {
    await startDaemon();
    const clients = await Promise.all([1, 2, 3, 4, 5].map(() => clientOf()));
    const pids = await Promise.all(clients.map(({ client }) => pidTold(client)));
    expect(new Set(pids).size).toBe(1);
    await Promise.all(clients.map(({ client }) => client.close()));
    // They have left; the child is the gateway's and stays.
    expect(isAlive(pids[0] ?? 0)).toBe(true);
    await using other = await openSdk2(
      {
        command: process.execPath,
        args: [bin, 'serve', '--stdio', '--config', config],
        env: environment(),
        cwd: home.path,
      },
      { era: 'stateless' },
    );
    const { content } = await other.client.callTool({ name: 'telling__pid', arguments: {} });
    expect(content).toEqual([{ type: 'text', text: String(pids[0]) }]);
  });

  it('says nothing but MCP on stdout, and ends with its client', async () => {
    const { url, pid } = await startDaemon();
    const finished = await sallyport(['serve', '--stdio', '--config', config], {
      input: initialize + call(2, 'telling__pid'),
    });
    expect(finished).toMatchObject({ code: 0, stderr: `sallyport: joined the gateway at ${url} (pid ${pid})\n` });
    const messages = finished.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { id?: number });
    expect(messages.map(({ id }) => id).filter((id) => id !== undefined)).toEqual([1, 2]);
  });

  it('runs alone without a gateway, and with one that has no WebSocket, and says which', async () => {
    const alone = await sallyport(['serve', '--stdio', '--config', config], {
      input: initialize + call(2, 'telling__pid'),
    });
    expect(alone.code).toBe(0);
    expect(alone.stderr).toContain(`no gateway of ${config} is running: serving alone`);
    expect(alone.stdout).toContain('"id":2');
    const off = await writeConfig('off', { listen: { port: 0, websocket: false } });
    await startDaemon(off);
    const unjoined = await sallyport(['serve', '--stdio', '--config', off], {
      input: initialize + call(2, 'telling__pid'),
    });
    expect(unjoined.code).toBe(0);
    expect(unjoined.stderr).toContain('its WebSocket is off');
    expect(unjoined.stdout).toContain('"id":2');
  });

  it('outlives a restart of the gateway: only what was under way fails', async () => {
    const { pid } = await startDaemon();
    await using client = stdio();
    client.write(initialize + call(2, 'telling__pid'));
    await client.untilLine(/"id":2/);
    client.write(call(3, 'telling__hang'));
    client.write(call(4, 'telling__pid'));
    await client.untilLine(/"id":4/);
    await kill(pid);
    const [failed] = await client.untilLine(/^.*"id":3.*$/);
    expect(JSON.parse(failed)).toMatchObject({ error: { code: -31001, data: { reason: 'down' } } });
    client.write(call(5, 'telling__pid'));
    await startDaemon();
    await client.untilLine(/joined the gateway again/);
    expect((await client.untilLine(/^.*"id":5.*$/))[0]).toContain('"result"');
    await client.untilLine(/tools\/list_changed/);
    client.endInput();
    expect(await client.exit).toEqual({ code: 0, signal: null });
  });

  it('goes on alone when the gateway does not come back', { timeout: 90_000 }, async () => {
    const { pid } = await startDaemon();
    await using client = stdio();
    client.write(initialize + call(2, 'telling__pid'));
    await client.untilLine(/"id":2/);
    await kill(pid);
    client.write(call(3, 'telling__pid'));
    await client.untilLine(/serving alone from now on/, 60_000);
    expect((await client.untilLine(/^.*"id":3.*$/))[0]).toContain('"result"');
    client.endInput();
    expect(await client.exit).toEqual({ code: 0, signal: null });
  });

  it('ends in order when it is told to', async () => {
    await startDaemon();
    await using client = stdio();
    client.write(initialize);
    await client.untilLine(/"id":1/);
    process.kill(client.pid, 'SIGTERM');
    expect(await client.exit).toEqual({ code: 0, signal: null });
  });
});

describe('serve --stdio --url', () => {
  it('is one client’s way to a gateway elsewhere: its names, its answers, and the key', async () => {
    const { url } = await startDaemon();
    const key = (await readFile(join(state, 'local.key'), 'utf8')).trim();
    const words = ['serve', '--stdio', '--url', url];
    const own = { SALLYPORT_HOME: join(home.path, 'own') };
    const input = `${initialize}${call(2, 'telling__pid')}{"jsonrpc":"2.0","id":3,"method":"tools/list"}\n`;
    const { code, stdout, stderr } = await sallyport(words, { input, env: { ...own, SALLYPORT_KEY: key } });
    expect(code, stderr).toBe(0);
    const messages = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { id?: number; result?: { tools?: { name: string }[]; content?: object[] } });
    expect(messages.find(({ id }) => id === 2)?.result?.content).toEqual([
      { type: 'text', text: expect.stringMatching(/^\d+$/) as string },
    ]);
    expect(messages.find(({ id }) => id === 3)?.result?.tools?.map(({ name }) => name)).toEqual([
      'telling__pid',
      'telling__hang',
    ]);
    const without = await sallyport(words, { input, env: { SALLYPORT_HOME: join(home.path, 'another') } });
    expect(without.stdout).not.toContain('telling__hang');
  });

  it('shows the key to nobody on the way, and to no other origin', async () => {
    const outcome = await sallyport(['serve', '--stdio', '--url', 'http://gateway.example.com/mcp'], {
      env: { SALLYPORT_KEY: 'sp_CANARY' },
    });
    expect(outcome).toMatchObject({ code: 4, stdout: '' });
    expect(outcome.stderr).toContain('$SALLYPORT_KEY is not sent to http://gateway.example.com');
    expect(outcome.stderr).not.toContain('CANARY');

    const seen: (string | undefined)[] = [];
    const other = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.end();
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const elsewhere = `http://127.0.0.1:${(other.address() as AddressInfo).port}/mcp`;
    const asked: (string | undefined)[] = [];
    const first = createServer((request, response) => {
      asked.push(request.headers.authorization);
      response.writeHead(307, { location: elsewhere }).end();
    });
    await new Promise<void>((resolve) => first.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(first.address() as AddressInfo).port}/mcp`;
    await sallyport(['serve', '--stdio', '--url', url], {
      env: { SALLYPORT_KEY: 'sp_CANARY' },
      input: `${initialize}{"jsonrpc":"2.0","id":3,"method":"tools/list"}\n`,
    });
    first.close();
    other.close();
    expect(new Set(asked)).toEqual(new Set(['Bearer sp_CANARY']));
    expect(JSON.stringify(seen)).not.toContain('CANARY');
  });

  it('begins without the gateway, and says why its lists are empty', async () => {
    const input = `${initialize}{"jsonrpc":"2.0","id":3,"method":"tools/list"}\n`;
    const { code, stdout } = await sallyport(['serve', '--stdio', '--url', 'http://127.0.0.1:1/mcp'], { input });
    expect(code).toBe(0);
    expect(stdout).toContain('"tools":[]');
    expect(stdout).toMatch(/"missing|"reason/);
  });
});
