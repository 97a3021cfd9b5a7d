/**
 * Who is meant by the pseudonyms in the records: for each principal a random pseudonym and a key, kept in the state. Records
 * carry the pseudonym, and addresses sealed under the key; so that somebody is forgotten, in every record that there is, by
 * removing what is kept here, and no record is changed. A pseudonym tells nobody anything who has not this state and its
 * master key.
 *
 * It writes no record and decides about nothing that is shown.
 */

import { principalKey, type Principal, type Records } from '@sallyport/server';

export type Named = Pick<Principal, 'issuer' | 'subject'>;

/** Text sealed for a place; in another place, or changed, it opens as undefined. */
export interface Seal {
  readonly seal: (plain: string, bound: string) => string;
  readonly unseal: (sealed: string, bound: string) => string | undefined;
}

export interface IdentityStorage {
  /** A record for each pseudonym. */
  readonly records: Records;
  /** Who was forgotten a short while ago, for the processes that still know them. */
  readonly forgotten: Records;
  /** Under a key of this state. */
  readonly sealing: Seal;
  /** Under a key of one principal: 32 bytes in base64url. */
  readonly sealingOf: (key: string) => Seal;
}

/** What a pseudonym begins with: names of people are shown in its stead, or never. */
export type Mark = 'n' | 'p';

export interface IdentitiesOptions extends IdentityStorage {
  readonly mark: Mark;
  /** A pseudonym is kept so long after its principal was seen for the last time: longer than any record. */
  readonly keepMs: number;
  readonly random: (bytes: number) => Buffer;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** A principal as records know it. */
export interface Identity {
  readonly pseudonym: string;
  readonly who: Named;
  /** As it stands in a record of this principal. */
  sealedAddress(address: string): string;
  /** Undefined: it was not sealed for this principal. */
  address(sealed: string): string | undefined;
}

/** What is kept of a principal. */
export interface KeptIdentity extends Identity {
  /** Milliseconds since 1970, to the day. */
  readonly seenMs: number;
}

export const PSEUDONYM: RegExp = /^[np]_[\w-]{22}$/;

const DAY_MS = 86_400_000;
/** For other processes, which look twice a second. */
const TOLD_MS = 10 * 60_000;
/** Principals in memory; beyond, those that were met first get another pseudonym when they come again. */
const MAX_KNOWN = 100_000;
/** Addresses of one principal whose sealed form is known. */
const MAX_ADDRESSES = 64;

interface Known extends Identity {
  readonly owner: string;
  /** For the record of it: name and key. */
  readonly sealed: string;
  day: number;
  isStored: boolean;
}

export class Identities {
  readonly #options: IdentitiesOptions;
  #byObject: WeakMap<Named, Known> = new WeakMap();
  /** By `principalKey`. */
  readonly #byOwner: Map<string, Known> = new Map();
  readonly #byPseudonym: Map<string, Known> = new Map();
  readonly #unsaved: Set<Known> = new Set();
  #forgottenVersion = 0;

  constructor(options: IdentitiesOptions) {
    this.#options = options;
  }

