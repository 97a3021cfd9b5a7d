/**
 * The local key: what clients on this machine present, in the file `local.key` of the state, made once. It is the
 * plain key, since the lines that are pasted into clients need it; the file is 0600 and never shown in a log.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ensurePrivateDirectory, readFileBounded, tightenOrRefuse, writeFileOnce } from '@sallyport/host';
import { formatClientKey, hasKeyForm } from '@sallyport/server';

const MAX_FILE_BYTES = 1024;

/** The file is there but does not hold a local key. */
class LocalKeyError extends Error {
  constructor(path: string) {
    super(`${path} does not hold a local key. Remove it and start again: a new one is made, which clients then need.`);
    this.name = 'LocalKeyError';
  }
}

/** The local key from the state `directory`, made there if there is none; the same for all processes that ask. */
export async function openLocalKey({ directory }: { readonly directory: string }): Promise<string> {
  const path = join(await ensurePrivateDirectory(directory), 'local.key');
  if ((await tightenOrRefuse(path)) === 'absent') {
    await writeFileOnce(path, `${formatClientKey('local', randomBytes(32))}\n`);
  }
  const key = (await readFileBounded(path, MAX_FILE_BYTES)).toString('utf8').trim();
  if (!key.startsWith('sp_local_') || !hasKeyForm(key)) throw new LocalKeyError(path);
  return key;
}
