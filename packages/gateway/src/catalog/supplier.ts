/**
 * One program or URL behind a server's name, as somebody reaches it, and what it has said: started when nothing was ever
 * heard of it, read one reading at a time, kept in the store. Who may be shown it is not known here.
 */

import type { JsonObject } from '@sallyport/wire';
import { emptyPins, pin } from './pinned.ts';
import { Reading, type Source } from './reading.ts';
import { LIST_KINDS, readSnapshot, type ListKind, type Snapshot } from './snapshot.ts';

export interface SupplierOptions {
  readonly server: string;
  /** Of the configuration: with another one it is another supplier. */
  readonly fingerprint: string;
  /** What it is taken to offer, until it has said so itself: lists and pins. */
  readonly before: () => Snapshot | undefined;
  /** Holds tools against their pins, before they come into force. Rejects when they must not. */
  readonly judge: (tools: readonly JsonObject[]) => Promise<void>;
  /** The server, answering, started if need be. Rejects when it cannot be started. */
  readonly start: () => Promise<Source>;
  /** How long a start that failed is not tried again, in milliseconds; 0 where starting has a measure of its own. */
  readonly startAgainMs: number;
  readonly save: (snapshot: Snapshot) => Promise<void>;
  /** Told whenever the snapshot is another. */
  readonly changed: (snapshot: Snapshot) => void;
  readonly log: (level: 'debug' | 'info' | 'warn', text: string, detail?: Readonly<Record<string, unknown>>) => void;
  readonly now: () => number;
}

/** A list that could not be read is not tried again sooner, unless the server says that it changed. */
export const READ_AGAIN_MS = 5000;

const NO_LISTS: Pick<Snapshot, ListKind> = { tools: [], prompts: [], resources: [], templates: [] };

export interface Start {
  readonly beganMs: number;
  readonly done: Promise<void>;
}

export class Supplier {
  readonly fingerprint: string;
  readonly #options: SupplierOptions;
  readonly #reading: Reading = new Reading((source, kinds) => this.#read(source, kinds));
  #snapshot: Snapshot | undefined;
  #start: Start | undefined;
  #failedMs = -Infinity;
  #startFailedMs = -Infinity;
  #ended = false;

  constructor(options: SupplierOptions) {
    this.#options = options;
    this.fingerprint = options.fingerprint;
  }

  /** What is known of it. */
  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  /** True when it has not given one of these lists. */
  lacks(kinds: readonly ListKind[]): boolean {
    const unread = this.#snapshot?.unread;
    return unread === undefined || kinds.some((kind) => unread.includes(kind));
  }

  /** Takes what was stored, where nothing newer is known and it was said by this very supplier. Rejects when it may not come into force. */
  async recall(stored: unknown): Promise<void> {
    const snapshot = readSnapshot(stored);
    if (snapshot?.fingerprint !== this.fingerprint || this.#snapshot !== undefined) return;
    await this.#options.judge(snapshot.tools);
    if (this.#snapshot === undefined) this.#put(snapshot);
  }

  /** Holds what is known against the pins of now. Never rejects. */
  async judgeAgain(): Promise<void> {
    const { judge, log, server } = this.#options;
    await judge(this.#snapshot?.tools ?? []).catch((error: unknown) =>
      log('warn', 'tools could not be held against their pins', { server, error: String(error) }),
    );
  }

  /** Starts it, and reads what it has not given yet. */
  begin(): Start {
    const { log, now, server, start, startAgainMs } = this.#options;
    if (this.#start !== undefined) return this.#start;
    const beganMs = now();
    if (beganMs - this.#startFailedMs < startAgainMs) return { beganMs, done: Promise.resolve() };
    const done = start()
      .catch((error: unknown) => {
        this.#startFailedMs = now();
        throw error;
      })
      .then((source) => this.#readUnread(source))
      .catch((error: unknown) => log('debug', 'a list goes without a server', { server, error: String(error) }))
      .finally(() => (this.#start = undefined));
    this.#start = { beganMs, done };
    return this.#start;
  }

  /** Reads lists of the server, which is up, or with no kinds its capabilities alone. Never rejects. */
  refresh(source: Source, kinds: readonly ListKind[]): Promise<void> {
    return this.#reading.request(source, kinds);
  }

  /** What is still read of it counts for nothing. */
  end(): void {
    this.#ended = true;
  }

  /** A server that came up is being read already; one that is up is asked again for what it failed to give. */
  async #readUnread(source: Source): Promise<void> {
    await this.#reading.done;
    const unread = this.#snapshot?.unread ?? LIST_KINDS;
    if (unread.length === 0 || this.#options.now() - this.#failedMs < READ_AGAIN_MS) return;
    await this.#reading.request(source, unread);
  }

  async #read(source: Source, kinds: readonly ListKind[]): Promise<void> {
    const { before, log, now, save, server } = this.#options;
    const { capabilities, info, instructions } = source;
    const old = this.#snapshot;
    const lists = old ?? { ...NO_LISTS, pinned: emptyPins(), ...before(), unread: LIST_KINDS };
    const said = { capabilities, info, instructions };
    if (old === undefined || !isSame(said, saidIn(old))) {
      this.#put({ ...lists, ...said, atMs: now(), fingerprint: this.fingerprint });
    }
    await Promise.all(kinds.map((kind) => this.#readList(source, kind)));
    const current = this.#snapshot;
    if (current === undefined || current === old || this.#ended) return;
    await save(current).catch((error: unknown) =>
      log('warn', 'a catalogue could not be saved', { server, error: String(error) }),
    );
  }

  /** Each list is there as soon as it has come: one that hangs holds up no other. */
  async #readList(source: Source, kind: ListKind): Promise<void> {
    const { log, now, server } = this.#options;
    try {
      const entries = await source.list(kind);
      if (kind === 'tools') await this.#options.judge(entries);
      const snapshot = this.#snapshot;
      if (snapshot === undefined) return;
      const isNew = !isSame(entries, snapshot[kind]);
      if (!isNew && !snapshot.unread.includes(kind)) return;
      const unread = snapshot.unread.filter((other) => other !== kind);
      const pinned = kind === 'tools' ? pin(snapshot.pinned, entries) : snapshot.pinned;
      this.#put({ ...snapshot, ...(isNew && { [kind]: entries }), pinned, unread, atMs: now() });
    } catch (error) {
      this.#failedMs = now();
      log('warn', 'a list could not be read', { server, kind, error: String(error) });
    }
  }

  #put(snapshot: Snapshot): void {
    if (this.#ended) return;
    this.#snapshot = snapshot;
    this.#options.changed(snapshot);
  }
}

function saidIn({
  capabilities,
  info,
  instructions,
}: Snapshot): Pick<Snapshot, 'capabilities' | 'info' | 'instructions'> {
  return { capabilities, info, instructions };
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
