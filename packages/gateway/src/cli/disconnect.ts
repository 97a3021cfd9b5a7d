/** `sallyport disconnect CLIENT`: takes Sallyport out of the client's file and ends the key that stood there. */
import { join } from 'node:path';
import { acquireLock, ensurePrivateDirectory } from '@sallyport/host';
import { Option, type Command } from 'commander';
import type { AiClient, Place } from '../clients/index.ts';
import { clientNamed, machineOf } from './client-choice.ts';
import { readClientFile, withEntry } from './client-file.ts';
import { ownLink } from './client-link.ts';
import { revoke } from './connect-client.ts';
import { backUp, keepConnection, OWN_NAME, readConnections, type Connection } from './connections.ts';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { note, printResult } from './output.ts';
import { oneLine } from './text.ts';

const LOCK_MS = 20_000;

interface DisconnectOptions {
  readonly project: boolean;
  readonly clientHome?: string;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('disconnect')
    .summary('take Sallyport out of an AI client')
    .description('Takes Sallyport out of the file of an AI client and revokes the key that it had. All else stays.')
    .argument('<CLIENT>', 'as `sallyport connect --status` names it')
    .option('--project', "the project's file in this folder", false)
    .addOption(new Option('--client-home <DIR>', 'look for clients in another home folder'))
    .action(async (name: string, options: DisconnectOptions, command: Command) => {
      const globals = globalsOf(command, context);
      const state = await ensurePrivateDirectory(await context.files.stateDirectory());
      const lock = await acquireLock(join(state, 'connections.lock'), { timeoutMs: LOCK_MS });
      try {
        await disconnect(context, globals, clientNamed(name), options);
      } finally {
        lock.release();
      }
    });
}

/** What became of one file. */
interface Done {
  readonly path: string;
  /** The one that was revoked. */
  readonly key: string | null;
  /** The file as it was. */
  readonly backup: string | null;
}

async function disconnect(
  context: CliContext,
  globals: GlobalOptions,
  client: AiClient,
  options: DisconnectOptions,
): Promise<void> {
  const { project, clientHome } = options;
  const scope = project ? 'project' : 'user';
  const connections = await readConnections(context);
  const places = client.places(machineOf(context, clientHome)).filter((place) => place.scope === scope);
  const done: Done[] = [];
  const failures: unknown[] = [];
  for (const place of places) {
    const connection = connections.find(({ path }) => path === place.path);
    const one = await disconnectFrom(context, globals, { options, client, place, connection }).catch(
      (error: unknown) => {
        failures.push(error);
      },
    );
    if (one !== undefined) done.push(one);
  }
  if (failures.length > 0) throw failures[0];
  if (done.length === 0) {
    const others = connections.filter((one) => one.client === client.id).map(({ path }) => oneLine(path));
    const elsewhere = others.length === 0 ? '' : `. It is in ${others.join(', ')}`;
    throw new CliError(`${client.title} is not connected here${elsewhere}`, exitCodes.failed);
  }
  const lines = done.flatMap(({ path, key, backup }) => [
    `${client.title} is disconnected: ${oneLine(path)}`,
    ...(key === null ? [] : [`  revoked  ${key}`]),
    ...(backup === null ? [] : [`  before   ${oneLine(backup)}`]),
  ]);
  printResult(context, globals, { client: client.id, files: done }, lines.join('\n'));
}

interface Where {
  readonly client: AiClient;
  readonly place: Place;
  readonly options: DisconnectOptions;
  readonly connection: Connection | undefined;
}

/** Undefined: it was not there. The key ends also where the entry was gone already, or cannot be taken out. */
async function disconnectFrom(
  context: CliContext,
  globals: GlobalOptions,
  { client, connection, options, place }: Where,
): Promise<Done | undefined> {
  const { keyId, keyName } = connection ?? {};
  let backup: string | undefined;
  try {
    backup = await takeOut(context, client, place, options);
  } catch (error) {
    if (connection !== undefined && keyId !== undefined) {
      await revoke(context, globals, connection);
      note(context, `revoked ${keyName ?? keyId}`);
    }
    throw error;
  }
  if (connection === undefined) return backup === undefined ? undefined : { path: place.path, key: null, backup };
  if (keyId !== undefined) await revoke(context, globals, connection);
  await keepConnection(context, place.path, undefined);
  return { path: place.path, key: keyName ?? null, backup: backup ?? null };
}

/** The path of the copy; undefined when nothing of ours stood there. */
async function takeOut(
  context: CliContext,
  client: AiClient,
  place: Place,
  options: DisconnectOptions,
): Promise<string | undefined> {
  const file = await readClientFile(context, place);
  if (file?.servers.some(({ name }) => name === OWN_NAME) !== true) return undefined;
  await ownLink(context, place.path, { ...options, needsKey: false });
  const after = withEntry(file.text, place, OWN_NAME, undefined);
  const backup = await backUp(context, client.id, place.path, file.text);
  await context.files.replace(place.path, after);
  return backup;
}
