/**
 * The file of a backup: a line that says how its passphrase becomes a key, then frames of at most 1 MiB, each sealed with
 * AES-256-GCM under its number and whether it is the last, so that none can be changed, moved, left out or cut off. In them
 * stand a manifest and the files that it names, one after another. What belongs into a backup is backup-state.ts.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  randomBytes,
  scrypt,
  type KeyObject,
} from 'node:crypto';
import { link, open, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CliError, exitCodes } from './exit.ts';

/** A file of the state as it stands in a backup. */
export interface BackupEntry {
  /** Relative to the state: a name, or `audit/` and a name. */
  readonly path: string;
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

export interface Manifest {
  readonly version: 1;
  /** Milliseconds since 1970: all that it holds is from before. */
  readonly createdMs: number;
  /** What wrote it. */
  readonly sallyport: string;
  /** Tells master keys apart and gives none away. */
  readonly masterKey: string;
  readonly files: readonly BackupEntry[];
  /** Where the chains of the audit trail had come to. */
  readonly chains: readonly { readonly chain: string; readonly seq: number; readonly hash: string }[];
  /** What was wrong with the trail already. */
  readonly problems: readonly string[];
}

const FRAME_BYTES = 1024 * 1024;
const TAG_BYTES = 16;
const LENGTH_BYTES = 4;
const MAX_HEADER_BYTES = 128;
const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;
/** Of scrypt: 128 MiB and some 0.4 s for each guess. */
const COST = { N: 131_072, r: 8, p: 1 };
const MAX_MEMORY_BYTES = 256 * 1024 * 1024;
const HEADER = /^sallyport-backup 1 scrypt ([A-Za-z0-9_-]{22})\n/;
const PATH = /^(?:audit\/)?[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
/** Characters, and how many of them differ. What is easier is guessed, however slow each guess is. */
const [SHORTEST, LEAST_DIFFERENT] = [12, 5];

/** A sentence when nobody should rely on this passphrase. */
export function weakness(passphrase: string): string | undefined {
  const isWeak = Array.from(passphrase).length < SHORTEST || new Set(passphrase).size < LEAST_DIFFERENT;
  return isWeak
    ? `this passphrase is too easy to guess: take at least ${SHORTEST} characters, five words drawn by lot say`
    : undefined;
}

/** Writes a new file, 0600; it is there whole or not at all. `contents` gives the bytes of a file of the manifest. */
export async function writeBackup(
  path: string,
  passphrase: string,
  manifest: Manifest,
  contents: (entry: BackupEntry) => AsyncIterable<Uint8Array>,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  const file = await open(temporary, 'wx', 0o600);
  try {
    try {
      await file.chmod(0o600);
      await writeFrames(file, passphrase, plainOf(manifest, contents));
      await file.sync();
    } finally {
      await file.close();
    }
    await link(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function* plainOf(
  manifest: Manifest,
  contents: (entry: BackupEntry) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const head = Buffer.from(JSON.stringify(manifest));
  yield lengthOf(head.length);
  yield head;
  for (const entry of manifest.files) yield* contents(entry);
}

async function writeFrames(file: FileHandle, passphrase: string, plain: AsyncIterable<Uint8Array>): Promise<void> {
  const salt = randomBytes(16);
  const header = `sallyport-backup 1 scrypt ${salt.toString('base64url')}\n`;
  const key = await keyOf(passphrase, salt);
  await file.writeFile(header);
  let [number, pending]: [number, Buffer] = [0, Buffer.alloc(0)];
  const write = async (frame: Uint8Array, isLast: boolean): Promise<void> => {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(number++, isLast)).setAAD(Buffer.from(header));
    const sealed = Buffer.concat([cipher.update(frame), cipher.final()]);
    await file.writeFile(Buffer.concat([lengthOf(sealed.length), sealed, cipher.getAuthTag()]));
  };
  for await (const chunk of plain) {
    pending = Buffer.concat([pending, chunk]);
    // The last frame is told from the others by what follows it: one is always held back.
    while (pending.length > FRAME_BYTES) {
      await write(pending.subarray(0, FRAME_BYTES), false);
      pending = pending.subarray(FRAME_BYTES);
    }
  }
  await write(pending, true);
}

/** A backup that is being read. */
export interface OpenBackup {
  readonly manifest: Manifest;
  /** Every file in turn; its bytes must be taken to the end. Throws when they are not those that were written. */
  each(take: (entry: BackupEntry, bytes: AsyncIterable<Uint8Array>) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** Throws a CliError for a wrong passphrase, and for what is no backup or is damaged. */
export async function openBackup(path: string, passphrase: string): Promise<OpenBackup> {
  const file = await open(path, 'r');
  try {
    const header = (await readExactly(file, MAX_HEADER_BYTES, 0)).toString('latin1');
    const [line = '', salt = ''] = HEADER.exec(header) ?? [];
    if (line === '') throw new CliError(`${path} is no backup of Sallyport`, exitCodes.failed);
    const source = new Source(
      framesOf(file, path, line, await keyOf(passphrase, Buffer.from(salt, 'base64url'))),
      path,
    );
    const length = (await source.take(LENGTH_BYTES)).readUInt32BE();
    if (length > MAX_MANIFEST_BYTES) throw damaged(path);
    const manifest = manifestOf((await source.take(length)).toString('utf8'), path);
    const each: OpenBackup['each'] = async (take) => {
      for (const entry of manifest.files) {
        const hash = createHash('sha256');
        await take(
          entry,
          hashed(source.bytes(entry.size), (bytes) => hash.update(bytes)),
        );
        if (hash.digest('hex') !== entry.sha256) throw damaged(path);
      }
      await source.end();
    };
    return { manifest, each, close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function* hashed(
  source: AsyncIterable<Uint8Array>,
  see: (bytes: Uint8Array) => unknown,
): AsyncGenerator<Uint8Array> {
  for await (const bytes of source) {
    see(bytes);
    yield bytes;
  }
}

async function* framesOf(file: FileHandle, path: string, header: string, key: KeyObject): AsyncGenerator<Buffer> {
  const { size } = await file.stat();
  let at = header.length;
  for (let number = 0; at < size; number++) {
    const length = (await readExactly(file, LENGTH_BYTES, at)).readUInt32BE();
    if (length > FRAME_BYTES) throw damaged(path);
    const end = at + LENGTH_BYTES + length + TAG_BYTES;
    const frame = await readExactly(file, length + TAG_BYTES, at + LENGTH_BYTES);
    if (frame.length < length + TAG_BYTES) throw damaged(path);
    const plain = opened(key, frame, nonceOf(number, end === size), header);
    if (plain === undefined) throw number === 0 ? wrongPassphrase(path) : damaged(path);
    yield plain;
    at = end;
  }
}

function opened(key: KeyObject, frame: Buffer, nonce: Buffer, header: string): Buffer | undefined {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(
    Buffer.from(header),
  );
  decipher.setAuthTag(frame.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(frame.subarray(0, -TAG_BYTES)), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** So many bytes at a place; fewer at the end of the file. */
async function readExactly(file: FileHandle, length: number, position: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let read = 0;
  while (read < length) {
    const { bytesRead } = await file.read(buffer, read, length - read, position + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return buffer.subarray(0, read);
}

/** Frames as one run of bytes. */
class Source {
  readonly #frames: AsyncGenerator<Buffer>;
  readonly #path: string;
  #rest: Buffer = Buffer.alloc(0);

  constructor(frames: AsyncGenerator<Buffer>, path: string) {
    this.#frames = frames;
    this.#path = path;
  }

  async *bytes(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0;) {
      if (this.#rest.length === 0) await this.#next();
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  async take(count: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of this.bytes(count)) parts.push(part);
    return Buffer.concat(parts);
  }

  /** Nothing may follow. */
  async end(): Promise<void> {
    if (this.#rest.length > 0 || (await this.#frames.next()).done !== true) throw damaged(this.#path);
  }

  async #next(): Promise<void> {
    const { done, value } = await this.#frames.next();
    if (done === true) throw damaged(this.#path);
    this.#rest = value;
  }
}

function manifestOf(text: string, path: string): Manifest {
  const manifest = JSON.parse(text) as Manifest;
  if ((manifest.version as number) !== 1) {
    throw new CliError(
      `${path} was written by a newer Sallyport (${manifest.sallyport}): update this one`,
      exitCodes.failed,
    );
  }
  const names = manifest.files.map((entry) => entry.path);
  if (names.some((name) => !PATH.test(name)) || new Set(names).size < names.length) throw damaged(path);
  return manifest;
}

function nonceOf(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(number));
  // The key is this file's alone, so that numbers are nonces enough.
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

function lengthOf(length: number): Buffer {
  const bytes = Buffer.alloc(LENGTH_BYTES);
  bytes.writeUInt32BE(length);
  return bytes;
}

function keyOf(passphrase: string, salt: Buffer): Promise<KeyObject> {
  // Two ways to type one character are one passphrase.
  const text = passphrase.normalize('NFC');
  return new Promise((resolve, reject) => {
    scrypt(text, salt, 32, { ...COST, maxmem: MAX_MEMORY_BYTES }, (error, bytes) =>
      error === null ? resolve(createSecretKey(bytes)) : reject(error),
    );
  });
}

function wrongPassphrase(path: string): CliError {
  return new CliError(
    `${path}: this is not the passphrase of the backup, or its beginning is damaged`,
    exitCodes.refused,
  );
}

function damaged(path: string): CliError {
  return new CliError(`${path} is damaged, or was cut off: nothing of it was used`, exitCodes.failed);
}
