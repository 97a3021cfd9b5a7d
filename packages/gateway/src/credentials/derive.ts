/**
 * Keys for one purpose each, derived from the master key by HKDF-SHA256 (RFC 5869), so that none of them opens what
 * another closed. Keys are `KeyObject`s throughout: they print and serialise as nothing.
 */
import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';

/** What a key may be for. The word is part of the derivation: changing one makes all it closed unreadable. */
export type KeyPurpose =
  | 'cursor'
  | 'request-state'
  | 'handle'
  | 'token'
  | 'event-id'
  | 'client-key'
  | 'browser'
  | 'authorization-server'
  | 'secrets'
  | 'upstream-oauth'
  | 'audit'
  | 'audit-seal'
  | 'daemon-challenge'
  | 'backup'
  | 'guard'
  | 'admin'
  | 'config-history'
  | 'privacy'
  | 'result'
  | 'state'
  | 'state-check';

/** The 256-bit key for `purpose`; always the same for the same master key. */
export function deriveKey(master: KeyObject, purpose: KeyPurpose): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', master, 'sallyport', `sallyport/1/${purpose}`, 32)));
}
