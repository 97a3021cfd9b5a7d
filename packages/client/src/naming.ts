/**
 * Names for what several servers offer in one list. The shown name follows from server, name, naming mode and a limit on
 * length, deterministically. Shown names are looked up in a table, never taken apart.
 */

import { createHash } from 'node:crypto';
import { canonicalId } from '@sallyport/wire';

export interface Naming {
  readonly mode: 'prefixed' | 'plain';
  /** Characters; clients put a prefix of their own before it. */
  readonly maxLength: number;
}

const FOREIGN = /[^A-Za-z0-9_-]/g;
/** Characters of the hash: the second length is for a name whose first one is taken. */
export const HASH_LENGTHS = [6, 12] as const;

/**
 * The name to show. `label` is the original name, or what the configuration renames it to. What had to be replaced or
 * cut gets a hash of the canonical id, so that things that look alike get different names.
 */
export function shownName(
  server: string,
  original: string,
  label: string,
  naming: Naming,
  hashLength: number = HASH_LENGTHS[0],
): string {
  const full = naming.mode === 'prefixed' ? canonicalId(server, label) : label;
  const clean = full.replace(FOREIGN, '_');
  if (clean === full && clean.length <= naming.maxLength && clean !== '') return full;
  const hash = createHash('sha256').update(canonicalId(server, original)).digest('hex').slice(0, hashLength);
  return `${clean.slice(0, naming.maxLength - hashLength - 1)}_${hash}`;
}
