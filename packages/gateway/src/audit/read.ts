/**
 * Reads the segments of a chain: their lines, and the records in them, which an encrypted segment holds in batches. What it
 * gives may be forged; verify.ts and recover.ts judge it.
 */

import { createReadStream } from 'node:fs';
import { isAbsent, segmentPath, type TrailKeys } from './folder.ts';

/** A line as it stands in a file. */
export interface RawLine {
  readonly text: string;
  /** Bytes of the file up to and with its line break. */
  readonly end: number;
  /** It has none: a line that is being written, or was when its writer was killed. */
  readonly isTorn: boolean;
}

/** The longest line that is taken for one; a batch has at most a third of it. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;
const LINE_BREAK = 0x0a;

/** From a byte on, which begins a line. A file that is not there has none. */
export async function* linesOf(path: string, from = 0): AsyncGenerator<RawLine> {
  let [rest, end]: [Buffer, number] = [Buffer.alloc(0), from];
  try {
    for await (const chunk of createReadStream(path, { start: from, highWaterMark: 256 * 1024 })) {
      rest = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
      let begin = 0;
      for (let at = rest.indexOf(LINE_BREAK); at !== -1; at = rest.indexOf(LINE_BREAK, begin)) {
        end += at + 1 - begin;
        yield { text: rest.toString('utf8', begin, at), end, isTorn: false };
        begin = at + 1;
      }
      rest = rest.subarray(begin);
      if (rest.length > MAX_LINE_BYTES) break;
    }
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
  if (rest.length > 0) yield { text: rest.toString('utf8'), end: end + rest.length, isTorn: true };
}

/** The records of a line: itself, or those of the batch that is sealed in it. Undefined: it cannot be opened. */
export function recordsIn(
  line: string,
  chain: string,
  { unseal }: Pick<TrailKeys, 'unseal'>,
): readonly string[] | undefined {
  const sealed = /^\{"batch":(\d+),"sealed":"([A-Za-z0-9_-]+)"\}$/.exec(line);
  if (sealed === null) return [line];
  const plain = unseal(sealed[2] ?? '', batchBinding(chain, Number(sealed[1])));
  return plain?.split('\n');
}

/** The line of an encrypted batch that begins with a record. */
export function batchLine(firstSeq: number, sealed: string): string {
  return `{"batch":${firstSeq},"sealed":"${sealed}"}`;
}

/** What a batch is sealed for: it is no batch in another place. */
export function batchBinding(chain: string, firstSeq: number): string {
  return `audit ${chain} ${firstSeq}`;
}

export interface FoundRecord {
  /** As it stands, without a line break. */
  readonly text: string;
  readonly end: number;
}

/** The records of a segment, decrypted; what cannot be opened is left out, and what is torn. */
export async function* recordsOf(
  folder: string,
  chain: string,
  segment: number,
  keys: Pick<TrailKeys, 'unseal'>,
  from = 0,
): AsyncGenerator<FoundRecord> {
  for await (const { text, end, isTorn } of linesOf(segmentPath(folder, chain, segment), from)) {
    if (isTorn) continue;
    for (const record of recordsIn(text, chain, keys) ?? []) yield { text: record, end };
  }
}
