/**
 * Resource subscriptions of the session era (2025-11-25, resources, subscriptions): `resources/subscribe` and
 * `resources/unsubscribe` for what changed in the wanted set, one request at a time.
 */

import { isObject } from '@sallyport/wire';
import { ask } from './ask.ts';
import { UpstreamError, type Leg, type LegEvents } from './leg.ts';

/** Whoever keeps the server informed of which updates are wanted. */
export interface Wanted {
  set(uris: readonly string[]): void;
  /** The same for tasks; absent where there is no such thing. */
  setTasks?(taskIds: readonly string[]): void;
}

export interface SubscriptionsOptions {
  readonly leg: Pick<Leg, 'request' | 'ownMeta' | 'server'>;
  readonly name: string;
  /** Milliseconds for one answer. */
  readonly connectTimeoutMs: number;
  readonly events: LegEvents;
}

export function createSubscriptions({ leg, name, connectTimeoutMs, events }: SubscriptionsOptions): Wanted {
  const { resources } = leg.server.capabilities;
  const supported = isObject(resources) && resources['subscribe'] === true;
  let wanted: ReadonlySet<string> = new Set();
  /** What the server was told, whether it agreed or not: what it refused is not asked for again while it is wanted. */
  const told = new Set<string>();
  let working = false;

  const tell = async (method: 'resources/subscribe' | 'resources/unsubscribe', uri: string): Promise<void> => {
    if (method === 'resources/subscribe') told.add(uri);
    else told.delete(uri);
    await ask(leg, method, { uri }, { timeoutMs: connectTimeoutMs });
  };
  const next = (): Promise<void> | undefined => {
    for (const uri of told) if (!wanted.has(uri)) return tell('resources/unsubscribe', uri);
    for (const uri of wanted) if (!told.has(uri)) return tell('resources/subscribe', uri);
    return undefined;
  };
  const work = async (): Promise<void> => {
    working = true;
    for (let step = next(); step !== undefined; step = next()) {
      try {
        await step;
      } catch (error) {
        if (!(error instanceof UpstreamError) || error.reason === 'down') break;
        events.log('warn', `A subscription at the server "${name}" failed. ${error.message}`, { server: name });
      }
    }
    working = false;
  };

  return {
    set(uris) {
      if (!supported) return;
      wanted = new Set(uris);
      if (!working) void work();
    },
  };
}
