/** The admin API of a running gateway, put together of what the gateway stands on. */

import { randomBytes } from 'node:crypto';
import { createShield, type Arrival, type Session } from '@sallyport/server';
import { createAdminDoor, type AdminDoor, type AdminDoorOptions } from './admin-door.ts';
import { createConfigFile, type ConfigFile } from './admin-config.ts';
import { createHistory, type History, type HistoryOptions } from './admin-history.ts';
import { createAdminPaths } from './admin-paths.ts';
import { createAdminSource, type AdminSourceOptions } from './admin-source.ts';
import type { AdminPaths, Recent } from '../admin/index.ts';
import type { AuditEvent } from '../audit/index.ts';
import { auditFolder } from './audit-trail.ts';
import type { ReloadResult } from '../config/reload.ts';
import type { Parts } from '../provision.ts';
import type { RecordLevel } from '../telemetry/index.ts';
import type { Redactor } from '../telemetry/redact.ts';

export interface AdministrationOptions {
  readonly parts: Parts;
  readonly redactor: Redactor;
  readonly recent: Recent<RecordLevel>;
  readonly system: AdminSourceOptions['system'];
  readonly isDraining: () => boolean;
  readonly reload: (request: { readonly confirm?: string; readonly isQuiet?: boolean }) => Promise<ReloadResult>;
  readonly end: (session: Session) => void;
  /** Somebody who is no admin came: the record of it, which may come often. */
  readonly refused: (event: AuditEvent, address: string | undefined) => void;
  readonly authenticate: AdminDoorOptions['authenticate'];
  readonly onRefused: AdminDoorOptions['onRefused'];
}

export interface Administration {
  /** At the main listener. */
  readonly paths: AdminPaths;
  /** Undefined: it has none of its own. */
  readonly door: AdminDoor | undefined;
  /** The configuration was read again. */
  readonly reloaded: (result: ReloadResult) => void;
}

export function openAdministration(options: AdministrationOptions): Administration {
  const { authenticate, onRefused, parts, recent, redactor, refused } = options;
  const { adminKeys, audit, isLocal, keys, pins, rooms, store } = parts;
  const { config, env, log, now, people, version } = parts.options;
  const { configFile, history } = filesOf(options);
  const source = createAdminSource({
    rooms,
    env,
    store,
    keys,
    pins,
    redactor,
    recent: (server) => recent.of(server),
    system: options.system,
    isDraining: options.isDraining,
    reload: (confirm) => options.reload(confirm === undefined ? {} : { confirm }),
    configFile,
    history,
    trail: { folder: trailFolder(parts), keys: adminKeys.trail, shown: (line) => people.outward(line) },
    end: options.end,
    now,
  });
  const { host = '127.0.0.1' } = config.admin.listen ?? {};
  // A proxy is declared for the main listener alone: here whoever comes through one is no local admin.
  const shield = createShield({
    host,
    hosts: config.listen.hosts,
    origins: [],
    publicUrl: undefined,
    trustProxy: [],
    tls: config.admin.listen?.tls,
  });
  const isLocalThere = ({ headers, socket }: Arrival['request']): boolean =>
    shield.isLocal({ peer: socket.remoteAddress, headers });
  const paths = createAdminPaths({
    settings: config.admin,
    source,
    isLocal,
    isLocalApart: config.admin.listen && isLocalThere,
    record: audit.record,
    refused,
    failed: (id, error) => log('error', 'a request for the admin API failed', { id, error: String(error) }),
    digest: adminKeys.digest,
    randomId: () => randomBytes(8).toString('hex'),
    version,
    now,
  });
  return {
    paths: paths.main,
    door: createAdminDoor({ config, authenticate, shield, paths: paths.apart, onRefused }),
    reloaded: (result) => configFile?.reloaded(result),
  };
}

/** Without a file there is nothing to change. */
function filesOf({ parts, reload }: AdministrationOptions): { configFile?: ConfigFile; history?: History } {
  const { adminKeys, options, rooms, store } = parts;
  const { config, file, log, now, people, stateDirectory } = options;
  if (file === undefined || !config.admin.enabled) return {};
  const history = createHistory({ store, sealing: adminKeys.history, names: namesOf(people), path: file.path, now });
  const configFile = createConfigFile({
    path: file.path,
    stateDirectory,
    history,
    config: () => rooms.config,
    load: file.load,
    reload: () => reload({ isQuiet: true }),
    digest: adminKeys.digest,
    log,
  });
  return { configFile, history };
}

/** As in the records of the trail. */
function namesOf(people: Parts['options']['people']): HistoryOptions['names'] {
  return {
    kept: (who) => people.principal(who),
    shown: (kept) =>
      (JSON.parse(people.outward(JSON.stringify({ principal: kept }))) as { readonly principal: string }).principal,
  };
}

function trailFolder({ options: { config, stateDirectory } }: Parts): string | undefined {
  const isKept = config.audit.enabled && config.store !== 'memory';
  return isKept && stateDirectory !== undefined ? auditFolder(stateDirectory) : undefined;
}