  /** Reads whom other processes have met. Rejects when the store cannot be read. */
  async open(): Promise<void> {
    const { forgotten, mark, records } = this.#options;
    this.#forgottenVersion = await forgotten.version();
    for (const { key, value } of await records.list(`${mark}_`)) {
      const stored = readStored(key, value, this.#options);
      // Two processes may have met somebody at once: the first by its name counts, for all of them.
      if (stored !== undefined && !this.#byOwner.has(stored.owner)) this.#learn({ ...stored, isStored: true });
    }
  }

  /** At once, also of somebody who was never here. */
  of(who: Named): Identity {
    let known = this.#byObject.get(who);
    if (known === undefined) {
      known = this.#byOwner.get(ownerOf(who)) ?? this.#meet(who);
      this.#byObject.set(who, known);
    }
    const day = this.#today();
    if (day > known.day) {
      known.day = day;
      this.#unsaved.add(known);
    }
    return known;
  }

  find(pseudonym: string): Identity | undefined {
    return this.#byPseudonym.get(pseudonym);
  }

  /** When it resolves, all that `of` gave can be resolved by others. Rejects when the store cannot be written. */
  async saved(): Promise<void> {
    if (this.#unsaved.size === 0) return;
    // Nobody comes back who was forgotten meanwhile.
    await this.refresh();
    for (const known of this.#unsaved) {
      await this.#save(known);
      this.#unsaved.delete(known);
    }
  }

  /** Takes over whom other processes have forgotten, and gives their `principalKey`s. */
  async refresh(): Promise<readonly string[]> {
    const { forgotten, sealing } = this.#options;
    const version = await forgotten.version();
    if (version === this.#forgottenVersion) return [];
    this.#forgottenVersion = version;
    const owners = (await forgotten.list()).flatMap(({ key, value }) =>
      typeof value === 'string' ? (sealing.unseal(value, key) ?? []) : [],
    );
    for (const owner of owners) this.#drop(owner);
    return owners;
  }

  #meet({ issuer, subject }: Named): Known {
    const { mark, random, sealing } = this.#options;
    const pseudonym = `${mark}_${random(16).toString('base64url')}`;
    const key = random(32).toString('base64url');
    const sealed = sealing.seal(JSON.stringify([issuer, subject, key]), pseudonym);
    const known = {
      ...identityOf(pseudonym, { issuer, subject }, key, this.#options),
      owner: ownerOf({ issuer, subject }),
      sealed,
      day: this.#today(),
      isStored: false,
    };
    this.#learn(known);
    this.#unsaved.add(known);
    return known;
  }

  #learn(known: Known): void {
    this.#byOwner.set(known.owner, known);
    this.#byPseudonym.set(known.pseudonym, known);
    if (this.#byOwner.size <= MAX_KNOWN) return;
    for (const [owner, { pseudonym }] of this.#byOwner.entries().take(1)) {
      this.#byOwner.delete(owner);
      this.#byPseudonym.delete(pseudonym);
    }
  }

  async #save(known: Known): Promise<void> {
    const { keepMs, records } = this.#options;
    const { day, isStored, pseudonym, sealed } = known;
    const value = { sealed, seenMs: day * DAY_MS };
    const stored = isStored ? await records.get(pseudonym) : undefined;
    if (isStored && stored === undefined) return this.#drop(known.owner);
    await records.putIf(pseudonym, stored?.version ?? 'absent', value, {
      expiresAtMs: (day + 1) * DAY_MS + keepMs,
    });
    known.isStored = true;
  }

  /** Comes again as somebody who was never here. */
  #drop(owner: string): void {
    const known = this.#byOwner.get(owner);
    if (known === undefined) return;
    this.#byOwner.delete(owner);
    this.#byPseudonym.delete(known.pseudonym);
    this.#unsaved.delete(known);
    this.#byObject = new WeakMap();
  }

  #today(): number {
    return Math.floor(this.#options.now() / DAY_MS);
  }
}

/** All that is kept; what cannot be opened is left out. */
export async function keptIdentities(storage: IdentityStorage): Promise<readonly KeptIdentity[]> {
  const all = await storage.records.list();
  return all.flatMap(({ key, value }) => {
    const stored = readStored(key, value, storage);
    return stored === undefined ? [] : [{ ...stored, seenMs: stored.day * DAY_MS }];
  });
}

/** Nobody can tell any more whom the records of these pseudonyms are about. Other processes learn of it within a second. */
export async function forgetIdentity(
  who: Named,
  pseudonyms: readonly string[],
  { forgotten, records, sealing }: IdentityStorage,
  { now, random }: Pick<IdentitiesOptions, 'now' | 'random'>,
): Promise<void> {
  for (const pseudonym of pseudonyms) await records.delete(pseudonym);
  const key = random(16).toString('base64url');
  await forgotten.put(key, sealing.seal(ownerOf(who), key), { expiresAtMs: now() + TOLD_MS });
}

/** Seals them for another key of the state. Those that are not under the old one stay as they are. Gives how many there were. */
export async function rekeyIdentities(records: Records, old: Seal, next: Seal): Promise<number> {
  let done = 0;
  for (const { expiresAtMs, key, value, version } of await records.list()) {
    const { sealed, seenMs } = (value ?? {}) as { readonly sealed?: unknown; readonly seenMs?: unknown };
    const plain = typeof sealed === 'string' ? old.unseal(sealed, key) : undefined;
    if (plain === undefined || typeof seenMs !== 'number') continue;
    const again = { sealed: next.seal(plain, key), seenMs };
    if (await records.putIf(key, version, again, expiresAtMs === undefined ? {} : { expiresAtMs })) done += 1;
  }
  return done;
}

function readStored(pseudonym: string, value: unknown, storage: IdentityStorage): Omit<Known, 'isStored'> | undefined {
  const { sealed, seenMs } = (value ?? {}) as { readonly sealed?: unknown; readonly seenMs?: unknown };
  if (typeof sealed !== 'string' || typeof seenMs !== 'number') return undefined;
  const plain = storage.sealing.unseal(sealed, pseudonym);
  if (plain === undefined) return undefined;
  const [issuer, subject, key] = JSON.parse(plain) as [string, string, string];
  const who = { issuer, subject };
  return { ...identityOf(pseudonym, who, key, storage), owner: ownerOf(who), sealed, day: Math.floor(seenMs / DAY_MS) };
}

/** Addresses are sealed for the pseudonym; each once, since the same come again and again. */
function identityOf(
  pseudonym: string,
  who: Named,
  key: string,
  { sealingOf }: Pick<IdentityStorage, 'sealingOf'>,
): Identity {
  const known = new Map<string, string>();
  let sealing: Seal | undefined;
  return {
    pseudonym,
    who,
    sealedAddress: (address) => {
      let sealed = known.get(address);
      if (sealed === undefined) {
        sealed = `s_${(sealing ??= sealingOf(key)).seal(address, pseudonym)}`;
        if (known.size >= MAX_ADDRESSES) known.clear();
        known.set(address, sealed);
      }
      return sealed;
    },
    address: (sealed) => (sealing ??= sealingOf(key)).unseal(sealed.slice(2), pseudonym),
  };
}

export function ownerOf({ issuer, subject }: Named): string {
  return principalKey({ issuer, subject, roles: [] });
}
