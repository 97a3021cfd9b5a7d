/** The state as the verbs about principals open it: who is known, and everything that is kept of somebody. It shows nothing. */
import { createHash, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import type { ClientKey, KeyTable } from '@sallyport/server';
import type { Config } from '../config/types.ts';
import { listDisabled } from '../wiring/disabled.ts';
import { deriveKey, openLocalKey, openMasterKey, sealing } from '../credentials/index.ts';
import { instanceFor } from '../isolation/index.ts';
import { LOCAL, LOCAL_ISSUER } from '../wiring/local.ts';
import { Logins } from '../logins/index.ts';
import { keptIdentities, ownerOf, type IdentityStorage, type KeptIdentity, type Named } from '../privacy/index.ts';
import { identityStorage, openPrivateStore } from '../wiring/privacy-state.ts';
import { openKeys } from '../wiring/callers.ts';
import { homePath } from '../sandbox/home.ts';
import { loginServers } from '../servers.ts';
import type { Store, StoreRecord } from '../store/index.ts';
import { recordsOf } from '../store/records.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import { createAudited, type Audited } from './audit-record.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { configuredOrDefault } from './key-store.ts';
import { isSame } from './principal-name.ts';

export interface OpenState {
  readonly context: CliContext;
  readonly directory: string;
  /** Undefined: there is none, and the defaults count. */
  readonly config: Config | undefined;
  readonly store: Store;
  readonly keys: KeyTable;
  readonly identities: IdentityStorage;
  /** Logins at the servers of the configuration. */
  readonly logins: Logins;
  readonly audited: Audited;
}

/** Opens the state and closes it again. Fails where there is none: nothing is made by looking. */
export async function withState<T>(
  context: CliContext,
  globals: GlobalOptions,
  use: (open: OpenState) => Promise<T>,
): Promise<T> {
  const config = await configuredOrDefault(context, globals);
  if (config?.store === 'memory') {
    throw new CliError('with `store: memory` nothing is kept of anybody', exitCodes.configuration);
  }
  const directory = await context.files.stateDirectory();
  const path = join(directory, 'state.db');
  if (!(await context.files.exists(path))) throw new CliError(`there is no state in ${directory}`, exitCodes.failed);
  const master = await openMasterKey({ directory, env: context.env });
  const localKey = await openLocalKey({ directory });
  const store = await openPrivateStore(await openSqliteStore({ path, now: context.now }), master);
  const logins = openLogins(context, config, store, master);
  try {
    return await use({
      context,
      directory,
      config,
      store,
      keys: await openKeys(store, master, localKey, context.now),
      identities: identityStorage(store, master),
      logins,
      audited: createAudited(context, { config, directory, master, store }),
    });
  } finally {
    await logins.close();
    await store.close();
  }
}

/** Without a listener: nobody begins a login here. */
function openLogins({ env, now }: CliContext, config: Config | undefined, store: Store, master: KeyObject): Logins {
  return new Logins({
    servers: config === undefined ? [] : loginServers(config),
    allow: config?.egress.allow ?? [],
    env,
    records: recordsOf(store, 'upstream-oauth'),
    asked: recordsOf(store, 'upstream-asked'),
    browsers: recordsOf(store, 'upstream-browsers'),
    news: recordsOf(store, 'upstream-news'),
    sealing: sealing(deriveKey(master, 'upstream-oauth')),
    user: LOCAL,
    redirectUri: () => undefined,
    told: () => undefined,
    log: () => undefined,
    now,
  });
}

/** A login of somebody at a server. */
export interface KeptLogin {
  readonly server: string;
  readonly issuer: string;
  readonly scopes: readonly string[];
  readonly expiresAtMs?: number;
}

/** A record of the store that is about somebody. */
export interface KeptRecord extends StoreRecord {
  readonly collection: string;
}

/** Everything that is kept of somebody, but for the records of the trail. */
export interface Kept {
  readonly identities: readonly KeptIdentity[];
  readonly keys: readonly ClientKey[];
  /** A key of this name stands in the configuration. */
  readonly isConfigured: boolean;
  readonly isDisabled: boolean;
  /** Besides keys and the mark of being shut out. */
  readonly records: readonly KeptRecord[];
  readonly logins: readonly KeptLogin[];
  /** Folders of what servers keep for somebody; they need not be there. */
  readonly homes: readonly string[];
}

/** What has a place of its own above, or names nobody. */
const APART: ReadonlySet<string> = new Set(['client-keys', 'client-key-uses', 'disabled', 'identities', 'forgotten']);

/** Everything that is kept, read once: of whomever is asked for. */
export async function readKept(open: OpenState): Promise<{
  /** But for this machine's user. */
  readonly everybody: readonly Named[];
  of(who: Named): Promise<Kept>;
}> {
  const { config, keys, store } = open;
  const identities = await keptIdentities(open.identities);
  const disabled = await listDisabled(recordsOf(store, 'disabled'));
  const byName = new Map((await keys.list()).map((key) => [key.name, key]));
  const configured = new Set(config?.auth.keys.map(({ name }) => name));
  const records = await recordsByOwner(store);
  const ofOwner = Map.groupBy(identities, ({ who }) => ownerOf(who));
  const named = [
    ...[...byName.keys(), ...configured].map((subject) => ({ issuer: LOCAL_ISSUER, subject })),
    ...identities.map(({ who }) => who),
    ...disabled,
    ...records.people,
  ];
  const everybody = new Map(named.map(({ issuer, subject }) => [ownerOf({ issuer, subject }), { issuer, subject }]));
  everybody.delete(ownerOf(LOCAL));
  return {
    everybody: [...everybody.values()],
    of: async (who) => {
      const key = who.issuer === LOCAL_ISSUER ? byName.get(who.subject) : undefined;
      return {
        identities: ofOwner.get(ownerOf(who)) ?? [],
        keys: key === undefined ? [] : [key],
        isConfigured: who.issuer === LOCAL_ISSUER && configured.has(who.subject),
        isDisabled: disabled.some((one) => isSame(one, who)),
        records: records.of(who),
        logins: await loginsOf(open, who),
        homes: homesOf(open, who),
      };
    },
  };
}

/** Of every collection, so that one that a later version has is not missed here. */
async function recordsByOwner(
  store: Store,
): Promise<{ readonly people: readonly Named[]; of(who: Named): readonly KeptRecord[] }> {
  const people: Named[] = [];
  const byPlace = new Map<string, KeptRecord[]>();
  const add = (place: string, record: KeptRecord): void => {
    const known = byPlace.get(place);
    if (known === undefined) byPlace.set(place, [record]);
    else if (!known.includes(record)) known.push(record);
  };
  for (const collection of await store.collections()) {
    if (APART.has(collection)) continue;
    for (const found of await store.list(collection)) {
      const record = { ...found, collection };
      const named = namedIn(found.value, 0);
      people.push(...named);
      for (const who of named) add(ownerOf(who), record);
      // Under who it is about, or the hash of it.
      add(found.key, record);
      add(found.key.slice(found.key.lastIndexOf('/') + 1), record);
    }
  }
  return {
    people,
    of: (who) => {
      const owner = ownerOf(who);
      const digest = createHash('sha256').update(owner).digest('base64url');
      return [...new Set([...(byPlace.get(owner) ?? []), ...(byPlace.get(digest) ?? [])])];
    },
  };
}

export function isNothing({ identities, isDisabled, keys, logins, records }: Kept): boolean {
  return !isDisabled && [identities, keys, logins, records].every(({ length }) => length === 0);
}

function homesOf({ config, directory }: OpenState, who: Named): readonly string[] {
  return (config?.servers ?? []).map(({ name }) =>
    homePath({ stateDirectory: directory, owner: JSON.stringify([name, instanceFor(who).key]) }),
  );
}

const MAX_DEPTH = 4;

/** Principals that a value names. */
function namedIn(value: unknown, depth: number): readonly Named[] {
  if (typeof value === 'string') return value.startsWith('["') ? ownerIn(value) : [];
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return [];
  const { issuer, subject } = value as Readonly<Record<string, unknown>>;
  if (typeof issuer === 'string' && typeof subject === 'string') return [{ issuer, subject }];
  return Object.values(value).flatMap((member) => namedIn(member, depth + 1));
}

/** As `principalKey` writes it. */
function ownerIn(text: string): readonly Named[] {
  try {
    const [issuer, subject, ...more] = JSON.parse(text) as readonly unknown[];
    return typeof issuer === 'string' && typeof subject === 'string' && more.length === 0 ? [{ issuer, subject }] : [];
  } catch {
    return [];
  }
}

async function loginsOf({ config, logins, store }: OpenState, who: Named): Promise<readonly KeptLogin[]> {
  if (config === undefined || (await store.list('upstream-oauth', 'grant/')).length === 0) return [];
  const found: KeptLogin[] = [];
  for (const { name: server } of loginServers(config)) {
    if (logins.ownerFor(server, who) === undefined) continue;
    const grant = await logins.grant(server, who);
    if (grant === undefined) continue;
    const { expiresAtMs, issuer, scopes } = grant;
    found.push({ server, issuer, scopes, ...(expiresAtMs !== undefined && { expiresAtMs }) });
  }
  return found;
}
