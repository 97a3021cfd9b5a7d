/**
 * Packages that a server's command would fetch when it is started (`npx`, `uvx`): they are installed apart, with network, into a
 * folder of the server's own, and the server is then started from there without one. Install scripts are not run. What such
 * a command means is told by @sallyport/host; how a process is caged is not known here.
 */
import { access, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ChildCommand, PreparedChild } from '@sallyport/client';
import { childEnvironment, packageRun, resolveCommand, type PackageRun, type Reaper } from '@sallyport/host';
import type { SandboxSettings } from '../call.ts';
import type { Entry, InstallContext, Installer } from './installer.ts';
import { npmInstaller } from './npm.ts';
import { checkIntegrity, integrityIn, lockedCommand, lockedFor, type LockedPackage } from './locked.ts';
import { runInstall } from './run.ts';
import { createShelf, type Installed } from './shelf.ts';
import { uvInstaller } from './uv.ts';

/** Packages may be large, and lines slow. */
const INSTALL_TIMEOUT_MS = 5 * 60_000;
/** A version that moves is looked for again after so long. */
const MOVING_MS = 24 * 60 * 60_000;

/** Whose children are started. */
export interface InstallOwner {
  readonly server: string;
  /** Of its sandbox. */
  readonly settings: SandboxSettings;
}

export interface InstallsOptions {
  /** Where installs lie; undefined: nothing is kept, and every command is left as it is. */
  readonly base: string | undefined;
  /** Cages a process that installs; what its settings let it write to is part of the state. */
  readonly cage: (owner: InstallOwner, child: ChildCommand) => Promise<PreparedChild>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What somebody has written down of a server's package. */
  readonly locked: (server: string) => LockedPackage | undefined;
  /** Whether programs that others may replace are refused. */
  readonly strict: () => boolean;
  readonly reaper: Reaper;
  readonly log: (level: 'info' | 'warn', text: string, detail?: Readonly<Record<string, unknown>>) => void;
  /** ms since 1970. */
  readonly now: () => number;
}

export interface InstalledChild extends ChildCommand {
  /** Folders of ours that the child has to read. */
  readonly revealed: readonly string[];
}

/** What is known of the program of a server. */
export interface ProgramStatus {
  /** What is being done before it can be started. */
  readonly doing?: string;
  /** What its command was found to be at the last start: absolute. */
  readonly command?: string;
  /** What that would have fetched, and is installed. */
  readonly package?: {
    readonly spec: string;
    readonly version?: string;
    /** What to write to stay with that version; absent: that is written. */
    readonly pinned?: string;
  };
}

export interface Installs {
  /**
   * What is to be started instead of a command: the same, or what it would have fetched. Rejects with an Error for a person.
   * Installs of one package for one server are made once, however many ask.
   */
  prepared(owner: InstallOwner, child: ChildCommand): Promise<InstalledChild>;
  status(server: string): ProgramStatus;
  /** Ends the installs that are under way. */
  close(): void;
}

export function createInstalls(options: InstallsOptions): Installs {
  const under = new Map<string, Promise<Installed>>();
  const statuses = new Map<string, ProgramStatus>();
  const ending = new AbortController();

  /** One for all that ask at the same time. */
  const installed = async (owner: InstallOwner, job: Job): Promise<Installed> => {
    const key = JSON.stringify([owner.server, job.key]);
    const work = under.get(key) ?? install(owner, job, options, ending.signal).finally(() => under.delete(key));
    under.set(key, work);
    return await work;
  };

  return {
    status: (server) => statuses.get(server) ?? {},
    close: () => ending.abort(new Error('The gateway does not use it any more.')),
    async prepared(owner, written) {
      const { server, settings } = owner;
      const locked = lockedFor(written, options.locked(server));
      const child = lockedCommand(written, locked);
      if (options.strict()) await refuseReplaceable(child);
      const job = settings.level === 'none' ? undefined : await jobOf(child, options);
      if (job === undefined) {
        statuses.set(server, { command: child.command });
        return { ...child, revealed: [] };
      }
      const { spec } = job.run;
      statuses.set(server, { command: child.command, doing: `installing ${spec}` });
      try {
        const { folder } = await installed(owner, job);
        await checkIntegrity(folder, job.run, locked);
        const { command, args, version } = await job.installer.entry({ ...job.context, folder });
        const known = { command: child.command, package: { spec, ...versionOf(job.run, version) } };
        statuses.set(server, known);
        // What is started is node or the like, which does not tell what it runs.
        options.log('info', 'a package is started', { server, command: child.command, package: spec, version });
        return { ...child, command, args: [...args, ...job.run.programArgs], revealed: [folder] };
      } catch (error) {
        statuses.set(server, { command: child.command });
        throw error;
      }
    },
  };
}

function versionOf({ pin, pinned }: PackageRun, version: string | undefined): { version?: string; pinned?: string } {
  if (version === undefined) return {};
  return { version, ...(pin !== 'exact' && { pinned: pinned.replace('VERSION', version) }) };
}

/** What is installed of the package that a command would fetch; undefined: nothing, or nobody can tell its version. */
export async function installedPackage(
  server: string,
  child: ChildCommand,
  options: Pick<InstallsOptions, 'base' | 'env' | 'now'>,
): Promise<LockedPackage | undefined> {
  const job = await jobOf(child, options);
  if (job === undefined) return undefined;
  const { base, context, installer, key, run } = job;
  const found = await createShelf({ base, server, key, timeoutMs: INSTALL_TIMEOUT_MS, now: options.now }).find();
  if (found === undefined) return undefined;
  const { folder } = found;
  const { version } = await installer.entry({ ...context, folder }).catch((): Partial<Entry> => ({}));
  if (version === undefined) return undefined;
  const integrity = await integrityIn(folder, run);
  return { spec: run.spec, version, ...(integrity !== undefined && { integrity }) };
}

