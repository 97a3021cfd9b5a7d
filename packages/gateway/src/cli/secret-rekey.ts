/** `sallyport secret rekey`: seals the secrets of this state for the master key that is in force now. */
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
      'Opens the secrets with the master key that they were kept under, and seals them for the one that is in force (SALLYPORT_MASTER_KEY, SALLYPORT_MASTER_KEY_FILE, or master.key in the state); either may be a passphrase. When it is interrupted all is under the old key or all under the new one: run it again.',
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
  await rekeyState(context, directory, change);
  const outcome = await secrets.rekey(sealing(deriveKey(change.old, 'secrets')));
  await change.settle();
  if (outcome === 'absent') throw new CliError(`there are no secrets in ${secrets.place}`, exitCodes.failed);
  const said = outcome === 'done' ? 'sealed anew' : 'under this master key already';
  printResult(context, globals, { place: secrets.place, outcome }, `${said}: ${secrets.place}`);
}

/** Whom the records of the audit trail mean. */
async function rekeyState(
  { files, now }: CliContext,
  directory: string,
  { next, old }: { readonly old: KeyObject; readonly next: KeyObject },
): Promise<void> {
  const path = join(directory, 'state.db');
  if (!(await files.exists(path))) return;
  const [{ openSqliteStore }, { rekeyPeople }] = await Promise.all([
    import('../store/sqlite.ts'),
    import('../privacy-state.ts'),
  ]);
  const store = await openSqliteStore({ path, now });
  try {
    await rekeyPeople(store, old, next);
  } finally {
    await store.close();
  }
}
