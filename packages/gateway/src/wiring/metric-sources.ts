/**
 * What the metrics read from the rooms at a scrape. It asks them and starts nothing; what is counted as it happens is
 * recorded where it happens.
 */

import type { RoomOptions, Rooms } from '../rooms.ts';
import { withOwnServer } from './saved-tools.ts';
import { enabledServers } from '../servers.ts';

type Metrics = RoomOptions['metrics'];
type Config = RoomOptions['config'];

const STATES = ['idle', 'starting', 'up', 'failed', 'closed'] as const;

/** `doors` tells how many clients are connected. */
export function addMetricSources(
  metrics: Metrics,
  rooms: Rooms,
  doors: () => Readonly<Record<'http' | 'ws' | 'sse' | 'stdio', number>>,
): void {
  const servers = (): Config['servers'] => enabledServers(rooms.config);
  metrics.setServers(withOwnServer(servers(), rooms.config.tools).map(({ name }) => name));
  metrics.source('sallyport_server_state', () =>
    servers().flatMap(({ name }) => {
      const { state } = rooms.upstreams.status(name);
      return STATES.map((each) => ({ labels: { server: name, state: each }, value: Number(each === state) }));
    }),
  );
  metrics.source('sallyport_children', () =>
    servers()
      .filter(({ target }) => target.kind === 'stdio')
      .map(({ name }) => ({
        labels: { server: name },
        value: rooms.upstreams.status(name).instances,
      })),
  );
  metrics.source('sallyport_sessions', () =>
    [...rooms.sessions].map(({ transport, revision }) => ({
      labels: { transport, revision },
      value: 1,
    })),
  );
  metrics.source('sallyport_parked_calls', () => [{ labels: {}, value: rooms.parkedCalls }]);
  metrics.source('sallyport_connections', () =>
    Object.entries(doors()).map(([door, value]) => ({ labels: { door }, value })),
  );
  metrics.source('sallyport_interceptions_total', () =>
    rooms.interceptors.counts().map(({ count, ...labels }) => ({ labels, value: count })),
  );
  metrics.source('sallyport_catalog_entries', () => {
    const { tools, prompts, resources, templates } = rooms.catalog.root.catalog;
    return [
      { labels: { kind: 'tools' }, value: tools.size },
      { labels: { kind: 'prompts' }, value: prompts.size },
      { labels: { kind: 'resources' }, value: resources.size },
      { labels: { kind: 'templates' }, value: templates.size },
    ];
  });
}
