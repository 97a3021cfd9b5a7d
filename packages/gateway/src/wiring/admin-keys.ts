/** What the admin API has of the master key: for its editions, the history of the configuration, and reading the audit trail. */

import { createHmac, type KeyObject } from 'node:crypto';
import { auditKeys } from './audit-trail.ts';
import type { TrailKeys } from '../audit/folder.ts';
import { deriveKey, sealing } from '../credentials/index.ts';
import type { Sealing } from '../round.ts';

export interface AdminKeys {
  /** Of any JSON value, 32 hexadecimal digits: it tells nobody what was hashed, also where that can be guessed. */
  readonly digest: (value: unknown) => string;
  readonly history: Sealing;
  readonly trail: TrailKeys;
}

export function adminKeys(master: KeyObject): AdminKeys {
  const key = deriveKey(master, 'admin');
  return {
    digest: (value) => createHmac('sha256', key).update(JSON.stringify(value)).digest('hex').slice(0, 32),
    history: sealing(deriveKey(master, 'config-history')),
    trail: auditKeys(master),
  };
}
