/**
 * What is older than `retention`: whole segments whose newest record is. Which ones is found out first and said in a record;
 * only then they are removed, and the head of their chain says where it begins now. The age is what the records say, under
 * their seal: a date of a file is anybody's to set.
 */

import { rm } from 'node:fs/promises';
import { chainRoot, parseLine, type Head } from './chain.ts';
import {
  chainStartMs,
  headOf,
  headPath,
  listChains,
  segmentPath,
  tornPath,
  type ChainFiles,
  type TrailKeys,
} from './folder.ts';
import { recordsOf } from './read.ts';
import { lastSeal, writeHead } from './recover.ts';

/** Segments of one chain that are too old, from its beginning on. */
export interface OldSegments {
  readonly chain: string;
  readonly segments: readonly number[];
  /** The last record that goes. */
  readonly seq: number;
  readonly hash: string;
  /** Nothing of the chain stays. */
  readonly isAll: boolean;
}

export interface RetentionOptions {
  readonly folder: string;
  readonly keys: TrailKeys;
  readonly retentionMs: number;
  /** The chain of this process, whose current segment stays. */
  readonly own: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Chains that other processes are writing are left to them. */
export async function findOld(options: RetentionOptions): Promise<readonly OldSegments[]> {
  const { folder, now, own, retentionMs } = options;
  const before = now() - retentionMs;
  const found: OldSegments[] = [];
  for (const files of await listChains(folder)) {
    if (chainStartMs(files.chain) > before || (files.isOpen && files.chain !== own)) continue;
    const old = await oldOf(files, before, options);
    if (old !== undefined) found.push(old);
  }
  return found;
}

async function oldOf(
  { chain, segments }: ChainFiles,
  before: number,
  { folder, keys, own }: RetentionOptions,
): Promise<OldSegments | undefined> {
  const old: number[] = [];
  let last: { readonly seq: number; readonly hash: string } | undefined;
  for (const segment of chain === own ? segments.slice(0, -1) : segments) {
    const seal = await lastSeal(folder, chain, segment, keys);
    if (seal === undefined || Date.parse(seal.time) > before) break;
    old.push(segment);
    last = seal;
  }
  return last && { chain, segments: old, seq: last.seq, hash: last.hash, isAll: old.length === segments.length };
}

/** To be called when a record of it is on the disk. `startsAt` says in our own head where it begins now. */
export async function removeOld(
  { chain, isAll, segments }: OldSegments,
  { folder, keys, own }: RetentionOptions,
  startsAt: (first: Head['first']) => Promise<void>,
): Promise<void> {
  const next = (segments.at(-1) ?? 0) + 1;
  const first = isAll ? undefined : await beginningOf(folder, chain, next, keys);
  // The head first: what is there besides is no harm, what is missing would be.
  if (first !== undefined) {
    const head = chain === own ? undefined : await headOf(folder, chain, keys.mac);
    if (chain === own) await startsAt(first);
    else if (head !== undefined) await writeHead(folder, { ...head, first }, keys);
  }
  for (const segment of segments) await rm(segmentPath(folder, chain, segment), { force: true });
  if (isAll) for (const path of [headPath(folder, chain), tornPath(folder, chain)]) await rm(path, { force: true });
}

async function beginningOf(folder: string, chain: string, segment: number, keys: TrailKeys): Promise<Head['first']> {
  for await (const { text } of recordsOf(folder, chain, segment, keys)) {
    const { seq } = JSON.parse(text) as { seq: number };
    return { segment, seq, prev: parseLine(text)?.prev ?? chainRoot(chain) };
  }
  throw new Error(`the segment ${segment} of the audit chain ${chain} has no records`);
}
