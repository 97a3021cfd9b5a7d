import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Child, startChild } from './child.ts';
import { createReaper, type Reaper, type ReaperOptions } from './reaper.ts';

const GONE = { timeout: 20_000, interval: 20 };
const TIMEOUT_MS = 30_000;
const linux = process.platform === 'linux';

let folder = '';
const strays: number[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-reaper-'));
  await chmod(folder, 0o777);
});
afterEach(async () => {
  vi.useRealTimers();
  for (const pid of strays.splice(0)) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** A zombie that nobody reaped yet does not run. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !linux || !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

const gone = (pids: readonly number[]): Promise<true> => vi.waitUntil(() => !pids.some(isRunning), GONE);

/** Descriptors of a process with what they are. */
function socketsAndFiles(proc: string): [fd: string, target: string][] {
  return readdirSync(`${proc}/fd`).flatMap((fd): [string, string][] => {
    try {
      return [[fd, readlinkSync(`${proc}/fd/${fd}`)]];
    } catch {
      // The one with which the folder is read.
      return [];
    }
  });
}

/** Of who started this test without closing it on exec; Node makes up for that only for the low numbers. */
function isLeftOpenByOurParent(fd: string): boolean {
  if (Number(fd) < 3 || !existsSync(`/proc/self/fdinfo/${fd}`)) return false;
  const [, flags] = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))!;
  return (Number.parseInt(flags!, 8) & 0o2000000) === 0;
}

interface Observed {
  readonly reaper: Reaper;
  /** The processes it started, in order. */
  readonly shells: ChildProcess[];
  readonly said: string[];
}

function observed(more: Partial<ReaperOptions> = {}): Observed {
  const shells: ChildProcess[] = [];
  const said: string[] = [];
  const recording = ((...words: Parameters<typeof spawn>) => {
    const shell = spawn(...words);
    shells.push(shell);
    return shell;
  }) as typeof spawn;
  return { reaper: createReaper({ log: (text) => said.push(text), spawn: recording, ...more }), shells, said };
}

/** A group whose leader is deaf to everything that can be ignored; ready when this resolves. */
async function deafGroup(more = ''): Promise<ChildProcess & { readonly pid: number }> {
  const child = spawn('/bin/sh', ['-c', `trap '' TERM HUP INT; ${more} echo ready; while :; do sleep 1; done`], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  strays.push(child.pid!);
  await once(child.stdout, 'data');
  return child as ChildProcess & { readonly pid: number };
}

const DEAF = `for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'])
    process.on(signal, () => fs.appendFileSync(log, process.pid + ' ' + signal + '\\n'));
  process.stdout.on('error', () => {});
  setInterval(() => {}, 1 << 30);`;

/** A gateway with two children, one deaf with a deaf grandchild; prints all their pids when they run, then does `act`. */
async function gateway(act: string, shell = '/bin/sh'): Promise<{ path: string; log: string }> {
  const log = join(folder, 'signals');
  const head = `import fs from 'node:fs'; const log = ${JSON.stringify(log)};`;
  const grandchild = join(folder, 'grandchild.mjs');
  const deaf = join(folder, 'deaf.mjs');
  await writeFile(grandchild, `${head} ${DEAF} console.log(JSON.stringify([process.ppid, process.pid]));`);
  await writeFile(
    deaf,
    `${head} import { spawn } from 'node:child_process';
     spawn(process.execPath, [${JSON.stringify(grandchild)}], { stdio: 'inherit' }); ${DEAF}`,
  );
  const path = join(folder, 'gateway.mjs');
  const from = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);
  await writeFile(
    path,
    `import { spawn } from 'node:child_process';
    import { startChild } from ${from('child.ts')};
    import { createReaper } from ${from('reaper.ts')};
    const shells = [];
    const reaper = createReaper({ log: console.error, shell: ${JSON.stringify(shell)},
      spawn: (...words) => { const shell = spawn(...words); shells.push(shell.pid); return shell; } });
    const nothing = () => {};
    const start = (args, onLine) => startChild({ command: process.execPath, args, cwd: '/', env: {}, maxLineBytes: 1000,
      onLine, onOversize: nothing, onStderr: nothing, onExit: nothing, reaper });
    const polite = await start(['-e', 'process.stdin.resume()'], nothing);
    const deaf = await start([${JSON.stringify(deaf)}], (line) => {
      fs.writeSync(1, JSON.stringify({ shells, children: [polite.pid, ...JSON.parse(line)] }) + '\\n');
      ${act}
    });
    import fs from 'node:fs';`,
  );
  return { path, log };
}

