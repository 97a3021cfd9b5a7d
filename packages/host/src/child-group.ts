/**
 * A child's process group: its signals and its end, and the promise that no group outlives this process. The groups are those
 * of POSIX; on Windows, which has none, only the child itself is signalled. Does not reach a grandchild that left the group
 * (setsid): that takes a sandbox. When this process is itself killed with SIGKILL, a reaper does the work.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reaper } from './reaper.ts';

const POLL_MS = 20;
const FATAL_SIGNALS: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'];

export interface ProcessGroup {
  /** False once no member is left, and ever after: the number may then belong to others. */
  alive(): boolean;
  signal(signal: NodeJS.Signals): void;
  /** Resolves when the group is gone, at the latest after `waitMs`. */
  gone(waitMs: number): Promise<void>;
  /** The group has got its last signal: the reaper need not know it any longer. Comes by itself when no member is left. */
  release(): void;
}

/**
 * `pid`: a process that was started with `detached`, so that it leads its group. It is registered with the reaper here, so the
 * group is to be made in the turn of the event loop that has spawned it.
 */
export function processGroup(pid: number, reaper?: Reaper): ProcessGroup {
  const target = process.platform === 'win32' ? pid : -pid;
  const unwatch = reaper?.watch(pid);
  let ended = false;
  const kill = (signal: NodeJS.Signals | 0): void => {
    if (ended) return;
    try {
      process.kill(target, signal);
    } catch (error) {
      // EPERM says that members are there which may not be signalled: the group is not gone.
      ended = (error as NodeJS.ErrnoException).code === 'ESRCH';
      if (ended) unwatch?.();
    }
  };
  const alive = (): boolean => {
    kill(0);
    return !ended;
  };
  return {
    alive,
    signal: kill,
    async gone(waitMs) {
      for (let leftMs = waitMs; leftMs > 0 && alive(); leftMs -= POLL_MS) await sleep(POLL_MS);
    },
    release: () => unwatch?.(),
  };
}

/**
 * Kills the groups of `children` (a live collection of the caller's) when this process exits, be it by itself, by an uncaught
 * error or by SIGHUP, SIGINT, SIGQUIT or SIGTERM. A signal that somebody else listens to is left to them: their exit is then
 * what kills. To be called once per collection; returns what takes it back.
 */
export function killAllOnExit(children: Iterable<{ destroy(): void }>): () => void {
  const killAll = (): void => {
    for (const child of children) child.destroy();
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (process.listenerCount(signal) > 1) return;
    killAll();
    takeBack();
    process.kill(process.pid, signal);
  };
  const takeBack = (): void => {
    process.off('exit', killAll);
    for (const signal of FATAL_SIGNALS) process.off(signal, onSignal);
  };
  process.on('exit', killAll);
  for (const signal of FATAL_SIGNALS) process.on(signal, onSignal);
  return takeBack;
}
