/**
 * Is the trail as it was written? Every chain is followed from its beginning: hashes, numbers, seals, its head, what later
 * chains say of it, and what an anchor says that was kept elsewhere. The first bad record of each chain is named. It reads
 * alone, also while gateways write.
 *
 * Who has the master key can write another trail; an anchor is the answer to that.
 */

import { chainRoot, isSealed, parseLine, type Head, type ParsedLine } from './chain.ts';
import { headOf, listChains, segmentPath, type ChainFiles, type TrailKeys } from './folder.ts';
import { linesOf, recordsIn } from './read.ts';

/** A place that a chain had come to. */
export interface Anchor {
  readonly chain: string;
  readonly seq: number;
  readonly hash: string;
}

export interface Problem {
  readonly chain: string;
  /** The segment's file; absent: it is about the chain. */
  readonly file?: string;
  /** The first bad record, as far as it can be told. */
  readonly seq?: number;
  /** A sentence. */
  readonly message: string;
}

export interface Verified {
  /** What there is, to be kept elsewhere as an anchor. */
  readonly chains: readonly (Anchor & { readonly records: number })[];
  readonly problems: readonly Problem[];
  /** What is no problem and good to know. */
  readonly notes: readonly string[];
}

export async function verifyTrail(folder: string, keys: TrailKeys, anchors: readonly Anchor[] = []): Promise<Verified> {
  const files = await listChains(folder);
  const walks = files.map((each) => new Walk(folder, each, keys));
  for (const walk of walks) walk.head = await headOf(folder, walk.files.chain, keys.mac);
  const said = new Map<string, Anchor[]>();
  const expect = (anchor: Anchor): void => void said.set(anchor.chain, [...(said.get(anchor.chain) ?? []), anchor]);
  for (const anchor of anchors) expect(anchor);
  // What later chains say is known before the earlier ones are followed.
  for (const walk of walks.toReversed()) {
    walk.expected = said.get(walk.files.chain) ?? [];
    await walk.run();
    for (const former of walk.formers) expect(former);
  }
  const removed = new Set(walks.flatMap((walk) => walk.removed));
  const there = new Set(files.filter(({ segments }) => segments.length > 0).map(({ chain }) => chain));
  const gone = [...said.keys()].filter((chain) => !there.has(chain) && !removed.has(chain));
  return {
    chains: walks
      .filter(({ records }) => records > 0)
      .map(({ files: { chain }, hash, records, seq }) => ({ chain, seq, hash, records })),
    problems: [
      ...gone.map((chain) => ({
        chain,
        message: 'The whole chain is missing, and no record says that it was removed.',
      })),
      ...walks.flatMap(({ problem }) => problem ?? []),
    ],
    notes: walks.flatMap(({ notes }) => notes),
  };
}

/** `chains` of what was verified before; undefined: it is none. */
export function readAnchors(chains: unknown): readonly Anchor[] | undefined {
  return Array.isArray(chains) && chains.every(isAnchor) ? chains : undefined;
}

function isAnchor(value: unknown): value is Anchor {
  const { chain, hash, seq } = (value ?? {}) as Partial<Record<keyof Anchor, unknown>>;
  return typeof chain === 'string' && typeof hash === 'string' && typeof seq === 'number';
}

/** What the records of a trail say of it. */
interface OwnRecord {
  readonly seq?: unknown;
  readonly action?: unknown;
  readonly former?: Anchor;
  readonly removed?: { readonly chain: string; readonly isAll: boolean };
}

class Walk {
  readonly files: ChainFiles;
  readonly #folder: string;
  readonly #keys: TrailKeys;
  head: Head | undefined;
  /** Places that are known from elsewhere. */
  expected: readonly Anchor[] = [];
  problem: Problem | undefined;
  readonly notes: string[] = [];
  readonly formers: Anchor[] = [];
  /** Chains that this one says were removed whole. */
  readonly removed: string[] = [];
  records = 0;
  /** Of the last record that is good. */
  seq = 0;
  hash = '';
  /** Of the last record that a seal covers. */
  #sealed = 0;
  #segment = 0;

  constructor(folder: string, files: ChainFiles, keys: TrailKeys) {
    this.#folder = folder;
    this.files = files;
    this.#keys = keys;
  }

