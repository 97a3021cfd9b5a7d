/** The plan for a server that is a container of an engine (see `container.ts`). Pure. */
import type { ContainerRun } from './container.ts';
import { envArgs, splitEnvironment } from './loader.ts';
import type { MissingLayer, SandboxFacts, SandboxPlan, SandboxSpec } from './spec.ts';

/** The command reaches its engine as whoever runs Sallyport; what cages the server is the engine. */
export function planContainer(run: ContainerRun, spec: SandboxSpec, facts: SandboxFacts): SandboxPlan {
  const { elsewhere, engine, opens } = run;
  const env = splitEnvironment('limited', spec.env);
  const [command = spec.command, ...args] = [...envArgs(facts, env.loader), spec.command, ...spec.args];
  const isWritten = spec.level !== undefined;
  const opened = [
    ...opens.map((flag) => `"${flag}" opens the container to this machine.`),
    ...(elsewhere === undefined ? [] : [elsewhere]),
  ];
  const remedy =
    elsewhere === undefined
      ? 'Leave the flag out, or write the level "none".'
      : `Write "${engine} run" with all that is meant, leave the level out, or write "none".`;
  return {
    level: 'container',
    driver: engine,
    missing: [
      ...(isWritten ? opened.map((why): MissingLayer => ({ layer: 'files', why, remedy })) : []),
      ...missingFlags(run, spec),
    ],
    gaps: isWritten ? [] : opened,
    command,
    args,
    env: env.passed,
    cwd: spec.cwd,
    filter: undefined,
    network: undefined,
    cgroup: undefined,
    limits: {},
    user: undefined,
    guarded: [],
    container: facts.container,
    shell: facts.shell,
  };
}

/** What was written into `sandbox` is for the engine to do, and is asked of it by a flag of the same purpose. */
function missingFlags({ engine, flags, offline }: ContainerRun, spec: SandboxSpec): readonly MissingLayer[] {
  const { cpuPercent, memoryBytes, network, processes, read = [], user, write = [] } = spec;
  const has = (...names: readonly string[]): boolean => names.some((name) => flags.has(name));
  const rows = [
    ['memory', memoryBytes === undefined || has('memory'), '--memory'],
    ['cpu', cpuPercent === undefined || has('cpus', 'cpu-quota'), '--cpus'],
    ['processes', processes === undefined || has('pids-limit'), '--pids-limit'],
    ['user', user === undefined || has('user', 'u'), '--user'],
    ['network', network === undefined || (network.length === 0 && offline), '--network none'],
    ['paths', read.length + write.length === 0 || has('volume', 'mount'), '--volume'],
  ] as const;
  return rows
    .filter(([, isGiven]) => !isGiven)
    .map(([layer, , flag]) => ({
      layer,
      why: `The server is a container of ${engine}: "sandbox" does not decide about its ${layer}.`,
      remedy: `Write ${flag} into its args, and leave it out of "sandbox".`,
    }));
}
