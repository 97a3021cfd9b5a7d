/** A container engine that works here, and an image for it that is made of programs of this machine: nothing is pulled. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { createDetect, type EngineFacts } from '@sallyport/host/sandbox';

const PROGRAMS = ['sh', 'perl', 'cat', 'sleep', 'true'];

export interface EngineHere extends AsyncDisposable {
  readonly engine: EngineFacts;
  readonly image: string;
  /** Runs the engine's command and resolves with what it says. */
  readonly ask: (...args: readonly string[]) => Promise<string>;
}

/** Undefined, and why on the console, where there is none. */
export async function engineHere(test: string): Promise<EngineHere | undefined> {
  const { engine, engineFailure = 'none is installed' } = await createDetect()({ engine: true });
  if (engine === undefined) return skipped(test, engineFailure);
  const [command = '', ...before] = engine.argv;
  const ask = async (...args: readonly string[]): Promise<string> =>
    (await promisify(execFile)(command, [...before, ...args], { env: { ...engine.env } })).stdout;
  const image = `localhost/sallyport-test:${process.pid}`;
  const remove = async (): Promise<void> => void (await ask('rmi', '--force', image).catch(() => undefined));
  try {
    await makeImage([command, ...before, 'import', '-', image], engine.env);
    const flags = '--rm --network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024'.split(' ');
    await ask('run', ...flags, image, '/usr/bin/true');
  } catch (error) {
    await remove();
    return skipped(test, `${engine.name} runs nothing here: ${String((error as { stderr?: string }).stderr ?? error)}`);
  }
  return { engine, image, ask, [Symbol.asyncDispose]: remove };
}

function skipped(test: string, why: string): undefined {
  console.warn(`${test}: containers are skipped: ${why}`);
}

/** Node, a shell and Perl, with the libraries that they need. */
async function makeImage([command = '', ...args]: readonly string[], env: EngineFacts['env']): Promise<void> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-image-')));
  try {
    await mkdir(join(root, 'usr/bin'), { recursive: true });
    await mkdir(join(root, 'tmp'));
    await chmod(join(root, 'tmp'), 0o1777);
    const programs = PROGRAMS.map(
      (name) => [name, ['/usr/bin', '/bin'].map((folder) => join(folder, name)).find(existsSync)] as const,
    );
    for (const [name, path] of [['node', process.execPath] as const, ...programs]) {
      if (path === undefined) continue;
      await copyFile(await realpath(path), join(root, 'usr/bin', name));
      const libraries = execFileSync('/usr/bin/ldd', [path], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
      for (const library of libraries) {
        await mkdir(join(root, dirname(library)), { recursive: true });
        await copyFile(library, join(root, library));
      }
    }
    await mkdir(join(root, 'bin'), { recursive: true });
    await copyFile(join(root, 'usr/bin/sh'), join(root, 'bin/sh'));
    const tar = spawn('tar', ['-C', root, '-c', '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const engine = spawn(command, args, { env: { ...env }, stdio: [tar.stdout, 'ignore', 'ignore'] });
    const [code] = (await once(engine, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`the image was not made (${code})`);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
