/** What of an endpoint's catalogue is another than before: for those who look at it, and for those who own it. */

import type { Catalog } from './merge.ts';
import type { Entry } from './offer.ts';
import { LIST_KINDS, type ListKind } from './snapshot.ts';

export interface CatalogChange {
  /** Kinds whose lists look different now. */
  readonly kinds: ReadonlySet<ListKind>;
  /** True when resources or templates may belong to other servers. */
  readonly owners: boolean;
}

/** What is another after than it was in any of the catalogues before. */
export function changeBetween(before: readonly Catalog[], after: Catalog): CatalogChange {
  return {
    kinds: new Set(LIST_KINDS.filter((kind) => !before.every((each) => areAlike(each[kind], after[kind], looksSame)))),
    owners: !before.every(
      ({ resources, routes }) =>
        areAlike(resources, after.resources, isOwnedSame) && areRoutedAlike(routes, after.routes),
    ),
  };
}

type Entries = ReadonlyMap<string, Entry>;

/** In order too. What the configuration hides may change without anybody being told. */
function areAlike(before: Entries, after: Entries, isAlike: (one: Entry, other: Entry) => boolean): boolean {
  if (before === after) return true;
  if (before.size !== after.size) return false;
  const entries = after.values();
  return [...before.values()].every((one) => isAlike(one, entries.next().value as Entry));
}

function areRoutedAlike(before: Catalog['routes'], after: Catalog['routes']): boolean {
  if (before === after) return true;
  return before.length === after.length && before.every((one, at) => isOwnedSame(one, after[at] as Entry));
}

function looksSame(one: Entry, other: Entry): boolean {
  return one.shown === other.shown || JSON.stringify(one.shown) === JSON.stringify(other.shown);
}

function isOwnedSame(one: Entry, other: Entry): boolean {
  return one.server === other.server && one.original === other.original;
}