  async run(): Promise<void> {
    const { chain, isOpen, segments } = this.files;
    const { head } = this;
    if (head === undefined) {
      // Between its first file and its first seal.
      if (isOpen || (segments.length === 0 && !this.files.hasHead)) return;
      return this.#bad('Its head is missing or not genuine: how far it had come is not known.');
    }
    const { first } = head;
    [this.seq, this.hash] = [first.seq - 1, first.prev];
    if (first.segment === 1 && first.prev !== chainRoot(chain)) return this.#bad('It does not begin like this chain.');
    for (let segment = first.segment; segment <= Math.max(head.segment, segments.at(-1) ?? 0); segment++) {
      this.#segment = segment;
      if (!segments.includes(segment)) return this.#bad('The file is missing.', this.seq + 1);
      await this.#follow(segment);
      if (this.problem !== undefined) return;
    }
    this.#end(head);
  }

  async #follow(segment: number): Promise<void> {
    for await (const { isTorn, text } of linesOf(segmentPath(this.#folder, this.files.chain, segment))) {
      if (isTorn) return this.#torn();
      const records = recordsIn(text, this.files.chain, this.#keys);
      if (records === undefined) return this.#bad('The batch that begins here cannot be decrypted.', this.seq + 1);
      for (const record of records) {
        this.#next(record);
        if (this.problem !== undefined) return;
      }
    }
  }

  #next(record: string): void {
    const parsed = parseLine(record);
    const own = parsed && readRecord(record);
    if (parsed === undefined || own === undefined || typeof own.seq !== 'number') {
      return this.#bad('This is no record.', this.seq + 1);
    }
    const { seq } = own;
    this.#link(parsed, seq);
    if (this.problem !== undefined) return;
    [this.seq, this.hash] = [seq, parsed.hash];
    this.records++;
    const known = [...this.expected, ...(this.head === undefined ? [] : [this.head])];
    if (known.some((each) => each.seq === seq && each.hash !== parsed.hash)) {
      return this.#bad('The record is not the one that was here.', seq);
    }
    this.#learn(own);
  }

  /** Whether it is the next record of this chain. */
  #link(parsed: ParsedLine, seq: number): void {
    const next = this.seq + 1;
    if (!parsed.isWhole) return this.#bad('The record was changed.', next);
    if (seq > next) return this.#bad(`Missing: the next record is ${seq}.`, next);
    if (seq < next) return this.#bad(`A record stands here that is not the next: it says it is ${seq}.`, next);
    if (parsed.prev !== this.hash) {
      // What was before had the hash that this one names.
      return this.#bad('The record is not the one that the next record follows: it was changed.', Math.max(seq - 1, 1));
    }
    if (parsed.mac === undefined) return;
    if (!isSealed(parsed, this.files.chain, this.#keys.mac)) {
      return this.#bad(
        `The seal of the records up to ${seq} is not genuine: one of them was changed.`,
        this.#sealed + 1,
      );
    }
    this.#sealed = seq;
  }

  #learn({ action, former, removed }: OwnRecord): void {
    if (action === 'audit.start' && former !== undefined) this.formers.push(former);
    if (action === 'audit.remove' && removed?.isAll === true) this.removed.push(removed.chain);
  }

  /** The last line has no end. */
  #torn(): void {
    if (this.files.isOpen)
      this.notes.push(`${this.files.chain}: the last line is half written: its writer runs, or was killed.`);
    else this.#bad('The line has no end.', this.seq + 1);
  }

  #end(head: Head): void {
    const last = Math.max(head.seq, ...this.expected.map(({ seq }) => seq));
    if (this.seq < last) {
      return this.#bad(`The tail was cut off: the records ${this.seq + 1} to ${last} are missing.`, this.seq + 1);
    }
    if (this.#sealed < this.seq && this.records > 0 && !this.files.isOpen) {
      return this.#bad('No seal covers the record.', this.#sealed + 1);
    }
    if (head.first.segment > 1) {
      this.notes.push(
        `${this.files.chain}: begins with record ${head.first.seq}: what was before is older than \`audit.retention\`.`,
      );
    }
  }

  #bad(message: string, seq?: number): void {
    const { chain } = this.files;
    this.problem = {
      chain,
      ...(this.#segment > 0 && { file: segmentPath(this.#folder, chain, this.#segment) }),
      ...(seq !== undefined && { seq }),
      message,
    };
  }
}

function readRecord(text: string): OwnRecord | undefined {
  try {
    return JSON.parse(text) as OwnRecord;
  } catch {
    return undefined;
  }
}
