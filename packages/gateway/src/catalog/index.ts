/**
 * The catalogue: the last known offer of every server, merged for each endpoint, and kept fresh. Nothing is merged before
 * somebody asks, and changes are told once for everything that came in one turn. It asks servers through functions it is
 * given; it knows no transport.
 */

import type { JsonObject } from '@sallyport/wire';
import type { Audience, Vantage } from '../call.ts';
import type { CatalogChange } from './changes.ts';
import { createRootNames, type Edition, type RootNames } from './composing.ts';
import { Intake, type IntakeOptions } from './intake.ts';
import { Pages } from './lists.ts';
import { createOfferOf, type OfferOf } from './offer.ts';
import { endpointNamed, place, type Placed } from './place.ts';
import type { Source } from './reading.ts';
import { placesOf, select, type Setup } from './selection.ts';
import { LIST_KINDS, type ListKind, type Snapshot } from './snapshot.ts';
import { CatalogView } from './view.ts';

export type { CatalogChange } from './changes.ts';
export { unionCapabilities } from './capabilities.ts';
export type { Placed } from './place.ts';
export type { Source } from './reading.ts';
export type { CatalogServer, Setup, ViewRules } from './selection.ts';
export { LIST_KINDS, type ListKind } from './snapshot.ts';
export type { CatalogView } from './view.ts';

export interface CatalogOptions extends IntakeOptions {
  readonly setup: Setup;
  /** The endpoint that shows everything, where the others are below; then other names of the same (`/sse`, `stdio`). */
  readonly roots: readonly [string, ...string[]];
  /** Name and version of this gateway. */
  readonly info: JsonObject;
  /** Entries on one page. */
  readonly pageSize?: number;
  /** Why a server is not there, in words that every client may read. */
  readonly problem: (server: string) => string | undefined;
  /** Where somebody wants to hear of changes. */
  readonly watched: () => Iterable<Vantage>;
  /** Called for what is watched alone, and only when something changed there. */
  readonly onChanged: (vantage: Vantage, change: CatalogChange) => void;
  /** When changes are told: after everything that comes in the same turn. */
  readonly schedule?: (tell: () => void) => void;
}

export interface Replaced {
  /** Endpoints that were there and are not any more. */
  readonly gone: readonly string[];
  /** Servers that were there and are not any more, under any fingerprint. */
  readonly removed: ReadonlySet<string>;
}

/** Views that are made when they are asked for, and kept. One that was dropped is made again from its name. */
const MAX_VIEWS = 64;
/** Requests whose place is remembered as they were written. */
const MAX_PLACES = 256;

export class CatalogRoom {
  /** Everything, as it is shown at the root. */
  readonly root: CatalogView;
  readonly #options: CatalogOptions;
  readonly #intake: Intake;
  readonly #offerOf: OfferOf = createOfferOf();
  readonly #rootNames: RootNames;
  readonly #viewsStart: string;
  readonly #pages: Pages = new Pages();
  /** The root under its names, and the views of the configuration. */
  readonly #lasting: Map<string, CatalogView> = new Map();
  readonly #passing: Map<string, CatalogView> = new Map();
  /** What is made for one audience goes with it. */
  readonly #narrowed: WeakMap<Audience, Map<string, CatalogView>> = new WeakMap();
  readonly #places: Map<string, Placed> = new Map();
  #edition: Edition;
  /** The edition that changes were told up to, while there is something to tell. */
  #told: Edition | undefined;

  constructor(options: CatalogOptions) {
    this.#options = options;
    this.#viewsStart = `${options.roots[0]}/v/`;
    this.#intake = new Intake(options, () => this.#become({ ...this.#edition, snapshots: this.#intake.snapshots }));
    this.#intake.use(options.setup.servers);
    this.#rootNames = createRootNames(this.#offerOf);
    this.#edition = { setup: options.setup, snapshots: this.#intake.snapshots };
    this.root = this.#newView(options.roots[0]);
    this.#keepLasting();
  }

  /** Loads what is known from before. Rejects when the store cannot be read. */
  open(): Promise<void> {
    return this.#intake.recall();
  }

