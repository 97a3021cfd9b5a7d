/**
 * What this machine has to cage a child with: finds the programs in the folders of the system, never by PATH, and tries them
 * once. Needs no network and leaves nothing.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { detectCgroup } from './cgroup.ts';
import { findEngine, type RunEngine } from './engine.ts';
import { NOBODY } from './level.ts';
import { NAMESPACES, PASTA_ARGS, setprivArgs } from './plan.ts';
import { probeProfiles } from './seatbelt.ts';
import type { SandboxFacts, SandboxUser, Tool } from './spec.ts';

const FOLDERS = '/usr/bin /bin /usr/sbin /sbin /usr/local/bin /run/current-system/sw/bin /opt/homebrew/bin'.split(' ');
const PROBE_TIMEOUT_MS = 10_000;
/** The whole of what a plan asks of bubblewrap, but for paths and limits. */
const PROBE = '--cap-drop ALL --die-with-parent --ro-bind / / --proc /proc --dev /dev --'.split(' ');

export interface DetectOptions {
  /** For tests: runs a program and resolves with its output, or rejects with an Error whose message says why not. */
  readonly run?: RunEngine;
  /** For tests: the path of a program of the system, or undefined. */
  readonly find?: (name: string) => Promise<string | undefined>;
  /** Of this process, by which its engine is found. Default: its own. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** For tests. */
  readonly platform?: NodeJS.Platform;
}

/**
 * The facts, found out at the first call and then remembered. Never rejects. An engine, which may take long to answer, is asked only
 * where something needs one: with `asked`, and where nothing else can keep to `strict`.
 */
export function createDetect(
  options: DetectOptions = {},
): (asked?: { readonly engine?: boolean }) => Promise<SandboxFacts> {
  const { env = process.env, find = findProgram, platform = process.platform, run = runProgram } = options;
  let known: Promise<SandboxFacts> | undefined;
  let engine: ReturnType<typeof findEngine> | undefined;
  return async (asked = {}) => {
    const facts = await (known ??= detect({ find, platform, run }));
    const isCage = facts.bwrap !== undefined && facts.bwrapFailure === undefined;
    if (isCage && asked.engine !== true) return facts;
    return { ...facts, ...(await (engine ??= findEngine({ run, find, env, platform }))) };
  };
}

/** With the environment of programs of the system, where none is given. */
type Run = (command: string, args: readonly string[], env?: Readonly<Record<string, string>>) => Promise<string>;
interface Machine extends Required<Pick<DetectOptions, 'find' | 'platform'>> {
  readonly run: Run;
}
type Find = Machine['find'];

async function detect({ find, platform, run }: Machine): Promise<SandboxFacts> {
  const common = await commonFacts(platform);
  const { user } = common;
  if (platform === 'darwin') return { ...common, ...NOTHING, ...(await ofMacos(find, run)) };
  if (platform !== 'linux') return { ...common, ...NOTHING };
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
    ...NOTHING,
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

type CommonFacts = Pick<SandboxFacts, 'platform' | 'arch' | 'user' | 'node'>;

async function commonFacts(platform: NodeJS.Platform): Promise<CommonFacts> {
  return {
    platform,
    arch: process.arch === 'x64' || process.arch === 'arm64' ? process.arch : undefined,
    user: { uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1 },
    node: await realpath(process.execPath).catch(() => process.execPath),
  };
}

type MacosFacts = Pick<SandboxFacts, 'env' | 'seatbelt' | 'seatbeltFailure' | 'shell' | 'shellCloses' | 'srt'>;

async function ofMacos(find: Find, run: Run): Promise<MacosFacts> {
  const programs = ['sandbox-exec', 'true', 'srt', 'bash', 'sh', 'env'];
  const [seatbelt, probe = '', srt, bash, sh, env] = await Promise.all(programs.map(find));
  const failures =
    seatbelt === undefined
      ? []
      : await Promise.all(probeProfiles().map((profile) => failureOf([seatbelt, '-p', profile, probe], run)));
  const seatbeltFailure = failures.find((failure) => failure !== undefined);
  const shell = { shell: bash ?? sh, shellCloses: bash !== undefined };
  return { env, ...shell, srt, seatbelt: seatbeltFailure === undefined ? seatbelt : undefined, seatbeltFailure };
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
  engine: undefined,
  engineFailure: undefined,
  seatbelt: undefined,
  seatbeltFailure: undefined,
  srt: undefined,
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
function runProgram(
  command: string,
  args: readonly string[],
  own: Readonly<Record<string, string>> = { PATH: '/usr/bin:/bin' },
): Promise<string> {
  const env = Object.assign(Object.create(null), { NODE_V8_COVERAGE: undefined, ...own });
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
