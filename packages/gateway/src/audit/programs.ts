/**
 * Hashes of the programs that are started. A small one is read at once; one as large as a runtime takes a part of a second, for which no
 * start waits: its hash comes later. A file is read once as long as it stays what it was, by inode, size and times.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** Bytes that are read before a start goes on. */
const AT_ONCE_BYTES = 16 * 1024 * 1024;
/** A larger one is read when the starts of its servers have long had the processor. */
const LATER_MS = 5000;
/** Programs that are remembered: a gateway starts few different ones. */
const REMEMBERED = 256;

/** SHA-256 of a program, hexadecimal; undefined: it is not there, or cannot be read. */
export type ProgramHash = string | undefined;

export interface Programs {
  /** `later` is set, and `hash` is not, where the program is still to be read. Neither rejects. */
  of(path: string): Promise<{ readonly hash?: ProgramHash; readonly later?: Promise<ProgramHash> }>;
  /** Nothing is read any more: what was to be read has no hash. */
  close(): void;
}

export interface ProgramsOptions {
  readonly atOnceBytes?: number;
  /** Resolves when so much time has passed; rejects when it is cut. */
  readonly wait?: (ms: number, cut: AbortSignal) => Promise<unknown>;
}

const realWait = (ms: number, signal: AbortSignal): Promise<unknown> => delay(ms, undefined, { signal, ref: false });

export function createPrograms({ atOnceBytes = AT_ONCE_BYTES, wait = realWait }: ProgramsOptions = {}): Programs {
  const known = new Map<string, string>();
  const reading = new Map<string, Promise<ProgramHash>>();
  const ending = new AbortController();

  const read = async (path: string, file: string, isLarge: boolean): Promise<ProgramHash> => {
    try {
      const { signal } = ending;
      if (isLarge) await wait(LATER_MS, signal);
      const digest = createHash('sha256');
      for await (const chunk of createReadStream(path, { signal })) digest.update(chunk as Buffer);
      const hash = digest.digest('hex');
      // Somebody may have written to it meanwhile.
      if ((await identityOf(path))?.file !== file) return undefined;
      if (known.size >= REMEMBERED) known.delete(known.keys().next().value as string);
      known.set(file, hash);
      return hash;
    } catch {
      return undefined;
    } finally {
      reading.delete(file);
    }
  };

  return {
    of: async (path) => {
      const found = await identityOf(path);
      if (found === undefined) return {};
      const { bytes, file } = found;
      const hash = known.get(file);
      if (hash !== undefined) return { hash };
      const isLarge = bytes > atOnceBytes;
      const later = reading.get(file) ?? read(path, file, isLarge);
      reading.set(file, later);
      return isLarge ? { later } : { hash: await later };
    },
    close: () => ending.abort(),
  };
}

async function identityOf(path: string): Promise<{ readonly bytes: number; readonly file: string } | undefined> {
  try {
    const { ctimeNs, dev, ino, mtimeNs, size } = await stat(path, { bigint: true });
    return { bytes: Number(size), file: [dev, ino, size, mtimeNs, ctimeNs].join() };
  } catch {
    return undefined;
  }
}
