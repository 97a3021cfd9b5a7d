/**
 * Logins at servers (grants, registered clients, at which server a secret was used) under another master key. What the key before
 * does not open is left as it is: whoever needs it logs in again.
 */

import type { Records } from '@sallyport/server';

interface Seal {
  readonly seal: (plain: string, bound: string) => string;
  readonly unseal: (sealed: string, bound: string) => string | undefined;
}

/** Resolves with the number of records that were sealed anew. It may be interrupted at any moment and done again. */
export async function rekeyLogins(records: Records, old: Seal, next: Seal): Promise<number> {
  let done = 0;
  for (const { expiresAtMs, key, value, version } of await records.list()) {
    const plain = typeof value === 'string' ? old.unseal(value, key) : undefined;
    if (plain === undefined) continue;
    const lasting = expiresAtMs === undefined ? {} : { expiresAtMs };
    if (await records.putIf(key, version, next.seal(plain, key), lasting)) done += 1;
  }
  return done;
}
