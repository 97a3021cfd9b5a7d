/** What subscriptions are given of the other rooms. */

import type { Answer, Exchange, Visitor } from '@sallyport/server';
import { resultText } from '../bridge/result-bytes.ts';
import type { Config } from '../config/index.ts';
import type { Audience } from '../call.ts';
import type { CatalogRoom, CatalogView } from '../catalog/index.ts';
import { announced } from '../catalog/snapshot.ts';
import type { Discovery } from '../discovery/index.ts';
import { principalInstance } from '../isolation/index.ts';
import type { RoomOptions } from '../rooms.ts';
import { setTimer } from '../steps.ts';
import type { SubscriptionsOptions } from '../subscriptions/index.ts';
import type { TaskRoom } from '../tasks/index.ts';
import type { UpstreamRoom } from '../upstream/index.ts';

export interface SubscriptionParts {
  readonly options: Pick<RoomOptions, 'info'>;
  readonly catalog: CatalogRoom;
  readonly upstreams: UpstreamRoom;
  readonly discovery: () => Discovery;
  readonly tasks: () => TaskRoom;
  /** The whole route of a request. */
  readonly handle: (exchange: Exchange) => Promise<Answer>;
  readonly limits: () => Config['limits'];
  readonly audienceOf: (visitor: Visitor) => Audience | undefined;
}

export function subscriptionOptions(parts: SubscriptionParts): SubscriptionsOptions {
  const { audienceOf, catalog, discovery, handle, limits, options, tasks, upstreams } = parts;
  return {
    ownerOf: (uri, { audience, endpoint }) => catalog.view(endpoint, audience).ownerOf(uri),
    audienceOf,
    changeBetween: (before, after) => {
      const [seen, sees] = [before, after].map((each) => catalog.view(each.endpoint, each.audience));
      const change = (sees as CatalogView).changeFrom(seen as CatalogView);
      return { kinds: announced(change.kinds), owners: change.owners };
    },
    supports: (server, { audience, endpoint }) =>
      catalog.view(endpoint, audience).can(server, 'resources', 'subscribe'),
    instanceOf: (server, owner) => (upstreams.personal(server) ? principalInstance(owner) : undefined),
    want: (server, uris, instance) => upstreams.want(server, uris, instance),
    listenable: (exchange, taskIds) => tasks().listenable(exchange, taskIds),
    taskNews: {
      want: (server, taskIds, instance) => upstreams.wantTasks(server, taskIds, instance),
      handle,
      textOf: resultText,
    },
    looking: () => discovery().looking(),
    awaits: (exchange) => discovery().awaits(exchange),
    info: options.info,
    limits,
    setTimer,
  };
}
