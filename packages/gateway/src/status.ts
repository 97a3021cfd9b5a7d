/** How every server is, as `list` and the admin API show it. */

import type { Rooms } from './modules.ts';
import type { Config, ServerConfig } from './config/index.ts';

export interface ServerStatus {
  readonly name: string;
  readonly description?: string;
  readonly enabled: boolean;
  readonly transport: 'stdio' | 'http';
  readonly state: 'disabled' | 'idle' | 'starting' | 'up' | 'failed' | 'closed';
  readonly eras: readonly string[];
  readonly revision?: string;
  readonly pid?: number;
  readonly tools: number;
  readonly prompts: number;
  readonly resources: number;
  readonly templates: number;
  /** Whether the numbers come from the server in this run, or from what is remembered. */
  readonly known: boolean;
  readonly sandbox: 'none' | 'remote';
  readonly error?: string;
  readonly retryInMs: number;
  readonly restarts: number;
  readonly noiseLines: number;
  readonly tags: readonly string[];
}

export interface GatewayStatus {
  readonly servers: readonly ServerStatus[];
  readonly hidden: readonly { readonly server: string; readonly what: string; readonly reason: string }[];
  readonly catalogVersion: string;
}

export function gatewayStatus(config: Config, rooms: Rooms): GatewayStatus {
  return {
    servers: config.servers.map((server) => serverStatus(server, rooms)),
    hidden: rooms.catalog.catalog.hidden,
    catalogVersion: rooms.catalog.lists.version,
  };
}

function serverStatus(server: ServerConfig, rooms: Rooms): ServerStatus {
  const { name, description, enabled, target, tags } = server;
  const snapshot = rooms.catalog.snapshot(name);
  const facts = {
    name,
    ...(description !== undefined && { description }),
    enabled,
    transport: target.kind,
    sandbox: target.kind === 'stdio' ? ('none' as const) : ('remote' as const),
    tags,
    tools: snapshot?.tools.length ?? 0,
    prompts: snapshot?.prompts.length ?? 0,
    resources: snapshot?.resources.length ?? 0,
    templates: snapshot?.templates.length ?? 0,
    known: snapshot !== undefined,
  };
  if (!enabled) return { ...facts, state: 'disabled', eras: [], retryInMs: 0, restarts: 0, noiseLines: 0 };
  const { revision, pid, lastError, ...status } = rooms.upstreams.status(name);
  return {
    ...facts,
    ...status,
    ...(revision !== undefined && { revision }),
    ...(pid !== undefined && { pid }),
    ...(lastError !== undefined && { error: lastError }),
  };
}
