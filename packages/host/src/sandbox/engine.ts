/**
 * The container engine of this machine, Docker or Podman: which of them answers, and what it can enforce. An engine on another
 * machine is none: files and sockets of this one are not there. Starts no container and fetches nothing.
 */
import type { EngineFacts, SandboxFacts } from './spec.ts';

/** Runs a program and resolves with its output, or rejects with an Error whose message says why not. Without an environment: the system's. */
export type RunEngine = (
  command: string,
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
) => Promise<string>;

export interface EngineOptions {
  readonly run: RunEngine;
  readonly find: (name: string) => Promise<string | undefined>;
  /** Of this process. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
}

export type FoundEngine = Pick<SandboxFacts, 'engine' | 'engineFailure'>;

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin';
/** Where an engine of a user's own keeps what it has and finds its control groups. */
const PASSED = ['HOME', 'XDG_RUNTIME_DIR', 'DBUS_SESSION_BUS_ADDRESS'] as const;
/** Docker reads there what a user wants of every container: proxies, say. Nothing is wanted. */
const NO_SETTINGS = '/var/empty';

/** Podman before Docker: it needs nobody's rights but its user's. Never rejects. */
export async function findEngine(options: EngineOptions): Promise<FoundEngine> {
  const failures: string[] = [];
  for (const name of ['podman', 'docker'] as const) {
    const path = await options.find(name);
    if (path === undefined) continue;
    try {
      return { engine: await (name === 'podman' ? podman : docker)(path, options), engineFailure: undefined };
    } catch (error) {
      failures.push(`${name}: ${(error as Error).message.replace(/[.\s]+$/, '').slice(0, 200)}`);
    }
  }
  return { engine: undefined, engineFailure: failures.length === 0 ? undefined : failures.join('; ') };
}

async function podman(path: string, { env, platform, run }: EngineOptions): Promise<EngineFacts> {
  const passed = clientEnvironment(env);
  const { host } = JSON.parse(await run(path, ['info', '--format', 'json'], passed)) as PodmanInfo;
  const virtual = platform !== 'linux';
  if (host.serviceIsRemote === true && !virtual) throw new Error('its service is on another machine');
  const controllers = new Set(host.cgroupControllers ?? []);
  return {
    name: 'podman',
    argv: [path],
    env: passed,
    rootless: host.security?.rootless === true,
    virtual,
    seccomp: host.security?.seccompEnabled === true,
    limits: [
      ...(controllers.has('memory') ? (['memory'] as const) : []),
      ...(controllers.has('cpu') ? (['cpu'] as const) : []),
      ...(controllers.has('pids') ? (['processes'] as const) : []),
    ],
  };
}

/** As far as it is read here. */
interface PodmanInfo {
  readonly host: {
    readonly serviceIsRemote?: boolean;
    readonly cgroupControllers?: readonly string[] | null;
    readonly security?: { readonly rootless?: boolean; readonly seccompEnabled?: boolean };
  };
}

async function docker(path: string, { env, platform, run }: EngineOptions): Promise<EngineFacts> {
  const passed = clientEnvironment(env);
  const inspect = ['context', 'inspect', '--format', '{{.Endpoints.docker.Host}}'];
  const host = (env['DOCKER_HOST'] ?? (await run(path, inspect, passed))).trim();
  if (!host.startsWith('unix:///')) throw new Error('its service is on another machine');
  const argv = [path, '--config', NO_SETTINGS, '--host', host];
  const info = JSON.parse(await run(path, [...argv.slice(1), 'info', '--format', '{{json .}}'], passed)) as DockerInfo;
  if (info.ServerErrors != null && info.ServerErrors.length > 0) throw new Error(info.ServerErrors[0] ?? 'no answer');
  if (info.OSType !== 'linux') throw new Error('its containers are not those of Linux');
  const security = info.SecurityOptions ?? [];
  return {
    name: 'docker',
    argv,
    env: passed,
    rootless: security.includes('name=rootless'),
    virtual: platform !== 'linux' || info.OperatingSystem === 'Docker Desktop',
    seccomp: security.some((option) => option.startsWith('name=seccomp') && !option.includes('unconfined')),
    limits: [
      ...(info.MemoryLimit === true ? (['memory'] as const) : []),
      ...(info.CpuCfsQuota === true ? (['cpu'] as const) : []),
      ...(info.PidsLimit === true ? (['processes'] as const) : []),
    ],
  };
}

/** As far as it is read here. */
interface DockerInfo {
  readonly ServerErrors?: readonly string[] | null;
  readonly OSType?: string;
  readonly OperatingSystem?: string;
  readonly SecurityOptions?: readonly string[] | null;
  readonly MemoryLimit?: boolean;
  readonly CpuCfsQuota?: boolean;
  readonly PidsLimit?: boolean;
}

function clientEnvironment(env: EngineOptions['env']): Readonly<Record<string, string>> {
  const passed: Record<string, string> = { PATH };
  for (const name of PASSED) {
    const value = env[name];
    if (value !== undefined) passed[name] = value;
  }
  return passed;
}
