/** What the catalogue is given of the other rooms: where lists are read, what screens them, and who hears of changes. */

import { announced } from '../catalog/snapshot.ts';
import type { CatalogOptions, Source } from '../catalog/index.ts';
import { catalogRecords } from '../catalog/records.ts';
import { sourceOf } from '../catalog/source.ts';
import { preparedPins } from './guard-state.ts';
import { interceptedPins } from './interceptor-options.ts';
import type { ListInterceptors } from '../interceptors/index.ts';
import { principalInstance } from '../isolation/index.ts';
import { SSE_PATH, type RoomOptions } from '../rooms.ts';
import { catalogSetup } from '../servers.ts';
import type { SubscriptionsRoom } from '../subscriptions/index.ts';
import type { UpstreamRoom } from '../upstream/index.ts';

export interface CatalogParts {
  readonly options: RoomOptions;
  readonly upstreams: UpstreamRoom;
  readonly lists: ListInterceptors;
  /** What stands in the configuration in force; undefined: another server. */
  readonly own: (server: string) => Source | undefined;
  /** A function, since the room does not stand yet. */
  readonly subscriptions: () => SubscriptionsRoom;
  /** In force. */
  readonly config: () => RoomOptions['config'];
}

export function catalogOptions(parts: CatalogParts): CatalogOptions {
  const { config: inForce, lists, options, own, subscriptions, upstreams } = parts;
  const { config, guard, info, log, now, pins, store } = options;
  return {
    setup: catalogSetup(config),
    roots: [config.listen.path, SSE_PATH, 'stdio'],
    watched: () => subscriptions().vantages(),
    info,
    deadlineMs: () => inForce().limits.listDeadlineMs,
    ...catalogRecords(store),
    pins: interceptedPins(preparedPins(pins, guard), lists),
    filter: lists,
    screen: guard.screen,
    start: async (server, owner) => {
      const written = own(server);
      if (written !== undefined) return written;
      const instance = owner && principalInstance(owner);
      const leg = await upstreams.leg(server, 'stateless', instance);
      const legs = upstreams.legs(server, instance);
      return sourceOf(legs.length === 0 ? [leg] : legs);
    },
    problem: (server) => (own(server) === undefined ? upstreams.problem(server) : undefined),
    onChanged: (vantage, { kinds, owners }) => {
      subscriptions().listChanged(vantage, announced(kinds));
      if (owners) subscriptions().ownersChanged(vantage);
    },
    log,
    now,
  };
}
