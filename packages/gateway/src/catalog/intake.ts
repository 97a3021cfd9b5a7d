/**
 * What the servers say that they offer: started when nothing was ever heard of them, read one reading at a time, kept in
 * the store. A server that is slow, down or wrong costs the others nothing. What is made of it is not known here.
 */

import { emptyPins, pin } from './pinned.ts';
import { Reading, type Source } from './reading.ts';
import type { CatalogServer } from './selection.ts';
import { LIST_KINDS, readSnapshot, type ListKind, type Snapshot } from './snapshot.ts';

export interface IntakeOptions {
  /** How long lists are waited for, in milliseconds from the start of a server. */
  readonly deadlineMs: () => number;
  readonly load: (server: string) => Promise<unknown>;
  readonly save: (server: string, snapshot: Snapshot) => Promise<void>;
  /** A server that answers, started if need be. Rejects when it cannot be started. */
  readonly start: (server: string) => Promise<Source>;
  readonly log: (level: 'debug' | 'info' | 'warn', text: string, detail?: Readonly<Record<string, unknown>>) => void;
  readonly now: () => number;
}

/** A list that could not be read is not tried again sooner, unless the server says that it changed. */
const READ_AGAIN_MS = 5000;

interface Start {
  readonly beganMs: number;
  readonly done: Promise<void>;
}

/** One program or URL behind a name. Another one behind the same name is another supplier. */
interface Supplier {
  readonly name: string;
  readonly fingerprint: string;
  readonly reading: Reading;
  start: Start | undefined;
  failedMs: number;
}

export class Intake {
  readonly #options: IntakeOptions;
  /** Told when a snapshot has changed. */
  readonly #changed: () => void;
  readonly #suppliers: Map<string, Supplier> = new Map();
  /** Those who wait for lists, told whenever one has come. */
  readonly #waiting: Set<() => void> = new Set();
  #snapshots: ReadonlyMap<string, Snapshot> = new Map();

  constructor(options: IntakeOptions, changed: () => void) {
    this.#options = options;
    this.#changed = changed;
  }

  /** By server. Another map whenever something in it has changed. */
  get snapshots(): ReadonlyMap<string, Snapshot> {
    return this.#snapshots;
  }

