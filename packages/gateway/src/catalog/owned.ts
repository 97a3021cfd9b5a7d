/**
 * What personal servers say to single principals: servers that each principal speaks to with a token of its own. Each is
 * read for an owner through that owner's instance, and kept apart from what it said to all others, in the store too. It does
 * not know which servers are personal, nor who may be shown what.
 */

import type { Owner } from '../call.ts';
import type { Pins } from './pinned.ts';
import type { Source } from './reading.ts';
import type { Snapshot } from './snapshot.ts';
import { READ_AGAIN_MS, Supplier, type SupplierOptions } from './supplier.ts';

/** By `Owner.key`, then by server. */
export type OwnedSnapshots = ReadonlyMap<string, ReadonlyMap<string, Snapshot>>;

/** Where snapshots of owners outlive the process. */
export interface OwnedRecords {
  load(server: string): Promise<readonly { readonly owner: Owner; readonly snapshot: unknown }[]>;
  save(server: string, owner: Owner, snapshot: Snapshot): Promise<void>;
  /** Of one owner. */
  drop(server: string, owner: string): Promise<void>;
}

export interface OwnedOptions extends Pick<SupplierOptions, 'log' | 'now'> {
  readonly records: OwnedRecords;
  readonly pins: Pins;
  /** An owner's instance of a server, answering, started if need be. Rejects when it cannot be started. */
  readonly start: (server: string, owner: Owner) => Promise<Source>;
  /** Told whenever the snapshots are others. */
  readonly changed: (snapshots: OwnedSnapshots) => void;
}

/** Owners of whom something is known, for each server. */
const MAX_OWNERS = 256;

interface Personal {
  /** What the server says to those who have no token. */
  readonly shared: Supplier;
  /** By `Owner.key`, the one that was asked for longest ago first. */
  readonly suppliers: Map<string, Supplier>;
}

export class OwnedSuppliers {
  readonly #options: OwnedOptions;
  readonly #servers: Map<string, Personal> = new Map();
  /** What is being read from the store. */
  readonly #recalling: Set<Promise<void>> = new Set();
  #snapshots: OwnedSnapshots = new Map();

  constructor(options: OwnedOptions) {
    this.#options = options;
  }

  /**
   * From now on these are the personal servers. Of one that is not among them any more, or is another behind the same name,
   * nothing is kept that it said to anybody.
   */
  use(shared: ReadonlyMap<string, Supplier>): void {
    for (const [server, personal] of this.#servers) {
      if (shared.get(server) === personal.shared) continue;
      this.#servers.delete(server);
      for (const [owner, supplier] of personal.suppliers) this.#drop(server, owner, supplier);
    }
    for (const [server, supplier] of shared) {
      if (this.#servers.has(server)) continue;
      const personal: Personal = { shared: supplier, suppliers: new Map() };
      this.#servers.set(server, personal);
      const recalling = this.#recall(server, personal).finally(() => this.#recalling.delete(recalling));
      this.#recalling.add(recalling);
    }
  }

  /** Undefined when nothing is being read from the store. */
  get recalled(): Promise<unknown> | undefined {
    return this.#recalling.size === 0 ? undefined : Promise.all(this.#recalling);
  }

  /** A server as an owner reaches it; undefined when it is not personal. */
  of(server: string, owner: Owner): Supplier | undefined {
    const personal = this.#servers.get(server);
    if (personal === undefined) return undefined;
    const { suppliers } = personal;
    const supplier = suppliers.get(owner.key) ?? this.#supplier(server, personal.shared, owner);
    suppliers.delete(owner.key);
    suppliers.set(owner.key, supplier);
    if (suppliers.size > MAX_OWNERS) this.#makeRoom(server, suppliers);
    return supplier;
  }

  /**
   * Nothing is known any more of what a server said to an owner, nor will be of what is being read. Rejects when the store cannot
   * be written.
   */
  async forget(server: string, owner: string): Promise<void> {
    const { recalled } = this;
    // One that is still to come from the store must not come after it.
    if (recalled !== undefined) await recalled;
    const suppliers = this.#servers.get(server)?.suppliers;
    const supplier = suppliers?.get(owner);
    suppliers?.delete(owner);
    if (supplier !== undefined) this.#end(server, owner, supplier);
    await this.#options.records.drop(server, owner);
  }

  #supplier(server: string, shared: Supplier, owner: Owner): Supplier {
    const { log, now, pins, records, start } = this.#options;
    return new Supplier({
      server,
      fingerprint: shared.fingerprint,
      before: () => shared.snapshot,
      judge: (tools) => pins.observe(server, tools, owner.key),
      start: () => start(server, owner),
      // A server that wants a login refuses at once, and would be asked again for every list.
      startAgainMs: READ_AGAIN_MS,
      save: (snapshot) => records.save(server, owner, snapshot),
      changed: (snapshot) => this.#become(owner.key, new Map(this.#snapshots.get(owner.key)).set(server, snapshot)),
      log,
      now,
    });
  }

  async #recall(server: string, personal: Personal): Promise<void> {
    const { log, records } = this.#options;
    try {
      for (const { owner, snapshot } of await records.load(server)) {
        if (this.#servers.get(server) !== personal) return;
        await this.of(server, owner)?.recall(snapshot);
      }
    } catch (error) {
      log('warn', 'stored catalogues could not be read', { server, error: String(error) });
    }
  }

  /** First goes one of whom nothing is known. */
  #makeRoom(server: string, suppliers: Map<string, Supplier>): void {
    const known = [...suppliers].slice(0, -1);
    const gone = known.find(([, { snapshot }]) => snapshot === undefined) ?? known[0];
    if (gone === undefined) return;
    const [owner, supplier] = gone;
    suppliers.delete(owner);
    this.#drop(server, owner, supplier);
  }

  #drop(server: string, owner: string, supplier: Supplier): void {
    const { log, records } = this.#options;
    this.#end(server, owner, supplier);
    records
      .drop(server, owner)
      .catch((error: unknown) => log('warn', 'a catalogue could not be dropped', { server, error: String(error) }));
  }

  #end(server: string, owner: string, supplier: Supplier): void {
    supplier.end();
    const others = new Map(this.#snapshots.get(owner));
    if (others.delete(server)) this.#become(owner, others);
  }

  #become(owner: string, of: ReadonlyMap<string, Snapshot>): void {
    const snapshots = new Map(this.#snapshots);
    if (of.size > 0) snapshots.set(owner, of);
    else snapshots.delete(owner);
    this.#snapshots = snapshots;
    this.#options.changed(snapshots);
  }
}
