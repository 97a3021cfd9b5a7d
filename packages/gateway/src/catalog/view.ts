/**
 * One endpoint's part of the catalogue: what is shown there, in prepared lists too, what is declared, and who owns what.
 * It follows the room's editions by itself and holds nothing that cannot be made again from its name.
 */

import { isObject, type JsonObject } from '@sallyport/wire';
import type { DiscoverySetting } from '../meta.ts';
import { FULL_CAPABILITIES, offeredCapabilities, unionCapabilities } from './capabilities.ts';
import { changeBetween, type CatalogChange } from './changes.ts';
import { createCompose, type Compose, type Edition, type RootNames } from './composing.ts';
import { createLists, type Lists, type ListsOptions, type Missing } from './lists.ts';
import { ownerOfUri, type Catalog } from './merge.ts';
import type { OfferOf } from './offer.ts';
import type { Screen } from './screened.ts';
import type { Selection, Setup } from './selection.ts';
import { LIST_KINDS, type ListKind, type Snapshot } from './snapshot.ts';

export interface ViewOptions extends Pick<ListsOptions, 'name' | 'pages' | 'info' | 'pageSize'> {
  /** The present one. */
  readonly edition: () => Edition;
  readonly select: (setup: Setup) => Selection;
  readonly offerOf: OfferOf;
  readonly screen: Pick<Screen, 'instructions'> | undefined;
  readonly rootNames: RootNames;
  readonly ready: (servers: readonly string[], kinds: readonly ListKind[]) => Promise<void>;
  /** Why a server is not there, in words that every client may read. */
  readonly problem: (server: string) => string | undefined;
}

/** What an endpoint is made of in one edition. */
interface Present {
  readonly edition: Edition;
  readonly selection: Selection;
  /** Of the servers. */
  readonly names: readonly string[];
}

/** What it shows. */
interface Shown {
  readonly edition: Edition;
  readonly catalog: Catalog;
}

const NO_CHANGE: CatalogChange = { kinds: new Set(), owners: false };

const INSTRUCTIONS_LENGTH = 200;
/** Characters of all of them, where not even the tools are shown. */
const ALL_INSTRUCTIONS_LENGTH = 2000;

/**
 * What somebody sees when lists of some kinds are there, as far as servers answer in time. A server that is asked for them may
 * turn out to have something else for each principal: then that is waited for as well.
 */
export async function readyView<V extends Pick<CatalogView, 'ready'>>(
  see: () => V,
  kinds: readonly ListKind[] = LIST_KINDS,
): Promise<V> {
  const view = see();
  await view.ready(kinds);
  const seen = see();
  if (seen !== view) await seen.ready(kinds);
  return seen;
}

export class CatalogView {
  readonly lists: Lists;
  readonly #options: ViewOptions;
  readonly #compose: Compose;
  #present: Present | undefined;
  /** Composed when somebody looks. */
  #shown: Shown | undefined;

  constructor(options: ViewOptions) {
    this.#options = options;
    this.#compose = createCompose(options.offerOf, options.rootNames);
    this.lists = createLists({
      ...options,
      catalog: () => this.catalog,
      missing: (kind) => this.missing([kind]),
    });
  }

