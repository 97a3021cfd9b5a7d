/**
 * The catalogue: the last known offer of every server, merged, and kept fresh. A list waits for servers that have never
 * answered until its deadline and then says what is missing and why; a server that is slow, down or wrong costs the
 * others nothing. It asks servers through functions it is given; it knows no transport.
 */

import { mergeObjects, type JsonObject } from '@sallyport/wire';
import { prepareLists, type Lists, type Missing } from './lists.ts';
import { mergeCatalog, type Catalog, type OfferRules } from './merge.ts';
import type { Naming } from './naming.ts';
import { LIST_KINDS, LISTS, readSnapshot, usableEntries, type ListKind, type Snapshot } from './snapshot.ts';

export { canonicalId, globMatcher, type Naming } from './naming.ts';
export { ownerOfUri, type Catalog, type Hidden, type OfferRules, type ToolEntry } from './merge.ts';
export { LISTS, type ListKind } from './snapshot.ts';
export type { Lists, Missing } from './lists.ts';

export interface CatalogServer extends OfferRules {
  /** Changes when another program or URL stands behind the name. */
  readonly fingerprint: string;
}

/** One server, answering. */
export interface Source {
  readonly capabilities: JsonObject;
  readonly info: JsonObject;
  readonly instructions: string | undefined;
  /** Every page of a list. */
  list(method: string, member: string): Promise<readonly unknown[]>;
}

export interface CatalogOptions {
  /** In configuration order, enabled ones only. */
  readonly servers: readonly CatalogServer[];
  readonly naming: Naming;
  /** Name and version of this gateway. */
  readonly info: JsonObject;
  readonly deadlineMs: number;
  readonly load: (server: string) => Promise<unknown>;
  readonly save: (server: string, snapshot: Snapshot) => Promise<void>;
  /** Starts a server, so that `refreshed` gets a source. Rejects when it cannot be started. */
  readonly start: (server: string) => Promise<void>;
  /** Why a server is not there, for people. */
  readonly problem: (server: string) => string | undefined;
  readonly onChanged: (kinds: ReadonlySet<ListKind>) => void;
  readonly log: (level: 'debug' | 'info' | 'warn', text: string, detail?: Readonly<Record<string, unknown>>) => void;
  readonly now: () => number;
}

/** What every gateway can do until its servers have said what they can. */
const FULL_CAPABILITIES: JsonObject = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  logging: {},
  completions: {},
};

const INSTRUCTIONS_LENGTH = 200;

export class CatalogRoom {
  readonly #options: CatalogOptions;
  readonly #snapshots: Map<string, Snapshot> = new Map();
  readonly #refreshing: Map<string, Promise<void>> = new Map();
  readonly #starting: Map<string, Promise<void>> = new Map();
  #catalog: Catalog | undefined;
  #lists: Lists | undefined;
  #missingKey = '';

  constructor(options: CatalogOptions) {
    this.#options = options;
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
    const missing = this.missing();
    const key = JSON.stringify(missing);
    if (this.#lists === undefined || key !== this.#missingKey) {
      this.#missingKey = key;
      this.#lists = prepareLists(this.catalog, missing, this.#options.info);
    }
    return this.#lists;
  }

  snapshot(server: string): Snapshot | undefined {
    return this.#snapshots.get(server);
  }

