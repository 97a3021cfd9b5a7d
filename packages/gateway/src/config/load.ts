/**
 * The whole way from options to a frozen `Config`: find the file, check who may write to it, ask for trust, read, check,
 * resolve. Every touch of the system is a parameter. It neither watches the file nor writes it.
 */
import { dirname, resolve } from 'node:path';
import { checkConfig } from './check.ts';
import { checkDraft, draftOf, type Draft } from './check-text.ts';
import { riskyInFile } from './children.ts';
import { secretPaths } from './describe.ts';
import { parseEnvFile } from './env-file.ts';
import { expand, filesIn, type Lookup } from './expand.ts';
import { findConfig, type Found } from './find.ts';
import { withAbsolutePaths } from './paths.ts';
import { readDocuments, type FoundDocument } from './openapi-files.ts';
import { ConfigError, configError } from './problems.ts';
import { knownSecrets, secretValues, type KnownSecret, type SecretSource } from './secrets.ts';
import type { ConfigEntry } from './schema.ts';
import { checkServers, resolveServer } from './servers.ts';
import { formatOf, locate, maxFileBytes, type Path } from './source.ts';
import { configHash, lockPath } from './trust.ts';
import type { Config, LoadedConfig, Position, Problem } from './types.ts';

/** The file system as the loader needs it. */
export type ConfigFiles = {
  readonly exists: (path: string) => Promise<boolean>;
  /** The bytes of a file; throws when there are more than `maxBytes`, without reading them. */
  readonly read: (path: string, maxBytes: number) => Promise<Uint8Array>;
  /** Throws when others may write the file or could swap it. */
  readonly checkTrusted: (path: string) => Promise<{ readonly realPath: string; readonly readableByOthers: boolean }>;
  /** The bytes of a file that holds secrets, if nobody else could have written it. */
  readonly readSecret: (path: string) => Promise<Uint8Array>;
};

export type LoadOptions = {
  /** `--config FILE` or `serve FILE`. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string;
  readonly files: ConfigFiles;
  /**
   * Asked for a file that was only found in the current directory: false or an error keeps it unused. Absent = the caller
   * only looks at the file and starts nothing from it.
   */
  readonly confirmTrust?: (path: string, hash: string) => Promise<boolean>;
  /** Where `${secret:NAME}` and `${exec:NAME}` come from, in this folder; absent = neither can be used. */
  readonly secrets?: (directory: string) => SecretSource;
};

/** A configuration with the steps it was made of, for the verbs that show or edit it. */
export type DetailedConfig = LoadedConfig & {
  readonly origin: Found['origin'];
  /** The file as it was read. */
  readonly text: string;
  /** The file's value, foreign keys mapped, before expansion and after. */
  readonly written: unknown;
  readonly expanded: unknown;
  /** What its profile put there. */
  readonly profiled: readonly Path[];
  /** What `${secret:NAME}` and `${exec:NAME}` stand for. */
  readonly secrets: readonly KnownSecret[];
  /** Where a key stands, or what is nearest above it. */
  readonly positionOf: (path: Path) => Position | undefined;
};

/** Bytes of a `sallyport.lock`: it holds the definition of every tool. */
const maxLockBytes = 8_388_608;

/** Loads and checks. Throws ConfigError: not found, not trusted, or every problem of the file at once. */
export async function loadConfig(options: LoadOptions): Promise<DetailedConfig> {
  const found = await findConfig({ ...options, exists: options.files.exists });
  const { path, realPath, text, hash, lock, readableByOthers } = await readTrusted(found, options);
  const draft = await draftOf(path, text, configFormat(path));
  const directory = dirname(path);
  const named: Lookup = { env: options.env, files: await readNamedFiles(draft.value, directory, options.files) };
  const source = options.secrets?.(directory);
  const secrets =
    source === undefined
      ? new Map<string, string | Error>()
      : await secretValues({
          value: draft.value,
          source,
          lookup: named,
          // A folder shared with a group may hold a configuration, but not one with commands that hand out secrets.
          checkOnlyOurs: async () => await options.files.readSecret(realPath),
        });
  const checked = checkDraft(draft, source === undefined ? named : { ...named, secrets });
  const environment = await readEnvFiles(draft, checked.value, directory, options.files);
  const documents = await readDocuments(draft, checked.entry, directory, options.files);
  const exposed = readableByOthers ? exposedSecret(draft) : [];
  const strict = checked.entry?.strict ?? false;
  const problems = [...checked.problems, ...environment.problems, ...documents.problems, ...(strict ? exposed : [])];
  if (checked.entry === undefined || problems.length > 0) throw configError(problems);
  const config = assemble(checked.entry, draft.order, {
    directory,
    environments: environment.values,
    documents: documents.found,
    unresolved: checked.unresolved,
    secretFiles: [...named.files.keys(), ...environment.files].map((file) => resolve(directory, file)),
    lock,
  });
  return {
    config,
    path,
    hash,
    warnings: [...checked.warnings, ...environment.warnings, ...exposed],
    origin: found.origin,
    text,
    written: draft.value,
    expanded: checked.value,
    profiled: checked.profiled,
    secrets: knownSecrets(secrets),
    positionOf: (key) => locate(draft.source, key),
  };
}

