/** A request on its way through the listener, and the questions that are asked about one. Nothing is answered here. */

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { Authenticated, ClientCertificate, Credentials } from '../auth/authenticate.ts';
import type { Principal } from '../exchange.ts';
import type { RemoteClient } from './forwarded.ts';
import type { GuardedResponse } from './headers.ts';
import type { ListenerOptions } from './listener-options.ts';
import type { Shield } from './shield.ts';

/** A request, and what became known of it. */
export interface Visit {
  readonly request: IncomingMessage;
  readonly response: GuardedResponse;
  readonly client: RemoteClient;
  /** What came behind the head of a request that becomes a WebSocket. */
  readonly head: Buffer | undefined;
  /** The one before on the same socket, when this one came before that was answered. */
  earlier: Visit | undefined;
  principal: Principal | undefined;
  /** Its credential is being looked up, for the first time or again. */
  asking: boolean;
  /** The name of the place that it is at. */
  at: string | undefined;
  /** What stood where when that was looked up last, and whether the place was gone then. */
  edition: unknown;
  isDisplaced: boolean;
}

/** A visit that nothing is known of yet but what it came with. */
export function arriving({
  client,
  earlier,
  head,
  request,
  response,
}: Pick<Visit, 'client' | 'earlier' | 'head' | 'request' | 'response'>): Visit {
  return {
    request,
    response,
    client,
    head,
    earlier,
    principal: undefined,
    asking: false,
    at: undefined,
    edition: undefined,
    isDisplaced: false,
  };
}

/** A visit that is not answered yet, without those before it that are: or a busy socket would keep all of its visits. */
export function unanswered(visit: Visit | undefined): Visit | undefined {
  for (let each = visit; each !== undefined; each = each.earlier) {
    while (each.earlier?.response.writableFinished === true) each.earlier = each.earlier.earlier;
  }
  return visit?.response.writableFinished === false ? visit : visit?.earlier;
}

/** True when more visits before it on its socket are being looked up than is any use to an honest client. */
export function asksTooMuch(visit: Visit): boolean {
  let asking = 0;
  for (let each = visit.earlier; each !== undefined; each = each.earlier) if (each.asking) asking++;
  return asking >= MAX_ASKING;
}

const MAX_ASKING = 16;

export interface Target {
  /** As it was sent: it is compared whole and never decoded or normalised. */
  readonly path: string;
  readonly query: string;
}

/** Undefined when a request asks for no path. */
export function targetOf({ url = '' }: IncomingMessage): Target | undefined {
  if (!url.startsWith('/')) return undefined;
  const mark = url.indexOf('?');
  return mark === -1 ? { path: url, query: '' } : { path: url.slice(0, mark), query: url.slice(mark + 1) };
}

/** True for one who has the same name and may do the same. */
export function isSameCaller(before: Principal, now: Authenticated): boolean {
  return now === before || isDeepStrictEqual(now, before);
}

/**
 * True for a visit that was found at a place that is not there for its caller any more when this was asked the last time: who
 * ends it in order has had the time since then. What stands where is looked up once for each edition.
 */
export function isDisplaced(
  visit: Visit,
  principal: Principal,
  { edition, endpoint }: Pick<ListenerOptions, 'edition' | 'endpoint'>,
): boolean {
  const now = edition();
  if (visit.edition === now) return visit.isDisplaced;
  visit.edition = now;
  const { path, query } = targetOf(visit.request) as Target;
  visit.isDisplaced = endpoint(path, query, principal)?.name !== visit.at;
  return false;
}

/** What a visit is judged by beside itself. */
export interface Judgement {
  readonly shield: Shield;
  certificateOf(socket: Socket): ClientCertificate | undefined;
}

/** What is costly to know is found out when it is asked. */
export class VisitCredentials implements Credentials {
  readonly authorization: string | undefined;
  readonly #visit: Visit;
  readonly #by: Judgement;

  constructor(visit: Visit, by: Judgement) {
    this.authorization = visit.request.headers.authorization;
    this.#visit = visit;
    this.#by = by;
  }

  get address(): string | undefined {
    return this.#visit.client.address;
  }

  get certificate(): ClientCertificate | undefined {
    return this.#by.certificateOf(this.connection);
  }

  get connection(): Socket {
    return this.#visit.request.socket;
  }

  get local(): boolean {
    const { headers, socket } = this.#visit.request;
    return this.#by.shield.isLocal({ peer: socket.remoteAddress, headers });
  }

  get host(): string | undefined {
    return this.#visit.request.headers.host;
  }

  get path(): string {
    return targetOf(this.#visit.request)?.path ?? '';
  }
}
