/**
 * Results that are kept for a while, so that whoever got them may read on: sealed for their owner, on the disk where there is a state,
 * as files of this process alone. They go when their time is over, when there are too many, and with the process; what a process that
 * died has left is removed by the next one. Oldest go first.
 */

import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensurePrivateDirectory } from '@sallyport/host';

export interface ShelfOptions {
  /** Of this process alone; undefined: they stay in memory. */
  readonly folder: string | undefined;
  readonly seal: (plain: string, bound: string) => string;
  readonly unseal: (sealed: string, bound: string) => string | undefined;
  /** Nobody guesses it; fit for a name of a file. */
  readonly randomId: () => string;
  readonly setTimer: (fire: () => void, ms: number) => () => void;
  readonly limits?: Partial<ShelfLimits>;
}

export interface ShelfLimits {
  readonly ttlMs: number;
  /** Of one owner, and of all. */
  readonly count: number;
  readonly countInAll: number;
  /** Of what lies there sealed. */
  readonly bytes: number;
  readonly bytesInAll: number;
}

const SHELF_LIMITS: ShelfLimits = {
  ttlMs: 30 * 60_000,
  count: 50,
  countInAll: 1000,
  bytes: 64 * 1024 * 1024,
  bytesInAll: 512 * 1024 * 1024,
};

interface Kept {
  readonly owner: string;
  readonly bytes: number;
  readonly takeBack: () => void;
  /** Absent: in the file of its id. */
  readonly sealed?: string;
}

export class Shelf {
  readonly #options: ShelfOptions;
  readonly #limits: ShelfLimits;
  /** By id, oldest first. */
  readonly #kept: Map<string, Kept> = new Map();
  #isClosed = false;

  constructor(options: ShelfOptions) {
    this.#options = options;
    this.#limits = { ...SHELF_LIMITS, ...options.limits };
  }

  /** Gives the id; undefined for what is larger than all that an owner may keep. Rejects when it cannot be written. */
  async keep(owner: string, text: string): Promise<string | undefined> {
    const { folder, randomId, seal, setTimer } = this.#options;
    const id = randomId();
    const sealed = seal(text, boundTo(id, owner));
    const bytes = sealed.length;
    if (bytes > this.#limits.bytes || this.#isClosed) return undefined;
    const takeBack = setTimer(() => void this.#drop(id), this.#limits.ttlMs);
    this.#kept.set(id, { owner, bytes, takeBack, ...(folder === undefined && { sealed }) });
    if (folder !== undefined) await this.#write(folder, id, sealed);
    await this.#makeRoom(owner);
    return id;
  }

  /** Undefined for what is not there, or not any more, or somebody else's. */
  async read(owner: string, id: string): Promise<string | undefined> {
    const { folder, unseal } = this.#options;
    const kept = this.#kept.get(id);
    if (kept === undefined || kept.owner !== owner) return undefined;
    const sealed = kept.sealed ?? (await readFile(join(folder as string, id), 'utf8').catch(() => undefined));
    return sealed === undefined ? undefined : unseal(sealed, boundTo(id, owner));
  }

  /** Those that have something here. */
  get owners(): ReadonlySet<string> {
    return new Set([...this.#kept.values()].map(({ owner }) => owner));
  }

  async forget(owner: string): Promise<void> {
    const own = [...this.#kept].filter(([, kept]) => kept.owner === owner);
    await Promise.all(own.map(([id]) => this.#drop(id)));
  }

  /** Removes all. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const { folder } = this.#options;
    for (const { takeBack } of this.#kept.values()) takeBack();
    this.#kept.clear();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }

  async #write(folder: string, id: string, sealed: string): Promise<void> {
    try {
      await ensurePrivateDirectory(folder);
      await writeFile(join(folder, id), sealed, { mode: 0o600, flag: 'wx' });
    } catch (error) {
      await this.#drop(id);
      throw error;
    }
    // It was forgotten, or all was closed, while it was written.
    if (!this.#kept.has(id)) await rm(this.#isClosed ? folder : join(folder, id), { recursive: true, force: true });
  }

  async #makeRoom(owner: string): Promise<void> {
    const { bytes, bytesInAll, count, countInAll } = this.#limits;
    const own = [...this.#kept].filter(([, kept]) => kept.owner === owner);
    const leaving = [...over(own, count, bytes), ...over([...this.#kept], countInAll, bytesInAll)];
    await Promise.all(leaving.map((id) => this.#drop(id)));
  }

  async #drop(id: string): Promise<void> {
    const { folder } = this.#options;
    this.#kept.get(id)?.takeBack();
    this.#kept.delete(id);
    if (folder !== undefined) await rm(join(folder, id), { force: true });
  }
}

/** The oldest that are too many. */
function over(kept: readonly (readonly [string, Kept])[], count: number, bytes: number): string[] {
  let [countLeft, bytesLeft] = [count, bytes];
  return kept.toReversed().flatMap(([id, each]) => {
    countLeft--;
    bytesLeft -= each.bytes;
    return countLeft < 0 || bytesLeft < 0 ? [id] : [];
  });
}

function boundTo(id: string, owner: string): string {
  return JSON.stringify(['result', id, owner]);
}

/** Where a process keeps its own in a state. */
export function shelfFolder(stateDirectory: string, pid: number, random: string): string {
  return join(stateDirectory, RESULTS, `${pid}-${random}`);
}

const RESULTS = 'results';

/** Removes what processes have left that are no more. */
export async function removeLeft(stateDirectory: string, isGone: (pid: number) => boolean): Promise<void> {
  const base = join(stateDirectory, RESULTS);
  const names = await readdir(base).catch(() => []);
  const left = names.filter((name) => isGone(Number.parseInt(name, 10)));
  await Promise.all(left.map((name) => rm(join(base, name), { recursive: true, force: true })));
}
