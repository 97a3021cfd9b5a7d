/**
 * Offers without the definitions that the guard keeps back, and with its word on those that it flags. What was screened is the same
 * object again as long as the offer is.
 */

import { isObject, type JsonObject } from '@sallyport/wire';
import type { Entry, Hidden, NamedEntry, NamedOffer, Offered, OfferOf, ServerOffer } from './offer.ts';

/** What becomes of definitions and instructions of servers. */
export interface Screen {
  /** Hidden, for a reason; or shown with more in its `_meta`; undefined: as it is. `name`: of the server's own. */
  definition(
    server: string,
    name: string,
    shown: JsonObject,
  ): { readonly hidden: string } | { readonly meta: JsonObject } | undefined;
  /** Undefined: they are not passed on. */
  instructions(server: string, text: string): string | undefined;
}

export function screened(offerOf: OfferOf, screen: Screen): OfferOf {
  const tools = once((offer: ServerOffer['tools']) => screenedNames(offer, screen));
  const prompts = once((offer: ServerOffer['prompts']) => screenedNames(offer, screen));
  const resources = once((entries: ServerOffer['resources']) => screenedEntries(entries, screen));
  const templates = once((entries: ServerOffer['templates']) => screenedEntries(entries, screen));
  return (rules, lists, pins) => {
    const offer = offerOf(rules, lists, pins);
    return {
      tools: tools(offer.tools),
      prompts: prompts(offer.prompts),
      resources: resources(offer.resources),
      templates: templates(offer.templates),
    };
  };
}

function once<T extends object>(make: (given: T) => T): (given: T) => T {
  const known = new WeakMap<T, T>();
  return (given) => {
    let made = known.get(given);
    if (made === undefined) known.set(given, (made = make(given)));
    return made;
  };
}

function screenedNames<E extends NamedEntry>(offer: NamedOffer<E>, screen: Screen): NamedOffer<E> {
  const hidden: Hidden[] = [...offer.hidden];
  const withheld: string[] = [...offer.withheld];
  const offered: Offered<E>[] = [];
  for (const each of offer.offered) {
    const { original, unnamed } = each;
    const judgement = screen.definition(offer.server, original, unnamed.shown);
    if (judgement === undefined) offered.push(each);
    else if ('meta' in judgement) {
      offered.push({ ...each, unnamed: { ...unnamed, shown: withMeta(unnamed.shown, judgement.meta) }, made: [] });
    } else {
      hidden.push({ server: offer.server, what: original, reason: judgement.hidden });
      withheld.push(unnamed.id);
    }
  }
  return offered.length === offer.offered.length && offered.every((each, n) => each === offer.offered[n])
    ? offer
    : { ...offer, offered, hidden, withheld };
}

function screenedEntries<E extends Entry>(entries: readonly E[], screen: Screen): readonly E[] {
  const kept = entries.flatMap((entry) => {
    const judgement = screen.definition(entry.server, entry.original, entry.shown);
    if (judgement === undefined) return [entry];
    return 'meta' in judgement ? [{ ...entry, shown: withMeta(entry.shown, judgement.meta) }] : [];
  });
  return kept.length === entries.length && kept.every((entry, n) => entry === entries[n]) ? entries : kept;
}

function withMeta(shown: JsonObject, meta: JsonObject): JsonObject {
  return { ...shown, _meta: { ...(isObject(shown['_meta']) ? shown['_meta'] : {}), ...meta } };
}
