/** What the admin API tells and does, of what the gateway is made of. Its routes and who may use them stand in admin/. */

import { hash } from 'node:crypto';
import { KeyError, type KeyTable, type Session } from '@sallyport/server';
import { AdminError, type AdminSource, type RecentLine } from './admin/index.ts';
import { commandHash, etagOf, readServer, type ConfigFile } from './admin-config.ts';
import type { Config } from './config/index.ts';
import { masked } from './config/describe.ts';
import type { Edit } from './config/edit.ts';
import { effectiveView } from './config/effective.ts';
import type { ConfigStatus, ReloadResult } from './config/reload.ts';
import { listDisabled, setDisabled } from './disabled.ts';
import { LOCAL, LOCAL_ISSUER } from './local.ts';
import type { Rooms } from './rooms.ts';
import { gatewayStatus, toolReport, type GatewayStatus } from './status.ts';
import type { Store } from './store/index.ts';
import { recordsOf } from './store/records.ts';
import type { Redactor } from './telemetry/redact.ts';

export interface AdminSourceOptions {
  readonly rooms: Rooms;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly store: Store;
  readonly keys: KeyTable | undefined;
  readonly redactor: Redactor;
  readonly recent: (server: string) => readonly RecentLine[];
  /** The gateway as a process. */
  readonly system: () => object & { readonly config?: ConfigStatus };
  readonly isDraining: () => boolean;
  readonly reload: (confirm: string | undefined) => Promise<ReloadResult>;
  readonly configFile: ConfigFile;
  /** Ends a session over HTTP. */
  readonly end: (session: Session) => void;
  readonly now: () => number;
}

export function createAdminSource(options: AdminSourceOptions): AdminSource {
  const { env, reload, rooms, system } = options;
  const status = (): GatewayStatus => gatewayStatus(rooms, env);
  return {
    ...serverActs(options, status),
    ...callerActs(options),
    tools: () =>
      rooms.catalog
        .everything(LOCAL)
        .ready()
        .then(() => toolReport(rooms)),
    config: () => ({
      etag: etagOf(system().config?.hash),
      ...system().config,
      config: shown(masked(withoutValues(rooms.config)), options.redactor),
    }),
    health: () => ({ status: options.isDraining() ? 'stopping' : 'ready', notes: status().notes }),
    system: () => ({ ...system(), ...status() }),
    reload,
    login: (server, how) => rooms.logins.login(server, how),
    logout: (server) => rooms.logins.logout(server),
    explain: (body) => rooms.explain(body),
  };
}

type ServerActs = Pick<AdminSource, 'add' | 'logs' | 'remove' | 'restart' | 'server' | 'servers' | 'switchServer'>;

function serverActs({ configFile, recent, rooms }: AdminSourceOptions, status: () => GatewayStatus): ServerActs {
  const find = (name: string): unknown => status().servers.find((server) => server.name === name);
  const known = (name: string): void => {
    if (find(name) === undefined) throw new AdminError(404, 'not_found', `There is no server ${JSON.stringify(name)}.`);
  };
  const change = async (edit: Edit, ifMatch: string | undefined): Promise<unknown> =>
    await configFile.change(edit, ifMatch);
  return {
    servers: status,
    server: find,
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
    add: async (name, written, { confirm, ifMatch, mayCommand }) => {
      const server = readServer(written);
      if ('command' in server) {
        if (!mayCommand)
          throw new AdminError(
            403,
            'forbidden',
            'A command is added on the machine of the gateway, or from elsewhere with `admin.commands: true`.',
          );
        const wanted = commandHash(name, server);
        if (confirm !== wanted) {
          const command = [server.command, ...server.args];
          const more = { command, environment: Object.keys(server.env ?? {}), confirm: wanted };
          throw new AdminError(
            428,
            'confirm',
            'This command will be run by the gateway. Send the same again with this `confirm` to add it.',
            more,
          );
        }
      }
      return await change({ kind: 'add', name, server }, ifMatch);
    },
    switchServer: async (name, isOn, { ifMatch }) => await change({ kind: isOn ? 'enable' : 'disable', name }, ifMatch),
    remove: async (name, { ifMatch }) => await change({ kind: 'remove', name }, ifMatch),
  };
}

