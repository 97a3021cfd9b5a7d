/**
 * Processes of a run: each in its own group, all ended at the end. CPU time and memory come from /proc, so elsewhere than
 * on Linux they are undefined.
 */

import { spawn, type ChildProcess } from 'node:child_process';
import { openSync, closeSync, readFileSync, readdirSync } from 'node:fs';
import net from 'node:net';

export interface Started {
  readonly pid: number;
  /** The exit code or signal once it is over. */
  readonly ended: Promise<string>;
  /** The same, to be looked at. */
  end: string | undefined;
}

export interface LaunchOptions {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** File that gets stdout and stderr. */
  readonly log: string;
}

/** How long a group may take to end by itself, after SIGTERM. */
const GRACE_MS = 3000;
const TICK_MS = 10;

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone.
  }
}

/** All processes that a run has started. */
export class Fleet {
  readonly #all = new Set<Started>();

  launch({ command, env, cwd, log }: LaunchOptions): Started {
    const [program = '', ...args] = command;
    const file = openSync(log, 'a');
    const child: ChildProcess = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      detached: true,
      stdio: ['ignore', file, file],
    });
    closeSync(file);
    if (child.pid === undefined) throw new Error(`${program} cannot be started.`);
    const { promise, resolve } = Promise.withResolvers<string>();
    const started: Started = { pid: child.pid, ended: promise, end: undefined };
    child.once('exit', (code, signal) => {
      started.end = signal ?? String(code);
      resolve(started.end);
    });
    this.#all.add(started);
    return started;
  }

  /** Ends a process and its group: SIGTERM, then SIGKILL to whatever of the group is left. */
  async stop(started: Started): Promise<void> {
    signalGroup(started.pid, 'SIGTERM');
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, GRACE_MS);
    await Promise.race([started.ended, promise]);
    clearTimeout(timer);
    signalGroup(started.pid, 'SIGKILL');
    await started.ended;
    this.#all.delete(started);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map(async (each) => await this.stop(each)));
  }

  /** Kills all groups at once, for when there is no time. */
  destroy(): void {
    for (const { pid } of this.#all) signalGroup(pid, 'SIGKILL');
    this.#all.clear();
  }
}

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function childrenOf(pid: number): number[] {
  const tasks = ((): string[] => {
    try {
      return readdirSync(`/proc/${pid}/task`);
    } catch {
      return [];
    }
  })();
  return tasks
    .flatMap((task) => (read(`/proc/${pid}/task/${task}/children`) ?? '').split(' '))
    .filter((text) => text.trim() !== '')
    .map(Number);
}

/** User and system time in ms of a process and its children, those that have ended included. */
export function cpuMs(pid: number): number | undefined {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The fields behind the name in brackets: utime, stime, cutime and cstime are the 12th to 15th (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(') ') + 2).split(' ');
  const own = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) * TICK_MS, 0);
  return childrenOf(pid).reduce((sum, child) => sum + (cpuMs(child) ?? 0), own);
}

/** Resident memory in KiB of a process and its children, now (`VmRSS`) or at its highest (`VmHWM`). */
export function memoryKiB(pid: number, key: 'VmRSS' | 'VmHWM'): number | undefined {
  const status = read(`/proc/${pid}/status`);
  const own = new RegExp(`${key}:\\s+(\\d+)`).exec(status ?? '')?.[1];
  if (own === undefined) return undefined;
  return childrenOf(pid).reduce((sum, child) => sum + (memoryKiB(child, key) ?? 0), Number(own));
}

/** Until a gateway answers at a URL. Rejects with its log when it ends before. */
export async function answers(url: string, started: Started, log: string): Promise<void> {
  while (started.end === undefined) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok === true) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`The gateway has ended: ${readFileSync(log, 'utf8')}`);
}
