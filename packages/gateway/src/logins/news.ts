/**
 * Logins that came or ended, told to the other processes of one store: each has connections and lists of its own that hang on
 * them. Told is whose login it is, never a token. A process that is not there misses nothing: it begins with what is stored.
 */

import { hash } from 'node:crypto';
import type { Records } from '@sallyport/server';
import { isObject, type JsonValue } from '@sallyport/wire';
import { ownerKey, type Log, type LoginChange, type Owner } from './types.ts';

export interface NewsOptions {
  /** For this alone. */
  readonly news: Records;
  /** Of this process. */
  readonly id: string;
  /** Another process says so. */
  readonly heard: (change: LoginChange) => void;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface News {
  /** From now on; what was told before is known by then. */
  open(): Promise<void>;
  /** Never rejects, and nobody waits for it: where it cannot be told, the log says so. */
  tell(change: LoginChange): void;
  /** Takes over what others have told; meant to run twice a second. Rejects while the store cannot be read. */
  refresh(): Promise<void>;
}

/** Much longer than from one refresh to the next. */
const KEPT_MS = 10 * 60_000;

export function createNews({ heard, id, log, news: records, now }: NewsOptions): News {
  let seen = 0;
  return {
    open: async () => {
      seen = await records.version();
    },
    tell: ({ is, over, owner, server }) => {
      const { issuer = null, subject = null } = owner ?? {};
      const value = { by: id, server, issuer, subject, is, over };
      const key = hash('sha256', ownerKey(server, owner), 'base64url');
      records.put(key, value, { expiresAtMs: now() + KEPT_MS }).catch((error: unknown) => {
        log('warn', 'other gateways were not told of a login', { server, error: String(error) });
      });
    },
    refresh: async () => {
      const version = await records.version();
      if (version === seen) return;
      const found = (await records.list()).filter((record) => record.version > seen);
      seen = Math.max(version, ...found.map((record) => record.version));
      for (const { value } of found.toSorted((one, other) => one.version - other.version)) {
        const change = changeIn(value, id);
        if (change !== undefined) heard(change);
      }
    },
  };
}

/** Undefined: it is our own. */
function changeIn(value: JsonValue, id: string): LoginChange | undefined {
  if (!isObject(value) || value['by'] === id || typeof value['server'] !== 'string') return undefined;
  const { issuer, server, subject } = value;
  const owner: Owner = typeof issuer === 'string' && typeof subject === 'string' ? { issuer, subject } : undefined;
  return { server, owner, is: value['is'] === 'out' ? 'out' : 'in', over: value['over'] === true };
}
