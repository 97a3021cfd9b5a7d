/**
 * `GET /metrics`: for the key of the configuration, or for an admin, and for nobody else, whatever `auth` says. It stands
 * before the authentication of clients, because its key is none of theirs: a monitor may read numbers and call nothing.
 */

import { hash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { refusePlain, type FailureLimit, type PublicRoute } from '@sallyport/server';
import { wireError } from '@sallyport/wire';
import { CONTENT_TYPE } from './exposition.ts';
import type { Metrics } from './metrics.ts';

export const METRICS_PATH = '/metrics';

export interface MetricsRouteOptions {
  readonly metrics: Pick<Metrics, 'render' | 'refused'>;
  /** `telemetry.metrics.key`; undefined: admins alone. */
  readonly key: string | undefined;
  /** Whether this credential on this request is an admin's. */
  readonly isAdmin: (credential: string, request: IncomingMessage) => boolean;
  /** Shared with the door: guessing here counts like guessing there. */
  readonly failures: FailureLimit;
}

export function createMetricsRoute(options: MetricsRouteOptions): PublicRoute['handle'] {
  const { metrics, key, isAdmin, failures } = options;
  const expected = key === undefined ? undefined : digest(key);
  return (request, response, { address }) => {
    const credential = bearerOf(request.headers.authorization);
    const isKnown =
      credential !== undefined &&
      ((expected !== undefined && timingSafeEqual(digest(credential), expected)) || isAdmin(credential, request));
    if (!isKnown) {
      // Who shows nothing guesses nothing.
      const waitMs = credential === undefined ? 0 : failures.failed(address);
      metrics.refused(waitMs === 0 ? 'unauthenticated' : 'rate_limited');
      return refuseStranger(response, waitMs);
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return refusePlain(response, wireError('method_not_allowed'), { allow: 'GET, HEAD' });
    }
    const body = metrics.render();
    response.writeHead(200, {
      'content-type': CONTENT_TYPE,
      'cache-control': 'no-store',
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
  };
}

/** RFC 6750 §2.1; the scheme is compared without case (RFC 9110 §11.1). */
function bearerOf(authorization: string | undefined): string | undefined {
  return /^Bearer ([^\s,]+)$/i.exec(authorization ?? '')?.[1];
}

/** Of equal length, so that comparing tells nothing of the key's. */
function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}

function refuseStranger(response: ServerResponse, waitMs: number): void {
  if (waitMs === 0) {
    return refusePlain(response, wireError('unauthenticated'), { 'www-authenticate': 'Bearer realm="sallyport"' });
  }
  refusePlain(response, wireError('rate_limited', 'Too many failed attempts.'), {
    'retry-after': String(Math.ceil(waitMs / 1000)),
  });
}
