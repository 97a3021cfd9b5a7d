/** Servers that their clients do not share: a child for each principal, project or session, and nobody hears of another's. */
import { mkdir, realpath, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ask, startGateway, temporaryFolder } from './gateway.ts';
import { openSession, stateless, textOf, type Message, type RawSession } from './raw-client.ts';

const RAW_SERVER = new URL('raw-server.ts', import.meta.url).pathname;
const FILESYSTEM = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-filesystem/dist/index.js');
const raw = { command: process.execPath, args: [RAW_SERVER] };

const pidFor = async (client: Pick<RawSession, 'call'>): Promise<string> =>
  textOf(await client.call('tools/call', { name: 'up__pid', arguments: {} }));

/** A session that answers `roots/list` with these folders. */
async function sessionWith(url: string, folders: readonly string[]): Promise<Pick<RawSession, 'call'>> {
  const session = await openSession(url, { roots: { listChanged: true } });
  const call: RawSession['call'] = async (method, params, options) => {
    const reply = await session.start(method, params, options);
    const answering = reply.messages
      .until(({ message }) => message.method === 'roots/list', 'a question')
      .then(({ message }) =>
        session.tell({
          id: message.id,
          result: { roots: folders.map((folder) => ({ uri: pathToFileURL(folder).href })) },
        }),
      )
      .catch(() => undefined);
    const { message } = await reply.last;
    await answering;
    return message;
  };
  return { call };
}

describe('isolation', () => {
  it('session: each has a child of its own, which ends with it', async () => {
    await using started = await startGateway({ mcpServers: { up: { ...raw, isolation: 'session' } } });
    const [one, two] = [await openSession(started.url), await openSession(started.url)];
    const pids = [await pidFor(one), await pidFor(two)];
    expect(new Set(pids).size).toBe(2);
    expect(await pidFor(one)).toBe(pids[0]);
    await one.end();
    await expect.poll(() => isAlive(Number(pids[0]))).toBe(false);
    expect(await pidFor(two)).toBe(pids[1]);
  });

  it('principal: sessions of one share a child, two do not', async () => {
    await using started = await startGateway({ mcpServers: { up: { ...raw, isolation: 'principal' } } });
    const pids = await Promise.all(
      ['ann', 'ann', 'bob'].map((who) => ask(started, who, 'tools/call', { name: 'up__pid' }).then(pidIn)),
    );
    expect(pids[0]).toBe(pids[1]);
    expect(pids[2]).not.toBe(pids[0]);
  });

  it('project: two projects never share a filesystem server, whoever asks and in whatever era', async () => {
    await using folder = await temporaryFolder();
    const base = await realpath(folder.path);
    for (const name of ['one', 'two']) {
      await mkdir(join(base, name));
      await writeFile(join(base, name, 'note.txt'), `of ${name}`);
    }
    const up = { command: process.execPath, args: [FILESYSTEM, '{root}'], cwd: '{root}', isolation: 'project' };
    await using started = await startGateway({ mcpServers: { up } });
    const { url } = started;
    // The lists are there before anybody has a project.
    const { result } = await stateless(url).call('tools/list');
    expect(((result?.['tools'] ?? []) as { name: string }[]).map(({ name }) => name)).toContain('up__read_text_file');
    const read = (client: Pick<RawSession, 'call'>, path: string): Promise<Message> =>
      client.call('tools/call', { name: 'up__read_text_file', arguments: { path: join(base, path) } });

    const sessions = {
      one: await sessionWith(url, [join(base, 'one')]),
      two: await sessionWith(url, [join(base, 'two')]),
    };
    expect(textOf(await read(sessions.one, 'one/note.txt'))).toBe('of one');
    expect(textOf(await read(sessions.two, 'two/note.txt'))).toBe('of two');
    expect(textOf(await read(sessions.one, 'two/note.txt'))).toContain('Access denied');
    expect(textOf(await read(sessions.two, 'one/note.txt'))).toContain('Access denied');

    // A stateless client is asked in a round of its own.
    const client = stateless(url, { roots: {} });
    const params = { name: 'up__read_text_file', arguments: { path: join(base, 'two/note.txt') } };
    const { result: asked } = await client.call('tools/call', params);
    expect(asked).toMatchObject({ resultType: 'input_required' });
    const [key] = Object.keys(asked?.['inputRequests'] as object) as [string];
    const answer = async (project: string): Promise<string> => {
      const roots = { roots: [{ uri: pathToFileURL(join(base, project)).href }] };
      const again = { ...params, inputResponses: { [key]: roots }, requestState: asked?.['requestState'] };
      return textOf(await client.call('tools/call', again));
    };
    expect(await answer('two')).toBe('of two');
    expect(await answer('one')).toContain('Access denied');

    // Who has no project is told what to do, and starts nothing.
    const none = await read(await openSession(url), 'one/note.txt');
    expect(none.error).toMatchObject({ code: -31003, message: expect.stringContaining('names none') });
  });

  it('shared: a question that may be of several calls is refused, and then each principal has its own', async () => {
    await using started = await startGateway({ mcpServers: { up: { ...raw, era: 'session' } } });
    const session = await openSession(started.url, { sampling: {} });
    const other = await openSession(started.url, { sampling: {} });
    const held = session.call('tools/call', { name: 'up__hold', arguments: { name: 'x' } }).catch(() => undefined);
    await expect
      .poll(async () => textOf(await session.call('tools/call', { name: 'up__held', arguments: {} })))
      .toBe('1');
    const reply = await other.start('tools/call', {
      name: 'up__ask',
      arguments: { method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } },
    });
    const { message } = await reply.last;
    // It reached nobody.
    expect(reply.messages.items.filter((each) => each.message.method !== undefined)).toEqual([]);
    expect(JSON.stringify(message)).toContain('cannot be attributed');
    expect(started.gateway.rooms.upstreams.isolation('up')).toBe('principal');
    expect(started.gateway.rooms.upstreams.notes('up')).toHaveLength(1);
    await session.call('tools/call', { name: 'up__release', arguments: {} }).catch(() => undefined);
    await started.gateway.close();
    await held;
  });
});

function pidIn(answer: unknown): string {
  const { before, after } = answer as { before: Buffer; after: Buffer };
  return /"text":"(\d+)"/.exec(`${before.toString()}${after.toString()}`)?.[1] ?? JSON.stringify(answer);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
