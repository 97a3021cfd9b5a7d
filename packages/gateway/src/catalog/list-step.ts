/** The lists as a step of the route: from the prepared pages, at the place that a cursor names. */

import type { Exchange } from '@sallyport/server';
import type { Step } from '../call.ts';
import { Refused } from '../errors.ts';
import type { ListKind } from './snapshot.ts';
import { readyView, type CatalogView } from './view.ts';

const LIST_OF: ReadonlyMap<string, ListKind> = new Map([
  ['tools/list', 'tools'],
  ['prompts/list', 'prompts'],
  ['resources/list', 'resources'],
  ['resources/templates/list', 'templates'],
]);

export interface ListOptions {
  /** What the caller sees. */
  readonly view: (exchange: Exchange) => Pick<CatalogView, 'lists' | 'ready'>;
  readonly sealCursor: (place: string, exchange: Exchange) => string;
  /** Undefined for a cursor that was not given to this caller here. */
  readonly openCursor: (cursor: string, exchange: Exchange) => string | undefined;
}

export function createList(options: ListOptions): Step {
  return async ({ exchange, group }) => {
    const kind = LIST_OF.get(exchange.message.method) as ListKind;
    const cursor = exchange.message.params?.['cursor'];
    const view = await readyView(() => options.view(exchange), [kind]);
    if (group !== undefined) return view.lists.ofServer(kind, exchange.era, group);
    // A cursor is a place in one version of one list: in another it would leave something out.
    const placeOf = (offset: number): string => `${kind} ${view.lists.versionOf(kind)} ${offset}`;
    const offset = cursor === undefined ? 0 : offsetIn(cursor, exchange, options, placeOf(0).slice(0, -1));
    return view.lists.page(kind, exchange.era, offset, (next) => options.sealCursor(placeOf(next), exchange));
  };
}

function offsetIn(cursor: unknown, exchange: Exchange, options: ListOptions, before: string): number {
  const place = typeof cursor === 'string' ? options.openCursor(cursor, exchange) : undefined;
  if (place?.startsWith(before)) return Number(place.slice(before.length));
  throw new Refused('invalid_params', 'The cursor is not one of this list, or the list has changed: begin again.');
}
