/**
 * The admin API: routes below `admin.path`, each with what it needs of the caller. Whoever is no admin finds nothing, at any of
 * them. What the routes do is routes.ts, what they are is also the OpenAPI document. It keeps nothing.
 */

import type { ServerResponse } from 'node:http';
import { checkBodyHeaders, readBody, refusePlain, type Arrival, type Endpoint } from '@sallyport/server';
import { ERRORS, isObject, wireError, type JsonObject } from '@sallyport/wire';
import type { Access } from './access.ts';
import { openApiDocument } from './openapi.ts';
import { AdminError, type AdminRequest, type Caller, type Route } from './types.ts';

export { createAccess } from './access.ts';
export { createRecent, type Recent, type RecentLine } from './recent.ts';
export { createRoutes } from './routes.ts';
export type { AdminSource } from './source.ts';
export { AdminError, type AdminSettings } from './types.ts';

export interface AdminOptions {
  readonly path: string;
  readonly routes: readonly Route[];
  readonly access: Access;
  /** For the audit. */
  readonly record: (event: AdminEvent) => void;
  /** Somebody who is no admin came here. */
  readonly refused: (arrival: Arrival) => void;
  /** Of the OpenAPI document; undefined: there is none here. */
  readonly version: string | undefined;
}

export interface AdminEvent {
  readonly action: string;
  readonly decision: 'allow' | 'deny';
  readonly caller: Pick<Caller, 'issuer' | 'subject'>;
  readonly target: string;
  readonly reason?: string;
}

/** What stands at a path of the API; undefined: nothing. */
export interface AdminPaths {
  get(path: string): Endpoint | undefined;
}

const MAX_BODY_BYTES = 64 * 1024;
const INTERNAL = { error: { code: 'internal', message: ERRORS.internal.message } };

export function createAdmin(options: AdminOptions): AdminPaths {
  const { version } = options;
  const routes = version === undefined ? options.routes : [...options.routes, documentRoute(options, version)];
  const patterns = [...new Set(routes.map(({ path }) => path))].map((path) => ({
    test: patternOf(`${options.path}${path}`),
    routes: routes.filter((route) => route.path === path),
  }));
  return {
    get: (path) => {
      for (const { routes: here, test } of patterns) {
        const found = test.exec(path);
        if (found !== null) return { handle: (arrival) => new Visit(arrival, options, found.groups ?? {}).run(here) };
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

/** One request. */
class Visit {
  readonly #arrival: Arrival;
  readonly #options: AdminOptions;
  readonly #groups: Readonly<Record<string, string>>;

  constructor(arrival: Arrival, options: AdminOptions, groups: Readonly<Record<string, string>>) {
    this.#arrival = arrival;
    this.#options = options;
    this.#groups = groups;
  }

  run(routes: readonly Route[]): void {
    const { address, request, response } = this.#arrival;
    const { access, refused } = this.#options;
    const caller = access.admin(this.#arrival);
    if (caller === undefined || routes.every(({ needs }) => needs === 'user' && !caller.isUser)) {
      refused(this.#arrival);
      return refusePlain(response, wireError('no_such_path'));
    }
    if (access.isTooMuch(caller, address))
      return refusePlain(response, wireError('rate_limited'), { 'retry-after': '60' });
    const route = routes.find(({ method }) => method === request.method);
    if (route === undefined) {
      const allow = routes.map(({ method }) => method).join(', ');
      return refusePlain(response, wireError('method_not_allowed'), { allow });
    }
    if (!access.may(caller, route.needs)) return this.#answer(FORBIDDEN);
    if (route.method === 'GET') return void this.#act(route, caller, {});
    this.#withBody((body) => void this.#act(route, caller, body));
  }

  /** A type that no form of a browser can send is wanted even where there is nothing to say. */
  #withBody(take: (body: JsonObject) => void): void {
    const { request, response } = this.#arrival;
    const problem = checkBodyHeaders(request, MAX_BODY_BYTES);
    if (problem !== undefined) return refusePlain(response, problem);
    readBody(request, MAX_BODY_BYTES, (read) => {
      if (read === undefined) return void response.destroy();
      if ('key' in read) return refusePlain(response, read);
      const body = parsed(read.text === '' ? '{}' : read.text);
      if (body === undefined) refusePlain(response, wireError('parse'));
      else take(body);
    });
  }

  async #act(route: Route, caller: Caller, body: JsonObject): Promise<void> {
    const { request } = this.#arrival;
    const asked: AdminRequest = {
      caller,
      mayCommand: this.#options.access.mayCommand(caller),
      of: (name) => decoded(this.#groups[name] ?? ''),
      query: new URL(request.url ?? '', 'http://here').searchParams,
      body,
      ifMatch: request.headers['if-match'],
    };
    try {
      const value = await route.handle(asked);
      this.#record(route, asked, 'allow');
      sendJson(this.#arrival.response, 200, value);
    } catch (error) {
      this.#record(route, asked, 'deny', error instanceof Error ? error.message : String(error));
      if (error instanceof AdminError) this.#answer(error);
      else sendJson(this.#arrival.response, 500, INTERNAL);
    }
  }

  #record({ action }: Route, asked: AdminRequest, decision: AdminEvent['decision'], reason?: string): void {
    if (action === undefined) return;
    let target = '';
    try {
      target = action.target(asked);
    } catch {
      // What it was meant for cannot be told; that it was refused can.
    }
    const { caller } = asked;
    this.#options.record({ action: action.name, decision, caller, target, ...(reason !== undefined && { reason }) });
  }

  #answer({ code, message, more, status }: AdminError): void {
    sendJson(this.#arrival.response, status, { error: { code, message, ...more } });
  }
}

const FORBIDDEN = new AdminError(
  403,
  'forbidden',
  'From elsewhere than the machine of the gateway this needs `admin.remoteWrite: true`; some things are that machine’s user’s alone.',
);

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new AdminError(400, 'invalid', 'The path is no percent-encoding.');
  }
}

function parsed(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Nobody keeps it. */
function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value ?? null);
  const etag = isObject(value) && typeof value['etag'] === 'string' ? { etag: value['etag'] } : {};
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(body),
    ...etag,
  });
  response.end(body);
}
