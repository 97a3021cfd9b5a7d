/** Editions of what can be changed: entity tags, and what a caller says that he has seen (RFC 9110 §8.8.3, §13.1). Pure. */

import { AdminError } from './types.ts';

/** What the caller says of editions. */
export interface Conditions {
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
}

export function etagOf(digest: string): string {
  return `"${digest}"`;
}

/** Throws where another edition is there than the one that was seen, or none was named and one has to be. */
export function checkEdition(
  { ifMatch, ifNoneMatch }: Conditions,
  digest: string | undefined,
  isNeeded: boolean,
): void {
  const more = digest === undefined ? {} : { etag: etagOf(digest) };
  if (ifNoneMatch !== undefined && digest !== undefined && names(ifNoneMatch, digest))
    throw new AdminError(412, 'exists', 'It is there already.', more);
  if (ifMatch !== undefined && (digest === undefined || !names(ifMatch, digest)))
    throw new AdminError(412, 'changed', 'This has changed since: look again.', more);
  if (isNeeded && ifMatch === undefined && digest !== undefined)
    throw new AdminError(428, 'edition_needed', 'Say with If-Match which edition you have seen: GET gives it.', more);
}

/** A weak tag names no edition that could be written over. */
function names(field: string, digest: string): boolean {
  const wanted = field.trim();
  return wanted === '*' || wanted.split(',').some((tag) => tag.trim() === etagOf(digest));
}
