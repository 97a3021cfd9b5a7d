/**
 * Runs a command of `secrets.exec` and gives what it printed: without a shell, in a process group of its own that ends with
 * it, in bounded time, with bounded output. What it prints is never logged and stands in no error; its stderr is dropped,
 * since nobody knows what a tool for secrets writes there.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { resolveCommand } from '@sallyport/host';

const TIMEOUT_MS = 10_000;
const MAX_OUTPUT_BYTES = 65_536;
/** What opens our own state is no business of another program. */
const OURS = ['SALLYPORT_MASTER_KEY', 'SALLYPORT_MASTER_KEY_FILE', 'SALLYPORT_KEY'];

export interface SecretCommandOptions {
  /** The environment of the user, who wrote the command: its tools need their own variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where it runs, and what a command with a slash is relative to. Absolute. */
  readonly cwd: string;
  /** 10 s unless told. */
  readonly timeoutMs?: number;
}

/** The text that the command printed, one line break at its end cut. Rejects with an Error that names the program alone. */
export async function runSecretCommand(argv: readonly string[], options: SecretCommandOptions): Promise<string> {
  const [command = '', ...args] = argv;
  const { platform } = process;
  const pathExtensions = options.env['PATHEXT'];
  const { path, warning } = await resolveCommand(command, {
    path: options.env['PATH'] ?? '',
    cwd: options.cwd,
    platform,
    ...(pathExtensions !== undefined && { pathExtensions }),
  });
  // For a server this is a warning; what hands out secrets must not be another's to replace.
  if (warning !== undefined) throw new Error(warning);
  const env = Object.fromEntries(Object.entries(options.env).filter(([name]) => !OURS.includes(name)));
  const child = spawn(path, args, {
    cwd: options.cwd,
    env,
    shell: false,
    detached: platform !== 'win32',
    windowsHide: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return textOf(path, await outputOf(child, path, options.timeoutMs ?? TIMEOUT_MS));
}

function outputOf(child: ChildProcess, path: string, timeoutMs: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  const fail = (problem: string): void => reject(new Error(`${path} ${problem}`));
  const cut = (problem: string): void => {
    fail(problem);
    killGroup(child);
    child.stdout?.destroy();
  };
  const timer = setTimeout(() => cut(`did not end within ${timeoutMs / 1000} s`), timeoutMs);
  child.stdout?.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes > MAX_OUTPUT_BYTES) cut(`printed more than ${MAX_OUTPUT_BYTES} bytes`);
  });
  child.once('error', (error) => fail(`cannot be run (${'code' in error ? String(error.code) : 'unknown reason'})`));
  child.once('close', (code, signal) => {
    if (code === 0) resolve(Buffer.concat(chunks));
    else fail(`ended with ${signal ?? `code ${code}`}; run it yourself to see why`);
  });
  return promise.finally(() => clearTimeout(timer));
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === 'win32') child.kill('SIGKILL');
    else process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Nobody of the group is left.
  }
}

function textOf(path: string, output: Buffer): string {
  let text;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(output).replace(/\r?\n$/, '');
  } catch {
    throw new Error(`${path} printed what is not UTF-8 text`);
  }
  if (text === '' || text.includes('\0')) throw new Error(`${path} printed no secret`);
  return text;
}
