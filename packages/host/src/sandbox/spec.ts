/** The words of the sandbox: what is asked for, what the machine has, what comes of both. Does nothing. */
import type { CgroupFacts, CgroupLimits } from './cgroup.ts';
import type { SeccompArch } from './syscalls.ts';

export type SandboxLevel = 'strict' | 'standard' | 'limited' | 'none';

/** `container`: the command is one of a container engine, which cages the server itself. */
export type LevelInForce = SandboxLevel | 'container';

export interface SandboxUser {
  readonly uid: number;
  readonly gid: number;
}

export interface SandboxSpec {
  /** As written, and then required; without one the strongest of `standard` and `limited` that the machine has is taken. */
  readonly level?: SandboxLevel;
  /** Absolute; see `resolveCommand`. */
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Complete; see `childEnvironment`. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute paths. */
  readonly read?: readonly string[];
  /** Absolute paths. */
  readonly write?: readonly string[];
  /** Host names as written; absent: none under `strict`, all under `standard`. Which they are is the proxy's matter. */
  readonly network?: readonly string[];
  /** The unix socket of the proxy through which the hosts of `network` are reached: this child's own, open to its user. */
  readonly proxy?: string;
  /** These three are required when they are there; without them 2 GiB, none and 256 are asked for. */
  readonly memoryBytes?: number;
  /** Percent of one core. */
  readonly cpuPercent?: number;
  readonly processes?: number;
  /** Whom the child runs as; only root may choose, and root that does not choose becomes nobody (65534). */
  readonly user?: SandboxUser;
  /**
   * A folder of this server's own that keeps its home and cache under `standard`. It exists, is the child's user's, and the way
   * to it is open to that user. Without one the home is empty at each start.
   */
  readonly home?: string;
  /** `HOME` as somebody has written it: kept where the child sees it. */
  readonly writtenHome?: string;
  /** Absolute paths of state, configuration and secrets: never visible. */
  readonly hidden: readonly string[];
  /** Folders within those that this child gets all the same: the program itself, where Sallyport has installed it. */
  readonly revealed?: readonly string[];
}

export type PathKind = 'file' | 'folder';

export interface SeenPath {
  /** Where it is in the child's sight: the path as written. */
  readonly path: string;
  /** Where it really is. */
  readonly real: string;
  readonly kind: PathKind;
}

export interface GuardedPath {
  readonly path: string;
  readonly kind: PathKind;
  readonly exists: boolean;
  /** Of a file that stands in its place while it does not exist. Default: nothing. */
  readonly text?: string;
}

/** What of the paths of a spec is there now; see `surveyPaths`. */
export interface Survey {
  readonly read: readonly SeenPath[];
  readonly write: readonly SeenPath[];
  /** Real paths; only what exists. */
  readonly hidden: readonly GuardedPath[];
  /** Real paths of folders within `hidden` that are seen all the same. */
  readonly revealed: readonly string[];
  /** What others run later, in or below the folders of `write`: hooks, profiles, configurations of MCP clients. */
  readonly laterRun: readonly GuardedPath[];
  /** Sentences: why the sandbox cannot be as it was asked for. */
  readonly problems: readonly string[];
  /** Sentences: what the working folder and the arguments name, and is not given as they ask. */
  readonly notes?: readonly string[];
  /** Of all interfaces of this machine. */
  readonly addresses?: readonly string[];
}

/** What this machine has; see `createDetect`. Paths are absolute. */
export interface SandboxFacts {
  readonly platform: NodeJS.Platform;
  readonly arch: SeccompArch | undefined;
  readonly user: SandboxUser;
  readonly bwrap: Tool | undefined;
  /** Why a bubblewrap that is there does not work here, in its own words. */
  readonly bwrapFailure: string | undefined;
  readonly pasta: Tool | undefined;
  readonly pastaFailure: string | undefined;
  /** One that can do all that is asked of it; that of BusyBox cannot. */
  readonly setpriv: string | undefined;
  /** Why a setpriv that is there is not used, in its own words. */
  readonly setprivFailure: string | undefined;
  readonly prlimit: string | undefined;
  readonly env: string | undefined;
  readonly shell: string | undefined;
  readonly perl: string | undefined;
  /** Where Node, which this process runs on, really is. */
  readonly node: string;
  /** The shell can close descriptors of any number. */
  readonly shellCloses: boolean;
  /** Of a system that systemd runs, for root. */
  readonly systemdRun: { readonly path: string } | undefined;
  /** A container engine whose command is there; whether it runs is not known. */
  readonly engine: 'docker' | 'podman' | undefined;
  readonly cgroup: CgroupFacts | undefined;
  /** Hard limits of this process, which a child cannot go above: bytes, open files, processes. Absent: none. */
  readonly ceilings: Readonly<Partial<Record<'data' | 'nofile' | 'nproc', number>>>;
  /** What this process itself runs in, as far as that shows: `docker`, `podman`, `kubernetes`, … */
  readonly container: string | undefined;
}

export interface Tool {
  readonly path: string;
  readonly version: readonly [major: number, minor: number];
}

/** A layer that was asked for and is not to be had. */
export interface MissingLayer {
  readonly layer: 'platform' | 'files' | 'network' | 'seccomp' | 'user' | 'memory' | 'cpu' | 'processes' | 'paths';
  /** A sentence: what is wrong. */
  readonly why: string;
  /** A sentence: what to install, or what to write instead. */
  readonly remedy: string;
}

export interface SandboxPlan {
  /** The level in force once the plan is carried out. */
  readonly level: LevelInForce;
  /** Of the level `container`: what makes it. */
  readonly engine?: string;
  /** Not empty: the server must not be started. */
  readonly missing: readonly MissingLayer[];
  /** Sentences: what was not required and is not there. */
  readonly gaps: readonly string[];
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** What bubblewrap reads from descriptor 3. */
  readonly filter: Uint8Array | undefined;
  /** The hosts that are reached through the proxy; undefined: the network is open, or none. */
  readonly network: readonly string[] | undefined;
  /** To be made before the start: a control group with these limits. */
  readonly cgroup: { readonly facts: CgroupFacts; readonly limits: CgroupLimits } | undefined;
  /** What enforces each limit; absent: nothing does. */
  readonly limits: Readonly<Partial<Record<'memory' | 'cpu' | 'processes', string>>>;
  /** Whom the child runs as, when that is another than this process's user. */
  readonly user: SandboxUser | undefined;
  /** What is kept read-only in writable folders; where it does not exist, an empty one is made for the time of the child. */
  readonly guarded: readonly GuardedPath[];
  readonly container: string | undefined;
  readonly shell: string | undefined;
}
