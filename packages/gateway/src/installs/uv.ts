/**
 * Packages of Python: installed by uv as a tool with an environment of its own, from wheels alone (building from source would
 * run code of the package beside an open network), and started by their own program.
 */
import { access, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { resolveCommand } from '@sallyport/host';
import type { Entry, InstallCommand, InstallContext, Installer } from './installer.ts';
import { networkEnvironment, readableFiles } from './network.ts';

const CACHE = 'cache';
const PROGRAMS = 'bin';
const TOOLS = 'tools';

export const uvInstaller: Installer = { command, entry, leftovers: [CACHE] };

async function command({ env, folder, path, run, runner }: InstallContext): Promise<InstallCommand | undefined> {
  const places = { path: `${dirname(runner)}:${path}`, cwd: '/', platform: process.platform };
  const uv = await resolveCommand('uv', places).catch(() => undefined);
  if (uv === undefined) return undefined;
  return {
    command: uv.path,
    args: ['tool', 'install', '--quiet', '--no-progress', '--no-build', '--', run.spec],
    env: {
      ...networkEnvironment(env),
      ...uvVariables(env),
      UV_TOOL_DIR: join(folder, TOOLS),
      UV_TOOL_BIN_DIR: join(folder, PROGRAMS),
      UV_CACHE_DIR: join(folder, CACHE),
      UV_PYTHON_INSTALL_DIR: join(folder, 'python'),
      UV_LINK_MODE: 'copy',
    },
    read: await readableFiles(env),
  };
}

/** uv's own way to be configured: indexes and their credentials. */
function uvVariables(env: InstallContext['env']): Record<string, string> {
  const names = Object.keys(env).filter((name) =>
    /^UV_(?:.*INDEX|FIND_LINKS|PYTHON|NATIVE_TLS|SYSTEM_CERTS)/.test(name),
  );
  return Object.fromEntries(names.map((name) => [name, env[name] ?? '']));
}

async function entry({ folder, run }: InstallContext): Promise<Entry> {
  const programs = await readdir(join(folder, PROGRAMS)).catch((): string[] => []);
  const name = run.program ?? run.name ?? '';
  const file = join(folder, PROGRAMS, name);
  const isThere =
    programs.includes(name) &&
    (await access(file).then(
      () => true,
      () => false,
    ));
  if (isThere) {
    const version = await versionIn(join(folder, TOOLS), run.name ?? name);
    return { command: file, args: [], ...(version !== undefined && { version }) };
  }
  const known = programs.length === 0 ? 'it has none' : `it has ${programs.slice(0, 8).join(', ')}`;
  throw new Error(
    `The package "${run.spec}" has no program "${name}": ${known}. Name one: --from ${run.spec} PROGRAM.`,
  );
}

/** By the name of the folder that describes the package (PyPA, "Recording installed projects"). */
async function versionIn(tools: string, name: string): Promise<string | undefined> {
  const plain = name.toLowerCase().replaceAll(/[-_.]+/g, '_');
  for (const tool of await readdir(tools).catch((): string[] => [])) {
    const lib = join(tools, tool, 'lib');
    for (const python of await readdir(lib).catch((): string[] => [])) {
      const installed = await readdir(join(lib, python, 'site-packages')).catch((): string[] => []);
      const described = installed.find(
        (one) => one.toLowerCase().startsWith(`${plain}-`) && one.endsWith('.dist-info'),
      );
      if (described !== undefined) return described.slice(plain.length + 1, -'.dist-info'.length);
    }
  }
  return undefined;
}
