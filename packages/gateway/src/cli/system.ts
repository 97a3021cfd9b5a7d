/** The real world for the command line. What costs time to load is loaded when it is first used. */
import { existsSync, readFileSync } from 'node:fs';
import { access, chown, lstat, mkdir, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import type * as Clack from '@clack/prompts';
import type * as Host from '@sallyport/host';
import type { CliFiles, CliSystem, Prompts } from './context.ts';
import { realProcesses } from './processes.ts';

/** Built from this process; reads nothing but the version in package.json. */
export function realSystem(): CliSystem {
  const { env } = process;
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    env,
    cwd: process.cwd(),
    home: homeFolder(),
    version: packageVersion(),
    nodeVersion: process.versions.node,
    isTerminal: process.stdin.isTTY && process.stderr.isTTY,
    columns: () => columnsOf(process.stdout),
    errorColumns: () => columnsOf(process.stderr),
    now: Date.now,
    confirm: async (question) => {
      const { confirm, isCancel } = await import('@clack/prompts');
      const answer = await confirm({ message: question, initialValue: false, output: process.stderr });
      return !isCancel(answer) && answer;
    },
    prompts: realPrompts(),
    onInterrupt: (listener) => {
      process.on('SIGINT', listener).on('SIGTERM', listener);
      return () => void process.off('SIGINT', listener).off('SIGTERM', listener);
    },
    files: realFiles(env),
    processes: realProcesses(),
  };
}

/** A user that the system does not know has none: a path that is nowhere finds nothing there. */
function homeFolder(): string {
  try {
    return homedir();
  } catch {
    return '/nonexistent';
  }
}

/** A terminal that does not tell its width has the width that all have had. */
function columnsOf(stream: NodeJS.WriteStream): number | undefined {
  return stream.isTTY ? stream.columns || 80 : undefined;
}

function realPrompts(): Prompts {
  const output = process.stderr;
  const ask = async <T>(question: (clack: typeof Clack) => Promise<T | symbol>): Promise<T | undefined> => {
    const clack = await import('@clack/prompts');
    const answer = await question(clack);
    return clack.isCancel(answer) ? undefined : (answer as T);
  };
  return {
    text: ({ message, initial, problem }) =>
      ask<string>((clack) =>
        clack.text({
          message,
          output,
          ...(initial !== undefined && { initialValue: initial }),
          validate: (answer) => problem(answer ?? ''),
        }),
      ),
    hidden: ({ message }) => ask<string>((clack) => clack.password({ message, output })),
    choose: ({ message, choices, initial }) =>
      ask<string>((clack) =>
        clack.select<string>({
          message,
          output,
          options: [...choices],
          ...(initial !== undefined && { initialValue: initial }),
        }),
      ),
    chooseMany: ({ message, choices, initial }) =>
      ask<readonly string[]>((clack) =>
        clack.multiselect<string>({
          message,
          output,
          options: [...choices],
          initialValues: [...initial],
          required: false,
        }),
      ),
  };
}

function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Of what stood around a folder before it was made; what was made is theirs too. `made`: the first folder that was. */
async function ownerAround(folder: string, made: string | undefined): Promise<{ uid: number; gid: number }> {
  const { gid, uid } = await stat(made === undefined ? folder : dirname(made));
  if (made === undefined) return { uid, gid };
  for (let each = folder; each.startsWith(made); each = dirname(each)) await chown(each, uid, gid);
  return { uid, gid };
}

async function repositoryOf(folder: string): Promise<string | undefined> {
  const isOne = await access(join(folder, '.git')).then(
    () => true,
    () => false,
  );
  if (isOne || dirname(folder) === folder) return isOne ? folder : undefined;
  return await repositoryOf(dirname(folder));
}

const host = (): Promise<typeof Host> => import('@sallyport/host');

function realFiles(env: Readonly<Record<string, string | undefined>>): CliFiles {
  return {
    exists: async (path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    read: async (path, maxBytes) => (await host()).readFileBounded(path, maxBytes),
    checkTrusted: async (path) => (await host()).checkTrustedFile(path),
    readSecret: async (path) => (await host()).readSecretFile(path),
    replace: async (path, data, { isPrivate } = { isPrivate: false }) => {
      const { writeFileAtomic } = await host();
      const existing = await realpath(path).catch(() => undefined);
      if (existing === undefined) return await writeFileAtomic(path, data);
      const { gid, mode, uid } = await stat(existing);
      const owner = isRoot() ? { owner: { uid, gid } } : {};
      await writeFileAtomic(existing, data, { mode: isPrivate ? 0o600 : mode & 0o777, ...owner });
    },
    create: async (path, text, { isPrivate } = { isPrivate: true }) => {
      const { writeFileOnce } = await host();
      const folder = dirname(path);
      const made = await mkdir(folder, { recursive: true, ...(isPrivate && { mode: 0o700 }) });
      const owner = isRoot() ? { owner: await ownerAround(folder, made) } : {};
      const mode = isPrivate ? {} : { mode: 0o666 & ~process.umask() };
      if (!(await writeFileOnce(path, text, { ...mode, ...owner }))) throw new Error(`${path} is there already`);
    },
    linked: async (path, below) => {
      const real = await realpath(path).catch(() => undefined);
      const straight = join(await realpath(below).catch(() => below), relative(below, path));
      if (real === undefined || real === straight) return undefined;
      const own = isRoot() ? (await lstat(dirname(path))).uid : process.getuid?.();
      const { uid } = await stat(real);
      const repository = await repositoryOf(dirname(real));
      return { path: real, isOwn: own === undefined || uid === own, ...(repository !== undefined && { repository }) };
    },
    readState: async (path) => {
      const { readFileBounded, tightenOrRefuse } = await host();
      if ((await tightenOrRefuse(path)) === 'absent') return undefined;
      return (await readFileBounded(path, 4_194_304)).toString('utf8');
    },
    writeState: async (path, text) => {
      const { ensurePrivateDirectory, writeFileAtomic } = await host();
      await ensurePrivateDirectory(dirname(path));
      await writeFileAtomic(path, text);
    },
    stateDirectory: async () => {
      const state = (await host()).stateDirectory(env, process.platform);
      // What a restore left half done is undone before anybody looks.
      if (existsSync(join(state, 'restore.json'))) {
        const { undoSwap } = await import('./restore-swap.ts');
        await undoSwap(state);
      }
      return state;
    },
  };
}