  get catalog(): Catalog {
    const { edition, selection } = this.#current;
    if (this.#shown?.edition !== edition) this.#shown = { edition, catalog: this.#compose(edition, selection) };
    return this.#shown.catalog;
  }

  /** Names, in configuration order. */
  get servers(): readonly string[] {
    return this.#current.names;
  }

  /** How it is shown. */
  get discovery(): DiscoverySetting {
    return this.#current.selection.discovery;
  }

  /** What is known of a server here. */
  snapshot(server: string): Snapshot | undefined {
    return this.#current.edition.snapshots.get(server);
  }

  /** What is another here than in a view that was looked at until now. */
  changeFrom(before: CatalogView): CatalogChange {
    return changeBetween([before.catalog], this.catalog);
  }

  /** What is another than in an earlier edition, or than what was shown to somebody since. */
  changeSince(edition: Edition): CatalogChange {
    const seen = this.#shown;
    const now = this.#options.edition();
    if (edition === now && (seen === undefined || seen.edition === now)) return NO_CHANGE;
    const before = seen?.edition === edition ? [] : [this.#catalogIn(edition)];
    return changeBetween(seen === undefined ? before : [...before, seen.catalog], this.catalog);
  }

  /** The server that a URI belongs to here. One server alone is meant also with what it does not list. */
  ownerOf(uri: string): string | undefined {
    const { selection } = this.#current;
    // A template that may be seen is not yet every URI that fits it, nor is one that may not be seen none of them.
    const maySee = (server: string): boolean => selection.audience?.maySee('resource', server, uri) !== false;
    const owner = ownerOfUri(this.catalog, uri, maySee);
    if (owner !== undefined) return owner.server;
    const [only] = selection.servers.length === 1 ? selection.servers : [];
    return only !== undefined && only.features.resources && maySee(only.name) ? only.name : undefined;
  }

  /** True when a server declares a capability, or has not said yet what it can. */
  can(server: string, capability: string, flag?: string): boolean {
    const snapshot = this.snapshot(server);
    if (snapshot === undefined) return true;
    const declared = snapshot.capabilities[capability];
    return flag === undefined ? declared !== undefined : isObject(declared) && declared[flag] === true;
  }

  /** Waits, until the deadline, for lists that were never heard of. */
  ready(kinds: readonly ListKind[] = LIST_KINDS): Promise<void> {
    return this.#options.ready(this.servers, kinds);
  }

  /** Servers whose offer of some kinds is not known, with the reason. */
  missing(kinds: readonly ListKind[] = LIST_KINDS): readonly Missing[] {
    const { edition } = this.#current;
    return this.known.flatMap((server) => {
      const unread = edition.snapshots.get(server)?.unread.filter((kind) => kinds.includes(kind));
      if (unread?.length === 0) return [];
      if (edition.locked.has(server)) return [{ server, reason: `It needs a login first: ${loginTo(server)}.` }];
      if (unread !== undefined) return [{ server, reason: `It has not given its list of ${unread.join(', ')}.` }];
      return [{ server, reason: this.#options.problem(server) ?? 'It has not answered yet.' }];
    });
  }

  /** What is declared to clients: the union of what the servers can, all of it while one of them is unknown. */
  capabilities(): JsonObject {
    const { edition, selection } = this.#current;
    const known = selection.servers.flatMap((rules) => {
      const snapshot = edition.snapshots.get(rules.name);
      return snapshot === undefined ? [] : [offeredCapabilities(snapshot.capabilities, rules)];
    });
    const isOpen = selection.servers.every(({ name }) => !edition.locked.has(name));
    const complete = isOpen && known.length === selection.servers.length && known.length > 0;
    return known.reduce(unionCapabilities, complete ? {} : FULL_CAPABILITIES);
  }

  /** The servers' own instructions, the beginning of each, and which of them have more to say after a login. */
  instructions(): string | undefined {
    const { edition, selection } = this.#current;
    const said = this.known.flatMap((name) => {
      const own = edition.snapshots.get(name)?.instructions?.trim() ?? '';
      const text = own === '' ? own : screenedText(this.#options.screen, name, own);
      if (text === '') return [];
      return [selection.isAlone ? beginning(text) : `${name}: ${beginning(text)}`];
    });
    const parts = selection.discovery.mode === 'full' ? said : fitting(said);
    const locked = this.known.filter((name) => edition.locked.has(name));
    if (locked.length > 0)
      parts.push(`Needs a login first: ${locked.map((name) => `${name} (${loginTo(name)})`).join(', ')}.`);
    return parts.length === 0 ? undefined : parts.join('\n');
  }

  /** Composed apart, so that what is kept of the present one stays. */
  #catalogIn(edition: Edition): Catalog {
    const { offerOf, rootNames, select } = this.#options;
    return createCompose(offerOf, rootNames)(edition, select(edition.setup));
  }

  /** Servers that may be spoken of. */
  get known(): readonly string[] {
    const { names, selection } = this.#current;
    return names.filter((name) => selection.audience?.mayKnow(name) !== false);
  }

  get #current(): Present {
    const edition = this.#options.edition();
    const last = this.#present;
    if (last?.edition === edition) return last;
    const { setup } = edition;
    const selection = last?.edition.setup === setup ? last.selection : this.#options.select(setup);
    const names = selection.servers.map(({ name }) => name);
    this.#present = { edition, selection, names };
    return this.#present;
  }
}

/** The first ones, as many as there is room for. */
function fitting(texts: readonly string[]): string[] {
  let left = ALL_INSTRUCTIONS_LENGTH;
  return texts.filter((text) => (left -= text.length) >= 0);
}

function loginTo(server: string): string {
  return `sallyport login ${server}`;
}

function screenedText(screen: ViewOptions['screen'], server: string, text: string): string {
  return screen === undefined ? text : (screen.instructions(server, text) ?? '');
}

/** Cut between characters, never in one. */
function beginning(text: string): string {
  if (text.length <= INSTRUCTIONS_LENGTH) return text;
  const cut = text.slice(0, INSTRUCTIONS_LENGTH - 1);
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}
