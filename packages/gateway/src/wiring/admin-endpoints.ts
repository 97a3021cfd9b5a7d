/** The paths at which the command line asks a gateway of this machine, whatever `admin` says; and how JSON is answered. */

import type { ServerResponse } from 'node:http';

/** Of this machine's user alone, with the local key. */
export const OWN_PATH = '/api/v1';
export const STATUS_PATH = '/api/v1/servers';
export const TOOLS_PATH = '/api/v1/tools';
export const SYSTEM_PATH = '/api/v1/system';
export const RELOAD_PATH = '/api/v1/reload';
export const LOGIN_PATH = '/api/v1/login';
export const LOGOUT_PATH = '/api/v1/logout';
export const EXPLAIN_PATH = '/api/v1/explain';

/** Answers with JSON that nobody keeps. */
export function sendJson(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}
