/**
 * A child process that speaks lines on stdin and stdout, such as an MCP server on stdio (MCP, transports, stdio): started
 * without a shell in a process group of its own, with the environment it is given and no other, and ended with all its
 * descendants of that group. Does not restart, does not read JSON, does not sandbox.
 */
import type { ProcessGroup } from './child-group.ts';
import { type Launched, type LaunchedChild, type LaunchOptions, launchChild } from './child-launch.ts';
import { LineSplitter, type OversizeLine } from './child-lines.ts';
import { StderrLog } from './child-stderr.ts';
import { type ChildInput, childInput } from './child-stdin.ts';

const STDIN_GRACE_MS = 1000;
const TERM_GRACE_MS = 3000;
const KILL_WAIT_MS = 1000;
const LADDER = [
  ['SIGTERM', TERM_GRACE_MS],
  ['SIGKILL', KILL_WAIT_MS],
] as const;
/** How long output is still read when the child is dead and somebody else holds its stdout open. */
const DRAIN_MS = 200;
const STDERR_BYTES_PER_MINUTE = 64 * 1024;

export interface ChildOptions extends LaunchOptions {
  /** Longest line of stdout, as written and without its newline. */
  readonly maxLineBytes: number;
  /**
   * A line of stdout that begins with `{` or `[`, without newline, CR, BOM and colour codes before it. The Buffer is the
   * callee's; it may be a view of a larger one, so who keeps it for long copies it.
   */
  readonly onLine: (line: Buffer) => void;
  /** A line was longer than `maxLineBytes`; it is dropped but for its edges, and later lines go on. */
  readonly onOversize: (edges: OversizeLine) => void;
  /** One line of stderr without control characters, cut to 4 KiB; what is over the ration is dropped and its bytes are told. */
  readonly onStderr: (text: string) => void;
  /** One line of stdout that is no message, as `onStderr` has them. Not rationed. */
  readonly onNoise?: (text: string) => void;
  /** 64 KiB when left out. */
  readonly stderrBytesPerMinute?: number;
  /** Once, after the last `onLine`. */
  readonly onExit: (exit: ChildExit) => void;
  /** Milliseconds, for the ration of stderr. */
  readonly now?: () => number;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last 8 KiB of stderr at most, cleaned. */
  readonly stderrTail: string;
  /** It was ended by `close` or `destroy`. */
  readonly requested: boolean;
}

export interface Child {
  readonly pid: number;
  /**
   * Sends one message as one line; line breaks in it become spaces. All messages of one turn leave in one write. Without
   * effect when the child is ending. A Buffer must not be changed afterwards.
   */
  send(message: string | Buffer): void;
  /** Bytes sent that the child's pipe has not taken. Not limited here. */
  readonly backlogBytes: number;
  /** What was skipped on stdout: lines that are no message, and their bytes with those of skipped prefixes. */
  readonly noise: { readonly lines: number; readonly bytes: number };
  /**
   * Closes stdin, after 1 s sends SIGTERM to the group, after 3 s SIGKILL. Resolves when the group is gone and `onExit` was
   * called; a process that even SIGKILL does not end (or that nobody reaps) is waited for 1 s.
   */
  close(): Promise<void>;
  /** SIGKILL to the group now. */
  destroy(): void;
}

/**
 * Resolves when the child runs; rejects with a ChildError when it does not. A child that exits, breaks its stdin or closes its
 * stdout can answer no more: its group is then ended as by `close`, and `onExit` says `requested: false`.
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  return new RunningChild(await launchChild(options), options);
}

class RunningChild implements Child {
  readonly pid: number;
  readonly noise: Child['noise'];
  readonly #child: LaunchedChild;
  readonly #options: ChildOptions;
  readonly #group: ProcessGroup;
  readonly #lines: LineSplitter;
  readonly #log: StderrLog;
  readonly #noiseLog: StderrLog | undefined;
  readonly #input: ChildInput;
  readonly #exited: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #reported: PromiseWithResolvers<void> = Promise.withResolvers();
  #hasExited = false;
  #requested = false;
  #ending: Promise<void> | undefined;

  constructor({ child, group }: Launched, options: ChildOptions) {
    this.pid = child.pid;
    this.#child = child;
    this.#options = options;
    this.#group = group;
    this.#lines = new LineSplitter(options);
    this.noise = this.#lines.noise;
    this.#log = new StderrLog({
      onStderr: options.onStderr,
      bytesPerMinute: options.stderrBytesPerMinute ?? STDERR_BYTES_PER_MINUTE,
      now: options.now ?? (() => performance.now()),
    });
    this.#noiseLog = options.onNoise && noiseLog(options.onNoise);
    this.#input = childInput(child.stdin);
    this.#listen();
  }

  get backlogBytes(): number {
    return this.#hasExited ? 0 : this.#input.backlogBytes;
  }

  send(message: string | Buffer): void {
    this.#input.send(message);
  }

  close(): Promise<void> {
    this.#requested ||= !this.#hasExited;
    return this.#end();
  }

  destroy(): void {
    this.#requested ||= !this.#hasExited;
    this.#group.signal('SIGKILL');
    void this.#end();
  }

  #listen(): void {
    const { stdin, stdout, stderr } = this.#child;
    const end = (): void => void this.#end();
    stdout.on('data', (chunk: Buffer) => this.#lines.push(chunk));
    stderr.on('data', (chunk: Buffer) => this.#log.push(chunk));
    if (this.#noiseLog !== undefined) stdout.on('data', (chunk: Buffer) => this.#noiseLog?.push(chunk));
    for (const stream of [stdin, stdout, stderr]) stream.on('error', end);
    stdout.once('close', end);
    this.#child.once('exit', (code, signal) => {
      this.#hasExited = true;
      this.#exited.resolve();
      end();
      whenDrained(this.#child, () => this.#report(code, signal));
    });
  }

  #report(code: number | null, signal: NodeJS.Signals | null): void {
    this.#lines.end();
    this.#log.end();
    this.#noiseLog?.end();
    this.#reported.resolve();
    this.#options.onExit({ code, signal, stderrTail: this.#log.tail(), requested: this.#requested });
  }

  #end(): Promise<void> {
    this.#ending ??= this.#finish();
    return this.#ending;
  }

  async #finish(): Promise<void> {
    this.#input.end();
    await within(STDIN_GRACE_MS, this.#exited.promise);
    for (const [signal, waitMs] of LADDER) {
      if (!this.#group.alive()) break;
      this.#group.signal(signal);
      await this.#group.gone(waitMs);
    }
    this.#group.release();
    await within(KILL_WAIT_MS, this.#reported.promise);
  }
}

/** Reads stdout beside who reads its messages. */
function noiseLog(onNoise: (text: string) => void): StderrLog {
  const onStderr = (text: string): void => {
    if (!/^\s*[{[]/.test(text)) onNoise(text);
  };
  return new StderrLog({ onStderr, bytesPerMinute: Infinity, now: () => 0 });
}

/** Calls back once when the dead child's output was read, though a process it left behind may hold the pipes open. */
function whenDrained(child: LaunchedChild, done: () => void): void {
  const cut = (): void => {
    child.stdout.destroy();
    child.stderr.destroy();
  };
  // The immediate lets one more round of reads happen, should the timer be late because the event loop was.
  const timer = setTimeout(() => setImmediate(cut), DRAIN_MS);
  child.once('close', () => {
    clearTimeout(timer);
    done();
  });
}

async function within(waitMs: number, event: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, waitMs);
  });
  await Promise.race([event, late]);
  clearTimeout(timer);
}
