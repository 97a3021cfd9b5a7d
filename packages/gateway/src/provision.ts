/**
 * What a gateway stands on, opened from its configuration and its state directory: the master key, the store, the keys of
 * clients, and the rooms. Nothing is started here.
 */

import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createReaper, ensurePrivateDirectory, type Reaper } from '@sallyport/host';
import { createKeyTable, createShield, type KeyTable, type Shield } from '@sallyport/server';
import { createAddress, type Address } from './address.ts';
import { openAuditTrail } from './audit-trail.ts';
import type { Audit } from './audit/index.ts';
import type { Call } from './call.ts';
import type { Config } from './config/index.ts';
import type { ReloadOptions } from './config/reload.ts';
import { lockPath } from './config/trust.ts';
import { deriveKey, openLocalKey, openMasterKey, sealing } from './credentials/index.ts';
import { createRooms } from './modules.ts';
import { checkEgress, throughProxy } from './egress-settings.ts';
import { createIdentity, type Identity } from './identity.ts';
import { installsBase } from './installs/place.ts';
import { LOCAL } from './local.ts';
import { refuseLockedDown } from './lockdown.ts';
import { browserCommand, createOpenBrowser } from './logins/browser.ts';
import { loginsOfDynamicMcp } from './logins/dynamic-mcp.ts';
import { Logins } from './logins/index.ts';
import { CALLBACK_PATH } from './logins/link.ts';
import { credentialsOf, openGuard } from './guard-state.ts';
import type { PinsRoom } from './pins/index.ts';
import { openPins } from './pins-state.ts';
import { createPolicy, type Policy } from './policy/index.ts';
import type { RoomOptions, Rooms } from './rooms.ts';
import { createEgressRoom, type EgressRoom } from './egress/index.ts';
import { createSandboxRoom, type SandboxRoom } from './sandbox/index.ts';
import { loginServers } from './servers.ts';
import { createKeyStorage } from './store/key-storage.ts';
import type { Store } from './store/index.ts';
import { createMemoryStore } from './store/memory.ts';
import { recordsOf } from './store/records.ts';
import type { Log } from './telemetry/index.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { configuredSecrets, type Redactor } from './telemetry/redact.ts';
import { Renewal } from './upstream/renewal.ts';

export interface GatewayOptions {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where state is kept. Undefined: nowhere, which goes with the memory store and no authentication alone. */
  readonly stateDirectory: string | undefined;
  readonly version: string;
  readonly log: Log;
  /** The one behind the log: it is told the secrets of every configuration. */
  readonly redactor?: Redactor;
  readonly now: () => number;
  /** The file that the configuration came from, and how to read it again. Absent: it was given otherwise, and stays. */
  readonly file?: Pick<ReloadOptions, 'path' | 'hash' | 'load'> & {
    /** A server refused what it was shown: its secrets are had anew at the next reading. False: not yet again; undefined: none comes from a command. */
    readonly renew?: (server: string) => boolean | undefined;
    /** The values that the configuration has from a store of secrets, a file or a command. */
    readonly secrets?: () => readonly string[];
  };
}

/** What a gateway stands on. */
export interface Parts {
  readonly options: GatewayOptions;
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
  readonly localKey: string | undefined;
  readonly keys: KeyTable | undefined;
  readonly address: Address;
  readonly shield: Shield;
  /** True for a request made on this machine, straight to the listener. */
  readonly isLocal: (request: IncomingMessage) => boolean;
  readonly identity: Identity;
  readonly logins: Logins;
}

/** Starts nothing. Rejects with an error for a person. */
export async function provision(options: GatewayOptions): Promise<Parts> {
  const { config, env, stateDirectory, log, now } = options;
  if (stateDirectory !== undefined) await refuseLockedDown(stateDirectory);
  const master = await openMaster(options);
  const store = await openStore(options);
  learnSecrets(options, config);
  const audit = await openAuditTrail({ ...options, master, redactor: options.redactor, facts: startFacts(options) });
  const metrics = createMetrics();
  const reaper = createReaper({ log: (text) => log('warn', text) });
  const egress = createEgressRoom({
    allow: () => rooms.config.egress.allow,
    env: () => throughProxy(env, rooms.config.egress.proxy),
    log,
  });
  const sandboxes = createSandboxRoom({
    stateDirectory,
    hidden: () => hiddenFiles(options, rooms.config),
    openWay: (child) => egress.open(child),
    log,
  });
  const pins = await openPins({ ...options, record: audit.record, store });
  const { guard, learnOwn } = guardOf(options, { audit, master, config: () => rooms.config });
  const renewal = new Renewal({ renew: options.file?.renew, log });
  const callers = await openCallers(options, { audit, master, store });
  const { address, identity, keys, localKey, logins } = callers;
  if (localKey !== undefined) guard.own.learn([localKey]);
  const browser = browserCommand(env['SALLYPORT_BROWSER']);
  const rooms: Rooms = createRooms({
    metrics,
    audit,
    reaper,
    sandboxes,
    egress,
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
    info: { name: 'sallyport', title: 'Sallyport', version: options.version },
    ...sealingKeys(master),
    emptyFolder: await emptyFolder(stateDirectory),
    policy: await preparePolicy(config, options),
    rolesOfKey: async (name) => rolesOfKey(name, config, keys),
    logins,
    openBrowser: browser && createOpenBrowser(browser, env),
    loginLink: async (principal, payload) => {
      const path = address.listens ? await identity.loginLink(principal, payload) : undefined;
      return path === undefined ? undefined : `${address.bases()[0] ?? ''}${path}`;
    },
    challenge: (call, scopes) => identity.challenge(askedBy(call, config.listen.path), 'insufficient_scope', scopes),
  });
  await rooms.catalog.open();
  const challengeKey = deriveKey(master, 'daemon-challenge');
  return { options, audit, metrics, reaper, sandboxes, egress, renewal, pins, store, rooms, challengeKey, ...callers };
}

