/** What a monitor and an operator see of a running gateway: /metrics, and the records of the log (docs/OPERATIONS.md). */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, temporaryFolder } from './gateway.ts';
import type { Started } from './gateway.ts';
import { openSession, send, stateless } from './raw-client.ts';
import type { RawClient } from './raw-client.ts';
import { serveRaw } from './raw-http.ts';
import type { RawHttp } from './raw-http.ts';
import { temporaryHome } from '../support/home.ts';
import { start } from '../support/process.ts';

const BIN = fileURLToPath(new URL('../../packages/gateway/bin/sallyport.js', import.meta.url));
const KEY = 'the-key-of-the-monitor';
const TRACE = '0af7651916cd43dd8448eb211c80319c';

/** A child that says on stderr what a call of `talk` is about and answers it at the next `talk`, and ends when it is told to. */
const CHILD = `
  const say = (id, result) => console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
  const waiting = [];
  require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const { id, method, params } = JSON.parse(line);
    if (method === 'initialize') say(id, { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'c', version: '1' } });
    else if (method === 'tools/list') say(id, { tools: ['talk', 'end'].map((name) => ({ name, inputSchema: { type: 'object' } })) });
    else if (method === 'tools/call' && params.name === 'end') process.exit(3);
    else if (method === 'tools/call' && waiting.push(id) === 1) console.error('about ' + params.arguments.about);
    else if (method === 'tools/call') for (const each of waiting.splice(0)) say(each, { content: [] });
  });`;

const tools = ['good', 'bad', 'wrong'].map((name) => ({ name, inputSchema: {} }));
const ANSWERS: Readonly<Record<string, object>> = {
  good: { result: { content: [], structuredContent: { isError: true } } },
  bad: { result: { content: [], isError: true } },
  // A server that claims to be the gateway.
  wrong: { error: { code: -31003, message: 'no', data: { code: 'refused' } } },
};

interface Opened extends AsyncDisposable {
  readonly started: Started;
  readonly server: RawHttp;
  readonly folder: string;
}

