/**
 * Paths of the author's own beside the MCP endpoint: open ones, ones for whoever has a credential, and pages for people at
 * browsers. Host, Origin, limits and security headers are those of every request. A form of a page is read and checked to come
 * from that page before the author's function sees it.
 */

import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { wireError } from '@sallyport/wire';
import type { BrowserIdentity, BrowserSession, Html } from '../browser/types.ts';
import type { Challenge } from '../auth/challenge.ts';
import type { Principal } from '../exchange.ts';
import type { Arrival, Endpoint, PublicRoute } from '../http/arrival.ts';
import { readBody } from '../http/body.ts';
import type { RemoteClient } from '../http/forwarded.ts';
import { refusePlain } from '../http/refuse.ts';
import { badOption } from './errors.ts';
import type { Log } from './log.ts';

/** Who asks, and how it is answered in few words. */
export interface RouteVisit {
  /** Undefined on open routes. */
  readonly principal: Principal | undefined;
  /** The client's network address, behind trusted proxies the one that they name. */
  readonly address: string | undefined;
  /** It came over TLS. */
  readonly secure: boolean;
  /** On routes for people: the hidden fields that a form of this path must have. */
  readonly fields?: Html;
  /** On routes for people: writes pages. */
  readonly browser?: BrowserIdentity;
  /** On routes for people: the form that was posted, checked to come from the page of this path. */
  readonly form?: URLSearchParams;
  /** The body as text; undefined, and answered, when it is larger or no UTF-8. */
  readonly body: (maxBytes: number) => Promise<string | undefined>;
  readonly json: (value: unknown, status?: number) => void;
}

export interface Route {
  /** As it is sent: compared whole. With `/*` at its end, all below it. */
  readonly path: string;
  /** GET and HEAD. */
  readonly methods?: readonly string[];
  /** `required`: a credential as at the MCP endpoint. `browser`: a person who has signed in. */
  readonly auth: 'none' | 'required' | 'browser';
  /** One of these. */
  readonly requireRole?: string | readonly string[];
  /** All of these. */
  readonly requireScope?: string | readonly string[];
  /** What it throws is logged, and answered with 500 and the id of the line. */
  readonly handle: (request: IncomingMessage, response: ServerResponse, visit: RouteVisit) => void | Promise<void>;
}

export interface RoutesParts {
  readonly routes: readonly Route[];
  /** Paths that are not to be had. */
  readonly taken: readonly string[];
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

/** Throws a ServeError for a path that is none. */
export function createRoutes(parts: RoutesParts): Routes {
  for (const { auth, path, ...rights } of parts.routes) {
    if (!/^\/[^?#\s]*$/.test(path)) throw badOption('routes', `${JSON.stringify(path)} is no path`);
    if (parts.taken.some((each) => matches(path, each))) throw badOption('routes', `${path} is a path of the server`);
    checkRights(path, auth, rights);
    if (auth === 'browser' && path.endsWith('*')) throw badOption('routes', `${path}: a page has one path`);
  }
  const find = (path: string): Route | undefined => parts.routes.find((route) => matches(route.path, path));
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

/** What would restrict nothing is not what its author meant. */
function checkRights(path: string, auth: Route['auth'], rights: Pick<Route, 'requireRole' | 'requireScope'>): void {
  for (const name of ['requireRole', 'requireScope'] as const) {
    if (!Object.hasOwn(rights, name)) continue;
    if (listOf(rights[name]).length === 0) throw badOption('routes', `${path}: ${name} names nothing`);
    if (auth === 'none') throw badOption('routes', `${path}: ${name} needs to know who asks, and auth is none`);
  }
}

function matches(pattern: string, path: string): boolean {
  return pattern.endsWith('/*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
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
  const challenge = parts.challenge(asked, 'insufficient_scope', listOf(route.requireScope));
  refusePlain(response, wireError('insufficient_scope'), { 'www-authenticate': challenge });
  return false;
}

/** Undefined: it has what is required. A credential that knows no scopes is not limited by them. */
function missingRight(
  { roles, scopes }: Principal,
  { requireRole, requireScope }: Pick<Route, 'requireRole' | 'requireScope'>,
): 'role' | 'scope' | undefined {
  const wanted = listOf(requireRole);
  if (wanted.length > 0 && !wanted.some((role) => roles.includes(role))) return 'role';
  if (scopes === undefined) return undefined;
  return listOf(requireScope).every((scope) => scopes.includes(scope)) ? undefined : 'scope';
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value;
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
