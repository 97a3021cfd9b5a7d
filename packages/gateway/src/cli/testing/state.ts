/** For tests outside of the package: the store of a state as a verb opens it, and the records of a room in it. */

import { join } from 'node:path';
import { openMasterKey } from '../../credentials/index.ts';
import { privateStore } from '../../wiring/privacy-state.ts';
import type { Store } from '../../store/index.ts';
import { openSqliteStore } from '../../store/sqlite.ts';

export { recordsOf } from '../../store/records.ts';

/** With the master key that lies in the state. */
export async function openStateStore(directory: string): Promise<Store> {
  const store = await openSqliteStore({ path: join(directory, 'state.db'), now: Date.now });
  return privateStore(store, await openMasterKey({ directory, env: {} }));
}
