/** Which servers have asked for a token, and at which address: known to all processes of one store. */

import type { Records } from '@sallyport/server';
import type { LoginServer } from './types.ts';

export interface Asked {
  open(): Promise<void>;
  has(server: LoginServer): boolean;
  /** True when that is new. */
  add(server: LoginServer): boolean;
  /** Has it stored. */
  keep(server: LoginServer): Promise<void>;
}

export function createAsked(records: Records): Asked {
  /** By name of the server, its URL. */
  const urls = new Map<string, string>();
  return {
    open: async () => {
      for (const { key, value } of await records.list()) if (typeof value === 'string') urls.set(key, value);
    },
    has: ({ name, oauth, url }) => oauth.grant !== 'authorization_code' || urls.get(name) === url,
    add: ({ name, url }) => {
      const isNew = urls.get(name) !== url;
      urls.set(name, url);
      return isNew;
    },
    keep: async ({ name, url }) => await records.put(name, url),
  };
}
