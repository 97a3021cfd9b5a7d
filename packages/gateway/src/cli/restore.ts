/**
 * `sallyport restore FILE`: makes what a backup holds the state of this machine, after everything in it was checked. The state
 * that was there is kept aside.
 */
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pipeline } from 'node:stream/promises';
import { acquireLock, ensurePrivateDirectory, LockTimeoutError } from '@sallyport/host';
import type { Command } from 'commander';
import { auditFolder, auditKeys } from '../wiring/audit-trail.ts';
import { listChains, lockPath } from '../audit/folder.ts';
import { verifyTrail } from '../audit/verify.ts';
import { openMasterKey } from '../credentials/index.ts';
import { checkSchema } from '../store/sqlite-schema.ts';
import { passphraseFor, PASSPHRASE_OPTION, type PassphraseOptions } from './backup.ts';
import { openBackup, type Manifest, type OpenBackup } from './backup-file.ts';
import { AUDIT, masterKeyCheck, stateNames } from './backup-state.ts';
import { createAudited } from './audit-record.ts';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { configuredOrDefault } from './key-store.ts';
import { note, printResult } from './output.ts';
import { swapState } from './restore-swap.ts';
import { findAll } from './running.ts';
import { oneLine } from './text.ts';

interface Options extends PassphraseOptions {
  readonly force: boolean;
  readonly yes: boolean;
}

const BUSY_MS = 5000;

export function register(program: Command, context: CliContext): void {
  program
    .command('restore')
    .summary('bring back the state from a backup')
    .description(
      'Makes what a backup holds the state of this machine: keys, secrets, logins, the audit trail. All of it is checked first; interrupted, it leaves the state as it was. No gateway may run. The state before is kept in its folder `backups`. Keys that were revoked since the backup are good again.',
    )
    .argument('<FILE>', 'what `sallyport backup` wrote')
    .option(PASSPHRASE_OPTION, 'a file with the passphrase; else it is asked for')
    .option('--force', 'also over a state that was used after the backup was made', false)
    .option('--yes', 'do not ask', false)
    .action(async (file: string, options: Options, command: Command) => restore(context, file, options, command));
}

async function restore(context: CliContext, file: string, options: Options, command: Command): Promise<void> {
  const globals = globalsOf(command, context);
  const path = resolve(context.cwd, file);
  const state = await context.files.stateDirectory();
  const passphrase = await passphraseFor(context, options, 'known');
  const backup = await openBackup(path, passphrase);
  try {
    await refuseRunning(context, state);
    const { manifest } = backup;
    const old = await oldNames(state);
    await refuseNewer(state, old, manifest, options);
    await confirmed(context, state, old, manifest, options);
    const backups = await ensurePrivateDirectory(join(await ensurePrivateDirectory(state), 'backups'));
    const from = await mkdtemp(join(backups, '.restore-'));
    const to = join(backups, `replaced-${new Date(context.now()).toISOString().replaceAll(/[:.]/g, '')}`);
    try {
      await unpack(backup, from);
      await check(context, from, manifest);
      // Once more: checking takes its time.
      await refuseRunning(context, state);
      await swapState({ state, old, to, next: await readdir(from), from });
    } finally {
      await rm(from, { recursive: true, force: true });
    }
    if (old.length === 0) await rm(to, { recursive: true, force: true });
    const config = await configuredOrDefault(context, globals).catch(() => undefined);
    const master = await openMasterKey({ directory: state, env: context.env });
    const change = {
      action: 'state.restore',
      target: path,
      detail: { from: new Date(manifest.createdMs).toISOString() },
    };
    await createAudited(context, { config, directory: state, master })(change, async () => {});
    const kept = old.length === 0 ? undefined : to;
    const text = [
      `restored ${state} as of ${new Date(manifest.createdMs).toISOString()}`,
      ...(kept === undefined ? [] : [`The state before is in ${kept}: remove it when you do not need it`]),
      'Keys that were revoked since are good again: `sallyport key list` shows them',
    ].join('\n');
    for (const problem of manifest.problems)
      note(context, `warning: the audit trail was not whole when it was backed up: ${oneLine(problem)}`);
    printResult(
      context,
      globals,
      { state, createdMs: manifest.createdMs, files: manifest.files.length, replaced: kept ?? null },
      text,
    );
  } finally {
    await backup.close();
  }
}

