/**
 * Ways for another user to paths behind folders that it may not enter, as a child of root has to paths below /root: in a mount
 * namespace of the child's own, in which nothing but those paths is left of such a folder. Only root can make them. The modes
 * of the paths themselves stay in force.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Reach } from './reach.ts';
import { shellArgs } from './shell.ts';
import type { SandboxFacts, SandboxPlan } from './spec.ts';
import { isInside } from './inside.ts';

const UNSHARE = '/usr/bin/unshare';
const NAMESPACE: readonly string[] = ['--mount', '--propagation', 'private', '--'];
const PROBE_TIMEOUT_MS = 5000;

/** Whether this process can make ways: it is root, with its rights. */
export async function canMakeWays({ platform, shell, user }: SandboxFacts): Promise<boolean> {
  if (platform !== 'linux' || user.uid !== 0 || shell === undefined) return false;
  const probe = [...NAMESPACE, shell, ...shellArgs(shell), 'PATH=/usr/bin:/bin mount -t tmpfs sallyport /sys'];
  return await promisify(execFile)(UNSHARE, probe, { timeout: PROBE_TIMEOUT_MS, env: {} }).then(
    () => true,
    () => false,
  );
}

/** `plan` with ways to those of `needed` that are behind a barrier. */
export function withWays(plan: SandboxPlan, needed: readonly Reach[]): SandboxPlan {
  const behind = needed.filter(({ barrier }) => barrier !== undefined).map(({ path }) => path);
  // What is inside another comes with it.
  const paths = behind.filter((path) => !behind.some((other) => other !== path && isInside(other, path)));
  const barriers = [...new Set(needed.flatMap(({ barrier }) => barrier ?? []))];
  if (paths.length === 0 || plan.shell === undefined) return plan;
  const script = scriptOf(paths.length, barriers.length);
  const shell = [plan.shell, ...shellArgs(plan.shell), script, 'sallyport'];
  const args = [...NAMESPACE, ...shell, ...paths, ...barriers, plan.command, ...plan.args];
  return { ...plan, command: UNSHARE, args };
}

/**
 * The paths are its first parameters, then come the barriers, then the command. What is kept is moved out of the way first: to
 * /sys, which nothing of the sandbox looks at once the control groups were joined. All is mounted but for this one process.
 */
function scriptOf(paths: number, barriers: number): string {
  const each = (from: number, count: number, lines: (parameter: string, index: number) => string): string[] =>
    Array.from({ length: count }, (_, index) => lines(`\${${from + index}}`, index));
  return [
    'set -e',
    'path=$PATH mask=$(umask)',
    'PATH=/usr/bin:/bin:/usr/sbin:/sbin',
    'umask 022',
    'point() { if [ -d "$1" ]; then mkdir -p "$2"; else mkdir -p "${2%/*}"; : >"$2"; fi; }',
    'mount -t tmpfs -o mode=0700 sallyport /sys',
    ...each(1, paths, (path, index) => `point "${path}" /sys/${index}; mount --rbind "${path}" /sys/${index}`),
    ...each(paths + 1, barriers, (barrier) => `mount -t tmpfs -o mode=0711,size=1m sallyport "${barrier}"`),
    ...each(1, paths, (path, index) => `point /sys/${index} "${path}"; mount --move /sys/${index} "${path}"`),
    'umount -l /sys',
    `shift ${paths + barriers}`,
    'PATH=$path',
    'umask "$mask"',
    'exec "$@"',
  ].join('\n');
}
