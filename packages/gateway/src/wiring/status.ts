/**
 * How the servers are and which tools there are, as `list`, `tools` and the admin API show it. It asks the rooms and starts
 * nothing. Names of environment variables are told, values never.
 */

import { childEnvironment } from '@sallyport/host';
import type { JsonObject } from '@sallyport/wire';
import { globMatcher } from '../glob.ts';
import { LOCAL } from './local.ts';
import type { RoomOptions, Rooms } from '../rooms.ts';
import { OWN_SERVER } from './saved-tools.ts';
import { enabledServers } from '../servers.ts';
import { createToolCost } from '../tool-cost.ts';

type Config = RoomOptions['config'];
type ServerConfig = Config['servers'][number];
type ProgramStatus = ReturnType<Rooms['program']>;
type SandboxStatus = NonNullable<ReturnType<Rooms['sandbox']>>;
type StdioTarget = Extract<ServerConfig['target'], { kind: 'stdio' }>;

export interface ServerStatus {
  readonly name: string;
  readonly description?: string;
  readonly enabled: boolean;
  readonly transport: 'programs' | ServerConfig['target']['kind'];
  readonly state: 'disabled' | 'idle' | 'starting' | 'up' | 'failed' | 'closed' | 'needs login';
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
  /** Of a child: what is in force as of the last start, or what was written while there was none. */
  readonly sandbox?: SandboxReport;
  readonly error?: string;
  /** Milliseconds until it may be tried again; 0 when it may be tried now. */
  readonly retryInMs: number;
  readonly restarts: number;
  /** Lines on its stdout that were no protocol. */
  readonly noiseLines: number;
  readonly tags: readonly string[];
  /** Of a child: what its command was found to be at the last start, an absolute path. */
  readonly command?: string;
  /** What that command would have fetched, and was installed apart. */
  readonly package?: NonNullable<ProgramStatus['package']>;
  /** What is being done before it can be started. */
  readonly doing?: string;
  /** Of a child: the variables it gets, sorted, and where each comes from. Empty for a remote server. */
  readonly environment: readonly EnvironmentVariable[];
}

export interface SandboxReport {
  /** Absent: not written, and not started yet. */
  readonly level?: SandboxStatus['level'];
  /** One line: the level, and what enforces it. */
  readonly summary: string;
  /** Sentences: what is not there though it would be better, or is missing for what was written. */
  readonly gaps: readonly string[];
}

export interface EnvironmentVariable {
  readonly name: string;
  /** `gateway`: by the allow-list, from the gateway's own environment. `sandbox`: set by it, whatever else was said. */
  readonly from: 'gateway' | 'env' | 'envFile' | 'sandbox';
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
  /** How the tools are shown where no view and no request says otherwise. */
  readonly discovery: {
    readonly mode: Config['discovery']['mode'];
    /** What that comes to for the user of this machine. */
    readonly shown: Exclude<Config['discovery']['mode'], 'auto'>;
    readonly budget: number;
    /** Estimated: what all the tools cost. */
    readonly tokens: number;
    /** Canonical ids of tools that are shown in every mode. */
    readonly always: readonly string[];
  };
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

/**
 * `env` is the gateway's own environment, from which children get the allow-list. `redact`: what servers said before they ended is no
 * text of ours.
 */
export function gatewayStatus(rooms: Rooms, env: RoomOptions['env'], redact: (text: string) => string): GatewayStatus {
  const { config } = rooms;
  return {
    servers: [
      ...config.servers.map((server) => serverStatus(server, { rooms, env, redact })),
      ...programsStatus(rooms),
    ],
    hidden: [...seen(rooms).catalog.hidden, ...config.servers.flatMap((server) => leftOut(server, rooms))],
    catalogVersion: seen(rooms).lists.version,
    discovery: discoveryOf(rooms),
    notes: [
      ...enabledServers(config).flatMap(({ name }) =>
        [...rooms.upstreams.notes(name), ...rooms.blocked(name)].map((note) => `${name}: ${note}`),
      ),
      ...rooms.pinNotes(),
      ...rooms.auditNotes(),
      ...rooms.interceptors.notes(),
    ],
  };
}

/** Every tool that the user of this machine sees. */
export function toolReport(rooms: Rooms): ToolReport {
  const { catalog, lists } = seen(rooms);
  const costOf = createToolCost();
  return {
    catalogVersion: lists.version,
    tools: [...catalog.tools.values()].map(({ name, id, server, original, shown }) => ({
      name,
      id,
      server,
      original,
      ...picked(shown, ['title', 'description', 'inputSchema', 'outputSchema', 'annotations']),
      tokens: costOf({ shown }),
    })) as unknown as ToolRecord[],
  };
}

function discoveryOf(rooms: Rooms): GatewayStatus['discovery'] {
  const { always, budget, mode } = rooms.config.discovery;
  const costOf = createToolCost();
  const tools = [...seen(rooms).catalog.tools.values()];
  const tokens = tools.reduce((sum, { shown }) => sum + costOf({ shown }), 0);
  const isAlways = globMatcher(always);
  return {
    mode,
    shown: mode !== 'auto' ? mode : tokens < budget ? 'full' : 'search',
    budget,
    tokens,
    always: tools.filter(({ id }) => isAlways(id)).map(({ id }) => id),
  };
}

/** Where servers list something else to each principal, it is what they list to the user of this machine. */
function seen({ catalog }: Rooms): ReturnType<Rooms['catalog']['everything']> {
  return catalog.everything(LOCAL);
}

function picked(source: JsonObject, members: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(source).filter(([name]) => members.includes(name)));
}

