/**
 * What the servers say that they offer: started when nothing was ever heard of them, kept in the store, shared where they say
 * the same to everybody and each owner's alone where they do not (owned.ts). A server that is slow, down or wrong costs the
 * others nothing. What is made of it is not known here.
 */

import type { Owner } from '../call.ts';
import { OwnedSuppliers, type OwnedRecords, type OwnedSnapshots } from './owned.ts';
import type { Pins, ServerPins } from './pinned.ts';
import type { Source } from './reading.ts';
import type { CatalogServer } from './selection.ts';
import type { ListKind, Snapshot } from './snapshot.ts';
import { Supplier, type SupplierOptions } from './supplier.ts';

export interface IntakeOptions extends Pick<SupplierOptions, 'log' | 'now'> {
  /** How long lists are waited for, in milliseconds from the start of a server. */
  readonly deadlineMs: () => number;
  readonly load: (server: string) => Promise<unknown>;
  readonly save: (server: string, snapshot: Snapshot) => Promise<void>;
  readonly drop: (server: string) => Promise<void>;
  readonly owned: OwnedRecords;
  readonly pins: Pins;
  /** A server that answers, started if need be: the gateway's own instance, or an owner's. Rejects when it cannot be started. */
  readonly start: (server: string, owner?: Owner) => Promise<Source>;
}

/** What is known of the servers at one moment. Never changed: what is new makes another. */
export interface Known {
  /** What anybody may be shown, by server: of a personal one what it says to those who have no token. */
  readonly snapshots: ReadonlyMap<string, Snapshot>;
  /** Servers that say something else to each principal. */
  readonly personal: ReadonlySet<string>;
  /** What those said to one principal, for that one alone. */
  readonly owned: OwnedSnapshots;
  /** What the pins say of the tools of servers, to whomever they are listed. */
  readonly pins: ReadonlyMap<string, ServerPins>;
}

export class Intake {
  readonly #options: IntakeOptions;
  /** Told when something else is known. */
  readonly #changed: () => void;
  /** The gateway's own. */
  readonly #suppliers: Map<string, Supplier> = new Map();
  readonly #owned: OwnedSuppliers;
  /** Those who wait for lists, told whenever one has come. */
  readonly #waiting: Set<() => void> = new Set();
  #known: Known;

