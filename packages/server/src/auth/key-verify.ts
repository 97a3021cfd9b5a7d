/**
 * Client keys as a way of proving who one is. What has not the form of a client key is left to other ways. The local key is
 * one of them, for callers anywhere: what it may do without limits hangs on `Exchange.local`, which says where the request
 * was made, and not on its principal.
 */

import { bearerOf } from './bearer.ts';
import { hasKeyForm } from './key-form.ts';
import type { ClientKey } from './key-records.ts';
import type { KeyTable } from './keys.ts';
import type { Proof, Prove } from './proof.ts';

export interface KeyVerifyOptions {
  readonly keys: Pick<KeyTable, 'verify' | 'holds'>;
  /** The issuer of the principals. */
  readonly issuer: string;
  /** Names that mean somebody else here, those of configured keys: a client key of such a name is refused. */
  readonly isTaken: (name: string) => boolean;
}

export function createKeyVerify({ keys, issuer, isTaken }: KeyVerifyOptions): Prove {
  // One object as long as nothing of the key changes: who compares principals sees at once that it is the same.
  const proofs = new WeakMap<ClientKey, Proof>();

  const proofOf = (key: ClientKey): Proof => {
    const known = proofs.get(key);
    if (known !== undefined) return known;
    const principal = { issuer, subject: key.name, roles: key.roles };
    const proof: Proof = { principal, holds: () => !isTaken(key.name) && keys.holds(key) };
    proofs.set(key, proof);
    return proof;
  };

  return ({ authorization }) => {
    const text = bearerOf(authorization);
    if (!hasKeyForm(text)) return undefined;
    const key = keys.verify(text);
    if (key === undefined)
      return { problem: 'invalid', detail: 'no client key, or one that was revoked or has expired' };
    if (!isTaken(key.name)) return proofOf(key);
    return { problem: 'invalid', detail: `the configuration has a key named ${key.name} too, and that one is meant` };
  };
}
