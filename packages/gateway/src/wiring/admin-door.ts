/**
 * A listener of its own for the admin API, where `admin.listen` has one: the same checks as at the main one, for another
 * address. Nothing else stands behind it.
 */

import type { AddressInfo } from 'node:net';
import { createListener, LISTENER_LIMITS, type Authenticate, type Shield } from '@sallyport/server';
import type { AdminPaths } from '../admin/index.ts';
import type { Config } from '../config/index.ts';
import { tlsOptions } from './tls-files.ts';

export interface AdminDoorOptions {
  readonly config: Config;
  readonly authenticate: Authenticate;
  readonly shield: Shield;
  readonly paths: AdminPaths;
  readonly onRefused: Parameters<typeof createListener>[0]['onRefused'];
}

export interface AdminDoor {
  /** Rejects with an error for a person. */
  listen(): Promise<AddressInfo>;
  /** Throws when the certificates cannot be used: then the old ones stay. */
  reloadTls(): void;
  close(graceMs: number): Promise<void>;
}

/** Undefined: the main listener has the admin API, or nobody. */
export function createAdminDoor({
  authenticate,
  config,
  onRefused,
  paths,
  shield,
}: AdminDoorOptions): AdminDoor | undefined {
  const { admin, limits } = config;
  const at = admin.enabled ? admin.listen : undefined;
  if (at === undefined) return undefined;
  const listener = createListener({
    shield,
    authenticate,
    endpoint: (path) => {
      const endpoint = paths.get(path);
      return endpoint && { name: path, endpoint };
    },
    // Nothing else ever stands at a path.
    edition: () => paths,
    opensWebSocket: () => false,
    isMcpPath: () => false,
    route: () => undefined,
    tls: at.tls && tlsOptions(at.tls, false),
    ...(onRefused !== undefined && { onRefused }),
    limits: {
      ...LISTENER_LIMITS,
      headerBytes: limits.headerBytes,
      headerTimeoutMs: limits.headerTimeoutMs,
      bodyTimeoutMs: limits.bodyTimeoutMs,
      connectionsPerAddress: limits.connections,
    },
    onSweep: () => undefined,
  });
  return {
    listen: async () => {
      try {
        return await listener.listen(at.host, at.port);
      } catch (error) {
        const { code = String(error) } = error as { readonly code?: string };
        throw new Error(`admin.listen: cannot listen on ${at.host} port ${at.port} (${code}).`, { cause: error });
      }
    },
    reloadTls: () => {
      if (at.tls !== undefined) listener.reloadTls();
    },
    close: (graceMs) => listener.close(graceMs),
  };
}
