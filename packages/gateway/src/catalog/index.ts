/**
 * The catalogue: the last known offer of every server, merged, and kept fresh. A list waits for servers that have never
 * answered until its deadline and then says what is missing and why; a server that is slow, down or wrong costs the
 * others nothing. It asks servers through functions it is given; it knows no transport.
 */

import { isObject, type JsonObject } from '@sallyport/wire';
import { FULL_CAPABILITIES, offeredCapabilities, unionCapabilities } from './capabilities.ts';
import { prepareLists, type Lists, type Missing } from './lists.ts';
import { mergeCatalog, type Catalog, type OfferRules } from './merge.ts';
import type { Naming } from './naming.ts';
import { Reading, type Source } from './reading.ts';
import { LIST_KINDS, readSnapshot, type ListKind, type Snapshot } from './snapshot.ts';

export { unionCapabilities } from './capabilities.ts';
export type { Naming } from './naming.ts';
export { ownerOfUri, type Catalog, type OfferRules } from './merge.ts';
export { LIST_KINDS, type ListKind } from './snapshot.ts';
export type { Lists, Missing } from './lists.ts';
export type { Source } from './reading.ts';

export interface CatalogServer extends OfferRules {
  /** Changes when another program or URL stands behind the name. */
  readonly fingerprint: string;
}

export interface CatalogOptions {
  /** In configuration order, enabled ones only. */
  readonly servers: readonly CatalogServer[];
  readonly naming: Naming;
  /** Name and version of this gateway. */
  readonly info: JsonObject;
  readonly deadlineMs: number;
  /** Entries on one page. */
  readonly pageSize?: number;
  readonly load: (server: string) => Promise<unknown>;
  readonly save: (server: string, snapshot: Snapshot) => Promise<void>;
  /** A server that answers, started if need be. Rejects when it cannot be started. */
  readonly start: (server: string) => Promise<Source>;
  /** Why a server is not there, in words that every client may read. */
  readonly problem: (server: string) => string | undefined;
  readonly onChanged: (kinds: ReadonlySet<ListKind>) => void;
  readonly log: (level: 'debug' | 'info' | 'warn', text: string, detail?: Readonly<Record<string, unknown>>) => void;
  readonly now: () => number;
}

const INSTRUCTIONS_LENGTH = 200;
/** A list that could not be read is not tried again sooner, unless the server says that it changed. */
const READ_AGAIN_MS = 5000;

interface Start {
  readonly beganMs: number;
  readonly done: Promise<void>;
}

export class CatalogRoom {
  readonly #options: CatalogOptions;
  readonly #snapshots: Map<string, Snapshot> = new Map();
  readonly #readings: Map<string, Reading> = new Map();
  readonly #starting: Map<string, Start> = new Map();
  readonly #failedMs: Map<string, number> = new Map();
  /** Those who wait for lists, told whenever one has come. */
  readonly #waiting: Set<() => void> = new Set();
  #catalog: Catalog | undefined;
  #lists: Lists | undefined;
  #missingKey = '';

  constructor(options: CatalogOptions) {
    this.#options = options;
    for (const { name } of options.servers) {
      const reading = new Reading((source, kinds) => this.#read(name, source, kinds));
      this.#readings.set(name, reading);
    }
  }

  /** Loads what is known from before. */
  async open(): Promise<void> {
    await Promise.all(
      this.#options.servers.map(async ({ name, fingerprint }) => {
        const snapshot = readSnapshot(await this.#options.load(name));
        if (snapshot?.fingerprint === fingerprint) this.#snapshots.set(name, snapshot);
      }),
    );
    this.#invalidate();
  }

  get catalog(): Catalog {
    this.#catalog ??= mergeCatalog(this.#options.servers, this.#snapshots, this.#options.naming);
    return this.#catalog;
  }

  /** The prepared lists, with what is missing at this moment. */
  get lists(): Lists {
    const missing = {
      tools: this.missing(['tools']),
      prompts: this.missing(['prompts']),
      resources: this.missing(['resources']),
      templates: this.missing(['templates']),
    };
    const key = JSON.stringify(missing);
    if (this.#lists === undefined || key !== this.#missingKey) {
      this.#missingKey = key;
      this.#lists = prepareLists(this.catalog, missing, this.#options.info, this.#options.pageSize);
    }
    return this.#lists;
  }

  snapshot(server: string): Snapshot | undefined {
    return this.#snapshots.get(server);
  }

  /** True when a server declares a capability, or has not said yet what it can. */
  can(server: string, capability: string, flag?: string): boolean {
    const snapshot = this.#snapshots.get(server);
    if (snapshot === undefined) return true;
    const declared = snapshot.capabilities[capability];
    return flag === undefined ? declared !== undefined : isObject(declared) && declared[flag] === true;
  }

  /** Servers whose offer of some kinds is not known, with the reason. */
  missing(kinds: readonly ListKind[] = LIST_KINDS): readonly Missing[] {
    return this.#options.servers.flatMap(({ name: server }) => {
      const snapshot = this.#snapshots.get(server);
      if (snapshot === undefined) {
        return [{ server, reason: this.#options.problem(server) ?? 'It has not answered yet.' }];
      }
      const unread = snapshot.unread.filter((kind) => kinds.includes(kind));
      return unread.length === 0 ? [] : [{ server, reason: `It has not given its list of ${unread.join(', ')}.` }];
    });
  }

