/**
 * Principals that are shut out, whatever they can still prove: somebody who has left keeps a token until it expires, and what
 * our own authorization server gave out for weeks. Kept in the store, for all processes; the user of this machine cannot be
 * among them.
 */

import { principalKey, type Principal, type Prove, type Proved, type Records } from '@sallyport/server';

export interface Disabled {
  has(principal: Principal): boolean;
  /** Takes over what other processes changed. Rejects while it cannot be read; then what is known stays in force. */
  refresh(): Promise<void>;
}

type Named = Pick<Principal, 'issuer' | 'subject'>;

export function createDisabled(records: Records): Disabled {
  let keys: ReadonlySet<string> = new Set();
  let seen: number | undefined;
  return {
    has: (principal) => keys.size > 0 && keys.has(principalKey(principal)),
    refresh: async () => {
      const version = await records.version();
      if (version === seen) return;
      keys = new Set((await records.list()).map(({ key }) => key));
      seen = version;
    },
  };
}

/** Shuts somebody out, or lets them in again. */
export async function setDisabled(records: Records, who: Named, isDisabled: boolean, atMs: number): Promise<void> {
  const key = principalKey({ ...who, roles: [] });
  if (isDisabled) await records.put(key, { atMs });
  else await records.delete(key);
}

export async function listDisabled(records: Records): Promise<readonly Named[]> {
  return (await records.list()).map(({ key }) => {
    const [issuer, subject] = JSON.parse(key) as [string, string];
    return { issuer, subject };
  });
}

/** A way of proving who one is that does not know those who are shut out. */
export function unlessDisabled(prove: Prove, disabled: Disabled): Prove {
  const checked = (found: Proved): Proved => {
    if (found === undefined || 'problem' in found) return found;
    const principal = 'principal' in found ? found.principal : found;
    if (disabled.has(principal)) return { problem: 'invalid', detail: 'this principal is disabled' };
    if (!('principal' in found)) return found;
    return { principal, holds: (shown) => !disabled.has(principal) && found.holds(shown) };
  };
  return (credentials) => {
    const found = prove(credentials);
    return found instanceof Promise ? found.then(checked) : checked(found);
  };
}
