/**
 * Sealing: text that leaves us and comes back (cursors, request state, handles) or lies on a disk (tokens), which
 * nobody else may read, change, or move to another owner. AES-256-GCM with a random nonce of 96 bits, as NIST
 * SP 800-38D has it; one key is good for 2^32 seals.
 *
 * Layout before base64url: version (1 byte) · nonce (12) · ciphertext · tag (16). It hides neither length nor age, and
 * does not stop a repeat: who needs single use keeps a record.
 */
import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const OVERHEAD_BYTES = 1 + NONCE_BYTES + TAG_BYTES;
const ALGORITHM = 'aes-256-gcm';

/** The version is authenticated too, so a seal of one layout is never read as another's. */
const authenticated = (associatedData: string): Buffer =>
  Buffer.concat([Buffer.of(VERSION), Buffer.from(associatedData)]);

/**
 * Seals `plaintext` for whoever names the same `associatedData` (principal, endpoint, …). Several facts: pass them as
 * one `JSON.stringify([…])`, since plain joining lets two different sets look alike.
 */
export function seal(key: KeyObject, plaintext: string | Uint8Array, associatedData: string): string {
  // The one place where randomness is not a parameter: a nonce that repeats gives the key away.
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(authenticated(associatedData));
  const body = Buffer.concat([cipher.update(Buffer.from(plaintext)), cipher.final()]);
  return Buffer.concat([Buffer.of(VERSION), nonce, body, cipher.getAuthTag()]).toString('base64url');
}

/** What was sealed, or undefined for anything that was not sealed with this key and these data. Never throws for bad input. */
export function unseal(key: KeyObject, sealed: string, associatedData: string): Buffer | undefined {
  if (typeof sealed !== 'string') return undefined;
  const bytes = Buffer.from(sealed, 'base64url');
  // Decoding skips what it does not know; only the one spelling that we produce is ours.
  if (bytes.length < OVERHEAD_BYTES || bytes[0] !== VERSION || bytes.toString('base64url') !== sealed) return undefined;
  const nonce = bytes.subarray(1, 1 + NONCE_BYTES);
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(authenticated(associatedData));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  const plaintext = decipher.update(bytes.subarray(1 + NONCE_BYTES, -TAG_BYTES));
  try {
    return Buffer.concat([plaintext, decipher.final()]);
  } catch {
    return undefined;
  }
}

/** Text sealed and opened with one key; whoever opens it names the same `bound`. */
export function sealing(key: KeyObject): {
  readonly seal: (plain: string, bound: string) => string;
  readonly unseal: (sealed: string, bound: string) => string | undefined;
} {
  return {
    seal: (plain, bound) => seal(key, plain, bound),
    unseal: (sealed, bound) => unseal(key, sealed, bound)?.toString('utf8'),
  };
}
