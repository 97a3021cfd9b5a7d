/**
 * One request for the admin API, from the question who asks to the answer. Changes of what has editions are made one after
 * another, so that between the look at an edition and the change nobody else's comes.
 */

import type { ServerResponse } from 'node:http';
import { checkBodyHeaders, readBody, refusePlain, type Arrival } from '@sallyport/server';
import { ERRORS, isObject, wireError, type JsonObject } from '@sallyport/wire';
import type { Access, Exceeded } from './access.ts';
import { checkEdition, etagOf } from './editions.ts';
import { paged } from './pages.ts';
import { AdminError, type AdminRequest, type Caller, type Route } from './types.ts';

export interface VisitOptions {
  readonly access: Access;
  /** For the audit. */
  readonly record: (event: AdminEvent) => void;
  /** Somebody who is no admin came here. */
  readonly refused: (arrival: Arrival) => void;
  /** A failure of ours, whose text nobody is told. */
  readonly failed: (id: string, error: unknown) => void;
  /** A keyed hash of any JSON value, hexadecimal. */
  readonly digest: (value: unknown) => string;
  /** Nobody guesses it: names a request in the answer, the log and the audit. */
  readonly randomId: () => string;
}

export interface AdminEvent {
  readonly action: string;
  readonly decision: 'allow' | 'deny';
  readonly caller: Pick<Caller, 'issuer' | 'subject'>;
  readonly address: string | undefined;
  readonly target: string;
  readonly id: string;
  readonly reason?: string;
  /** Hashes of what was changed. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** What a route gave, with the hash of its resource before and after. */
interface Outcome {
  readonly value: unknown;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

const MAX_BODY_BYTES = 256 * 1024;

/** One after another. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

export class Visit {
  readonly #arrival: Arrival;
  readonly #options: VisitOptions;
  readonly #groups: Readonly<Record<string, string>>;
  readonly #turns: Turns;
  readonly #id: string;

  constructor(arrival: Arrival, options: VisitOptions, groups: Readonly<Record<string, string>>, turns: Turns) {
    this.#arrival = arrival;
    this.#options = options;
    this.#groups = groups;
    this.#turns = turns;
    this.#id = options.randomId();
  }

  run(routes: readonly Route[]): void {
    const { address, request, response } = this.#arrival;
    const { access, refused } = this.#options;
    const caller = access.admin(this.#arrival);
    if (caller === undefined || routes.every(({ needs }) => needs === 'user' && !caller.isUser)) {
      refused(this.#arrival);
      return refusePlain(response, wireError('no_such_path'));
    }
    const exceeded = access.exceeded(caller, address);
    if (exceeded !== undefined) return refusePlain(response, wireError('rate_limited'), rateHeaders(exceeded));
    const route = routes.find(({ method }) => method === request.method);
    if (route === undefined) {
      const allow = routes.map(({ method }) => method).join(', ');
      return refusePlain(response, wireError('method_not_allowed'), { allow });
    }
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
      if (body === undefined) refusePlain(response, wireError('parse', 'The body is no JSON object.'));
      else take(body);
    });
  }

  async #act(route: Route, caller: Caller, body: JsonObject): Promise<void> {
    const { access } = this.#options;
    const asked: AdminRequest = {
      caller,
      mayCommand: access.mayCommand(caller),
      of: (name) => decoded(this.#groups[name] ?? ''),
      query: new URL(this.#arrival.request.url ?? '', 'http://here').searchParams,
      body,
    };
    try {
      if (!access.may(caller, route.needs)) throw forbidden();
      const isTurned = route.action !== undefined && route.resource !== undefined;
      const outcome = await (isTurned
        ? this.#turns.take(() => this.#outcome(route, asked))
        : this.#outcome(route, asked));
      this.#succeed(route, asked, outcome);
    } catch (error) {
      this.#fail(route, asked, error);
    }
  }

  async #outcome(route: Route, asked: AdminRequest): Promise<Outcome> {
    const before = await this.#digest(route, asked);
    const { headers } = this.#arrival.request;
    // A GET only tells the edition.
    if (route.action !== undefined) {
      const conditions = { ifMatch: headers['if-match'], ifNoneMatch: headers['if-none-match'] };
      checkEdition(conditions, before, route.needsEdition === true);
    }
    const value = await route.handle(asked);
    const after = route.action === undefined ? before : await this.#digest(route, asked);
    return { value: route.pages === undefined ? value : paged(value, route.pages, asked.query), before, after };
  }

  async #digest(route: Route, asked: AdminRequest): Promise<string | undefined> {
    if (route.resource === undefined) return undefined;
    const resource = await route.resource(asked);
    return resource === undefined ? undefined : this.#options.digest(resource);
  }

  #succeed(route: Route, asked: AdminRequest, { after, before, value }: Outcome): void {
    const isTrial = asked.query.get('dryRun') === 'true';
    const hashes = { ...(before !== undefined && { before }), ...(after !== undefined && { after }) };
    this.#record(route, asked, 'allow', { facts: { ...hashes, ...(isTrial && { dryRun: true }) } });
    const headers = after === undefined ? {} : { etag: etagOf(after) };
    sendJson(this.#arrival.response, 200, value, headers);
  }

  #fail(route: Route, asked: AdminRequest, error: unknown): void {
    const { failed } = this.#options;
    this.#record(route, asked, 'deny', { reason: error instanceof AdminError ? error.message : 'It failed.' });
    const { response } = this.#arrival;
    const id = this.#id;
    if (!(error instanceof AdminError)) {
      failed(id, error);
      return sendJson(response, 500, { error: { code: 'internal', message: ERRORS.internal.message, id } });
    }
    const { code, message, more, status } = error;
    sendJson(response, status, { error: { ...more, code, message, id } });
  }

  #record(
    { action }: Route,
    asked: AdminRequest,
    decision: AdminEvent['decision'],
    more: Partial<Pick<AdminEvent, 'facts' | 'reason'>>,
  ): void {
    if (action === undefined) return;
    let target = '';
    try {
      target = action.target(asked);
    } catch {
      // What it was meant for cannot be told; that it was refused can.
    }
    const { address } = this.#arrival;
    this.#options.record({
      action: action.name,
      decision,
      caller: asked.caller,
      address,
      target,
      id: this.#id,
      facts: {},
      ...more,
    });
  }
}

function forbidden(): AdminError {
  return new AdminError(
    403,
    'forbidden',
    'From elsewhere than the machine of the gateway this needs `admin.remoteWrite: true`; some things are that machine’s user’s alone.',
  );
}

function rateHeaders({ limit, resetMs }: Exceeded): Record<string, string> {
  const seconds = String(Math.max(1, Math.ceil(resetMs / 1000)));
  return {
    'retry-after': seconds,
    'ratelimit-limit': String(limit),
    'ratelimit-remaining': '0',
    'ratelimit-reset': seconds,
  };
}

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
function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = JSON.stringify(value ?? null);
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}
