/**
 * What the gateway tells its own user about itself: the servers and the tools, read-only. For the local key on a request from
 * this machine, straight to the listener; everybody else finds nothing here.
 */

import type { ServerResponse } from 'node:http';
import { refusePlain, type Endpoint } from '@sallyport/server';
import { ERRORS, wireError } from '@sallyport/wire';
import type { RoomOptions, Rooms } from './modules.ts';
import { gatewayStatus, toolReport } from './status.ts';

export const STATUS_PATH = '/api/v1/servers';
export const TOOLS_PATH = '/api/v1/tools';

const INTERNAL = JSON.stringify({ error: { code: 'internal', message: ERRORS.internal.message } });

export interface AdminEndpointOptions extends Pick<RoomOptions, 'config' | 'env'> {
  readonly rooms: Rooms;
  /** Whether a request was made on this machine with the local key. */
  readonly isOwn: (arrival: Parameters<Endpoint['handle']>[0]) => boolean;
}

/** The endpoints by their path. */
export function createAdminEndpoints(options: AdminEndpointOptions): ReadonlyMap<string, Endpoint> {
  const { config, env, rooms, isOwn } = options;
  const reading = (value: () => unknown): Endpoint => ({
    handle: (arrival) => {
      const { request, response } = arrival;
      if (!isOwn(arrival)) return refusePlain(response, wireError('no_such_path'));
      if (request.method !== 'GET') return refusePlain(response, wireError('method_not_allowed'), { allow: 'GET' });
      Promise.resolve()
        .then(value)
        .then(
          (body) => sendJson(response, 200, JSON.stringify(body)),
          () => sendJson(response, 500, INTERNAL),
        );
    },
  });
  return new Map([
    [STATUS_PATH, reading(() => gatewayStatus(config, rooms, env))],
    [TOOLS_PATH, reading(() => rooms.catalog.ready().then(() => toolReport(rooms)))],
  ]);
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
