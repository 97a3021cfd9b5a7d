/**
 * The admin API at its paths, and at fixed ones what the command line of this machine's user asks for, whatever `admin` says:
 * he stops the gateway and asks how it is with it.
 */

import type { Arrival } from '@sallyport/server';
import {
  createAccess,
  createAdmin,
  createRoutes,
  type AdminPaths,
  type AdminSettings,
  type AdminSource,
} from './admin/index.ts';
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
import type { AuditEvent } from './audit/index.ts';
import { LOCAL } from './local.ts';

export interface AdminPathsOptions {
  readonly settings: AdminSettings;
  readonly source: AdminSource;
  readonly isLocal: (request: Arrival['request']) => boolean;
  readonly record: (event: AuditEvent) => void;
  /** Somebody who is no admin came: the record of it, which may come often. */
  readonly refused: (event: AuditEvent, address: string | undefined) => void;
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

export function createAdminPaths(options: AdminPathsOptions): AdminPaths {
  const { isLocal, now, record, refused, settings, source, version } = options;
  const routes = createRoutes(source);
  const shared = {
    access: createAccess({ settings, isLocal, user: LOCAL, now }),
    record: ({
      action,
      caller,
      decision,
      reason,
      target,
    }: Parameters<Parameters<typeof createAdmin>[0]['record']>[0]) =>
      record(
        adminEvent(action, decision, caller, {
          ...(target !== '' && { target }),
          ...(reason !== undefined && { reason }),
        }),
      ),
    refused: ({ address, endpoint, principal }: Arrival) =>
      refused(adminEvent('admin.request', 'deny', principal, { target: endpoint }), address),
  };
  const own = createAdmin({
    ...shared,
    path: OWN_PATH,
    routes: routes
      .filter(
        ({ action, method, path }) =>
          OWN.includes(`${OWN_PATH}${path}`) && (method === 'GET' || action?.name !== 'server.add'),
      )
      .map((route) => ({ ...route, needs: 'user' })),
    version: undefined,
  });
  if (!settings.enabled) return own;
  const api = createAdmin({ ...shared, path: settings.path, routes, version });
  return { get: (path) => api.get(path) ?? own.get(path) };
}
