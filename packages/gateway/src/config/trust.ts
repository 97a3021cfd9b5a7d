/**
 * Trust in a configuration that was found in the current directory: the hash of the file and of the `sallyport.lock` beside it,
 * kept in a file of its own in the state directory. Whoever unpacks a stranger's folder and types `sallyport` must not start the
 * stranger's commands.
 */
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';

/** Reads and writes the record; the caller brings private, atomic files. */
export type TrustFiles = {
  /** undefined when there is none. */
  readonly read: (path: string) => Promise<string | undefined>;
  readonly write: (path: string, text: string) => Promise<void>;
};

export type TrustStore = {
  isTrusted(path: string, hash: string): Promise<boolean>;
  trust(path: string, hash: string): Promise<void>;
};

/** Where the lock of a configuration stands. */
export function lockPath(configPath: string): string {
  return join(dirname(configPath), 'sallyport.lock');
}

/** sha256, hex, over the file and its lock; an absent lock differs from an empty one. */
export function configHash(file: Uint8Array, lock: Uint8Array | undefined): string {
  const hash = createHash('sha256').update(`sallyport-config\0${file.byteLength}\0`).update(file);
  return (lock === undefined ? hash : hash.update(`\0lock\0${lock.byteLength}\0`).update(lock)).digest('hex');
}

/** The record in `<state>/trust.json`. A record that cannot be read trusts nothing. */
export function createTrustStore(stateDirectory: string, files: TrustFiles): TrustStore {
  const path = join(stateDirectory, 'trust.json');
  const load = async (): Promise<Map<string, string>> => parseRecord(await files.read(path));
  return {
    async isTrusted(config, hash) {
      return (await load()).get(config) === hash;
    },
    async trust(config, hash) {
      const record = await load();
      record.set(config, hash);
      await files.write(path, `${JSON.stringify({ version: 1, trusted: Object.fromEntries(record) }, null, 2)}\n`);
    },
  };
}

function parseRecord(text: string | undefined): Map<string, string> {
  try {
    const record: unknown = JSON.parse(text ?? '{}');
    const trusted = isObject(record) && isObject(record['trusted']) ? record['trusted'] : {};
    return new Map(Object.entries(trusted).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
  } catch {
    return new Map();
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
