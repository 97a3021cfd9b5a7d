import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { changesBetween } from './changes.ts';
import { checkConfig } from './check.ts';
import { configForServer, loadConfig, type ConfigFiles } from './load.ts';
import { Reloader, type ReloadResult } from './reload.ts';
import type { Config } from './types.ts';
import { watchFile } from './watch.ts';

const open: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'sallyport-reload-'));
  open.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

const files: ConfigFiles = {
  exists: (path) =>
    readFile(path).then(
      () => true,
      () => false,
    ),
  read: (path) => readFile(path),
  checkTrusted: async (realPath) => ({ realPath, readableByOthers: false }),
  readSecret: (path) => readFile(path),
};

function load(path: string): ReturnType<typeof loadConfig> {
  return loadConfig({ file: path, env: {}, cwd: '/', home: '/', files });
}

function text(servers: Readonly<Record<string, unknown>>, more: object = {}): string {
  return JSON.stringify({ mcpServers: servers, ...more });
}

interface Running {
  readonly path: string;
  readonly directory: string;
  readonly reloader: Reloader;
  readonly applied: Config[];
  /** The next result that fits. */
  readonly result: (status: ReloadResult['status']) => Promise<ReloadResult>;
}

async function running(written: string, apply?: (config: Config) => Promise<void>): Promise<Running> {
  const directory = await folder();
  const path = join(directory, 'sallyport.json');
  await writeFile(path, written);
  return { directory, ...(await runningOn(path, apply)) };
}

async function runningOn(path: string, apply?: (config: Config) => Promise<void>): Promise<Omit<Running, 'directory'>> {
  const { config, hash } = await load(path);
  const applied: Config[] = [];
  const results: ReloadResult[] = [];
  const waiting = new Set<() => void>();
  const reloader = new Reloader({
    path,
    hash,
    config,
    load: () => load(path),
    apply: async (next) => {
      await apply?.(next);
      applied.push(next);
    },
    onResult: (result) => {
      results.push(result);
      for (const wake of waiting) wake();
    },
    log: () => undefined,
    now: () => 1,
  });
  open.push(() => reloader.close());
  await reloader.start();
  const result = async (status: ReloadResult['status']): Promise<ReloadResult> => {
    for (;;) {
      const found = results.splice(0).find((each) => each.status === status);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        waiting.add(resolve);
        if (results.length > 0) resolve();
      });
    }
  };
  return { path, reloader, applied, result };
}

const one = { one: { command: 'node' } };
const two = { one: { command: 'node' }, two: { command: 'node' } };

