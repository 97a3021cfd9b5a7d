/**
 * API keys in the `Authorization` header: those that stand in a list, of which a hash is kept in memory, and those of a table
 * over a store, which come and go while the server runs. A key in a query or a cookie is none.
 */

import { configuredKeyProblems, type ConfiguredKey } from '../../auth/configured-key-check.ts';
import { createConfiguredKeys } from '../../auth/configured-keys.ts';
import { loadBcrypt } from '../../auth/bcrypt.ts';
import { createKeyVerify } from '../../auth/key-verify.ts';
import type { KeyTable } from '../../auth/keys.ts';
import type { Prove } from '../../auth/proof.ts';
import { badOption } from '../errors.ts';
import type { AuthParts, AuthProvider } from './provider.ts';

export interface ApiKeyOptions {
  /** Each with its text of 32 characters at least, or a bcrypt hash of it. */
  readonly keys?: readonly ConfiguredKey[];
  /** Keys of a store; see `createKeyTable` and `createRecordKeys`. The author closes it. */
  readonly table?: KeyTable;
}

/** The issuer of the principals; the subject is the name of the key. */
const ISSUER = 'key';

/** Throws a ServeError for keys that cannot be used. */
export function apiKey({ keys = [], table }: ApiKeyOptions): AuthProvider {
  const [problem] = configuredKeyProblems(keys);
  if (problem !== undefined) throw badOption(`apiKey: keys[${problem.index}]`, problem.message);
  if (keys.length === 0 && table === undefined) throw badOption('apiKey', 'it has neither `keys` nor a `table`');
  const names = new Set(keys.map(({ name }) => name));
  return {
    kind: 'apiKey',
    open: async (parts) => {
      const ways: Prove[] = [];
      if (keys.length > 0) ways.push(await listed(keys, parts));
      if (table !== undefined) {
        await table.refresh();
        ways.push(createKeyVerify({ keys: table, issuer: ISSUER, isTaken: (name) => names.has(name) }));
      }
      return { prove: inOrder(ways), refresh: async () => await table?.refresh() };
    },
  };
}

async function listed(keys: readonly ConfiguredKey[], { failures, now, random }: AuthParts): Promise<Prove> {
  const bcrypt = keys.some(({ hash }) => hash !== undefined) ? await loadBcrypt() : undefined;
  const compare = bcrypt?.compare ?? (() => Promise.resolve(false));
  return createConfiguredKeys({ keys, issuer: ISSUER, compare, failures, now, random });
}

/** The first that knows what is shown decides. */
function inOrder(ways: readonly Prove[]): Prove {
  return async (credentials) => {
    for (const prove of ways) {
      const found = await prove(credentials);
      if (found !== undefined) return found;
    }
    return undefined;
  };
}
