/** What discovery is given of the other rooms: what somebody sees, and what may be said of the servers. */

import type { Visitor } from '@sallyport/server';
import { readyView, type CatalogView } from '../catalog/view.ts';
import type { Config } from '../config/index.ts';
import type { DiscoveryOptions, Seen } from '../discovery/index.ts';
import { isLocalUser } from './local.ts';
import type { SeenServer } from '../meta.ts';
import type { RoomOptions } from '../rooms.ts';

export interface DiscoveryParts {
  readonly options: Pick<RoomOptions, 'guard' | 'info' | 'log'>;
  /** What somebody sees. */
  readonly view: (visitor: Visitor) => CatalogView;
  /** Of the configuration in force. */
  readonly servers: () => Config['servers'];
}

export function discoveryOptions({ options, servers, view }: DiscoveryParts): DiscoveryOptions {
  const { guard, info, log } = options;
  const seenServers = (of: CatalogView): readonly SeenServer[] => {
    const configured = new Map(servers().map(({ description, name }) => [name, description]));
    const missing = new Map(of.missing(['tools']).map(({ reason, server }) => [server, reason]));
    return of.known.map((name) => {
      const reason = missing.get(name);
      const description = configured.get(name) ?? saidOfItself(name, of, guard);
      return { name, description, ...(reason !== undefined && { missing: reason }) };
    });
  };
  const seen = (of: CatalogView, { endpoint }: Visitor): Seen => ({
    place: of,
    endpoint,
    tools: of.catalog.tools,
    setting: of.discovery,
    servers: () => seenServers(of),
  });
  return {
    see: (visitor) => seen(view(visitor), visitor),
    seeReady: async (exchange) => seen(await readyView(() => view(exchange), ['tools']), exchange),
    isUser: ({ principal }) => isLocalUser(principal),
    info,
    monotonic: () => performance.now(),
    pause: () => new Promise((resolve) => void setImmediate(resolve)),
    log,
  };
}

/** What a server says that it is for. It is shown to models as if we had said it, so it passes the guard as instructions do. */
function saidOfItself(name: string, view: CatalogView, { screen }: RoomOptions['guard']): string {
  const snapshot = view.snapshot(name);
  const text = [snapshot?.info['description'], snapshot?.instructions, snapshot?.info['title']].find(
    (said) => typeof said === 'string' && said.trim() !== '',
  );
  return typeof text === 'string' ? (screen.instructions(name, text) ?? '') : '';
}
