/** The servers of the configuration as each room wants them. */

import { createHash } from 'node:crypto';
import type { CatalogServer, Setup } from './catalog/index.ts';
import type { Config, ServerConfig } from './config/index.ts';
import type { UpstreamServer } from './upstream/index.ts';

/** Those that are used, in configuration order. */
export function enabledServers(config: Config): readonly ServerConfig[] {
  return config.servers.filter((server) => server.enabled);
}

/** As its children and connections need it. */
export function upstreamServer(server: ServerConfig): UpstreamServer {
  const { name, target, isolation, era, idleMs, timeout } = server;
  // Nothing else: whatever stands here and changes ends the children of the server.
  return { name, target: placeOf(target), isolation, era, idleMs, timeout };
}

function placeOf(target: ServerConfig['target']): UpstreamServer['target'] {
  if (target.kind === 'stdio') return target;
  const { guessed, headers, kind } = target;
  const url = new URL(target.url);
  // Nothing but WebSocket has those schemes; of the others it is tried which one the server speaks.
  if (kind === 'ws') return { kind, url, headers };
  return guessed ? { kind: 'http', url, headers, guess: true } : { kind, url, headers };
}

/** As the catalogue needs all of them. */
export function catalogSetup(config: Config): Setup {
  return {
    servers: enabledServers(config).map(catalogServer),
    naming: config.naming,
    views: config.views,
  };
}

function catalogServer(server: ServerConfig): CatalogServer {
  const { target } = server;
  const facts =
    target.kind !== 'stdio'
      ? [target.url]
      : [target.command, target.args, target.cwd, Object.keys(target.env).toSorted()];
  return {
    ...server,
    tools: server.tools,
    overHttp: target.kind === 'http' || (target.kind === 'sse' && target.guessed),
    fingerprint: createHash('sha256').update(JSON.stringify(facts)).digest('hex'),
  };
}
