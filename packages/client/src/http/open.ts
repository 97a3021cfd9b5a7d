/**
 * From a URL to a leg: opens it in one era, or finds out which eras the server speaks (2026-07-28, versioning). It does not
 * store verdicts and does not try again later.
 */

import { isSessionRevision, type Era } from '@sallyport/wire';
import { errorOf } from '../ask.ts';
import { UpstreamError, type Leg } from '../leg.ts';
import { OtherEraError } from '../hello.ts';
import { createEndpoint, type Endpoint } from './endpoint.ts';
import type { HttpOptions } from './options.ts';
import { openSession } from './session.ts';
import { openStateless, type StatelessLeg } from './stateless.ts';

export interface HttpProbe {
  /** In the preferred era if the server speaks it, else in the other. */
  readonly leg: Leg;
  /** What the server was found to speak. */
  readonly eras: readonly Era[];
}

/** Begins a session. Rejects with `UpstreamError` and leaves nothing open then. */
export function openHttpSession(options: HttpOptions): Promise<Leg> {
  return onEndpoint(options, (endpoint) => openSession(endpoint, options));
}

/** Discovers the server, and listens to its changes in the background. Rejects as `openHttpSession` does. */
export function openHttpStateless(options: HttpOptions): Promise<Leg> {
  return onEndpoint(options, async (endpoint) => listening(await openStateless(endpoint, options)));
}

/**
 * Asks the server for its eras and opens a leg: `server/discover` first; an answer or an error of the stateless era proves
 * it. Whether a server that does not say so begins sessions too is only tried when `preferred` is the session era. Rejects
 * with `UpstreamError`: what cannot be reached, is too slow, fails (5xx) or wants a credential proves nothing.
 */
export function probeHttp(options: HttpOptions, preferred: Era): Promise<HttpProbe> {
  return onEndpoint(options, (endpoint) => probe(endpoint, options, preferred));
}

async function probe(endpoint: Endpoint, options: HttpOptions, preferred: Era): Promise<HttpProbe> {
  let stateless: StatelessLeg;
  try {
    stateless = await openStateless(endpoint, options);
  } catch (error) {
    if (!mayBeSessionEra(error)) throw error;
    return { leg: await openSession(endpoint, options), eras: ['session'] };
  }
  const says = stateless.server.revisions.some(isSessionRevision);
  if (preferred === 'stateless')
    return { leg: listening(stateless), eras: says ? ['stateless', 'session'] : ['stateless'] };
  try {
    return { leg: await openSession(endpoint, options), eras: ['stateless', 'session'] };
  } catch (error) {
    const { message } = error as Error;
    options.events.log('debug', `${endpoint.where} speaks the stateless era alone.`, { error: message });
    return { leg: listening(stateless), eras: ['stateless'] };
  }
}

/** Errors that only a server of the stateless era gives. */
const STATELESS_CODES: ReadonlySet<number> = new Set([-32020, -32021, -32022]);

/** Whether a failed `server/discover` leaves it open that the server begins sessions. */
function mayBeSessionEra(error: unknown): boolean {
  if (!(error instanceof UpstreamError) || error.reason !== 'protocol') return false;
  // An answer that names no revision at all is not one to `server/discover`: some servers answer anything with a result.
  if (error instanceof OtherEraError) return error.supported.length === 0 || error.supported.some(isSessionRevision);
  const { status = 0 } = error;
  if (status >= 500 || (status >= 300 && status < 400)) return false;
  return !STATELESS_CODES.has(errorOf(error)?.code ?? 0);
}

function listening(leg: StatelessLeg): Leg {
  leg.listen();
  return leg;
}

async function onEndpoint<T>(options: HttpOptions, open: (endpoint: Endpoint) => Promise<T>): Promise<T> {
  const endpoint = createEndpoint(options);
  try {
    return await open(endpoint);
  } catch (error) {
    endpoint.destroy();
    throw error;
  }
}
