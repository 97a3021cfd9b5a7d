/**
 * Under which master key a state is kept, as its store knows it: a start under another one is refused before anything is opened,
 * since what does not open would count as absent, and be made anew over what was there. Nothing can be told of the key from it.
 */
import { createHmac, type KeyObject } from 'node:crypto';
import { deriveKey } from './derive.ts';
import { MasterKeyError } from './master-key-error.ts';

/** The collection, which whoever seals the others leaves as it is. */
export const KEY_CHECK = 'master-key';
const RECORD = 'check';

export interface KeyCheckStore {
  get(collection: string, key: string): Promise<{ readonly value: unknown } | undefined>;
  put(collection: string, key: string, value: KeyCheck): Promise<unknown>;
  putIf(collection: string, key: string, expected: 'absent', value: KeyCheck): Promise<boolean>;
}

type KeyCheck = {
  readonly check: string;
  /** Of the key that all is being sealed for: some of it may be under either. */
  readonly next?: string;
};

function checkOf(master: KeyObject): string {
  return createHmac('sha256', deriveKey(master, 'state-check')).update('master key').digest('base64url');
}

/** The first key that a state is opened with is its own. Rejects with MasterKeyError. */
export async function checkMasterKey(store: KeyCheckStore, master: KeyObject): Promise<void> {
  const check = checkOf(master);
  if (await store.putIf(KEY_CHECK, RECORD, 'absent', { check })) return;
  const known = await readCheck(store);
  if (known?.next !== undefined) {
    throw new MasterKeyError(
      'A change of the master key was begun in this state and not finished: run `sallyport secret rekey` again, with the same two keys. Nothing was opened or changed.',
    );
  }
  if (known?.check === check) return;
  throw new MasterKeyError(
    'This is not the master key that this state is kept under. Nothing was opened or changed. Start with the key of before; or put all that it sealed under this one: `sallyport secret rekey --from OLD`. Where that key is lost, move the state away and begin with an empty one.',
  );
}

/** From here to the end of a change nobody starts. Rejects with MasterKeyError when `old` is not the key of this state. */
export async function beginKeyChange(store: KeyCheckStore, old: KeyObject, next: KeyObject): Promise<void> {
  const [before, after] = [checkOf(old), checkOf(next)];
  const known = await readCheck(store);
  if (known !== undefined && known.check !== before && known.check !== after) {
    throw new MasterKeyError('`--from` is not the master key that this state is kept under. Nothing was changed.');
  }
  await store.put(KEY_CHECK, RECORD, { check: before, next: after });
}

export async function endKeyChange(store: KeyCheckStore, next: KeyObject): Promise<void> {
  await store.put(KEY_CHECK, RECORD, { check: checkOf(next) });
}

async function readCheck(store: KeyCheckStore): Promise<KeyCheck | undefined> {
  return (await store.get(KEY_CHECK, RECORD))?.value as KeyCheck | undefined;
}
