/**
 * A chain whose writer was killed: what was written last may be half a batch. What no seal covers is kept apart in a file of
 * its own and is no record; the chain ends with the last seal. A chain that ends before its head says so is left as it is,
 * for `verify` to find; and so is one whose seals are not of this key, each of them.
 */

import { appendFile, open, readFile, rm, truncate } from 'node:fs/promises';
import { writeFileAtomic } from '@sallyport/host';
import { chainRoot, headText, isSealed, parseLine, type Head } from './chain.ts';
import { headOf, headPath, isAbsent, segmentPath, tornPath, type ChainFiles, type TrailKeys } from './folder.ts';
import { linesOf, recordsIn } from './read.ts';

/** What a chain came to. */
export interface Recovered {
  readonly chain: string;
  /** Kept apart. */
  readonly tornBytes: number;
}

/** The last seal of a segment. */
interface LastSeal {
  readonly seq: number;
  readonly hash: string;
  readonly time: string;
  /** Bytes up to and with it. */
  readonly end: number;
}

/** Undefined: it is left as it is, as a chain of another key. */
export async function recoverChain(folder: string, files: ChainFiles, keys: TrailKeys): Promise<Recovered | undefined> {
  const { chain } = files;
  let tornBytes = 0;
  for (const segment of files.segments.toReversed()) {
    const seal = await lastSeal(folder, chain, segment, keys);
    if (seal === undefined && (await hasSeals(segmentPath(folder, chain, segment)))) return undefined;
    tornBytes += await keepApart(folder, chain, segment, seal?.end ?? 0);
    if (seal === undefined) continue;
    await endAt(folder, chain, segment, seal, keys);
    break;
  }
  return { chain, tornBytes };
}

/** Whether a whole line is, or was made to look like, the end of a batch: what such a line proves is not thrown away. */
async function hasSeals(path: string): Promise<boolean> {
  for await (const { isTorn, text } of linesOf(path)) {
    if (!isTorn && (text.startsWith('{"batch":') || /,"mac":"[0-9a-f]{64}"\}$/.test(text))) return true;
  }
  return false;
}

/** What is behind a byte; a segment of which nothing is left goes. */
async function keepApart(folder: string, chain: string, segment: number, end: number): Promise<number> {
  const path = segmentPath(folder, chain, segment);
  const rest = (await readFile(path)).subarray(end);
  if (rest.length > 0) await appendFile(tornPath(folder, chain), rest, { mode: 0o600 });
  if (end === 0) await rm(path);
  else if (rest.length > 0) await truncate(path, end);
  return rest.length;
}

/** Bytes of the end of a segment that are looked at; a last line that is longer is left to `verify`. */
const END_BYTES = 1024 * 1024;

/** Whether a chain that nobody writes does not end where its head says. By its end alone: all else is for `verify` to find. */
export async function isCut(folder: string, { chain, segments }: ChainFiles, keys: TrailKeys): Promise<boolean> {
  const head = await headOf(folder, chain, keys.mac);
  const segment = head?.segment ?? segments.at(-1);
  if (segment === undefined) return false;
  const line = await lastLine(segmentPath(folder, chain, segment));
  // Without a head there are no records either; a chain of which nothing was sealed has no files any more.
  if (head === undefined || line === undefined) return (head === undefined) !== (line === undefined);
  if (line === 'long') return false;
  const record = recordsIn(line, chain, keys)?.at(-1) ?? '';
  const parsed = parseLine(record);
  return parsed === undefined || !parsed.isWhole || parsed.hash !== head.hash;
}

/** Undefined: there is no such file. */
async function lastLine(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    const from = Math.max(0, size - END_BYTES);
    const { buffer } = await file.read({ buffer: Buffer.alloc(size - from), position: from });
    const text = buffer.toString('utf8').replace(/\n$/, '');
    const begin = text.lastIndexOf('\n');
    return begin === -1 && from > 0 ? 'long' : text.slice(begin + 1);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Unless its head knows of more. */
async function endAt(
  folder: string,
  chain: string,
  segment: number,
  { hash, seq, time }: LastSeal,
  keys: TrailKeys,
): Promise<void> {
  const head = await headOf(folder, chain, keys.mac);
  if (seq < (head?.seq ?? 0)) return;
  const first = head?.first ?? { segment: 1, seq: 1, prev: chainRoot(chain) };
  await writeHead(folder, { chain, first, segment, seq, hash, time }, keys);
}

/** For a chain that nobody writes any more. */
export async function writeHead(folder: string, head: Head, { mac }: Pick<TrailKeys, 'mac'>): Promise<void> {
  await writeFileAtomic(headPath(folder, head.chain), headText(head, mac).repeat(2));
}

/** Undefined: nothing in it is sealed. */
export async function lastSeal(
  folder: string,
  chain: string,
  segment: number,
  keys: TrailKeys,
): Promise<LastSeal | undefined> {
  let found: LastSeal | undefined;
  for await (const { end, isTorn, text } of linesOf(segmentPath(folder, chain, segment))) {
    if (isTorn) break;
    const record = recordsIn(text, chain, keys)?.at(-1) ?? '';
    // A line of a batch that is not its last needs no look: it has no seal.
    if (!record.includes('"mac":"')) continue;
    const parsed = parseLine(record);
    if (parsed === undefined || !parsed.isWhole || !isSealed(parsed, chain, keys.mac)) continue;
    const { seq, time } = JSON.parse(record) as { seq: number; time: string };
    found = { seq, hash: parsed.hash, time, end };
  }
  return found;
}
