/**
 * Keys that stand in the configuration: as they are, or as bcrypt hashes. Of a key itself only a keyed hash is kept in
 * memory. A key that fitted a bcrypt hash once is known from then on without bcrypt, and the hash is not tried for other
 * keys any more, because one key fits it and no second.
 *
 * An unknown key costs bcrypt work for each hash that is left, one key at a time, and addresses take turns. An address that failed
 * too often has one key looked at at a time: the right one gets through where others keep showing what was found wrong, which
 * costs nothing. What has the form of a client key or of a JWT is never tried against hashes.
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Rejected } from './authenticate.ts';
import { bearerOf } from './bearer.ts';
import type { FailureLimit } from './failures.ts';
import { configuredKeyProblems, MAX_KEY_LENGTH, type ConfiguredKey } from './configured-key-check.ts';
import { hasKeyForm } from './key-form.ts';
import { KeyError } from './keys.ts';
import { createLane } from './lane.ts';
import type { Proof, Prove, Proved } from './proof.ts';

export interface ConfiguredKeysOptions {
  readonly keys: readonly ConfiguredKey[];
  /** The issuer of the principals. */
  readonly issuer: string;
  /** bcrypt; not called when no key is a hash. */
  readonly compare: (key: string, hash: string) => Promise<boolean>;
  /** The chain's: says which addresses are worth the work, and counts what found no place. */
  readonly failures: FailureLimit;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** So many random bytes. */
  readonly random: (size: number) => Uint8Array;
}

/** Pieces of bcrypt work: under way and waiting. */
const PLACES = { places: 32, placesPerAddress: 8 };
/** Of an address that failed too often. */
const SLOWED_PLACES = 1;
const MAX_REFUSED = 1000;
/** It is another way's, and may be of any length. */
const JWT = /^eyJ[\w-]*\.[\w-]*\.[\w-]*$/;

interface Entry {
  readonly proof: Proof;
  readonly hash: string | undefined;
  readonly expiresMs: number;
  /** Keyed hash of the key, as soon as it is known. */
  digest: Uint8Array | undefined;
}

/** Throws a KeyError when one of the keys cannot be used. */
export function createConfiguredKeys(options: ConfiguredKeysOptions): Prove {
  const { keys, compare, failures, issuer, now, random } = options;
  const [problem] = configuredKeyProblems(keys);
  if (problem !== undefined) {
    throw new KeyError('bad_configured_key', `auth.keys[${problem.index}]: ${problem.message}`);
  }
  const hmacKey = random(32);
  const digestOf = (text: string): Uint8Array => createHmac('sha256', hmacKey).update(text).digest();
  const entries = keys.map(({ name, key, hash, roles, expiresMs = Infinity }): Entry => ({
    proof: { principal: { issuer, subject: name, roles }, holds: () => expiresMs > now() },
    hash,
    expiresMs,
    digest: key === undefined ? undefined : digestOf(key),
  }));
  const lane = createLane(PLACES);
  /** Of keys that fit no hash, the last that were tried, in base64. */
  const refused = new Set<string>();
  const underWay = new Map<string, Promise<Proved>>();

  const accept = ({ expiresMs, proof }: Entry): Proved =>
    expiresMs > now() ? proof : { problem: 'invalid', detail: `the key ${proof.principal.subject} has expired` };

  const candidates = (): readonly Entry[] =>
    entries.filter(({ digest, expiresMs, hash }) => hash !== undefined && digest === undefined && expiresMs > now());

  const tryHashes = async (text: string, digest: Uint8Array): Promise<Proved> => {
    for (const entry of candidates()) {
      if (entry.hash === undefined || !(await compare(text, entry.hash))) continue;
      entry.digest = digest;
      return accept(entry);
    }
    refused.add(Buffer.from(digest).toString('base64'));
    if (refused.size > MAX_REFUSED) refused.delete(refused.values().next().value as string);
    return undefined;
  };

  return ({ address, authorization }) => {
    const text = bearerOf(authorization);
    if (text === undefined || text.length > MAX_KEY_LENGTH) return undefined;
    const digest = digestOf(text);
    const known = found(entries, digest);
    if (known !== undefined) return accept(known);
    if (hasKeyForm(text) || JWT.test(text) || candidates().length === 0) return undefined;
    const id = Buffer.from(digest).toString('base64');
    const begun = underWay.get(id);
    if (begun !== undefined) return begun;
    if (refused.has(id)) return undefined;
    const isSlowed = failures.waitMs(address) > 0;
    const place = { displaced: BUSY, ...(isSlowed && { places: SLOWED_PLACES }) };
    const pending = lane.run<Proved>(address, () => tryHashes(text, digest), place);
    if (pending === undefined) {
      if (isSlowed) return undefined;
      // It may be right, so it is not refused for good; but who causes this is slowed down.
      failures.failed(address);
      return BUSY;
    }
    const settled = pending.finally(() => underWay.delete(id));
    underWay.set(id, settled);
    return settled;
  };
}

const BUSY: Rejected = { problem: 'unavailable', detail: 'too many unknown keys at once' };

/** All are compared, whichever fits. */
function found(entries: readonly Entry[], digest: Uint8Array): Entry | undefined {
  let fitting: Entry | undefined;
  for (const entry of entries) {
    if (entry.digest !== undefined && timingSafeEqual(entry.digest, digest)) fitting = entry;
  }
  return fitting;
}