type CallerActs = Pick<
  AdminSource,
  'createKey' | 'endSession' | 'keys' | 'principals' | 'revokeKey' | 'rotateKey' | 'sessions' | 'setDisabled'
>;

function callerActs({ end, keys, now, rooms, store }: AdminSourceOptions): CallerActs {
  const table = (): KeyTable => {
    if (keys === undefined) throw new AdminError(409, 'no_keys', 'Without authentication there are no keys.');
    return keys;
  };
  const disabled = recordsOf(store, 'disabled');
  const written = (): readonly string[] => rooms.config.auth.keys.map(({ name }) => name);
  return {
    sessions: () => ({ sessions: [...rooms.sessions].map(sessionView) }),
    endSession: (id) => {
      const session = [...rooms.sessions].find((each) => shortId(each) === id);
      if (session === undefined) throw new AdminError(404, 'not_found', 'There is no such session.');
      if (session.transport !== 'http')
        throw new AdminError(
          409,
          'connection',
          'This is a connection, not a session over HTTP: disable its principal, or revoke its key.',
        );
      end(session);
      return { ended: id };
    },
    principals: async () => ({
      disabled: (await listDisabled(disabled)).map(principalText),
      keys: [...new Set([...written(), ...((await keys?.list()) ?? []).map(({ name }) => name)])],
      sessions: [...new Set([...rooms.sessions].map(({ principal }) => principalText(principal)))],
    }),
    setDisabled: async (who, isDisabled) => {
      await setDisabled(disabled, readPrincipal(who), isDisabled, now());
      return { disabled: (await listDisabled(disabled)).map(principalText) };
    },
    keys: async () => ({ keys: await table().list(), configured: written() }),
    createKey: async ({ name, ...wanted }) => {
      if (written().includes(name))
        throw new AdminError(409, 'name_taken', 'The configuration has a key of this name.');
      const { key, record } = await said(table().create({ name, ...wanted }));
      return { ...record, key };
    },
    rotateKey: async (idOrName, graceMs) => {
      const issued = await said(table().rotate(idOrName, { graceMs }));
      if (issued === undefined) throw noSuchKey();
      return { ...issued.record, key: issued.key };
    },
    revokeKey: async (idOrName) => {
      const revoked = await said(table().revoke(idOrName));
      if (revoked === undefined) throw noSuchKey();
      return { ...revoked, revoked: true };
    },
  };
}

function noSuchKey(): AdminError {
  return new AdminError(
    404,
    'not_found',
    'There is no such key in the store: those of the configuration are changed there.',
  );
}

async function said<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof KeyError) throw new AdminError(409, error.code, error.message);
    throw error;
  }
}

/** The id itself is half of what it takes to speak in a session. */
function shortId({ id }: Session): string {
  return hash('sha256', id).slice(0, 16);
}

function sessionView(session: Session): object {
  const { client, endpoint, principal, revision, transport } = session;
  return {
    id: shortId(session),
    transport,
    endpoint,
    principal: principalText(principal),
    revision,
    client: client.info ?? null,
  };
}

type Named = Parameters<typeof setDisabled>[1];

function principalText({ issuer, subject }: Named): string {
  return `${issuer}#${subject}`;
}

function readPrincipal(who: string): Named {
  const at = who.indexOf('#');
  const named =
    at === -1 ? { issuer: LOCAL_ISSUER, subject: who } : { issuer: who.slice(0, at), subject: who.slice(at + 1) };
  if (named.issuer === '' || named.subject === '')
    throw new AdminError(400, 'invalid', 'Expected the name of a key, or ISSUER#SUBJECT.');
  if (named.issuer === LOCAL.issuer && named.subject === LOCAL.subject)
    throw new AdminError(409, 'local_key', 'The user of this machine cannot be shut out.');
  return named;
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
