/**
 * The same server inside somebody else's: behind the sockets of Express, Hono, Fastify or plain `node:http`, or as a function
 * from a request to a response. Every check of the listener is made here too; whose sockets they are, how many an address may
 * have, and TLS, is for the one who accepts them. Mounted before anything that reads bodies.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { failure, wireError } from '@sallyport/wire';
import { refusePlain } from '../http/refuse.ts';
import { checkMountOptions } from './check-options.ts';
import { Doors } from './doors.ts';
import { answerFetch, type FetchClient } from './fetch-bridge.ts';
import { connectionsOf, statsOf, type ConnectionInfo, type ServingStats } from './facts.ts';
import { closedOnFailure, nameOf, openIdentity } from './identity.ts';
import type { Log } from './log.ts';
import type { MountOptions, Servable } from './options.ts';
import { createRates } from './rates.ts';
import { settle, type Listening } from './settle.ts';
import { watch } from './watched.ts';

type Next = (error?: unknown) => void;

/** As much of Fastify as is needed. */
export interface FastifyLike {
  addHook(name: 'onRequest', hook: (request: FastifyRequest, reply: FastifyReply, done: () => void) => void): unknown;
}

interface FastifyRequest {
  readonly raw: IncomingMessage;
}

interface FastifyReply {
  readonly raw: ServerResponse;
  hijack(): unknown;
}

/** As much of Hono's context as a handler needs. */
export interface HonoContext {
  readonly req: { readonly raw: Request; readonly path: string };
  readonly env: unknown;
}

export interface Mounted {
  /** A request listener of `node:http`: answers all, with 404 what is none of this server's paths. */
  readonly node: (request: IncomingMessage, response: ServerResponse) => void;
  /** For `server.on('upgrade', …)`: WebSockets. False: the path is somebody else's. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean;
  /** Middleware, mounted at the root: what is none of this server's paths goes on to `next`. */
  readonly express: (request: IncomingMessage & { originalUrl?: string }, response: ServerResponse, next: Next) => void;
  /** Middleware, on `@hono/node-server` and elsewhere. */
  readonly hono: (context: HonoContext, next: () => Promise<void>) => Promise<Response | undefined>;
  /** Adds the paths of this server to an app: before its routes are known, or after. */
  readonly fastify: (app: FastifyLike) => void;
  /** From a request to a response. `client.address`: of the peer, when it is known. */
  readonly fetch: (request: Request, client?: FetchClient) => Promise<Response>;
  /** Each open session. */
  readonly connections: () => readonly ConnectionInfo[];
  /** `http`: of the sockets that the app accepted, those that have asked for something of this server. */
  readonly stats: () => ServingStats;
  /** Lets nobody in any more, and waits for what is under way, `limits.drainMs` at most. Idempotent. */
  readonly close: () => Promise<void>;
  /** Cuts everything. Idempotent. */
  readonly destroy: () => Promise<void>;
}

/** Rejects with a {@link ServeError} for options that cannot be used. */
export async function mount(server: Servable, options: MountOptions = {}): Promise<Mounted> {
  checkMountOptions(options);
  const settled = settle({ health: false, ...options }, options.loopback === true ? {} : ANYWHERE);
  const inner = 'served' in server ? server.served : server;
  const { log, now, path, publicUrl } = settled;
  const rates = createRates(options.limits?.rate ?? {}, settled.monotonic, log);
  const name = await nameOf(inner, path);
  const bases = (): readonly string[] => [publicUrl?.href.replace(/\/+$/, '') ?? 'http://localhost'];
  const identity = await openIdentity({ settled, bases, name, isMounted: true });
  const watched = watch({
    served: inner,
    rates,
    challenge: identity.takesTokens ? identity.challenge : undefined,
    now,
  });
  const startedMs = now();
  const doors = await closedOnFailure(identity, () => new Doors({ settled, served: watched.served, identity, rates }));
  let closing: Promise<void> | undefined;
  const isClosed = (): boolean => closing !== undefined;
  const close = async (graceMs: number): Promise<void> => {
    watched.drain();
    await doors.drain(graceMs);
    doors.close();
    await identity.close();
  };
  return {
    ...facesOf(doors, isClosed, log),
    connections: () => connectionsOf(watched),
    stats: () => statsOf({ startedMs, watched, doors, stdio: 0 }),
    close: () => (closing ??= close(settled.drainMs)),
    destroy: () => {
      closing ??= close(0);
      doors.close();
      doors.listener.cut();
      return closing;
    },
  };
}

/** Nobody here knows where the app listens. */
const ANYWHERE: Listening = { http: { host: '0.0.0.0' }, plainBehindProxy: true, where: 'A mounted server' };

type Faces = Pick<Mounted, 'express' | 'fastify' | 'fetch' | 'hono' | 'node' | 'upgrade'>;

function facesOf(doors: Doors, isClosed: () => boolean, log: Log): Faces {
  const { listener } = doors;
  const node: Faces['node'] = (request, response) => {
    if (isClosed()) return refusePlain(response, wireError('shutting_down'));
    if (!wasRead(request)) return listener.take(request, response);
    log('error', READ_BEFORE, { path: pathOf(request.url ?? '') });
    refusePlain(response, wireError('internal'));
  };
  const express: Faces['express'] = (request, response, next) => {
    const url = request.originalUrl ?? request.url ?? '';
    if (!doors.owns(pathOf(url))) return next();
    // Express takes the path of a router off; what is compared here is whole.
    request.url = url;
    if (wasRead(request)) next(new Error(READ_BEFORE));
    else node(request, response);
  };
  const answer: Faces['fetch'] = async (request, client) => {
    if (request.bodyUsed) throw new Error(READ_BEFORE);
    if (isClosed()) return Response.json(failure(wireError('shutting_down').error), { status: 503 });
    return await answerFetch(request, client, (stream) => listener.inject(stream));
  };
  return {
    node: (request, response) => {
      if (doors.owns(pathOf(request.url ?? ''))) node(request, response);
      else refusePlain(response, wireError('no_such_path'));
    },
    upgrade: (request, _socket, head) => {
      if (isClosed() || !doors.owns(pathOf(request.url ?? ''))) return false;
      listener.takeUpgrade(request, head);
      return true;
    },
    express,
    hono: async ({ env, req }, next) => {
      if (!doors.owns(new URL(req.raw.url).pathname)) {
        await next();
        return undefined;
      }
      // On `@hono/node-server` the peer is known.
      const { incoming } = (env ?? {}) as { incoming?: IncomingMessage };
      return await answer(req.raw, { address: incoming?.socket.remoteAddress });
    },
    // Before a body is read, and also where Fastify knows no route.
    fastify: (app) =>
      void app.addHook('onRequest', ({ raw }, reply, done) => {
        if (!doors.owns(pathOf(raw.url ?? ''))) return done();
        reply.hijack();
        node(raw, reply.raw);
      }),
    fetch: answer,
  };
}

const READ_BEFORE =
  'The body of this request was read before it came to the MCP server. Mount it before what parses bodies (express.json() and the like).';

function wasRead(request: IncomingMessage): boolean {
  return request.readableEnded && request.headers['content-length'] !== '0' && request.method === 'POST';
}

function pathOf(url: string): string {
  const end = url.search(/[?#]/);
  return end === -1 ? url : url.slice(0, end);
}
