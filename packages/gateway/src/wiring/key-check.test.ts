import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { beginKeyChange, checkMasterKey, endKeyChange } from '../credentials/index.ts';
import { createMemoryStore } from '../store/memory.ts';

const newKey = (): KeyObject => createSecretKey(randomBytes(32));
const [old, next, other] = [newKey(), newKey(), newKey()];

describe('the key of a state', () => {
  it('is the first that it was opened with: another one is refused, and tells what to do', async () => {
    const store = createMemoryStore({ now: () => 0 });
    await checkMasterKey(store, old);
    await expect(checkMasterKey(store, next)).rejects.toThrow('sallyport secret rekey --from OLD');
    await checkMasterKey(store, old);
  });

  it('is nobody’s while it changes, and the next one’s afterwards', async () => {
    const store = createMemoryStore({ now: () => 0 });
    await checkMasterKey(store, old);
    await expect(beginKeyChange(store, other, next)).rejects.toThrow('`--from` is not the master key');
    await checkMasterKey(store, old);
    await beginKeyChange(store, old, next);
    for (const key of [old, next]) await expect(checkMasterKey(store, key)).rejects.toThrow('not finished');
    // It was broken off, and is done again.
    await beginKeyChange(store, old, next);
    await endKeyChange(store, next);
    await checkMasterKey(store, next);
    await expect(checkMasterKey(store, old)).rejects.toThrow('not the master key');
    await beginKeyChange(store, old, next);
  });
});
