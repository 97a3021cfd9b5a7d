/**
 * `sallyport secret rekey`: what this state holds sealed is sealed for the master key that is in force now: secrets, logins at
 * servers, the audit trail and whom it means, and the other records of the store.
 */
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { KeyPurpose } from '../credentials/index.ts';
import type { KeyChange } from '../credentials/master-key.ts';
import type { Sealing } from '../round.ts';
import type { Store } from '../store/index.ts';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { printResult } from './output.ts';
import { openSecretFile } from './secret-store.ts';

export function registerRekey(secret: Command, context: CliContext): void {
  secret
    .command('rekey')
    .summary('seal all values for another master key')
    .description(
      'Opens the secrets, the logins at servers, the audit trail and what else is sealed in the state with the master key that they were kept under, and seals them for the one that is in force (SALLYPORT_MASTER_KEY, SALLYPORT_MASTER_KEY_FILE, or master.key in the state); either may be a passphrase. No gateway may run meanwhile. When it is interrupted each value is under one of the two keys, and no gateway starts: run it again. Keys of clients and sign-ins end with the old key.',
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
  const done = await withState(context, directory, async (store) => await rekeyKept(directory, store, change));
  const outcome = await secrets.rekey(sealing(deriveKey(change.old, 'secrets')));
  await withState(context, directory, async (store) => await settle(store, change));
  const { chains, logins, records } = done;
  if (outcome === 'absent' && chains + logins + records === 0) {
    throw new CliError(`there are no secrets in ${secrets.place}`, exitCodes.failed);
  }
  const said = { absent: 'there are no secrets', already: 'under this master key already', done: 'sealed anew' }[
    outcome
  ];
  printResult(
    context,
    globals,
    { place: secrets.place, outcome, ...done },
    `${said}: ${secrets.place}\nsealed anew: ${logins} records of logins, ${records} other records of the state, ${chains} chains of the audit trail`,
  );
}

interface Done {
  readonly chains: number;
  readonly logins: number;
  /** Of the state, besides logins. */
  readonly records: number;
}

/** Undefined: this state has no store yet. */
type Kept = Store | undefined;

async function withState<T>(
  { files, now }: CliContext,
  directory: string,
  use: (store: Kept) => Promise<T>,
): Promise<T> {
  const path = join(directory, 'state.db');
  if (!(await files.exists(path))) return await use(undefined);
  const { openSqliteStore } = await import('../store/sqlite.ts');
  const store = await openSqliteStore({ path, now });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** The trail first: it refuses while a gateway runs, which would write on with the key before. */
async function rekeyKept(directory: string, store: Kept, change: KeyChange): Promise<Done> {
  const { beginKeyChange } = await import('../credentials/index.ts');
  const chains = await rekeyAudit(directory, change, async () => {
    if (store !== undefined) await beginKeyChange(store, change.old, change.next);
  });
  return { chains, ...(store === undefined ? { logins: 0, records: 0 } : await rekeyStore(store, change)) };
}

async function settle(store: Kept, change: KeyChange): Promise<void> {
  const { endKeyChange } = await import('../credentials/index.ts');
  await change.settle();
  if (store !== undefined) await endKeyChange(store, change.next);
}

async function rekeyAudit(directory: string, { next, old }: KeyChange, begin: () => Promise<void>): Promise<number> {
  const [{ auditFolder, auditKeys }, { rekeyTrail }] = await Promise.all([
    import('../wiring/audit-trail.ts'),
    import('../audit/rekey.ts'),
  ]);
  return await rekeyTrail(auditFolder(directory), { old: auditKeys(old), next: auditKeys(next) }, begin);
}

/** Whom the records of the audit trail mean, logins at servers, and whatever else is sealed there. */
async function rekeyStore(store: Store, { next, old }: KeyChange): Promise<Omit<Done, 'chains'>> {
  const [{ privateStore, rekeyPeople, rekeyState }, { rekeyHistory }, { rekeyLogins }, credentials, { recordsOf }] =
    await Promise.all([
      import('../wiring/privacy-state.ts'),
      import('../wiring/admin-history.ts'),
      import('../logins/rekey.ts'),
      import('../credentials/index.ts'),
      import('../store/records.ts'),
    ]);
  const sealingsFor = (purpose: KeyPurpose): [Sealing, Sealing] => [
    credentials.sealing(credentials.deriveKey(old, purpose)),
    credentials.sealing(credentials.deriveKey(next, purpose)),
  ];
  const people = await rekeyPeople(store, old, next);
  const records = await rekeyState(store, old, next);
  // Sealed for themselves within what is sealed, so these are counted already.
  await rekeyHistory(privateStore(store, next), ...sealingsFor('config-history'));
  const logins = await rekeyLogins(recordsOf(store, 'upstream-oauth'), ...sealingsFor('upstream-oauth'));
  return { logins, records: people + records };
}
