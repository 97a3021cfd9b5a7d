import { createSecretKey, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deriveKey, type KeyPurpose } from './derive.ts';
import { seal, unseal } from './seal.ts';

const PURPOSES: readonly KeyPurpose[] = [
  'cursor',
  'request-state',
  'handle',
  'token',
  'event-id',
  'client-key',
  'daemon-challenge',
];
const master = createSecretKey(Buffer.alloc(32, 7));

describe('deriveKey', () => {
  it('gives every purpose a key of its own, the same each time', () => {
    const keys = PURPOSES.map((purpose) => deriveKey(master, purpose).export().toString('hex'));
    expect(new Set(keys).size).toBe(PURPOSES.length);
    expect(PURPOSES.map((purpose) => deriveKey(master, purpose).export().toString('hex'))).toEqual(keys);
    for (const key of keys) expect(key).toHaveLength(64);
  });

  it('does not change from one version to the next: what was sealed stays readable', () => {
    expect(deriveKey(master, 'token').export().toString('hex')).toBe(
      '42023219cc5724d699a8598ece297772185f7aeb0064feb0b1ae6ee5ac44a684',
    );
  });

  it('gives another key for another master', () => {
    const other = createSecretKey(Buffer.alloc(32, 8));
    expect(deriveKey(other, 'token').equals(deriveKey(master, 'token'))).toBe(false);
  });

  it('shows nothing of a key when it is printed', () => {
    const key = deriveKey(master, 'token');
    const text = inspect(key, { showHidden: true, depth: 9 }) + JSON.stringify(key);
    expect(text).not.toContain(key.export().toString('hex'));
    expect(text).not.toContain(key.export().toString('base64'));
  });
});

describe('seal and unseal', () => {
  const key = deriveKey(master, 'cursor');

  it('gives back what was sealed, for the same key and data only', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), fc.string(), (plaintext, data, other) => {
        fc.pre(other !== data);
        const sealed = seal(key, plaintext, data);
        expect(sealed).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(unseal(key, sealed, data)).toEqual(Buffer.from(plaintext));
        expect(unseal(deriveKey(master, 'handle'), sealed, data)).toBeUndefined();
        expect(unseal(key, sealed, other)).toBeUndefined();
      }),
    );
  });

  it('seals the same text differently each time, and hides it', () => {
    const seals = Array.from({ length: 50 }, () => seal(key, 'the same text', 'alice'));
    expect(new Set(seals).size).toBe(50);
    for (const sealed of seals) expect(Buffer.from(sealed, 'base64url').includes('same')).toBe(false);
  });

  it('refuses every change of a bit, every cut, and every other spelling', () => {
    const sealed = seal(key, 'text', 'alice');
    const bytes = Buffer.from(sealed, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(unseal(key, changed.toString('base64url'), 'alice')).toBeUndefined();
    }
    for (let length = 0; length < sealed.length; length += 1) {
      expect(unseal(key, sealed.slice(0, length), 'alice')).toBeUndefined();
    }
    for (const other of [`${sealed}=`, `${sealed}\n`, ` ${sealed}`, `+${sealed.slice(1)}`, `${sealed}A`]) {
      expect(unseal(key, other, 'alice')).toBeUndefined();
    }
  });

  it('never throws for bad input', () => {
    for (const value of [
      undefined,
      null,
      1,
      {},
      [],
      '',
      'AQ',
      'A'.repeat(100_000),
      randomBytes(100).toString('base64url'),
    ]) {
      expect(unseal(key, value as string, 'alice')).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 80 }), (bytes) => {
        const forged = Buffer.concat([Buffer.of(1), bytes]).toString('base64url');
        expect(unseal(key, forged, 'alice')).toBeUndefined();
      }),
    );
  });
});
