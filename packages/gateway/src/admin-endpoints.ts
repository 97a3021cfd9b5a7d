/**
 * What the gateway tells its own user about itself, and the little that it lets be done: servers, tools, state, reload. For
 * the local key on a request from this machine, straight to the listener; everybody else finds nothing here.
 */

import type { ServerResponse } from 'node:http';
import { checkBodyHeaders, readBody, refusePlain, type Endpoint } from '@sallyport/server';
import { ERRORS, isObject, wireError, type JsonObject } from '@sallyport/wire';
import type { RoomOptions, Rooms } from './rooms.ts';
import { gatewayStatus, toolReport } from './status.ts';

export const STATUS_PATH = '/api/v1/servers';
export const TOOLS_PATH = '/api/v1/tools';
export const SYSTEM_PATH = '/api/v1/system';
export const RELOAD_PATH = '/api/v1/reload';
export const EXPLAIN_PATH = '/api/v1/explain';

const MAX_BODY_BYTES = 64 * 1024;

const INTERNAL = JSON.stringify({ error: { code: 'internal', message: ERRORS.internal.message } });

export interface AdminEndpointOptions extends Pick<RoomOptions, 'env'> {
  readonly rooms: Rooms;
  /** Whether a request was made on this machine with the local key. */
  readonly isOwn: (arrival: Parameters<Endpoint['handle']>[0]) => boolean;
  /** The gateway as a process. */
  readonly system: () => object;
  /** `confirm`: the hash of what was seen and is wanted. */
  readonly reload: (confirm: string | undefined) => Promise<object>;
}

type Arrival = Parameters<Endpoint['handle']>[0];

/** The endpoints by their path. */
export function createAdminEndpoints(options: AdminEndpointOptions): ReadonlyMap<string, Endpoint> {
  const { env, rooms, isOwn, system, reload } = options;
  const forOwn = (method: 'GET' | 'POST', handle: (arrival: Arrival) => void): Endpoint => ({
    handle: (arrival) => {
      const { request, response } = arrival;
      if (!isOwn(arrival)) return refusePlain(response, wireError('no_such_path'));
      if (request.method !== method) return refusePlain(response, wireError('method_not_allowed'), { allow: method });
      handle(arrival);
    },
  });
  const reading = (value: () => unknown): Endpoint => forOwn('GET', ({ response }) => answer(response, value));
  const status = (): JsonObject => gatewayStatus(rooms, env) as unknown as JsonObject;
  return new Map([
    [STATUS_PATH, reading(status)],
    [TOOLS_PATH, reading(() => rooms.catalog.root.ready().then(() => toolReport(rooms)))],
    [SYSTEM_PATH, reading(() => ({ ...system(), ...status() }))],
    [EXPLAIN_PATH, forOwn('POST', (arrival) => withBody(arrival, (body) => rooms.explain(body)))],
    [
      RELOAD_PATH,
      forOwn('POST', (arrival) =>
        withBody(arrival, ({ confirm }) => reload(typeof confirm === 'string' ? confirm : undefined)),
      ),
    ],
  ]);
}

function answer(response: ServerResponse, value: () => unknown): void {
  Promise.resolve()
    .then(value)
    .then(
      (body) => sendJson(response, 200, JSON.stringify(body)),
      () => sendJson(response, 500, INTERNAL),
    );
}

function withBody({ request, response }: Arrival, act: (body: JsonObject) => unknown): void {
  const problem = checkBodyHeaders(request, MAX_BODY_BYTES);
  if (problem !== undefined) return refusePlain(response, problem);
  readBody(request, MAX_BODY_BYTES, (read) => {
    if (read === undefined) return void response.destroy();
    if ('key' in read) return refusePlain(response, read);
    const body = parsed(read.text);
    if (body === undefined) return refusePlain(response, wireError('parse'));
    answer(response, () => act(body));
  });
}

function parsed(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Answers with JSON that nobody keeps. */
export function sendJson(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}
