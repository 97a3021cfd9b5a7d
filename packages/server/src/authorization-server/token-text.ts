/**
 * Codes and tokens as text: `<kind><grant><secret><tag>`. The secret is what makes one hard to guess (256 bits); the
 * grant says where its record is; the tag is a keyed hash of all that stands before it, so that what we never made costs
 * no look-up and cannot pass for an old token of somebody's grant. Another key makes all of them worthless.
 *
 * Opaque and not signed claims (JWT): whether a token still holds is asked of the storage anyway, as revocation holds at
 * once, so claims would only be a second copy of the truth, readable by every client that carries it.
 */

import { createHmac, hash, timingSafeEqual, type KeyObject } from 'node:crypto';

/** An authorization code, an access token, a refresh token. Leak detectors find them by these. */
export type TokenKind = 'sac_' | 'sat_' | 'srt_';

/** A person's part of a grant's key, then a random one. */
const PERSON_LENGTH = 22;
const GRANT_LENGTH = 2 * PERSON_LENGTH;
const SECRET_BYTES = 32;
const TAG_BYTES = 16;
const FORM = /^(sa[ct]_|srt_)([A-Za-z0-9_-]{44})[A-Za-z0-9_-]{43}([A-Za-z0-9_-]{22})$/;

export interface TokenText {
  /** A new one. */
  make(kind: TokenKind, grant: string): string;
  /** The one that follows another: always the same, so that an answer that was lost can be given again. */
  successor(kind: TokenKind, token: string): string;
  /** The key of its grant; undefined for what was not made here, or is of another kind. */
  grantOf(kind: TokenKind, token: string): string | undefined;
  /** What the keys of all grants of a principal begin with. */
  personOf(principalKey: string): string;
  /** The key of a new grant. */
  newGrant(principalKey: string): string;
}

export interface TokenTextOptions {
  /** Derived for this purpose alone. */
  readonly key: KeyObject;
  readonly random: (size: number) => Uint8Array;
}

export function createTokenText({ key, random }: TokenTextOptions): TokenText {
  const keyed = (purpose: string, text: string): Buffer =>
    createHmac('sha256', key).update(`${purpose} ${text}`).digest();
  const tag = (text: string): string => base64url(keyed('tag', text).subarray(0, TAG_BYTES));
  const complete = (kind: TokenKind, grant: string, secret: Uint8Array): string => {
    const text = `${kind}${grant}${base64url(secret)}`;
    return `${text}${tag(text)}`;
  };
  const personOf = (principalKey: string): string => base64url(keyed('person', principalKey).subarray(0, TAG_BYTES));
  return {
    make: (kind, grant) => complete(kind, grant, random(SECRET_BYTES)),
    successor: (kind, token) =>
      complete(kind, token.slice(kind.length, kind.length + GRANT_LENGTH), keyed(kind, token)),
    grantOf: (kind, token) => {
      const found = FORM.exec(token);
      if (found === null || found[1] !== kind) return undefined;
      const [, , grant, written] = found as unknown as [string, string, string, string];
      // As text: the last letter has bits to spare, and two texts must not be one token.
      return isSameText(tag(token.slice(0, -written.length)), written) ? grant : undefined;
    },
    personOf,
    newGrant: (principalKey) => `${personOf(principalKey)}${base64url(random(TAG_BYTES))}`,
  };
}

/** What is stored of a secret. They are random and long, so a plain hash is enough. */
export function digestOf(secret: string): string {
  return hash('sha256', secret, 'base64url');
}

/** Whether a secret is the one that was stored. */
export function isDigestOf(secret: string, stored: string | undefined): boolean {
  return stored !== undefined && isSameText(digestOf(secret), stored);
}

/** In constant time for texts of one length. */
export function isSameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
}
