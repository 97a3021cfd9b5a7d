/** The records of a trail in the order of their time, over all chains. What it gives may be forged; verify.ts judges it. */

import { chainStartMs, type ChainFiles, type TrailKeys } from './folder.ts';
import { recordsOf } from './read.ts';

/** A record as it is shown; members that are not here are in it too. */
export interface AuditRecord {
  readonly seq: number;
  readonly time: string;
  readonly type: string;
  readonly action: string;
  readonly decision: string;
  readonly principal?: string;
  readonly address?: string;
  readonly target?: string;
  readonly server?: string;
  readonly rule?: string;
  readonly reason?: string;
  readonly error?: string;
  readonly durationMs?: number;
  readonly count?: number;
  readonly missed?: number;
}

/** A record with the line that it stands in. */
export interface ReadRecord {
  readonly chain: string;
  readonly line: string;
  readonly record: AuditRecord;
  readonly timeMs: number;
}

export interface Trail {
  readonly folder: string;
  readonly keys: TrailKeys;
  readonly chains: readonly ChainFiles[];
  /** A line as it is shown: as it is kept it names nobody. */
  readonly shown: (line: string) => string;
  /** Of a line as it is kept; absent: all of them. */
  readonly isWanted?: (line: string) => boolean;
}

/** Both ends belong to it. Milliseconds since 1970. */
export interface Period {
  readonly sinceMs?: number;
  readonly untilMs?: number;
}

/** The records of a period by their time. */
export async function* allRecords(trail: Trail, period: Period = {}): AsyncGenerator<ReadRecord> {
  const { sinceMs = 0, untilMs = Number.POSITIVE_INFINITY } = period;
  for await (const found of merged(trail)) {
    if (found.timeMs > untilMs) return;
    if (found.timeMs >= sinceMs) yield found;
  }
}

/** A chain that is read, and its next record. */
interface Reading {
  next: ReadRecord;
  readonly rest: AsyncGenerator<ReadRecord>;
}

/** A chain is opened when its time has come, so that many are no burden. */
async function* merged(trail: Trail): AsyncGenerator<ReadRecord> {
  const waiting = [...trail.chains];
  let open: Reading[] = [];
  while (open.length > 0 || waiting.length > 0) {
    open = open.toSorted((one, other) => one.next.timeMs - other.next.timeMs);
    const [first] = open;
    const [later] = waiting;
    if (later !== undefined && (first === undefined || chainStartMs(later.chain) <= first.next.timeMs)) {
      waiting.shift();
      const rest = chainRecords(trail, later);
      const { done, value } = await rest.next();
      if (done !== true) open.push({ next: value, rest });
    } else if (first !== undefined) {
      yield first.next;
      const { done, value } = await first.rest.next();
      if (done === true) open.shift();
      else first.next = value;
    }
  }
}

async function* chainRecords(trail: Trail, files: ChainFiles): AsyncGenerator<ReadRecord> {
  for (const segment of files.segments) {
    for await (const { text } of recordsOf(trail.folder, files.chain, segment, trail.keys)) {
      const found = readRecord(text, files.chain, trail);
      if (found !== undefined) yield found;
    }
  }
}

/** Undefined: none that is wanted, or no record; then `audit verify` says so. */
export function readRecord(
  kept: string,
  chain: string,
  { isWanted, shown }: Pick<Trail, 'isWanted' | 'shown'>,
): ReadRecord | undefined {
  if (isWanted?.(kept) === false) return undefined;
  const line = shown(kept);
  try {
    const record = JSON.parse(line) as AuditRecord;
    const timeMs = Date.parse(record.time);
    return Number.isNaN(timeMs) ? undefined : { chain, line, record, timeMs };
  } catch {
    return undefined;
  }
}