  constructor(options: IntakeOptions, changed: () => void) {
    this.#options = options;
    this.#changed = changed;
    const { log, now, owned: records, pins, start } = options;
    this.#known = { snapshots: new Map(), personal: new Set(), owned: new Map(), pins: pins.table };
    this.#owned = new OwnedSuppliers({ log, now, pins, records, start, changed: (owned) => this.#become({ owned }) });
    pins.onChanged(() => this.#become({ pins: pins.table }));
  }

  get known(): Known {
    return this.#known;
  }

  /** From now on these are the servers. What is known of one is kept as long as its fingerprint is the same. */
  use(servers: readonly CatalogServer[]): void {
    const before = new Map(this.#suppliers);
    const snapshots = new Map<string, Snapshot>();
    this.#suppliers.clear();
    for (const { name, fingerprint } of servers) {
      const known = before.get(name);
      const supplier = known?.fingerprint === fingerprint ? known : this.#supplier(name, fingerprint);
      this.#suppliers.set(name, supplier);
      if (supplier.snapshot !== undefined) snapshots.set(name, supplier.snapshot);
      // Pins may have been switched on, or another lock may say what is meant.
      if (supplier === known) void supplier.judgeAgain();
    }
    for (const [name, supplier] of before) if (this.#suppliers.get(name) !== supplier) supplier.end();
    this.#known = { ...this.#known, snapshots };
    this.usePersonal(this.#known.personal);
    for (const arrived of this.#waiting) arrived();
  }

  /** From now on these of the servers are personal. Of one that is so no more nothing is kept that it said to single principals. */
  usePersonal(names: ReadonlySet<string>): void {
    const shared = new Map([...this.#suppliers].filter(([name]) => names.has(name)));
    this.#owned.use(shared);
    const { personal } = this.#known;
    if (personal.size === shared.size && [...shared.keys()].every((name) => personal.has(name))) return;
    this.#become({ personal: new Set(shared.keys()) });
  }

  /** Takes from the store what it has of servers of which nothing is known here. Rejects when it cannot be read. */
  async recall(): Promise<void> {
    const unknown = [...this.#suppliers].filter(([, { snapshot }]) => snapshot === undefined);
    await Promise.all([
      ...unknown.map(async ([name, supplier]) => await supplier.recall(await this.#options.load(name))),
      this.#owned.recalled,
    ]);
  }

  /** Waits, until the deadline, for lists of some kinds that were never heard of by whom they are for. */
  async ready(servers: readonly string[], kinds: readonly ListKind[], owner?: Owner): Promise<void> {
    if (owner !== undefined) await this.#owned.recalled;
    const lacking = this.#lacking(servers, kinds, owner);
    if (lacking.length === 0) return;
    const starts = lacking.map((supplier) => supplier.begin());
    // The deadline is that of a start, not of a list: who comes later waits less.
    const endMs = Math.max(...starts.map(({ beganMs }) => beganMs)) + this.#options.deadlineMs();
    const leftMs = endMs - this.#options.now();
    if (leftMs <= 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const arrived = (): void => {
      if (this.#lacking(servers, kinds, owner).length === 0) resolve();
    };
    this.#waiting.add(arrived);
    const timer = setTimeout(resolve, leftMs);
    void Promise.all(starts.map(({ done }) => done)).then(() => resolve());
    await promise;
    clearTimeout(timer);
    this.#waiting.delete(arrived);
  }

  /** Reads lists of a server that is up, or with no kinds its capabilities alone. Never rejects. */
  async refresh(server: string, source: Source, kinds: readonly ListKind[]): Promise<void> {
    await this.#suppliers.get(server)?.refresh(source, kinds);
  }

  /** The same of a personal server, as an owner reaches it. */
  async refreshFor(server: string, owner: Owner, source: Source, kinds: readonly ListKind[]): Promise<void> {
    await this.#owned.of(server, owner)?.refresh(source, kinds);
  }

  /** Of an owner, or without one what everybody was shown. Rejects when the store cannot be written. */
  async forget(server: string, owner: string | undefined): Promise<void> {
    if (owner !== undefined) return await this.#owned.forget(server, owner);
    const supplier = this.#suppliers.get(server);
    if (supplier === undefined) return;
    supplier.end();
    this.#suppliers.set(server, this.#supplier(server, supplier.fingerprint));
    const snapshots = new Map(this.#known.snapshots);
    if (snapshots.delete(server)) this.#become({ snapshots });
    await this.#options.drop(server);
  }

  #supplier(name: string, fingerprint: string): Supplier {
    const { log, now, pins, save, start } = this.#options;
    return new Supplier({
      server: name,
      fingerprint,
      before: () => undefined,
      judge: (tools) => pins.observe(name, tools),
      start: () => start(name),
      startAgainMs: 0,
      save: (snapshot) => save(name, snapshot),
      changed: (snapshot) => this.#become({ snapshots: new Map(this.#known.snapshots).set(name, snapshot) }),
      log,
      now,
    });
  }

  /** Servers that are not here any more are not waited for, nor are personal ones for nobody. */
  #lacking(servers: readonly string[], kinds: readonly ListKind[], owner: Owner | undefined): Supplier[] {
    return servers.flatMap((name) => {
      const isPersonal = this.#known.personal.has(name);
      const supplier = isPersonal ? owner && this.#owned.of(name, owner) : this.#suppliers.get(name);
      return supplier?.lacks(kinds) === true ? [supplier] : [];
    });
  }

  #become(known: Partial<Known>): void {
    this.#known = { ...this.#known, ...known };
    this.#changed();
    for (const arrived of this.#waiting) arrived();
  }
}
