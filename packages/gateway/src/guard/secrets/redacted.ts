/**
 * A text of JSON with placeholders in the place of secrets. What only looks like one inside of the bytes of a picture or a file
 * (base64, MCP "BlobResourceContents", "ImageContent") is left as it is: a placeholder would destroy it.
 */

import { Refused } from '../../errors.ts';
import { MAX_FOUND, type Found } from './formats.ts';
import type { Placeholders } from './placeholders.ts';

export const NOT_REPLACED = 'The answer holds a secret that cannot be replaced safely, so it is withheld.';

const QUOTE = 0x22;
const BASE64: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[\w+/=-]/.test(String.fromCharCode(byte)) ? 1 : 0,
);
/** Before the value of a member that holds bytes. */
const HOLDS_BYTES = /"(?:blob|data)"\s{0,8}:\s{0,8}$/;
const MAX_NAME = 32;

/** Throws a `Refused` where that is not safe. */
export function redacted(
  bytes: Buffer,
  found: readonly Found[],
  owner: string,
  placeholders: Pick<Placeholders, 'put'>,
): string {
  // There may be more that were not looked for.
  if (found.length >= MAX_FOUND) throw new Refused('refused', NOT_REPLACED);
  let text = '';
  let done = 0;
  for (const { end, kind, start } of withoutOverlap(found)) {
    if (start < done) continue;
    const blob = blobAround(bytes, start, end);
    if (blob === undefined) {
      const value = bytes.toString('utf8', start, end);
      // In a text inside of a text its line breaks are written otherwise than where it comes back.
      if (value.includes('\\\\')) throw new Refused('refused', NOT_REPLACED);
      text += bytes.toString('utf8', done, start) + placeholders.put(owner, kind, value);
    } else text += bytes.toString('utf8', done, blob);
    done = blob ?? end;
  }
  return text + bytes.toString('utf8', done);
}

/** Those that run into each other as one: what is left of the second would still be a part of a secret. */
function* withoutOverlap(found: readonly Found[]): Iterable<Pick<Found, 'start' | 'end' | 'kind'>> {
  let last: Pick<Found, 'start' | 'end' | 'kind'> | undefined;
  for (const { end, kind, start } of found) {
    if (last !== undefined && start < last.end) last = { ...last, end: Math.max(last.end, end) };
    else {
      if (last !== undefined) yield last;
      last = { start, end, kind };
    }
  }
  if (last !== undefined) yield last;
}

/** Where the bytes end of which this is a part; undefined: it is no part of any. */
function blobAround(bytes: Buffer, start: number, end: number): number | undefined {
  let first = start;
  while (first > 0 && BASE64[bytes[first - 1] as number] === 1) first--;
  let last = end;
  while (last < bytes.length && BASE64[bytes[last] as number] === 1) last++;
  // Nothing else may stand in such a member, and a secret that is all of it is no part.
  if (bytes[first - 1] !== QUOTE || bytes[last] !== QUOTE || (first === start && last === end)) return undefined;
  const name = bytes.toString('latin1', Math.max(0, first - 1 - MAX_NAME), first - 1);
  return HOLDS_BYTES.test(name) && isBase64(bytes, start, end) ? last : undefined;
}

function isBase64(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (BASE64[bytes[at] as number] === 0) return false;
  return true;
}
