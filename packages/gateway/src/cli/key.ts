/**
 * `sallyport key create|list|revoke`: the keys of clients, in the store of this state. A gateway that runs takes changes over
 * within a second. A key itself is shown once, when it is made, and never kept.
 */
import { join } from 'node:path';
import { KeyError, type ClientKey, type KeyErrorCode, type KeyTable } from '@sallyport/server';
import { InvalidArgumentError, type Command } from 'commander';
import { ConfigError, nearest } from '../config/problems.ts';
import { parseDuration } from '../config/scalars.ts';
import type { Config } from '../config/types.ts';
import { openLocalKey, openMasterKey } from '../credentials/index.ts';
import { openKeys } from '../provision.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import { loadToLook } from './configuration.ts';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { CliError, exitCodes, type ExitCode } from './exit.ts';
import { note, printResult } from './output.ts';
import { oneLine, table } from './text.ts';

interface CreateOptions {
  readonly role: readonly string[];
  readonly expires?: string;
  readonly client?: string;
}

export function register(program: Command, context: CliContext): void {
  const key = program
    .command('key')
    .summary('the keys of clients')
    .description('Makes, lists and revokes the keys of clients.');
  key
    .command('create')
    .summary('make a key; it is shown once')
    .argument('<NAME>', 'whose key it is: the subject that policies and the audit name')
    .option('--role <ROLE>', 'a role of the holder; may be given again', collectRole, [])
    .option('--expires <WHEN>', 'after 12h, 30d …, or on a day such as 2027-01-31 (UTC)')
    .option('--client <CLIENT>', 'the AI client it is for')
    .action(async (name: string, options: CreateOptions, command: Command) => create(context, name, options, command));
  key
    .command('list')
    .summary('the keys there are, without the keys themselves')
    .action(async (_options: unknown, command: Command) => list(context, command));
  key
    .command('revoke')
    .summary('end a key')
    .argument('<ID|NAME>', 'as `key list` shows it')
    .action(async (idOrName: string, _options: unknown, command: Command) => revoke(context, idOrName, command));
  key
    .command('rotate', { hidden: true })
    .argument('[WORDS...]')
    .action(() => {
      throw new CliError(
        '`key rotate` is not available in this version: create another key, then revoke the old one',
        exitCodes.configuration,
      );
    });
}

const ROLE = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$/;

function collectRole(role: string, before: readonly string[]): readonly string[] {
  if (!ROLE.test(role))
    throw new InvalidArgumentError(
      'A role is up to 64 letters, digits and . _ @ + -, beginning with a letter or digit.',
    );
  return before.includes(role) ? before : [...before, role];
}

async function create(context: CliContext, name: string, options: CreateOptions, command: Command): Promise<void> {
  const globals = globalsOf(command, context);
  const { role, expires, client } = options;
  const expiresAtMs = expires === undefined ? undefined : expiryOf(expires, context.now());
  const { key, record } = await withKeys(context, globals, (keys) =>
    keys.create({
      name,
      roles: role,
      ...(expiresAtMs !== undefined && { expiresAtMs }),
      ...(client !== undefined && { client }),
    }),
  );
  const { id, roles } = record;
  if (!globals.json) note(context, `The key of ${record.name} (${id}). It is not shown again.`);
  printResult(context, globals, { id, name: record.name, key, roles, expires: time(record.expires) }, key);
}

/** When a key ends, in ms since 1970: after a duration, or at the beginning of a day or at a time of ISO 8601. */
export function expiryOf(text: string, nowMs: number): number {
  // A bare number would be seconds in the configuration; here it is more likely a slip.
  const durationMs = /[a-z]$/i.test(text) ? parseDuration(text) : undefined;
  if (durationMs !== undefined) return nowMs + durationMs;
  const isDay = /^\d{4}-\d\d-\d\d$/.test(text);
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/.test(text);
  const at = isDay || isTime ? Date.parse(text) : Number.NaN;
  // Some days are taken for those of the next month.
  if (Number.isNaN(at) || (isDay && !new Date(at).toISOString().startsWith(text))) {
    throw new CliError(
      `--expires: expected 12h, 30d …, or a day such as 2027-01-31, not \`${oneLine(text)}\``,
      exitCodes.usage,
    );
  }
  return at;
}

