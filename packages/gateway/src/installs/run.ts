/** Runs a process that installs something to its end, within a time, and says why it failed. */
import { startChild, type ChildExit, type Reaper } from '@sallyport/host';
import type { ChildCommand } from '@sallyport/client';

export interface RunInstallOptions {
  /** What is installed, for messages. */
  readonly spec: string;
  readonly reaper: Reaper;
  readonly timeoutMs: number;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Of its output nothing is read but the end of stderr. */
const MAX_LINE_BYTES = 64 * 1024;

/** Rejects with an Error for a person. */
export async function runInstall(
  { command, args, cwd, env }: ChildCommand,
  { spec, reaper, timeoutMs, signal: wanted }: RunInstallOptions,
): Promise<void> {
  wanted.throwIfAborted();
  const ended = Promise.withResolvers<ChildExit>();
  const child = await startChild({
    command,
    args,
    cwd,
    env,
    reaper,
    maxLineBytes: MAX_LINE_BYTES,
    onLine: () => undefined,
    onOversize: () => undefined,
    onStderr: () => undefined,
    onExit: ended.resolve,
  });
  const end = (): void => void child.close();
  const late = setTimeout(end, timeoutMs);
  wanted.addEventListener('abort', end, { once: true });
  const { code, requested, signal, stderrTail } = await ended.promise;
  clearTimeout(late);
  wanted.removeEventListener('abort', end);
  wanted.throwIfAborted();
  if (requested) throw new Error(`"${spec}" was not installed within ${timeoutMs / 60_000} minutes.`);
  if (code === 0) return;
  const how = signal === null ? `code ${code}` : signal;
  throw new Error(`"${spec}" could not be installed (${how}). ${reasonIn(stderrTail)}`.trim());
}

const REASON_LINES = 4;
const REASON_CHARACTERS = 400;

/** What is said for a person among the traces: npm marks each line. */
function reasonIn(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.replace(/^npm (?:error|ERR!)\s*/, '').trim())
    .filter(
      (line) => line !== '' && !/^(?:npm warn|at |[{}]|\d+$|code \S+$|errno |syscall |path |A complete log)/.test(line),
    );
  return lines.slice(0, REASON_LINES).join(' ').slice(0, REASON_CHARACTERS);
}
