/** What is known of people in the state, and what is written of them, as the gateway and its verbs open it. */

import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import type { Config } from '../config/index.ts';
import { checkMasterKey, deriveKey, KEY_CHECK, sealing } from '../credentials/index.ts';
import { LOCAL } from './local.ts';
import { People, rekeyIdentities, withoutAddresses, type IdentityStorage, type Seal } from '../privacy/index.ts';
import type { Store } from '../store/index.ts';
import { recordsOf } from '../store/records.ts';
import { createSealedStore, rekeySealedStore } from '../store/sealed.ts';
import type { Redactor } from '../telemetry/redact.ts';

/** Identities outlive the records that they explain: a whole segment is removed when its newest record is too old. */
const SPARE_MS = 31 * 86_400_000;

export function createPeople({ privacy }: Pick<Config, 'privacy'>, redactor: Redactor): People {
  return new People({ ...privacy, user: LOCAL, redact: withoutAddresses(redactor, privacy.addresses) });
}

/** From now on they have pseudonyms. Rejects when the store cannot be read. */
export async function openPeople(
  people: People,
  { config, master, now, store }: PeopleState & { readonly store: Store },
): Promise<void> {
  await people.open({
    ...identityStorage(store, master),
    keepMs: config.audit.retentionMs + SPARE_MS,
    random: randomBytes,
    now,
  });
}

export interface PeopleState {
  readonly config: Pick<Config, 'audit'>;
  readonly master: KeyObject;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * Collections that name nobody or whose writers seal them; and two that name people in plain, by what they are found by: the
 * keys, and who is shut out. What is not here is sealed, also when a later version adds it.
 */
const OPEN: ReadonlySet<string> = new Set([
  'approval',
  'catalog',
  'client-key-uses',
  'client-keys',
  'disabled',
  'forgotten',
  'identities',
  KEY_CHECK,
  'pins',
  'quota',
  'upstream-asked',
  'upstream-oauth',
  'verdicts',
]);

/** The store of a state that is kept under this key. Rejects with MasterKeyError, and closes it, when it is another one's. */
export async function openPrivateStore(store: Store, master: KeyObject): Promise<Store> {
  try {
    await checkMasterKey(store, master);
  } catch (error) {
    await store.close();
    throw error;
  }
  return privateStore(store, master);
}

/** A store that keeps what it holds of people sealed. */
export function privateStore(store: Store, master: KeyObject): Store {
  return createSealedStore(store, { sealing: sealing(deriveKey(master, 'state')), open: OPEN });
}

/** They are told apart under another master key as they were under the one before. */
export async function rekeyPeople(store: Store, old: KeyObject, next: KeyObject): Promise<number> {
  const [before, after] = [old, next].map((master) => sealing(deriveKey(master, 'privacy'))) as [Seal, Seal];
  return await rekeyIdentities(recordsOf(store, 'identities'), before, after);
}

/** What a state keeps sealed in its store, for another master key; `store` is the one beneath. Resolves with how many records. */
export async function rekeyState(store: Store, old: KeyObject, next: KeyObject): Promise<number> {
  const [before, after] = [old, next].map((master) => sealing(deriveKey(master, 'state'))) as [Seal, Seal];
  return await rekeySealedStore(store, { sealing: before, open: OPEN }, after);
}

export function identityStorage(store: Store, master: KeyObject): IdentityStorage {
  return {
    records: recordsOf(store, 'identities'),
    forgotten: recordsOf(store, 'forgotten'),
    sealing: sealing(deriveKey(master, 'privacy')),
    sealingOf: (key) => sealing(createSecretKey(Buffer.from(key, 'base64url'))),
  };
}
