/**
 * The admin API at its paths, and at fixed ones what the command line of this machine's user asks for, whatever `admin` says:
 * he stops the gateway and asks how it is with it.
 */

import type { Arrival } from '@sallyport/server';
import {
  createAccess,
  createAdmin,
  createRoutes,
  type AdminEvent,
  type AdminPaths,
  type AdminSettings,
  type AdminSource,
} from '../admin/index.ts';
import {
  EXPLAIN_PATH,
  LOGIN_PATH,
  LOGOUT_PATH,
  OWN_PATH,
  RELOAD_PATH,
  STATUS_PATH,
  SYSTEM_PATH,
  TOOLS_PATH,
} from './admin-endpoints.ts';
import { adminEvent } from './audit-events.ts';
import type { AuditEvent } from '../audit/index.ts';
import { LOCAL } from './local.ts';

export interface AdminPathsOptions {
  readonly settings: AdminSettings;
  readonly source: AdminSource;
  readonly isLocal: (request: Arrival['request']) => boolean;
  /** The same at a listener of its own; undefined: it has none. */
  readonly isLocalApart: ((request: Arrival['request']) => boolean) | undefined;
  readonly record: (event: AuditEvent) => void;
  /** Somebody who is no admin came: the record of it, which may come often. */
  readonly refused: (event: AuditEvent, address: string | undefined) => void;
  readonly failed: (id: string, error: unknown) => void;
  readonly digest: (value: unknown) => string;
  readonly randomId: () => string;
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const OWN: readonly string[] = [
  STATUS_PATH,
  TOOLS_PATH,
  SYSTEM_PATH,
  RELOAD_PATH,
  LOGIN_PATH,
  LOGOUT_PATH,
  EXPLAIN_PATH,
];

const NOWHERE: AdminPaths = { get: () => undefined };

export function createAdminPaths(options: AdminPathsOptions): {
  readonly main: AdminPaths;
  readonly apart: AdminPaths;
} {
  const { digest, failed, isLocalApart, now, randomId, record, refused, settings, source, version } = options;
  const routes = createRoutes(source);
  const shared = {
    record: (event: AdminEvent) => record(recordOf(event)),
    refused: ({ address, endpoint, principal }: Arrival) =>
      refused(adminEvent('admin.request', 'deny', principal, { target: endpoint }), address),
    failed,
    digest,
    randomId,
  };
  const accessAt = (isLocal: AdminPathsOptions['isLocal']): ReturnType<typeof createAccess> =>
    createAccess({ settings, isLocal, user: LOCAL, now });
  const access = accessAt(options.isLocal);
  const own = createAdmin({
    ...shared,
    access,
    path: OWN_PATH,
    routes: routes
      .filter(
        ({ action, method, path }) =>
          OWN.includes(`${OWN_PATH}${path}`) && (method === 'GET' || action?.name !== 'server.add'),
      )
      .map((route) => ({ ...route, needs: 'user' })),
    version: undefined,
  });
  if (!settings.enabled) return { main: own, apart: NOWHERE };
  const apiAt = (at: typeof access): AdminPaths =>
    createAdmin({ ...shared, access: at, path: settings.path, routes, version });
  if (isLocalApart !== undefined) return { main: own, apart: apiAt(accessAt(isLocalApart)) };
  const api = apiAt(access);
  return { main: { get: (path) => api.get(path) ?? own.get(path) }, apart: NOWHERE };
}

function recordOf({ action, address, caller, decision, facts, id, reason, target }: AdminEvent): AuditEvent {
  return {
    ...adminEvent(action, decision, caller),
    address,
    correlationId: id,
    facts,
    ...(target !== '' && { target }),
    ...(reason !== undefined && { reason }),
  };
}
