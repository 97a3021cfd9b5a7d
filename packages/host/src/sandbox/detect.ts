/**
 * What this machine has to cage a child with: finds the programs in the folders of the system, never by PATH, and tries them
 * once. Needs no network and leaves nothing.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { detectCgroup } from './cgroup.ts';
import { NOBODY } from './level.ts';
import { NAMESPACES, PASTA_ARGS, setprivArgs } from './plan.ts';
import type { SandboxFacts, SandboxUser, Tool } from './spec.ts';

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
  const common = await commonFacts(find);
  const { user } = common;
  if (process.platform !== 'linux') return { ...common, ...NOTHING };
  const programs = ['setpriv', 'prlimit', 'env', 'perl', 'bash', 'sh'];
  const [found, prlimit, env, perl, bash, sh] = await Promise.all(programs.map(find));
  const setprivFailure = found === undefined ? undefined : await failureOfSetpriv(found, user, run, find);
  const setpriv = setprivFailure === undefined ? found : undefined;
  const [layers, systemdRun, cgroup, ceilings, container] = await Promise.all([
    triedLayers(user.uid === 0 ? setpriv : undefined, run, find),
    scopeOf(user.uid, find),
    detectCgroup('/proc/self'),
    ceilingsOf(),
    containerOf(),
  ]);
  const shell = { shell: bash ?? sh, shellCloses: bash !== undefined };
  return {
    ...common,
    ...layers,
    ...shell,
    setpriv,
    setprivFailure,
    prlimit,
    env,
    perl,
    systemdRun,
    cgroup,
    ceilings,
    container,
  };
}

type CommonFacts = Pick<SandboxFacts, 'platform' | 'arch' | 'user' | 'node' | 'engine'>;

async function commonFacts(find: Find): Promise<CommonFacts> {
  const [docker, podman] = await Promise.all([find('docker'), find('podman')]);
  return {
    platform: process.platform,
    arch: process.arch === 'x64' || process.arch === 'arm64' ? process.arch : undefined,
    user: { uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1 },
    engine: podman !== undefined ? 'podman' : docker !== undefined ? 'docker' : undefined,
    node: await realpath(process.execPath).catch(() => process.execPath),
  };
}

const NOTHING: Omit<SandboxFacts, keyof CommonFacts> = {
  bwrap: undefined,
  bwrapFailure: undefined,
  pasta: undefined,
  pastaFailure: undefined,
  setpriv: undefined,
  setprivFailure: undefined,
  prlimit: undefined,
  env: undefined,
  shell: undefined,
  perl: undefined,
  shellCloses: false,
  systemdRun: undefined,
  cgroup: undefined,
  ceilings: {},
  container: undefined,
};

/** With all options that a plan may ask for. */
async function failureOfSetpriv(
  setpriv: string,
  user: SandboxUser,
  run: Run,
  find: Find,
): Promise<SandboxFacts['setprivFailure']> {
  const become = user.uid === 0 ? NOBODY : undefined;
  return failureOf([...setprivArgs({ setpriv, user }, 'limited', become), (await find('true')) ?? ''], run);
}

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

/** What it leaves running is ended with it: pasta, where it fails, forgets what it has started, and that holds the output open. */
function runProgram(command: string, args: readonly string[]): Promise<string> {
  const env = Object.assign(Object.create(null), { NODE_V8_COVERAGE: undefined, PATH: '/usr/bin:/bin' });
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, cwd: '/', detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].on('data', (chunk: Buffer) => (output[name] += chunk));
    const { pid } = child;
    const end = (): void => {
      clearTimeout(timer);
      if (pid !== undefined) endGroup(pid);
    };
    const timer = setTimeout(end, PROBE_TIMEOUT_MS);
    child.once('error', reject);
    child.once('exit', end);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(output.stdout);
      else reject(new Error(output.stderr.trim().split('\n').at(-1) || `it ended with ${signal ?? code}`));
    });
  });
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody of it is left.
  }
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
