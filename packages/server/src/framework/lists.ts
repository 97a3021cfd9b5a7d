/**
 * Pages of lists, written once for all who see the same and sent as bytes from then on. What only a handler can tell, the
 * resources of templates, stands after what was added and is asked for each time.
 */

import { META_SERVER_INFO, type Era, type JsonObject } from '@sallyport/wire';
import { errorAnswer, preparedResult, type Answer } from '../exchange.ts';
import type { Viewer } from './context.ts';
import type { Cursors } from './cursors.ts';
import type { Entry, Registry } from './registry.ts';

export type ListKind = 'tools' | 'prompts' | 'resources' | 'resourceTemplates';

export interface ListsOptions {
  /** Entries on one page. */
  readonly pageSize: number;
  readonly cursors: Cursors;
  /** Name and version of the server. */
  readonly info: JsonObject;
}

/** Audiences whose pages are kept, of each list. */
const MAX_AUDIENCES = 64;

export class Lists {
  readonly #options: ListsOptions;
  readonly #kept: Map<string, Answer> = new Map();
  #keptEditions: Map<ListKind, number> = new Map();

  constructor(options: ListsOptions) {
    this.#options = options;
  }

  /** The page at a cursor. `more` is what comes after all that was added. */
  page(kind: ListKind, registry: Registry<Entry>, { era, cursor, viewer, more = [] }: Asked): Answer {
    const from = cursor === undefined ? -1 : this.#read(kind, cursor);
    if (from === undefined) return errorAnswer('invalid_params', era, 'The cursor is not one of this list.');
    if (more.length > 0) return this.#mixed(kind, [...shownTo(registry, viewer), ...more], era, Math.max(from, 0));
    const key = `${kind} ${era} ${from} ${registry.audienceOf(viewer)}`;
    this.#forget(kind, registry.edition);
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const page = this.#made(kind, registry, viewer, era, from);
    if (this.#kept.size >= MAX_AUDIENCES) this.#kept.clear();
    this.#kept.set(key, page);
    return page;
  }

  #read(kind: ListKind, cursor: unknown): number | undefined {
    return typeof cursor === 'string' ? this.#options.cursors.read(kind, cursor) : undefined;
  }

  #forget(kind: ListKind, edition: number): void {
    if (this.#keptEditions.get(kind) === edition) return;
    this.#keptEditions.set(kind, edition);
    for (const key of this.#kept.keys()) if (key.startsWith(`${kind} `)) this.#kept.delete(key);
  }

  /** What was added after the place `from`. */
  #made(kind: ListKind, registry: Registry<Entry>, viewer: Viewer, era: Era, from: number): Answer {
    const { pageSize } = this.#options;
    const page: JsonObject[] = [];
    let last = from;
    for (const { entry, place } of registry.seenBy(viewer)) {
      if (place <= from) continue;
      if (page.length === pageSize) return this.#answer(kind, page, era, last);
      page.push(entry.shown);
      last = place;
    }
    return this.#answer(kind, page, era, undefined);
  }

  /** Counted, since what a handler tells has no places. */
  #mixed(kind: ListKind, all: readonly JsonObject[], era: Era, from: number): Answer {
    const end = from + this.#options.pageSize;
    return this.#answer(kind, all.slice(from, end), era, end < all.length ? end : undefined);
  }

  #answer(kind: ListKind, page: readonly JsonObject[], era: Era, next: number | undefined): Answer {
    const { cursors, info } = this.#options;
    return preparedResult(
      JSON.stringify({
        [kind]: page,
        ...(next !== undefined && { nextCursor: cursors.make(kind, next) }),
        ...(era === 'stateless' && {
          resultType: 'complete',
          ttlMs: 0,
          cacheScope: 'private',
          _meta: { [META_SERVER_INFO]: info },
        }),
      }),
    );
  }
}

export interface Asked {
  readonly era: Era;
  readonly cursor: unknown;
  readonly viewer: Viewer;
  readonly more?: readonly JsonObject[];
}

function shownTo(registry: Registry<Entry>, viewer: Viewer): JsonObject[] {
  return [...registry.seenBy(viewer)].map(({ entry }) => entry.shown);
}
