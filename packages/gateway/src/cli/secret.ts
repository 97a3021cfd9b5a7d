/**
 * `sallyport secret`: values for `${secret:NAME}` in the configuration. A value comes on stdin or from a hidden prompt, never
 * on the command line, and is never shown.
 */
import { Argument, type Command } from 'commander';
import { didYouMean } from '../config/problems.ts';
import { isSecretName, MAX_VALUE_BYTES, SecretsError, type SecretPlace, type Secrets } from '../secrets/index.ts';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { minuteText, timeText } from './key-words.ts';
import { note, printResult } from './output.ts';
import { registerRekey } from './secret-rekey.ts';
import { openSecrets } from './secret-store.ts';
import { secretUses } from './secret-uses.ts';
import { oneLine, table } from './text.ts';

export function register(program: Command, context: CliContext): void {
  const secret = program
    .command('secret')
    .summary('values for ${secret:NAME} in the configuration')
    .description('Keeps, lists and removes the values that `${secret:NAME}` stands for in the configuration.');
  secret
    .command('set')
    .summary('keep a value, from stdin or typed unseen')
    .description(
      'Keeps a value, read from stdin (one line break at its end is cut) or typed unseen on a terminal. A value on the command line would stand in the list of processes and in the history of the shell.',
    )
    .usage('[options] <NAME>')
    // What follows is taken only to be refused: Commander's own refusal would print it.
    .arguments('<NAME> [words...]')
    .action(async (name: string, words: readonly string[], _options: unknown, command: Command) =>
      reporting(set(context, name, words, command)),
    );
  secret
    .command('list')
    .summary('the names, when each was set, and where it is used')
    .action(async (_options: unknown, command: Command) => reporting(list(context, command)));
  secret
    .command('rm')
    .summary('remove a value')
    .argument('<NAME>', 'as `secret list` shows it')
    .action(async (name: string, _options: unknown, command: Command) => reporting(remove(context, name, command)));
  secret
    .command('move')
    .summary('take values over into the keychain, or into the file')
    .description(
      'Moves values into the keychain of the system, or out of it into the file of the state: all of them, or those named. Each stands in its new place before it is removed from the old one.',
    )
    .addArgument(new Argument('<PLACE>', 'where they go').choices(['keychain', 'file']))
    .argument('[NAMES...]', 'as `secret list` shows them')
    .action(async (to: SecretPlace, names: readonly string[], _options: unknown, command: Command) =>
      reporting(move(context, to, names, command)),
    );
  registerRekey(secret, context);
}

/** A refusal of the store, with the exit code it has. */
async function reporting(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof SecretsError)) throw error;
    const isUsage = error.code === 'bad_name' || error.code === 'bad_value';
    throw new CliError(error.message, isUsage ? exitCodes.usage : exitCodes.failed);
  }
}

async function set(context: CliContext, name: string, words: readonly string[], command: Command): Promise<void> {
  const globals = globalsOf(command, context);
  if (words.length > 0) {
    throw new CliError(
      'a value does not belong on the command line, where others see it: give it on stdin',
      exitCodes.usage,
    );
  }
  // Before anybody types a value for nothing; and what is no name could be the value itself.
  if (!isSecretName(name)) {
    throw new CliError(
      'this is no name of a secret: a letter or _ first, then letters, digits, _ . -, at most 128 in all',
      exitCodes.usage,
    );
  }
  const value = context.isTerminal
    ? await context.prompts.hidden({ message: `The value of ${name}` })
    : await readValue(context, MAX_VALUE_BYTES);
  if (value === undefined) throw new CliError('nothing was set', exitCodes.failed);
  const secrets = await openToWrite(context, globals);
  const backend = await secrets.set(new Map([[name, value]]));
  const place = secrets.where(backend);
  printResult(
    context,
    globals,
    { name, backend, place },
    `set: ${name}, ${backend === 'file' ? 'sealed' : 'kept'} in ${place}. Write \${secret:${name}} in the configuration.`,
  );
}