  /** Servers whose offer is not known, with the reason. */
  missing(): readonly Missing[] {
    return this.#unknown().map((server) => ({
      server,
      reason: this.#options.problem(server) ?? 'It has not answered yet.',
    }));
  }

  /** Starts the servers that were never heard of and waits for them, until the deadline. */
  async ready(): Promise<void> {
    const unknown = this.#unknown();
    if (unknown.length === 0) return;
    const all = Promise.all(unknown.map((server) => this.#begin(server)));
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#options.deadlineMs);
    await Promise.race([all, promise]);
    clearTimeout(timer);
  }

  /** Reads all lists of a server that has just come up, or those of some kinds. Never rejects. */
  refresh(server: string, source: Source, kinds: readonly ListKind[] = LIST_KINDS): Promise<void> {
    const before = this.#refreshing.get(server) ?? Promise.resolve();
    const running = before.then(() => this.#read(server, source, kinds));
    this.#refreshing.set(server, running);
    return running;
  }

  /** What is declared to clients: the union of what the servers can, all of it while one of them is unknown. */
  capabilities(): JsonObject {
    const known = this.#options.servers.flatMap((rules) => {
      const snapshot = this.#snapshots.get(rules.name);
      return snapshot === undefined ? [] : [offered(snapshot.capabilities, rules)];
    });
    const complete = known.length === this.#options.servers.length && known.length > 0;
    return known.reduce(mergeObjects, complete ? {} : FULL_CAPABILITIES);
  }

  /** The servers' own instructions, the beginning of each. */
  instructions(): string | undefined {
    const parts = this.#options.servers.flatMap(({ name }) => {
      const text = this.#snapshots.get(name)?.instructions?.trim();
      if (text === undefined || text === '') return [];
      return [`${name}: ${text.length > INSTRUCTIONS_LENGTH ? `${text.slice(0, INSTRUCTIONS_LENGTH - 1)}…` : text}`];
    });
    return parts.length === 0 ? undefined : parts.join('\n');
  }

  #unknown(): string[] {
    return this.#options.servers.filter(({ name }) => !this.#snapshots.has(name)).map(({ name }) => name);
  }

  #begin(server: string): Promise<void> {
    const under = this.#starting.get(server);
    if (under !== undefined) return under;
    const started = this.#options
      .start(server)
      .then(() => this.#refreshing.get(server))
      .catch((error: unknown) =>
        this.#options.log('warn', 'a server could not be started', { server, error: String(error) }),
      )
      .finally(() => this.#starting.delete(server));
    this.#starting.set(server, started);
    return started;
  }

  async #read(server: string, source: Source, kinds: readonly ListKind[]): Promise<void> {
    const rules = this.#options.servers.find(({ name }) => name === server);
    if (rules === undefined) return;
    const old = this.#snapshots.get(server);
    const lists = await Promise.all(LIST_KINDS.map((kind) => this.#readList(server, source, kind, kinds, old)));
    const [tools, prompts, resources, templates] = lists as [JsonObject[], JsonObject[], JsonObject[], JsonObject[]];
    const { capabilities, info, instructions } = source;
    const snapshot: Snapshot = {
      ...{ tools, prompts, resources, templates, capabilities, info, instructions },
      atMs: this.#options.now(),
      fingerprint: rules.fingerprint,
    };
    this.#snapshots.set(server, snapshot);
    this.#changed(old, snapshot);
    await this.#options.save(server, snapshot);
  }

  async #readList(
    server: string,
    source: Source,
    kind: ListKind,
    wanted: readonly ListKind[],
    old: Snapshot | undefined,
  ): Promise<readonly JsonObject[]> {
    const { method, member, capability } = LISTS[kind];
    if (source.capabilities[capability] === undefined) return [];
    if (!wanted.includes(kind) && old !== undefined) return old[kind];
    try {
      return usableEntries(kind, await source.list(method, member));
    } catch (error) {
      // Templates and prompts are often declared and not served: what was known before stays, else nothing.
      this.#options.log('debug', 'a list could not be read', { server, method, error: String(error) });
      return old?.[kind] ?? [];
    }
  }

  #changed(old: Snapshot | undefined, snapshot: Snapshot): void {
    const kinds = new Set(
      LIST_KINDS.filter((kind) => JSON.stringify(old?.[kind] ?? []) !== JSON.stringify(snapshot[kind])),
    );
    this.#invalidate();
    if (kinds.size > 0) this.#options.onChanged(kinds);
  }

  #invalidate(): void {
    this.#catalog = undefined;
    this.#lists = undefined;
  }
}

/** A server's capabilities without the features that are switched off, with the changes that the gateway reports itself. */
function offered(capabilities: JsonObject, { features }: OfferRules): JsonObject {
  const { tools, prompts, resources, ...others } = capabilities;
  return {
    ...others,
    ...(tools !== undefined && features.tools && { tools: mergeObjects(tools as JsonObject, { listChanged: true }) }),
    ...(prompts !== undefined &&
      features.prompts && { prompts: mergeObjects(prompts as JsonObject, { listChanged: true }) }),
    ...(resources !== undefined &&
      features.resources && { resources: mergeObjects(resources as JsonObject, { listChanged: true }) }),
  };
}
