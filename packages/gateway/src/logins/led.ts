/** Who was led to which login, so that nobody else finishes it. Kept as long as the login may be finished. */

import { hash } from 'node:crypto';
import type { LoginNeeded } from '@sallyport/client/oauth';
import type { Principal, Records } from '@sallyport/server';
import type { JsonObject } from '@sallyport/wire';

/** Without `who` it was the user of this machine. */
export interface Led {
  /** Hash of its cookie; absent: any of this machine. */
  readonly browser?: string | undefined;
  readonly who?: Principal | undefined;
}

export interface LedTable {
  /** Who comes back must be that browser, or any of this machine. */
  readonly bind: (login: LoginNeeded, led: Led) => Promise<void>;
  /** Undefined: nobody was led there. */
  readonly boundTo: (state: string) => Promise<Led | undefined>;
}

export function createLedTable(records: Records): LedTable {
  const keyOf = (state: string): string => hash('sha256', state, 'base64url');
  return {
    bind: async ({ expiresAtMs, state }, { browser, who }) => {
      const value = JSON.parse(JSON.stringify({ browser, who })) as JsonObject;
      await records.put(keyOf(state), value, { expiresAtMs });
    },
    boundTo: async (state) => (await records.get(keyOf(state)))?.value as Led | undefined,
  };
}
