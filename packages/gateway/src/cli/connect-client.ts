/** Connecting one client: what to write, the key for it, the copy of before, the write. Prints nothing but notes. */
import { join } from 'node:path';
import { acquireLock, ensurePrivateDirectory } from '@sallyport/host';
import type { AiClient, Endpoint, Entry, Place, Scope } from '../clients/index.ts';
import { machineOf, placeToWrite } from './client-choice.ts';
import { readClientFile, withEntry, type ClientFile } from './client-file.ts';
import {
  backUp,
  entryHash,
  keepConnection,
  OWN_NAME,
  readConnections,
  sameEntry,
  type Connection,
} from './connections.ts';
import { ownLink } from './client-link.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { configuredNames, noteRoles, withKeys, type OpenKeys } from './key-store.ts';
import { ownTarget, type OwnTarget } from './own-target.ts';

const LOCK_MS = 20_000;
const TAKEN_MS = 1_000;
/** The variable that a project's file refers to. */
const KEY_VARIABLE = 'SALLYPORT_KEY';

export interface Connected {
  readonly client: AiClient;
  readonly scope: Scope;
  readonly path: string;
  /** Where that file is, if its path is a link. */
  readonly leadsTo?: string;
  /** What the client reaches: an address, or a command. */
  readonly target: string;
  readonly action: 'connected' | 'connected already' | 'would connect';
  readonly key?: { readonly name: string; readonly roles: readonly string[] };
  /** The file as it was. */
  readonly backup?: string;
  /** With a placeholder where a key stands. */
  readonly entry: Entry;
  /** The variable that has to hold a key. */
  readonly variable?: string;
  /** A gateway that runs has yet to hear of the key. */
  readonly isFresh?: boolean;
}

/** What the person wants. */
export interface ConnectWishes {
  /** The project's file instead of the user's. */
  readonly project: boolean;
  /** Of its key. */
  readonly role: readonly string[];
  /** A command also for a client that knows HTTP. */
  readonly stdio: boolean;
  readonly dryRun: boolean;
  /** Another home folder. */
  readonly clientHome?: string;
}

/** What is written, and what for. */
interface Plan {
  readonly client: AiClient;
  readonly place: Place;
  readonly own: OwnTarget;
  /** Over HTTP; else a command. */
  readonly isHttp: boolean;
  /** It gets a key of its own. */
  readonly needsKey: boolean;
  readonly roles: readonly string[];
  /** Where the file is, if its path is a link. */
  readonly leadsTo: string | undefined;
}

export async function connectClient(
  context: CliContext,
  globals: GlobalOptions,
  client: AiClient,
  options: ConnectWishes,
): Promise<Connected> {
  const plan = await planOf(context, globals, client, options);
  if (options.dryRun) return { ...shared(plan), action: 'would connect', entry: entryOf(plan, '<key>') };
  const state = await ensurePrivateDirectory(await context.files.stateDirectory());
  const lock = await acquireLock(join(state, 'connections.lock'), { timeoutMs: LOCK_MS });
  try {
    return await carryOut(context, globals, plan);
  } finally {
    lock.release();
  }
}

async function planOf(
  context: CliContext,
  globals: GlobalOptions,
  client: AiClient,
  options: ConnectWishes,
): Promise<Plan> {
  const { project, role, stdio, clientHome } = options;
  const scope = project ? 'project' : 'user';
  const place = await placeToWrite(context, client, machineOf(context, clientHome), scope);
  if (place === undefined) throw new CliError(`${client.title} has no files of a project`, exitCodes.usage);
  const own = await ownTarget(context, globals);
  const isHttp = place.dialect.http !== undefined && !stdio;
  if (!isHttp && role.length > 0) {
    throw new CliError(
      `${client.title} gets a command, which joins as the user of this machine: a key with roles is for HTTP`,
      exitCodes.usage,
    );
  }
  if (project && (!isHttp || (own.takesKeys && place.dialect.bearerOf === undefined))) {
    throw new CliError(
      `a file of a project is for others too, and ${client.title} can refer to no variable in it: connect it without --project`,
      exitCodes.failed,
    );
  }
  const needsKey = isHttp && !project && own.takesKeys;
  const leadsTo = await ownLink(context, place.path, { ...options, needsKey });
  return { client, place, own, isHttp, needsKey, roles: role, leadsTo };
}

function shared({ client, place, own, isHttp, leadsTo, needsKey, roles }: Plan): Omit<Connected, 'action' | 'entry'> {
  const { scope, path } = place;
  return {
    client,
    scope,
    path,
    target: isHttp ? own.url : own.command.join(' '),
    ...(leadsTo !== undefined && { leadsTo }),
    ...(needsKey && { key: { name: client.id, roles } }),
    ...(scope === 'project' && own.takesKeys && { variable: KEY_VARIABLE }),
  };
}

function entryOf({ place, own, isHttp, needsKey }: Plan, key: string | undefined): Entry {
  const { http, stdio, bearerOf } = place.dialect;
  const [program = '', ...args] = own.command;
  if (http === undefined || !isHttp) return stdio(program, args);
  const reference = place.scope === 'project' && own.takesKeys ? bearerOf?.(KEY_VARIABLE) : undefined;
  const endpoint: Endpoint = { url: own.url, authorization: needsKey ? `Bearer ${key ?? ''}` : reference };
  return http(endpoint);
}

