/**
 * Paths of the author's own beside the MCP endpoint: open ones, ones for whoever has a credential, and pages for people at
 * browsers. Host, Origin, limits and security headers are those of every request. A form of a page is read and checked to come
 * from that page before the author's function sees it.
 */

import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { wireError } from '@sallyport/wire';
import type { BrowserIdentity, BrowserSession } from '../browser/types.ts';
import type { Challenge } from '../auth/challenge.ts';
import type { Principal } from '../exchange.ts';
import type { Arrival, Endpoint, PublicRoute } from '../http/arrival.ts';
import { readBody } from '../http/body.ts';
import type { RemoteClient } from '../http/forwarded.ts';
import { refusePlain } from '../http/refuse.ts';
import { listed } from '../framework/rights.ts';
import type { Log } from './log.ts';
import type { Route, RouteVisit } from './route.ts';
import { covers } from './route-checks.ts';

export interface RoutesParts {
  readonly routes: readonly Route[];
  readonly challenge: Challenge;
  readonly browser: () => BrowserIdentity | undefined;
  readonly log: Log;
}

export interface Routes {
  /** What stands there without a credential. */
  open(path: string): PublicRoute | undefined;
  /** What stands there for whoever has one. */
  closed(path: string): { readonly name: string; readonly endpoint: Endpoint } | undefined;
}

/** Of routes that were checked. */
export function createRoutes(parts: RoutesParts): Routes {
  const find = (path: string): Route | undefined => parts.routes.find((route) => covers(route.path, path));
  return {
    open: (path) => {
      const route = find(path);
      if (route === undefined || route.auth === 'required') return undefined;
      const answer = route.auth === 'none' ? answerAnybody : answerPerson;
      return {
        hostExempt: false,
        handle: (request, response, client) => void answer({ route, parts, request, response, client }),
      };
    },
    closed: (path) => {
      const route = find(path);
      if (route?.auth !== 'required') return undefined;
      return { name: route.path, endpoint: { handle: (arrival) => void answerKnown(route, parts, arrival) } };
    },
  };
}

interface Asked {
  readonly route: Route;
  readonly parts: RoutesParts;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly client: RemoteClient;
}

async function answerAnybody(asked: Asked): Promise<void> {
  if (allows(asked)) await run(asked, visitOf(asked, undefined));
}

/** A person; whoever is not known is asked to sign in. */
async function answerPerson(asked: Asked): Promise<void> {
  const { parts, response, route } = asked;
  const browser = parts.browser();
  if (browser === undefined) return refusePlain(response, wireError('no_such_path'));
  if (!allows(asked)) return;
  try {
    const person = await personAt(browser, asked);
    if (person === undefined) return;
    const { form, session } = person;
    if (!mayEnter(asked, session.principal)) return;
    const visit = visitOf(asked, session.principal);
    const fields = session.fields(route.path);
    await run(asked, { ...visit, fields, browser, ...(form && { form }) });
  } catch (error) {
    failed(asked, error);
  }
}

interface Person {
  readonly session: BrowserSession;
  /** What was posted. */
  readonly form?: URLSearchParams;
}

/** Undefined: nobody, and that is answered. */
async function personAt(browser: BrowserIdentity, { request, response, route }: Asked): Promise<Person | undefined> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return await browser.posted(request, response, route.path);
  const session = await browser.signedIn(request, response);
  if (session !== undefined) return { session };
  browser.startSignIn(request, response, request.url ?? route.path);
  return undefined;
}

async function answerKnown(route: Route, parts: RoutesParts, arrival: Arrival): Promise<void> {
  const { principal, request, response } = arrival;
  for (const [name, value] of Object.entries(arrival.headers)) response.setHeader(name, value);
  const asked: Asked = { route, parts, request, response, client: arrival };
  if (allows(asked) && mayEnter(asked, principal)) await run(asked, visitOf(asked, principal));
}

function allows({ request, response, route }: Asked): boolean {
  const methods = route.methods ?? ['GET', 'HEAD'];
  if (methods.includes(request.method ?? '')) return true;
  refusePlain(response, wireError('method_not_allowed'), { allow: methods.join(', ') });
  return false;
}

function mayEnter({ parts, request, response, route }: Asked, principal: Principal): boolean {
  const missing = missingRight(principal, route);
  if (missing === undefined) return true;
  if (missing === 'role') {
    refusePlain(response, wireError('insufficient_scope', 'This needs a role that you do not have.'));
    return false;
  }
  const asked = { path: route.path, host: request.headers.host };
  const challenge = parts.challenge(asked, 'insufficient_scope', listed(route.requireScope));
  refusePlain(response, wireError('insufficient_scope'), { 'www-authenticate': challenge });
  return false;
}

/** Undefined: it has what is required. A credential that knows no scopes is not limited by them. */
function missingRight(
  { roles, scopes }: Principal,
  { requireRole, requireScope }: Pick<Route, 'requireRole' | 'requireScope'>,
): 'role' | 'scope' | undefined {
  const wanted = listed(requireRole);
  if (wanted.length > 0 && !wanted.some((role) => roles.includes(role))) return 'role';
  if (scopes === undefined) return undefined;
  return listed(requireScope).every((scope) => scopes.includes(scope)) ? undefined : 'scope';
}

function visitOf({ client, request, response }: Asked, principal: Principal | undefined): RouteVisit {
  const { address, secure } = client;
  return {
    principal,
    address,
    secure,
    body: async (maxBytes) => {
      if (request.headers.expect !== undefined) response.writeContinue();
      const body = await new Promise<Awaited<Parameters<Parameters<typeof readBody>[2]>[0]>>((resolve) =>
        readBody(request, maxBytes, resolve),
      );
      if (body === undefined) return void response.destroy();
      if ('text' in body) return body.text;
      return refusePlain(response, body) as undefined;
    },
    json: (value, status = 200) => {
      const text = JSON.stringify(value);
      const head = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
      response.writeHead(status, head).end(request.method === 'HEAD' ? undefined : text);
    },
  };
}

async function run(asked: Asked, visit: RouteVisit): Promise<void> {
  try {
    await asked.route.handle(asked.request, asked.response, visit);
  } catch (error) {
    failed(asked, error);
  }
}

function failed({ parts, request, response, route }: Asked, error: unknown): void {
  const id = randomUUID();
  parts.log('error', 'a route failed', { id, path: route.path, method: request.method, error });
  if (response.headersSent) response.destroy();
  else refusePlain(response, wireError('internal', `An internal error occurred (id ${id}).`));
}
