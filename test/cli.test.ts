/**
 * The verbs that look and try, run as a person or script runs them: the built command line, the real servers of the quick
 * start, with a gateway that is running and without one.
 */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryHome, type TemporaryHome } from './support/home.ts';
import { run, start, type Finished, type Running } from './support/process.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'packages/gateway/bin/sallyport.js');
const official = (name: string): string =>
  join(root, `node_modules/@modelcontextprotocol/server-${name}/dist/index.js`);
const TIMEOUT_MS = 25_000;

/** A server that says where it runs, hangs when asked to, and does not start while a file `down` is there. */
const moody = `
import { existsSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
if (existsSync('down')) { console.error('the disk is full'); process.exit(3); }
writeFileSync('moody.pid', String(process.pid));
const tools = ['answer', 'hang'].map((name) => ({ name, inputSchema: { type: 'object' }, description: 'Evil\\u001b[31m name\\nsecond line' }));
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined || params?.name === 'hang') return;
  const result = { initialize: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'moody', version: '1' } },
    'tools/list': { tools }, 'tools/call': { content: [{ type: 'text', text: 'yes' }] } }[method];
  console.log(JSON.stringify({ jsonrpc: '2.0', id, ...(result ? { result } : { error: { code: -32601, message: 'no' } }) }));
});
`;

let home: TemporaryHome;
let config: string;
let gateway: Running;
let url: string;

function environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { ...home.env, SALLYPORT_HOME: join(home.path, 'state'), ...more };
}

async function sallyport(
  words: readonly string[],
  more: { env?: Record<string, string>; input?: string; cwd?: string } = {},
): Promise<Finished> {
  const options = { env: environment(more.env), cwd: more.cwd ?? home.path, timeoutMs: TIMEOUT_MS };
  return await run(process.execPath, [bin, ...words], {
    ...options,
    ...(more.input !== undefined && { input: more.input }),
  });
}

async function parsed(
  words: readonly string[],
  more: Parameters<typeof sallyport>[1] = {},
): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await sallyport([...words, '--json'], more);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Record<string, unknown>;
}

async function serve(
  file: string,
  env: Record<string, string>,
): Promise<{ readonly running: Running; readonly url: string }> {
  const running = start(process.execPath, [bin, 'serve', file, '--port', '0'], { env, cwd: home.path });
  const [, found = ''] = await running.untilLine(/ready at (http:\S+)/);
  return { running, url: found };
}

/** A file with something in it. */
async function untilThere(path: string): Promise<void> {
  while (!existsSync(path) || (await readFile(path, 'utf8')) === '') await delay(20);
}

const otherState = (name: string): Record<string, string> => ({ SALLYPORT_HOME: join(home.path, name) });

async function writeMoody(folder: string): Promise<string> {
  await writeFile(join(home.path, 'moody.mjs'), moody);
  const file = join(home.path, `${folder}.json`);
  // It writes beside the configuration, into this home, and says which process it is: in a cage it could do neither.
  const mcpServers = { moody: { command: 'node', args: ['moody.mjs'], sandbox: 'none' } };
  await writeFile(file, JSON.stringify({ mcpServers }), { mode: 0o600 });
  return file;
}

beforeAll(async () => {
  home = await temporaryHome();
  config = join(home.path, 'quick.json');
  const mcpServers = {
    everything: { command: 'node', args: [official('everything')], env: { DEMO: 'CANARY-VALUE' } },
    files: { command: 'node', args: [official('filesystem'), home.path], tools: { deny: ['write_*'] } },
    memory: { command: 'node', args: [official('memory')], env: { MEMORY_FILE_PATH: join(home.path, 'memory.jsonl') } },
    off: { command: 'no-such-program', enabled: false },
  };
  await writeFile(config, JSON.stringify({ mcpServers }), { mode: 0o600 });
  ({ running: gateway, url } = await serve(config, environment()));
});

afterAll(async () => {
  await gateway.stop();
  await home.remove();
});