/** A killed process leaves companions of its store; they belong to the store that is replaced. */
async function oldNames(state: string): Promise<readonly string[]> {
  const there = await readdir(state).catch((): string[] => []);
  return [...(await stateNames(state)), ...there.filter((name) => /^state\.db-(?:wal|shm|journal)$/.test(name))];
}

/** Those with a listener say so; others write the trail. */
async function refuseRunning(context: CliContext, state: string): Promise<void> {
  const [running] = await findAll(context);
  if (running !== undefined) {
    throw new CliError(
      `the gateway at ${running.url} (pid ${running.pid}) uses this state: \`sallyport stop\` first`,
      exitCodes.failed,
    );
  }
  const folder = auditFolder(state);
  for (const { chain, isOpen } of await listChains(folder)) {
    if (!isOpen) continue;
    try {
      (await acquireLock(lockPath(folder, chain), { timeoutMs: 0 })).release();
    } catch (error) {
      if (!(error instanceof LockTimeoutError)) throw error;
      throw new CliError(`a process uses this state (pid ${chain.split('-').at(-1)}): end it first`, exitCodes.failed);
    }
  }
}

async function refuseNewer(
  state: string,
  old: readonly string[],
  { createdMs }: Manifest,
  { force }: Options,
): Promise<void> {
  if (force) return;
  const folders = old.includes(AUDIT) ? await readdir(join(state, AUDIT)) : [];
  const paths = [...old.filter((name) => name !== AUDIT), ...folders.map((name) => join(AUDIT, name))];
  for (const path of paths) {
    const { mtimeMs } = await stat(join(state, path));
    if (mtimeMs <= createdMs) continue;
    throw new CliError(
      `${join(state, path)} was written ${new Date(mtimeMs).toISOString()}, after this backup was made (${new Date(createdMs).toISOString()}): what is newer would be lost. \`--force\` does it all the same, and keeps the state aside`,
      exitCodes.failed,
    );
  }
}

async function confirmed(
  { confirm, isTerminal }: CliContext,
  state: string,
  old: readonly string[],
  { createdMs }: Manifest,
  { yes }: Options,
): Promise<void> {
  if (yes || old.length === 0) return;
  if (!isTerminal)
    throw new CliError(`there is a state in ${state}: \`--yes\` replaces it, and keeps it aside`, exitCodes.usage);
  const question = `Replace the state in ${state} by that of ${new Date(createdMs).toISOString()}?`;
  if (!(await confirm(question))) throw new CliError('nothing was changed', exitCodes.failed);
}

async function unpack(backup: OpenBackup, to: string): Promise<void> {
  if (backup.manifest.files.some(({ path }) => path.startsWith(`${AUDIT}/`)))
    await mkdir(join(to, AUDIT), { mode: 0o700 });
  await backup.each(async ({ path }, bytes) => {
    await pipeline(bytes, createWriteStream(join(to, path), { flags: 'wx', mode: 0o600, flush: true }));
  });
}

/** What was written is what was read; here it is whether it can be used, with the key that is there. */
async function check({ env }: CliContext, from: string, manifest: Manifest): Promise<void> {
  const names = await readdir(from);
  const master = await openMasterKey({ directory: from, env });
  if (masterKeyCheck(master) !== manifest.masterKey) {
    throw new CliError(
      'the master key is another one than when the backup was made, and would open nothing of it: set SALLYPORT_MASTER_KEY (or SALLYPORT_MASTER_KEY_FILE) as it was then, or unset it where there was none',
      exitCodes.refused,
    );
  }
  if (names.includes('state.db')) checkStore(join(from, 'state.db'));
  const anchors = manifest.problems.length > 0 ? [] : manifest.chains;
  const { problems } = await verifyTrail(join(from, AUDIT), auditKeys(master), anchors);
  const found = problems
    .map(({ chain, message }) => `${chain}: ${message}`)
    .filter((problem) => !manifest.problems.includes(problem));
  if (found.length > 0)
    throw new CliError(`the audit trail of the backup is not whole: ${found.join('; ')}`, exitCodes.failed);
}

/** Throws when it is damaged, or of a newer Sallyport. */
function checkStore(path: string): void {
  checkSchema(path, BUSY_MS);
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const [result] = database.prepare('PRAGMA integrity_check').all();
    if (result?.['integrity_check'] !== 'ok')
      throw new CliError('the store of the backup is damaged', exitCodes.failed);
  } finally {
    database.close();
  }
}