/** Format by the name; throws for a name that tells none. */
export function configFormat(path: string): 'json' | 'yaml' | 'toml' {
  const format = formatOf(path);
  if (format === undefined)
    throw new ConfigError(`${path}: expected a name that ends in .json, .jsonc, .yaml, .yml or .toml`);
  return format;
}

async function readTrusted(
  { path, origin }: Found,
  options: LoadOptions,
): Promise<{
  path: string;
  realPath: string;
  text: string;
  hash: string;
  lock: string | undefined;
  readableByOthers: boolean;
}> {
  const { files, confirmTrust } = options;
  const { realPath, readableByOthers } = await refusing(path, files.checkTrusted(path));
  const bytes = await refusing(path, files.read(realPath, maxFileBytes));
  const lockFile = lockPath(path);
  const lock = (await files.exists(lockFile)) ? await readLock(lockFile, files) : undefined;
  // Read once: what was hashed and trusted is what is used.
  const hash = configHash(bytes, lock);
  if (origin === 'directory' && confirmTrust !== undefined && !(await confirmTrust(path, hash))) {
    throw new ConfigError(
      `${path} was found in the current directory and is not trusted: it says which commands to start.\n` +
        `Read it, then run \`sallyport trust\` (and \`sallyport reload\`, if a gateway is running), or start with --config ${path}`,
    );
  }
  const lockText = lock && decode(lockFile, lock);
  return { path, realPath, text: decode(path, bytes), hash, lock: lockText, readableByOthers };
}

async function readLock(path: string, files: ConfigFiles): Promise<Uint8Array> {
  const { realPath } = await refusing(path, files.checkTrusted(path));
  return refusing(path, files.read(realPath, maxLockBytes));
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw configError([{ file: path, path: [], message: 'this is not UTF-8 text' }]);
  }
}

/** A refusal of the file system, in the words of a configuration error. */
async function refusing<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(reason.includes(path) ? reason : `${path}: ${reason}`, [
      { file: path, path: [], message: reason },
    ]);
  }
}

async function readNamedFiles(
  value: unknown,
  directory: string,
  files: ConfigFiles,
): Promise<Map<string, string | Error>> {
  const entries = filesIn(value).map(async (name): Promise<[string, string | Error]> => {
    const content = await readText(resolve(directory, name), files);
    // One line break at the end is the editor's, not the secret's.
    return [name, typeof content === 'string' ? content.replace(/\r?\n$/, '') : content];
  });
  return new Map(await Promise.all(entries));
}

async function readText(path: string, files: ConfigFiles): Promise<string | Error> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await files.readSecret(path));
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

type Environments = {
  /** As written. */
  readonly files: readonly string[];
  readonly values: ReadonlyMap<string, Readonly<Record<string, string>>>;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
};