async function carryOut(context: CliContext, globals: GlobalOptions, plan: Plan): Promise<Connected> {
  const { place } = plan;
  const file = await readClientFile(context, place);
  const before = (await readConnections(context)).find(({ path }) => path === place.path);
  const written = file?.servers.find(({ name }) => name === OWN_NAME)?.entry;
  if (!plan.needsKey) {
    const entry = entryOf(plan, undefined);
    if (written !== undefined && sameEntry(written, entry) && before !== undefined) {
      return { ...shared(plan), action: 'connected already', entry };
    }
    const backup = await write(context, plan, file, entry);
    await keepConnection(context, place.path, connectionOf(context, plan, entry, undefined));
    if (before?.keyId !== undefined) await revoke(context, globals, before);
    return { ...shared(plan), action: 'connected', entry, ...(backup !== undefined && { backup }) };
  }
  return await withKeys(context, globals, async (open) => {
    noteRoles(context, plan.roles, open.config);
    const same = await heldKey(open, plan, before, written);
    if (same !== undefined) {
      return { ...shared(plan), key: same, action: 'connected already', entry: entryOf(plan, '<key>') };
    }
    return await withNewKey(context, open, plan, { file, before });
  });
}

/** Resolves when a gateway that runs knows all new keys: it looks twice a second. */
export async function untilTaken({ processes }: CliContext, connected: readonly Connected[]): Promise<void> {
  if (connected.some(({ isFresh }) => isFresh === true)) await processes.delay(TAKEN_MS);
}

/** The key that is in the file already and still good, with the roles that are wanted now. */
async function heldKey(
  { keys, audited }: OpenKeys,
  { own, roles }: Plan,
  before: Connection | undefined,
  written: unknown,
): Promise<Connected['key'] | undefined> {
  if (before?.keyId === undefined || written === undefined || before.target !== own.url) return undefined;
  const key = (await keys.list()).find(({ id }) => id === before.keyId);
  if (key === undefined || !sameEntry(written, before.hash)) return undefined;
  const isSame = key.roles.length === roles.length && roles.every((role) => key.roles.includes(role));
  if (!isSame) {
    const change = { action: 'key.roles', target: key.name, detail: { roles } };
    await audited(change, async () => keys.setRoles(key.id, roles));
  }
  return { name: key.name, roles };
}

interface Standing {
  readonly file: ClientFile | undefined;
  readonly before: Connection | undefined;
}

/** The key is made first and taken back when the file cannot be written: so none is in a file that nobody knows. */
async function withNewKey(
  context: CliContext,
  open: OpenKeys,
  plan: Plan,
  { file, before }: Standing,
): Promise<Connected> {
  const { client } = plan;
  const { keys, audited, config } = open;
  // A file that cannot be written is found out before any key is touched.
  withEntry(file?.text, plan.place, OWN_NAME, entryOf(plan, '<key>'));
  const taken = new Set([...configuredNames(config), ...(await keys.list()).map(({ name }) => name)]);
  if (before?.keyName !== undefined && before.client === client.id) taken.delete(before.keyName);
  if (before?.keyId !== undefined) await revokeIn(open, before);
  const name = freeName(client.id, taken);
  const change = { action: 'key.create', target: name, detail: { roles: plan.roles, client: client.id } };
  const { key, record } = await audited(change, () => keys.create({ name, roles: plan.roles, client: client.id }));
  const entry = entryOf(plan, key);
  const { path } = plan.place;
  try {
    // Known before it is in the file: whatever ends this in between, `disconnect` still finds the key.
    await keepConnection(context, path, connectionOf(context, plan, entry, record));
    const backup = await write(context, plan, file, entry);
    return {
      ...shared(plan),
      key: { name, roles: plan.roles },
      action: 'connected',
      isFresh: plan.own.isRunning,
      entry: entryOf(plan, '<key>'),
      ...(backup !== undefined && { backup }),
    };
  } catch (error) {
    await audited({ action: 'key.revoke', target: name }, async () => keys.revoke(record.id));
    await keepConnection(context, path, before);
    throw error;
  }
}

function freeName(base: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? base : `${base}-${number}`;
    if (!taken.has(name)) return name;
  }
}

/** Ends the key of a connection, if it is still there. */
export async function revoke(context: CliContext, globals: GlobalOptions, connection: Connection): Promise<void> {
  await withKeys(context, globals, async (open) => revokeIn(open, connection));
}

async function revokeIn({ keys, audited }: OpenKeys, { keyId, keyName }: Connection): Promise<void> {
  if (keyId === undefined || !(await keys.list()).some(({ id }) => id === keyId)) return;
  await audited({ action: 'key.revoke', target: keyName ?? keyId }, async () => keys.revoke(keyId));
}

function connectionOf(
  context: CliContext,
  { client, place, own, isHttp, roles }: Plan,
  entry: Entry,
  key: { readonly id: string; readonly name: string } | undefined,
): Connection {
  return {
    client: client.id,
    scope: place.scope,
    path: place.path,
    target: isHttp ? own.url : own.configPath,
    ...(key !== undefined && { keyId: key.id, keyName: key.name }),
    roles,
    hash: entryHash(entry),
    connected: new Date(context.now()).toISOString(),
  };
}

/** Gives the path of the copy of what was there. The client may write the file too: what it wrote meanwhile is not lost. */
async function write(
  context: CliContext,
  { client, place, needsKey }: Plan,
  file: ClientFile | undefined,
  entry: Entry,
): Promise<string | undefined> {
  const { files } = context;
  const after = withEntry(file?.text, place, OWN_NAME, entry);
  if (file === undefined) {
    await files.create(place.path, after);
    return undefined;
  }
  const backup = await backUp(context, client.id, place.path, file.text);
  const now = await readClientFile(context, place);
  if (now?.text !== file.text) {
    throw new CliError(
      `${place.path} was changed by another program just now: run the command again`,
      exitCodes.failed,
    );
  }
  await files.replace(place.path, after, { isPrivate: needsKey });
  return backup;
}