describe('reload', () => {
  it('takes over what is written, and says what changed', async () => {
    const { path, applied, result, reloader } = await running(text(one));
    await writeFile(path, text(two));
    expect(await result('applied')).toMatchObject({
      diff: ['mcpServers.two: added (node)'],
    });
    expect(applied.at(-1)?.servers.map(({ name }) => name)).toEqual(['one', 'two']);
    expect(reloader.status().error).toBeUndefined();
  });

  it('sees a file that is put in the place of the old one, more than once', async () => {
    const { path, directory, applied, result } = await running(text(one));
    for (const servers of [two, one, two]) {
      await writeFile(join(directory, 'next'), text(servers));
      await rename(join(directory, 'next'), path);
      await result('applied');
      expect(applied.at(-1)?.servers).toHaveLength(Object.keys(servers).length);
    }
  });

  it('sees links that are swapped anywhere on the way, as a ConfigMap does it', async () => {
    const directory = await folder();
    for (const [version, servers] of [
      ['v1', one],
      ['v2', two],
      ['v3', one],
    ] as const) {
      await mkdir(join(directory, version));
      await writeFile(join(directory, version, 'sallyport.json'), text(servers));
    }
    await symlink('v1', join(directory, 'data'));
    await symlink(join('data', 'sallyport.json'), join(directory, 'sallyport.json'));
    const { applied, result } = await runningOn(join(directory, 'sallyport.json'));
    for (const [version, count] of [
      ['v2', 2],
      ['v3', 1],
    ] as const) {
      await symlink(version, join(directory, 'data_next'));
      await rename(join(directory, 'data_next'), join(directory, 'data'));
      await result('applied');
      expect(applied.at(-1)?.servers).toHaveLength(count);
    }
    // The file behind the new links is the one that is watched now.
    await writeFile(join(directory, 'v3', 'sallyport.json'), text(two));
    await result('applied');
    expect(applied.at(-1)?.servers).toHaveLength(2);
  });

  it('P1-19 keeps the old one when the new one is broken, says why, and takes the next good one', async () => {
    const { path, applied, result, reloader } = await running(text(one));
    await writeFile(path, text(two).slice(0, -5));
    await result('invalid');
    expect(applied).toEqual([]);
    expect(reloader.status().error?.message).toContain(path);
    await writeFile(path, text(two));
    await result('applied');
    expect(reloader.status().error).toBeUndefined();
  });

  it('keeps the old one when the new one cannot be taken over', async () => {
    const { path, result, reloader } = await running(text(one), () => Promise.reject(new Error('no room')));
    await writeFile(path, text(two));
    expect(await result('refused')).toMatchObject({ message: expect.stringContaining('no room') });
    expect(reloader.status().error?.message).toContain('no room');
    await writeFile(path, text(one));
    expect(await result('unchanged')).toEqual({ status: 'unchanged' });
  });

  it.each([
    ['a port', { listen: { port: 1 } }, 'listen.port'],
    ['a store', { store: 'memory' }, 'store'],
    ['a limit of the listener', { limits: { body: 1 } }, 'limits.body'],
    ['a limit of what is held', { limits: { requestState: '1m' } }, 'limits.requestState'],
  ])('needs a restart for %s', async (_what, more, key) => {
    const { path, applied, result } = await running(text(one));
    await writeFile(path, text(two, more));
    expect(await result('refused')).toMatchObject({ message: expect.stringContaining(`${key} cannot change`) });
    expect(applied).toEqual([]);
  });

  it.each([
    ['auth.mode', {}, { auth: { mode: 'none' } }],
    ['listen.hosts', { listen: { hosts: ['a'] } }, { listen: { hosts: ['a', 'b'] } }],
    ['listen.origins', {}, { listen: { origins: ['https://example.com'] } }],
    ['listen.trustProxy', {}, { listen: { trustProxy: ['10.0.0.1'] } }],
    ['listen.plainBehindProxy', {}, { listen: { plainBehindProxy: true } }],
    ['listen.host', {}, { listen: { host: '0.0.0.0' } }],
  ])('does not open %s', async (key, before, after) => {
    const { path, applied, result } = await running(text(one, before));
    await writeFile(path, text(one, after));
    expect(await result('refused')).toMatchObject({ message: expect.stringContaining(`${key} would let more in`) });
    expect(applied).toEqual([]);
  });

  it('waits to be confirmed, for exactly what was shown', async () => {
    const { path, applied, result, reloader } = await running(text(one, { reload: 'confirm' }));
    await writeFile(path, text(two, { reload: 'confirm' }));
    const shown = (await result('confirm')) as { hash: string; diff: readonly string[] };
    expect(reloader.status().pending?.diff).toEqual(shown.diff);
    expect((await reloader.reload({ confirm: 'something else' })).status).toBe('confirm');
    await writeFile(path, text({ ...two, three: { command: 'node' } }, { reload: 'confirm' }));
    expect((await reloader.reload({ confirm: shown.hash })).status).toBe('confirm');
    expect(applied).toEqual([]);
    const next = (await reloader.reload()) as { hash: string };
    expect((await reloader.reload({ confirm: next.hash })).status).toBe('applied');
    expect(reloader.status().pending).toBeUndefined();
  });

  it('does nothing where it is off', async () => {
    const { path, applied, reloader } = await running(text(one, { reload: 'off' }));
    await writeFile(path, text(two));
    expect(await reloader.reload()).toMatchObject({ status: 'refused', message: expect.stringContaining('restart') });
    expect(applied).toEqual([]);
  });

  it('CFG-07 takes one at a time, whoever asks', async () => {
    let under = 0;
    let most = 0;
    const { path, reloader, applied } = await running(text(one), async () => {
      most = Math.max(most, ++under);
      await new Promise((resolve) => setImmediate(resolve));
      under--;
    });
    const asked: Array<Promise<ReloadResult>> = [];
    for (const servers of [two, one, two, one, two]) {
      await writeFile(path, text(servers));
      asked.push(reloader.reload(), reloader.reload());
    }
    await Promise.all(asked);
    expect(most).toBe(1);
    expect(applied.at(-1)?.servers).toHaveLength(2);
    expect((await reloader.reload()).status).toBe('unchanged');
  });

  it('ends with the gateway', async () => {
    const { reloader, path, applied } = await running(text(one));
    await reloader.close();
    await writeFile(path, text(two));
    expect(await reloader.reload()).toMatchObject({ status: 'refused' });
    expect(applied).toEqual([]);
  });
});

describe('what changes', () => {
  const config = (server: object, more: object = {}): Config => {
    const { entry } = checkConfig({ mcpServers: { s: server }, ...more });
    if (entry === undefined) throw new Error('invalid');
    return { ...configForServer('s', { command: 'x', args: [] }, '/'), ...entry, servers: [] };
  };

  it('is told without secrets', async () => {
    const directory = await folder();
    const path = join(directory, 'c.json');
    const read = async (token: string): Promise<Config> => {
      await writeFile(
        path,
        text({ s: { url: 'https://example.com/mcp', headers: { authorization: `Bearer ${token}` } } }),
      );
      return (await load(path)).config;
    };
    const { lines } = changesBetween(await read('CANARY-1'), await read('CANARY-2'));
    expect(lines).toEqual([expect.stringContaining('mcpServers.s.headers.authorization: changed')]);
    expect(lines.join()).not.toContain('CANARY');
  });

  it('is nothing when nothing does', () => {
    expect(changesBetween(config({ command: 'x' }), config({ command: 'x' })).lines).toEqual([]);
  });

  it('includes the order of the servers, which decides who keeps a name', async () => {
    const directory = await folder();
    const path = join(directory, 'c.json');
    const read = async (servers: object): Promise<Config> => {
      await writeFile(path, JSON.stringify({ mcpServers: servers }));
      return (await load(path)).config;
    };
    const before = await read({ a: { command: 'x' }, b: { command: 'x' } });
    const after = await read({ b: { command: 'x' }, a: { command: 'x' } });
    expect(changesBetween(before, after).lines).toEqual(['mcpServers: in another order']);
  });
});

describe('watching', () => {
  it('says what it cannot watch', async () => {
    const errors: unknown[] = [];
    const watch = watchFile({
      path: '/nowhere/at/all/c.json',
      quietMs: 1,
      onChange: () => undefined,
      onError: (error) => errors.push(error),
    });
    await watch.refresh();
    watch.close();
    expect(String(errors[0])).toContain('ENOENT');
  });
});
