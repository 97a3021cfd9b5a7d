/** What the admin API tells and does, of what the gateway is made of. Its routes and who may use them stand in admin/. */

import { auditActs, type AuditActsOptions } from './admin-audit.ts';
import { callerActs, type CallerActsOptions } from './admin-callers.ts';
import type { ConfigFile } from './admin-config.ts';
import { configActs } from './admin-edits.ts';
import type { History } from './admin-history.ts';
import { pinActs } from './admin-pins.ts';
import { AdminError, type AdminSource, type RecentLine } from '../admin/index.ts';
import type { Config } from '../config/index.ts';
import { masked } from '../config/describe.ts';
import { effectiveView } from '../config/effective.ts';
import type { ConfigStatus, ReloadResult } from '../config/reload.ts';
import { LOCAL } from './local.ts';
import type { PinsRoom } from '../pins/index.ts';
import { pinStore } from './pins-state.ts';
import type { Rooms } from '../rooms.ts';
import { gatewayStatus, toolReport, type GatewayStatus } from './status.ts';
import type { Redactor } from '../telemetry/redact.ts';

export interface AdminSourceOptions extends CallerActsOptions {
  readonly rooms: Rooms;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pins: PinsRoom;
  readonly redactor: Redactor;
  readonly recent: (server: string) => readonly RecentLine[];
  /** The gateway as a process. */
  readonly system: () => { readonly config?: ConfigStatus; readonly startedMs: number };
  readonly isDraining: () => boolean;
  readonly reload: (confirm: string | undefined) => Promise<ReloadResult>;
  readonly configFile: ConfigFile | undefined;
  readonly history: History | undefined;
  readonly trail: Pick<AuditActsOptions, 'folder' | 'keys' | 'shown'>;
}

export function createAdminSource(options: AdminSourceOptions): AdminSource {
  const { configFile, history, now, pins, reload, rooms, store, trail } = options;
  const { env, redactor } = options;
  const status = (): GatewayStatus => gatewayStatus(rooms, env, (text) => redactor.text(text));
  return {
    ...serverActs(options, status),
    ...callerActs(options),
    ...stateActs(options, status),
    ...configActs({ file: configFile, history, servers: () => rooms.config.servers.map(({ name }) => name) }),
    ...pinActs({ room: pins, store: pinStore(store), config: () => rooms.config }),
    ...auditActs({ ...trail, now }),
    reload,
    login: (server, how) => rooms.logins.login(server, how),
    logout: (server) => rooms.logins.logout(server),
    explain: (body) => rooms.explain(body),
  };
}

type ServerActs = Pick<AdminSource, 'definition' | 'logs' | 'restart' | 'server' | 'servers' | 'tools'>;

function serverActs({ recent, redactor, rooms }: AdminSourceOptions, status: () => GatewayStatus): ServerActs {
  const find = (name: string): GatewayStatus['servers'][number] | undefined =>
    status().servers.find((server) => server.name === name);
  const known = (name: string): void => {
    if (find(name) === undefined) throw new AdminError(404, 'not_found', `There is no server ${JSON.stringify(name)}.`);
  };
  return {
    servers: status,
    server: (name) => {
      const found = find(name);
      const config = serversIn(masked(withoutValues(rooms.config)))[name];
      return found && { ...found, config: shown(config, redactor) };
    },
    definition: (name) => {
      const servers = serversIn(effectiveView(rooms.config));
      return Object.hasOwn(servers, name) ? servers[name] : undefined;
    },
    logs: (name) => {
      known(name);
      return { lines: recent(name) };
    },
    restart: (name) => {
      known(name);
      if (!rooms.upstreams.restart(name, rooms.config.limits.drainMs))
        throw new AdminError(409, 'disabled', 'This server is off.');
      return { restarted: name };
    },
    tools: () =>
      rooms.catalog
        .everything(LOCAL)
        .ready()
        .then(() => toolReport(rooms)),
  };
}

type StateActs = Pick<AdminSource, 'clearCache' | 'config' | 'health' | 'system'>;

function stateActs(options: AdminSourceOptions, status: () => GatewayStatus): StateActs {
  const { isDraining, now, redactor, rooms, store, system } = options;
  return {
    config: () => ({ ...system().config, config: shown(masked(withoutValues(rooms.config)), redactor) }),
    health: async () => {
      const works = await store.version('disabled').then(
        () => true,
        () => false,
      );
      const { notes, servers } = status();
      const ready = works ? 'ready' : 'impaired';
      return {
        status: isDraining() ? 'stopping' : ready,
        store: works,
        servers: counted(servers.map(({ state }) => state)),
        notes,
      };
    },
    system: () => {
      const told = status();
      const { heapUsed, rss } = process.memoryUsage();
      const children = told.servers.flatMap(({ sandbox }) => (sandbox === undefined ? [] : [sandbox]));
      return {
        ...system(),
        uptimeMs: now() - system().startedMs,
        memory: { rssBytes: rss, heapBytes: heapUsed },
        store: rooms.config.store,
        sandbox: counted(children.map(({ level }) => level ?? 'not started')),
        ...told,
      };
    },
    clearCache: () => ({ asked: rooms.relist() }),
  };
}

function counted(words: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries([...Map.groupBy(words, (word) => word)].map(([word, all]) => [word, all.length]));
}

function serversIn(view: unknown): Readonly<Record<string, unknown>> {
  return (view as { readonly mcpServers: Readonly<Record<string, unknown>> }).mcpServers;
}

const MASK = '********';

/** Names of variables and headers are shown, values never, whatever they are called. */
function withoutValues(config: Config): unknown {
  const view = effectiveView(config);
  const servers = Object.entries(view['mcpServers'] as Readonly<Record<string, Readonly<Record<string, unknown>>>>).map(
    ([name, server]) => {
      const hidden = (['env', 'headers'] as const).flatMap((key) =>
        server[key] === undefined ? [] : [[key, valueless(server[key])]],
      );
      return [name, { ...server, ...Object.fromEntries(hidden) }];
    },
  );
  return { ...view, mcpServers: Object.fromEntries(servers) };
}

function valueless(values: unknown): unknown {
  return Object.fromEntries(Object.keys(values as object).map((name) => [name, MASK]));
}

/** What is known to be a secret stands nowhere. */
function shown(value: unknown, redactor: Redactor): unknown {
  if (typeof value === 'string') return redactor.text(value);
  if (Array.isArray(value)) return value.map((each) => shown(each, redactor));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shown(each, redactor)]));
}
