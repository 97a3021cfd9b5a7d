/**
 * The catalogue: the last known offer of every server, merged for each endpoint, and kept fresh. Where a server says
 * something else to each principal, it is merged for each of them, and nobody is shown what another was told. Nothing is
 * merged before somebody asks, and changes are told once for everything that came in one turn. It asks servers through
 * functions it is given; it knows no transport.
 */

import type { Principal } from '@sallyport/server';
import type { JsonObject } from '@sallyport/wire';
import type { Audience, Owner, Vantage } from '../call.ts';
import type { CatalogChange } from './changes.ts';
import { createRootNames, type Edition, type RootNames } from './composing.ts';
import { Holdings, isOwn, type Whole } from './holding.ts';
import { intercepted, type ListFilter } from './intercepted.ts';
import { Intake, type IntakeOptions, type Known } from './intake.ts';
import { Pages } from './lists.ts';
import { createOfferOf, type OfferOf } from './offer.ts';
import { endpointNamed, place, type Placed } from './place.ts';
import type { Source } from './reading.ts';
import { screened, type Screen } from './screened.ts';
import { placesOf, select, type Setup } from './selection.ts';
import { LIST_KINDS, type ListKind, type Snapshot } from './snapshot.ts';
import { CatalogView } from './view.ts';

export type { CatalogChange } from './changes.ts';
export { unionCapabilities } from './capabilities.ts';
export type { OwnedRecords } from './owned.ts';
export type { Pins } from './pinned.ts';
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
  /** What is kept back of what servers say, and what is flagged. */
  readonly screen?: Screen;
  /** What interceptors leave of lists of tools. */
  readonly filter?: ListFilter;
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
  readonly #offerOf: OfferOf;
  readonly #holdings: Holdings;
  readonly #rootNames: RootNames;
  readonly #viewsStart: string;
  readonly #pages: Pages = new Pages();
  /** The root under its names, and the views of the configuration. */
  readonly #lasting: Map<string, CatalogView> = new Map();
  readonly #passing: Map<string, CatalogView> = new Map();
  /** What is made for one audience goes with it. */
  readonly #narrowed: WeakMap<Audience, Map<string, CatalogView>> = new WeakMap();
  readonly #places: Map<string, Placed> = new Map();
  #edition: Whole;
  /** The edition that changes were told up to, while there is something to tell. */
  #told: Whole | undefined;

  constructor(options: CatalogOptions) {
    this.#options = options;
    const { filter, screen } = options;
    const offerOf = filter === undefined ? createOfferOf() : intercepted(createOfferOf(), filter);
    // What interceptors make of a definition is screened like what came.
    this.#offerOf = screen === undefined ? offerOf : screened(offerOf, screen);
    this.#holdings = new Holdings(this.#offerOf);
    this.#viewsStart = `${options.roots[0]}/v/`;
    this.#intake = new Intake(options, () => this.#become(wholeOf(this.#edition.setup, this.#intake.known)));
    this.#intake.use(options.setup.servers);
    this.#rootNames = createRootNames(this.#offerOf);
    this.#edition = wholeOf(options.setup, this.#intake.known);
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

  /**
   * Who looks at an endpoint: the principal itself where a server there is personal, else whoever sees the same by the policy
   * (`ruled`; undefined without one). The same object for the same eyes.
   */
  audienceOf(endpoint: string, principal: Principal, ruled?: Audience): Audience | undefined {
    const { personal } = this.#edition;
    // Most gateways have none.
    if (personal.size === 0) return ruled;
    const isShared = !this.view(endpoint, ruled).servers.some((server) => personal.has(server));
    return isShared ? ruled : this.#holdings.of(principal).audience(ruled);
  }

  /** Name of the view of the configuration that an endpoint belongs to. */
  viewNameOf(endpoint: string): string | undefined {
    const start = this.#viewsStart;
    return endpoint.startsWith(start) ? endpoint.slice(start.length).split('?', 1)[0] : undefined;
  }

  /** All that there is for a principal. */
  everything(principal: Principal): CatalogView {
    return this.#seen(this.#options.roots[0], principal);
  }

  /**
   * What there is for a principal in a view of the configuration, by its name, or at the root; undefined when there is no such
   * view. All of it without `ruled`.
   */
  viewNamed(name: string | undefined, principal: Principal, ruled?: Audience): CatalogView | undefined {
    if (name !== undefined && !Object.hasOwn(this.#edition.setup.views, name)) return undefined;
    return this.#seen(name === undefined ? this.#options.roots[0] : `${this.#viewsStart}${name}`, principal, ruled);
  }

  /** What anybody may be shown of a server. */
  snapshot(server: string): Snapshot | undefined {
    return this.#edition.snapshots.get(server);
  }

  /**
   * These servers are personal from now on: each principal speaks to them with a token of its own, and is shown what they say
   * to it. What they said to nobody in particular stays for those who have not logged in. Of a server that is personal no
   * more, nothing stays that it said to single principals.
   */
  usePersonal(servers: ReadonlySet<string>): void {
    this.#intake.usePersonal(servers);
  }

  /** Reads lists of a server that has just come up, or with no kinds its capabilities alone. Never rejects. */
  refresh(server: string, source: Source, kinds: readonly ListKind[] = LIST_KINDS): Promise<void> {
    return this.#intake.refresh(server, source, kinds);
  }

  /**
   * Reads lists of a personal server for an owner: its instance has come up, says that they changed, or has another token
   * now. Never rejects; of a server that is not personal nothing is read.
   */
  refreshFor(server: string, owner: Owner, source: Source, kinds: readonly ListKind[] = LIST_KINDS): Promise<void> {
    return this.#intake.refreshFor(server, owner, source, kinds);
  }

  /**
   * An owner (`principalKey`) has logged out of a server, or without one the gateway itself: what was shown of it is gone at
   * once, and from the store when this resolves. Rejects when the store cannot be written.
   */
  forget(server: string, owner: string | undefined): Promise<void> {
    return this.#intake.forget(server, owner);
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
    this.#become(wholeOf(setup, this.#intake.known));
    this.#places.clear();
    this.#keepLasting();
    this.#intake
      .recall()
      .catch((error: unknown) => log('warn', 'stored catalogues could not be read', { error: String(error) }));
    return { gone, removed: new Set(removed) };
  }

  #become(edition: Whole): void {
    if (this.#told === undefined) {
      this.#told = this.#edition;
      (this.#options.schedule ?? setImmediate)(() => this.#tell());
    }
    this.#edition = edition;
  }

  #tell(): void {
    const before = this.#told as Whole;
    this.#told = undefined;
    const now = this.#edition;
    // Servers that came, went or became the only one change who owns what, also where no list shows it.
    const isOtherSetup = before.setup !== now.setup || before.personal !== now.personal;
    const shared = [...before.personal].filter((name) => !now.personal.has(name));
    for (const vantage of this.#options.watched()) {
      const view = this.view(vantage.endpoint, vantage.audience);
      const change = view.changeSince(editionFor(vantage.audience, before));
      // Whoever looks now with the eyes of many may have looked with its own.
      const kinds = shared.some((name) => view.servers.includes(name)) ? new Set(LIST_KINDS) : change.kinds;
      const owners = change.owners || isOtherSetup;
      if (kinds.size > 0 || owners) this.#options.onChanged(vantage, { kinds, owners });
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

  #seen(endpoint: string, principal: Principal, ruled?: Audience): CatalogView {
    return this.view(endpoint, this.audienceOf(endpoint, principal, ruled));
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
    const { holding, ruled } = isOwn(audience) ? audience : { holding: undefined, ruled: audience };
    return new CatalogView({
      name: audience === undefined ? endpoint : `${endpoint} ${audience.key}`,
      edition: () => editionFor(audience, this.#edition),
      select: (setup) => select(endpointNamed(endpoint, placesOf(setup, roots, ruled)), setup, ruled),
      offerOf: this.#offerOf,
      screen: this.#options.screen,
      rootNames: holding?.rootNames ?? this.#rootNames,
      ready: (servers, kinds) => this.#intake.ready(servers, kinds, holding?.owner),
      problem,
      pages: this.#pages,
      info,
      ...(pageSize !== undefined && { pageSize }),
    });
  }
}

/** Nobody in particular has logged in to anything. */
function wholeOf(setup: Setup, known: Known): Whole {
  return { ...known, setup, locked: known.personal };
}

function editionFor(audience: Audience | undefined, whole: Whole): Edition {
  return isOwn(audience) ? audience.holding.editionOf(whole) : whole;
}
