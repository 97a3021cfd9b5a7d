/** Grants and registrations of one process: they are gone with it, so nothing is sealed. */

import type { JsonValue } from '@sallyport/wire';
import type { OAuthRecords, Sealing } from '../oauth/vault.ts';

interface Stored {
  readonly value: JsonValue;
  readonly version: number;
  readonly expiresAtMs?: number;
}

/** `now`: milliseconds since 1970. */
export function memoryStore(now: () => number): { readonly records: OAuthRecords; readonly sealing: Sealing } {
  const all = new Map<string, Stored>();
  let version = 0;
  const live = (key: string): Stored | undefined => {
    const record = all.get(key);
    if ((record?.expiresAtMs ?? Infinity) > now()) return record;
    all.delete(key);
    return undefined;
  };
  const put: OAuthRecords['put'] = async (key, value, options) => {
    version++;
    all.set(key, { value, version, ...options });
  };
  return {
    records: {
      get: async (key) => live(key),
      put,
      putIf: async (key, expected, value, options) => {
        if ((live(key)?.version ?? 'absent') !== expected) return false;
        await put(key, value, options);
        return true;
      },
      delete: async (key) => {
        const found = live(key) !== undefined;
        version++;
        return found && all.delete(key);
      },
      version: async () => version,
    },
    sealing: { seal: (text) => text, unseal: (text) => text },
  };
}
