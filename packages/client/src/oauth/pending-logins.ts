/** The logins that one principal could finish now, so that many calls that need the same login share one link. */

import type { LoginNeeded, LoginUnderWay } from './login.ts';
import { loginKey } from './login.ts';
import type { Vault } from './vault.ts';

export interface PendingLogins {
  /** The login that is under way for this, else the one that is begun. */
  share(what: string, begin: () => Promise<LoginNeeded>): Promise<LoginNeeded>;
  /** None can be finished any more. */
  end(): Promise<void>;
}

/** A server that asks for other scopes each time gets no more at a time. */
const MAX_PENDING = 4;
/** What a person needs at least. */
const ENOUGH_MS = 2 * 60_000;

export function createPendingLogins(vault: Vault<LoginUnderWay>, now: () => number): PendingLogins {
  const pending = new Map<string, Promise<LoginNeeded>>();
  const isOpen = async ({ expiresAtMs, state }: LoginNeeded): Promise<boolean> =>
    expiresAtMs - now() > ENOUGH_MS && (await vault.read(loginKey(state))).value !== undefined;
  const remove = async (what: string): Promise<void> => {
    const login = pending.get(what);
    pending.delete(what);
    // One that did not begin has nothing to remove.
    const begun = await login?.catch(() => undefined);
    if (begun !== undefined) await vault.delete(loginKey(begun.state));
  };
  return {
    share: async (what, begin) => {
      const known = pending.get(what);
      if (known !== undefined && (await isOpen(await known))) return await known;
      // Somebody else may have begun while this one looked.
      const other = pending.get(what);
      if (other !== undefined && other !== known) return await other;
      const login = begin();
      pending.set(what, login);
      login.catch(() => pending.get(what) === login && pending.delete(what));
      for (const oldest of [...pending.keys()].slice(0, -MAX_PENDING)) await remove(oldest);
      return await login;
    },
    end: async () => {
      for (const what of pending.keys()) await remove(what);
    },
  };
}
