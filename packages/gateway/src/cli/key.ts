/**
 * `sallyport key`: the keys of clients, in the store of this state. A gateway that runs takes changes over within a second.
 * A key itself is shown once, when it is made, and never kept.
 */
import type { ClientKey } from '@sallyport/server';
import type { Command } from 'commander';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { registerChanges } from './key-change.ts';
import { registerHash } from './key-hash.ts';
import { registerLink } from './key-link.ts';
import { configuredNames, noSuchKey, noteRoles, withKeys } from './key-store.ts';
import { collectRole, expiryOf, minuteText, timeText } from './key-words.ts';
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
    .description('Makes, lists, changes and revokes the keys of clients.');
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
  registerChanges(key, context);
  key
    .command('revoke')
    .summary('end a key, and all that is open with it')
    .argument('<ID|NAME>', 'as `key list` shows it')
    .action(async (idOrName: string, _options: unknown, command: Command) => revoke(context, idOrName, command));
  registerHash(key, context);
  registerLink(key, context);
}

async function create(context: CliContext, name: string, options: CreateOptions, command: Command): Promise<void> {
  const globals = globalsOf(command, context);
  const { role, expires, client } = options;
  const expiresAtMs = expires === undefined ? undefined : expiryOf(expires, context.now());
  const { key, record } = await withKeys(context, globals, async ({ audited, keys, config }) => {
    if (configuredNames(config).includes(name)) {
      throw new CliError(
        `the configuration has a key named ${name}, which would be the one that counts`,
        exitCodes.failed,
      );
    }
    const change = { action: 'key.create', target: name, detail: { roles: role, expires: timeText(expiresAtMs) } };
    const issued = await audited(change, () =>
      keys.create({
        name,
        roles: role,
        ...(expiresAtMs !== undefined && { expiresAtMs }),
        ...(client !== undefined && { client }),
      }),
    );
    noteRoles(context, role, config);
    return issued;
  });
  const { id, roles } = record;
  if (!globals.json) note(context, `The key of ${record.name} (${id}). It is not shown again.`);
  printResult(context, globals, { id, name: record.name, key, roles, expires: timeText(record.expires) }, key);
}

async function list(context: CliContext, command: Command): Promise<void> {
  const globals = globalsOf(command, context);
  const [keys, configured] = await withKeys(context, globals, async (open) => [
    await open.keys.list(),
    configuredNames(open.config),
  ]);
  const records = keys.map(({ id, name, roles, created, expires, lastUsed, rotated, previousValidUntil, client }) => ({
    id,
    name,
    roles,
    created: timeText(created),
    expires: timeText(expires),
    lastUsed: timeText(lastUsed),
    ...(rotated !== undefined && { rotated: timeText(rotated) }),
    ...(previousValidUntil !== undefined && { previousValidUntil: timeText(previousValidUntil) }),
    ...(client !== undefined && { client }),
  }));
  const text =
    keys.length === 0 ? 'No keys. Make one with `sallyport key create NAME`.' : keysText(keys, configured, context);
  printResult(context, globals, records, text);
  if (!globals.json && configured.length > 0)
    note(context, `In the configuration: ${configured.map(oneLine).join(', ')}`);
}

const TITLES = ['ID', 'NAME', 'ROLES', 'CREATED', 'EXPIRES', 'LAST USED', 'NOTE'];

/** The table; its last column is there when there is something to note. */
export function keysText(
  keys: readonly ClientKey[],
  configured: readonly string[],
  context: Pick<CliContext, 'now' | 'columns'>,
): string {
  const short = (ms: number | undefined, none: string): string => (ms === undefined ? none : minuteText(ms));
  const rows = keys.map((key) => [
    key.id,
    oneLine(key.name),
    key.roles.length === 0 ? '–' : key.roles.map(oneLine).join(','),
    short(key.created, ''),
    isOver(key, context.now()) ? 'expired' : short(key.expires, 'never'),
    short(key.lastUsed, 'never'),
    noteOf(key, configured.includes(key.name)),
  ]);
  const titles = rows.every((row) => row.at(-1) === '') ? TITLES.slice(0, -1) : TITLES;
  const columns = titles.map((title) => ({ title }));
  return table(
    columns,
    rows.map((row) => row.slice(0, columns.length)),
    context.columns(),
  ).join('\n');
}

function isOver({ expires }: ClientKey, nowMs: number): boolean {
  return expires !== undefined && expires <= nowMs;
}

function noteOf({ rotated, previousValidUntil }: ClientKey, isShadowed: boolean): string {
  if (isShadowed) return 'refused: the configuration has a key of this name';
  if (previousValidUntil !== undefined)
    return `rotated, the key before is good until ${minuteText(previousValidUntil)}`;
  return rotated === undefined ? '' : `rotated ${minuteText(rotated)}`;
}

async function revoke(context: CliContext, idOrName: string, command: Command): Promise<void> {
  const globals = globalsOf(command, context);
  const { id, name } = await withKeys(context, globals, async (open) => {
    return await open.audited({ action: 'key.revoke', target: idOrName }, async () => {
      const revoked = await open.keys.revoke(idOrName);
      if (revoked === undefined) throw await noSuchKey(open, idOrName);
      return revoked;
    });
  });
  const shown = id === undefined ? oneLine(name) : `${name} (${id})`;
  printResult(context, globals, { id: id ?? null, name, revoked: true }, `revoked: ${shown}`);
}
