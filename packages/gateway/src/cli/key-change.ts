/** `sallyport key rotate` and `key roles`: another secret, or other roles, for a key that stays who it is. */
import type { Command } from 'commander';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { noSuchKey, noteRoles, withKeys } from './key-store.ts';
import { collectRole, expiryOf, graceOf, minuteText, timeText } from './key-words.ts';
import { note, printResult } from './output.ts';

interface RotateOptions {
  readonly grace: string;
  readonly expires?: string;
}

interface RolesOptions {
  readonly none: boolean;
}

export function registerChanges(key: Command, context: CliContext): void {
  key
    .command('rotate')
    .summary('give a key another secret; it is shown once')
    .description(
      'Makes another secret for a key and prints the new key; name, roles and expiry stay. The key before is good for the grace, so that clients can be changed one by one; one that is known to others needs `--grace 0`, which ends it at once.',
    )
    .argument('<ID|NAME>', 'as `key list` shows it')
    .option('--grace <DURATION>', 'how long the key before stays good: 1h, 7d …, or 0', '24h')
    .option('--expires <WHEN>', 'a new end: after 12h, 30d …, or on a day such as 2027-01-31 (UTC)')
    .action(async (idOrName: string, options: RotateOptions, command: Command) =>
      rotate(context, idOrName, options, command),
    );
  key
    .command('roles')
    .summary('replace the roles of a key')
    .description(
      'Replaces the roles of a key; the key itself stays. What is open with it is ended, and comes back with the new roles.',
    )
    .argument('<ID|NAME>', 'as `key list` shows it')
    .argument('[ROLES...]', 'all roles that it has from now on', collectRole)
    .option('--none', 'no roles at all', false)
    .action(async (idOrName: string, roles: readonly string[] | undefined, options: RolesOptions, command: Command) =>
      setRoles(context, idOrName, roles ?? [], options, command),
    );
}

async function rotate(context: CliContext, idOrName: string, options: RotateOptions, command: Command): Promise<void> {
  const globals = globalsOf(command, context);
  const graceMs = graceOf(options.grace);
  const expiresAtMs = options.expires === undefined ? undefined : expiryOf(options.expires, context.now());
  const { key, record } = await withKeys(context, globals, async (open) => {
    return await open.audited({ action: 'key.rotate', target: idOrName, detail: { graceMs } }, async () => {
      const issued = await open.keys.rotate(idOrName, { graceMs, ...(expiresAtMs !== undefined && { expiresAtMs }) });
      if (issued === undefined) throw await noSuchKey(open, idOrName);
      return issued;
    });
  });
  const { id, name, roles, expires, previousValidUntil } = record;
  if (!globals.json) {
    const before =
      previousValidUntil === undefined
        ? 'The one before has ended'
        : `The one before is good until ${minuteText(previousValidUntil)}`;
    note(context, `The new key of ${name} (${id}). It is not shown again. ${before}.`);
  }
  const result = { id, name, key, roles, expires: timeText(expires), previousValidUntil: timeText(previousValidUntil) };
  printResult(context, globals, result, key);
}

async function setRoles(
  context: CliContext,
  idOrName: string,
  roles: readonly string[],
  { none }: RolesOptions,
  command: Command,
): Promise<void> {
  const globals = globalsOf(command, context);
  if ((roles.length === 0) !== none) {
    throw new CliError('give all roles that the key has from now on, or --none', exitCodes.usage);
  }
  const { id, name } = await withKeys(context, globals, async (open) => {
    const changed = await open.audited({ action: 'key.roles', target: idOrName, detail: { roles } }, async () => {
      const found = await open.keys.setRoles(idOrName, roles);
      if (found === undefined) throw await noSuchKey(open, idOrName);
      return found;
    });
    noteRoles(context, roles, open.config);
    return changed;
  });
  printResult(context, globals, { id, name, roles }, `${name} (${id}): ${none ? 'no roles' : roles.join(', ')}`);
}
