/** What the upstreams are given of the other rooms, and what they tell them: starts, lists, updates, news of tasks. */

import type { Leg } from '@sallyport/client';
import { endedEvent, failedStartEvent, outageEvent } from './audit-events.ts';
import { TASK_STATUS, type Instance, type Owner } from './call.ts';
import { LIST_KINDS, type ListKind } from './catalog/index.ts';
import { kindsChangedBy } from './catalog/snapshot.ts';
import type { Children } from './children.ts';
import type { RoomOptions } from './rooms.ts';
import type { SubscriptionsRoom } from './subscriptions/index.ts';
import type { TaskRoom } from './tasks/index.ts';
import type { UpstreamRoom, UpstreamRoomOptions, UpstreamServer } from './upstream/index.ts';

/** Functions where the room does not stand yet. */
export interface UpstreamParts {
  readonly options: RoomOptions;
  readonly children: Children;
  readonly servers: readonly UpstreamServer[];
  readonly upstreams: () => UpstreamRoom;
  readonly subscriptions: () => SubscriptionsRoom;
  readonly tasks: () => TaskRoom;
  readonly refresh: (server: string, kinds: readonly ListKind[], instance?: Instance) => void;
}

export function upstreamOptions(parts: UpstreamParts): UpstreamRoomOptions {
  const { children, options, refresh, servers, subscriptions, tasks } = parts;
  const { audit, config, emptyFolder, env, guard, info, log, logins, metrics, now, reaper, renewal, store } = options;
  /** Servers that are left alone for a while, as was recorded. */
  const broken = new Set<string>();
  return {
    servers,
    reaper,
    launch: (server, instance) => children.launch(server, instance),
    authorization: (server, instance) => logins.authorizationFor(server, instance?.principal),
    emptyFolder,
    env,
    info,
    maxMessageBytes: config.limits.upstreamMessageBytes,
    verdicts: {
      get: async (key) => (await store.get('verdicts', key))?.value as never,
      put: async (key, verdict) => void (await store.put('verdicts', key, { ...verdict, eras: [...verdict.eras] })),
    },
    renewed: (error, server) => renewal.after(error, server),
    onEvent: (server, event, error) => {
      metrics.server(server, event);
      if (event === 'failed_start') audit.record(failedStartEvent(server, error?.message));
      else if (event === 'end') audit.record(endedEvent(server, error));
    },
    onBroken: (server) => {
      broken.add(server);
      audit.record(outageEvent(server, 'begins'));
    },
    onUp: (server, leg, instance) => {
      if (broken.delete(server)) audit.record(outageEvent(server, 'ends'));
      // The gateway's own instance gives the lists: what it may see is what everybody may. Of a personal server others do too.
      if (instance === undefined || parts.upstreams().personal(server)) {
        refresh(server, isFirst(leg, server, instance, parts) ? LIST_KINDS : [], instance);
      }
      subscriptions().renew(server, instance && ownerOf(instance));
    },
    personal: (server) => logins.personal(server),
    onNotification: (server, message, instance) => {
      const kinds = kindsChangedBy(message.method);
      if (kinds.length > 0) refresh(server, kinds, instance);
      else if (message.method === 'notifications/resources/updated')
        subscriptions().updated(server, message, instance && ownerOf(instance));
      else if (message.method === TASK_STATUS) {
        if (guard.meanwhile.mayTell(server, message.params)) tasks().status(server, message, instance?.owner);
      } else log('debug', 'a notification that concerns nobody', { server, method: message.method });
    },
    log,
    now,
  };
}

/** It may be up in both eras: one leg gives the lists, so that they do not change with whoever asked last. */
function isFirst(leg: Leg, server: string, instance: Instance | undefined, { upstreams }: UpstreamParts): boolean {
  return upstreams().legs(server, instance)[0] === leg;
}

export function ownerOf({ owner, principal }: Instance): Owner {
  return { key: owner, principal };
}