/** It reads and writes what it needs, with an open network; the rest is as the server has it, but for limits. */
function settingsFor({ level, user }: SandboxSettings, read: readonly string[], folder: string): SandboxSettings {
  const own = level === 'strict' ? 'standard' : level;
  return { ...(own !== undefined && { level: own }), ...(user !== undefined && { user }), read, write: [folder] };
}

interface Job {
  readonly run: PackageRun;
  readonly installer: Installer;
  readonly key: string;
  readonly base: string;
  readonly context: Omit<InstallContext, 'folder'>;
}

const IS_WINDOWS = process.platform === 'win32';

const INSTALLERS: Readonly<Record<string, Installer>> = {
  npx: npmInstaller,
  'npm exec': npmInstaller,
  'npm x': npmInstaller,
  'pnpm dlx': npmInstaller,
  pnpx: npmInstaller,
  'yarn dlx': npmInstaller,
  uvx: uvInstaller,
  'uv tool run': uvInstaller,
};

/** Undefined: nothing is to be installed, or the runner's own way is the only one. */
async function jobOf(
  child: ChildCommand,
  { base, env }: Pick<InstallsOptions, 'base' | 'env'>,
): Promise<Job | undefined> {
  const run = packageRun(child.command, child.args);
  const installer = run && Object.hasOwn(INSTALLERS, run.runner) ? INSTALLERS[run.runner] : undefined;
  // What npm has on Windows needs a shell to be started.
  if (base === undefined || run === undefined || installer === undefined || IS_WINDOWS) return undefined;
  if (run.pin === 'local' || run.isSpecial || (await isProjects(run, child.cwd))) return undefined;
  const context = { run, runner: child.command, path: child.env['PATH'] ?? '', env };
  return { run, installer, base, context, key: JSON.stringify([run.registry, run.spec]) };
}

/**
 * npm's runners prefer what the project has, unless that is another version. A name without a version then means the
 * project's own, which no registry need know.
 */
async function isProjects({ name, pin, registry }: PackageRun, cwd: string): Promise<boolean> {
  if (registry !== 'npm' || pin === 'exact' || name === undefined) return false;
  for (let folder = cwd; ; folder = dirname(folder)) {
    const found = await access(join(folder, 'node_modules', name)).then(
      () => true,
      () => false,
    );
    if (found || folder === dirname(folder)) return found;
  }
}

async function refuseReplaceable({ command, cwd }: ChildCommand): Promise<void> {
  const { warning } = await resolveCommand(command, { path: '', cwd, platform: process.platform });
  if (warning !== undefined)
    throw new Error(`${warning} Under \`strict\` it is not run: take that right away (chmod o-w).`);
}

async function install(
  owner: InstallOwner,
  job: Job,
  options: InstallsOptions,
  signal: AbortSignal,
): Promise<Installed> {
  const { run, base, key } = job;
  const { log, now } = options;
  const { server } = owner;
  const shelf = createShelf({ base, server, key, timeoutMs: INSTALL_TIMEOUT_MS, now });
  const isGood = ({ installedMs }: Installed): boolean => run.pin === 'exact' || now() - installedMs < MOVING_MS;
  const before = await shelf.find();
  if (before !== undefined && isGood(before)) return before;
  const startedMs = now();
  log('info', 'a package is installed', { server, package: run.spec });
  try {
    let entry: Entry | undefined;
    const made = await shelf.install(async (folder) => {
      entry = await fill(owner, job, { ...job.context, folder }, { ...options, signal });
    }, isGood);
    const version = entry?.version;
    const tookMs = now() - startedMs;
    log('info', 'the package is installed', {
      server,
      package: run.spec,
      ...(version !== undefined && { version }),
      tookMs,
    });
    return made;
  } catch (error) {
    if (before === undefined) throw error;
    log('warn', 'the package could not be looked for again: the one of before is used', {
      server,
      package: run.spec,
      error: String(error),
    });
    return before;
  }
}

/** Rejects when it cannot be installed, or nothing of it can be started. */
async function fill(
  owner: InstallOwner,
  { installer, run }: Job,
  context: InstallContext,
  options: InstallsOptions & { readonly signal: AbortSignal },
): Promise<Entry> {
  const { folder } = context;
  const wanted = await installer.command(context);
  if (wanted === undefined) {
    throw new Error(
      `"${run.spec}" cannot be installed: ${run.registry === 'npm' ? 'npm' : 'uv'} was not found beside "${context.runner}".`,
    );
  }
  const { command, args, env: added, read } = wanted;
  const { env } = childEnvironment(options.env, added, process.platform);
  const settings = settingsFor(owner.settings, read, folder);
  const child = await options.cage({ ...owner, settings }, { command, args, cwd: folder, env });
  try {
    await runInstall(child, {
      spec: run.spec,
      reaper: options.reaper,
      timeoutMs: INSTALL_TIMEOUT_MS,
      signal: options.signal,
    });
  } finally {
    await child.release();
  }
  await Promise.all(installer.leftovers.map((name) => rm(join(folder, name), { recursive: true, force: true })));
  return await installer.entry(context);
}
