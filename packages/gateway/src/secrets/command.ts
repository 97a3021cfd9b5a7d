/**
 * Runs a command of `secrets.exec` and gives what it printed: without a shell, in a process group of its own that ends with
 * it, in bounded time, with bounded output. What it prints is never logged and stands in no error; its stderr is dropped,
 * since nobody knows what a tool for secrets writes there.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { childEnvironment, resolveCommand } from '@sallyport/host';

const TIMEOUT_MS = 10_000;
const MAX_OUTPUT_BYTES = 65_536;
/** What tools for secrets look for: their own login, the way to an agent or a keychain, and how the network is reached. */
const TOOLS = /^(?:AWS|AZURE|BWS?|CLOUDSDK|DOPPLER|GOOGLE|INFISICAL|OP|PASSWORD_STORE|SOPS|VAULT)_/;
const SURROUNDINGS: ReadonlySet<string> = new Set(
  [
    'USER LOGNAME XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_RUNTIME_DIR XDG_STATE_HOME DBUS_SESSION_BUS_ADDRESS',
    'SSH_AUTH_SOCK GNUPGHOME GPG_TTY KUBECONFIG KRB5CCNAME SSL_CERT_DIR SSL_CERT_FILE',
    'HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy',
  ].flatMap((names) => names.split(' ')),
);

/** What opens our own state is no business of another program, whatever is written. */
const OURS: ReadonlySet<string> = new Set(['SALLYPORT_MASTER_KEY', 'SALLYPORT_MASTER_KEY_FILE', 'SALLYPORT_KEY']);

export interface SecretCommandOptions {
  /** The environment of the user, of which the command gets what is on the list above. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** More names that it gets. */
  readonly names: readonly string[];
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
  const child = spawn(path, args, {
    cwd: options.cwd,
    env: environmentOf(options, platform),
    shell: false,
    detached: platform !== 'win32',
    windowsHide: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return textOf(path, await outputOf(child, path, options.timeoutMs ?? TIMEOUT_MS));
}

function environmentOf(
  { env, names }: SecretCommandOptions,
  platform: NodeJS.Platform,
): Readonly<Record<string, string>> {
  const isMeant = (name: string): boolean =>
    !OURS.has(name) && (TOOLS.test(name) || SURROUNDINGS.has(name) || names.includes(name));
  const meant = Object.entries(env).flatMap(([name, value]): Array<[string, string]> =>
    value !== undefined && isMeant(name) ? [[name, value]] : [],
  );
  return childEnvironment(env, Object.fromEntries(meant), platform).env;
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
