/** AES-256-GCM as the gateway brings it, under a key that is one byte over and over. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { SecretSealing } from '../file.ts';

const ALGORITHM = 'aes-256-gcm';

export function sealingOf(byte: number): SecretSealing {
  const key = Buffer.alloc(32, byte);
  return {
    seal(plain, bound) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(bound));
      const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url');
    },
    unseal(sealed, bound) {
      const bytes = Buffer.from(sealed, 'base64url');
      if (bytes.length < 28 || bytes.toString('base64url') !== sealed) return undefined;
      const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, 12), { authTagLength: 16 });
      decipher.setAAD(Buffer.from(bound)).setAuthTag(bytes.subarray(12, 28));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8');
      } catch {
        return undefined;
      }
    },
  };
}
