/**
 * Offers of servers merged: names, owners, definitions as clients see them. Pure: the same configuration and snapshots
 * give the same catalogue, byte for byte. Which servers and tools are merged was decided before (selection.ts).
 */

import { HASH_LENGTHS, matchesLiterals, shownName, type Naming } from './naming.ts';
import {
  entryNamed,
  type Entry,
  type Hidden,
  type NamedEntry,
  type NamedOffer,
  type Offered,
  type TemplateEntry,
  type ToolEntry,
} from './offer.ts';

/** What one endpoint shows. */
export interface Catalog {
  /** By shown name. */
  readonly tools: ReadonlyMap<string, ToolEntry>;
  readonly prompts: ReadonlyMap<string, NamedEntry>;
  /** By URI. */
  readonly resources: ReadonlyMap<string, Entry>;
  readonly templates: ReadonlyMap<string, TemplateEntry>;
  /** Templates by which URIs are found: also those of which an audience may see a part alone. */
  readonly routes: readonly TemplateEntry[];
  readonly hidden: readonly Hidden[];
  /** Tools that would be shown and are kept back, by the name that they would have. */
  readonly quarantined: ReadonlyMap<string, ToolEntry>;
  /** True for the canonical id of a server's tool or prompt that must not be reached here, by whatever method. */
  withholds(id: string, server: string): boolean;
}

/** Tools or prompts under their shown names. */
export interface MergedNames<E extends NamedEntry> {
  readonly entries: ReadonlyMap<string, E>;
  readonly hidden: readonly Hidden[];
  readonly withheld: ReadonlySet<string>;
  readonly quarantined: ReadonlyMap<string, E>;
}

/** Resources by URI, or templates by URI template. */
export interface MergedUris<E extends Entry> {
  readonly entries: ReadonlyMap<string, E>;
  readonly hidden: readonly Hidden[];
}

/** In the order of the offers: the first one keeps a name that two want. */
export function mergeNames<E extends NamedEntry>(offers: readonly NamedOffer<E>[], naming: Naming): MergedNames<E> {
  const entries = new Map<string, E>();
  const hidden: Hidden[] = [];
  const withheld = new Set<string>();
  for (const offer of offers) {
    for (const id of offer.withheld) withheld.add(id);
    hidden.push(...offer.hidden);
    for (const offered of offer.offered) {
      const wanted = nameOf(offer.server, offered, naming, HASH_LENGTHS[0]);
      const name = entries.has(wanted) ? nameOf(offer.server, offered, naming, HASH_LENGTHS[1]) : wanted;
      const owner = entries.get(name);
      if (owner === undefined) {
        entries.set(name, entryNamed(offered, name));
        continue;
      }
      const reason = `the name ${wanted} belongs to ${owner.server}`;
      hidden.push({ server: offer.server, what: offered.original, reason });
      withheld.add(offered.unnamed.id);
    }
  }
  return { entries, hidden, withheld, quarantined: quarantinedIn(offers, naming, entries) };
}

/** They take no name that something else is shown under. */
function quarantinedIn<E extends NamedEntry>(
  offers: readonly NamedOffer<E>[],
  naming: Naming,
  shown: ReadonlyMap<string, E>,
): ReadonlyMap<string, E> {
  const named = offers.flatMap(({ quarantined, server }) =>
    quarantined.map((offered) => entryNamed(offered, nameOf(server, offered, naming, HASH_LENGTHS[0]))),
  );
  return new Map(named.filter(({ name }) => !shown.has(name)).map((entry) => [entry.name, entry]));
}

/** A name with a hash that is taken gets a longer hash. */
function nameOf(
  server: string,
  { original, label }: Offered<NamedEntry>,
  naming: Naming,
  hashLength: (typeof HASH_LENGTHS)[number],
): string {
  return shownName(server, original, label, naming, hashLength);
}

/** URIs are never rewritten: the first owner in the order of the offers keeps one. */
export function mergeUris<E extends Entry>(offers: readonly (readonly E[])[], what: string): MergedUris<E> {
  const entries = new Map<string, E>();
  const hidden: Hidden[] = [];
  for (const entry of offers.flat()) {
    const owner = entries.get(entry.original);
    if (owner === undefined) entries.set(entry.original, entry);
    else hidden.push({ server: entry.server, what: entry.original, reason: `the ${what} belongs to ${owner.server}` });
  }
  return { entries, hidden };
}

/** Who owns a URI: the resource itself, else the first template that it fits, of a server of which it may be seen. */
export function ownerOfUri(
  { resources, routes }: Catalog,
  uri: string,
  maySee: (server: string) => boolean = () => true,
): Entry | undefined {
  const resource = resources.get(uri);
  if (resource !== undefined && maySee(resource.server)) return resource;
  for (const entry of routes) {
    if (entry.literals.length > 1 && matchesLiterals(uri, entry.literals) && maySee(entry.server)) return entry;
  }
  return undefined;
}
