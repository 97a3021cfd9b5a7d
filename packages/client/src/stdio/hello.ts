/**
 * The first exchange with a server on stdio: `initialize` in the session era (2025-11-25, lifecycle), `server/discover`
 * in the stateless era (2026-07-28, versioning). Each is tried once here; which comes first is decided in `open.ts`.
 */

import {
  isObject,
  isSessionRevision,
  isStatelessRevision,
  LATEST_SESSION,
  LATEST_STATELESS,
  META_CLIENT_CAPABILITIES,
  META_CLIENT_INFO,
  META_PROTOCOL_VERSION,
  META_SERVER_INFO,
  type JsonObject,
  type JsonRpcErrorObject,
  type SessionRevision,
  type StatelessRevision,
} from '@sallyport/wire';
import { ask, errorOf } from '../ask.ts';
import { UpstreamError, type ServerFacts } from '../leg.ts';
import type { Connection } from './connection.ts';

const UNSUPPORTED_VERSION = -32022;

/** What this side says of itself. */
export interface Hello {
  readonly clientInfo: JsonObject;
  readonly clientCapabilities: JsonObject;
}

export interface SessionGreeting {
  readonly era: 'session';
  readonly revision: SessionRevision;
  readonly server: ServerFacts;
}

export interface StatelessGreeting {
  readonly era: 'stateless';
  readonly revision: StatelessRevision;
  readonly server: ServerFacts;
}

/** The server answered in a way that says which revisions it speaks, and what was tried is none of them. */
export class OtherEraError extends UpstreamError {
  readonly supported: readonly string[];

  constructor(message: string, supported: readonly string[]) {
    super('protocol', message);
    this.supported = supported;
  }
}

export function envelope(revision: StatelessRevision, hello: Hello): JsonObject {
  return {
    [META_PROTOCOL_VERSION]: revision,
    [META_CLIENT_INFO]: hello.clientInfo,
    [META_CLIENT_CAPABILITIES]: hello.clientCapabilities,
  };
}

/** Opens a session. Rejects with `UpstreamError`, `OtherEraError` when the server names other revisions. */
export async function initialize(connection: Connection, hello: Hello, timeoutMs: number): Promise<SessionGreeting> {
  const params = {
    protocolVersion: LATEST_SESSION,
    capabilities: hello.clientCapabilities,
    clientInfo: hello.clientInfo,
  };
  const result = await quietly(connection, undefined, 'initialize', params, timeoutMs);
  const revision = result['protocolVersion'];
  if (!isSessionRevision(revision)) {
    throw new OtherEraError(`The server wants to speak ${show(revision)}, which is not known.`, strings([revision]));
  }
  connection.era = 'session';
  connection.notify('notifications/initialized');
  const server = facts(result['serverInfo'], result, [revision]);
  return { era: 'session', revision, server };
}

/**
 * Asks what the server speaks. Rejects with `UpstreamError`: `OtherEraError` when the server names revisions and none of
 * the stateless ones is among them, `timeout`, `down`, and else `protocol` with the answered error (`errorOf`).
 */
export async function discover(connection: Connection, hello: Hello, timeoutMs: number): Promise<StatelessGreeting> {
  let revision: StatelessRevision = LATEST_STATELESS;
  let result: JsonObject;
  try {
    result = await quietly(connection, envelope(revision, hello), 'server/discover', undefined, timeoutMs);
  } catch (error) {
    const supported = supportedOf(errorOf(error));
    if (supported === undefined) throw error;
    // The server may offer what it has just refused; asked once more, it shall decide.
    revision = choose(supported);
    result = await quietly(connection, envelope(revision, hello), 'server/discover', undefined, timeoutMs);
  }
  const revisions = strings(result['supportedVersions']);
  revision = choose(revisions);
  connection.era = 'stateless';
  const meta = result['_meta'];
  const info = isObject(meta) ? meta[META_SERVER_INFO] : undefined;
  return { era: 'stateless', revision, server: facts(info ?? result['serverInfo'], result, revisions) };
}

/** True for an error of a server that knows the stateless era. */
export function supportedOf(error: JsonRpcErrorObject | undefined): readonly string[] | undefined {
  if (error?.code !== UNSUPPORTED_VERSION || !isObject(error.data)) return undefined;
  const { supported } = error.data as { supported?: unknown };
  return Array.isArray(supported) ? strings(supported) : undefined;
}

/** The latest stateless revision of those that a server names. Throws `OtherEraError` when it names none. */
export function choose(revisions: readonly string[]): StatelessRevision {
  const revision = revisions.toSorted().findLast(isStatelessRevision);
  if (revision !== undefined) return revision;
  throw new OtherEraError(`The server speaks ${revisions.slice(0, 10).join(', ') || 'no revision at all'}.`, revisions);
}

/** A request that is not cancelled when its time is over: `initialize` must not be, and a probe need not be. */
function quietly(
  connection: Connection,
  ownMeta: JsonObject | undefined,
  method: string,
  params: JsonObject | undefined,
  timeoutMs: number,
): Promise<JsonObject> {
  const leg = {
    ownMeta,
    request: (outgoing: Parameters<Connection['request']>[0]) => connection.request(outgoing, { silent: true }),
  };
  return ask(leg, method, params, { timeoutMs });
}

/** What a greeting says of its server; members of another type count as absent. */
export function facts(info: unknown, result: JsonObject, revisions: readonly string[]): ServerFacts {
  const { capabilities, instructions } = result as { capabilities?: unknown; instructions?: unknown };
  return {
    info: isObject(info) ? info : {},
    capabilities: isObject(capabilities) ? capabilities : {},
    instructions: typeof instructions === 'string' ? instructions : undefined,
    revisions,
  };
}

/** The texts of a list that a server sent; nothing for what is no list. */
export function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : 'no revision';
}
