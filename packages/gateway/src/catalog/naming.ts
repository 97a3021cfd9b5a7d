/**
 * Names that clients see. The canonical id is `server__original`; the shown name follows from it, the naming mode and
 * a limit on length, deterministically. Shown names are looked up in a table, never taken apart.
 */

import { createHash } from 'node:crypto';
import { canonicalId } from '../canonical-id.ts';

export { canonicalId } from '../canonical-id.ts';
export { globMatcher, globReaches } from '../glob.ts';

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

/** True when the text is the literals in order with anything between them, anchored at both ends. */
export function matchesLiterals(text: string, literals: readonly string[]): boolean {
  const first = literals[0] as string;
  if (literals.length === 1) return text === first;
  const last = literals[literals.length - 1] as string;
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
  let at = first.length;
  const end = text.length - last.length;
  for (const literal of literals.slice(1, -1)) {
    const found = text.indexOf(literal, at);
    if (found === -1 || found + literal.length > end) return false;
    at = found + literal.length;
  }
  return true;
}
