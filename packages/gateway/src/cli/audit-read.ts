/** The records of this state's audit trail, for the verbs that show them: in the order of their time, over all chains. */
import { auditFolder, auditKeys } from '../audit-trail.ts';
import { chainStartMs, listChains, type ChainFiles, type TrailKeys } from '../audit/folder.ts';
import { recordsOf } from '../audit/read.ts';
import { parseDuration } from '../config/scalars.ts';
import { openMasterKey } from '../credentials/index.ts';
import type { CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';

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
  readonly line: string;
  readonly record: AuditRecord;
  readonly timeMs: number;
}

export interface OpenTrail {
  readonly folder: string;
  readonly keys: TrailKeys;
  readonly chains: readonly ChainFiles[];
}

/** Fails where there is none: nothing is made by looking. */
export async function openTrail({ env, files }: CliContext): Promise<OpenTrail> {
  const directory = await files.stateDirectory();
  const folder = auditFolder(directory);
  const chains = await listChains(folder);
  if (chains.length === 0) throw new CliError(`there is no audit trail in ${folder}`, exitCodes.failed);
  return { folder, keys: auditKeys(await openMasterKey({ directory, env })), chains };
}

/** The records of a period by their time. */
export async function* allRecords(trail: OpenTrail, period: Period = {}): AsyncGenerator<ReadRecord> {
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
async function* merged({ chains, folder, keys }: OpenTrail): AsyncGenerator<ReadRecord> {
  const waiting = [...chains];
  let open: Reading[] = [];
  while (open.length > 0 || waiting.length > 0) {
    open = open.toSorted((one, other) => one.next.timeMs - other.next.timeMs);
    const [first] = open;
    const [later] = waiting;
    if (later !== undefined && (first === undefined || chainStartMs(later.chain) <= first.next.timeMs)) {
      waiting.shift();
      const rest = chainRecords(folder, later, keys);
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

async function* chainRecords(folder: string, files: ChainFiles, keys: TrailKeys): AsyncGenerator<ReadRecord> {
  for (const segment of files.segments) {
    for await (const { text } of recordsOf(folder, files.chain, segment, keys)) {
      const found = readRecord(text);
      if (found !== undefined) yield found;
    }
  }
}

/** Undefined: no record; `audit verify` says so. */
export function readRecord(line: string): ReadRecord | undefined {
  try {
    const record = JSON.parse(line) as AuditRecord;
    const timeMs = Date.parse(record.time);
    return Number.isNaN(timeMs) ? undefined : { line, record, timeMs };
  } catch {
    return undefined;
  }
}

/** Both ends belong to it. Milliseconds since 1970. */
export interface Period {
  readonly sinceMs?: number;
  readonly untilMs?: number;
}

/** `--since` and `--until`: a point in time (ISO 8601), or how long ago. */
export function periodOf({ since, until }: { since?: string; until?: string }, nowMs: number): Period {
  const sinceMs = since === undefined ? undefined : momentOf('--since', since, nowMs);
  const untilMs = until === undefined ? undefined : momentOf('--until', until, nowMs);
  return { ...(sinceMs !== undefined && { sinceMs }), ...(untilMs !== undefined && { untilMs }) };
}

function momentOf(option: string, text: string, nowMs: number): number {
  const ago = /\d *[a-z]+$/i.test(text) ? parseDuration(text) : undefined;
  const ms = ago === undefined ? Date.parse(text) : nowMs - ago;
  if (Number.isNaN(ms)) {
    throw new CliError(
      `${option}: expected a time such as 2027-01-31 or 2027-01-31T12:00:00Z, or 24h ago as \`24h\``,
      exitCodes.usage,
    );
  }
  return ms;
}
