/**
 * The master key: 32 bytes from which all other keys derive. It comes from the environment, a mounted file, or the state,
 * where it is made once; the first two may hold a passphrase instead (passphrase.ts). It does not rotate by itself, and a key that is there but wrong is never replaced by a new
 * one: that would orphan all it sealed.
 */
import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  ensurePrivateDirectory,
  readFileBounded,
  readSecretFile,
  tightenOrRefuse,
  writeFileOnce,
} from '@sallyport/host';
import { MasterKeyError } from './master-key-error.ts';
import { hasPassphrase, openPassphrase, settlePassphrase, type KeyRole, type PassphraseOptions } from './passphrase.ts';

const KEY_BYTES = 32;
/** The most a key file may hold: 64 digits and a line end, with room for stray white space. */
const MAX_FILE_BYTES = 1024;

/** Before a passphrase, so that a key with a typing error is never mistaken for one. */
const PASSPHRASE = 'passphrase:';

function decode(text: string): Buffer | undefined {
  if (/^[0-9A-Fa-f]{64}$/.test(text)) return Buffer.from(text, 'hex');
  // 43 characters and perhaps one '=': base64 of 32 bytes, in either alphabet.
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return Buffer.from(text, 'base64');
  return undefined;
}

function parse(text: string, place: string): KeyObject {
  const bytes = decode(text.trim());
  // One byte over and over is a placeholder, not a key.
  if (bytes === undefined || bytes.length !== KEY_BYTES || bytes.every((byte) => byte === bytes[0])) {
    throw new MasterKeyError(
      `${place} is not a master key: 32 random bytes in base64 or hexadecimal are expected, or \`passphrase:\` and a passphrase. Make one with: openssl rand -base64 32`,
    );
  }
  return createSecretKey(bytes);
}

async function fromState(directory: string): Promise<KeyObject> {
  const state = await ensurePrivateDirectory(directory);
  const path = join(state, 'master.key');
  if ((await tightenOrRefuse(path)) === 'absent') {
    if (await hasPassphrase(state)) {
      throw new MasterKeyError(
        `${directory} was closed with a passphrase, which is not here: set SALLYPORT_MASTER_KEY or SALLYPORT_MASTER_KEY_FILE to \`passphrase:\` and the passphrase. It is not asked for.`,
      );
    }
    await writeFileOnce(path, `${randomBytes(KEY_BYTES).toString('base64url')}\n`);
  }
  // Read back in any case: of processes that start together one wrote, and all use what it wrote.
  return parse((await readFileBounded(path, MAX_FILE_BYTES)).toString('utf8'), path);
}

/** Where to look for the master key. */
export interface MasterKeyOptions {
  /** The state directory; made private if it must be created or read. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * The master key from `SALLYPORT_MASTER_KEY`, else the file that `SALLYPORT_MASTER_KEY_FILE` names, else `master.key`
 * in the state, created there once. A variable that is set but empty is an error, not an absence: a deployment whose
 * secret did not arrive must not go on with a key of its own.
 */
export async function openMasterKey(options: MasterKeyOptions): Promise<KeyObject> {
  return (await openAs('use', options)).key;
}

/** Two master keys, one after the other. */
export interface KeyChange {
  readonly old: KeyObject;
  readonly next: KeyObject;
  /** All is under the new key: what the state knows of passphrases is brought up to that. */
  settle(): Promise<void>;
}

/** The change from the key in the file `from` to the one that `openMasterKey` would give, whatever the state knows of both. */
export async function openKeyChange(options: MasterKeyOptions & { readonly from: string }): Promise<KeyChange> {
  const { directory, from } = options;
  const { key: old } = await openAs('old', { directory, env: { SALLYPORT_MASTER_KEY_FILE: from } });
  const { key: next, isPassphrase } = await openAs('new', options);
  return { old, next, settle: async () => await settlePassphrase(directory, next, isPassphrase) };
}

interface Opened {
  readonly key: KeyObject;
  readonly isPassphrase: boolean;
}

async function openAs(role: KeyRole, { directory, env }: MasterKeyOptions): Promise<Opened> {
  const value = env['SALLYPORT_MASTER_KEY'];
  if (value !== undefined) return await fromText(value, { directory, role, place: 'SALLYPORT_MASTER_KEY' });
  const file = env['SALLYPORT_MASTER_KEY_FILE'];
  if (file === '') throw new MasterKeyError('SALLYPORT_MASTER_KEY_FILE is set but empty. Name a file, or unset it.');
  if (file === undefined) return { key: await fromState(directory), isPassphrase: false };
  return await fromText((await readSecretFile(file)).toString('utf8'), { directory, role, place: file });
}

async function fromText(text: string, options: PassphraseOptions): Promise<Opened> {
  if (!text.startsWith(PASSPHRASE)) return { key: parse(text, options.place), isPassphrase: false };
  // One line break at the end is the editor's.
  const passphrase = text.slice(PASSPHRASE.length).replace(/\r?\n$/, '');
  return { key: await openPassphrase(passphrase, options), isPassphrase: true };
}