  /** From now on these are the servers. What is known of one is kept as long as its fingerprint is the same. */
  use(servers: readonly CatalogServer[]): void {
    const before = new Map(this.#suppliers);
    const snapshots = new Map<string, Snapshot>();
    this.#suppliers.clear();
    for (const { name, fingerprint } of servers) {
      const known = before.get(name);
      const same = known?.fingerprint === fingerprint ? known : undefined;
      this.#suppliers.set(name, same ?? this.#supplier(name, fingerprint));
      const snapshot = same && this.#snapshots.get(name);
      if (snapshot !== undefined) snapshots.set(name, snapshot);
    }
    this.#snapshots = snapshots;
    for (const arrived of this.#waiting) arrived();
  }

  /** Takes from the store what it has of servers of which nothing is known here. Rejects when it cannot be read. */
  async recall(): Promise<void> {
    const unknown = [...this.#suppliers.values()].filter(({ name }) => !this.#snapshots.has(name));
    await Promise.all(
      unknown.map(async (supplier) => {
        const snapshot = readSnapshot(await this.#options.load(supplier.name));
        const isNews = snapshot?.fingerprint === supplier.fingerprint && !this.#snapshots.has(supplier.name);
        if (isNews) this.#put(supplier, snapshot);
      }),
    );
  }

  /** Waits, until the deadline, for lists of some kinds that were never heard of. */
  async ready(servers: readonly string[], kinds: readonly ListKind[]): Promise<void> {
    const lacking = this.#lacking(servers, kinds);
    if (lacking.length === 0) return;
    const starts = lacking.map((supplier) => this.#begin(supplier));
    // The deadline is that of a start, not of a list: who comes later waits less.
    const endMs = Math.max(...starts.map(({ beganMs }) => beganMs)) + this.#options.deadlineMs();
    const leftMs = endMs - this.#options.now();
    if (leftMs <= 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const arrived = (): void => {
      if (this.#lacking(servers, kinds).length === 0) resolve();
    };
    this.#waiting.add(arrived);
    const timer = setTimeout(resolve, leftMs);
    void Promise.all(starts.map(({ done }) => done)).then(() => resolve());
    await promise;
    clearTimeout(timer);
    this.#waiting.delete(arrived);
  }

  /** Reads lists of a server that has just come up, or with no kinds its capabilities alone. Never rejects. */
  async refresh(server: string, source: Source, kinds: readonly ListKind[]): Promise<void> {
    await this.#suppliers.get(server)?.reading.request(source, kinds);
  }

  #supplier(name: string, fingerprint: string): Supplier {
    const reading = new Reading((source, kinds) => this.#read(supplier, source, kinds));
    const supplier: Supplier = { name, fingerprint, reading, start: undefined, failedMs: -Infinity };
    return supplier;
  }

  /** Servers that are not here any more are not waited for. */
  #lacking(servers: readonly string[], kinds: readonly ListKind[]): Supplier[] {
    return servers.flatMap((name) => {
      const unread = this.#snapshots.get(name)?.unread;
      const supplier = this.#suppliers.get(name);
      const isLacking = unread === undefined || kinds.some((kind) => unread.includes(kind));
      return supplier !== undefined && isLacking ? [supplier] : [];
    });
  }

  #begin(supplier: Supplier): Start {
    if (supplier.start !== undefined) return supplier.start;
    const { name } = supplier;
    const done = this.#options
      .start(name)
      .then((source) => this.#readUnread(supplier, source))
      .catch((error: unknown) =>
        this.#options.log('debug', 'a list goes without a server', { server: name, error: String(error) }),
      )
      .finally(() => (supplier.start = undefined));
    supplier.start = { beganMs: this.#options.now(), done };
    return supplier.start;
  }

  /** A server that came up is being read already; one that is up is asked again for what it failed to give. */
  async #readUnread(supplier: Supplier, source: Source): Promise<void> {
    await supplier.reading.done;
    const unread = this.#snapshots.get(supplier.name)?.unread ?? LIST_KINDS;
    if (unread.length === 0 || this.#options.now() - supplier.failedMs < READ_AGAIN_MS) return;
    await supplier.reading.request(source, unread);
  }

  async #read(supplier: Supplier, source: Source, kinds: readonly ListKind[]): Promise<void> {
    const { name: server, fingerprint } = supplier;
    const { capabilities, info, instructions } = source;
    const old = this.#snapshots.get(server);
    const lists = old ?? {
      tools: [],
      prompts: [],
      resources: [],
      templates: [],
      pinned: emptyPins(),
      unread: LIST_KINDS,
    };
    const said = { capabilities, info, instructions };
    if (old === undefined || !isSame(said, saidIn(old))) {
      this.#put(supplier, { ...lists, ...said, atMs: this.#options.now(), fingerprint });
    }
    await Promise.all(kinds.map((kind) => this.#readList(supplier, source, kind)));
    const current = this.#snapshots.get(server);
    if (current === undefined || current === old || this.#suppliers.get(server) !== supplier) return;
    await this.#options
      .save(server, current)
      .catch((error: unknown) =>
        this.#options.log('warn', 'a catalogue could not be saved', { server, error: String(error) }),
      );
  }

  /** Each list is there as soon as it has come: one that hangs holds up no other. */
  async #readList(supplier: Supplier, source: Source, kind: ListKind): Promise<void> {
    try {
      const entries = await source.list(kind);
      const snapshot = this.#snapshots.get(supplier.name);
      if (snapshot === undefined) return;
      const isNew = !isSame(entries, snapshot[kind]);
      if (!isNew && !snapshot.unread.includes(kind)) return;
      const unread = snapshot.unread.filter((other) => other !== kind);
      const pinned = kind === 'tools' ? pin(snapshot.pinned, entries) : snapshot.pinned;
      const atMs = this.#options.now();
      this.#put(supplier, { ...snapshot, ...(isNew && { [kind]: entries }), pinned, unread, atMs });
    } catch (error) {
      supplier.failedMs = this.#options.now();
      this.#options.log('warn', 'a list could not be read', { server: supplier.name, kind, error: String(error) });
    }
  }

  /** What is still read of a program or URL that is not used any more counts for nothing. */
  #put(supplier: Supplier, snapshot: Snapshot): void {
    if (this.#suppliers.get(supplier.name) !== supplier) return;
    this.#snapshots = new Map(this.#snapshots).set(supplier.name, snapshot);
    this.#changed();
    for (const arrived of this.#waiting) arrived();
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
