/**
 * `sallyport principal forget WHO`: removes what this state keeps of somebody (GDPR Art. 17). The records of the audit trail stay,
 * and their chain with them; who they are about cannot be told any more. It says what it cannot reach.
 */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Command } from 'commander';
import { forgetIdentity, nameOf, type Named } from '../privacy/index.ts';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { printResult } from './output.ts';
import { ISSUER } from './principal-export.ts';
import { isUser, readPrincipal } from './principal-name.ts';
import { isNothing, readKept, withState, type Kept, type OpenState } from './principal-state.ts';
import { count, oneLine } from './text.ts';

interface Options {
  readonly issuer?: string;
  readonly yes: boolean;
}

/** What was removed, and what is left that a person may want to know of. */
export interface Forgotten {
  readonly principal: Named;
  /** What the records say from now on; nobody can tell whom they mean. */
  readonly pseudonyms: readonly string[];
  readonly keys: number;
  readonly logins: readonly { readonly server: string; readonly outcome: string }[];
  readonly stored: number;
  readonly left: readonly string[];
}

export function registerForget(principal: Command, context: CliContext): void {
  principal
    .command('forget')
    .summary('remove what is kept of somebody')
    .description(
      'Removes keys, grants, sign-ins, logins at servers and catalogues of somebody, and makes the records of the audit trail anonymous: they stay, their chain still verifies, and nobody can tell whom they mean. It shuts nobody out: `principal disable` does.',
    )
    .argument('<WHO>', 'the name of a key, or ISSUER#SUBJECT')
    .option('--issuer <ISSUER>', ISSUER)
    .option('--yes', 'do not ask', false)
    .action(async (name: string, options: Options, command: Command) => {
      const who = readPrincipal(name, options.issuer);
      if (isUser(who)) throw new CliError('the user of this machine is nobody’s name, and stays', exitCodes.usage);
      await forget(context, globalsOf(command, context), who, options);
    });
}

async function forget(context: CliContext, globals: GlobalOptions, who: Named, { yes }: Options): Promise<void> {
  if (!yes && !context.isTerminal) throw new CliError('nobody can be asked: `--yes` does it without', exitCodes.usage);
  const forgotten = await withState(context, globals, async (open) => {
    const kept = await (await readKept(open)).of(who);
    if (isNothing(kept)) throw new CliError(`nothing is kept of ${oneLine(nameOf(who))}`, exitCodes.failed);
    if (!yes && !(await context.confirm(`Forget ${oneLine(nameOf(who))} (${oneLine(summary(kept))}) for good?`))) {
      throw new CliError('nothing was changed', exitCodes.failed);
    }
    // The record of it names nobody either.
    const target = kept.identities.map(({ pseudonym }) => pseudonym).join(' ') || 'without records';
    return await open.audited({ action: 'principal.forget', target }, () => remove(open, who, kept));
  });
  const directory = await context.files.stateDirectory();
  const left = [...forgotten.left, ...(overwrite(join(directory, 'state.db')) ? [] : [BUSY])];
  printResult(context, globals, { ...forgotten, left }, textOf({ ...forgotten, left }));
}

async function remove(open: OpenState, who: Named, kept: Kept): Promise<Forgotten> {
  const { context, identities, keys, logins, store } = open;
  for (const { id } of kept.keys) await keys.revoke(id);
  const ended: Forgotten['logins'][number][] = [];
  for (const { server } of kept.logins) ended.push({ server, outcome: await logins.logout(server, who) });
  const pseudonyms = kept.identities.map(({ pseudonym }) => pseudonym);
  // Gateways drop what they hold in memory before the last of it goes from the store, so that none writes it again.
  await forgetIdentity(who, pseudonyms, identities, { now: context.now, random: randomBytes });
  for (const { collection, key } of kept.records) await store.delete(collection, key);
  for (const home of kept.homes) await rm(home, { recursive: true, force: true });
  return {
    principal: { issuer: who.issuer, subject: who.subject },
    pseudonyms,
    keys: kept.keys.length,
    logins: ended,
    stored: kept.records.length,
    left: leftOf(open, kept, ended),
  };
}

const BUSY =
  'A process reads the store just now: bytes of what was removed may stand in its write-ahead log until that is written over.';

function leftOf({ config }: OpenState, kept: Kept, ended: Forgotten['logins']): readonly string[] {
  const untold = ended.filter(({ outcome }) => outcome === 'removed').map(({ server }) => server);
  const copies = [
    ...(config?.audit.file === undefined ? [] : ['audit.file']),
    ...(config?.audit.sinks.length ? ['audit.sinks'] : []),
  ];
  const hasValues = config?.audit.values === true;
  return [
    ...(kept.isConfigured
      ? ['A key of this name stands in the configuration: remove it there, and from the policy.']
      : []),
    ...(kept.isDisabled
      ? ['It stays shut out, and that names it: `principal disable --undo` removes the mark, and lets it in again.']
      : []),
    ...(untold.length > 0
      ? [`These servers could not be told that the login has ended: ${untold.map(oneLine).join(', ')}.`]
      : []),
    ...(copies.length > 0 ? [`Copies of records that went elsewhere (${copies.join(', ')}) are erased there.`] : []),
    ...(hasValues ? ['Arguments and results stand in records (`audit.values`); they go with `audit.retention`.'] : []),
    'Backups and logs made before still hold it; they go when they are removed or written over.',
  ];
}

function summary({ identities, keys, logins, records }: Kept): string {
  return [
    ...(keys.length > 0 ? [count(keys.length, 'key')] : []),
    ...(logins.length > 0 ? [count(logins.length, 'login')] : []),
    ...(records.length > 0 ? [count(records.length, 'record')] : []),
    ...(identities.length > 0 ? ['its name in the audit trail'] : []),
  ].join(', ');
}

function textOf({ keys, left, logins, principal, pseudonyms, stored }: Forgotten): string {
  return [
    `${oneLine(nameOf(principal))} is forgotten: ${count(keys, 'key')}, ${count(logins.length, 'login')}, ${count(stored, 'record')} removed.`,
    pseudonyms.length === 0
      ? 'The audit trail has no record of it.'
      : `The records of the audit trail stay, as ${pseudonyms.join(', ')}; nobody can tell any more who that was.`,
    ...left.map((line) => `left: ${line}`),
  ].join('\n');
}

/** What was deleted is overwritten in the file; what is in its write-ahead log goes with it. False: somebody reads. */
function overwrite(path: string): boolean {
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA busy_timeout = 2000');
    return Number(database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.['busy'] ?? 1) === 0;
  } finally {
    database.close();
  }
}
