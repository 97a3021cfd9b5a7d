/**
 * A master key from a passphrase, by scrypt (RFC 7914). Its salt, its parameters and a check stand in `master.kdf` of the
 * state: the same passphrase gives another key in another state, and a wrong one is noticed before anything is sealed with
 * it. Nobody is asked for a passphrase here; it is never written.
 */
import {
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
  scrypt,
  timingSafeEqual,
} from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ensurePrivateDirectory,
  readFileBounded,
  tightenOrRefuse,
  writeFileAtomic,
  writeFileOnce,
} from '@sallyport/host';
import { MasterKeyError } from './master-key-error.ts';

const KEY_BYTES = 32;
const SALT_BYTES = 16;
const MAX_FILE_BYTES = 1024;
/** Characters. What is shorter is guessed, however slow each guess is. */
const SHORTEST = 12;
/** Of its characters. */
const LEAST_DIFFERENT = 5;

/** Of scrypt: 128 MiB and some 0.4 s for each guess. */
interface Cost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}
const COST: Cost = { N: 131_072, r: 8, p: 1 };
/** What a file may ask for: not so little that guessing is cheap, not so much that it takes the machine down. */
const isFitCost = ({ N, r, p }: Cost): boolean =>
  Number.isInteger(Math.log2(N)) && N >= 32_768 && N <= 1_048_576 && r === 8 && p >= 1 && p <= 4;

interface Kdf extends Cost {
  readonly salt: Buffer;
  readonly check: Buffer;
}

const FORM = /^sallyport-passphrase 1 scrypt (\d{1,8}) (\d{1,3}) (\d{1,3}) ([A-Za-z0-9_-]{22}) ([A-Za-z0-9_-]{43})\n$/;

function textOf({ N, r, p, salt, check }: Kdf): string {
  return `sallyport-passphrase 1 scrypt ${N} ${r} ${p} ${salt.toString('base64url')} ${check.toString('base64url')}\n`;
}

const pathOf = (directory: string): string => join(directory, 'master.kdf');

async function readKdf(directory: string): Promise<Kdf | undefined> {
  const path = pathOf(directory);
  if ((await tightenOrRefuse(path)) === 'absent') return undefined;
  const text = (await readFileBounded(path, MAX_FILE_BYTES)).toString('utf8');
  const [, N, r, p, salt = '', check = ''] = FORM.exec(text) ?? [];
  const cost = { N: Number(N), r: Number(r), p: Number(p) };
  if (!isFitCost(cost)) {
    throw new MasterKeyError(
      `${path} does not say how a passphrase becomes the master key. Put the file back from a backup: without its salt the passphrase opens nothing.`,
    );
  }
  return { ...cost, salt: Buffer.from(salt, 'base64url'), check: Buffer.from(check, 'base64url') };
}

function derive(passphrase: string, { N, r, p, salt }: Omit<Kdf, 'check'>): Promise<KeyObject> {
  // Two ways to type one character are one passphrase.
  const text = passphrase.normalize('NFC');
  const options = { N, r, p, maxmem: 160 * N * r };
  return new Promise((resolve, reject) => {
    scrypt(text, salt, KEY_BYTES, options, (error, bytes) =>
      error === null ? resolve(createSecretKey(bytes)) : reject(error),
    );
  });
}

function checkOf(key: KeyObject): Buffer {
  return createHmac('sha256', Buffer.from(hkdfSync('sha256', key, 'sallyport', 'sallyport/1/check', 32)))
    .update('master key')
    .digest();
}

/** True when this state was opened with a passphrase before. */
export async function hasPassphrase(directory: string): Promise<boolean> {
  return (await tightenOrRefuse(pathOf(directory))) !== 'absent';
}

/**
 * What a passphrase is opened for. `use`: it must be that of the state; the first one that a state is given becomes that.
 * `old` and `new` are the two of a change of keys, which the check of the state cannot know.
 */
export type KeyRole = 'use' | 'old' | 'new';

export interface PassphraseOptions {
  readonly directory: string;
  /** Where it came from, for errors. */
  readonly place: string;
  readonly role: KeyRole;
}

/** The master key of a passphrase. Rejects with MasterKeyError. */
export async function openPassphrase(passphrase: string, options: PassphraseOptions): Promise<KeyObject> {
  const { place, role } = options;
  if (Array.from(passphrase).length < SHORTEST || new Set(passphrase).size < LEAST_DIFFERENT) {
    throw new MasterKeyError(
      `${place}: this passphrase is too easy to guess. Take at least ${SHORTEST} characters, five words drawn by lot say.`,
    );
  }
  const directory = await ensurePrivateDirectory(options.directory);
  const known = await readKdf(directory);
  if (known === undefined) return await begin(passphrase, { ...options, directory });
  const key = await derive(passphrase, known);
  if (role === 'use' && !timingSafeEqual(checkOf(key), known.check)) {
    throw new MasterKeyError(
      `${place}: this is not the passphrase that ${directory} was closed with. Nothing was opened or changed; \`sallyport secret rekey\` changes it.`,
    );
  }
  return key;
}

async function begin(passphrase: string, options: PassphraseOptions): Promise<KeyObject> {
  const { directory, place, role } = options;
  if (role === 'old') throw new MasterKeyError(`${place}: ${directory} was never closed with a passphrase.`);
  const fresh = { ...COST, salt: randomBytes(SALT_BYTES) };
  const key = await derive(passphrase, fresh);
  // Of processes that start together one writes, and all use what it wrote.
  if (await writeFileOnce(pathOf(directory), textOf({ ...fresh, check: checkOf(key) }))) return key;
  return await openPassphrase(passphrase, options);
}

/** From now on this key is that of the state: made from a passphrase, or from none. */
export async function settlePassphrase(directory: string, key: KeyObject, isPassphrase: boolean): Promise<void> {
  const known = await readKdf(directory);
  if (known === undefined) return;
  if (isPassphrase) await writeFileAtomic(pathOf(directory), textOf({ ...known, check: checkOf(key) }));
  else await rm(pathOf(directory));
}
