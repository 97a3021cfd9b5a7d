/**
 * Packages of npm: installed by npm without their install scripts, started by node without npm. Scripts are left out because
 * they would run code of the package and of all that it depends on beside the registry's credentials and with an open network;
 * what the package does it then does for the first time in the sandbox of its server.
 */
import { readFile, realpath, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isRiskyVariable, readFileBounded, resolveCommand, resolveInside, type PackageRun } from '@sallyport/host';
import { isObject } from '@sallyport/wire';
import type { Entry, InstallCommand, InstallContext, Installer } from './installer.ts';
import { networkEnvironment, readableFiles } from './network.ts';

const OPTIONS: readonly string[] = [
  '--ignore-scripts',
  '--omit=dev',
  '--no-audit',
  '--no-fund',
  '--no-package-lock',
  '--no-bin-links',
  '--no-update-notifier',
  '--loglevel=error',
];
const NPMRC = 'npmrc';
const CACHE = 'cache';
const MAX_MANIFEST_BYTES = 1024 * 1024;
const MAX_NPMRC_BYTES = 256 * 1024;

export const npmInstaller: Installer = { command, entry, leftovers: [NPMRC, CACHE] };

async function command(context: InstallContext): Promise<InstallCommand | undefined> {
  const { env, folder, run } = context;
  const npm = await find('npm', context);
  if (npm === undefined) return undefined;
  const node = await nodeFor(context);
  // As a program of node's, so that nothing of it is looked for on PATH in the sandbox.
  const [program, ...words] = /\.[cm]?js$/.test(npm) ? [node, npm] : [npm];
  await writeFile(join(folder, NPMRC), await npmConfiguration(node, env), { mode: 0o644 });
  return {
    command: program,
    args: [...words, 'install', '--prefix', folder, ...OPTIONS, '--', run.spec],
    env: {
      ...networkEnvironment(env),
      ...npmVariables(env),
      npm_config_userconfig: join(folder, NPMRC),
      npm_config_globalconfig: '/dev/null',
      npm_config_cache: join(folder, CACHE),
    },
    read: await readableFiles(env),
  };
}

/** Beside the runner first: that one belongs to the same Node. */
async function find(name: string, { runner, path }: InstallContext): Promise<string | undefined> {
  const places = { path: `${dirname(runner)}:${path}`, cwd: '/', platform: process.platform };
  return resolveCommand(name, places).then(
    ({ path: found }) => realpath(found),
    () => undefined,
  );
}

async function nodeFor(context: InstallContext): Promise<string> {
  return (await find('node', context)) ?? process.execPath;
}

/** Registry and credentials as the user of this gateway has them: the file of the installation, then that of the user. */
async function npmConfiguration(node: string, env: InstallContext['env']): Promise<string> {
  const home = env['HOME'] ?? '';
  const files = [
    env['npm_config_globalconfig'] ?? env['NPM_CONFIG_GLOBALCONFIG'] ?? join(dirname(dirname(node)), 'etc', 'npmrc'),
    env['npm_config_userconfig'] ?? env['NPM_CONFIG_USERCONFIG'] ?? join(home, '.npmrc'),
  ];
  const texts = await Promise.all(files.map((file) => readFileBounded(file, MAX_NPMRC_BYTES).catch(() => '')));
  // In the sandbox those variables are not there.
  return texts.join('\n').replaceAll(/\$\{([^}?]+)\??\}/g, (whole, name: string) => env[name] ?? whole);
}

/** npm's own way to be configured; what makes it run other code is left out. */
function npmVariables(env: InstallContext['env']): Record<string, string> {
  const names = Object.keys(env).filter((name) => /^npm_config_/i.test(name) && !isRiskyVariable(name));
  return Object.fromEntries(names.map((name) => [name, env[name] ?? '']));
}

async function entry(context: InstallContext): Promise<Entry> {
  const { folder, run } = context;
  const { dependencies } = await manifestAt(folder);
  const [name = ''] = isObject(dependencies) ? Object.keys(dependencies) : [];
  const root = join(folder, 'node_modules', name);
  const manifest = await manifestAt(root);
  const file = await resolveInside(root, binOf(manifest, run));
  const { version } = manifest;
  return {
    ...(await startOf(file, context)),
    ...(typeof version === 'string' && { version }),
  };
}

async function manifestAt(folder: string): Promise<Record<string, unknown>> {
  const value: unknown = JSON.parse(
    (await readFileBounded(join(folder, 'package.json'), MAX_MANIFEST_BYTES)).toString(),
  );
  return isObject(value) ? value : {};
}

/** As npm chooses: the program named, the only one there is, or that of the package's own name. */
function binOf({ name, bin }: Record<string, unknown>, { program, spec }: PackageRun): string {
  const own = String(name).replace(/^@[^/]+\//, '');
  const bins: Readonly<Record<string, unknown>> = isObject(bin) ? bin : { [own]: bin };
  const programs = Object.keys(bins);
  const [only, ...others] = new Set(Object.values(bins));
  const file = program === undefined ? (others.length === 0 ? only : bins[own]) : bins[program];
  if (typeof file === 'string' && file !== '') return file;
  const known =
    programs.length === 0 || only === undefined ? 'it has none' : `it has ${programs.slice(0, 8).join(', ')}`;
  throw new Error(
    program === undefined
      ? `The package "${spec}" does not say which program to run: ${known}. Name one: --package=${spec} PROGRAM.`
      : `The package "${spec}" has no program "${program}": ${known}.`,
  );
}

/** A script of node's is run by node itself, another by its own first line. */
async function startOf(file: string, context: InstallContext): Promise<Pick<Entry, 'command' | 'args'>> {
  const [first = ''] = (await readFile(file, 'utf8')).split('\n', 1);
  const match = /^#!\s*(?:\S*\/)?(?:env\s+(?:-S\s+)?)?node(?:\s+(.*))?$/.exec(first.trim());
  const flags = match?.[1]?.split(/\s+/).filter((flag) => flag !== '') ?? [];
  const isScript = match !== null || (!first.startsWith('#!') && /\.[cm]?js$/.test(file));
  return isScript ? { command: await nodeFor(context), args: [...flags, file] } : { command: file, args: [] };
}