/** Every verb works alike: over the gateway that runs, or one for this once in a state of its own. */
describe.each(['with a running gateway', 'without one'])('the verbs, %s', (how) => {
  const isRunning = how === 'with a running gateway';
  const setting = (): { env: Record<string, string> } => ({
    env: isRunning ? {} : { ...otherState('once'), SALLYPORT_CONFIG: config },
  });

  it('lists servers', async () => {
    const { servers, hidden, catalogVersion } = await parsed(['list'], setting());
    const found = servers as Record<string, unknown>[];
    expect(found.map(({ name, transport, enabled }) => [name, transport, enabled])).toEqual([
      ['everything', 'stdio', true],
      ['files', 'stdio', true],
      ['memory', 'stdio', true],
      ['off', 'stdio', false],
    ]);
    expect(found[0]).toMatchObject({
      known: true,
      tools: 17,
      prompts: 4,
      sandbox: { summary: expect.any(String) },
      restarts: 0,
      noiseLines: 0,
    });
    expect(found[0]?.['environment']).toContainEqual({ name: 'DEMO', from: 'env' });
    expect(found[0]?.['environment']).toContainEqual({ name: 'PATH', from: 'gateway' });
    expect(JSON.stringify(found)).not.toContain('CANARY-VALUE');
    expect(hidden).toContainEqual({ server: 'files', what: 'write_file', reason: 'left out by tools.deny' });
    expect(catalogVersion).toMatch(/^[0-9a-f]{16}$/);
    const { stdout, stderr, code } = await sallyport(['list', '--detail'], setting());
    expect(code).toBe(0);
    expect(stdout).toMatch(/^SERVER +TRANSPORT +STATE/);
    expect(stdout).toMatch(/everything +stdio +\w+ +17 +4 +7/);
    expect(stdout).toContain('write_file (left out by tools.deny)');
    expect(stderr).toContain(isRunning ? `Gateway at ${url}` : 'No gateway is running');
  });

  it('shows tools', async () => {
    const { tools, catalogVersion } = await parsed(['tools'], setting());
    const found = tools as Record<string, unknown>[];
    expect(catalogVersion).toMatch(/^[0-9a-f]{16}$/);
    const echo = found.find(({ name }) => name === 'everything__echo');
    expect(echo).toMatchObject({
      id: 'everything__echo',
      server: 'everything',
      original: 'echo',
      title: 'Echo Tool',
      description: 'Echoes back the input string',
      inputSchema: { type: 'object', required: ['message'] },
    });
    expect(echo?.['tokens']).toBeGreaterThan(40);
    expect(found.some(({ name }) => name === 'files__write_file')).toBe(false);
    const { stdout, stderr } = await sallyport(['tools', 'ECHO', 'input'], setting());
    expect(stdout).toBe('everything__echo  everything  Echoes back the input string\n');
    expect(stderr).toMatch(new RegExp(`1 of ${found.length} tools, about ${Number(echo?.['tokens'])} tokens`));
    expect(await sallyport(['tools', 'no such words'], setting())).toMatchObject({ code: 0, stdout: '' });
  });

  it('calls tools', async () => {
    const echo = { code: 0, stdout: 'Echo: hi\n', stderr: '' };
    expect(await sallyport(['call', 'everything__echo', '{"message":"hi"}'], setting())).toMatchObject(echo);
    expect(await sallyport(['call', 'everything__echo', 'message=hi'], setting())).toMatchObject(echo);
    expect(
      await sallyport(['call', 'everything__echo', '-'], { ...setting(), input: '{"message":\n"hi"}' }),
    ).toMatchObject(echo);
    expect(await parsed(['call', 'everything__echo', 'message=hi'], setting())).toMatchObject({
      content: [{ type: 'text', text: 'Echo: hi' }],
    });
  });

  it('reads resources and gets prompts', async () => {
    const { stdout } = await sallyport(['read', 'demo://resource/static/document/features.md'], setting());
    expect(stdout).toMatch(/^# Everything Server/);
    expect(await parsed(['read', 'demo://resource/dynamic/text/1'], setting())).toMatchObject({
      contents: [{ uri: 'demo://resource/dynamic/text/1' }],
    });
    const asked = await sallyport(['prompt', 'everything__args-prompt', 'city=Rome'], setting());
    expect(asked).toMatchObject({ code: 0, stdout: "What's weather in Rome?\n", stderr: '' });
  });
});

describe('call', () => {
  it('reads pairs by the schema of the tool, and says what it takes when they do not fit', async () => {
    expect((await sallyport(['call', 'everything__get-sum', 'a=1', 'b=2.5'])).stdout).toBe(
      'The sum of 1 and 2.5 is 3.5.\n',
    );
    const bad = await sallyport(['call', 'everything__get-sum', 'a=1', 'b=two']);
    expect(bad).toMatchObject({ code: 2, stdout: '' });
    expect(bad.stderr).toContain(
      '`b`: expected number, not `two`\neverything__get-sum takes:\n  a (number, required): First number',
    );
  });

  it('ends with 1 when the tool failed, its text on stdout, what was missing on stderr', async () => {
    const { code, stdout, stderr } = await sallyport(['call', 'everything__get-sum', '{"a":1}']);
    expect(code).toBe(1);
    expect(stdout).toContain('The arguments do not fit the input schema of everything__get-sum');
    expect(stderr).toContain('  b (number, required): Second number');
    expect((await sallyport(['call', 'everything__get-sum', '{"a":1}', '--json'])).code).toBe(1);
  });

  it('prints structured content where there is no text, and names or writes what is binary', async () => {
    const weather = await sallyport(['call', 'everything__get-structured-content', 'location=Chicago']);
    expect(JSON.parse(weather.stdout)).toMatchObject({ conditions: expect.any(String) as string });
    const image = await sallyport(['call', 'everything__get-tiny-image']);
    expect(image.stderr).toMatch(/^image: image\/png, [\d.]+ KiB \(--output FILE writes it\)$/m);
    expect(await sallyport(['call', 'everything__get-tiny-image', '--output', 'logo.png'])).toMatchObject({ code: 0 });
    expect((await readFile(join(home.path, 'logo.png'))).subarray(1, 4).toString()).toBe('PNG');
    expect(await sallyport(['call', 'everything__echo', 'message=x', '--output', 'none'])).toMatchObject({ code: 1 });
    expect(existsSync(join(home.path, 'none'))).toBe(false);
  });

  it('declines what a server asks when nobody sits at a terminal, and offers no model', async () => {
    const asked = await sallyport(['call', 'everything__trigger-elicitation-request']);
    expect(asked.stdout).toContain('"action": "decline"');
    expect(asked.stderr).toContain('declined, since nobody sits at a terminal');
    const sampled = await sallyport(['call', 'everything__trigger-sampling-request', 'prompt=x']);
    expect(sampled).toMatchObject({ code: 1 });
    expect(sampled.stdout).toContain('does not offer sampling/createMessage');
    const roots = await sallyport(['call', 'everything__get-roots-list']);
    expect(roots.stdout).not.toContain('file://');
  });

  it('prints nothing of the progress when stderr is no terminal', async () => {
    const words = ['call', 'everything__trigger-long-running-operation', 'duration=0.2', 'steps=2'];
    expect(await sallyport(words)).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('exit codes', () => {
  it.each([
    [
      ['call', 'everything__ecko', '{}'],
      1,
      /there is no tool `everything__ecko`. Did you mean\n {2}everything__echo$/m,
    ],
    [['call', 'echo', '{}'], 1, /Did you mean\n {2}everything__echo$/m],
    [['prompt', 'args-prompt'], 1, /Did you mean\n {2}everything__args-prompt$/m],
    [['prompt', 'everything__args-prompt'], 1, /takes:\n {2}city \(required\): Name of the city/],
    [['read', 'demo://nowhere'], 1, /there is no resource `demo:\/\/nowhere`/],
    [['call', 'everything__echo', 'hi'], 2, /`hi`: expected one JSON object/],
    [['call', 'everything__echo', '{"message":'], 2, /not valid JSON/],
    [['call', 'everything__echo', '[1]'], 2, /expected a JSON object/],
    [['call', 'everything__echo', 'mesage=hi'], 2, /no argument `mesage` — did you mean `message`\?/],
    [['call'], 2, /missing required argument/],
    [['list', 'more'], 2, /too many arguments/],
    [['tools', '--config', 'nowhere.json'], 3, /nowhere.json does not exist/],
  ])('ends %j with %i', async (words, code, message) => {
    const outcome = await sallyport(words);
    expect(outcome).toMatchObject({ code, stdout: '' });
    expect(outcome.stderr).toMatch(message);
  });

  it('ends with 4 for a key that is none', async () => {
    const outcome = await sallyport(['call', 'everything__echo', '{"message":"hi"}'], {
      env: { SALLYPORT_KEY: 'sp_none' },
    });
    expect(outcome).toMatchObject({ code: 4, stdout: '' });
    expect(outcome.stderr).toContain('SALLYPORT_KEY');
  });

  it('ends with 3 for a configuration that was only found and is not trusted', async () => {
    await writeFile(join(home.path, 'sallyport.json'), '{"mcpServers":{}}', { mode: 0o600 });
    const outcome = await sallyport(['tools'], { env: otherState('untrusted') });
    expect(outcome).toMatchObject({ code: 3, stdout: '' });
    expect(outcome.stderr).toContain('sallyport trust');
  });

  it('ends with 5 for a server that does not start, and says why', async () => {
    const env = otherState('moody-down');
    const file = await writeMoody('down-config');
    const tools = await sallyport(['tools', '--config', file], { env });
    // Foreign text: nothing of it moves the cursor, one line of it is shown.
    expect(tools.stdout).toMatch(/^moody__answer {2}moody {2}Evil.\[31m name$/m);
    expect(tools.stdout).not.toContain('\u001b');
    await writeFile(join(home.path, 'down'), '');
    const outcome = await sallyport(['call', 'moody__answer', '--config', file], { env });
    await rm(join(home.path, 'down'));
    expect(outcome).toMatchObject({ code: 5, stdout: '' });
    expect(outcome.stderr).toContain('The server "moody" is not available');
    expect(outcome.stderr).toContain('the disk is full');
  });
});

describe('a process of its own', () => {
  it('takes its servers with it when it is stopped', async () => {
    const file = await writeMoody('hang-config');
    const pidFile = join(home.path, 'moody.pid');
    await rm(pidFile, { force: true });
    await using calling = start(process.execPath, [bin, 'call', 'moody__hang', '--config', file], {
      env: environment(otherState('moody-hang')),
      cwd: home.path,
    });
    await untilThere(pidFile);
    process.kill(calling.pid, 'SIGINT');
    expect(await calling.exit).toMatchObject({ code: 1 });
    expect(calling.stderr()).toContain('sallyport: stopped');
    const pid = Number(await readFile(pidFile, 'utf8'));
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  it('does not mind that nobody reads to the end', async () => {
    const pipe = `set -o pipefail; "$0" "$1" tools | head -n 1`;
    const outcome = await run('bash', ['-c', pipe, process.execPath, bin], {
      env: environment(),
      cwd: home.path,
      timeoutMs: TIMEOUT_MS,
    });
    expect(outcome).toMatchObject({ code: 0 });
    expect(outcome.stdout).toMatch(/^everything__echo/);
    expect(outcome.stderr).not.toContain('EPIPE');
  });
});

describe('which gateway', () => {
  it('is another one for another configuration by name', async () => {
    const file = await writeMoody('other-config');
    const { servers } = await parsed(['list', '--config', file]);
    expect((servers as { name: string }[]).map(({ name }) => name)).toEqual(['moody']);
  });

  it('never gets a key when it cannot prove whose it is', async () => {
    const seen: { url: string | undefined; headers: IncomingHttpHeaders }[] = [];
    const stranger = createServer((request, response) => {
      seen.push({ url: request.url, headers: request.headers });
      response.end('{"answer":"AAAA"}');
    });
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    const { port } = stranger.address() as AddressInfo;
    const env = { ...otherState('foreign'), SALLYPORT_KEY: 'sp_CANARY' };
    // A state with its keys, and a record that leads to the stranger.
    await sallyport(['key', 'list', '--config', config], { env });
    const record = { url: `http://127.0.0.1:${port}/mcp`, pid: process.pid, startedMs: 0 };
    await writeFile(join(home.path, 'foreign/daemon.json'), JSON.stringify(record), { mode: 0o600 });
    const outcome = await sallyport(['list'], { env, cwd: join(home.path, 'tmp') });
    await new Promise((resolve) => stranger.close(resolve));
    expect(outcome.code).toBe(3);
    expect(outcome.stderr).toContain('is not used and gets no key');
    expect(seen.map((one) => one.url)).toEqual([expect.stringMatching(/^\/api\/v1\/challenge\?nonce=[\w-]{32}$/)]);
    expect(JSON.stringify(seen.map(({ headers }) => headers))).not.toMatch(/sp_|authorization/i);
  });

  it('is no longer there when its record has outlived it', async () => {
    const env = otherState('stale');
    const file = await writeMoody('stale-config');
    await using running = (await serve(file, environment(env))).running;
    await running.stop(0);
    expect(existsSync(join(home.path, 'stale/daemon.json'))).toBe(true);
    const outcome = await sallyport(['call', 'moody__answer', '--config', file], { env });
    expect(outcome).toMatchObject({ code: 0, stdout: 'yes\n', stderr: '' });
  });

  it('says that it has read an older version of the file, and ends a call with 5 when it goes away', async () => {
    const env = otherState('older');
    const file = await writeMoody('older-config');
    await writeFile(file, (await readFile(file, 'utf8')).replace(/}$/, ',"reload":"off"}'));
    await using running = (await serve(file, environment(env))).running;
    await writeFile(file, (await readFile(file, 'utf8')).replace('"off"', '"off","strict":true'));
    const pidFile = join(home.path, 'moody.pid');
    await rm(pidFile, { force: true });
    await using calling = start(process.execPath, [bin, 'call', 'moody__hang'], {
      env: environment(env),
      cwd: home.path,
    });
    await calling.untilLine(/has changed since the gateway at .* read it/);
    await untilThere(pidFile);
    await running.stop(0);
    expect(await calling.exit).toMatchObject({ code: 5 });
  });
});

describe('what the gateway says of itself', () => {
  const ask = async (path: string, headers: Record<string, string>, method = 'GET'): Promise<number> => {
    const response = await fetch(new URL(path, url), { headers, method });
    await response.body?.cancel();
    return response.status;
  };

  it('is for the local key, on a request from this machine', async () => {
    const local = (await readFile(join(home.path, 'state/local.key'), 'utf8')).trim();
    const own = { authorization: `Bearer ${local}` };
    const made = await parsed(['key', 'create', 'dave', '--config', config]);
    const other = { authorization: `Bearer ${String(made['key'])}` };
    while ((await ask('/api/v1/nothing', other)) !== 404) await delay(50);
    // A server is added by JSON that this is not.
    for (const [path, posted] of [
      ['/api/v1/servers', 415],
      ['/api/v1/tools', 405],
    ] as const) {
      expect(await ask(path, own)).toBe(200);
      expect(await ask(path, own, 'POST')).toBe(posted);
      expect(await ask(path, other)).toBe(404);
      expect(await ask(path, {})).toBe(401);
      for (const name of ['forwarded', 'via', 'x-forwarded-for'])
        expect(await ask(path, { ...own, [name]: 'x' })).toBe(404);
    }
    await sallyport(['key', 'revoke', 'dave', '--config', config]);
  });
});

describe('keys', () => {
  const statusFor = async (key: string): Promise<number> => {
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${key}`,
    };
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
    });
    const response = await fetch(url, { method: 'POST', headers, body });
    await response.body?.cancel();
    return response.status;
  };
  const until = async (key: string, status: number): Promise<void> => {
    while ((await statusFor(key)) !== status) await delay(50);
  };

  it('opens the running gateway until it is revoked', async () => {
    const { code, stdout } = await sallyport([
      'key',
      'create',
      'alice',
      '--role',
      'dev',
      '--role',
      'ops',
      '--config',
      config,
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^sp_[0-9a-f]{16}_[A-Za-z0-9_-]{43}\n$/);
    const key = stdout.trim();
    await until(key, 200);
    const used = await sallyport(['call', 'everything__echo', 'message=hi'], { env: { SALLYPORT_KEY: key } });
    expect(used).toMatchObject({ code: 0, stdout: 'Echo: hi\n' });
    const listed = await sallyport(['key', 'list', '--config', config]);
    expect(listed.stdout).toMatch(/alice +dev,ops +\d{4}-\d\d-\d\dT\d\d:\d\dZ +never/);
    expect(listed.stdout).not.toContain(key.slice(-43));
    const revoked = await sallyport(['key', 'revoke', 'alice', '--config', config]);
    expect(revoked).toMatchObject({ code: 0 });
    await until(key, 401);
    const refused = await sallyport(['call', 'everything__echo', 'message=hi'], { env: { SALLYPORT_KEY: key } });
    expect(refused).toMatchObject({ code: 4, stdout: '' });
    expect(await sallyport(['key', 'revoke', 'alice', '--config', config])).toMatchObject({ code: 1 });
  });

  it('is told once, as JSON too', async () => {
    const made = await parsed(['key', 'create', 'bob', '--expires', '30d', '--client', 'cursor', '--config', config]);
    expect(Object.keys(made)).toEqual(['id', 'name', 'key', 'roles', 'expires']);
    expect(made).toMatchObject({ name: 'bob', roles: [], expires: expect.stringMatching(/^\d{4}-.*Z$/) as string });
    const { stdout } = await sallyport(['key', 'list', '--json', '--config', config]);
    expect(JSON.parse(stdout)).toEqual([
      {
        id: made['id'],
        name: 'bob',
        roles: [],
        created: expect.stringMatching(/Z$/) as string,
        expires: made['expires'],
        lastUsed: null,
        client: 'cursor',
      },
    ]);
    const revoked = await parsed(['key', 'revoke', String(made['id']), '--config', config]);
    expect(revoked).toEqual({ id: made['id'], name: 'bob', revoked: true });
  });

  it.each([
    [['key', 'create', 'local'], 2],
    [['key', 'create', 'a b'], 2],
    [['key', 'create', 'carol', '--expires', 'soon'], 2],
    [['key', 'create', 'carol', '--expires', '2020-01-01'], 2],
    [['key', 'create', 'carol', '--role', 'a b'], 2],
    [['key', 'revoke', 'local'], 1],
    [['key', 'revoke', 'nobody'], 1],
    [['key'], 2],
  ])('refuses %j', async (words, code) => {
    expect(await sallyport([...words, '--config', config])).toMatchObject({ code, stdout: '' });
  });

  it('says that the memory store keeps none', async () => {
    const file = join(home.path, 'memory.json');
    await writeFile(file, '{"mcpServers":{},"store":"memory"}', { mode: 0o600 });
    const outcome = await sallyport(['key', 'list', '--config', file]);
    expect(outcome).toMatchObject({ code: 3, stdout: '' });
    expect(outcome.stderr).toContain('store: sqlite');
  });
});
