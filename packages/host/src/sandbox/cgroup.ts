/**
 * Control groups: where this process may make some (cgroup v2 as delegated, or v1 as root), and one for a child with its
 * limits. Does not put a process in: the launcher does that itself before it becomes the child, so that nothing escapes.
 */
import { constants } from 'node:fs';
import { access, mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export type CgroupController = 'memory' | 'pids' | 'cpu';

export interface CgroupFacts {
  readonly version: 1 | 2;
  /** The folder in which a group with that controller may be made; under version 2 they are one and the same. */
  readonly parents: Readonly<Partial<Record<CgroupController, string>>>;
}

export interface CgroupLimits {
  readonly memoryBytes?: number;
  readonly cpuPercent?: number;
  readonly processes?: number;
}

export interface Cgroup {
  /** Files to which a process writes its number to be limited, it and what it starts. */
  readonly join: readonly string[];
  /** Removes it, waiting up to 2 s for its processes to be gone. Idempotent. */
  release(): Promise<void>;
}

const CONTROLLERS: readonly CgroupController[] = ['memory', 'pids', 'cpu'];
const PERIOD_US = 100_000;
const RELEASE_WAIT_MS = 2000;
const POLL_MS = 20;

/** `procSelf`: for tests, a folder with the files `cgroup` and `mountinfo` of /proc/self. */
export async function detectCgroup(procSelf: string): Promise<CgroupFacts | undefined> {
  const [groups, mounts] = await Promise.all([read(join(procSelf, 'cgroup')), read(join(procSelf, 'mountinfo'))]);
  const own = ownGroups(groups);
  const second = await unified(own.get('') ?? '', mounts);
  if (second !== undefined) return { version: 2, parents: second };
  const parents: Partial<Record<CgroupController, string>> = {};
  for (const controller of CONTROLLERS) {
    const mount = mountOf(mounts, (type, options) => type === 'cgroup' && options.split(',').includes(controller));
    const group = own.get(controller);
    if (mount === undefined || group === undefined) continue;
    const folder = join(mount, group);
    if (await writable(folder)) parents[controller] = folder;
  }
  return Object.keys(parents).length === 0 ? undefined : { version: 1, parents };
}

/** A group for one child; rejects, having made nothing, where the system does not take a limit. */
export async function makeCgroup(facts: CgroupFacts, limits: CgroupLimits, name: string): Promise<Cgroup> {
  const settings = settingsOf(facts, limits);
  const folders = [...new Set(settings.map(({ parent }) => join(parent, name)))];
  const release = async (): Promise<void> => {
    for (const folder of folders) await removeGroup(folder);
  };
  try {
    for (const folder of folders) await mkdir(folder);
    for (const { parent, file, value, optional } of settings) {
      const path = join(parent, name, file);
      await writeFile(path, value).catch((error: unknown) => {
        if (!optional) throw error;
      });
    }
  } catch (error) {
    await release();
    throw error;
  }
  return { join: folders.map((folder) => join(folder, 'cgroup.procs')), release };
}

interface Setting {
  readonly parent: string;
  readonly file: string;
  readonly value: string;
  /** Not every kernel has it. */
  readonly optional?: boolean;
}

function settingsOf({ version, parents }: CgroupFacts, limits: CgroupLimits): readonly Setting[] {
  const settings: Setting[] = [];
  const { memoryBytes, cpuPercent, processes } = limits;
  if (parents.memory !== undefined && memoryBytes !== undefined) {
    const [hard, swap, none] =
      version === 2
        ? ['memory.max', 'memory.swap.max', '0']
        : ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes', String(memoryBytes)];
    settings.push({ parent: parents.memory, file: hard, value: String(memoryBytes) });
    settings.push({ parent: parents.memory, file: swap, value: none, optional: true });
  }
  if (parents.pids !== undefined && processes !== undefined) {
    settings.push({ parent: parents.pids, file: 'pids.max', value: String(processes) });
  }
  if (parents.cpu !== undefined && cpuPercent !== undefined) {
    const quota = Math.max(1000, Math.round((cpuPercent / 100) * PERIOD_US));
    if (version === 2) settings.push({ parent: parents.cpu, file: 'cpu.max', value: `${quota} ${PERIOD_US}` });
    else {
      settings.push({ parent: parents.cpu, file: 'cpu.cfs_period_us', value: String(PERIOD_US) });
      settings.push({ parent: parents.cpu, file: 'cpu.cfs_quota_us', value: String(quota) });
    }
  }
  return settings;
}

/** Controllers of /proc/self/cgroup with this process's group; that of version 2 has the name ''. */
function ownGroups(text: string): ReadonlyMap<string, string> {
  const groups = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, controllers, ...path] = line.split(':');
    if (controllers === undefined || path.length === 0) continue;
    for (const controller of controllers.split(',')) groups.set(controller, path.join(':'));
  }
  return groups;
}

/**
 * Version 2 gives controllers only to groups whose parent has no process of its own (the root excepted), so the folder is this
 * process's group or, where it was put into a group below a delegated one, the one above.
 */
async function unified(group: string, mounts: string): Promise<CgroupFacts['parents'] | undefined> {
  const mount = mountOf(mounts, (type) => type === 'cgroup2');
  if (mount === undefined || group === '') return undefined;
  for (const folder of [join(mount, group), join(mount, group, '..')]) {
    if (folder.length < mount.length || !(await writable(folder))) continue;
    const given = new Set((await read(join(folder, 'cgroup.subtree_control'))).trim().split(/\s+/));
    const parents: Partial<Record<CgroupController, string>> = {};
    for (const controller of CONTROLLERS) if (given.has(controller)) parents[controller] = folder;
    if (Object.keys(parents).length > 0) return parents;
  }
  return undefined;
}

/** The mount point of the first line of mountinfo (proc(5)) whose type and super options fit. */
function mountOf(mounts: string, fits: (type: string, options: string) => boolean): string | undefined {
  for (const line of mounts.split('\n')) {
    const [before, after] = line.split(' - ');
    const [type, , options] = after?.split(' ') ?? [];
    if (type !== undefined && fits(type, options ?? '')) return before?.split(' ')[4];
  }
  return undefined;
}

async function writable(folder: string): Promise<boolean> {
  const procs = join(folder, 'cgroup.procs');
  return (await permits(folder)) && (await permits(procs));
}

function permits(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}

const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');

async function removeGroup(folder: string): Promise<void> {
  for (let leftMs = RELEASE_WAIT_MS; leftMs > 0; leftMs -= POLL_MS) {
    const error = await rmdir(folder).then(
      () => undefined,
      (cause: NodeJS.ErrnoException) => cause,
    );
    if (error?.code !== 'EBUSY') return;
    await sleep(POLL_MS);
  }
}
