/**
 * Cursors of lists (MCP, "Pagination"): where a page begins, signed, so that a client can neither make one up nor use that of one
 * list in another. They hold no more than a number: what a page shows is decided anew for whoever asks.
 */

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

export interface Cursors {
  make(list: string, position: number): string;
  /** Undefined for any text that was not made for this list. */
  read(list: string, cursor: string): number | undefined;
}

const SIGNATURE_BYTES = 16;
const MAX_LENGTH = 64;

/** `key` is what replicas share; without it only this process reads its cursors. */
export function createCursors(key: Uint8Array = randomBytes(32)): Cursors {
  const sign = (list: string, position: string): Buffer =>
    createHmac('sha256', key).update(`cursor ${list} ${position}`).digest().subarray(0, SIGNATURE_BYTES);
  return {
    make: (list, position) =>
      Buffer.concat([sign(list, String(position)), Buffer.from(String(position))]).toString('base64url'),
    read: (list, cursor) => {
      if (cursor.length > MAX_LENGTH) return undefined;
      const bytes = Buffer.from(cursor, 'base64url');
      if (bytes.toString('base64url') !== cursor || bytes.length <= SIGNATURE_BYTES) return undefined;
      const position = bytes.subarray(SIGNATURE_BYTES).toString('latin1');
      const isOurs = timingSafeEqual(bytes.subarray(0, SIGNATURE_BYTES), sign(list, position));
      return isOurs ? Number(position) : undefined;
    },
  };
}
