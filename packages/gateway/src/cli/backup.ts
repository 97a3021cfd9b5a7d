/** `sallyport backup FILE`: the state in one encrypted file, also while gateways run. `restore` brings it back. */
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ensurePrivateDirectory } from '@sallyport/host';
import type { Command } from 'commander';
import { openMasterKey } from '../credentials/index.ts';
import { weakness, writeBackup, type Manifest } from './backup-file.ts';
import { entriesOf, fileHash, masterKeyCheck, stageState } from './backup-state.ts';
import { createAudited } from './audit-record.ts';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { configuredOrDefault } from './key-store.ts';
import { note, printResult } from './output.ts';
import { count } from './text.ts';

export interface PassphraseOptions {
  readonly passphraseFile?: string;
}

export const PASSPHRASE_OPTION = '--passphrase-file <FILE>';

export function register(program: Command, context: CliContext): void {
  program
    .command('backup')
    .summary('the state in one encrypted file')
    .description(
      'Writes keys, secrets, logins and the audit trail of this state into one new file, encrypted with a passphrase. Gateways may run meanwhile. The configuration is a file of yours and is not in it; nor are logs, caches, and the homes of sandboxed servers.',
    )
    .argument('<FILE>', 'the file to write; it must not be there')
    .option(PASSPHRASE_OPTION, 'a file with the passphrase; else it is asked for')
    .action(async (file: string, options: PassphraseOptions, command: Command) =>
      backup(context, file, options, command),
    );
}

async function backup(context: CliContext, file: string, options: PassphraseOptions, command: Command): Promise<void> {
  const globals = globalsOf(command, context);
  const { cwd, env, files } = context;
  const path = resolve(cwd, file);
  if (await files.exists(path)) throw new CliError(`${path} is there already: name another file`, exitCodes.usage);
  const directory = await files.stateDirectory();
  if (!(await files.exists(directory))) throw new CliError(`there is no state in ${directory}`, exitCodes.failed);
  const passphrase = await passphraseFor(context, options, 'new');
  const master = await openMasterKey({ directory, env });
  const config = await configuredOrDefault(context, globals);
  // Before it is copied: so the record is in the backup too.
  await createAudited(context, { config, directory, master })({ action: 'state.backup', target: path }, async () => {});
  const staging = await mkdtemp(join(await ensurePrivateDirectory(join(directory, 'backups')), '.backup-'));
  try {
    const createdMs = context.now();
    const { chains, problems } = await stageState(directory, staging, master);
    const manifest: Manifest = {
      version: 1,
      createdMs,
      sallyport: context.version,
      masterKey: masterKeyCheck(master),
      files: await entriesOf(staging),
      chains: chains.map(({ chain, hash, seq }) => ({ chain, seq, hash })),
      problems: problems.map(({ chain, message }) => `${chain}: ${message}`),
    };
    await writeBackup(path, passphrase, manifest, (entry) => createReadStream(join(staging, entry.path)));
    for (const problem of manifest.problems) note(context, `warning: the audit trail is not whole: ${problem}`);
    const sha256 = await fileHash(path);
    const value = { path, sha256, files: manifest.files.length, problems: manifest.problems };
    printResult(
      context,
      globals,
      value,
      `${path}\nsha256 ${sha256}\n${count(manifest.files.length, 'file')}; \`sallyport restore\` needs the passphrase`,
    );
    if (!manifest.files.some((entry) => entry.path === 'master.key')) {
      note(
        context,
        'note: the master key is not part of this state (SALLYPORT_MASTER_KEY): without it the backup opens nothing. Keep both, apart',
      );
    }
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** From the file that is named, else from the person. `new`: it is typed twice, and must not be easy to guess. */
export async function passphraseFor(
  { cwd, files, isTerminal, prompts }: CliContext,
  { passphraseFile }: PassphraseOptions,
  purpose: 'new' | 'known',
): Promise<string> {
  const ask = async (message: string): Promise<string> => (await prompts.hidden({ message })) ?? '';
  if (passphraseFile === undefined && !isTerminal) {
    throw new CliError('nobody can be asked for the passphrase: name a file with --passphrase-file', exitCodes.usage);
  }
  const given =
    passphraseFile === undefined
      ? await ask('Passphrase of the backup')
      : Buffer.from(await files.readSecret(resolve(cwd, passphraseFile)))
          .toString('utf8')
          .replace(/\r?\n$/, '');
  if (purpose === 'known') return given;
  const problem = weakness(given);
  if (problem !== undefined) throw new CliError(problem, exitCodes.usage);
  if (passphraseFile === undefined && (await ask('The same again')) !== given) {
    throw new CliError('the two are not the same: nothing was written', exitCodes.usage);
  }
  return given;
}
