/** What stands at the paths that need no credential of MCP: health, the challenge, metrics, and what identity has there. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { refusePlain, type PublicRoute } from '@sallyport/server';
import { wireError } from '@sallyport/wire';
import { sendJson } from './admin-endpoints.ts';
import { answerChallenge, CHALLENGE_PATH } from './daemon.ts';
import { LOCAL } from './local.ts';
import type { Parts } from '../provision.ts';
import { SECURITY_TXT_PATH, securityText } from './security-txt.ts';
import { createMetricsRoute, METRICS_PATH } from '../telemetry/route.ts';

export function publicRoutes(parts: Parts, isDraining: () => boolean): (path: string) => PublicRoute | undefined {
  const ready = (): PublicRoute =>
    isDraining() ? constantRoute(503, '{"status":"stopping"}', true) : constantRoute(200, '{"status":"ready"}', true);
  const fixed: Readonly<Record<string, PublicRoute>> = {
    '/healthz': constantRoute(200, '{"status":"ok"}', true),
    '/readyz': { handle: (...visit) => ready().handle(...visit), hostExempt: true },
    [CHALLENGE_PATH]: { handle: (request, response) => challenge(request, response, parts), hostExempt: false },
    [SECURITY_TXT_PATH]: { handle: (request, response) => securityTxt(request, response, parts), hostExempt: false },
    ...metricsRoute(parts),
  };
  return (path) => (Object.hasOwn(fixed, path) ? fixed[path] : parts.identity.route(path));
}

function metricsRoute({ identity, isLocal, keys, metrics, options }: Parts): Readonly<Record<string, PublicRoute>> {
  const { enabled, key } = options.config.telemetry.metrics;
  if (!enabled) return {};
  const handle = createMetricsRoute({
    metrics,
    key,
    // The local key on a request from this machine, and keys of the store with the role.
    isAdmin: (credential, request) => {
      const found = keys?.verify(credential);
      return found?.name === LOCAL.subject ? isLocal(request) : found?.roles.includes('admin') === true;
    },
    failures: identity.failures,
  });
  return { [METRICS_PATH]: { handle, hostExempt: false } };
}

function challenge(request: IncomingMessage, response: ServerResponse, { address, challengeKey }: Parts): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return refusePlain(response, wireError('method_not_allowed'), { allow: 'GET, HEAD' });
  }
  const nonce = /[?&]nonce=([A-Za-z0-9_-]{16,128})(?:&|$)/.exec(request.url ?? '')?.[1];
  if (nonce === undefined) return refusePlain(response, wireError('no_such_path'));
  sendJson(response, 200, JSON.stringify({ answer: answerChallenge(challengeKey, nonce, address.port) }));
}

function securityTxt(request: IncomingMessage, response: ServerResponse, { options }: Parts): void {
  const { listen, security } = options.config;
  const text = securityText(security, listen.publicUrl, options.now());
  if (text === undefined) return refusePlain(response, wireError('no_such_path'));
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return refusePlain(response, wireError('method_not_allowed'), { allow: 'GET, HEAD' });
  }
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'content-length': Buffer.byteLength(text) };
  response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : text);
}

function constantRoute(status: number, body: string, hostExempt: boolean): PublicRoute {
  return {
    hostExempt,
    handle: (request, response) => {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        return refusePlain(response, wireError('method_not_allowed'), { allow: 'GET, HEAD' });
      }
      sendJson(response, status, body);
    },
  };
}
