/**
 * What a gateway stands on, opened from its configuration and its state directory: the master key, the store, the keys of
 * clients, and the rooms. Nothing is started here.
 */

import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createReaper, ensurePrivateDirectory, processIsGone, type Reaper } from '@sallyport/host';
import { adminKeys, type AdminKeys } from './wiring/admin-keys.ts';
import { openAlertedTrail } from './wiring/alerts-state.ts';
import type { Audit } from './audit/index.ts';
import type { Call } from './call.ts';
import { need, openCallers, rolesOfKey, type Callers } from './wiring/callers.ts';
import type { Config } from './config/index.ts';
import { lockPath } from './config/trust.ts';
import { deriveKey, openMasterKey, sealing } from './credentials/index.ts';
import { createEgressRoom, type EgressRoom } from './egress/index.ts';
import { throughProxy } from './wiring/egress-settings.ts';
import type { GatewayOptions, ProvisionOptions } from './wiring/gateway-options.ts';
import { installsBase } from './installs/place.ts';
import { refuseLockedDown } from './wiring/lockdown.ts';
import { browserCommand, createOpenBrowser } from './logins/browser.ts';
import { createRooms } from './modules.ts';
import { createOutbound } from './wiring/outbound.ts';
import { guardOf, learnSecrets } from './wiring/own-secrets.ts';
import type { PinsRoom } from './pins/index.ts';
import { openPins } from './wiring/pins-state.ts';
import { createPolicy, type Policy } from './policy/index.ts';
import { openPeople, openPrivateStore } from './wiring/privacy-state.ts';
import { removeLeft, shelfFolder } from './results/index.ts';
import type { RoomOptions, Rooms } from './rooms.ts';
import { createSandboxRoom, type SandboxRoom } from './sandbox/index.ts';
import type { Store } from './store/index.ts';
import { createMemoryStore } from './store/memory.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { Renewal } from './upstream/renewal.ts';

/** What a gateway stands on. */
export interface Parts extends Callers {
  readonly options: ProvisionOptions;
  readonly store: Store;
  readonly rooms: Rooms;
  readonly metrics: Metrics;
  readonly audit: Audit;
  readonly reaper: Reaper;
  readonly sandboxes: SandboxRoom;
  readonly egress: EgressRoom;
  readonly renewal: Renewal;
  readonly pins: PinsRoom;
  readonly challengeKey: KeyObject;
  readonly adminKeys: AdminKeys;
}

/** Starts nothing. Rejects with an error for a person. */
export async function provision(options: ProvisionOptions): Promise<Parts> {
  const { config, env, stateDirectory, log, now } = options;
  if (stateDirectory !== undefined) await refuseLockedDown(stateDirectory);
  const master = await openMaster(options);
  const store = await openStore(options, master);
  learnSecrets(options, config);
  await openPeople(options.people, { config, master, now, store });
  const fetch = createOutbound(throughProxy(env, config.egress.proxy));
  const facts = startFacts(options);
  const audit = await openAlertedTrail({ ...options, fetch, master, redactor: options.redactor, facts });
  const metrics = createMetrics();
  const reaper = createReaper({ log: (text) => log('warn', text) });
  const cages = openCages(options, () => rooms);
  const pins = await openPins({ ...options, record: audit.record, store });
  const { guard, learnOwn } = guardOf(options, { audit, master, config: () => rooms.config });
  const renewal = new Renewal({ renew: options.file?.renew, log });
  const callers = await openCallers(options, { audit, master, own: guard.own, store, rooms: () => rooms });
  if (callers.localKey !== undefined) guard.own.hold('local key', [callers.localKey]);
  const rooms: Rooms = createRooms({
    metrics,
    audit,
    reaper,
    ...cages,
    renewal,
    pins,
    guard,
    learnOwn,
    installsBase: installsBase(stateDirectory, env, process.getuid?.() === 0),
    config,
    env,
    store,
    log,
    now,
    fetch,
    info: { name: 'sallyport', title: 'Sallyport', version: options.version },
    ...sealingKeys(master),
    emptyFolder: await emptyFolder(stateDirectory),
    resultsFolder: await resultsFolder(stateDirectory),
    policy: await preparePolicy(config, options),
    ...callersFor(options, callers),
  });
  await rooms.catalog.open();
  const challengeKey = deriveKey(master, 'daemon-challenge');
  return {
    options,
    audit,
    metrics,
    reaper,
    ...cages,
    renewal,
    pins,
    store,
    rooms,
    challengeKey,
    adminKeys: adminKeys(master),
    ...callers,
  };
}