interface Pids {
  readonly shells: readonly number[];
  readonly children: readonly number[];
}

async function pidsOf(keeper: ChildProcess): Promise<Pids> {
  const [data] = (await once(keeper.stdout!, 'data')) as [Buffer];
  const pids = JSON.parse(data.toString()) as Pids;
  strays.push(...pids.children, ...pids.shells);
  return pids;
}

/** Those of this machine, each once: /bin/sh is a link as a rule, and that of busybox must be called by its name. */
const posixShells = ['/bin/sh', '/bin/dash', '/bin/bash', '/usr/bin/ksh'].filter((path, index, all) => {
  const same = (other: string): boolean => existsSync(other) && realpathSync(other) === realpathSync(path);
  return existsSync(path) && all.findIndex(same) === index;
});

describe.skipIf(process.platform === 'win32')('a gateway that is killed (POSIX: Windows has no groups)', () => {
  it.each(posixShells)('leaves no child and no helper behind with %s', { timeout: TIMEOUT_MS }, async (shell) => {
    const { path, log } = await gateway('', shell);
    const keeper = spawn(process.execPath, [path], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
    const { shells, children } = await pidsOf(keeper);
    expect(shells).toHaveLength(1);
    expect(children.filter(isRunning)).toHaveLength(3);
    // The whole group of the gateway: the helper must not be in it.
    process.kill(-keeper.pid!, 'SIGKILL');
    await gone([...children, ...shells]);
    // They were asked first, and stayed: it took a second signal.
    const [, deaf, grandchild] = children;
    expect((await readFile(log, 'utf8')).trim().split('\n').toSorted()).toEqual(
      [`${deaf} SIGTERM`, `${grandchild} SIGTERM`].toSorted(),
    );
  });

  it('leaves nobody behind when the helper was killed before and is another now', { timeout: TIMEOUT_MS }, async () => {
    // The helper has lived long, so the next one comes at once.
    const { path } = await gateway(`performance.now = () => 1e9; process.kill(shells[0], 'SIGKILL');
      const timer = setInterval(() => { if (shells.length < 2) return; clearInterval(timer);
        fs.writeSync(1, JSON.stringify({ shells, children: [] }) + '\\n'); }, 5);`);
    const keeper = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'pipe'] });
    const { children } = await pidsOf(keeper);
    const { shells } = await pidsOf(keeper);
    expect(shells).toHaveLength(2);
    process.kill(keeper.pid!, 'SIGKILL');
    await gone([...children, ...shells]);
  });

  it(
    'ends in order: nobody is left, nothing keeps it alive, the helper ends too',
    { timeout: TIMEOUT_MS },
    async () => {
      const { path } = await gateway('polite.close(); deaf.destroy();');
      const keeper = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'inherit'] });
      const exit = once(keeper, 'exit');
      const { children, shells } = await pidsOf(keeper);
      expect(await exit).toEqual([0, null]);
      await gone([...children, ...shells]);
    },
  );
});

