/**
 * `${secret:NAME}` and `${exec:NAME}` of a file: gets every value once for each reading of the file, and turns values back into
 * what was written where something is shown. It keeps no secrets and starts nothing itself: the caller brings both ways.
 */
import { expand, secretsIn, type Lookup, type SecretUse } from './expand.ts';

/** `secrets.backend`. */
type SecretBackend = 'auto' | 'file' | 'keychain';

/** Where values come from. */
export type SecretSource = {
  /** Values of the secret store; a name that is not there is left out. An Error stands for one that cannot be had. */
  readonly stored: (names: readonly string[], backend: SecretBackend) => Promise<ReadonlyMap<string, string | Error>>;
  /** What a command prints, which gets these variables too. Rejects when it does not work. */
  readonly run: (name: string, argv: readonly string[], variables: readonly string[]) => Promise<string>;
};

/** Values by `${secret:NAME}` or `${exec:NAME}`, as written. */
type SecretValues = ReadonlyMap<string, string | Error>;

/** A value, and the `${secret:NAME}` or `${exec:NAME}` that it stands for. */
export type KnownSecret = { readonly written: string; readonly value: string };

/** The values among what `secretValues` gives. */
export function knownSecrets(values: SecretValues): KnownSecret[] {
  return [...values].flatMap(([written, value]) => (typeof value === 'string' ? [{ written, value }] : []));
}

export type SecretsOptions = {
  /** The file's value, not expanded. */
  readonly value: unknown;
  readonly source: SecretSource;
  /** What the words of a command are expanded with. */
  readonly lookup: Pick<Lookup, 'env' | 'files'>;
  /** Rejects when somebody else may write the file: commands from it are not run then. */
  readonly checkOnlyOurs: () => Promise<unknown>;
};

/** All values that the file asks for. Never rejects: what does not work is an Error in the place of the value. */
export async function secretValues({ value, source, lookup, checkOnlyOurs }: SecretsOptions): Promise<SecretValues> {
  const { secrets, ...rest } = isObject(value) ? value : {};
  const uses = secretsIn(rest);
  const stored = await storedValues(uses, source, backendOf(secrets, lookup));
  const commands = uses.filter(({ kind }) => kind === 'exec');
  if (commands.length === 0) return stored;
  const refusal = await checkOnlyOurs().then(() => undefined, asError);
  const ran = commands.map(async ({ raw, name }): Promise<[string, string | Error]> => {
    if (refusal !== undefined) return [raw, new Error(`no command of this file is run: ${refusal.message}`)];
    const argv = commandOf(name, secrets, lookup);
    if (argv instanceof Error) return [raw, argv];
    return [raw, await source.run(name, argv, variablesOf(secrets)).catch(asError)];
  });
  return new Map([...stored, ...(await Promise.all(ran))]);
}

async function storedValues(
  uses: readonly SecretUse[],
  source: SecretSource,
  backend: SecretBackend,
): Promise<Map<string, string | Error>> {
  const wanted = uses.filter(({ kind }) => kind === 'secret');
  if (wanted.length === 0) return new Map();
  const found = await source
    .stored(
      wanted.map(({ name }) => name),
      backend,
    )
    .catch(asError);
  return new Map(
    wanted.map(({ raw, name }) => [raw, found instanceof Error ? found : (found.get(name) ?? missing(name))]),
  );
}

function missing(name: string): Error {
  return new Error(`there is no secret ${name}. Set it with \`sallyport secret set ${name}\``);
}

/** `secrets.backend` of a file's `secrets`. What is none of its values is refused elsewhere, before anything is used. */
export function backendOf(secrets: unknown, lookup: Pick<Lookup, 'env' | 'files'>): SecretBackend {
  const { value } = expand(isObject(secrets) ? secrets['backend'] : undefined, lookup);
  return value === 'file' || value === 'keychain' ? value : 'auto';
}

function variablesOf(secrets: unknown): string[] {
  const written = isObject(secrets) ? secrets['env'] : undefined;
  return Array.isArray(written) ? written.filter((name) => typeof name === 'string') : [];
}

/** The names of the commands whose output a server's part of the file uses. */
export function commandsOf(value: unknown, server: string): string[] {
  const uses = secretsIn(value).filter(
    ({ kind, paths }) => kind === 'exec' && paths.some(([root, name]) => root === 'mcpServers' && name === server),
  );
  return uses.map(({ name }) => name);
}

/** The command with its variables put in; one that is not whole is not run. */
function commandOf(name: string, secrets: unknown, lookup: Pick<Lookup, 'env' | 'files'>): string[] | Error {
  const commands = isObject(secrets) ? secrets['exec'] : undefined;
  const written = isObject(commands) && Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (written === undefined) return new Error(`\`secrets.exec\` has no command ${name}`);
  const { value, problems, undefinedVariables } = expand(written, lookup);
  const problem = problems[0]?.message ?? undefinedMessage([...undefinedVariables.keys()]);
  if (problem !== undefined) return new Error(`its command is not run: ${problem}`);
  const isCommand = Array.isArray(value) && value[0] !== '' && value.every((word) => typeof word === 'string');
  return isCommand && value.length > 0 ? value : new Error('its command is not a list of texts');
}

function undefinedMessage(names: readonly string[]): string | undefined {
  return names.length === 0 ? undefined : `the variable ${names.join(', ')} is not set`;
}

/** Shorter values are words that occur everywhere; they are recognised only where they stand alone. */
const SHORTEST = 4;

/** The same with every value of a secret turned back into what was written; the given one is not touched. */
export function asWritten<T>(shown: T, known: readonly KnownSecret[]): T {
  // A value may hold another.
  return turnBack(
    shown,
    known.toSorted((a, b) => b.value.length - a.value.length),
  ) as T;
}

function turnBack(shown: unknown, known: readonly KnownSecret[]): unknown {
  if (typeof shown === 'string') {
    return known.reduce((text, { written, value }) => {
      if (text === value) return written;
      if (value.length < SHORTEST) return text;
      // As it stands, and as it stands inside a text of JSON.
      return text.replaceAll(value, () => written).replaceAll(JSON.stringify(value).slice(1, -1), () => written);
    }, shown);
  }
  if (Array.isArray(shown)) return shown.map((item) => turnBack(item, known));
  if (!isObject(shown)) return shown;
  return Object.fromEntries(Object.entries(shown).map(([key, item]) => [key, turnBack(item, known)]));
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