function sealingKeys(
  master: KeyObject,
): Pick<Parameters<typeof createRooms>[0], 'cursorKey' | 'handleKey' | 'linkSealing' | 'stateKey'> {
  return {
    cursorKey: deriveKey(master, 'cursor'),
    handleKey: deriveKey(master, 'handle'),
    stateKey: deriveKey(master, 'request-state'),
    linkSealing: sealing(deriveKey(master, 'upstream-oauth')),
  };
}

async function openMaster({ env, stateDirectory }: GatewayOptions): Promise<KeyObject> {
  if (stateDirectory === undefined) return createSecretKey(randomBytes(32));
  return await openMasterKey({ directory: stateDirectory, env });
}

type Callers = Pick<Parts, 'address' | 'identity' | 'isLocal' | 'keys' | 'localKey' | 'logins' | 'shield'>;

/** Who may call, and from where. */
async function openCallers(
  options: GatewayOptions,
  { audit, master, store }: { readonly audit: Audit; readonly master: KeyObject; readonly store: Store },
): Promise<Callers> {
  const { config, env, log, now, stateDirectory } = options;
  const { auth, listen } = config;
  const isOpen = auth.modes.includes('none');
  const localKey = isOpen ? undefined : await openLocalKey({ directory: need(stateDirectory) });
  const keys = localKey === undefined ? undefined : await openKeys(store, master, localKey, now);
  const publicUrl = listen.publicUrl === undefined ? undefined : new URL(listen.publicUrl);
  const shield = createShield({ ...listen, publicUrl });
  const isLocal: Parts['isLocal'] = ({ headers, socket }) => shield.isLocal({ peer: socket.remoteAddress, headers });
  const address = createAddress(listen);
  const logins = await openLogins(options, { address, master, store });
  const identity = await createIdentity({
    config,
    store,
    keyFor: (purpose) => deriveKey(master, purpose),
    keys,
    bases: () => address.bases(),
    isLocal,
    logins,
    record: audit.record,
    env,
    log,
    now,
  });
  return { address, identity, isLocal, keys, localKey, logins, shield };
}

/** Logins at servers. */
async function openLogins(
  { config, env, log, now }: GatewayOptions,
  { address, master, store }: { readonly address: Address; readonly master: KeyObject; readonly store: Store },
): Promise<Logins> {
  await checkEgress(config);
  const logins = new Logins({
    servers: loginServers(config),
    allow: config.egress.allow,
    env,
    records: recordsOf(store, 'upstream-oauth'),
    asked: recordsOf(store, 'upstream-asked'),
    browsers: recordsOf(store, 'upstream-browsers'),
    sealing: sealing(deriveKey(master, 'upstream-oauth')),
    user: { issuer: LOCAL.issuer, subject: LOCAL.subject },
    redirectUri: () => (address.listens ? `${address.bases()[0] ?? ''}${CALLBACK_PATH}` : undefined),
    log,
    now,
  });
  await logins.open();
  const home = env['HOME'] ?? env['USERPROFILE'];
  if (home !== undefined && logins.new.length > 0) {
    const { folder, servers } = await loginsOfDynamicMcp(home, logins.new);
    for (const server of servers) {
      const text = `dynamic-mcp was logged in at this server: \`sallyport login ${server}\` does it anew`;
      log('info', text, { server, folder });
    }
  }
  return logins;
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

/** It knows the master key and what the configuration holds. */
function guardOf(
  { config, file, log }: GatewayOptions,
  parts: { readonly audit: Audit; readonly master: KeyObject; readonly config: () => Config },
): Pick<RoomOptions, 'guard' | 'learnOwn'> {
  const { audit, master } = parts;
  const placeholderKey = deriveKey(master, 'guard');
  const guard = openGuard({ config: parts.config, placeholderKey, record: audit.record, log });
  const learnOwn = (next: Config): void => guard.own.learn([...credentialsOf(next), ...(file?.secrets?.() ?? [])]);
  guard.own.learn(keyForms(master));
  learnOwn(config);
  return { guard, learnOwn };
}

/** As it is written in files and variables. */
function keyForms(master: KeyObject): string[] {
  const bytes = master.export();
  return [bytes.toString('hex'), bytes.toString('base64'), bytes.toString('base64url')];
}

/** Tells the log what must not stand in it. */
export function learnSecrets({ redactor }: GatewayOptions, { audit, auth, policy, servers, telemetry }: Config): void {
  const { introspection, keys, oidc } = auth;
  redactor?.learn(
    configuredSecrets(servers, [
      telemetry.metrics.key,
      oidc?.clientSecret,
      introspection?.clientSecret,
      ...keys.flatMap(({ hash, key }) => [hash, key]),
      ...Object.values(policy?.external?.headers ?? {}),
      ...audit.sinks.flatMap((sink) => ('headers' in sink ? Object.values(sink.headers) : [])),
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
