/**
 * Ends children whose gateway was killed (SIGKILL, out of memory) and could not end them itself: a small shell process that
 * outlives it, holds the list of its children's groups and notices its end by that of stdin. Not for an orderly end: that is
 * `close` of each child and `killAllOnExit`. Does not reach a process that left its group (setsid), and does nothing where there
 * is no POSIX shell.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';

const SHELL = '/bin/sh';
/** A helper that lives shorter than this is started again only after a while, which doubles up to a minute. */
const STEADY_MS = 1000;
const MAX_DELAY_MS = 60_000;

/**
 * POSIX sh. Reads `+ GROUP START` and `- GROUP` until stdin ends, START being when the group's leader began (`-`: unknown), then
 * sends SIGTERM and 2 s later SIGKILL. A group gets a signal only while it is the one that was registered: a leader that is
 * there must have begun at START; where it is gone, a member must be of the session that the leader made, for a number is not
 * given again while its group has members. A group once seen gone is dropped, for its number may become another's. The form
 * `kill -TERM -GROUP` is the one that dash, bash and the shell of busybox all take.
 */
const SCRIPT = `
set -f
trap '' HUP INT QUIT TERM
watched=
while read -r verb group start; do
  case $group in '' | *[!0-9]* | 0* | 1) continue ;; esac
  kept=
  for entry in $watched; do
    [ "\${entry%:*}" = "$group" ] || kept="$kept $entry"
  done
  watched=$kept
  [ "$verb" = + ] && watched="$watched $group:$start"
done

# Of the file $1, a /proc/PID/stat: the fields after the name, which may hold anything.
fields() {
  stat=
  while read -r line; do stat="$stat $line"; done 2>/dev/null <"$1"
  stat=\${stat##*) }
}
began() { [ "\${21}" = "$1" ]; }
member() { [ "$4" = "$1" ] && [ "$5" = "$1" ]; }
ours() {
  kill -0 "-$1" 2>/dev/null || return 1
  [ "$2" = - ] && return 0
  fields "/proc/$1/stat"
  if [ -n "$stat" ]; then
    began "$2" $stat
    return
  fi
  set +f
  set -- "$1" /proc/[0-9]*/stat
  set -f
  group=$1
  shift
  for file in "$@"; do
    fields "$file"
    member "$group" $stat && return 0
  done
  return 1
}
signal() {
  kept=
  for entry in $watched; do
    ours "\${entry%:*}" "\${entry#*:}" || continue
    kill "-$1" "-\${entry%:*}" 2>/dev/null
    kept="$kept $entry"
  done
  watched=$kept
}
signal TERM
for second in 1 2; do
  [ -n "$watched" ] || exit 0
  sleep 1
  signal 0
done
signal KILL
`;

export interface ReaperOptions {
  /** Warnings for the gateway's log, one sentence each. */
  readonly log: (text: string) => void;
  /** For tests: `spawn` of node:child_process. */
  readonly spawn?: typeof spawn;
  /** For tests: the path of a POSIX shell. */
  readonly shell?: string;
  /** Milliseconds, of any origin. */
  readonly now?: () => number;
}

export interface Reaper {
  /** Starts the helper unless it runs. Called before a child is spawned, so that then only one write is left to do. */
  arm(): void;
  /**
   * Has the group `pid` ended should this process be killed; returns what takes that back. `pid` leads a session of its own
   * (`detached`), and this turn of the event loop has spawned it, so that it cannot have been reaped yet. Between the spawn and
   * this call the child is not covered.
   */
  watch(pid: number): () => void;
  /** Ends the helper, and with it whatever is still watched, as if this process had been killed. Resolves when it has ended. */
  close(): Promise<void>;
}

/** Starts nothing yet. The helper does not keep this process alive. */
export function createReaper(options: ReaperOptions): Reaper {
  return new ShellReaper(options);
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
}

interface Watched {
  /** When the group's leader began, as the system counts; `-` when unknown. */
  readonly start: string;
}

