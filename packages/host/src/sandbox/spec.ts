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
  /** The same where a server has no network namespace: its URL on loopback, with the secret that only this child has. */
  readonly proxyUrl?: string;
  /** These three are required when they are there; without them 2 GiB, none and 256 are asked for. */
  readonly memoryBytes?: number;
  /** Percent of one core. */
  readonly cpuPercent?: number;
  readonly processes?: number;
  /** Whom the child runs as; only root may choose, and root that does not choose becomes nobody (65534). */
  readonly user?: SandboxUser;
  /** The image of a container that the server runs in, whatever else would cage it. */
  readonly image?: string;
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
  /** A container engine that answers, as far as one was asked for: see `createDetect`. */
  readonly engine: EngineFacts | undefined;
  /** Why an engine that is there cannot be used, in its own words. */
  readonly engineFailure: string | undefined;
  /** Of macOS: the program that starts another one under a profile, and takes the profiles written here. */
  readonly seatbelt: string | undefined;
  readonly seatbeltFailure: string | undefined;
  /** Of macOS: the command of sandbox-runtime. */
  readonly srt: string | undefined;
  readonly cgroup: CgroupFacts | undefined;
  /** Hard limits of this process, which a child cannot go above: bytes, open files, processes. Absent: none. */
  readonly ceilings: Readonly<Partial<Record<'data' | 'nofile' | 'nproc', number>>>;
  /** What this process itself runs in, as far as that shows: `docker`, `podman`, `kubernetes`, … */
  readonly container: string | undefined;
}

/** A container engine of this machine. */
export interface EngineFacts {
  readonly name: 'docker' | 'podman';
  /** Its command, and the words that lead it to this very engine and keep a user's own settings out. */
  readonly argv: readonly string[];
  /** What its command needs of the environment, and all it gets. */
  readonly env: Readonly<Record<string, string>>;
  /** It is its user's own: root in a container is nobody but that user. */
  readonly rootless: boolean;
  /** It runs in a virtual machine: its containers share files with this machine, but neither sockets nor users. */
  readonly virtual: boolean;
  /** It filters system calls. */
  readonly seccomp: boolean;
  /** What it can limit. */
  readonly limits: readonly ('memory' | 'cpu' | 'processes')[];
}

export interface Tool {
  readonly path: string;
  readonly version: readonly [major: number, minor: number];
}

/** A layer that was asked for and is not to be had. */
export interface MissingLayer {
  readonly layer:
    | 'platform'
    | 'files'
    | 'network'
    | 'seccomp'
    | 'user'
    | 'memory'
    | 'cpu'
    | 'processes'
    | 'paths'
    | 'image'
    | 'environment';
  /** A sentence: what is wrong. */
  readonly why: string;
  /** A sentence: what to install, or what to write instead. */
  readonly remedy: string;
}

/** `docker`, `podman`: a container of it, be it one that the command itself asks for. */
export type SandboxDriver = 'bubblewrap' | 'setpriv' | 'seatbelt' | 'sandbox-runtime' | 'docker' | 'podman';

/** What only the start knows, in a plan: no argument of a program can hold a NUL. */
export const AT_START = {
  /** The name of the container. */
  name: '\0name\0',
  /** By which it is found again. */
  label: '\0label\0',
  /** The identity of its image. */
  image: '\0image\0',
  /** A private file. */
  file: '\0file\0',
  /** A folder with nothing in it. */
  empty: '\0empty\0',
  /** A private folder of this one child. */
  scratch: '\0scratch\0',
} as const;

export interface SandboxPlan {
  /** The level in force once the plan is carried out. */
  readonly level: LevelInForce;
  /** What enforces it; undefined: nothing does. */
  readonly driver: SandboxDriver | undefined;
  /** The image of the container that it runs in. */
  readonly image?: string;
  /** Not empty: the server must not be started. */
  readonly missing: readonly MissingLayer[];
  /** Sentences: what was not required and is not there. */
  readonly gaps: readonly string[];
  readonly command: string;
  /** With `AT_START` in them, as the values of `env`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Contents of the private file of `AT_START.file`. */
  readonly file?: string;
  /** The engine that is to make the container. */
  readonly engine?: EngineFacts;
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
