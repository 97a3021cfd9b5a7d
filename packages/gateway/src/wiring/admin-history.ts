/**
 * Editions of the configuration file as they came into force: the text, sealed, with who brought it, when, and what it
 * changed. Kept in the store, for the file of that path alone, the last ones only.
 */

import { hash } from 'node:crypto';
import type { Sealing } from '../round.ts';
import type { Store, StoreRecord } from '../store/index.ts';

export interface HistoryEntry {
  readonly id: string;
  /** ISO 8601. */
  readonly time: string;
  /** ISSUER#SUBJECT of an admin; `file`: somebody who wrote to it. */
  readonly by: string;
  /** What the audit trail calls it. */
  readonly action: string;
  /** By key, secrets masked. */
  readonly diff: readonly string[];
}

export interface History {
  /** The newest first. */
  list(): Promise<readonly HistoryEntry[]>;
  /** Undefined: there is none of this id. */
  get(id: string): Promise<(HistoryEntry & { readonly text: string }) | undefined>;
  /** One that is the same as the newest is not kept again. */
  add(entry: NewEdition): Promise<void>;
}

export interface NewEdition extends Pick<HistoryEntry, 'action' | 'diff'> {
  /** An admin, or somebody who wrote to the file. */
  readonly by: Named | 'file';
  readonly text: string;
}

interface Named {
  readonly issuer: string;
  readonly subject: string;
}

export interface HistoryOptions {
  readonly store: Store;
  readonly sealing: Sealing;
  /** How somebody stands in a record, and how such a record is shown: he can be forgotten. */
  readonly names: { readonly kept: (who: Named) => string; readonly shown: (kept: string) => string };
  /** Of the configuration. */
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const COLLECTION = 'config-history';
const KEPT = 50;
/** Another process may add one at the same time. */
const MAX_TRIES = 8;
const DIGITS = 10;

interface Stored {
  readonly entry: string;
  readonly text: string;
}

export function createHistory(options: HistoryOptions): History {
  const prefix = `${hash('sha256', options.path).slice(0, 16)}/`;
  const all = (): Promise<readonly StoreRecord[]> => options.store.list(COLLECTION, prefix);
  const read = (record: StoreRecord): HistoryEntry | undefined => {
    const plain = options.sealing.unseal((record.value as unknown as Stored).entry, `entry ${record.key}`);
    if (plain === undefined) return undefined;
    const kept = JSON.parse(plain) as Omit<HistoryEntry, 'id'>;
    return { ...kept, id: record.key.slice(prefix.length), by: options.names.shown(kept.by) };
  };
  const textOf = (record: StoreRecord): string | undefined =>
    options.sealing.unseal((record.value as unknown as Stored).text, `text ${record.key}`);
  return {
    list: async () => (await all()).toReversed().flatMap((record) => read(record) ?? []),
    get: async (id) => {
      if (!/^\d{1,10}$/.test(id)) return undefined;
      const record = await options.store.get(COLLECTION, `${prefix}${id}`);
      const [entry, text] = record === undefined ? [] : [read(record), textOf(record)];
      return entry === undefined || text === undefined ? undefined : { ...entry, text };
    },
    add: async ({ action, by, diff, text }) => {
      const who = by === 'file' ? by : options.names.kept(by);
      const plain = JSON.stringify({ time: new Date(options.now()).toISOString(), by: who, action, diff });
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        const records = await all();
        const last = records.at(-1);
        if (last !== undefined && textOf(last) === text) return;
        const number = last === undefined ? 1 : Number(last.key.slice(prefix.length)) + 1;
        const key = `${prefix}${String(number).padStart(DIGITS, '0')}`;
        const sealed = {
          entry: options.sealing.seal(plain, `entry ${key}`),
          text: options.sealing.seal(text, `text ${key}`),
        };
        if (!(await options.store.putIf(COLLECTION, key, 'absent', sealed))) continue;
        for (const { key: old } of records.slice(0, Math.max(0, records.length + 1 - KEPT)))
          await options.store.delete(COLLECTION, old);
        return;
      }
      throw new Error('The history of the configuration is changed by another process all the time.');
    },
  };
}

/** The history under another key; what the key before does not open is left as it is. It may be interrupted and done again. */
export async function rekeyHistory(store: Store, old: Sealing, next: Sealing): Promise<number> {
  let done = 0;
  for (const { key, value, version } of await store.list(COLLECTION)) {
    const stored = value as unknown as Stored;
    const [entry, text] = [old.unseal(stored.entry, `entry ${key}`), old.unseal(stored.text, `text ${key}`)];
    if (entry === undefined || text === undefined) continue;
    const sealed = { entry: next.seal(entry, `entry ${key}`), text: next.seal(text, `text ${key}`) };
    if (await store.putIf(COLLECTION, key, version, sealed)) done += 1;
  }
  return done;
}