function time(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

async function list(context: CliContext, command: Command): Promise<void> {
  const globals = globalsOf(command, context);
  const keys = await withKeys(context, globals, (table_) => table_.list());
  const records = keys.map(({ id, name, roles, created, expires, lastUsed, client }) => ({
    id,
    name,
    roles,
    created: time(created),
    expires: time(expires),
    lastUsed: time(lastUsed),
    ...(client !== undefined && { client }),
  }));
  const text = keys.length === 0 ? 'No keys. Make one with `sallyport key create NAME`.' : keysText(keys, context);
  printResult(context, globals, records, text);
}

function keysText(keys: readonly ClientKey[], context: CliContext): string {
  const short = (ms: number | undefined, none: string): string =>
    ms === undefined ? none : `${new Date(ms).toISOString().slice(0, 16)}Z`;
  const rows = keys.map(({ id, name, roles, created, expires, lastUsed }) => [
    id,
    oneLine(name),
    roles.length === 0 ? '–' : roles.map(oneLine).join(','),
    short(created, ''),
    expires !== undefined && expires <= context.now() ? 'expired' : short(expires, 'never'),
    short(lastUsed, 'never'),
  ]);
  const titles = ['ID', 'NAME', 'ROLES', 'CREATED', 'EXPIRES', 'LAST USED'];
  return table(
    titles.map((title) => ({ title })),
    rows,
    context.columns(),
  ).join('\n');
}

async function revoke(context: CliContext, idOrName: string, command: Command): Promise<void> {
  const globals = globalsOf(command, context);
  const { id, name } = await withKeys(context, globals, async (keys) => {
    const revoked = await keys.revoke(idOrName);
    if (revoked !== undefined) return revoked;
    const near = nearest(
      idOrName,
      (await keys.list()).map((key) => key.name),
    );
    const hint = near === undefined ? 'See `sallyport key list`' : `Did you mean \`${near}\`?`;
    throw new CliError(`there is no key \`${oneLine(idOrName)}\`. ${hint}`, exitCodes.failed);
  });
  printResult(context, globals, { id, name, revoked: true }, `revoked: ${name} (${id})`);
}

const KEY_ERROR_CODES: Readonly<Record<KeyErrorCode, ExitCode>> = {
  bad_name: exitCodes.usage,
  bad_expiry: exitCodes.usage,
  bad_local_key: exitCodes.failed,
  local_key: exitCodes.failed,
  name_taken: exitCodes.failed,
};

/** Opens the keys of this state and closes them again. */
async function withKeys<T>(
  context: CliContext,
  globals: GlobalOptions,
  use: (keys: KeyTable) => Promise<T>,
): Promise<T> {
  await checkStore(context, globals);
  const directory = await context.files.stateDirectory();
  const localKey = await openLocalKey({ directory });
  const master = await openMasterKey({ directory, env: context.env });
  const store = await openSqliteStore({ path: join(directory, 'state.db'), now: context.now });
  try {
    return await use(await openKeys(store, master, localKey, context.now));
  } catch (error) {
    throw error instanceof KeyError ? new CliError(error.message, KEY_ERROR_CODES[error.code]) : error;
  } finally {
    await store.close();
  }
}

/** Keys need a store that others see; without a configuration it is the one that is used by default. */
async function checkStore(context: CliContext, globals: GlobalOptions): Promise<void> {
  const config = await configuredOrDefault(context, globals);
  if (config?.store === 'memory') {
    throw new CliError(
      'keys need `store: sqlite`: with `store: memory` no other process sees them',
      exitCodes.configuration,
    );
  }
  if (config?.auth.mode === 'none')
    note(context, 'warning: auth.mode is none: this configuration asks nobody for a key');
}

async function configuredOrDefault(context: CliContext, globals: GlobalOptions): Promise<Config | undefined> {
  try {
    return (await loadToLook(context, globals)).config;
  } catch (error) {
    // That nobody has written one is no problem here; one that was named, or is wrong, is.
    const isNamed = globals.config !== undefined || (context.env['SALLYPORT_CONFIG'] ?? '') !== '';
    if (error instanceof ConfigError && error.problems.length === 0 && !isNamed) return undefined;
    throw error;
  }
}
