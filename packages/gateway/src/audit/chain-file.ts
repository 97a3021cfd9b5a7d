/**
 * The files of the chain that this process writes: lines are linked, batches appended and brought to the disk, the head is
 * renewed, and a new segment begins with each day and whenever one is large. What a write left half done is written over by
 * the next. It neither waits nor decides what happens when the disk is full: who calls does.
 */

import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { KeyObject } from 'node:crypto';
import { chainRoot, HEAD_BYTES, headText, linkLine, sealLine, type Head } from './chain.ts';
import { headPath, segmentPath } from './folder.ts';
import { batchBinding, batchLine } from './read.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;

/** A file that is open for writing. */
export type AuditFile = Pick<FileHandle, 'write' | 'datasync' | 'truncate' | 'close'>;
/** `node:fs/promises`. */
export type OpenFile = (path: string, flags: number, mode: number) => Promise<AuditFile>;

export interface ChainFileOptions {
  readonly folder: string;
  readonly chain: string;
  readonly macKey: KeyObject;
  /** Encrypts a batch; absent: records stand as they are. */
  readonly seal: ((plain: string, bound: string) => string) | undefined;
  readonly openFile: OpenFile;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** A segment that has so many bytes is followed by another. */
  readonly segmentBytes: number;
}

/** A record that stands in its place in the chain. */
export interface Linked {
  readonly seq: number;
  readonly line: string;
  readonly hash: string;
}

export class ChainFile {
  readonly #options: ChainFileOptions;
  #segment = 0;
  #file: AuditFile | undefined;
  #head: AuditFile | undefined;
  /** Bytes of the segment that hold whole batches. */
  #bytes = 0;
  #day = '';
  #heads = 0;
  /** Of the record that is on the disk. */
  #last: Linked | undefined;
  /** One head is written at a time. */
  #renewing: Promise<void> = Promise.resolve();
  #first: Head['first'];
  /** Of the record that was linked last. */
  #seq = 0;
  #hash: string;

  constructor(options: ChainFileOptions) {
    this.#options = options;
    this.#hash = chainRoot(options.chain);
    this.#first = { segment: 1, seq: 1, prev: this.#hash };
  }

  get chain(): string {
    return this.#options.chain;
  }

  /** The segment that is written; 0 before the first batch. */
  get segment(): number {
    return this.#segment;
  }

  /** Gives a record its place. `members`: JSON members without braces; the number comes before them. */
  link(members: string): Linked {
    const seq = this.#seq + 1;
    const { hash, line } = linkLine(`"seq":${seq},${members}`, this.#hash);
    this.#seq = seq;
    this.#hash = hash;
    return { seq, line, hash };
  }

  /** Brings linked records to the disk, in their order. Rejects with the system's error; then the same are given again. */
  async append(records: readonly Linked[]): Promise<void> {
    const { chain, macKey, seal } = this.#options;
    const [first, last] = [records[0], records.at(-1)];
    if (first === undefined || last === undefined) return;
    await this.#turn(first);
    const lines = [...records.slice(0, -1).map(({ line }) => line), sealLine(last.line, last.hash, chain, macKey)];
    const plain = lines.join('\n');
    const text = seal ? batchLine(first.seq, seal(plain, batchBinding(chain, first.seq))) : plain;
    const bytes = Buffer.from(`${text}\n`);
    await this.#write(bytes);
    // Counted only now: a head that could not be renewed has the whole batch written again, in the same place.
    this.#last = last;
    await this.#renewHead();
    this.#bytes += bytes.length;
  }

  /** What is before this one is about to be removed: the head says so from now on. */
  async startsAt(first: Head['first']): Promise<void> {
    this.#first = first;
    await this.#renewHead();
  }

  async close(): Promise<void> {
    await this.#renewing;
    await this.#file?.close();
    await this.#head?.close();
    this.#file = undefined;
    this.#head = undefined;
  }

  /** The segment that the next batch goes to. */
  async #turn({ seq }: Linked): Promise<void> {
    const { chain, folder, now, openFile, segmentBytes } = this.#options;
    const day = new Date(now()).toISOString().slice(0, 10);
    if (this.#file !== undefined && (this.#bytes === 0 || (this.#bytes < segmentBytes && day === this.#day))) return;
    const segment = seq === 1 ? 1 : this.#segment + 1;
    const file = await openFile(segmentPath(folder, chain, segment), O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o600);
    await this.#file?.close();
    this.#file = file;
    this.#segment = segment;
    this.#bytes = 0;
    this.#day = day;
  }

  async #write(bytes: Buffer): Promise<void> {
    const file = this.#file as AuditFile;
    let done = 0;
    try {
      while (done < bytes.length) {
        const { bytesWritten } = await file.write(bytes, done, bytes.length - done, this.#bytes + done);
        if (bytesWritten === 0) throw new Error('the system wrote nothing');
        done += bytesWritten;
      }
      await file.datasync();
    } catch (error) {
      // Half a batch is none. Where even that cannot be undone, the next batch stands in its place.
      await file.truncate(this.#bytes).catch(() => undefined);
      throw error;
    }
  }

  /** After the records are on the disk, so that it never speaks of what is not there. */
  #renewHead(): Promise<void> {
    const renewed = this.#renewing.then(() => this.#writeHead());
    this.#renewing = renewed.catch(() => undefined);
    return renewed;
  }

  async #writeHead(): Promise<void> {
    const { chain, folder, macKey, now, openFile } = this.#options;
    if (this.#last === undefined) return;
    const { hash, seq } = this.#last;
    this.#head ??= await openFile(headPath(folder, chain), O_CREAT | O_NOFOLLOW | O_WRONLY, 0o600);
    const head = { chain, first: this.#first, segment: this.#segment, seq, hash, time: new Date(now()).toISOString() };
    const slot = this.#heads++ % 2;
    await this.#head.write(Buffer.from(headText(head, macKey)), 0, HEAD_BYTES, slot * HEAD_BYTES);
  }
}
