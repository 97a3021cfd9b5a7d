/**
 * Secrets in the keychain of the system: the Secret Service of a Linux desktop (GNOME Keyring, KWallet), the keychain of
 * macOS, the Credential Manager of Windows. Each question is put by a process of its own (keychain-program.ts), in bounded
 * time and with an environment by allow-list. The keychain seals; nothing of the master key is in it.
 *
 * A state has a service of its own there, so that two states of one user do not share names. Values stand under their names
 * as they are, for whoever looks at them with the tools of the system.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '@sallyport/host';
import type { KeychainAnswer, KeychainRequest } from './keychain-program.ts';
import { isSecretName, requireFit, SecretsError, type SecretStore } from './store.ts';

export interface KeychainOptions {
  /** The state that the secrets belong to. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  /** How long the keychain may take to answer: a person may have to unlock it. */
  readonly timeoutMs: number;
  /** What speaks with the keychain; the program beside this file unless told. */
  readonly argv?: readonly [program: string, ...args: string[]];
}

/** How to reach the session's bus, and what its dialogs are shown on. */
const OF_THE_SESSION = [
  'DBUS_SESSION_BUS_ADDRESS',
  'DISPLAY',
  'WAYLAND_DISPLAY',
  'XAUTHORITY',
  'XDG_DATA_HOME',
  'XDG_RUNTIME_DIR',
];
const MAX_ANSWER_BYTES = 16_777_216;

/** Rejects with SecretsError `no_keychain` where there is none, `silent_keychain` where one is there and does not do it. */
export function createKeychain(options: KeychainOptions): SecretStore {
  const service = `sallyport:${options.directory}`;
  const ask = async (request: Asked): Promise<KeychainAnswer> => {
    requireBus(options);
    const answer = await exchange({ ...request, service }, options);
    if (answer.error !== undefined) throw silent(answer.error);
    return answer;
  };
  return {
    place: 'the keychain',
    async read(names) {
      return new Map((await ask({ op: 'read', names })).values);
    },
    async list() {
      const { names = [] } = await ask({ op: 'list' });
      return names
        .filter(isSecretName)
        .toSorted()
        .map((name) => ({ name, setMs: undefined, isBroken: false }));
    },
    async set(values) {
      for (const [name, value] of values) requireFit(name, value);
      await ask({ op: 'set', values: [...values] });
    },
    async remove(name) {
      return (await ask({ op: 'remove', name })).removed === true;
    },
  };
}

type Asked = KeychainRequest extends infer Request
  ? Request extends KeychainRequest
    ? Omit<Request, 'service'>
    : never
  : never;

function silent(reason: string): SecretsError {
  return new SecretsError('silent_keychain', `the keychain does not answer: ${reason}`);
}

/** Where there is no bus nobody need be asked. */
function requireBus({ env, platform }: KeychainOptions): void {
  if (platform === 'darwin' || platform === 'win32') return;
  const runtime = env['XDG_RUNTIME_DIR'] ?? '';
  const isThere =
    (env['DBUS_SESSION_BUS_ADDRESS'] ?? '') !== '' || (runtime !== '' && existsSync(join(runtime, 'bus')));
  if (!isThere) {
    throw new SecretsError('no_keychain', 'there is no keychain: this is no session of a desktop (no session bus)');
  }
}

function exchange(request: KeychainRequest, options: KeychainOptions): Promise<KeychainAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<KeychainAnswer>();
  const { env, platform, timeoutMs } = options;
  const session = OF_THE_SESSION.flatMap((name): Array<[string, string]> => {
    const value = env[name];
    return value === undefined ? [] : [[name, value]];
  });
  const [program, ...args] = options.argv ?? [process.execPath, ownProgram()];
  const child = spawn(program, args, {
    env: childEnvironment(env, Object.fromEntries(session), platform).env,
    shell: false,
    windowsHide: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const chunks: Buffer[] = [];
  let bytes = 0;
  const cut = (reason: string): void => {
    reject(silent(reason));
    child.kill('SIGKILL');
    child.stdout.destroy();
  };
  const timer = setTimeout(() => cut(`it took more than ${timeoutMs / 1000} s; is it locked?`), timeoutMs);
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes > MAX_ANSWER_BYTES) cut('it said too much');
  });
  child.once('error', (error) => cut('code' in error ? String(error.code) : 'it cannot be asked'));
  child.once('close', () => {
    clearTimeout(timer);
    try {
      resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')) as KeychainAnswer);
    } catch {
      reject(silent('what asks it ended without an answer'));
    }
  });
  // It may have ended before it read.
  child.stdin.on('error', () => undefined);
  child.stdin.end(JSON.stringify(request));
  return promise;
}

function ownProgram(): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`./keychain-program.${extension}`, import.meta.url));
}
