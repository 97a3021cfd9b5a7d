/**
 * The trail under another master key: what proves it (the seal of a batch, the head of a chain) and what hides it (an encrypted
 * batch) are made anew. Records stay as they are, byte for byte, and so do their hashes: what an anchor says stays true. What was
 * not genuine under the key before is left as it is, for `verify` to find.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { acquireLock, LockTimeoutError, writeFileAtomic, type Lock } from '@sallyport/host';
import { isSealed, parseLine, sealLine } from './chain.ts';
import { headOf, isAbsent, listChains, lockPath, segmentPath, type ChainFiles, type TrailKeys } from './folder.ts';
import { batchBinding, batchLine, linesOf, recordsIn } from './read.ts';
import { writeHead } from './recover.ts';

export interface TrailRekey {
  readonly old: TrailKeys;
  readonly next: TrailKeys & { readonly seal: (plain: string, bound: string) => string };
}

/** For others that open a chain at the same moment. */
const LOCK_MS = 20_000;

/**
 * Resolves with the number of chains that were changed. It may be interrupted at any moment and done again. Rejects, with nothing
 * changed, while a process writes its chain: that would go on with the key before. `begin` is run when no process does, before
 * anything is changed.
 */
export async function rekeyTrail(folder: string, keys: TrailRekey, begin?: () => Promise<void>): Promise<number> {
  if ((await listChains(folder)).length === 0) {
    await begin?.();
    return 0;
  }
  const locks = [await acquireLock(join(folder, '.lock'), { timeoutMs: LOCK_MS })];
  try {
    const chains = await listChains(folder);
    for (const { chain, isOpen } of chains) if (isOpen) locks.push(await lockOf(folder, chain));
    await begin?.();
    let done = 0;
    for (const files of chains) if (await rekeyChain(folder, files, keys)) done += 1;
    return done;
  } finally {
    for (const lock of locks) lock.release();
  }
}

/** Of a chain whose writer was killed. */
async function lockOf(folder: string, chain: string): Promise<Lock> {
  return await acquireLock(lockPath(folder, chain), { timeoutMs: 0 }).catch((error: unknown) => {
    if (!(error instanceof LockTimeoutError)) throw error;
    const text = `A gateway of this state is running, and writes the audit trail ${chain}: stop it first (\`sallyport stop\`).`;
    throw new Error(text, { cause: error });
  });
}

async function rekeyChain(folder: string, { chain, segments }: ChainFiles, keys: TrailRekey): Promise<boolean> {
  let isChanged = false;
  for (const segment of segments) {
    const path = segmentPath(folder, chain, segment);
    const text = await rekeyedText(path, chain, keys);
    if (text === undefined) continue;
    await writeFileAtomic(path, text);
    isChanged = true;
  }
  const head = await headOf(folder, chain, keys.old.mac);
  if (head === undefined) return isChanged;
  await writeHead(folder, head, keys.next);
  return true;
}

/** A whole segment; undefined: nothing in it is to be changed. */
async function rekeyedText(path: string, chain: string, keys: TrailRekey): Promise<Buffer | undefined> {
  const bytes = await readFile(path).catch((error: unknown) => {
    if (isAbsent(error)) return Buffer.alloc(0);
    throw error;
  });
  const parts: Buffer[] = [];
  let [from, isChanged] = [0, false];
  for await (const { end, isTorn, text } of linesOf(path)) {
    const line = isTorn ? undefined : rekeyedLine(text, chain, keys);
    isChanged ||= line !== undefined;
    // What is not changed stays as the bytes that it is, also where they are no text.
    parts.push(line === undefined ? bytes.subarray(from, end) : Buffer.from(`${line}\n`));
    from = end;
  }
  return isChanged ? Buffer.concat([...parts, bytes.subarray(from)]) : undefined;
}

/** Undefined: it holds nothing that was made with the key before. */
function rekeyedLine(text: string, chain: string, { next, old }: TrailRekey): string | undefined {
  const [, firstSeq] = /^\{"batch":(\d+),/.exec(text) ?? [];
  if (firstSeq === undefined) return resealed(text, chain, { next, old });
  const records = recordsIn(text, chain, old);
  if (records === undefined) return undefined;
  const last = records.at(-1) ?? '';
  const plain = [...records.slice(0, -1), resealed(last, chain, { next, old }) ?? last].join('\n');
  return batchLine(Number(firstSeq), next.seal(plain, batchBinding(chain, Number(firstSeq))));
}

/** The last record of a batch; undefined: it is none, or not one of the key before. */
function resealed(record: string, chain: string, { next, old }: TrailRekey): string | undefined {
  // A record that is not the last of its batch needs no look: it has no seal.
  if (!record.includes('"mac":"')) return undefined;
  const parsed = parseLine(record);
  if (parsed === undefined || !parsed.isWhole || !isSealed(parsed, chain, old.mac)) return undefined;
  return sealLine(record.replace(/,"mac":"[0-9a-f]{64}"\}$/, '}'), parsed.hash, chain, next.mac);
}
