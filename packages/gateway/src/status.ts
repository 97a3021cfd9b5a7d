/**
 * How the servers are and which tools there are, as `list`, `tools` and the admin API show it. It asks the rooms and starts
 * nothing. Names of environment variables are told, values never.
 */

import { childEnvironment } from '@sallyport/host';
import type { JsonObject } from '@sallyport/wire';
import type { RoomOptions, Rooms } from './rooms.ts';
import { enabledServers } from './servers.ts';

type Config = RoomOptions['config'];
type ServerConfig = Config['servers'][number];

export interface ServerStatus {
  readonly name: string;
  readonly description?: string;
  readonly enabled: boolean;
  readonly transport: 'stdio' | 'http' | 'ws' | 'sse';
  readonly state: 'disabled' | 'idle' | 'starting' | 'up' | 'failed' | 'closed';
  readonly eras: readonly string[];
  readonly revision?: string;
  readonly pid?: number;
  /** Who shares a child or an upstream session, as it is in force. */
  readonly isolation: ServerConfig['isolation'];
  /** Children or upstream sessions that are up or starting. */
  readonly instances: number;
  readonly tools: number;
  readonly prompts: number;
  readonly resources: number;
  readonly templates: number;
  /** Whether the server has ever answered; else the numbers say nothing. */
  readonly known: boolean;
  /** The level in force; `remote` where another machine is responsible. */
  readonly sandbox: 'none' | 'remote';
  readonly error?: string;
  /** Milliseconds until it may be tried again; 0 when it may be tried now. */
  readonly retryInMs: number;
  readonly restarts: number;
  /** Lines on its stdout that were no protocol. */
  readonly noiseLines: number;
  readonly tags: readonly string[];
  /** Of a child: the variables it gets, sorted, and where each comes from. Empty for a remote server. */
  readonly environment: readonly EnvironmentVariable[];
}

export interface EnvironmentVariable {
  readonly name: string;
  /** `allow-list`: from the gateway's own environment. */
  readonly from: 'allow-list' | 'configuration';
}

/** Something of a server's offer that clients do not see, and why. */
export interface HiddenOffer {
  readonly server: string;
  readonly what: string;
  readonly reason: string;
}

export interface GatewayStatus {
  readonly servers: readonly ServerStatus[];
  readonly hidden: readonly HiddenOffer[];
  readonly catalogVersion: string;
  /** What the operator should know, a sentence or two each. */
  readonly notes: readonly string[];
}

/** A tool as clients see it, with what only the operator knows of it. */
export interface ToolRecord {
  readonly name: string;
  /** `server__original`. */
  readonly id: string;
  readonly server: string;
  readonly original: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema: JsonObject;
  readonly outputSchema?: JsonObject;
  readonly annotations?: JsonObject;
  /** Estimated: what the definition costs in a model's context. */
  readonly tokens: number;
}

export interface ToolReport {
  readonly catalogVersion: string;
  readonly tools: readonly ToolRecord[];
}

/** Characters of JSON that make one token, on the average of real definitions. */
const CHARACTERS_PER_TOKEN = 4.7;

/** `env` is the gateway's own environment, from which children get the allow-list. */
export function gatewayStatus(rooms: Rooms, env: RoomOptions['env']): GatewayStatus {
  const { config } = rooms;
  return {
    servers: config.servers.map((server) => serverStatus(server, rooms, env)),
    hidden: [...rooms.catalog.root.catalog.hidden, ...config.servers.flatMap((server) => leftOut(server, rooms))],
    catalogVersion: rooms.catalog.root.lists.version,
    notes: enabledServers(config).flatMap(({ name }) => rooms.upstreams.notes(name).map((note) => `${name}: ${note}`)),
  };
}

/** Every tool that clients see. */
export function toolReport({ catalog }: Rooms): ToolReport {
  return {
    catalogVersion: catalog.root.lists.version,
    tools: [...catalog.root.catalog.tools.values()].map(({ name, id, server, original, shown }) => ({
      name,
      id,
      server,
      original,
      ...picked(shown, ['title', 'description', 'inputSchema', 'outputSchema', 'annotations']),
      tokens: Math.ceil(JSON.stringify(shown).length / CHARACTERS_PER_TOKEN),
    })) as unknown as ToolRecord[],
  };
}

function picked(source: JsonObject, members: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(source).filter(([name]) => members.includes(name)));
}

function serverStatus(server: ServerConfig, rooms: Rooms, env: RoomOptions['env']): ServerStatus {
  const { name, description, enabled, target, tags } = server;
  const facts = {
    name,
    ...(description !== undefined && { description }),
    enabled,
    transport: target.kind,
    isolation: enabled ? rooms.upstreams.isolation(name) : server.isolation,
    sandbox: target.kind === 'stdio' ? ('none' as const) : ('remote' as const),
    tags,
    ...offerOf(name, rooms),
    environment: target.kind === 'stdio' ? environmentOf(target.env, env) : [],
  };
  if (!enabled)
    return { ...facts, state: 'disabled', eras: [], retryInMs: 0, restarts: 0, noiseLines: 0, instances: 0 };
  const { revision, pid, lastError, ...status } = rooms.upstreams.status(name);
  return {
    ...facts,
    ...status,
    ...(revision !== undefined && { revision }),
    ...(pid !== undefined && { pid }),
    ...(lastError !== undefined && { error: lastError }),
  };
}

type Offer = Pick<ServerStatus, 'tools' | 'prompts' | 'resources' | 'templates' | 'known'>;

function offerOf(server: string, { catalog }: Rooms): Offer {
  const snapshot = catalog.snapshot(server);
  if (snapshot === undefined) return { tools: 0, prompts: 0, resources: 0, templates: 0, known: false };
  const { tools, prompts, resources, templates } = snapshot;
  return {
    tools: tools.length,
    prompts: prompts.length,
    resources: resources.length,
    templates: templates.length,
    known: true,
  };
}

function environmentOf(configured: Readonly<Record<string, string>>, env: RoomOptions['env']): EnvironmentVariable[] {
  // Names alone: a configured value that no process can take is reported when the server is started.
  const inherited = Object.keys(childEnvironment(env, {}, process.platform).env);
  const names = new Set([...inherited, ...Object.keys(configured)]);
  return [...names]
    .toSorted()
    .map((name) => ({ name, from: Object.hasOwn(configured, name) ? 'configuration' : 'allow-list' }));
}

/** Tools that the configuration keeps from clients. */
function leftOut({ name, features, readOnly, tools }: ServerConfig, { catalog }: Rooms): HiddenOffer[] {
  const { hidden, tools: shown } = catalog.root.catalog;
  const known = new Set([
    ...[...shown.values()].filter(({ server }) => server === name).map(({ original }) => original),
    ...hidden.filter(({ server }) => server === name).map(({ what }) => what),
  ]);
  const rules = [tools.allow && 'tools.allow', tools.deny.length > 0 && 'tools.deny', readOnly && 'readOnly'];
  const reason = features.tools ? `left out by ${rules.filter(Boolean).join(' or ')}` : 'features.tools is off';
  return (catalog.snapshot(name)?.tools ?? [])
    .map((tool) => tool['name'] as string)
    .filter((what) => !known.has(what))
    .map((what) => ({ server: name, what, reason }));
}
