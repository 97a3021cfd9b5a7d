/** Pins as a person or a program is told of them. Pure. */

import { canonicalId } from '../canonical-id.ts';
import { differences, type Difference } from './changes.ts';
import type { PinState, PinsMode } from './judging.ts';
import type { LockedTools } from './lock.ts';
import { standing } from './observing.ts';
import { NO_PINS, type Pending, type ServerRecord, type ToolPins } from './record.ts';

export interface PinReport {
  /** `server__original`. */
  readonly id: string;
  readonly state: PinState;
  /** Of the definition that waits for a word, else of the one that stands: SHA-256, hexadecimal. */
  readonly hash: string;
  /** What is another, or why it is doubted; nothing where nothing waits. */
  readonly changes: readonly string[];
}

/** Of what waits: all that differs from what stands. */
export interface PinDiff {
  readonly id: string;
  readonly state: PinState;
  readonly hash: string;
  readonly changes: readonly string[];
  readonly differences: readonly Difference[];
}

/** In the order of their ids. */
export function reportPins(
  server: string,
  record: ServerRecord,
  locked: LockedTools | undefined,
  mode: PinsMode,
): PinReport[] {
  return namesOf(record, locked).flatMap((name) => {
    const pins = record.get(name) ?? NO_PINS;
    const stands = standing(pins, name, locked);
    const waiting = pins.pending.at(-1);
    const id = canonicalId(server, name);
    if (waiting !== undefined) {
      return [{ id, state: stateOf(pins, waiting, mode), hash: waiting.hash, changes: changesOf(pins) }];
    }
    const [latest = pins.accepted[0]] = stands;
    if (latest === undefined) return [];
    return [{ id, state: latest.by === 'approval' ? 'approved' : 'new', hash: latest.hash, changes: [] }];
  });
}

export function diffPins(
  server: string,
  record: ServerRecord,
  locked: LockedTools | undefined,
  mode: PinsMode,
): PinDiff[] {
  return namesOf(record, locked).flatMap((name) => {
    const pins = record.get(name) ?? NO_PINS;
    const [latest] = standing(pins, name, locked);
    return pins.pending.map((waiting) => ({
      id: canonicalId(server, name),
      state: stateOf(pins, waiting, mode),
      hash: waiting.hash,
      changes: waiting.changes,
      differences: differences(latest?.tool ?? {}, waiting.tool),
    }));
  });
}

function namesOf(record: ServerRecord, locked: LockedTools | undefined): string[] {
  return [...new Set([...record.keys(), ...(locked?.keys() ?? [])])].toSorted();
}

function stateOf({ accepted, pending }: ToolPins, waiting: Pending, mode: PinsMode): PinState {
  if (mode === 'quarantine') return 'quarantined';
  return waiting.isNew && accepted.length === 0 && pending.length === 1 ? 'new' : 'changed';
}

function changesOf({ pending }: ToolPins): string[] {
  return [...new Set(pending.flatMap(({ changes }) => changes))];
}