async function readEnvFiles(
  draft: Draft,
  expanded: unknown,
  directory: string,
  files: ConfigFiles,
): Promise<Environments> {
  const values = new Map<string, Readonly<Record<string, string>>>();
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const read: string[] = [];
  const servers = isObject(expanded) && isObject(expanded['mcpServers']) ? Object.entries(expanded['mcpServers']) : [];
  for (const [name, server] of servers) {
    const written = isObject(server) ? server['envFile'] : undefined;
    if (typeof written !== 'string' || written === '') continue;
    read.push(written);
    const path = ['mcpServers', name, 'envFile'];
    const position = locate(draft.source, path);
    const content = await readText(resolve(directory, written), files);
    const parsed = typeof content === 'string' ? parseEnvFile(content) : undefined;
    const told = (reason: string): Problem => {
      return { file: draft.file, ...(position !== undefined && { position }), path, message: `${written} ${reason}` };
    };
    if (parsed === undefined) problems.push(told(`cannot be read: ${String(content)}`));
    else if ('line' in parsed) problems.push(told(`line ${parsed.line} is not NAME=value`));
    else {
      values.set(name, parsed.env);
      const risky = riskyInFile(parsed.env);
      if (risky !== undefined) warnings.push(told(`sets ${risky}`));
    }
  }
  return { files: read, values, problems, warnings };
}

/** One finding for a file that others may read and that holds a secret in plain text. */
function exposedSecret(draft: Draft): Problem[] {
  // A hash of a key may be read by others: that is what it is for.
  const secrets = secretPaths(draft.value).filter((path) => path[0] !== 'auth' || path.at(-1) !== 'hash');
  const literal = secrets.find((path) => isLiteral(draft.value, path));
  if (literal === undefined) return [];
  const position = locate(draft.source, literal);
  const message = `others may read this file, and this looks like a secret: chmod 600 ${draft.file}, or use \${VAR}, \${file:PATH} or \${secret:NAME}`;
  return [{ file: draft.file, ...(position !== undefined && { position }), path: literal, message }];
}

function isLiteral(value: unknown, path: Path): boolean {
  const text = path.reduce<unknown>(
    (inner, key) => (inner as Readonly<Record<string | number, unknown>> | undefined)?.[key],
    value,
  );
  // With nothing to look up, a text without variables and files comes out changed in nothing but its `$$`.
  const bare = expand(text, { env: {}, files: new Map() });
  return typeof text === 'string' && text !== '' && bare.undefinedVariables.size === 0 && bare.problems.length === 0;
}

type AssembleOptions = {
  readonly directory: string;
  readonly environments: ReadonlyMap<string, Readonly<Record<string, string>>>;
  readonly documents: ReadonlyMap<string, FoundDocument>;
  readonly unresolved: readonly Path[];
  readonly secretFiles: readonly string[];
  /** Text of the lock. */
  readonly lock: string | undefined;
};

function assemble({ mcpServers, ...rest }: ConfigEntry, order: readonly string[], options: AssembleOptions): Config {
  const byServer = Map.groupBy(options.unresolved, ([root, name]) => (root === 'mcpServers' ? name : undefined));
  const servers = order.flatMap((name) => {
    const entry = Object.hasOwn(mcpServers, name) ? mcpServers[name] : undefined;
    if (entry === undefined) return [];
    const unresolved = (byServer.get(name) ?? []).map((path) => path.slice(2));
    const fileEnv = options.environments.get(name) ?? {};
    return [
      resolveServer(name, entry, {
        directory: options.directory,
        document: options.documents.get(name),
        fileEnv,
        unresolved,
      }),
    ];
  });
  const placed = withAbsolutePaths(rest, options.directory);
  const keyFiles = [placed.listen.tls?.key, placed.admin.listen?.tls?.key].filter((key) => key !== undefined);
  const secretFiles = [...options.secretFiles, ...keyFiles];
  const pins = { ...placed.pins, ...(options.lock !== undefined && { lock: options.lock }) };
  return deepFreeze({ ...placed, servers, secretFiles, pins });
}

/**
 * The configuration of `serve --url URL` and `serve -- COMMAND ARG…`: all defaults and one server, whose text is literal.
 * Throws ConfigError.
 */
export function configForServer(
  name: string,
  server: { readonly url: string } | { readonly command: string; readonly args: readonly string[] },
  directory: string,
): Config {
  const value = { mcpServers: { [name]: server } };
  const { entry, findings } = checkConfig(value);
  const problems = [...findings, ...checkServers(value)].map(({ path, message }) => ({
    file: 'command line',
    path,
    message,
  }));
  if (entry === undefined || problems.length > 0) throw configError(problems);
  return assemble({ ...entry, reload: 'off' }, [name], {
    directory,
    environments: new Map(),
    documents: new Map(),
    unresolved: [],
    secretFiles: [],
    lock: undefined,
  });
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const member of Object.values(value)) deepFreeze(member);
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
