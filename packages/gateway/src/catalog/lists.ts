/**
 * The lists of one endpoint as prepared bytes, per kind and era, made when they are asked for and kept as long as what
 * they show is the same; a list request touches no server. A page holds as much as any client takes at once; a cursor
 * names a place in one version of a list and is sealed by whoever asks for it.
 */

import { createHash } from 'node:crypto';
import { preparedResult, type Answer } from '@sallyport/server';
import { META_SERVER_INFO, type Era, type JsonObject } from '@sallyport/wire';
import type { Catalog } from './merge.ts';
import type { Entry } from './offer.ts';
import { LISTS, type ListKind } from './snapshot.ts';

/** Entries on one page. */
const PAGE_SIZE = 20_000;
/** Of all prepared pages, those of every endpoint; the one asked for last is kept whatever its size. */
const MAX_PREPARED_BYTES = 32 * 1024 * 1024;
/** What a page costs beside its bytes. */
const PAGE_OVERHEAD_BYTES = 1024;

/** A server that is missing from the lists, as it is told to clients. */
export interface Missing {
  readonly server: string;
  readonly reason: string;
}

/** `_meta` of a list from which servers are missing. */
const META_MISSING = 'sallyport/missing';

/** Members that the stateless era does not know on a tool. */
const SESSION_ONLY: readonly string[] = ['execution'];

export interface Lists {
  /** Of all four: the same content has the same version, on every run. */
  readonly version: string;
  versionOf(kind: ListKind): string;
  /** One page that begins at `offset`; `cursor` turns the next page's offset into text. */
  page(kind: ListKind, era: Era, offset: number, cursor: (offset: number) => string): Answer;
  /** What one server alone has, whole. */
  ofServer(kind: ListKind, era: Era, server: string): Answer;
}

type Entries = ReadonlyMap<string, Entry>;

interface Prepared {
  /** A page must not keep alive what it was made of. */
  readonly entries: WeakRef<Entries>;
  /** What is said to be missing, as text. */
  readonly missing: string;
  readonly answer: Answer;
  readonly bytes: number;
}

/** Prepared pages of all endpoints, within a bound in bytes: the ones that were not asked for longest go first. */
export class Pages {
  readonly #pages: Map<string, Prepared> = new Map();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number = MAX_PREPARED_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** The page under a key, if it shows these very entries and says the same of what is missing. */
  get(key: string, entries: Entries, missing: string): Answer | undefined {
    const page = this.#pages.get(key);
    if (page === undefined || page.entries.deref() !== entries || page.missing !== missing) return undefined;
    this.#pages.delete(key);
    this.#pages.set(key, page);
    return page.answer;
  }

  put(key: string, entries: Entries, missing: string, answer: Answer & { readonly kind: 'result' }): void {
    this.#drop(key);
    const bytes = answer.before.length + answer.after.length + PAGE_OVERHEAD_BYTES;
    this.#pages.set(key, { entries: new WeakRef(entries), missing, answer, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#pages.keys()) {
      if (this.#bytes <= this.#maxBytes || oldest === key) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    this.#bytes -= this.#pages.get(key)?.bytes ?? 0;
    this.#pages.delete(key);
  }
}

export interface ListsOptions {
  /** Of the endpoint. */
  readonly name: string;
  readonly catalog: () => Catalog;
  readonly missing: (kind: ListKind) => readonly Missing[];
  readonly pages: Pages;
  /** Name and version of this gateway. */
  readonly info: JsonObject;
  /** Entries on one page. */
  readonly pageSize?: number;
}

export function createLists(options: ListsOptions): Lists {
  const { name, pages, info, pageSize = PAGE_SIZE } = options;
  const versions = new WeakMap<Entries, string>();
  const versionOf = (kind: ListKind): string => {
    const entries = options.catalog()[kind];
    const version = versions.get(entries) ?? digest([...entries.values()].map(({ shown }) => shown));
    versions.set(entries, version);
    return version;
  };
  return {
    get version() {
      const [tools, prompts, resources, templates] = (['tools', 'prompts', 'resources', 'templates'] as const).map(
        versionOf,
      );
      return digest({ tools, prompts, resources, templates });
    },
    versionOf,
    page: (kind, era, offset, cursor) => {
      const entries = options.catalog()[kind];
      const missing = options.missing(kind);
      const next = offset + pageSize < entries.size ? cursor(offset + pageSize) : undefined;
      const shown = { kind, era, missing, info, next };
      if (offset > 0 || next !== undefined)
        return pageOf([...entries.values()].slice(offset, offset + pageSize), shown);
      const key = `${name} ${kind} ${era}`;
      const missingText = missing.length === 0 ? '' : JSON.stringify(missing);
      const known = pages.get(key, entries, missingText);
      if (known !== undefined) return known;
      const page = pageOf([...entries.values()], shown);
      pages.put(key, entries, missingText, page);
      return page;
    },
    ofServer: (kind, era, server) => {
      const entries = [...options.catalog()[kind].values()].filter((entry) => entry.server === server);
      return pageOf(entries, { kind, era, missing: [], info, next: undefined });
    },
  };
}

interface Shown {
  readonly kind: ListKind;
  readonly era: Era;
  readonly missing: readonly Missing[];
  readonly info: JsonObject;
  readonly next: string | undefined;
}

function pageOf(entries: readonly Entry[], { kind, era, missing, info, next }: Shown): Answer & { kind: 'result' } {
  const list = entries.map(({ shown }) => (era === 'session' ? shown : withoutSessionMembers(shown)));
  const meta: JsonObject = {
    ...(era === 'stateless' && { [META_SERVER_INFO]: info }),
    ...(missing.length > 0 && { [META_MISSING]: missing.map((each) => ({ ...each })) }),
  };
  return preparedResult(
    JSON.stringify({
      [LISTS[kind].member]: list,
      ...(next !== undefined && { nextCursor: next }),
      ...(era === 'stateless' && { resultType: 'complete', ttlMs: 0, cacheScope: 'private' }),
      ...(Object.keys(meta).length > 0 && { _meta: meta }),
    }),
  ) as Answer & { kind: 'result' };
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}

function withoutSessionMembers(entry: JsonObject): JsonObject {
  if (!SESSION_ONLY.some((member) => member in entry)) return entry;
  return Object.fromEntries(Object.entries(entry).filter(([member]) => !SESSION_ONLY.includes(member)));
}