describe.skipIf(!linux)('the helper (read from /proc: Linux)', () => {
  it('has a session of its own and nothing of the gateway; no child has its pipe', async () => {
    const { reaper, shells } = observed();
    vi.stubEnv('CANARY', 'secret');
    reaper.arm();
    const list = `const fs = require('node:fs');
      const open = fs.readdirSync('/proc/self/fd').map((fd) => { try { return [fd, fs.readlinkSync('/proc/self/fd/' + fd)] } catch {} });
      console.log(JSON.stringify(open.filter((each) => each?.[1].startsWith('socket:'))));`;
    const line = Promise.withResolvers<string>();
    const child: Child = await startChild({
      command: process.execPath,
      args: ['-e', list],
      cwd: '/',
      env: {},
      maxLineBytes: 10_000,
      onLine: (bytes) => line.resolve(bytes.toString()),
      onOversize: () => {},
      onStderr: () => {},
      onExit: () => {},
      reaper,
    });
    const sockets = JSON.parse(await line.promise) as [string, string][];
    const proc = `/proc/${shells[0]!.pid}`;
    const [stdin, ...others] = socketsAndFiles(proc).filter(([fd]) => !isLeftOpenByOurParent(fd));
    expect(stdin).toEqual(['0', expect.stringMatching(/^socket:/)]);
    expect(others).toEqual([1, 2].map((fd) => [String(fd), '/dev/null']));
    // The child's sockets are its own ends of its three pipes: neither ours, of which one is the helper's, nor the helper's.
    expect(sockets.map(([fd]) => fd)).toEqual(['0', '1', '2']);
    const foreign = new Set([...socketsAndFiles('/proc/self'), stdin!].map(([, target]) => target));
    expect(sockets.filter(([, socket]) => foreign.has(socket))).toEqual([]);
    expect(readFileSync(`${proc}/environ`, 'utf8')).toBe('PATH=/usr/bin:/bin\0');
    expect(readlinkSync(`${proc}/cwd`)).toBe('/');
    const [, , group, session] = readFileSync(`${proc}/stat`, 'utf8').split(') ')[1]!.split(' ');
    expect([Number(group), Number(session)]).toEqual([shells[0]!.pid, shells[0]!.pid]);
    vi.unstubAllEnvs();
    await child.close();
    await reaper.close();
  });

  it('does not hear the signals of a terminal or a service manager', { timeout: TIMEOUT_MS }, async () => {
    const { reaper, shells, said } = observed();
    const group = await deafGroup();
    reaper.watch(group.pid);
    // It listens once it answers for what was told: the trap is set before the first line is read.
    await vi.waitUntil(
      () => /SigIgn:\s*[0-9a-f]*4007\b/.test(readFileSync(`/proc/${shells[0]!.pid}/status`, 'utf8')),
      GONE,
    );
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const) shells[0]!.kill(signal);
    await reaper.close();
    await gone([group.pid]);
    expect(said).toEqual([]);
  });

  it('spares a group whose number is another process by now', { timeout: TIMEOUT_MS }, async () => {
    const { reaper, shells } = observed();
    const [stranger, watched] = await Promise.all([deafGroup(), deafGroup()]);
    reaper.watch(watched.pid);
    shells[0]!.stdin!.write(`+ ${stranger.pid} 1\n`);
    await reaper.close();
    await gone([watched.pid]);
    expect(isRunning(stranger.pid)).toBe(true);
  });

  it('ends the rest of a group whose leader is gone', { timeout: TIMEOUT_MS }, async () => {
    const { reaper } = observed();
    const leader = spawn('/bin/sh', ['-c', `trap '' TERM; sleep 1000 & echo $!`], {
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const unwatch = reaper.watch(leader.pid!);
    const exit = once(leader, 'exit');
    const [data] = (await once(leader.stdout, 'data')) as [Buffer];
    const member = Number(data.toString());
    strays.push(member);
    await exit;
    expect(isRunning(member)).toBe(true);
    await reaper.close();
    await gone([member]);
    unwatch();
  });

  it.skipIf(!existsSync('/bin/bash'))(
    'spares a group without leader of another session (a job of a shell: needs bash)',
    { timeout: TIMEOUT_MS },
    async () => {
      const { reaper, shells } = observed();
      const job = `set -m; /bin/sh -c 'trap "" TERM; sleep 1000 & echo $$ $!' & wait`;
      const shell = spawn('/bin/bash', ['-c', job], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
      const [data] = (await once(shell.stdout, 'data')) as [Buffer];
      const [group, member] = data.toString().split(' ').map(Number) as [number, number];
      strays.push(member);
      // Reaped, too: a dead leader is still one while its parent has not asked for it.
      await vi.waitUntil(() => !existsSync(`/proc/${group}`), GONE);
      const watched = await deafGroup();
      reaper.watch(watched.pid);
      shells[0]!.stdin!.write(`+ ${group} 1\n`);
      await reaper.close();
      await gone([watched.pid]);
      expect(isRunning(member)).toBe(true);
    },
  );

  it('passes over what is no registration', { timeout: TIMEOUT_MS }, async () => {
    const { reaper, shells } = observed();
    reaper.arm();
    // As a group, 0 would be the helper itself.
    shells[0]!.stdin!.write('+ 0 -\n+\n\n+ x -\n+ * -\n+ 007 -\n+ $(kill -9 $$) -\nwhat\n+ 0');
    const exit = once(shells[0]!, 'exit');
    await reaper.close();
    expect(await exit).toEqual([0, null]);
  });
});

describe.skipIf(process.platform === 'win32')('what is watched (POSIX: Windows has no groups)', () => {
  it('ends with the helper, but not what was taken back', { timeout: TIMEOUT_MS }, async () => {
    const { reaper, shells } = observed();
    const groups = await Promise.all([deafGroup(), deafGroup(), deafGroup()]);
    const unwatch = groups.map(({ pid }) => reaper.watch(pid));
    unwatch[1]!();
    unwatch[1]!();
    await reaper.close();
    await reaper.close();
    await gone([groups[0].pid, groups[2].pid]);
    expect(isRunning(groups[1].pid)).toBe(true);
    expect(shells).toHaveLength(1);
  });

  it('stays watched when an earlier bearer of its number is taken back', { timeout: TIMEOUT_MS }, async () => {
    const { reaper } = observed();
    const group = await deafGroup();
    const unwatchEarlier = reaper.watch(group.pid);
    reaper.watch(group.pid);
    unwatchEarlier();
    await reaper.close();
    expect(await gone([group.pid])).toBe(true);
  });

  it('is never everybody', () => {
    const { reaper, shells } = observed();
    for (const pid of [1, 0, -1, 1.5, Number.NaN]) expect(() => reaper.watch(pid)).toThrow(RangeError);
    expect(shells).toEqual([]);
  });
});

describe('a system without the helper', () => {
  it('is told of once, and children start all the same', async () => {
    const { reaper, said, shells } = observed({ shell: '/no/such/sh' });
    for (let count = 0; count < 2; count += 1) {
      const child = await startChild({
        command: process.execPath,
        args: ['-e', ''],
        cwd: '/',
        env: {},
        maxLineBytes: 100,
        onLine: () => {},
        onOversize: () => {},
        onStderr: () => {},
        onExit: () => {},
        reaper,
      });
      await child.close();
    }
    expect(said).toEqual([expect.stringContaining('has no /no/such/sh')]);
    expect(shells).toEqual([]);
    await reaper.close();
  });

  it.skipIf(process.platform === 'win32')(
    'is tried again, ever more slowly (POSIX: there is no shell to try else)',
    () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const shells: (EventEmitter & { unref: () => void; stdin?: undefined })[] = [];
      const clock = { ms: 0 };
      const { reaper, said } = observed({
        now: () => clock.ms,
        // As when the system is out of descriptors: an error to come, and no streams.
        spawn: (() => {
          const shell = Object.assign(new EventEmitter(), { unref: () => {}, ref: () => {} });
          shells.push(shell);
          return shell;
        }) as unknown as typeof spawn,
      });
      reaper.arm();
      for (let count = 1; count <= 8; count += 1) {
        shells.at(-1)!.emit('error', Object.assign(new Error('spawn'), { code: 'EMFILE' }));
        reaper.arm();
        expect(shells).toHaveLength(count);
        vi.runOnlyPendingTimers();
        expect(shells).toHaveLength(count + 1);
      }
      expect(said.map((text) => /\((.+)\).* (now|in \d+ s):/.exec(text)?.slice(1))).toEqual(
        [1, 2, 4, 8, 16, 32, 60, 60].map((seconds) => ['EMFILE', `in ${seconds} s`]),
      );
      clock.ms = 1000;
      shells.at(-1)!.emit('exit', null, 'SIGKILL');
      expect(said.at(-1)).toContain('gone (SIGKILL) and is started again now:');
      void reaper.close();
      vi.runAllTimers();
      expect(shells).toHaveLength(9);
    },
  );

  it.skipIf(process.platform === 'win32')(
    'does not stop a child from starting when it cannot be started (POSIX)',
    async () => {
      const { reaper, said } = observed({
        spawn: (() => {
          throw new Error('out of memory');
        }) as unknown as typeof spawn,
      });
      reaper.arm();
      const unwatch = reaper.watch(process.pid);
      unwatch();
      expect(said).toEqual([expect.stringContaining('out of memory')]);
      await reaper.close();
    },
  );
});
