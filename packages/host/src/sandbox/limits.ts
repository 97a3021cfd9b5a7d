/**
 * Which limit is enforced by what: a control group where one can be made, else a scope of systemd, else the limits of processes
 * (setrlimit(2)), and what is said where nothing does. Pure.
 */
import type { CgroupController, CgroupLimits } from './cgroup.ts';
import type { MissingLayer, SandboxFacts, SandboxLevel, SandboxPlan, SandboxSpec, SandboxUser } from './spec.ts';

export const DEFAULT_MEMORY_BYTES: number = 2 * 1024 * 1024 * 1024;
export const DEFAULT_PROCESSES: number = 256;
export const OPEN_FILES: number = 4096;

type Limit = 'memory' | 'cpu' | 'processes';
type Means = 'control group' | 'systemd scope' | 'rlimit';

export interface PlannedLimits {
  readonly by: SandboxPlan['limits'];
  readonly cgroup: CgroupLimits | undefined;
  /** Before everything else. */
  readonly scope: readonly string[];
  /** Right before the command. */
  readonly prefix: readonly string[];
  readonly missing: readonly MissingLayer[];
  readonly gaps: readonly string[];
}

const CONTROLLERS: Readonly<Record<Limit, CgroupController>> = { memory: 'memory', cpu: 'cpu', processes: 'pids' };
const REMEDY =
  'Run Sallyport as a systemd unit with Delegate=yes, or where it may make control groups, or leave this limit out.';

/** `user`: whom the child runs as. */
export function planLimits(
  spec: SandboxSpec,
  facts: SandboxFacts,
  level: SandboxLevel,
  user: SandboxUser,
): PlannedLimits {
  if (level === 'none') return { by: {}, cgroup: undefined, scope: [], prefix: [], missing: unlimited(spec), gaps: [] };
  const wanted: Readonly<Record<Limit, number | undefined>> = {
    memory: spec.memoryBytes ?? DEFAULT_MEMORY_BYTES,
    cpu: spec.cpuPercent,
    processes: spec.processes ?? DEFAULT_PROCESSES,
  };
  const written = { memory: spec.memoryBytes, cpu: spec.cpuPercent, processes: spec.processes };
  const by: Partial<Record<Limit, Means>> = {};
  const missing: MissingLayer[] = [];
  const gaps: string[] = [];
  for (const limit of ['memory', 'cpu', 'processes'] as const) {
    if (wanted[limit] === undefined) continue;
    const means = meansFor(limit, facts, level, user);
    const why = `Nothing here can limit the ${limit} of a server.`;
    if (means !== undefined) by[limit] = means;
    else if (written[limit] !== undefined) missing.push({ layer: limit, why, remedy: REMEDY });
    else gaps.push(why);
    if (means === 'rlimit' && limit === 'memory')
      gaps.push('The memory limit holds for each process of the server, not for all together.');
  }
  const share = (means: Means): CgroupLimits => ({
    ...(by.memory === means && wanted.memory !== undefined && { memoryBytes: wanted.memory }),
    ...(by.cpu === means && wanted.cpu !== undefined && { cpuPercent: wanted.cpu }),
    ...(by.processes === means && wanted.processes !== undefined && { processes: wanted.processes }),
  });
  const cgroup = share('control group');
  return {
    by,
    cgroup: Object.keys(cgroup).length === 0 ? undefined : cgroup,
    scope: scopeArgs(facts, share('systemd scope')),
    prefix: rlimitArgs(facts, share('rlimit')),
    missing,
    gaps,
  };
}

function unlimited(spec: SandboxSpec): readonly MissingLayer[] {
  return writtenLimits(spec).map((layer) => ({
    layer,
    why: `A server without a sandbox has no limit of ${layer}.`,
    remedy: 'Write the level "limited", or leave this limit out.',
  }));
}

/** The limits that are asked for. */
export function writtenLimits(spec: SandboxSpec): readonly ('memory' | 'cpu' | 'processes')[] {
  const limits = [
    ['memory', spec.memoryBytes],
    ['cpu', spec.cpuPercent],
    ['processes', spec.processes],
  ] as const;
  return limits.filter(([, value]) => value !== undefined).map(([layer]) => layer);
}

function meansFor(limit: Limit, facts: SandboxFacts, level: SandboxLevel, user: SandboxUser): Means | undefined {
  if (facts.cgroup?.parents[CONTROLLERS[limit]] !== undefined && facts.shell !== undefined) return 'control group';
  if (facts.systemdRun !== undefined) return 'systemd scope';
  if (limit === 'cpu' || facts.prlimit === undefined) return undefined;
  // The system counts the processes of a user, and in a user namespace those that are in it; it never counts root's.
  const counted = (level === 'strict' || level === 'standard') && user.uid !== 0;
  return limit === 'memory' || counted ? 'rlimit' : undefined;
}

function scopeArgs({ systemdRun }: SandboxFacts, limits: CgroupLimits): readonly string[] {
  if (systemdRun === undefined || Object.keys(limits).length === 0) return [];
  const { memoryBytes, cpuPercent, processes } = limits;
  return [
    systemdRun.path,
    '--scope',
    '--quiet',
    '--collect',
    ...(memoryBytes === undefined ? [] : [`--property=MemoryMax=${memoryBytes}`, '--property=MemorySwapMax=0']),
    ...(cpuPercent === undefined ? [] : [`--property=CPUQuota=${cpuPercent}%`]),
    ...(processes === undefined ? [] : [`--property=TasksMax=${processes}`]),
    '--',
  ];
}

/** `--data`, not `--as`: WebAssembly and V8 reserve far more addresses than they use. */
function rlimitArgs({ prlimit, ceilings }: SandboxFacts, { memoryBytes, processes }: CgroupLimits): readonly string[] {
  if (prlimit === undefined) return [];
  const bounded = (value: number, ceiling: number | undefined): number => Math.min(value, ceiling ?? value);
  return [
    prlimit,
    '--core=0',
    `--nofile=${bounded(OPEN_FILES, ceilings.nofile)}`,
    ...(memoryBytes === undefined ? [] : [`--data=${bounded(memoryBytes, ceilings.data)}`]),
    ...(processes === undefined ? [] : [`--nproc=${bounded(processes, ceilings.nproc)}`]),
    '--',
  ];
}
