/** The audit trail as the admin API tells it: records of a period that fit, in pages, and whether the trail is whole. */

import { stat } from 'node:fs/promises';
import { AdminError, Turns, type AdminSource, type AuditQuery } from '../admin/index.ts';
import { isAbsent, listChains, segmentPath, type ChainFiles, type TrailKeys } from '../audit/folder.ts';
import { allRecords, type ReadRecord } from '../audit/in-order.ts';
import { readAnchors, verifyTrail } from '../audit/verify.ts';
import { parseMoment } from '../config/scalars.ts';

export interface AuditActsOptions {
  /** Undefined: there is no trail. */
  readonly folder: string | undefined;
  readonly keys: TrailKeys;
  /** A line as it is shown: as it is kept it names nobody. */
  readonly shown: (line: string) => string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Records that are looked at for one page. */
const MAX_LOOKED_AT = 200_000;

export function auditActs(options: AuditActsOptions): Pick<AdminSource, 'audit' | 'verifyAudit'> {
  // Reading takes time that calls need: one at a time, whoever asks.
  const turns = new Turns();
  const { folder } = options;
  return {
    audit: (query) => turns.take(() => page(folderOf(folder), query, options)),
    verifyAudit: async (chains) => {
      const anchors = chains === undefined ? [] : readAnchors(chains);
      if (anchors === undefined) throw invalid('`chains` is what an earlier answer said.');
      return await turns.take(() => verifyTrail(folderOf(folder), options.keys, anchors));
    },
  };
}

/** How far a caller has read: the time of the last record, and which of each chain he has had of that time. */
interface Place {
  readonly timeMs: number;
  readonly seqs: Readonly<Record<string, number>>;
}

async function page(folder: string, query: AuditQuery, { keys, now, shown }: AuditActsOptions): Promise<unknown> {
  const { limit, members } = query;
  let place = query.cursor === undefined ? undefined : placeOf(query.cursor);
  const sinceMs = place?.timeMs ?? momentOf('since', query.since ?? '24h', now());
  const period = { sinceMs, ...(query.until !== undefined && { untilMs: momentOf('until', query.until, now()) }) };
  const chains = await since(folder, await listChains(folder), sinceMs);
  const records: object[] = [];
  let looked = 0;
  for await (const found of allRecords({ folder, keys, chains, shown }, period)) {
    if (isPast(found, place)) continue;
    place = placeAfter(found, place);
    looked += 1;
    if (fits(found, members)) records.push(found.record);
    if (records.length === limit || looked === MAX_LOOKED_AT) break;
  }
  return { records, ...(place !== undefined && { next: Buffer.from(JSON.stringify(place)).toString('base64url') }) };
}

/** What was last written to before holds nothing that is wanted: a year of records is not read for an hour of them. */
async function since(folder: string, chains: readonly ChainFiles[], sinceMs: number): Promise<readonly ChainFiles[]> {
  return await Promise.all(
    chains.map(async (files) => {
      const fresh: number[] = [];
      for (const segment of files.segments)
        if (await isFresh(segmentPath(folder, files.chain, segment), sinceMs)) fresh.push(segment);
      return { ...files, segments: fresh };
    }),
  );
}

async function isFresh(path: string, sinceMs: number): Promise<boolean> {
  try {
    return (await stat(path)).mtimeMs >= sinceMs;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

function fits({ record }: ReadRecord, members: AuditQuery['members']): boolean {
  const said = record as unknown as Readonly<Record<string, unknown>>;
  return Object.entries(members).every(([member, wanted]) => said[member] === wanted);
}

function isPast({ chain, record, timeMs }: ReadRecord, place: Place | undefined): boolean {
  return place !== undefined && timeMs === place.timeMs && record.seq <= (place.seqs[chain] ?? 0);
}

function placeAfter({ chain, record, timeMs }: ReadRecord, place: Place | undefined): Place {
  const seqs = place?.timeMs === timeMs ? place.seqs : {};
  return { timeMs, seqs: { ...seqs, [chain]: record.seq } };
}

function placeOf(cursor: string): Place {
  try {
    const { seqs, timeMs } = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as Partial<Place>;
    if (typeof timeMs === 'number' && typeof seqs === 'object' && seqs !== null) return { timeMs, seqs };
  } catch {
    // It is told below.
  }
  throw invalid('`cursor` is what `next` of the page before says.');
}

function momentOf(name: string, text: string, nowMs: number): number {
  const ms = parseMoment(text, nowMs);
  if (ms === undefined)
    throw invalid(`\`${name}\` is a time such as 2027-01-31T12:00:00Z, or how long ago, such as 24h.`);
  return ms;
}

function folderOf(folder: string | undefined): string {
  if (folder === undefined) throw new AdminError(409, 'no_audit', 'There is no audit trail here.');
  return folder;
}

function invalid(message: string): AdminError {
  return new AdminError(400, 'invalid', message);
}
