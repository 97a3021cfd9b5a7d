import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CgroupFacts, detectCgroup, makeCgroup } from './cgroup.ts';

let folder = '';

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-cgroup-')));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Files of `/proc/self` for a machine whose hierarchies are under the test's folder. */
async function machine(
  cgroup: string,
  mounts: readonly string[],
  groups: Readonly<Record<string, string>>,
): Promise<string> {
  await writeFile(join(folder, 'cgroup'), cgroup);
  await writeFile(join(folder, 'mountinfo'), mounts.map((mount) => mount.replaceAll('@', folder)).join('\n'));
  for (const [path, controllers] of Object.entries(groups)) {
    await mkdir(join(folder, path), { recursive: true });
    await writeFile(join(folder, path, 'cgroup.procs'), '');
    await writeFile(join(folder, path, 'cgroup.subtree_control'), controllers);
  }
  return folder;
}

const UNIFIED = '30 20 0:26 / @/u rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate';

describe('detectCgroup', () => {
  it('takes its own group of version 2 where that hands controllers on', async () => {
    const self = await machine('0::/own\n', [UNIFIED], { 'u/own': 'memory pids cpu\n' });
    const own = join(folder, 'u/own');
    expect(await detectCgroup(self)).toEqual({ version: 2, parents: { memory: own, pids: own, cpu: own } });
  });

  it('takes the group above it, which was delegated', async () => {
    const self = await machine('0::/unit/gateway\n', [UNIFIED], { 'u/unit': 'memory pids', 'u/unit/gateway': '' });
    const unit = join(folder, 'u/unit');
    expect(await detectCgroup(self)).toEqual({ version: 2, parents: { memory: unit, pids: unit } });
  });

  it('takes its groups of version 1 where only they have controllers', async () => {
    const mounts = [
      UNIFIED,
      '31 20 0:27 / @/m rw - cgroup cgroup rw,memory',
      '32 20 0:28 / @/c rw - cgroup cgroup rw,cpu,cpuacct',
    ];
    const self = await machine('4:memory:/one\n2:cpu,cpuacct:/\n0::/\n', mounts, { u: '', 'm/one': '', c: '' });
    expect(await detectCgroup(self)).toEqual({
      version: 1,
      parents: { memory: join(folder, 'm/one'), cpu: join(folder, 'c/') },
    });
  });

  it('finds nothing where nothing is mounted or told', async () => {
    expect(await detectCgroup(await machine('', [], {}))).toBeUndefined();
    expect(await detectCgroup(join(folder, 'missing'))).toBeUndefined();
  });
});

describe('makeCgroup', () => {
  const parents = { memory: '', pids: '', cpu: '' };
  const here = (version: 1 | 2): CgroupFacts => ({ version, parents: { memory: folder, pids: folder, cpu: folder } });

  it('writes the limits of version 2', async () => {
    const { join: joins } = await makeCgroup(here(2), { memoryBytes: 1 << 28, cpuPercent: 50, processes: 40 }, 'one');
    expect(joins).toEqual([join(folder, 'one/cgroup.procs')]);
    const read = (file: string): Promise<string> => readFile(join(folder, 'one', file), 'utf8');
    expect(await Promise.all(['memory.max', 'memory.swap.max', 'pids.max', 'cpu.max'].map(read))).toEqual([
      '268435456',
      '0',
      '40',
      '50000 100000',
    ]);
  });

  it('writes the limits of version 1', async () => {
    await makeCgroup(here(1), { memoryBytes: 1 << 28, cpuPercent: 50 }, 'one');
    expect((await readdir(join(folder, 'one'))).toSorted((one, other) => one.localeCompare(other))).toEqual([
      'cpu.cfs_period_us',
      'cpu.cfs_quota_us',
      'memory.limit_in_bytes',
      'memory.memsw.limit_in_bytes',
    ]);
  });

  it('rejects where the system takes no group', async () => {
    const facts: CgroupFacts = { version: 2, parents: { ...parents, memory: join(folder, 'missing') } };
    await expect(makeCgroup(facts, { memoryBytes: 1 }, 'one')).rejects.toThrow('ENOENT');
  });

  it('P4-01 is taken by the kernel and gone after its release', async () => {
    const facts = await detectCgroup('/proc/self');
    if (facts?.parents.memory === undefined || facts.parents.cpu === undefined) {
      console.warn('cgroup.test.ts: the real control group is skipped: this user may make none here');
      return;
    }
    const group = await makeCgroup(
      facts,
      { memoryBytes: 1 << 28, cpuPercent: 50, processes: 40 },
      `sallyport-test-${process.pid}`,
    );
    const folders = group.join.map(dirname);
    const text = (await Promise.all(folders.map((path) => limitsIn(path)))).flat();
    expect(text).toEqual(expect.arrayContaining(['268435456', expect.stringMatching(/^50000/)]));
    await group.release();
    await group.release();
    await expect(Promise.any(folders.map((path) => readdir(path)))).rejects.toThrow(AggregateError);
  });

  it('P4-01 SBX-09 gives a child that spins its share of a core and no more', { timeout: 60_000 }, async (test) => {
    const facts = await detectCgroup('/proc/self');
    const cpu = facts?.parents.cpu;
    if (facts === undefined || cpu === undefined) {
      test.skip('this user may make no control group here');
      return;
    }
    const name = `sallyport-test-cpu-${process.pid}`;
    const group = await makeCgroup(facts, { cpuPercent: 10 }, name);
    const spinning = spawn('/bin/sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' });
    try {
      for (const file of group.join) await writeFile(file, String(spinning.pid));
      const before = await spentMs(spinning.pid ?? 0);
      // Counted by the kernel, each 100 ms in which it wanted to run: whatever else this machine does.
      const periods = await vi.waitFor(
        async () => {
          const [, count] = /^nr_periods (\d+)$/m.exec(await readFile(join(cpu, name, 'cpu.stat'), 'utf8')) ?? [];
          expect(Number(count)).toBeGreaterThan(20);
          return Number(count);
        },
        { timeout: 50_000, interval: 50 },
      );
      const spent = (await spentMs(spinning.pid ?? 0)) - before;
      expect(spent).toBeGreaterThan(0);
      expect(spent).toBeLessThan((periods + 2) * 10 * 1.2);
    } finally {
      const ended = new Promise((resolve) => spinning.once('exit', resolve));
      spinning.kill('SIGKILL');
      await ended;
      await group.release();
    }
  });
});

/** Of the processor, by a process alone. */
async function spentMs(pid: number): Promise<number> {
  const [user = '', system = ''] =
    (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ').slice(11) ?? [];
  return (Number(user) + Number(system)) * 10;
}

async function limitsIn(path: string): Promise<readonly string[]> {
  const files = ['memory.max', 'memory.limit_in_bytes', 'pids.max', 'cpu.max', 'cpu.cfs_quota_us'];
  const texts = await Promise.all(files.map((file) => readFile(join(path, file), 'utf8').catch(() => '')));
  return texts.map((text) => text.trim()).filter((text) => text !== '');
}