  /** Waits, until the deadline, for lists that were never heard of; those of some kinds alone, where any are named. */
  async ready(kinds: readonly ListKind[] = LIST_KINDS): Promise<void> {
    const lacking = this.#lacking(kinds);
    if (lacking.length === 0) return;
    const starts = lacking.map((server) => this.#begin(server));
    // The deadline is that of a start, not of a list: who comes later waits less.
    const endMs = Math.max(...starts.map(({ beganMs }) => beganMs)) + this.#options.deadlineMs;
    const leftMs = endMs - this.#options.now();
    if (leftMs <= 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const arrived = (): void => {
      if (this.#lacking(kinds).length === 0) resolve();
    };
    this.#waiting.add(arrived);
    const timer = setTimeout(resolve, leftMs);
    void Promise.all(starts.map(({ done }) => done)).then(() => resolve());
    await promise;
    clearTimeout(timer);
    this.#waiting.delete(arrived);
  }

  /** Reads all lists of a server that has just come up, those of some kinds, or with none its capabilities alone. Never rejects. */
  async refresh(server: string, source: Source, kinds: readonly ListKind[] = LIST_KINDS): Promise<void> {
    await this.#readings.get(server)?.request(source, kinds);
  }

  /** What is declared to clients: the union of what the servers can, all of it while one of them is unknown. */
  capabilities(): JsonObject {
    const known = this.#options.servers.flatMap((rules) => {
      const snapshot = this.#snapshots.get(rules.name);
      return snapshot === undefined ? [] : [offeredCapabilities(snapshot.capabilities, rules)];
    });
    const complete = known.length === this.#options.servers.length && known.length > 0;
    return known.reduce(unionCapabilities, complete ? {} : FULL_CAPABILITIES);
  }

  /** The servers' own instructions, the beginning of each. */
  instructions(): string | undefined {
    const parts = this.#options.servers.flatMap(({ name }) => {
      const text = this.#snapshots.get(name)?.instructions?.trim();
      return text === undefined || text === '' ? [] : [`${name}: ${beginning(text)}`];
    });
    return parts.length === 0 ? undefined : parts.join('\n');
  }

  #lacking(kinds: readonly ListKind[]): string[] {
    return this.#options.servers.flatMap(({ name }) => {
      const unread = this.#snapshots.get(name)?.unread;
      return unread === undefined || kinds.some((kind) => unread.includes(kind)) ? [name] : [];
    });
  }

  #begin(server: string): Start {
    const under = this.#starting.get(server);
    if (under !== undefined) return under;
    const done = this.#options
      .start(server)
      .then((source) => this.#readUnread(server, source))
      .catch((error: unknown) =>
        this.#options.log('debug', 'a list goes without a server', { server, error: String(error) }),
      )
      .finally(() => this.#starting.delete(server));
    const start = { beganMs: this.#options.now(), done };
    this.#starting.set(server, start);
    return start;
  }

  /** A server that came up is being read already; one that is up is asked again for what it failed to give. */
  async #readUnread(server: string, source: Source): Promise<void> {
    await this.#readings.get(server)?.done;
    const unread = this.#snapshots.get(server)?.unread ?? LIST_KINDS;
    const failedMs = this.#failedMs.get(server) ?? -Infinity;
    if (unread.length === 0 || this.#options.now() - failedMs < READ_AGAIN_MS) return;
    await this.refresh(server, source, unread);
  }

  async #read(server: string, source: Source, kinds: readonly ListKind[]): Promise<void> {
    const rules = this.#options.servers.find(({ name }) => name === server) as CatalogServer;
    const { capabilities, info, instructions } = source;
    const old = this.#snapshots.get(server);
    const snapshot: Snapshot = {
      ...(old ?? { tools: [], prompts: [], resources: [], templates: [], unread: LIST_KINDS }),
      capabilities,
      info,
      instructions,
      atMs: this.#options.now(),
      fingerprint: rules.fingerprint,
    };
    this.#put(server, snapshot);
    await Promise.all(kinds.map((kind) => this.#readList(server, source, kind)));
    const current = this.#snapshots.get(server) as Snapshot;
    if (JSON.stringify({ ...current, atMs: old?.atMs }) === JSON.stringify(old)) return;
    await this.#options
      .save(server, current)
      .catch((error: unknown) =>
        this.#options.log('warn', 'a catalogue could not be saved', { server, error: String(error) }),
      );
  }

  /** Each list is shown as soon as it has come: one that hangs holds up no other. */
  async #readList(server: string, source: Source, kind: ListKind): Promise<void> {
    try {
      const entries = await source.list(kind);
      const snapshot = this.#snapshots.get(server) as Snapshot;
      const unread = snapshot.unread.filter((other) => other !== kind);
      this.#put(server, { ...snapshot, [kind]: entries, unread });
    } catch (error) {
      this.#failedMs.set(server, this.#options.now());
      this.#options.log('warn', 'a list could not be read', { server, kind, error: String(error) });
    }
  }

  #put(server: string, snapshot: Snapshot): void {
    const old = this.#snapshots.get(server);
    const kinds = LIST_KINDS.filter((kind) => JSON.stringify(old?.[kind] ?? []) !== JSON.stringify(snapshot[kind]));
    const before = kinds.length === 0 ? undefined : this.lists.versions;
    this.#snapshots.set(server, snapshot);
    if (before !== undefined) {
      this.#invalidate();
      const { versions } = this.lists;
      // What the configuration hides may change without anybody being told.
      const changed = kinds.filter((kind) => before[kind] !== versions[kind]);
      if (changed.length > 0) this.#options.onChanged(new Set(changed));
    }
    for (const arrived of this.#waiting) arrived();
  }

  #invalidate(): void {
    this.#catalog = undefined;
    this.#lists = undefined;
  }
}

/** Cut between characters, never in one. */
function beginning(text: string): string {
  if (text.length <= INSTRUCTIONS_LENGTH) return text;
  const cut = text.slice(0, INSTRUCTIONS_LENGTH - 1);
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}
