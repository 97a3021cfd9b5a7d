/** Who may call a gateway, and from where: its address, the keys of clients, the ways of authentication, logins at servers. */

import { randomBytes, type KeyObject } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { createKeyTable, createShield, type KeyTable, type Principal, type Shield } from '@sallyport/server';
import { createAddress, type Address } from './address.ts';
import { loginEvent } from './audit-events.ts';
import type { Audit } from '../audit/index.ts';
import type { Config } from '../config/index.ts';
import { deriveKey, openLocalKey, sealing } from '../credentials/index.ts';
import { checkEgress } from './egress-settings.ts';
import type { GatewayOptions } from './gateway-options.ts';
import type { Guard } from '../guard/index.ts';
import { guardedLogins } from './guard-state.ts';
import { createIdentity, type Identity } from './identity.ts';
import { LOCAL } from './local.ts';
import { loginsOfDynamicMcp } from '../logins/dynamic-mcp.ts';
import { Logins } from '../logins/index.ts';
import { CALLBACK_PATH } from '../logins/link.ts';
import type { Rooms } from '../rooms.ts';
import { loginServers } from '../servers.ts';
import { createKeyStorage } from '../store/key-storage.ts';
import type { Store } from '../store/index.ts';
import { recordsOf } from '../store/records.ts';

export interface Callers {
  readonly address: Address;
  readonly identity: Identity;
  /** True for a request made on this machine, straight to the listener. */
  readonly isLocal: (request: IncomingMessage) => boolean;
  readonly keys: KeyTable | undefined;
  readonly localKey: string | undefined;
  readonly logins: Logins;
  readonly shield: Shield;
}

export interface CallersParts {
  readonly audit: Audit;
  readonly master: KeyObject;
  /** Told of what is got for servers. */
  readonly own: Guard['own'];
  readonly store: Store;
  /** They stand when somebody comes. */
  readonly rooms: () => Rooms;
}

/** Who may call, and from where. */
export async function openCallers(
  options: GatewayOptions,
  { audit, master, own, rooms, store }: CallersParts,
): Promise<Callers> {
  const { config, env, log, now, stateDirectory } = options;
  const { auth, listen } = config;
  const isOpen = auth.modes.includes('none');
  const localKey = isOpen ? undefined : await openLocalKey({ directory: need(stateDirectory) });
  const keys = localKey === undefined ? undefined : await openKeys(store, master, localKey, now);
  const publicUrl = listen.publicUrl === undefined ? undefined : new URL(listen.publicUrl);
  const shield = createShield({ ...listen, publicUrl });
  const isLocal: Callers['isLocal'] = ({ headers, socket }) => shield.isLocal({ peer: socket.remoteAddress, headers });
  const address = createAddress(listen);
  const logins = await openLogins(options, { address, audit, master, own, store });
  const identity = await createIdentity({
    config,
    store,
    keyFor: (purpose) => deriveKey(master, purpose),
    keys,
    bases: () => address.bases(),
    isLocal,
    logins,
    mayLogInForAll: (principal) => isAdmin(principal, rooms(), keys),
    rolesOfKey: (name) => rolesOfKey(name, rooms().config, keys),
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
  {
    address,
    audit,
    master,
    own,
    store,
  }: Pick<CallersParts, 'audit' | 'master' | 'own' | 'store'> & { readonly address: Address },
): Promise<Logins> {
  await checkEgress(config);
  const logins = new Logins({
    servers: loginServers(config),
    allow: config.egress.allow,
    env,
    ...(await guardedLogins(
      { records: recordsOf(store, 'upstream-oauth'), sealing: sealing(deriveKey(master, 'upstream-oauth')) },
      own,
    )),
    asked: recordsOf(store, 'upstream-asked'),
    browsers: recordsOf(store, 'upstream-browsers'),
    news: recordsOf(store, 'upstream-news'),
    user: { issuer: LOCAL.issuer, subject: LOCAL.subject },
    redirectUri: () => (address.listens ? `${address.bases()[0] ?? ''}${CALLBACK_PATH}` : undefined),
    told: (event) => audit.record(loginEvent(event)),
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

/** Now: by what is written of its key, or as it has signed in, and by the policy in force. */
async function isAdmin(principal: Principal, rooms: Rooms, keys: KeyTable | undefined): Promise<boolean> {
  const { issuer, subject } = principal;
  if (issuer !== LOCAL.issuer) return rooms.rolesOf(principal).has('admin');
  const roles = await rolesOfKey(subject, rooms.config, keys);
  return subject === LOCAL.subject || (roles !== undefined && rooms.rolesOf({ ...principal, roles }).has('admin'));
}

/** Those that its credential would state: the configuration's keys are meant before those of the store. */
export async function rolesOfKey(
  name: string,
  { auth }: Config,
  keys: KeyTable | undefined,
): Promise<readonly string[] | undefined> {
  if (name === LOCAL.subject) return LOCAL.roles;
  const written = auth.keys.find((key) => key.name === name);
  return (written ?? (await keys?.list())?.find((key) => key.name === name))?.roles;
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

export function need(stateDirectory: string | undefined): string {
  if (stateDirectory === undefined) throw new Error('Keys need a state directory.');
  return stateDirectory;
}
