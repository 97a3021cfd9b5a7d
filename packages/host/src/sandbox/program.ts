/**
 * The files that a server is made of: what has to be in its sight whatever else is. From the command and the arguments to the
 * package, modules or installation that they belong to. Looks at the file system, changes nothing, and judges no path.
 */
import { readdir, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { SandboxSpec, SeenPath } from './spec.ts';

const CODE = /\.(?:[cm]?[jt]s|py|rb|php|pl|sh|jar|wasm)$/;
const MODULES = '/node_modules/';
/** What lies at the root of a package of code. */
const MANIFESTS: readonly string[] = ['package.json', 'pyproject.toml', 'deno.json'];
/** What lies in an installation of a runtime, beside its `bin`. */
const RUNTIMES: readonly string[] = ['lib/node_modules', 'pyvenv.cfg'];

export interface NamedPaths {
  /** The command, and arguments that are files of code. */
  readonly program: readonly SeenPath[];
  /** The folders that those belong to. */
  readonly belongings: readonly SeenPath[];
  /** Other paths among the arguments, also those in `--name=PATH`. */
  readonly others: readonly SeenPath[];
}

/** Those that exist; relative arguments are meant from the working folder, and count when they lead out of it. */
export async function namedPaths({ args, command, cwd, level }: SandboxSpec): Promise<NamedPaths> {
  const paths = args.map(pathIn).flatMap((arg) => (arg === undefined ? [] : [resolve(cwd, arg)]));
  const entries = await existingPaths(paths);
  const isCode = ({ kind, path }: SeenPath): boolean => kind === 'file' && CODE.test(path);
  const files = [...(await existingPaths([command])), ...entries.filter(isCode)];
  const whole = await Promise.all(files.map((file) => belongingTo(file, level === 'strict')));
  return { program: files, belongings: whole.flat(), others: entries.filter((entry) => !isCode(entry)) };
}

export async function existingPaths(paths: readonly string[]): Promise<readonly SeenPath[]> {
  return (await Promise.all(paths.map(lookAt))).filter((entry) => entry !== undefined);
}

export async function lookAt(path: string): Promise<SeenPath | undefined> {
  try {
    const real = await realpath(path);
    return { path, real, kind: (await stat(real)).isDirectory() ? 'folder' : 'file' };
  } catch {
    return undefined;
  }
}

function pathIn(arg: string): string | undefined {
  const value = /^--?[\w-]+=(.+)$/.exec(arg)?.[1] ?? arg;
  if (isAbsolute(value) || /^\.\.?(?:\/|$)/.test(value)) return value;
  // `server.mjs`, `dist/index.js`: what it runs. Any other word may be a word.
  return CODE.test(value) && !value.includes(':') ? value : undefined;
}

/** Under `strict` a package of its own is not given as a whole: its folder may hold more than code. A link is looked at where it is, too: that is where a virtual environment of Python is. */
async function belongingTo({ path, real }: SeenPath, isStrict: boolean): Promise<readonly SeenPath[]> {
  const at = real.indexOf(MODULES);
  const folders =
    at >= 0
      ? [real.slice(0, at + MODULES.length - 1)]
      : [
          CODE.test(real) && !isStrict ? await packageOf(real) : undefined,
          ...(await runtimesOf(path)),
          ...(await runtimesOf(real)),
          await pythonOf(real),
        ];
  return existingPaths(folders.filter((folder) => folder !== undefined));
}

/** The nearest folder with a manifest, which must be below a home. */
async function packageOf(file: string): Promise<string | undefined> {
  const home = homedir();
  for (let folder = dirname(file); folder !== home && dirname(dirname(folder)) !== folder; folder = dirname(folder)) {
    if (await has(folder, MANIFESTS)) return folder;
  }
  return undefined;
}

/** A virtual environment is of use only with the Python that its own leads to. */
async function runtimesOf(program: string): Promise<readonly (string | undefined)[]> {
  const runtime = await runtimeOf(program);
  const python = runtime && (await realpath(join(runtime, 'bin', 'python')).catch(() => undefined));
  return [runtime, python && (await pythonOf(python))];
}

/** Where a Python is that is not the system's, by a file that is in each: `~/.local`, say, has no more than packages. */
async function pythonOf(program: string): Promise<string | undefined> {
  const prefix = dirname(dirname(program));
  const names = await readdir(join(prefix, 'lib')).catch(() => []);
  const marks = names.filter((name) => /^python\d/.test(name)).map((name) => join('lib', name, 'os.py'));
  return prefix !== '/' && prefix !== '/usr' && (await has(prefix, marks)) ? prefix : undefined;
}

async function runtimeOf(program: string): Promise<string | undefined> {
  const prefix = dirname(dirname(program));
  // The system's own is in sight anyway.
  return prefix !== '/' && prefix !== '/usr' && (await has(prefix, RUNTIMES)) ? prefix : undefined;
}

async function has(folder: string, names: readonly string[]): Promise<boolean> {
  const found = await Promise.all(names.map((name) => lookAt(join(folder, name))));
  return found.some((entry) => entry !== undefined);
}
