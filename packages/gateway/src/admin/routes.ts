/** The table of the admin API: each route, what it needs, and which function of the gateway answers it. */

import { callerRoutes } from './routes-callers.ts';
import { configRoutes } from './routes-config.ts';
import { gatewayRoutes } from './routes-gateway.ts';
import { serverRoutes } from './routes-servers.ts';
import type { AdminSource } from './source.ts';
import type { Route } from './types.ts';

export function createRoutes(source: AdminSource): readonly Route[] {
  return [...serverRoutes(source), ...callerRoutes(source), ...configRoutes(source), ...gatewayRoutes(source)];
}