  /** Where a request goes by its path and its query (without `?`). What its audience may not see is not there. */
  place(path: string, query: string, audience?: Audience): Placed {
    if (audience !== undefined) {
      const { roots } = this.#options;
      if (query === '' && roots.includes(path)) return { name: path };
      return place(path, query, placesOf(this.#edition.setup, roots, audience));
    }
    if (query === '' && this.#lasting.has(path)) return { name: path };
    const key = `${path}?${query}`;
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const placed = place(path, query, placesOf(this.#edition.setup, this.#options.roots));
    // What does not exist is not remembered: there is no end of it.
    if (typeof placed === 'object') {
      if (this.#places.size >= MAX_PLACES) this.#places.clear();
      this.#places.set(key, placed);
    }
    return placed;
  }

  /** The view of an endpoint, by its canonical name. One that is not there any more shows nothing. */
  view(endpoint: string, audience?: Audience): CatalogView {
    if (audience !== undefined) return this.#narrowedView(endpoint, audience);
    return this.#lasting.get(endpoint) ?? this.#recent(this.#passing, endpoint, undefined);
  }

  /** Name of the view of the configuration that an endpoint belongs to. */
  viewNameOf(endpoint: string): string | undefined {
    const start = this.#viewsStart;
    return endpoint.startsWith(start) ? endpoint.slice(start.length).split('?', 1)[0] : undefined;
  }

  /** A view of the configuration by its name, or the root; undefined when there is no such view. */
  viewNamed(name: string | undefined, audience?: Audience): CatalogView | undefined {
    if (name === undefined) return this.view(this.#options.roots[0], audience);
    if (!Object.hasOwn(this.#edition.setup.views, name)) return undefined;
    return this.view(`${this.#viewsStart}${name}`, audience);
  }

  snapshot(server: string): Snapshot | undefined {
    return this.#edition.snapshots.get(server);
  }

  /** Reads lists of a server that has just come up, or with no kinds its capabilities alone. Never rejects. */
  refresh(server: string, source: Source, kinds: readonly ListKind[] = LIST_KINDS): Promise<void> {
    return this.#intake.refresh(server, source, kinds);
  }

  /**
   * Uses another configuration from now on. Servers with the same fingerprint keep what is known of them; of new ones it
   * is what the store has, a moment later, and what they say themselves once somebody asks.
   */
  replace(setup: Setup): Replaced {
    const { log, roots, watched } = this.#options;
    const before = this.#edition.setup;
    const [had, has] = [placesOf(before, roots), placesOf(setup, roots)];
    const watchedNames = [...watched()].map(({ endpoint }) => endpoint);
    const endpoints = new Set([...watchedNames, ...this.#lasting.keys(), ...this.#passing.keys()]);
    const gone = [...endpoints].filter(
      (name) => endpointNamed(name, had) !== undefined && endpointNamed(name, has) === undefined,
    );
    const removed = before.servers.map(({ name }) => name).filter((name) => !has.hasServer(name));
    this.#intake.use(setup.servers);
    this.#become({ setup, snapshots: this.#intake.snapshots });
    this.#places.clear();
    this.#keepLasting();
    this.#intake
      .recall()
      .catch((error: unknown) => log('warn', 'stored catalogues could not be read', { error: String(error) }));
    return { gone, removed: new Set(removed) };
  }

  #become(edition: Edition): void {
    if (this.#told === undefined) {
      this.#told = this.#edition;
      (this.#options.schedule ?? setImmediate)(() => this.#tell());
    }
    this.#edition = edition;
  }

  #tell(): void {
    const before = this.#told as Edition;
    this.#told = undefined;
    // Servers that came, went or became the only one change who owns what, also where no list shows it.
    const isOtherSetup = before.setup !== this.#edition.setup;
    for (const vantage of this.#options.watched()) {
      const { kinds, owners } = this.view(vantage.endpoint, vantage.audience).changeSince(before);
      if (kinds.size > 0 || owners || isOtherSetup) {
        this.#options.onChanged(vantage, { kinds, owners: owners || isOtherSetup });
      }
    }
  }

  #keepLasting(): void {
    const { views } = this.#edition.setup;
    const known = new Map(this.#lasting);
    this.#lasting.clear();
    for (const root of this.#options.roots) this.#lasting.set(root, this.root);
    for (const name of Object.keys(views)) {
      const endpoint = `${this.#viewsStart}${name}`;
      this.#lasting.set(endpoint, known.get(endpoint) ?? this.#newView(endpoint));
    }
  }

  #narrowedView(endpoint: string, audience: Audience): CatalogView {
    let views = this.#narrowed.get(audience);
    if (views === undefined) this.#narrowed.set(audience, (views = new Map()));
    return this.#recent(views, endpoint, audience);
  }

  #recent(views: Map<string, CatalogView>, endpoint: string, audience: Audience | undefined): CatalogView {
    const view = views.get(endpoint) ?? this.#newView(endpoint, audience);
    views.delete(endpoint);
    views.set(endpoint, view);
    if (views.size > MAX_VIEWS) views.delete(views.keys().next().value as string);
    return view;
  }

  #newView(endpoint: string, audience?: Audience): CatalogView {
    const { info, pageSize, problem, roots } = this.#options;
    return new CatalogView({
      name: audience === undefined ? endpoint : `${endpoint} ${audience.key}`,
      edition: () => this.#edition,
      select: (setup) => select(endpointNamed(endpoint, placesOf(setup, roots, audience)), setup, audience),
      offerOf: this.#offerOf,
      rootNames: this.#rootNames,
      ready: (servers, kinds) => this.#intake.ready(servers, kinds),
      problem,
      pages: this.#pages,
      info,
      ...(pageSize !== undefined && { pageSize }),
    });
  }
}
