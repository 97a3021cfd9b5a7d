/**
 * What a gateway stands on, opened from its configuration and its state directory: the master key, the store, the keys of
 * clients, and the rooms. Nothing is started here.
 */

import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createReaper, ensurePrivateDirectory, type Reaper } from '@sallyport/host';
import { createKeyTable, createShield, type KeyTable, type Shield } from '@sallyport/server';
import { createAddress, type Address } from './address.ts';
import type { Call } from './call.ts';
import type { Config } from './config/index.ts';
import type { ReloadOptions } from './config/reload.ts';
import { deriveKey, openLocalKey, openMasterKey } from './credentials/index.ts';
import { createRooms } from './modules.ts';
import { createIdentity, type Identity } from './identity.ts';
import { LOCAL } from './local.ts';
import { createPolicy, type Policy } from './policy/index.ts';
import type { Rooms } from './rooms.ts';
import { createKeyStorage } from './store/key-storage.ts';
import type { Store } from './store/index.ts';
import { createMemoryStore } from './store/memory.ts';
import type { Log } from './telemetry/index.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { configuredSecrets, type Redactor } from './telemetry/redact.ts';

export interface GatewayOptions {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where state is kept. Undefined: nowhere, which goes with the memory store and no authentication alone. */
  readonly stateDirectory: string | undefined;
  readonly version: string;
  readonly log: Log;
  /** The one behind the log: it is told the secrets of every configuration. */
  readonly redactor?: Pick<Redactor, 'learn'>;
  readonly now: () => number;
  /** The file that the configuration came from, and how to read it again. Absent: it was given otherwise, and stays. */
  readonly file?: Pick<ReloadOptions, 'path' | 'hash' | 'load'>;
}

/** What a gateway stands on. */
export interface Parts {
  readonly options: GatewayOptions;
  readonly store: Store;
  readonly rooms: Rooms;
  readonly metrics: Metrics;
  readonly reaper: Reaper;
  readonly challengeKey: KeyObject;
  readonly localKey: string | undefined;
  readonly keys: KeyTable | undefined;
  readonly address: Address;
  readonly shield: Shield;
  /** True for a request made on this machine, straight to the listener. */
  readonly isLocal: (request: IncomingMessage) => boolean;
  readonly identity: Identity;
}

/** Starts nothing. Rejects with an error for a person. */
export async function provision(options: GatewayOptions): Promise<Parts> {
  const { config, env, stateDirectory, log, now } = options;
  const master =
    stateDirectory === undefined
      ? createSecretKey(randomBytes(32))
      : await openMasterKey({ directory: stateDirectory, env });
  const store = await openStore(options);
  learnSecrets(options, config);
  const metrics = createMetrics();
  const reaper = createReaper({ log: (text) => log('warn', text) });
  const callers = await openCallers(options, { master, store });
  const { identity, keys } = callers;
  const rooms = createRooms({
    metrics,
    reaper,
    config,
    env,
    store,
    log,
    now,
    info: { name: 'sallyport', title: 'Sallyport', version: options.version },
    cursorKey: deriveKey(master, 'cursor'),
    handleKey: deriveKey(master, 'handle'),
    stateKey: deriveKey(master, 'request-state'),
    emptyFolder: await emptyFolder(stateDirectory),
    policy: await preparePolicy(config, options),
    rolesOfKey: async (name) => rolesOfKey(name, config, keys),
    challenge: (call, scopes) => identity.challenge(askedBy(call, config.listen.path), 'insufficient_scope', scopes),
  });
  await rooms.catalog.open();
  return { options, metrics, reaper, store, rooms, challengeKey: deriveKey(master, 'daemon-challenge'), ...callers };
}

type Callers = Pick<Parts, 'address' | 'identity' | 'isLocal' | 'keys' | 'localKey' | 'shield'>;

/** Who may call, and from where. */
async function openCallers(
  { config, env, log, now, stateDirectory }: GatewayOptions,
  { master, store }: { readonly master: KeyObject; readonly store: Store },
): Promise<Callers> {
  const { auth, listen } = config;
  const isOpen = auth.modes.includes('none');
  const localKey = isOpen ? undefined : await openLocalKey({ directory: need(stateDirectory) });
  const keys = localKey === undefined ? undefined : await openKeys(store, master, localKey, now);
  const publicUrl = listen.publicUrl === undefined ? undefined : new URL(listen.publicUrl);
  const shield = createShield({ ...listen, publicUrl });
  const isLocal: Parts['isLocal'] = ({ headers, socket }) => shield.isLocal({ peer: socket.remoteAddress, headers });
  const address = createAddress(listen);
  const identity = await createIdentity({
    config,
    store,
    keyFor: (purpose) => deriveKey(master, purpose),
    keys,
    bases: () => address.bases(),
    isLocal,
    env,
    log,
    now,
  });
  return { address, identity, isLocal, keys, localKey, shield };
}

/** Rejects with a `PolicyError` that says all that is wrong. */
export async function preparePolicy({ policy }: Config, { log, now }: GatewayOptions): Promise<Policy> {
  return await createPolicy(policy, { fetch, timeout: (ms) => AbortSignal.timeout(ms), log, now });
}

/** Those that its credential would state: the configuration's keys are meant before those of the store. */
async function rolesOfKey(
  name: string,
  { auth }: Config,
  keys: KeyTable | undefined,
): Promise<readonly string[] | undefined> {
  if (name === LOCAL.subject) return LOCAL.roles;
  const written = auth.keys.find((key) => key.name === name);
  return (written ?? (await keys?.list())?.find((key) => key.name === name))?.roles;
}

/** What a call asked for, as a challenge names it. */
function askedBy({ exchange: { endpoint, headers } }: Call, root: string): { path: string; host: string | undefined } {
  const [path = root] = endpoint.split('?', 1);
  const host = headers?.['host'];
  return { path, host: typeof host === 'string' ? host : undefined };
}

/** Tells the log what must not stand in it. */
export function learnSecrets({ redactor }: GatewayOptions, { auth, policy, servers, telemetry }: Config): void {
  const { introspection, keys, oidc } = auth;
  redactor?.learn(
    configuredSecrets(servers, [
      telemetry.metrics.key,
      oidc?.clientSecret,
      introspection?.clientSecret,
      ...keys.flatMap(({ hash, key }) => [hash, key]),
      ...Object.values(policy?.external?.headers ?? {}),
    ]),
  );
}

function need(stateDirectory: string | undefined): string {
  if (stateDirectory === undefined) throw new Error('Keys need a state directory.');
  return stateDirectory;
}

/** In the state; without one nothing is kept, and a folder that is not there is as empty. */
async function emptyFolder(stateDirectory: string | undefined): Promise<string> {
  if (stateDirectory === undefined) return join(tmpdir(), randomBytes(16).toString('hex'));
  const folder = join(stateDirectory, 'empty');
  await ensurePrivateDirectory(folder);
  return folder;
}

async function openStore({ config, stateDirectory, now }: GatewayOptions): Promise<Store> {
  if (config.store === 'memory') return createMemoryStore({ now });
  const { openSqliteStore } = await import('./store/sqlite.ts');
  return await openSqliteStore({ path: join(need(stateDirectory), 'state.db'), now });
}

/** The keys of clients over a store; the local key is one of them. */
export async function openKeys(
  store: Store,
  master: KeyObject,
  localKey: string,
  now: () => number,
): Promise<KeyTable> {
  const table = createKeyTable({
    storage: createKeyStorage(store),
    hmacKey: deriveKey(master, 'client-key'),
    now,
    random: randomBytes,
    localKey,
  });
  await table.refresh();
  return table;
}
