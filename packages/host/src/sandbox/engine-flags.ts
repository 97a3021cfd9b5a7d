/** What a container is bounded by and what it gets of the environment, as flags of an engine. Pure. */
import { DEFAULT_MEMORY_BYTES, DEFAULT_PROCESSES, OPEN_FILES } from './limits.ts';
import { isLoader } from './loader.ts';
import { HOME_INSIDE } from './mounts.ts';
import { proxyEnvironment } from './relay.ts';
import { AT_START, type EngineFacts, type SandboxFacts, type SandboxPlan, type SandboxSpec } from './spec.ts';

/**
 * Variables that the engine's own command (or a program that it starts) goes by: they reach the container by a file, not through its
 * environment.
 */
const OF_ENGINE =
  /^(?:HOME|PATH|TMPDIR|SHLVL|IFS|(?:BASH|BUILDAH|CONTAINERS?|DBUS|DOCKER|DYLD|LISTEN|NOTIFY|OTEL|PODMAN|REGISTR(?:Y|IES)|SSH|SSL|STORAGE|XDG)_.*|GO.*|.*_PROXY|_.*)$/i;

/** Of all containers of a user; what bounds a single one is its limit of processes. */
const TASKS = 4096;

export interface EngineLimits extends Pick<SandboxPlan, 'gaps' | 'missing'> {
  readonly by: SandboxPlan['limits'];
  readonly flags: readonly string[];
}

export function engineLimits(spec: SandboxSpec, { limits, name }: EngineFacts): EngineLimits {
  const { cpuPercent, memoryBytes = DEFAULT_MEMORY_BYTES, processes = DEFAULT_PROCESSES } = spec;
  const rows = [
    ['memory', spec.memoryBytes, ['--memory', `${memoryBytes}`, '--memory-swap', `${memoryBytes}`]],
    ['cpu', cpuPercent, cpuPercent === undefined ? [] : ['--cpus', `${cpuPercent / 100}`]],
    ['processes', spec.processes, ['--pids-limit', `${processes}`]],
  ] as const;
  const wanted = rows.filter(([, , words]) => words.length > 0);
  const had = wanted.filter(([limit]) => limits.includes(limit));
  const lacking = wanted.filter(([limit]) => !limits.includes(limit));
  const why = (limit: string): string => `${name} cannot limit the ${limit} of a server here.`;
  return {
    by: Object.fromEntries(had.map(([limit]) => [limit, name])),
    flags: had.flatMap(([, , words]) => words),
    missing: lacking
      .filter(([, written]) => written !== undefined)
      .map(([layer]) => ({
        layer,
        why: why(layer),
        remedy: 'Leave this limit out, or let the engine make control groups.',
      })),
    gaps: lacking.filter(([, written]) => written === undefined).map(([limit]) => why(limit)),
  };
}

/** Of each process. What an engine gives unasked may be more than a gateway of root, which it is then a child of, can give. */
export function ulimits({ ceilings: { nofile = OPEN_FILES, nproc = TASKS }, user }: SandboxFacts): readonly string[] {
  const files = Math.min(OPEN_FILES, nofile);
  const tasks = Math.min(TASKS, nproc);
  const ofUser = user.uid === 0 ? ['--ulimit', `nproc=${tasks}:${tasks}`] : [];
  return ['--ulimit', 'core=0:0', '--ulimit', `nofile=${files}:${files}`, ...ofUser];
}

export interface EngineEnvironment extends Pick<SandboxPlan, 'missing'> {
  /** Of the engine's command, for the container. */
  readonly passed: Readonly<Record<string, string>>;
  readonly flags: readonly string[];
  /** A line for each of the others. */
  readonly file: string;
}

/** No value stands on a command line, which others can read. PATH is the image's. */
export function engineEnvironment(
  { env }: SandboxSpec,
  network: readonly string[] | undefined,
  home: string = HOME_INSIDE,
): EngineEnvironment {
  const { PATH: _own, ...rest } = env;
  const all = { ...rest, ...(network && proxyEnvironment(network)), HOME: home, TMPDIR: '/tmp' };
  const isOfEngine = (name: string): boolean => OF_ENGINE.test(name) || isLoader(name);
  const entries = Object.entries(all);
  const plain = entries.filter(([name]) => !isOfEngine(name));
  const lines = entries.filter(([name]) => isOfEngine(name));
  const broken = lines.filter(([, value]) => /[\r\n]/.test(value));
  return {
    passed: Object.fromEntries(plain),
    flags: [...plain.flatMap(([name]) => ['--env', name]), '--env-file', AT_START.file],
    file: lines.map(([name, value]) => `${name}=${value}\n`).join(''),
    missing: broken.map(([name]) => ({
      layer: 'environment',
      why: `The variable ${name} has more than one line, which no container gets.`,
      remedy: 'Write it in one line, or leave it out.',
    })),
  };
}