interface Seeing {
  readonly rooms: Rooms;
  readonly env: RoomOptions['env'];
  readonly redact: (text: string) => string;
}

function serverStatus(server: ServerConfig, { env, redact, rooms }: Seeing): ServerStatus {
  const { name, description, enabled, target, tags } = server;
  const facts = {
    name,
    ...(description !== undefined && { description }),
    enabled,
    transport: target.kind,
    isolation: enabled ? rooms.upstreams.isolation(name) : server.isolation,
    tags,
    ...offerOf(name, rooms),
    ...childFacts(server, rooms, env),
  };
  if (!enabled)
    return { ...facts, state: 'disabled', eras: [], retryInMs: 0, restarts: 0, noiseLines: 0, instances: 0 };
  const { revision, pid, lastError, ...status } = rooms.upstreams.status(name);
  return {
    ...facts,
    ...status,
    // One that works is told as it is, whoever else may have to log in.
    ...(status.state !== 'up' && rooms.logins.waitsForUser(name) && { state: 'needs login' as const }),
    ...(revision !== undefined && { revision }),
    ...(pid !== undefined && { pid }),
    ...(lastError !== undefined && { error: redact(lastError) }),
  };
}

/** Of the programs of the configuration: there is nothing that could be down. */
function programsStatus(rooms: Rooms): ServerStatus[] {
  if (Object.keys(rooms.config.tools).length === 0) return [];
  const facts = { isolation: 'shared', instances: 0, retryInMs: 0, restarts: 0, noiseLines: 0 } as const;
  const what = { name: OWN_SERVER, enabled: true, transport: 'programs', state: 'up', eras: [], tags: [] } as const;
  return [{ ...what, ...facts, ...offerOf(OWN_SERVER, rooms), environment: [] }];
}

type ChildFacts = Pick<ServerStatus, 'command' | 'doing' | 'environment' | 'package' | 'sandbox'>;

function childFacts(server: ServerConfig, rooms: Rooms, env: RoomOptions['env']): ChildFacts {
  const { name, target } = server;
  if (target.kind !== 'stdio') return { environment: [] };
  const environment = environmentOf(target, env, rooms.sandbox(name)?.variables ?? []);
  return { sandbox: sandboxOf(server, rooms), ...rooms.program(name), environment };
}

function sandboxOf({ name, sandbox: { level } }: ServerConfig, rooms: Rooms): SandboxReport {
  const known = rooms.sandbox(name);
  if (known !== undefined) return known;
  return level === undefined
    ? { summary: 'the strongest that this machine has, decided at the start', gaps: [] }
    : { level, summary: `${level}: not started yet`, gaps: [] };
}

type Offer = Pick<ServerStatus, 'tools' | 'prompts' | 'resources' | 'templates' | 'known'>;

function offerOf(server: string, rooms: Rooms): Offer {
  const snapshot = seen(rooms).snapshot(server);
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

function environmentOf(
  { env: configured, fromEnvFile = [] }: StdioTarget,
  env: RoomOptions['env'],
  bySandbox: readonly string[],
): EnvironmentVariable[] {
  // Names alone: a configured value that no process can take is reported when the server is started.
  const inherited = Object.keys(childEnvironment(env, {}, process.platform).env);
  const from = new Map<string, EnvironmentVariable['from']>([
    ...inherited.map((name) => [name, 'gateway'] as const),
    ...Object.keys(configured).map((name) => [name, 'env'] as const),
    ...fromEnvFile.map((name) => [name, 'envFile'] as const),
    ...bySandbox.map((name) => [name, 'sandbox'] as const),
  ]);
  return [...from].map(([name, whence]) => ({ name, from: whence })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Tools that the configuration keeps from clients. */
function leftOut({ name, features, readOnly, tools }: ServerConfig, rooms: Rooms): HiddenOffer[] {
  const { hidden, tools: shown } = seen(rooms).catalog;
  const known = new Set([
    ...[...shown.values()].filter(({ server }) => server === name).map(({ original }) => original),
    ...hidden.filter(({ server }) => server === name).map(({ what }) => what),
  ]);
  const rules = [tools.allow && 'tools.allow', tools.deny.length > 0 && 'tools.deny', readOnly && 'readOnly'];
  const reason = features.tools ? `left out by ${rules.filter(Boolean).join(' or ')}` : 'features.tools is off';
  return (seen(rooms).snapshot(name)?.tools ?? [])
    .map((tool) => tool['name'] as string)
    .filter((what) => !known.has(what))
    .map((what) => ({ server: name, what, reason }));
}
