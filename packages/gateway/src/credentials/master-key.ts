/**
 * The master key: 32 random bytes from which all other keys derive. It comes from the environment, a mounted file, or
 * the state, where it is made once. It does not rotate, and a key that is there but wrong is never replaced by a new
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

const KEY_BYTES = 32;
/** The most a key file may hold: 64 digits and a line end, with room for stray white space. */
const MAX_FILE_BYTES = 1024;

/** The master key is missing where it was promised, or is none. The message names the place, never the value. */
class MasterKeyError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MasterKeyError';
  }
}

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
      `${place} is not a master key: 32 random bytes in base64 or hexadecimal are expected. Make one with: openssl rand -base64 32`,
    );
  }
  return createSecretKey(bytes);
}

async function fromState(directory: string): Promise<KeyObject> {
  const path = join(await ensurePrivateDirectory(directory), 'master.key');
  if ((await tightenOrRefuse(path)) === 'absent') {
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
export async function openMasterKey({ directory, env }: MasterKeyOptions): Promise<KeyObject> {
  const value = env['SALLYPORT_MASTER_KEY'];
  if (value !== undefined) return parse(value, 'SALLYPORT_MASTER_KEY');
  const file = env['SALLYPORT_MASTER_KEY_FILE'];
  if (file === '') throw new MasterKeyError('SALLYPORT_MASTER_KEY_FILE is set but empty. Name a file, or unset it.');
  if (file !== undefined) return parse((await readSecretFile(file)).toString('utf8'), file);
  return await fromState(directory);
}
