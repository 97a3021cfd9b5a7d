/**
 * The admin API: routes below `admin.path`, each with what it needs of the caller. Whoever is no admin finds nothing, at any of
 * them. What a request goes through is visit.ts; what the routes do is routes.ts, and what they are is also the OpenAPI document.
 */

import type { Endpoint } from '@sallyport/server';
import { openApiDocument } from './openapi.ts';
import type { Route } from './types.ts';
import { Turns, Visit, type VisitOptions } from './visit.ts';

export { createAccess } from './access.ts';
export { createRecent, type Recent, type RecentLine } from './recent.ts';
export { createRoutes } from './routes.ts';
export type { AdminSource, AuditQuery, ConfigEdit } from './source.ts';
export { AdminError, type AdminSettings } from './types.ts';
export { Turns, type AdminEvent } from './visit.ts';

export interface AdminOptions extends VisitOptions {
  readonly path: string;
  readonly routes: readonly Route[];
  /** Of the OpenAPI document; undefined: there is none here. */
  readonly version: string | undefined;
}

/** What stands at a path of the API; undefined: nothing. */
export interface AdminPaths {
  get(path: string): Endpoint | undefined;
}

export function createAdmin(options: AdminOptions): AdminPaths {
  const { version } = options;
  const turns = new Turns();
  const routes = version === undefined ? options.routes : [...options.routes, documentRoute(options, version)];
  const patterns = [...new Set(routes.map(({ path }) => path))].map((path) => ({
    test: patternOf(`${options.path}${path}`),
    routes: routes.filter((route) => route.path === path),
  }));
  return {
    get: (path) => {
      for (const { routes: here, test } of patterns) {
        const found = test.exec(path);
        if (found === null) continue;
        const groups = found.groups ?? {};
        return { handle: (arrival) => new Visit(arrival, options, groups, turns).run(here) };
      }
      return undefined;
    },
  };
}

function documentRoute({ path, routes }: AdminOptions, version: string): Route {
  return {
    method: 'GET',
    path: '/openapi.json',
    summary: 'This API, described by OpenAPI 3.1.',
    needs: 'read',
    handle: () => openApiDocument(routes, path, version),
  };
}

function patternOf(path: string): RegExp {
  const parts = path.split('/').map((part) => {
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    return name === undefined ? part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&') : `(?<${name}>[^/]+)`;
  });
  return new RegExp(`^${parts.join('/')}$`);
}