class ShellReaper implements Reaper {
  readonly #options: ReaperOptions;
  readonly #shell: string;
  readonly #now: () => number;
  readonly #watched = new Map<number, Watched>();
  #state: 'open' | 'unavailable' | 'closed' = 'open';
  #running: Running | undefined;
  #retry: NodeJS.Timeout | undefined;
  #delayMs = 0;

  constructor(options: ReaperOptions) {
    this.#options = options;
    this.#shell = options.shell ?? SHELL;
    this.#now = options.now ?? (() => performance.now());
  }

  arm(): void {
    if (this.#running !== undefined || this.#retry !== undefined || this.#state !== 'open') return;
    if (process.platform === 'win32' || !existsSync(this.#shell)) {
      this.#state = 'unavailable';
      this.#options.log(
        `A gateway that is killed may leave children behind: this system has no ${this.#shell} to end them with.`,
      );
      return;
    }
    this.#start();
  }

  watch(pid: number): () => void {
    // 1 as a group would be everybody.
    if (!Number.isSafeInteger(pid) || pid < 2) throw new RangeError(`${pid} is no process that can be watched`);
    const watched = { start: startOf(pid) };
    this.#watched.set(pid, watched);
    if (this.#running === undefined) this.arm();
    else this.#tell(`+ ${pid} ${watched.start}\n`);
    return () => {
      // The number may by now be another child's.
      if (this.#watched.get(pid) !== watched) return;
      this.#watched.delete(pid);
      this.#tell(`- ${pid}\n`);
    };
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    clearTimeout(this.#retry);
    this.#running?.child.ref();
    this.#running?.child.stdin?.end();
    await this.#running?.ended;
  }

  #tell(line: string): void {
    this.#running?.child.stdin?.write(line);
  }

  #start(): void {
    const startedMs = this.#now();
    const { promise, resolve } = Promise.withResolvers<void>();
    const onEnd = (how: string): void => {
      resolve();
      this.#running = undefined;
      this.#restart(how, this.#now() - startedMs);
    };
    try {
      const child = this.#launch();
      this.#running = { child, ended: promise };
      // One that was not started has no exit, and one that was has no error.
      child.once('error', (error: NodeJS.ErrnoException) => onEnd(error.code ?? error.name));
      child.once('exit', (code, signal) => onEnd(String(signal ?? code)));
    } catch (error) {
      onEnd(String(error));
    }
    for (const [pid, { start }] of this.#watched) this.#tell(`+ ${pid} ${start}\n`);
  }

  #launch(): ChildProcess {
    const start = this.#options.spawn ?? spawn;
    const child = start(this.#shell, ['-c', SCRIPT], {
      cwd: '/',
      // Node copies its own NODE_V8_COVERAGE into any environment that does not name it.
      env: Object.assign(Object.create(null), { NODE_V8_COVERAGE: undefined, PATH: '/usr/bin:/bin' }),
      // A session of its own: no signal to the gateway's group or terminal reaches it.
      detached: true,
      // It must hold nothing of the gateway's open, or who reads the gateway's output would wait for it.
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    child.unref();
    // There is no socket when the system is out of descriptors.
    const stdin = child.stdin as Socket | null | undefined;
    stdin?.unref();
    // What cannot be written any more is told again to the next helper.
    stdin?.on('error', () => undefined);
    return child;
  }

  #restart(how: string, livedMs: number): void {
    if (this.#state !== 'open') return;
    this.#delayMs = livedMs < STEADY_MS ? Math.min(Math.max(2 * this.#delayMs, STEADY_MS), MAX_DELAY_MS) : 0;
    const when = this.#delayMs === 0 ? 'now' : `in ${this.#delayMs / 1000} s`;
    this.#options.log(
      `The process that ends the children of a killed gateway is gone (${how}) and is started again ${when}: ` +
        'until then a gateway that is killed may leave children behind.',
    );
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.arm();
    }, this.#delayMs).unref();
  }
}

/** When a process that runs began, in the system's own unit; `-` where the system does not tell (no /proc). */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Field 22 of proc(5); the second, the name, may itself hold spaces and parentheses.
    const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
    return /^\d+$/.test(start) ? start : '-';
  } catch {
    return '-';
  }
}
