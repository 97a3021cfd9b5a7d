/**
 * Where this state has put Sallyport into AI clients: which file, which key, and a hash of what was written, by which it is
 * seen when somebody has changed it. No key is kept. Also the copies of files as they were before.
 */
import { createHash } from 'node:crypto';
import { extname, join } from 'node:path';
import { isObject } from '@sallyport/wire';
import type { Entry, Scope } from '../clients/index.ts';
import type { CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';

/** The name of Sallyport among the servers of a client. */
export const OWN_NAME = 'sallyport';

export interface Connection {
  /** Of the client. */
  readonly client: string;
  readonly scope: Scope;
  /** Of its file. */
  readonly path: string;
  /** What the entry leads to: an address, or the path of a configuration over stdio. */
  readonly target: string;
  /** Of the key that stands in the file. Absent: none does. */
  readonly keyId?: string;
  readonly keyName?: string;
  readonly roles: readonly string[];
  /** Of the entry as it was written. */
  readonly hash: string;
  /** ISO 8601. */
  readonly connected: string;
}

/** A client may be in many projects; what is older than that is forgotten, not its key. */
const MAX_CONNECTIONS = 500;

/** Of an entry, whatever the order of its keys. */
export function entryHash(entry: unknown): string {
  return createHash('sha256').update(canonical(entry)).digest('hex');
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? 'null';
  const members = Object.keys(value)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
  return `{${members.join(',')}}`;
}

export async function readConnections({ files }: CliContext): Promise<readonly Connection[]> {
  const path = join(await files.stateDirectory(), 'connections.json');
  const text = await files.readState(path);
  if (text === undefined) return [];
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) return value.filter(isConnection);
  } catch {
    // Said below.
  }
  throw new CliError(`${path} is damaged: move it away, then connect your clients again`, exitCodes.failed);
}

function isConnection(value: unknown): value is Connection {
  if (!isObject(value)) return false;
  const texts = ['client', 'scope', 'path', 'target', 'hash', 'connected'].map((key) => value[key]);
  return texts.every((text) => typeof text === 'string') && Array.isArray(value['roles']);
}

/** Replaces what is known of a file; undefined forgets it. */
export async function keepConnection(
  context: CliContext,
  path: string,
  connection: Connection | undefined,
): Promise<void> {
  const others = (await readConnections(context)).filter((one) => one.path !== path);
  const all = connection === undefined ? others : [...others, connection];
  const file = join(await context.files.stateDirectory(), 'connections.json');
  await context.files.writeState(file, `${JSON.stringify(all.slice(-MAX_CONNECTIONS), null, 2)}\n`);
}

/** Keeps a file as it is now; gives the path of the copy. The same content is kept once. */
export async function backUp({ files }: CliContext, client: string, path: string, text: string): Promise<string> {
  const hash = createHash('sha256').update(path).update('\0').update(text).digest('hex').slice(0, 16);
  const copy = join(await files.stateDirectory(), 'backups', 'clients', `${client}-${hash}${extname(path)}`);
  await files.writeState(copy, text);
  return copy;
}

/** What `withEntry` writes into a list has its name in it. */
export function sameEntry(written: unknown, entry: Entry | string): boolean {
  const { name, ...rest } = isObject(written) ? written : {};
  const hash = typeof entry === 'string' ? entry : entryHash(entry);
  return entryHash(written) === hash || (name === OWN_NAME && entryHash(rest) === hash);
}
