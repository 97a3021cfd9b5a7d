/** Where the configuration is looked for, in order. It only asks whether files exist; it opens none. */
import { join, resolve } from 'node:path';
import { ConfigError } from './problems.ts';

/** Who named the file. One that was only found in the current directory needs `sallyport trust`. */
export type Origin = 'argument' | 'environment' | 'directory' | 'user';

export type Found = { readonly path: string; readonly origin: Origin };

export type FindOptions = {
  /** `--config FILE` or `serve FILE`. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** The user's home directory. */
  readonly home: string;
  readonly exists: (path: string) => Promise<boolean>;
};

const extensions = ['json', 'jsonc', 'yaml', 'yml', 'toml'];

/** The configuration file, absolute. Throws ConfigError with every place that was tried when there is none. */
export async function findConfig({ file, env, cwd, home, exists }: FindOptions): Promise<Found> {
  if (file !== undefined) return named(resolve(cwd, file), 'argument', exists);
  const fromEnv = env['SALLYPORT_CONFIG'];
  if (fromEnv !== undefined && fromEnv !== '') return named(resolve(cwd, fromEnv), 'environment', exists);
  const places = [...inDirectory(cwd), ...userPlaces(env, home)];
  const present = await Promise.all(places.map(({ path }) => exists(path)));
  const first = places.find((_place, index) => present[index]);
  if (first === undefined) throw notFound(places.map(({ path }) => path));
  return first;
}

async function named(path: string, origin: Origin, exists: (path: string) => Promise<boolean>): Promise<Found> {
  if (await exists(path)) return { path, origin };
  const by = origin === 'argument' ? '' : ' (named by $SALLYPORT_CONFIG)';
  throw new ConfigError(`${path} does not exist${by}`);
}

/** Where a first configuration is written: the user's own, which needs no trust. Undefined when a file was named. */
export function firstConfigPath({ file, env, home }: Pick<FindOptions, 'file' | 'env' | 'home'>): string | undefined {
  const isNamed = file !== undefined || (env['SALLYPORT_CONFIG'] ?? '') !== '';
  return isNamed ? undefined : userPlaces(env, home).find(({ path }) => path.endsWith('.yaml'))?.path;
}

function inDirectory(cwd: string): Found[] {
  return extensions.map((extension) => ({ path: join(cwd, `sallyport.${extension}`), origin: 'directory' }));
}

function userPlaces(env: Readonly<Record<string, string | undefined>>, home: string): Found[] {
  const xdg = env['XDG_CONFIG_HOME'];
  // The specification: a relative XDG path is to be ignored.
  const base = xdg !== undefined && xdg.startsWith('/') ? xdg : join(home, '.config');
  return extensions.map((extension) => ({ path: join(base, 'sallyport', `config.${extension}`), origin: 'user' }));
}

function notFound(places: readonly string[]): ConfigError {
  const tried = places.map((place) => `  ${place}`).join('\n');
  return new ConfigError(
    `no configuration found. Tried $SALLYPORT_CONFIG and\n${tried}\n\`sallyport add NAME -- COMMAND\` writes a first one, \`sallyport init\` one out of what your AI clients have; or name one with --config FILE`,
  );
}
