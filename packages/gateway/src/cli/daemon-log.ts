/**
 * The log of a gateway in the background: which file it is, keeping it bounded, and following it. The file is shortened in
 * place, its content copied to `….1` first: writers append and readers follow without being told, and since the gateway
 * writes it synchronously no line is lost in between.
 */
import { chmodSync, copyFileSync, fstatSync, ftruncateSync, renameSync, statSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { configurationId } from '../wiring/daemon.ts';

export const LOG_MAX_BYTES: number = 10 * 1024 * 1024;

/** Where gateways in the background write: the first of a state, and the one of this configuration beside another. */
export function logPaths(state: string, configPath: string | undefined): readonly [usual: string, own: string] {
  const usual = join(state, 'daemon.log');
  return [usual, configPath === undefined ? usual : join(state, `daemon-${configurationId(configPath)}.log`)];
}

/** The log of the state that the descriptor writes to; undefined when it writes elsewhere. */
export function logBehind(descriptor: number, paths: readonly string[]): string | undefined {
  const mine = fstatSync(descriptor);
  return paths.find((path) => {
    const other = statSync(path, { throwIfNoEntry: false });
    return other !== undefined && other.isFile() && other.ino === mine.ino && other.dev === mine.dev;
  });
}

/** `stream`, which writes to `descriptor` synchronously and appends; past `maxBytes` the file at `path` begins anew. */
export function boundedLog(
  stream: Pick<NodeJS.WritableStream, 'write'>,
  descriptor: number,
  path: string,
  maxBytes: number,
): Writable {
  return new Writable({
    decodeStrings: false,
    write: (chunk: string | Uint8Array, _encoding, written) => {
      stream.write(chunk);
      if (fstatSync(descriptor).size > maxBytes) beginAnew(descriptor, path);
      written();
    },
  });
}

function beginAnew(descriptor: number, path: string): void {
  try {
    copyFileSync(path, `${path}.next`);
    chmodSync(`${path}.next`, 0o600);
    renameSync(`${path}.next`, `${path}.1`);
  } catch {
    // On a full disk the bound is worth more than the past.
  }
  ftruncateSync(descriptor, 0);
}

/** The last lines are looked for in so much of the end. */
const LAST_BYTES = 1024 * 1024;

export interface LastLinesOptions {
  readonly count: number;
  /** Where the lines begin that are of interest. */
  readonly start?: number;
  /** Where the file ends for this purpose. */
  readonly end?: number;
}

/** The last lines. */
export async function lastLines(path: string, options: LastLinesOptions): Promise<readonly string[]> {
  const { count, start = 0, end = (await stat(path)).size } = options;
  const from = Math.max(start, end - LAST_BYTES);
  const lines = (await readFrom(path, from, end)).toString('utf8').split('\n');
  // What was cut in the middle, and what stands behind the last line break.
  const whole = lines.slice(from === start ? 0 : 1, lines.at(-1) === '' ? -1 : undefined);
  return count === 0 ? [] : whole.slice(-count);
}

/** The bytes `[from, to)`, or what there is of them. */
async function readFrom(path: string, from: number, to: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const bytes = Buffer.alloc(Math.max(0, to - from));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

export interface Follower {
  /** Where it began. */
  readonly start: number;
  /** What was written since the last time, in order, also across a new beginning. */
  more(): Promise<Buffer>;
}

/** Follows a log from its present end. */
export async function followLog(path: string): Promise<Follower> {
  const older = `${path}.1`;
  const start = (await stat(path).catch(() => undefined))?.size ?? 0;
  let offset = start;
  let olderFile = await identity(older);
  const sizeOf = async (file: string): Promise<number> => (await stat(file).catch(() => undefined))?.size ?? 0;
  return {
    start,
    more: async () => {
      const parts: Buffer[] = [];
      const now = await identity(older);
      if (now !== olderFile) {
        olderFile = now;
        parts.push(await readFrom(older, offset, await sizeOf(older)).catch(() => Buffer.alloc(0)));
        offset = 0;
      }
      const size = await sizeOf(path);
      // Shortened by somebody else, such as logrotate.
      if (size < offset) offset = 0;
      const bytes = size === offset ? Buffer.alloc(0) : await readFrom(path, offset, size);
      offset += bytes.length;
      return Buffer.concat([...parts, bytes]);
    },
  };
}

async function identity(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  return found === undefined ? '' : `${found.dev}:${found.ino}:${found.mtimeMs}`;
}