async function open(metrics: Record<string, unknown> = { key: KEY }): Promise<Opened> {
  const server = await serveRaw({
    era: 'session',
    tools,
    before: ({ id, method, params }, wire) => {
      const answer = method === 'tools/call' ? ANSWERS[String(params?.['name'])] : undefined;
      if (answer !== undefined) wire.send(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
      return answer !== undefined;
    },
  });
  const folder = await temporaryFolder();
  const started = await startGateway(
    {
      auth: { mode: 'key' },
      telemetry: { metrics },
      mcpServers: {
        web: { url: server.url, era: 'session' },
        child: { command: process.execPath, args: ['-e', CHILD], era: 'session' },
        dying: { command: process.execPath, args: ['-e', CHILD], era: 'session' },
        gone: { url: 'http://127.0.0.1:1/mcp', timeout: { connect: '1s' } },
      },
    },
    { stateDirectory: folder.path },
  );
  await started.gateway.rooms.catalog.root.ready();
  return {
    started,
    server,
    folder: folder.path,
    [Symbol.asyncDispose]: async () => {
      await started[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const at: { opened?: Opened; client?: RawClient } = {};
const started = (): Started => (at.opened as Opened).started;
const client = (): RawClient => at.client as RawClient;
const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });
const local = ({ gateway }: Started): Record<string, string> => bearer(gateway.localKey ?? '');

beforeAll(async () => {
  at.opened = await open();
  at.client = await openSession(started().url, {}, local(started()));
});

afterAll(async () => {
  await at.opened?.[Symbol.asyncDispose]();
});

async function scrape({ port }: Started, headers: Record<string, string> = bearer(KEY)): Promise<Response> {
  return await fetch(`http://127.0.0.1:${port}/metrics`, { headers });
}

/** The value of a series, by its name and labels as they are written; 0 when it is not there. */
async function value(series: string): Promise<number> {
  const text = await (await scrape(started())).text();
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return Number(line?.slice(series.length) ?? 0);
}

describe('who may read the metrics', () => {
  it('is who has their key, or the local key on this machine', async () => {
    const one = started();
    const response = await scrape(one);
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
    ]);
    expect((await scrape(one, local(one))).status).toBe(200);
    expect((await scrape(one, {})).status).toBe(401);
    expect((await scrape(one, bearer('wrong'))).status).toBe(401);
    expect((await scrape(one, { ...local(one), 'x-forwarded-for': '192.0.2.1' })).status).toBe(401);
    expect((await scrape(one, { ...bearer(KEY), origin: 'https://evil.example' })).status).toBe(403);
  });

  it('with that key is nobody anywhere else', async () => {
    const reply = await send(started().url, '{}', bearer(KEY));
    expect(reply.status).toBe(401);
  });

  it('is nobody without any key, or when there are none', async () => {
    await using without = await startGateway({ mcpServers: {} });
    expect((await scrape(without)).status).toBe(401);
    expect((await scrape(without, {})).status).toBe(401);
    await using off = await open({ enabled: false, key: KEY });
    expect((await scrape(off.started)).status).toBe(401);
    expect((await scrape(off.started, local(off.started))).status).toBe(404);
  });
});

describe('what is counted', () => {
  const calls = (server: string, method: string, outcome: string): string =>
    `sallyport_calls_total{server="${server}",method="${method}",outcome="${outcome}"}`;

  it.each([
    ['web__good', calls('web', 'tools', 'ok')],
    ['web__bad', calls('web', 'tools', 'tool_error')],
    ['web__wrong', calls('web', 'tools', 'server_error')],
    ['nobody__x', calls('', 'tools', 'invalid_params')],
  ])('is a call of %s', async (name, series) => {
    const before = await value(series);
    const done = await value('sallyport_call_duration_seconds_count{server="web"}');
    await client().call('tools/call', { name, arguments: {} });
    expect(await value(series)).toBe(before + 1);
    const isKnown = name.startsWith('web');
    expect(await value('sallyport_call_duration_seconds_count{server="web"}')).toBe(done + Number(isKnown));
  });

  it('are lists, sessions, and what clients are offered', async () => {
    const series = 'sallyport_list_requests_total{kind="tools",outcome="ok"}';
    const before = await value(series);
    await client().call('tools/list');
    expect(await value(series)).toBe(before + 1);
    expect(await value('sallyport_sessions{transport="http",revision="2025-11-25"}')).toBeGreaterThan(0);
    expect(await value('sallyport_catalog_entries{kind="tools"}')).toBe(7);
    expect(await value('sallyport_connections{door="http"}')).toBeGreaterThan(0);
  });

  it('are refusals, at the door too', async () => {
    const reasons = { unauthenticated: 0, parse: 0, no_such_path: 0 };
    const count = (): Promise<number[]> =>
      Promise.all(Object.keys(reasons).map((reason) => value(`sallyport_refusals_total{reason="${reason}"}`)));
    const before = await count();
    await send(started().url, '{}', bearer('wrong'));
    await (
      await send(started().url, '{"jsonrpc":', { ...local(started()), 'mcp-protocol-version': '2025-11-25' })
    ).last;
    await fetch(`http://127.0.0.1:${started().port}/nothing`, { headers: local(started()) });
    expect(await count()).toEqual(before.map((number) => number + 1));
  });

  it('are starts and ends of servers, and their state', async () => {
    expect(await value('sallyport_server_state{server="dying",state="up"}')).toBe(1);
    expect(await value('sallyport_children{server="dying"}')).toBe(1);
    await client().call('tools/call', { name: 'dying__end', arguments: {} });
    expect(await value(calls('dying', 'tools', 'unavailable'))).toBe(1);
    expect(await value('sallyport_server_failures_total{server="dying",at="end"}')).toBe(1);
    expect(await value('sallyport_server_starts_total{server="dying"}')).toBeGreaterThan(0);
    expect(await value('sallyport_server_failures_total{server="gone",at="start"}')).toBeGreaterThan(0);
  });

  it('makes no series of what clients and servers send', async () => {
    const names = async (): Promise<string[]> => {
      const text = await (await scrape(started())).text();
      return text.split('\n').map((line) => line.slice(0, line.lastIndexOf(' ')));
    };
    await client().call('made/up', {});
    await client().call('tools/call', { name: 'made__up' });
    const before = await names();
    for (let index = 0; index < 20; index++) {
      await client().call(`made/up${index}`, {});
      await client().call('tools/call', { name: `made__up${index}` });
    }
    expect(await names()).toEqual(before);
    expect(before.join('\n')).not.toMatch(/made|good|talk/);
  });
});

describe('what is logged of a call', () => {
  const records = (id: unknown): Readonly<Record<string, unknown>>[] =>
    started().log.items.flatMap(({ detail }) => (detail['id'] === id ? [detail] : []));

  it('has the id of the error and the trace of the client', async () => {
    const meta = { traceparent: `00-${TRACE}-b7ad6b7169203331-01` };
    const { error } = await client().call('tools/call', { name: 'gone__x', arguments: { a: 'canary-in' } }, { meta });
    const id = error?.data?.['id'];
    expect(id).toMatch(/^[0-9a-f]{12}$/);
    expect(records(id).length).toBeGreaterThan(0);
    for (const record of records(id)) expect(record).toMatchObject({ method: 'tools/call', trace: TRACE });
  });

  it('is one record when it ends, and what its child wrote meanwhile', async () => {
    const talk = { name: 'child__talk', arguments: { about: 'this call', b: 'canary-in' } };
    const first = client().call('tools/call', talk);
    const about = await started().log.until(({ text }) => text === 'about this call', 'the line of the child');
    const second = client().call('tools/call', talk);
    await Promise.all([first, second]);
    expect(about.detail).toMatchObject({ server: 'child', stream: 'stderr' });
    const ended = await started().log.until(
      ({ text, detail }) => text === 'a call ended' && detail['id'] === about.detail['id'],
      'the end of the call',
    );
    expect(ended.level).toBe('debug');
    expect(ended.detail).toMatchObject({ server: 'child', target: 'child__talk', outcome: 'ok' });
  });

  it('holds no argument, no result and no key', async () => {
    const modern = stateless(started().url);
    await modern.call(
      'tools/call',
      { name: 'web__good', arguments: { a: 'canary-in' } },
      { headers: local(started()) },
    );
    const text = JSON.stringify(started().log.items);
    expect(text).not.toContain('canary-in');
    expect(text).not.toContain('structuredContent');
    expect(text).not.toContain(started().gateway.localKey);
    expect(text).not.toContain(KEY);
  });
});

describe('what a child writes to the log', () => {
  const SECRET = 'canary/of+the=configuration';
  const CHATTER = `
    const { SECRET } = process.env;
    console.error('secret ' + SECRET, encodeURIComponent(SECRET), Buffer.from('u:' + SECRET).toString('base64'));
    console.error(JSON.stringify({ text: JSON.stringify({ password: 'canary-by-name' }) }));
    console.error('GET https://u:' + 'canary-in-url@example.com/?token=canary-in-query Authorization: Bearer canary-bearer');
    console.error('one\\r\\u001b[2K\\u2028{"level":"fatal"} ' + 'x'.repeat(1e6));
    console.error('that was all');
    process.stdin.resume();`;

  it('shows no secret, and is a record a line', async () => {
    await using home = await temporaryHome();
    const server = { command: process.execPath, args: ['-e', CHATTER], env: { SECRET }, start: 'eager' };
    const configuration = {
      listen: { port: 0 },
      telemetry: { log: { level: 'debug', format: 'json' } },
      mcpServers: { chatter: server },
    };
    await writeFile(join(home.path, 'a.json'), JSON.stringify(configuration), { mode: 0o600 });
    await using gateway = start(process.execPath, [BIN, 'serve', 'a.json'], { env: home.env, cwd: home.path });
    await gateway.untilLine(/that was all/);
    await gateway.stop();
    const written = gateway.stderr();
    expect(written).not.toContain('canary');
    expect(written).not.toContain(encodeURIComponent(SECRET));
    expect(written).not.toContain(Buffer.from(SECRET).toString('base64').slice(4, -4));
    const lines = written.split('\n').filter((line) => line.startsWith('{'));
    const records = lines.map((line) => JSON.parse(line) as { level: string; msg: string; stream?: string });
    expect(records.filter(({ stream }) => stream === 'stderr')).toHaveLength(5);
    expect(records.filter(({ level }) => level === 'fatal')).toEqual([]);
    expect(records.map(({ msg }) => msg.length).toSorted((a, b) => b - a)[0]).toBeLessThan(5000);
  });
});
