/**
 * Pins: the definitions of tools as they were first seen or approved, shared by all processes through the store, with what
 * `sallyport.lock` says before them. What a server lists is held against them before it comes into force. A pin belongs to a
 * canonical id, whoever is told what: a principal to whom a server tells something else sees a change. What was poisoned from
 * the first is not found by pins.
 */

import { createHash } from 'node:crypto';
import type { JsonObject } from '@sallyport/wire';
import { canonicalId } from '../canonical-id.ts';
import { pinHash } from './canonical.ts';
import { identityOf, type IdentityTarget } from './identity.ts';
import { createJudge, type PinsMode, type Verdict } from './judging.ts';
import type { Lock, LockedPackage } from './lock.ts';
import { imitated, knownNames, type KnownNames } from './look-alike.ts';
import { observed, type News, type Observed, type Sight } from './observing.ts';
import { EVERYBODY, NO_RECORD, readRecord, storedRecord, type ServerRecord } from './record.ts';

export type { PinsMode } from './judging.ts';

/** The record of a server, as the store has it. */
export interface StoredPins {
  readonly value: unknown;
  readonly version: number;
}

/** What is asked of a store; `putIf` writes only over the version that was read. */
export interface PinStore {
  get(key: string): Promise<StoredPins | undefined>;
  putIf(key: string, expected: number | 'absent', value: unknown): Promise<boolean>;
  /** Grows with every write, by any process. */
  version(): Promise<number>;
}

export interface PinsSetup {
  readonly mode: PinsMode;
  /** Enabled ones. */
  readonly servers: readonly { readonly name: string; readonly target: IdentityTarget }[];
  readonly lock: Lock;
}

/** News of one server that was listed. */
export interface PinNews {
  readonly server: string;
  readonly mode: PinsMode;
  /** By canonical id. */
  readonly tools: readonly { readonly id: string; readonly hash: string; readonly changes: readonly string[] }[];
}

export interface PinsOptions {
  readonly setup: PinsSetup;
  readonly store: PinStore;
  readonly told: (news: PinNews) => void;
  readonly log: (level: 'warn' | 'error', text: string, detail?: Readonly<Record<string, unknown>>) => void;
  readonly now: () => number;
}

/** The verdict on a tool of one server; a table of what is known, for as long as the pins are the same. */
export type ServerPins = (tool: JsonObject) => Verdict;

/** What is kept in memory of one server. */
interface Held {
  readonly identity: string;
  /** Of the record in the store; undefined: there is none. */
  readonly version: number | undefined;
  /** Names that are known, and how many of them wait for a word. */
  readonly names: readonly string[];
  readonly waiting: readonly string[];
  readonly pins: ServerPins | undefined;
}

/** As JSON: a server that fills the store is not followed any further. */
const MAX_RECORD_LENGTH = 32 * 1024 * 1024;
/** How often a record is read again that another process changes meanwhile. */
const MAX_TRIES = 8;

export class PinsRoom {
  readonly #options: PinsOptions;
  readonly #held: Map<string, Held> = new Map();
  readonly #hashes: WeakMap<JsonObject, { readonly identity: string; readonly hash: string }> = new WeakMap();
  readonly #listeners: Set<() => void> = new Set();
  #setup: PinsSetup;
  #seen: number | undefined;
  /** One server at a time: of two that offer the same name the first one keeps it. */
  #turn: Promise<unknown> = Promise.resolve();
  #table: ReadonlyMap<string, ServerPins> = new Map();

  constructor(options: PinsOptions) {
    this.#options = options;
    this.#setup = options.setup;
  }

  /** Reads what is pinned. Rejects when the store cannot be read. */
  async open(): Promise<void> {
    this.#seen = await this.#options.store.version();
    await this.#loadAll();
  }

  get mode(): PinsMode {
    return this.#setup.mode;
  }

  /** What the lock says of the package that a server's command fetches. */
  lockedPackage(server: string): LockedPackage | undefined {
    return this.#setup.lock.get(server)?.package;
  }

  /** By server; of one that is not there, or whose tools nobody has seen yet, nothing is said. Another map when it has changed. */
  get table(): ReadonlyMap<string, ServerPins> {
    return this.#table;
  }

