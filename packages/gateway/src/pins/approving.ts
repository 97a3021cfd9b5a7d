/** What a person does about pins, written over whatever was read: another process may write at the same time. */

import { approved } from './observing.ts';
import { NO_RECORD, readRecord, storedRecord, type ServerRecord, type ToolPins } from './record.ts';
import type { PinStore } from './index.ts';

const MAX_TRIES = 8;

/** The record of a server; empty where there is none. */
export async function recordOf(store: Pick<PinStore, 'get'>, server: string): Promise<ServerRecord> {
  const stored = await store.get(server);
  return stored === undefined ? NO_RECORD : readRecord(stored.value);
}

/** A definition that stands from now on. */
export interface Approved {
  readonly name: string;
  readonly hash: string;
}

/**
 * Takes what waits, and what was believed at first use, for good. `wants`: whether a definition is the one that was looked at.
 * Resolves with those that are approved by it, none that already were.
 */
export async function approve(
  store: PinStore,
  server: string,
  wants: (name: string, pins: ToolPins) => boolean,
): Promise<readonly Approved[]> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const stored = await store.get(server);
    if (stored === undefined) return [];
    const record = readRecord(stored.value);
    const done: Approved[] = [];
    const after = new Map(
      [...record].map(([name, pins]) => {
        const isOpen = pins.pending.length > 0 || pins.accepted.some(({ by }) => by === 'first use');
        if (!isOpen || !wants(name, pins)) return [name, pins];
        const stands = approved(pins);
        const fresh = pins.pending.length > 0 ? stands.accepted.slice(0, pins.pending.length) : stands.accepted;
        done.push(...fresh.map(({ hash }) => ({ name, hash })));
        return [name, stands];
      }),
    );
    if (done.length === 0) return [];
    if (await store.putIf(server, stored.version, storedRecord(after))) return done;
  }
  throw new Error(`The pins of ${server} are changed by another process all the time: try again.`);
}
