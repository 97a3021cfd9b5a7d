/**
 * Carries out a plan up to the start: the filter's file, the control group, and the command line that joins and opens them.
 * What comes out is started like any other child. Does not start it, and does not look after it.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensurePrivateDirectory, writeFileOnce } from '../files.ts';
import { type Cgroup, makeCgroup } from './cgroup.ts';
import { type Containers, createContainers, engineLauncher, processOf } from './containers.ts';
import { describeSandbox } from './describe.ts';
import { createPlaceholders } from './placeholders.ts';
import { shellArgs } from './shell.ts';
import { AT_START, type SandboxPlan } from './spec.ts';

/**
 * `$1` is the filter or `-`, then come files of control groups up to `--`, then the command. All of it becomes one process, so
 * that the number, the group and the signals of the child are those of what is started here. Descriptors that this process
 * itself was started with, and Node did not mark, end here; dash cannot name those above 9.
 */
const LAUNCHER = `
if [ -n "$BASH_VERSION" ]; then
  for path in /dev/fd/*; do
    fd=\${path##*/}
    case $fd in 0 | 1 | 2 | *[!0-9]*) continue ;; esac
    eval "exec $fd>&-"
  done
fi
filter=$1
shift
while [ "$1" != -- ]; do
  echo $$ >"$1" || { echo "sallyport: the control group $1 was not joined" >&2; exit 126; }
  shift
done
shift
[ "$filter" = - ] && exec "$@"
exec "$@" 3<"$filter"
`;

export interface SandboxesOptions {
  /** A private folder of this process's, for the filter; made when it is missing. */
  readonly folder: string;
  /** A name that no other control group, container or file of this machine has: `sallyport-`, the number of this process, `-`, and letters, digits and `-`. */
  readonly groupName: () => string;
}

/** `command`, `args`, `env` and `cwd` as `startChild` takes them. */
export interface SandboxedLaunch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** To be called when the child has exited or was not started: removes what was made for it. Idempotent, never rejects. */
  release(): Promise<void>;
}

export interface Sandboxes {
  /** Rejects with a SandboxError when a layer is missing or a limit was not taken. */
  prepare(plan: SandboxPlan): Promise<SandboxedLaunch>;
}

/** What was asked for is not to be had; the server must not be started otherwise. */
export class SandboxError extends Error {
  override readonly name = 'SandboxError';
}

export function createSandboxes({ folder, groupName }: SandboxesOptions): Sandboxes {
  const placeholders = createPlaceholders({ folder: join(folder, 'placeholders'), pid: process.pid, isAlive });
  const containers = createContainers({ isAlive });
  return {
    async prepare(plan) {
      if (plan.missing.length > 0) {
        throw new SandboxError(
          `The level "${plan.level}" is not to be had: ${describeSandbox(plan).missing.join(' ')}`,
        );
      }
      const filter = plan.filter === undefined ? '-' : await filterFile(folder, plan.filter);
      const own = await known(plan, { containers, folder, name: groupName() });
      const group =
        plan.cgroup === undefined
          ? undefined
          : await joined(plan.cgroup, groupName()).catch(async (error: unknown) => {
              await own.release();
              throw error;
            });
      await Promise.all(plan.guarded.map((entry) => placeholders.hold(entry)));
      let released: Promise<unknown> | undefined;
      return {
        ...launchOf(own.plan, filter, group),
        async release() {
          released ??= Promise.all([
            group?.release(),
            own.release(),
            ...plan.guarded.map((entry) => placeholders.release(entry)),
          ]);
          await released;
        },
      };
    },
  };
}

interface Known {
  readonly plan: SandboxPlan;
  readonly release: () => Promise<void>;
}

/** The plan with what only its start knows, which is made here; `name` is that of this start alone. */
async function known(
  plan: SandboxPlan,
  { containers, folder, name }: { readonly containers: Containers; readonly folder: string; readonly name: string },
): Promise<Known> {
  const { engine, image = '' } = plan;
  const words = [...plan.args, ...Object.values(plan.env)];
  const has = (mark: string): boolean => words.some((word) => word.includes(mark));
  const values = new Map<string, string>([
    [AT_START.name, name],
    [AT_START.label, containers.label],
  ]);
  const undo: (() => Promise<void>)[] = [];
  const make = async (mark: string, kind: string): Promise<void> => {
    const parent = await realpath(await ensurePrivateDirectory(join(folder, kind)));
    await sweep(parent);
    const path = join(parent, name);
    if (mark === AT_START.file) await writeFile(path, plan.file ?? '', { mode: 0o600, flag: 'wx' });
    else await mkdir(path, { mode: 0o700 });
    undo.push(() => rm(path, { recursive: true, force: true }));
    values.set(mark, path);
  };
  const release = async (): Promise<void> =>
    void (await Promise.all(undo.map((each) => each().catch(() => undefined))));
  try {
    for (const kind of ['empty', 'file', 'scratch'] as const) if (has(AT_START[kind])) await make(AT_START[kind], kind);
    if (engine !== undefined) {
      await containers.sweep(engine);
      values.set(AT_START.image, await containers.image(engine, image));
      undo.push(() => containers.end(engine, name));
    }
  } catch (error) {
    await release();
    throw new SandboxError((error as Error).message);
  }
  const fill = (word: string): string =>
    [...values].reduce((text, [mark, value]) => text.replaceAll(mark, () => value), word);
  const launch = engine === undefined ? [plan.command, ...plan.args] : engineLauncher(plan.shell ?? '', engine, plan);
  const [command = plan.command, ...args] = launch.map(fill);
  const env = Object.fromEntries(Object.entries(plan.env).map(([key, value]) => [key, fill(value)]));
  return { plan: { ...plan, command, args, env }, release };
}

/** Takes away what processes that are gone left in a folder of names of theirs. */
async function sweep(folder: string): Promise<void> {
  const left = (await readdir(folder)).filter((name) => {
    const pid = processOf(name);
    return pid !== undefined && !isAlive(pid);
  });
  await Promise.all(left.map((name) => rm(join(folder, name), { recursive: true, force: true })));
}

function launchOf(plan: SandboxPlan, filter: string, group: Cgroup | undefined): Omit<SandboxedLaunch, 'release'> {
  const { command, args, env, cwd, shell } = plan;
  if (shell === undefined || plan.level === 'none') return { command, args, env, cwd };
  const joins = group?.join ?? [];
  return {
    command: shell,
    args: [...shellArgs(shell), LAUNCHER, 'sallyport', filter, ...joins, '--', command, ...args],
    env,
    cwd,
  };
}

async function filterFile(folder: string, filter: Uint8Array): Promise<string> {
  const digest = createHash('sha256').update(filter).digest('hex').slice(0, 16);
  const path = join(await ensurePrivateDirectory(folder), `seccomp-${digest}.bpf`);
  await writeFileOnce(path, filter);
  return path;
}

async function joined({ facts, limits }: NonNullable<SandboxPlan['cgroup']>, name: string): Promise<Cgroup> {
  try {
    return await makeCgroup(facts, limits, name);
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    throw new SandboxError(`The limits were not taken by the system: ${code ?? 'error'} at "${path ?? name}".`);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
