/** Random names of 256 bits, what is kept of them, and proofs made with them. Nothing is stored here. */

import { createHmac, hash, timingSafeEqual, type KeyObject } from 'node:crypto';

export type Random = (size: number) => Uint8Array;

const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/** 256 random bits in base64url: 43 characters. */
export function createToken(random: Random): string {
  return Buffer.from(random(32)).toString('base64url');
}

export function isToken(text: string | null | undefined): text is string {
  return typeof text === 'string' && TOKEN.test(text);
}

/** What is stored in place of a token. It is random enough that a plain hash cannot be turned back. */
export function digest(token: string): string {
  return hash('sha256', token, 'base64url');
}

/** Shows that whoever made it knows `secret`, for one purpose. */
export function proof(secret: string | KeyObject, purpose: string): string {
  return createHmac('sha256', secret).update(purpose).digest('base64url');
}

/** Compares in a time that tells nothing but the lengths. */
export function isSame(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
