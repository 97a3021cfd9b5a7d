/**
 * A key as the table holds it in memory: its record, its secrets, and what was learned of them. Nothing is decided here.
 */

import { timingSafeEqual } from 'node:crypto';
import { publicPart, type ClientKey, type KeyRecord, type StoredKey } from './key-records.ts';

export interface Secret {
  /** The key as this secret opens it: one in its grace expires with that. */
  readonly key: ClientKey;
  readonly hash: Uint8Array;
  /** SHA-256 of the whole key once it was verified: spares the keyed hash. A secret has one right text, so one is enough. */
  verified: Uint8Array | undefined;
}

export interface Entry {
  readonly record: KeyRecord;
  readonly stored: StoredKey;
  /** The one of now first. */
  readonly secrets: readonly Secret[];
  lastUsedMs: number;
  recordedMs: number;
}

/** In place of the secrets of a key that is none, so that this takes as long. */
export const NO_SECRET: readonly Pick<Secret, 'hash'>[] = [{ hash: new Uint8Array(32) }];

/** A secret whose grace is over is none: nothing is told of it. */
export function withoutPast(stored: StoredKey, nowMs: number): StoredKey {
  if (stored.previous === undefined || stored.previous.until > nowMs) return stored;
  const { previous: _past, ...kept } = stored;
  return kept;
}

function secretEntry(key: ClientKey, digest: string, before: Entry | undefined): Secret {
  const bytes = Buffer.from(digest, 'base64url');
  return { key, hash: bytes, verified: before?.secrets.find((one) => timingSafeEqual(one.hash, bytes))?.verified };
}

/** What was learned of a key and its secrets since it was read before stays known. */
export function entryOf(record: KeyRecord, stored: StoredKey, recordedMs: number, before: Entry | undefined): Entry {
  const key = publicPart(stored);
  const { previous } = stored;
  const secrets = [secretEntry(key, stored.hash, before)];
  if (previous !== undefined) {
    const expires = Math.min(previous.until, stored.expires ?? Infinity);
    secrets.push(secretEntry(Object.freeze({ ...key, expires }), previous.hash, before));
  }
  return { record, stored, secrets, lastUsedMs: Math.max(before?.lastUsedMs ?? 0, recordedMs), recordedMs };
}