/** A value must not go where the configuration does not look for it: one that cannot be read stops it. */
async function openToWrite(context: CliContext, globals: GlobalOptions, to?: SecretPlace): Promise<Secrets> {
  const { backend } = await secretUses(context, globals);
  if (backend === undefined) {
    throw new CliError(
      'nothing was done: `secrets.backend` of the configuration says where secrets are kept. Mend it, or name another one with --config',
      exitCodes.configuration,
    );
  }
  if (to !== undefined && backend !== 'auto' && backend !== to) {
    throw new CliError(
      `nothing was moved: with \`secrets.backend: ${backend}\` nobody looks there. Write \`${to}\` or \`auto\` first`,
      exitCodes.configuration,
    );
  }
  return await openSecrets(context, backend);
}

async function readValue(context: CliContext, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of context.stdin) {
    chunks.push(Buffer.from(chunk));
    bytes += chunk.length;
    if (bytes > maxBytes + 2) throw new CliError(`stdin: a secret has at most ${maxBytes} bytes`, exitCodes.usage);
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
    return text.replace(/\r?\n$/, '');
  } catch {
    throw new CliError('stdin: a secret is UTF-8 text; encode other bytes, in base64 for example', exitCodes.usage);
  }
}

/** A name, kept or only used. */
interface Row {
  readonly name: string | undefined;
  /** Undefined: it is not set. */
  readonly place: SecretPlace | undefined;
  readonly setMs: number | undefined;
  readonly isBroken: boolean;
  readonly uses: readonly string[];
}

async function list(context: CliContext, command: Command): Promise<void> {
  const globals = globalsOf(command, context);
  const { uses, backend = 'auto' } = await secretUses(context, globals);
  const records = await (await openSecrets(context, backend)).list();
  const kept = new Set(records.map(({ name }) => name));
  const missing = [...uses.keys()].filter((name) => !kept.has(name));
  const rows: Row[] = [
    ...records.map((record) => ({ ...record, uses: uses.get(record.name ?? '') ?? [] })),
    ...missing.map((name) => ({
      name,
      place: undefined,
      setMs: undefined,
      isBroken: false,
      uses: uses.get(name) ?? [],
    })),
  ];
  const shown = rows.map(({ name, place, setMs, isBroken, uses: places }) => ({
    name: name ?? null,
    backend: place ?? null,
    set: timeText(setMs),
    broken: isBroken,
    uses: places,
  }));
  const text = rows.length === 0 ? 'No secrets. Keep one with `sallyport secret set NAME`.' : rowsText(rows, context);
  printResult(context, globals, shown, text);
  if (!globals.json) for (const name of missing) note(context, `not set: \`sallyport secret set ${oneLine(name)}\``);
}

function rowsText(rows: readonly Row[], context: Pick<CliContext, 'columns'>): string {
  const titles = ['NAME', 'KEPT IN', 'SET', 'USED BY'].map((title) => ({ title }));
  const cells = rows.map((row) => [
    row.name === undefined ? '?' : oneLine(row.name),
    row.place ?? '–',
    setText(row),
    row.uses.length === 0 ? '–' : row.uses.map(oneLine).join(', '),
  ]);
  return table(titles, cells, context.columns()).join('\n');
}

function setText({ place, setMs, isBroken }: Row): string {
  if (place === undefined) return 'not set';
  if (isBroken) return 'damaged';
  return setMs === undefined ? '–' : minuteText(setMs);
}

async function remove(context: CliContext, name: string, command: Command): Promise<void> {
  const globals = globalsOf(command, context);
  const known = await secretUses(context, globals);
  const secrets = await openSecrets(context, known.backend ?? 'auto');
  if (!(await secrets.remove(name))) {
    const names = (await secrets.list()).flatMap((record) => record.name ?? []);
    throw new CliError(`there is no secret \`${oneLine(name)}\`${didYouMean(name, names)}`, exitCodes.failed);
  }
  const uses = known.uses.get(name) ?? [];
  if (uses.length > 0) {
    note(
      context,
      `warning: ${uses.map(oneLine).join(', ')} still uses \${secret:${name}} and will not load without it`,
    );
  }
  printResult(context, globals, { name, removed: true, uses }, `removed: ${name}`);
}

async function move(context: CliContext, to: SecretPlace, names: readonly string[], command: Command): Promise<void> {
  const globals = globalsOf(command, context);
  const secrets = await openToWrite(context, globals, to);
  const moved = await secrets.move(to, names.length === 0 ? undefined : names);
  const place = secrets.where(to);
  const text = moved.length === 0 ? `nothing to move to ${place}` : `moved to ${place}: ${moved.join(', ')}`;
  printResult(context, globals, { backend: to, place, moved }, text);
}
