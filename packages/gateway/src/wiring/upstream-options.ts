/** What the upstreams are given of the other rooms, and what they tell them: starts, lists, updates, news of tasks. */

import { readFile } from 'node:fs/promises';
import type { Leg } from '@sallyport/client';
import { endedEvent, failedStartEvent, outageEvent } from './audit-events.ts';
import { TASK_NEWS, TASK_STATUS, type ApiTarget, type Instance, type Owner } from '../call.ts';
import { LIST_KINDS, type ListKind } from '../catalog/index.ts';
import { kindsChangedBy } from '../catalog/snapshot.ts';
import type { Children } from './children.ts';
import type { Config } from '../config/index.ts';
import { throughProxy } from './egress-settings.ts';
import type { RoomOptions } from '../rooms.ts';
import type { SubscriptionsRoom } from '../subscriptions/index.ts';
import type { TaskRoom } from '../tasks/index.ts';
import type { UpstreamRoom, UpstreamRoomOptions, UpstreamServer } from '../upstream/index.ts';

/** Functions where the room does not stand yet. */
export interface UpstreamParts {
  readonly options: RoomOptions;
  /** In force. */
  readonly config: () => Config;
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
    inProcess: (server, target) => ({
      kind: 'in-process',
      connect: async (_events, signal) => await apiLeg(server, target, parts, signal),
    }),
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
      subscriptions().news.renew(server, instance);
    },
    personal: (server) => logins.personal(server),
    onNotification: (server, message, instance) => {
      const kinds = kindsChangedBy(message.method);
      if (kinds.length > 0) refresh(server, kinds, instance);
      else if (message.method === 'notifications/resources/updated')
        subscriptions().updated(server, message, instance && ownerOf(instance));
      else if (message.method === TASK_STATUS) {
        if (guard.meanwhile.mayTell(server, message.params)) tasks().status(server, message, instance?.owner);
      } else if (message.method === TASK_NEWS) subscriptions().news.told(server, message, instance);
      else log('debug', 'a notification that concerns nobody', { server, method: message.method });
    },
    log,
    now,
  };
}

/** Loaded when there is one: nobody else pays for it. */
async function apiLeg(
  { name, timeout }: UpstreamServer,
  target: ApiTarget,
  { config, options: { env, guard, log, now } }: UpstreamParts,
  signal: AbortSignal,
): Promise<Leg> {
  const { connectApi } = await import('../openapi/index.ts');
  const options = {
    read: (path: string) => readFile(path),
    allow: () => config().egress.allow,
    env: () => throughProxy(env, config().egress.proxy),
    learn: (holder: string, token: string) => guard.own.hold(holder, [token]),
    log,
    now,
  };
  return await connectApi({ name, connectTimeoutMs: timeout.connectMs }, target, options, signal);
}

/** It may be up in both eras: one leg gives the lists, so that they do not change with whoever asked last. */
function isFirst(leg: Leg, server: string, instance: Instance | undefined, { upstreams }: UpstreamParts): boolean {
  return upstreams().legs(server, instance)[0] === leg;
}

export function ownerOf({ owner, principal }: Instance): Owner {
  return { key: owner, principal };
}
