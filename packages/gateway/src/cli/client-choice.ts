/** Which AI clients there are on this machine, and which one a command line means. It looks for their files and programs. */
import { posix, win32 } from 'node:path';
import { AI_CLIENTS, findClient, type AiClient, type Machine, type Place, type Scope } from '../clients/index.ts';
import { didYouMean } from '../config/problems.ts';
import type { CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { oneLine } from './text.ts';

/** `home`: another folder than this user's; what the environment says of folders does not hold there. */
export function machineOf({ processes, home, cwd, env }: CliContext, elsewhere?: string): Machine {
  return elsewhere === undefined
    ? { platform: processes.platform, home, project: cwd, env }
    : { platform: processes.platform, home: elsewhere, project: cwd, env: {} };
}

export interface FoundClient {
  readonly client: AiClient;
  /** Its files that are there. */
  readonly files: readonly Place[];
}

/** Clients that have a file here, a folder for one, or a program on PATH; in the order of the table. */
export async function findClients(context: CliContext, machine: Machine): Promise<readonly FoundClient[]> {
  const found = await Promise.all(
    AI_CLIENTS.map(async (client): Promise<FoundClient & { readonly isThere: boolean }> => {
      const places = client.places(machine);
      const files = await existing(context, places);
      const isThere =
        files.length > 0 || (await hasFolder(context, machine, places)) || (await hasProgram(context, client));
      return { client, files, isThere };
    }),
  );
  return found.filter(({ isThere }) => isThere).map(({ client, files }) => ({ client, files }));
}

export async function existing({ files }: CliContext, places: readonly Place[]): Promise<readonly Place[]> {
  const are = await Promise.all(places.map(({ path }) => files.exists(path)));
  return places.filter((_place, index) => are[index]);
}

/** The folder of a user's file, unless it is one that is there anyway. */
async function hasFolder({ files }: CliContext, machine: Machine, places: readonly Place[]): Promise<boolean> {
  const paths = machine.platform === 'win32' ? win32 : posix;
  const shared = [machine.home, machine.project].map((path) => path.toLowerCase());
  const folders = places.filter(({ scope }) => scope === 'user').map(({ path }) => paths.dirname(path));
  const own = folders.filter((folder) => !shared.includes(folder.toLowerCase()));
  return (await Promise.all(own.map((folder) => files.exists(folder)))).includes(true);
}

async function hasProgram({ env, files, processes }: CliContext, { programs }: AiClient): Promise<boolean> {
  const paths = processes.platform === 'win32' ? win32 : posix;
  const endings = processes.platform === 'win32' ? ['.exe', '.cmd'] : [''];
  const folders = (env['PATH'] ?? '').split(paths.delimiter).filter((folder) => folder !== '');
  const all = folders.flatMap((folder) =>
    programs.flatMap((name) => endings.map((ending) => paths.join(folder, `${name}${ending}`))),
  );
  return (await Promise.all(all.map((path) => files.exists(path)))).includes(true);
}

/** Throws for a name that nobody knows. */
export function clientNamed(name: string): AiClient {
  const client = findClient(name);
  if (client !== undefined) return client;
  const names = AI_CLIENTS.flatMap(({ id, aliases }) => [id, ...aliases]);
  throw new CliError(
    `there is no client \`${oneLine(name)}\`${didYouMean(name, names)}\nKnown are ${AI_CLIENTS.map(({ id }) => id).join(', ')}`,
    exitCodes.usage,
  );
}

/** The file to write to: the first of the scope that is there, else the first. Undefined: it has none of that scope. */
export async function placeToWrite(
  context: CliContext,
  client: AiClient,
  machine: Machine,
  scope: Scope,
): Promise<Place | undefined> {
  const places = client.places(machine).filter((place) => place.scope === scope);
  return (await existing(context, places))[0] ?? places[0];
}
