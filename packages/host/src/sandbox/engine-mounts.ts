/** The mounts of a container: what is given, what covers what must not be seen, and what keeps what is run later. Pure. */
import { isInside } from './inside.ts';
import { type Caged, isProxied } from './level.ts';
import { boundPaths, guardsOf, HOME_INSIDE, inSystem, SCRATCH_BYTES } from './mounts.ts';
import { PROXY_INSIDE } from './relay.ts';
import { AT_START, type EngineFacts, type SandboxPlan, type SandboxSpec, type Survey } from './spec.ts';

export interface EngineMounts {
  readonly flags: readonly string[];
  readonly gaps: readonly string[];
  readonly guarded: SandboxPlan['guarded'];
}

/** At the places where they are on this machine; of a link, where it leads to. */
export function engineMounts(level: Caged, spec: SandboxSpec, survey: Survey, { name }: EngineFacts): EngineMounts {
  const bound = boundPaths(survey);
  const { hidden, laterRun, pinned } = guardsOf(survey, bound);
  const bind = (from: string, to: string, writable: boolean): readonly string[] => [
    '--mount',
    fields(['type=bind', `src=${from}`, `dst=${to}`, ...(writable ? [] : ['readonly'])]),
  ];
  const cover = (path: string, kind: string): readonly string[] =>
    bind(kind === 'folder' ? AT_START.empty : '/dev/null', path, false);
  const scratch = (path: string): readonly string[] => [
    '--tmpfs',
    `${path}:rw,exec,nosuid,nodev,size=${SCRATCH_BYTES},mode=1777${name === 'podman' ? ',notmpcopyup' : ''}`,
  ];
  const home = level === 'standard' ? spec.home : undefined;
  const proxy = isProxied(level, spec) ? spec.proxy : undefined;
  const isSeen = bound.some(({ real }) => isInside(real, spec.cwd) || isInside(spec.cwd, real));
  const links = [...survey.read, ...survey.write].filter(({ path, real }) => path !== real && !inSystem(path));
  return {
    flags: [
      '--shm-size',
      String(SCRATCH_BYTES),
      ...scratch('/tmp'),
      ...(home === undefined ? scratch(HOME_INSIDE) : bind(home, HOME_INSIDE, true)),
      ...(proxy === undefined ? [] : bind(proxy, PROXY_INSIDE, false)),
      ...bound.flatMap(({ real, writable }) => bind(real, real, writable)),
      ...pinned
        .filter((folder) => !bound.some(({ real }) => real === folder))
        .flatMap((folder) => bind(folder, folder, true)),
      ...laterRun.flatMap(({ exists, kind, path }) => (exists ? bind(path, path, false) : cover(path, kind))),
      ...hidden.flatMap(({ kind, path }) => cover(path, kind)),
      ...(isSeen ? ['--workdir', spec.cwd] : []),
    ],
    gaps: [
      ...new Set(
        links.map(({ path, real }) => `"${path}" is a link, which the container does not have: write "${real}".`),
      ),
    ],
    guarded: laterRun,
  };
}

/** As a line of CSV, for a path may hold commas. */
function fields(all: readonly string[]): string {
  return all.map((field) => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',');
}
