/**
 * What this machine has to cage a child with: finds the programs in the folders of the system, never by PATH, and tries them
 * once. Needs no network and leaves nothing.
 */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { detectCgroup } from './cgroup.ts';
import { NAMESPACES, NOBODY, PASTA_ARGS } from './plan.ts';
import type { SandboxFacts, Tool } from './spec.ts';

const FOLDERS = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin', '/run/current-system/sw/bin'];
const PROBE_TIMEOUT_MS = 10_000;
/** The whole of what a plan asks of bubblewrap, but for paths and limits. */
const PROBE = '--cap-drop ALL --die-with-parent --ro-bind / / --proc /proc --dev /dev --'.split(' ');

export interface DetectOptions {
  /** For tests: runs a program and resolves with its output, or rejects with an Error whose message says why not. */
  readonly run?: (command: string, args: readonly string[]) => Promise<string>;
  /** For tests: the path of a program of the system, or undefined. */
  readonly find?: (name: string) => Promise<string | undefined>;
}

/** The facts, found out at the first call and then remembered. Never rejects. */
export function createDetect(options: DetectOptions = {}): () => Promise<SandboxFacts> {
  let facts: Promise<SandboxFacts> | undefined;
  return () => (facts ??= detect(options));
}

type Run = NonNullable<DetectOptions['run']>;
type Find = NonNullable<DetectOptions['find']>;

async function detect({ run = runProgram, find = findProgram }: DetectOptions): Promise<SandboxFacts> {
  const user = { uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1 };
  const arch = process.arch === 'x64' || process.arch === 'arm64' ? process.arch : undefined;
  const common = { platform: process.platform, arch, user };
  if (process.platform !== 'linux') return { ...common, ...NOTHING };
  const [setpriv, prlimit, env, bash, sh] = await Promise.all(['setpriv', 'prlimit', 'env', 'bash', 'sh'].map(find));
  const [layers, systemdRun, cgroup, ceilings, container] = await Promise.all([
    triedLayers(user.uid === 0 ? setpriv : undefined, run, find),
    scopeOf(user.uid, find),
    detectCgroup('/proc/self'),
    ceilingsOf(),
    containerOf(),
  ]);
  const shell = { shell: bash ?? sh, shellCloses: bash !== undefined };
  return { ...common, ...layers, ...shell, setpriv, prlimit, env, systemdRun, cgroup, ceilings, container };
}

const NOTHING: Omit<SandboxFacts, 'platform' | 'arch' | 'user'> = {
  bwrap: undefined,
  bwrapFailure: undefined,
  pasta: undefined,
  pastaFailure: undefined,
  setpriv: undefined,
  prlimit: undefined,
  env: undefined,
  shell: undefined,
  shellCloses: false,
  systemdRun: undefined,
  cgroup: undefined,
  ceilings: {},
  container: undefined,
};

type Layers = Pick<SandboxFacts, 'bwrap' | 'bwrapFailure' | 'pasta' | 'pastaFailure'>;

/** `setpriv`: given when this is root, for they are tried as whom the children will run. */
async function triedLayers(setpriv: string | undefined, run: Run, find: Find): Promise<Layers> {
  const [bwrap, pasta, probe = ''] = await Promise.all([
    versioned('bwrap', run, find),
    versioned('pasta', run, find),
    find('true'),
  ]);
  if (bwrap === undefined) return { bwrap, bwrapFailure: undefined, pasta, pastaFailure: undefined };
  const { uid, gid } = NOBODY;
  const become = setpriv === undefined ? [] : [setpriv, `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--'];
  const caged = [bwrap.path, ...NAMESPACES, ...PROBE, probe];
  const bwrapFailure = await failureOf([...become, ...caged], run);
  const withNetwork =
    pasta && bwrapFailure === undefined ? [...become, pasta.path, ...PASTA_ARGS, ...caged] : undefined;
  return { bwrap, bwrapFailure, pasta, pastaFailure: withNetwork && (await failureOf(withNetwork, run)) };
}

async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of FOLDERS) {
    const path = join(folder, name);
    if (await permits(path)) return path;
  }
  return undefined;
}

function permits(path: string, mode = constants.X_OK): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

function runProgram(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = Object.assign(Object.create(null), { NODE_V8_COVERAGE: undefined, PATH: '/usr/bin:/bin' });
    const options = { env, cwd: '/', timeout: PROBE_TIMEOUT_MS, killSignal: 'SIGKILL' as const };
    execFile(command, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(stderr.trim().split('\n').at(-1) || `it ended with ${error.code ?? error.signal}`));
    });
  });
}

/** A program that tells no version is taken for the oldest. */
async function versioned(name: string, run: Run, find: Find): Promise<Tool | undefined> {
  const path = await find(name);
  if (path === undefined) return undefined;
  const text = await run(path, ['--version']).catch(() => '');
  const [, major, minor] = /(\d+)\.(\d+)/.exec(text) ?? [];
  return { path, version: [Number(major ?? 0), Number(minor ?? 0)] };
}

function failureOf(argv: readonly string[], run: Run): Promise<string | undefined> {
  const [command = '', ...args] = argv;
  return run(command, args).then(
    () => undefined,
    (error: Error) => error.message.replace(/[.\s]+$/, '').slice(0, 200),
  );
}

/** The system's manager asks who is not root for a password, and that of a user needs its bus, which no child may get. */
async function scopeOf(uid: number, find: Find): Promise<SandboxFacts['systemdRun']> {
  const path =
    uid === 0 && (await permits('/run/systemd/system', constants.R_OK)) ? await find('systemd-run') : undefined;
  return path === undefined ? undefined : { path };
}

async function containerOf(): Promise<string | undefined> {
  if (await permits('/.dockerenv', constants.F_OK)) return 'docker';
  if (await permits('/run/.containerenv', constants.F_OK)) return 'podman';
  if (await permits('/var/run/secrets/kubernetes.io', constants.F_OK)) return 'kubernetes';
  const text = await readFile('/proc/1/cgroup', 'utf8').catch(() => '');
  return /\b(docker|kubepods|lxc|containerd|libpod)\b/.exec(text)?.[1];
}

async function ceilingsOf(): Promise<SandboxFacts['ceilings']> {
  const text = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const hard = (name: string): number | undefined => {
    const value = new RegExp(`^${name}\\s+\\S+\\s+(\\d+)`, 'm').exec(text)?.[1];
    return value === undefined ? undefined : Number(value);
  };
  const [data, nofile, nproc] = [hard('Max data size'), hard('Max open files'), hard('Max processes')];
  return {
    ...(data !== undefined && { data }),
    ...(nofile !== undefined && { nofile }),
    ...(nproc !== undefined && { nproc }),
  };
}