/** What children are caged with. */
function openCages(options: GatewayOptions, rooms: () => Rooms): Pick<Parts, 'egress' | 'sandboxes'> {
  const { env, log, stateDirectory } = options;
  const egress = createEgressRoom({
    allow: () => rooms().config.egress.allow,
    env: () => throughProxy(env, rooms().config.egress.proxy),
    log,
  });
  const sandboxes = createSandboxRoom({
    stateDirectory,
    hidden: () => hiddenFiles(options, rooms().config),
    openWay: (child) => egress.open(child),
    exposed: (owner) => {
      rooms().upstreams.cut(owner);
      rooms().interceptors.cut(owner);
    },
    ownHome: env['HOME'],
    log,
  });
  return { egress, sandboxes };
}

/** What the rooms know of callers. */
function callersFor(
  { config, env }: GatewayOptions,
  { address, identity, keys, logins }: Callers,
): Pick<RoomOptions, 'challenge' | 'loginLink' | 'logins' | 'openBrowser' | 'rolesOfKey'> {
  const browser = browserCommand(env['SALLYPORT_BROWSER']);
  return {
    rolesOfKey: async (name) => rolesOfKey(name, config, keys),
    logins,
    openBrowser: browser && createOpenBrowser(browser, env),
    loginLink: async (principal, payload) => {
      const path = address.listens ? await identity.loginLink(principal, payload) : undefined;
      return path === undefined ? undefined : `${address.bases()[0] ?? ''}${path}`;
    },
    challenge: (call, scopes) => identity.challenge(askedBy(call, config.listen.path), 'insufficient_scope', scopes),
  };
}

function sealingKeys(
  master: KeyObject,
): Pick<Parameters<typeof createRooms>[0], 'cursorKey' | 'handleKey' | 'linkSealing' | 'resultKey' | 'stateKey'> {
  return {
    cursorKey: deriveKey(master, 'cursor'),
    handleKey: deriveKey(master, 'handle'),
    stateKey: deriveKey(master, 'request-state'),
    resultKey: deriveKey(master, 'result'),
    linkSealing: sealing(deriveKey(master, 'upstream-oauth')),
  };
}

async function openMaster({ env, stateDirectory }: GatewayOptions): Promise<KeyObject> {
  if (stateDirectory === undefined) return createSecretKey(randomBytes(32));
  return await openMasterKey({ directory: stateDirectory, env });
}

/** What a call asked for, as a challenge names it. */
function askedBy({ exchange: { endpoint, headers } }: Call, root: string): { path: string; host: string | undefined } {
  const [path = root] = endpoint.split('?', 1);
  const host = headers?.['host'];
  return { path, host: typeof host === 'string' ? host : undefined };
}

/** What no child sees, besides the state: the configuration with its lock, and what secrets were read from. */
function hiddenFiles({ env, file }: GatewayOptions, { secretFiles }: Config): readonly string[] {
  const own = file === undefined ? [] : [file.path, lockPath(file.path)];
  const mounted = [env['SALLYPORT_MASTER_KEY_FILE'], env['CREDENTIALS_DIRECTORY']].filter((path) => path !== undefined);
  return [...own, ...secretFiles, ...mounted.map((path) => resolve(path))];
}

/** What the first record of the trail says of this gateway. */
function startFacts({ file, version }: GatewayOptions): Readonly<Record<string, unknown>> {
  return {
    role: 'gateway',
    version,
    node: process.versions.node,
    ...(file !== undefined && { config: file.path, configHash: file.hash }),
  };
}

/** In the state; without one nothing is kept, and a folder that is not there is as empty. */
async function emptyFolder(stateDirectory: string | undefined): Promise<string> {
  if (stateDirectory === undefined) return join(tmpdir(), randomBytes(16).toString('hex'));
  const folder = join(stateDirectory, 'empty');
  await ensurePrivateDirectory(folder);
  return folder;
}

/** What processes have left that died is gone by then. */
async function resultsFolder(stateDirectory: string | undefined): Promise<string | undefined> {
  if (stateDirectory === undefined) return undefined;
  await removeLeft(stateDirectory, processIsGone);
  return shelfFolder(stateDirectory, process.pid, randomBytes(8).toString('hex'));
}

async function openStore({ config, stateDirectory, now }: GatewayOptions, master: KeyObject): Promise<Store> {
  if (config.store === 'memory') return createMemoryStore({ now });
  const { openSqliteStore } = await import('./store/sqlite.ts');
  return await openPrivateStore(await openSqliteStore({ path: join(need(stateDirectory), 'state.db'), now }), master);
}

/** Rejects with a `PolicyError` that says all that is wrong. */
export async function preparePolicy({ policy }: Config, { log, now }: GatewayOptions): Promise<Policy> {
  return await createPolicy(policy, { fetch, timeout: (ms) => AbortSignal.timeout(ms), log, now });
}
