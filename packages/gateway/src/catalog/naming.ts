/** Names that clients see, and what the patterns of templates and globs in them say. */

export { HASH_LENGTHS, shownName, type Naming } from '@sallyport/client';
export { canonicalId } from '../canonical-id.ts';
export { globMatcher, globReaches } from '../glob.ts';

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
