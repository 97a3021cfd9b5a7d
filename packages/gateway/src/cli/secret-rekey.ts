/**
 * `sallyport secret rekey`: what this state holds sealed, and what outlasts a gateway, is sealed for the master key that is in force
 * now: secrets, logins at servers, the audit trail and whom it means.
 */
import type { KeyObject } from 'node:crypto';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { printResult } from './output.ts';
import { openSecretFile } from './secret-store.ts';

export function registerRekey(secret: Command, context: CliContext): void {
  secret
    .command('rekey')
    .summary('seal all values for another master key')
    .description(
      'Opens the secrets, the logins at servers and the audit trail with the master key that they were kept under, and seals them for the one that is in force (SALLYPORT_MASTER_KEY, SALLYPORT_MASTER_KEY_FILE, or master.key in the state); either may be a passphrase. No gateway may run meanwhile. When it is interrupted each value is under one of the two keys: run it again. Keys of clients and sign-ins end with the old key.',
    )
    .requiredOption('--from <FILE>', 'a file with the old master key, or `passphrase:` and the old passphrase')
    .action(async ({ from }: { readonly from: string }, command: Command) => rekey(context, from, command));
}

async function rekey(context: CliContext, from: string, command: Command): Promise<void> {
  const globals = globalsOf(command, context);
  const { deriveKey, openKeyChange, sealing } = await import('../credentials/index.ts');
  const directory = await context.files.stateDirectory();
  const change = await openKeyChange({ directory, env: context.env, from: resolve(context.cwd, from) });
  const secrets = await openSecretFile(context, change.next);
  const chains = await rekeyAudit(directory, change);
  const logins = await rekeyState(context, directory, change);
  const outcome = await secrets.rekey(sealing(deriveKey(change.old, 'secrets')));
  await change.settle();
  if (outcome === 'absent' && chains === 0 && logins === 0) {
    throw new CliError(`there are no secrets in ${secrets.place}`, exitCodes.failed);
  }
  const said = { absent: 'there are no secrets', already: 'under this master key already', done: 'sealed anew' }[
    outcome
  ];
  printResult(
    context,
    globals,
    { place: secrets.place, outcome, logins, chains },
    `${said}: ${secrets.place}\nsealed anew: ${logins} records of logins, ${chains} chains of the audit trail`,
  );
}

interface Change {
  readonly old: KeyObject;
  readonly next: KeyObject;
}

/** First of all: it refuses while a gateway runs, which would write on with the key before. */
async function rekeyAudit(directory: string, { next, old }: Change): Promise<number> {
  const [{ auditFolder, auditKeys }, { rekeyTrail }] = await Promise.all([
    import('../wiring/audit-trail.ts'),
    import('../audit/rekey.ts'),
  ]);
  return await rekeyTrail(auditFolder(directory), { old: auditKeys(old), next: auditKeys(next) });
}

/** Whom the records of the audit trail mean, and logins at servers; resolves with the number of records of these. */
async function rekeyState({ files, now }: CliContext, directory: string, { next, old }: Change): Promise<number> {
  const path = join(directory, 'state.db');
  if (!(await files.exists(path))) return 0;
  const [{ openSqliteStore }, { rekeyPeople }, { rekeyLogins }, { deriveKey, sealing }, { recordsOf }] =
    await Promise.all([
      import('../store/sqlite.ts'),
      import('../wiring/privacy-state.ts'),
      import('../logins/rekey.ts'),
      import('../credentials/index.ts'),
      import('../store/records.ts'),
    ]);
  const store = await openSqliteStore({ path, now });
  try {
    await rekeyPeople(store, old, next);
    const sealingOf = (master: KeyObject): ReturnType<typeof sealing> => sealing(deriveKey(master, 'upstream-oauth'));
    return await rekeyLogins(recordsOf(store, 'upstream-oauth'), sealingOf(old), sealingOf(next));
  } finally {
    await store.close();
  }
}
