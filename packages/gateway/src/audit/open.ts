/**
 * Opens the chain of this process: one after another, those whose writers were killed are ended first, and the new chain
 * knows the one that began before it. So a chain that is taken away whole is missed.
 */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { acquireLock, ensurePrivateDirectory, LockTimeoutError, type Lock } from '@sallyport/host';
import {
  chainName,
  chainStartMs,
  headOf,
  listChains,
  lockPath,
  lockPaths,
  type ChainFiles,
  type TrailKeys,
} from './folder.ts';
import { isCut, recoverChain, type Recovered } from './recover.ts';

/** What the first record of a chain says of the one before. */
export interface Former {
  readonly chain: string;
  /** As far as it had come. */
  readonly seq: number;
  readonly hash: string;
}

export interface OpenedChain {
  readonly chain: string;
  readonly former: Former | undefined;
  readonly recovered: readonly Recovered[];
  /** Chains that do not end where they should. */
  readonly cut: readonly string[];
  /** Ends the chain in order; what another process may do with it then. */
  end(): Promise<void>;
}

export interface OpenOptions {
  readonly folder: string;
  readonly keys: TrailKeys;
  readonly pid: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** The newest chains, whose ends are looked at. */
const LOOKED_AT = 20;
/** For the others that open a chain at the same time. */
const LOCK_MS = 20_000;

export async function openChain({ folder, keys, now, pid }: OpenOptions): Promise<OpenedChain> {
  await ensurePrivateDirectory(folder);
  const lock = await acquireLock(join(folder, '.lock'), { timeoutMs: LOCK_MS });
  try {
    const before = await listChains(folder);
    const [recovered, ended]: [Recovered[], ChainFiles[]] = [[], before.filter(({ isOpen }) => !isOpen)];
    for (const files of before.filter(({ isOpen }) => isOpen)) {
      const found = await endAbandoned(folder, files, keys);
      if (found !== 'alive') ended.push(files);
      if (typeof found === 'object') recovered.push(found);
    }
    const last = before.at(-1);
    // Names tell the order, also when the clock was set back.
    const startMs = Math.max(now(), last === undefined ? 0 : chainStartMs(last.chain) + 1);
    const chain = chainName(startMs, pid);
    const own = await acquireLock(lockPath(folder, chain), { timeoutMs: 0 });
    return {
      chain,
      former: await formerOf(folder, before, keys),
      recovered,
      cut: await cutOf(folder, before, new Set(ended), keys),
      end: () => release(folder, chain, own),
    };
  } finally {
    lock.release();
  }
}

/** Of chains that nobody writes. */
async function cutOf(
  folder: string,
  before: readonly ChainFiles[],
  ended: ReadonlySet<ChainFiles>,
  keys: TrailKeys,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const files of before.slice(-LOOKED_AT)) {
    if (ended.has(files) && (await isCut(folder, files, keys))) found.push(files.chain);
  }
  return found;
}

/** `alive`: its writer is. `foreign`: it is for whoever has the key that it was written with, and stays open for that. */
async function endAbandoned(
  folder: string,
  files: ChainFiles,
  keys: TrailKeys,
): Promise<Recovered | 'alive' | 'foreign'> {
  let lock: Lock;
  try {
    lock = await acquireLock(lockPath(folder, files.chain), { timeoutMs: 0 });
  } catch (error) {
    if (error instanceof LockTimeoutError) return 'alive';
    throw error;
  }
  let recovered;
  try {
    recovered = await recoverChain(folder, files, keys);
  } finally {
    if (recovered === undefined) lock.release();
    else await release(folder, files.chain, lock);
  }
  return recovered ?? 'foreign';
}

async function release(folder: string, chain: string, lock: Lock): Promise<void> {
  lock.release();
  // Nobody asks for it any more: with it a chain is open, and this one has ended.
  for (const path of lockPaths(folder, chain)) await rm(path, { force: true });
}

/** The newest one that has records. One that is named and has no genuine head is for `verify` to find. */
async function formerOf(
  folder: string,
  before: readonly ChainFiles[],
  { mac }: TrailKeys,
): Promise<Former | undefined> {
  for (const { chain } of before.toReversed()) {
    const head = await headOf(folder, chain, mac);
    if (head !== undefined) return { chain, seq: head.seq, hash: head.hash };
  }
  return undefined;
}