  /** Told whenever the table is another one. */
  onChanged(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Another configuration. Rejects when the store cannot be read; then what was in force stays. */
  async use(setup: PinsSetup): Promise<void> {
    await this.#inTurn(async () => {
      const before = this.#setup;
      this.#setup = setup;
      try {
        await this.#loadAll();
      } catch (error) {
        this.#setup = before;
        throw error;
      }
    });
  }

  /** Takes over what other processes pinned and approved. Rejects while the store cannot be read. */
  async refresh(): Promise<void> {
    if (this.#setup.mode === 'off') return;
    const version = await this.#options.store.version();
    if (version === this.#seen) return;
    await this.#inTurn(async () => {
      const loaded = await Promise.all([...this.#held].map(([name, { identity }]) => this.#load(name, identity)));
      if (loaded.includes(true)) this.#publish();
      this.#seen = version;
    });
  }

  /**
   * A server lists these tools to somebody (`owner`: a key of one principal's own; undefined: to everybody). Resolves when the
   * table knows them, before they come into force. Rejects where nothing may come into force that cannot be judged.
   */
  async observe(server: string, tools: readonly JsonObject[], owner?: string): Promise<void> {
    if (this.#setup.mode === 'off') return;
    // What stands alone needs no turn: a server that reports changes without end costs a look into the table.
    const held = this.#held.get(server);
    if (held?.waiting.length === 0 && tools.every((tool) => held.pins?.(tool).isFlagged === false)) return;
    try {
      await this.#inTurn(() => this.#observe(server, tools, owner));
    } catch (error) {
      if (this.#setup.mode === 'quarantine') throw error;
      this.#options.log('warn', 'tools could not be held against their pins', { server, error: String(error) });
    }
  }

  /** What the operator should know, a sentence for each server. */
  notes(): readonly string[] {
    if (this.#setup.mode === 'off') return [];
    return [...this.#held].flatMap(([server, { waiting }]) => {
      if (waiting.length === 0) return [];
      const named = waiting.slice(0, 3).join(', ');
      const more = waiting.length > 3 ? ` and ${waiting.length - 3} more` : '';
      const kept = this.#setup.mode === 'quarantine' ? ' kept from clients' : '';
      return [
        `${server}: ${named}${more}: not as pinned,${kept} until \`sallyport pins approve\` (\`sallyport pins diff\`)`,
      ];
    });
  }

  async #observe(server: string, tools: readonly JsonObject[], owner: string | undefined): Promise<void> {
    const held = this.#held.get(server);
    if (held === undefined) return;
    const { store } = this.#options;
    for (let tries = 0; ; tries += 1) {
      if (tries === MAX_TRIES) throw new Error(`the pins of ${server} are changed by others all the time`);
      const stored = await store.get(server);
      const before = stored === undefined ? NO_RECORD : readRecord(stored.value);
      const { news, record } = this.#observed(server, before, tools, owner);
      if (record === before) break;
      const value = storedRecord(record);
      if (JSON.stringify(value).length > MAX_RECORD_LENGTH) {
        throw new Error(`${server} offers more definitions than can be pinned`);
      }
      if (!(await store.putIf(server, stored?.version ?? 'absent', value))) continue;
      if (news.length > 0) this.#tell(server, news);
      break;
    }
    // Also what another process wrote meanwhile.
    if (await this.#load(server, held.identity)) this.#publish();
  }

  #observed(server: string, before: ServerRecord, tools: readonly JsonObject[], owner: string | undefined): Observed {
    const sight: Sight = {
      tools: tools.map((tool) => ({ name: tool['name'] as string, hash: this.#hashOf(server, tool), tool })),
      reader: readerOf(owner),
      nowMs: this.#options.now(),
    };
    const locked = this.#setup.lock.get(server)?.tools;
    let names: KnownNames | undefined;
    return observed(before, sight, {
      locked,
      doubts: (name) => {
        names ??= knownNames([...this.#held].map(([other, held]) => [other, held.names]));
        return doubtsOf(server, name, names);
      },
    });
  }

  #tell(server: string, news: readonly News[]): void {
    const { told } = this.#options;
    const tools = news.map(({ name, hash, changes }) => ({ id: canonicalId(server, name), hash, changes }));
    told({ server, mode: this.#setup.mode, tools });
  }

  async #loadAll(): Promise<void> {
    const { mode, servers } = this.#setup;
    const wanted = mode === 'off' ? [] : servers;
    const stored = await Promise.all(wanted.map(({ name }) => this.#options.store.get(name)));
    this.#held.clear();
    for (const [at, { name, target }] of wanted.entries()) this.#hold(name, identityOf(target), stored[at]);
    this.#publish();
  }

  /** Resolves with false where nothing is another than it was. */
  async #load(server: string, identity: string): Promise<boolean> {
    const stored = await this.#options.store.get(server);
    const isNew = this.#held.get(server)?.version !== stored?.version;
    if (isNew) this.#hold(server, identity, stored);
    return isNew;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return await done;
  }

  #hold(server: string, identity: string, stored: StoredPins | undefined): void {
    const record = stored === undefined ? NO_RECORD : readRecord(stored.value);
    const { lock, mode } = this.#setup;
    const locked = lock.get(server)?.tools;
    const isKnown = record.size > 0 || locked !== undefined;
    const judge = createJudge(record, locked, mode);
    this.#held.set(server, {
      identity,
      version: stored?.version,
      names: [...new Set([...record.keys(), ...(locked?.keys() ?? [])])],
      waiting: [...record].filter(([, { pending }]) => pending.length > 0).map(([name]) => name),
      pins: isKnown ? (tool) => judge(tool['name'] as string, this.#hash(server, identity, tool)) : undefined,
    });
  }

  #publish(): void {
    this.#table = new Map(
      [...this.#held].flatMap(([server, { pins }]) => (pins === undefined ? [] : [[server, pins]])),
    );
    for (const listener of this.#listeners) listener();
  }

  #hashOf(server: string, tool: JsonObject): string {
    return this.#hash(server, this.#held.get(server)?.identity ?? '', tool);
  }

  #hash(server: string, identity: string, tool: JsonObject): string {
    const known = this.#hashes.get(tool);
    if (known?.identity === identity) return known.hash;
    const made = pinHash(identity, canonicalId(server, tool['name'] as string), tool);
    this.#hashes.set(tool, { identity, hash: made });
    return made;
  }
}

function doubtsOf(server: string, name: string, names: KnownNames): string[] {
  const own = imitated(server, name);
  const other = names.shadowed(server, name);
  return [
    ...(own === undefined ? [] : [`imitates ${own}, a tool of Sallyport’s own`]),
    ...(other === undefined ? [] : [`has the name of ${other}, or looks like it`]),
  ];
}

/** Who an owner is need not stand in the store. */
function readerOf(owner: string | undefined): string {
  if (owner === undefined) return EVERYBODY;
  return createHash('sha256').update(owner).digest('hex').slice(0, 16);
}
