/** A configuration that changes while the gateway runs: untouched servers, calls under way and clients do not notice. */
import { rename, symlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configurationText, startGateway, temporaryFolder, type Started } from './gateway.ts';
import { openSession, stateless, textOf } from './raw-client.ts';

const RAW_SERVER = new URL('raw-server.ts', import.meta.url).pathname;
const child = (...args: string[]): Record<string, unknown> => ({
  command: process.execPath,
  args: [RAW_SERVER, ...args],
});

interface Reloading extends AsyncDisposable {
  readonly started: Started;
  readonly file: string;
  write(configuration: Record<string, unknown>): Promise<void>;
}

async function reloading(configuration: Record<string, unknown>): Promise<Reloading> {
  const folder = await temporaryFolder();
  const file = join(folder.path, 'sallyport.json');
  const started = await startGateway(configuration, { file });
  return {
    started,
    file,
    write: (next) => writeFile(file, configurationText(next)),
    [Symbol.asyncDispose]: async () => {
      await started[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const applied = (started: Started): Promise<unknown> =>
  started.log.until(({ text }) => text === 'the configuration was taken over', 'a reload');

const names = async (url: string): Promise<string[]> => {
  const { result } = await stateless(url).call('tools/list');
  return ((result?.['tools'] ?? []) as { name: string }[]).map(({ name }) => name);
};

const pidOf = async (url: string, server: string): Promise<string> =>
  textOf(await stateless(url).call('tools/call', { name: `${server}__pid`, arguments: {} }));

describe('reload', () => {
  it('adds and removes servers; an untouched one keeps its child, and sessions hear of it', async () => {
    await using place = await reloading({ mcpServers: { keep: child(), gone: child() } });
    const { url } = place.started;
    const before = await pidOf(url, 'keep');
    const gone = Number(await pidOf(url, 'gone'));
    const session = await openSession(url);
    const stream = await session.listen();
    await names(url);
    await place.write({ mcpServers: { keep: child(), more: child() } });
    await applied(place.started);
    await stream.messages.until(({ message }) => message.method === 'notifications/tools/list_changed', 'list_changed');
    expect(await names(url)).toContain('more__pid');
    expect(await names(url)).not.toContain('gone__pid');
    expect(await pidOf(url, 'keep')).toBe(before);
    expect(textOf(await session.call('tools/call', { name: 'keep__pid', arguments: {} }))).toBe(before);
    expect((await session.call('tools/call', { name: 'gone__pid', arguments: {} })).error?.code).toBe(-32602);
    await expect.poll(() => isAlive(gone)).toBe(false);
  });

  it('P1-19 lets a call end on the child that it began on, and starts the changed server for the next', async () => {
    await using place = await reloading({ mcpServers: { up: child() } });
    const { url } = place.started;
    const first = await pidOf(url, 'up');
    const held = stateless(url).call('tools/call', { name: 'up__hold', arguments: { name: 'a' } });
    await expect
      .poll(async () => textOf(await stateless(url).call('tools/call', { name: 'up__held', arguments: {} })))
      .toBe('1');
    await place.write({ mcpServers: { up: { ...child(), env: { CHANGED: '1' } } } });
    await applied(place.started);
    expect(await pidOf(url, 'up')).not.toBe(first);
    expect(isAlive(Number(first))).toBe(true);
    await place.write({ mcpServers: { up: { ...child(), env: { CHANGED: '2' } } } });
    await place.started.gateway.reload();
    // The first child is not given up while its call is under way: it is only ended when the grace is over.
    process.kill(Number(first), 'SIGTERM');
    expect((await held).error?.code).toBe(-31001);
  });

  it('changes tool filters and time-outs without touching the child', async () => {
    await using place = await reloading({ mcpServers: { up: child() } });
    const { url } = place.started;
    const pid = await pidOf(url, 'up');
    expect(await names(url)).toContain('up__say');
    await place.write({ mcpServers: { up: { ...child(), tools: { deny: ['say'] }, timeout: { call: '7s' } } } });
    await applied(place.started);
    expect(await names(url)).not.toContain('up__say');
    expect(place.started.gateway.rooms.upstreams.timeouts('up', 'tools/call').timeoutMs).toBe(7000);
    expect(await pidOf(url, 'up')).toBe(pid);
  });

  it('ends sessions at places that are no more, and opens new ones', async () => {
    await using place = await reloading({
      mcpServers: { up: child() },
      views: { old: { tools: ['up__say'] } },
    });
    const session = await openSession(`${place.started.url}/v/old`);
    expect((await session.call('tools/list')).result?.['tools']).toHaveLength(1);
    await place.write({ mcpServers: { up: child() }, views: { young: { tools: ['up__say', 'up__pid'] } } });
    await applied(place.started);
    const reply = await session.start('tools/list');
    expect(reply.status).toBe(404);
    const young = await openSession(`${place.started.url}/v/young`);
    expect((await young.call('tools/list')).result?.['tools']).toHaveLength(2);
  });

  it('CFG-07 survives a storm: 200 writes of all kinds, no call fails, the last valid file is in force', async () => {
    await using place = await reloading({ mcpServers: { keep: child() } });
    const { url } = place.started;
    const { file } = place;
    const pid = await pidOf(url, 'keep');
    const session = await openSession(url);
    const state = { over: false };
    const failures: string[] = [];
    const calling = Promise.all(
      [session, stateless(url), stateless(url)].map(async (client) => {
        let calls = 0;
        while (!state.over) {
          const answer = await client.call('tools/call', { name: 'keep__pid', arguments: {} });
          if (textOf(answer) !== pid) failures.push(JSON.stringify(answer));
          calls++;
        }
        return calls;
      }),
    );
    const valid = (n: number): string =>
      configurationText({ mcpServers: { keep: child(), [`s${n % 7}`]: { ...child(), start: 'lazy' } } });
    for (let n = 0; n < 200; n++) {
      const text = valid(n);
      if (n % 4 === 0) await writeFile(file, text);
      else if (n % 4 === 1) await writeFile(file, text.slice(0, text.length / 2));
      else if (n % 4 === 2) {
        await writeFile(`${file}.next`, text);
        await rename(`${file}.next`, file);
      } else {
        await writeFile(`${file}.v${n}`, n % 8 === 3 ? 'nothing of sense' : text);
        await rm(`${file}.link`, { force: true });
        await symlink(`${file}.v${n}`, `${file}.link`);
        await rename(`${file}.link`, file);
      }
    }
    await rm(file);
    await writeFile(file, configurationText({ mcpServers: { keep: child(), last: child() } }));
    await expect.poll(() => names(url), { timeout: 10_000 }).toContain('last__pid');
    state.over = true;
    expect((await calling).every((calls) => calls > 0)).toBe(true);
    expect(failures).toEqual([]);
    expect(await pidOf(url, 'keep')).toBe(pid);
    expect(place.started.gateway.rooms.config.servers.map(({ name }) => name)).toEqual(['keep', 'last']);
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
