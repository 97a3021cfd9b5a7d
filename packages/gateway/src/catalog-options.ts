/** What the catalogue is given of the other rooms: where lists are read, what screens them, and who hears of changes. */

import { announced } from './catalog/snapshot.ts';
import type { CatalogOptions } from './catalog/index.ts';
import { catalogRecords } from './catalog/records.ts';
import { sourceOf } from './catalog/source.ts';
import { preparedPins } from './guard-state.ts';
import { principalInstance } from './isolation/index.ts';
import { SSE_PATH, type RoomOptions } from './rooms.ts';
import { catalogSetup } from './servers.ts';
import type { SubscriptionsRoom } from './subscriptions/index.ts';
import type { UpstreamRoom } from './upstream/index.ts';

export interface CatalogParts {
  readonly options: RoomOptions;
  readonly upstreams: UpstreamRoom;
  /** A function, since the room does not stand yet. */
  readonly subscriptions: () => SubscriptionsRoom;
  /** Of the configuration in force. */
  readonly deadlineMs: () => number;
}

export function catalogOptions({ deadlineMs, options, subscriptions, upstreams }: CatalogParts): CatalogOptions {
  const { config, guard, info, log, now, pins, store } = options;
  return {
    setup: catalogSetup(config),
    roots: [config.listen.path, SSE_PATH, 'stdio'],
    watched: () => subscriptions().vantages(),
    info,
    deadlineMs,
    ...catalogRecords(store),
    pins: preparedPins(pins, guard),
    screen: guard.screen,
    start: async (server, owner) => {
      const instance = owner && principalInstance(owner);
      const leg = await upstreams.leg(server, 'stateless', instance);
      const legs = upstreams.legs(server, instance);
      return sourceOf(legs.length === 0 ? [leg] : legs);
    },
    problem: (server) => upstreams.problem(server),
    onChanged: (vantage, { kinds, owners }) => {
      subscriptions().listChanged(vantage, announced(kinds));
      if (owners) subscriptions().ownersChanged(vantage);
    },
    log,
    now,
  };
}
