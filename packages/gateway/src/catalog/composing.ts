/**
 * From an edition and a selection to a catalogue. What did not change between two editions is the same object in both,
 * and views share what the root has merged: entries always, and whole lists where nothing is left out.
 */

import type { Audience } from '../call.ts';
import { kept } from './kept.ts';
import { mergeNames, mergeUris, type Catalog, type MergedNames, type MergedUris } from './merge.ts';
import type { Naming } from './naming.ts';
import type { Entry, Hidden, NamedEntry, OfferOf, ServerOffer, TemplateEntry, ToolEntry } from './offer.ts';
import type { CatalogServer, Selection, Setup } from './selection.ts';
import type { ServerPins } from './pinned.ts';
import type { Snapshot } from './snapshot.ts';

/** Everything that somebody may know at one moment. Never changed: what is new makes another edition. */
export interface Edition {
  readonly setup: Setup;
  readonly snapshots: ReadonlyMap<string, Snapshot>;
  /** What the pins say of the tools of servers. */
  readonly pins: ReadonlyMap<string, ServerPins>;
  /** Servers that have more to say to whoever has logged in to them. */
  readonly locked: ReadonlySet<string>;
}

/** Tools and prompts of some servers under their shown names. */
interface Names {
  readonly tools: MergedNames<ToolEntry>;
  readonly prompts: MergedNames<NamedEntry>;
}

/** The names of all servers at the root: those that every view uses. */
export type RootNames = (edition: Edition) => Names;
export type Compose = (edition: Edition, selection: Selection) => Catalog;

export function createRootNames(offerOf: OfferOf): RootNames {
  const name = createNaming();
  return (edition) => name(offersOf(edition, edition.setup.servers, offerOf), edition.setup.naming);
}

/** One for each view: it keeps what it composed last. */
export function createCompose(offerOf: OfferOf, rootNames: RootNames): Compose {
  const nameAlone = createNaming();
  const chosenTools = kept<Chosen<ToolEntry>>();
  const chosenPrompts = kept<Chosen<NamedEntry>>();
  const mergedResources = kept<MergedUris<Entry>>();
  const mergedTemplates = kept<MergedUris<TemplateEntry>>();
  const allTemplates = kept<readonly TemplateEntry[]>();
  return (edition, selection) => {
    const offers = offersOf(edition, selection.servers, offerOf);
    const { naming, servers } = edition.setup;
    // A name that the root hides is hidden in views: it would stand for something else there.
    const names = selection.isAlone ? nameAlone(offers, { ...naming, mode: 'plain' }) : rootNames(edition);
    const isWhole = selection.isAlone || selection.servers.length === servers.length;
    const chosen = isWhole ? undefined : new Set(selection.servers.map(({ name }) => name));
    const { audience, hasTool } = selection;
    const showsTool = toolFilter(hasTool, audience);
    const showsPrompt = audience && ((entry: NamedEntry) => audience.maySee('prompt', entry.server, entry.id));
    const tools = chosenTools([names.tools, selection], () => choose(names.tools, chosen, showsTool));
    const prompts = chosenPrompts([names.prompts, selection], () => choose(names.prompts, chosen, showsPrompt));
    // Nothing is renamed about a URI: the first of the servers that are here and may be seen has it.
    const resourceOffers = offers.map((offer) => offer.resources);
    const resources = mergedResources([selection, ...resourceOffers], () =>
      mergeUris(visible(resourceOffers, 'resource', audience), 'URI'),
    );
    const templateOffers = offers.map((offer) => offer.templates);
    const templates = mergedTemplates([selection, ...templateOffers], () =>
      mergeUris(visible(templateOffers, 'template', audience), 'template'),
    );
    // Also those that another server offers in the same words: whose a URI is, is asked for each.
    const routes = allTemplates(templateOffers, () => templateOffers.flat());
    return {
      tools: tools.entries,
      prompts: prompts.entries,
      resources: resources.entries,
      templates: templates.entries,
      routes,
      quarantined: tools.quarantined,
      hidden: [...tools.hidden, ...prompts.hidden, ...resources.hidden, ...templates.hidden],
      withholds: (id, server) =>
        names.tools.withheld.has(id) ||
        names.prompts.withheld.has(id) ||
        hasTool?.(id) === false ||
        audience?.maySee('tool', server, id) === false ||
        audience?.maySee('prompt', server, id) === false,
    };
  };
}

function toolFilter(
  hasTool: Selection['hasTool'],
  audience: Audience | undefined,
): ((entry: ToolEntry) => boolean) | undefined {
  if (audience === undefined) return hasTool && (({ id }) => hasTool(id));
  return ({ annotations, id, server }) => hasTool?.(id) !== false && audience.maySee('tool', server, id, annotations);
}

/** The very same offers where everything may be seen. */
function visible<E extends Entry>(
  offers: readonly (readonly E[])[],
  kind: 'resource' | 'template',
  audience: Audience | undefined,
): readonly (readonly E[])[] {
  if (audience === undefined) return offers;
  return offers.map((entries) => entries.filter(({ id, server }) => audience.maySee(kind, server, id)));
}

type NameOffers = (offers: readonly ServerOffer[], naming: Naming) => Names;

function createNaming(): NameOffers {
  const keptTools = kept<MergedNames<ToolEntry>>();
  const keptPrompts = kept<MergedNames<NamedEntry>>();
  return (offers, naming) => {
    const tools = offers.map((offer) => offer.tools);
    const prompts = offers.map((offer) => offer.prompts);
    const { mode, maxLength } = naming;
    return {
      tools: keptTools([mode, maxLength, ...tools], () => mergeNames(tools, naming)),
      prompts: keptPrompts([mode, maxLength, ...prompts], () => mergeNames(prompts, naming)),
    };
  };
}

/** A server without a snapshot offers nothing yet. */
function offersOf({ pins, snapshots }: Edition, servers: readonly CatalogServer[], offerOf: OfferOf): ServerOffer[] {
  return servers.flatMap((rules) => {
    const snapshot = snapshots.get(rules.name);
    return snapshot === undefined ? [] : [offerOf(rules, snapshot, pins.get(rules.name))];
  });
}

interface Chosen<E extends NamedEntry> {
  readonly entries: ReadonlyMap<string, E>;
  readonly quarantined: ReadonlyMap<string, E>;
  readonly hidden: readonly Hidden[];
}

/** Those of the chosen servers that are shown; the very same list where nothing is left out. */
function choose<E extends NamedEntry>(
  { entries, hidden, quarantined }: MergedNames<E>,
  servers: ReadonlySet<string> | undefined,
  shows: ((entry: E) => boolean) | undefined,
): Chosen<E> {
  if (servers === undefined && shows === undefined) return { entries, hidden, quarantined };
  const isChosen = (server: string): boolean => servers === undefined || servers.has(server);
  const chosen = (all: ReadonlyMap<string, E>): ReadonlyMap<string, E> =>
    new Map([...all].filter(([, entry]) => isChosen(entry.server) && shows?.(entry) !== false));
  return {
    entries: chosen(entries),
    quarantined: chosen(quarantined),
    hidden: hidden.filter(({ server }) => isChosen(server)),
  };
}
