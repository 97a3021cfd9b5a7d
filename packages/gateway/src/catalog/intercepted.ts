/**
 * Offers as interceptors leave them: without the tools that they took out, and with the descriptions that they shortened. What was made of
 * an offer is the same object again as long as nobody says anything else.
 */

import type { JsonObject } from '@sallyport/wire';
import type { Hidden, NamedOffer, Offered, OfferOf, ToolEntry } from './offer.ts';

/** What becomes of the tools of servers, by their definitions as they were listed. */
export interface ListFilter {
  /** Undefined: it is as it was listed. */
  verdict(server: string, tool: JsonObject): { readonly hidden: string } | { readonly description: string } | undefined;
  /** Another number when a verdict is another. */
  version(): number;
}

type ToolOffer = NamedOffer<ToolEntry>;

export function intercepted(offerOf: OfferOf, filter: ListFilter): OfferOf {
  const known = new WeakMap<ToolOffer, { readonly version: number; readonly made: ToolOffer }>();
  return (rules, lists, pins) => {
    const offer = offerOf(rules, lists, pins);
    const version = filter.version();
    const last = known.get(offer.tools);
    if (last?.version === version) return { ...offer, tools: last.made };
    const tools = filtered(offer.tools, lists.tools, filter);
    known.set(offer.tools, { version, made: tools });
    return { ...offer, tools };
  };
}

function filtered(offer: ToolOffer, listed: readonly JsonObject[], filter: ListFilter): ToolOffer {
  const byName = new Map(listed.map((tool) => [tool['name'], tool]));
  const hidden: Hidden[] = [...offer.hidden];
  const withheld: string[] = [...offer.withheld];
  const offered: Offered<ToolEntry>[] = [];
  for (const each of offer.offered) {
    const { original, unnamed } = each;
    const tool = byName.get(original) as JsonObject;
    const verdict = filter.verdict(offer.server, tool);
    if (verdict === undefined) offered.push(each);
    else if ('hidden' in verdict) {
      hidden.push({ server: offer.server, what: original, reason: verdict.hidden });
      withheld.push(unnamed.id);
    } else if (unnamed.shown['description'] !== tool['description']) {
      // What the configuration says of it is the operator's last word.
      offered.push(each);
    } else {
      const shown = { ...unnamed.shown, description: verdict.description };
      offered.push({ ...each, unnamed: { ...unnamed, shown }, made: [] });
    }
  }
  const isSame = offered.length === offer.offered.length && offered.every((each, n) => each === offer.offered[n]);
  return isSame ? offer : { ...offer, offered, hidden, withheld };
}
