/**
 * The first exchange with a server, whatever the transport: `initialize` in the session era (2025-11-25, lifecycle),
 * `server/discover` in the stateless era (2026-07-28, versioning). Each is tried once here; which comes first is decided
 * where a leg is opened, and so is how a request is sent.
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
import { ask, errorOf } from './ask.ts';
import { UpstreamError, type Outgoing, type Pending, type ServerFacts } from './leg.ts';

const UNSUPPORTED_VERSION = -32022;

/** What this side says of itself. */
export interface Hello {
  readonly clientInfo: JsonObject;
  readonly clientCapabilities: JsonObject;
}

/**
 * Sends a request of the handshake: nothing tells the server when it is given up, since `initialize` must not be cancelled
 * and a probe need not be. `revision` is that of the envelope, undefined for `initialize`.
 */
export type SendHello = (outgoing: Outgoing, revision: StatelessRevision | undefined) => Pending;

export interface Introduced<R> {
  readonly revision: R;
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

/**
 * Begins a session, but for `notifications/initialized`. Rejects with `UpstreamError`: `OtherEraError` when the server
 * wants a revision that is not known.
 */
export async function initialize(
  send: SendHello,
  hello: Hello,
  timeoutMs: number,
): Promise<Introduced<SessionRevision>> {
  const result = await say(send, undefined, 'initialize', timeoutMs, hello);
  const revision = result['protocolVersion'];
  if (!isSessionRevision(revision)) {
    const named = strings([revision]);
    throw new OtherEraError(`The server wants to speak ${named[0]?.slice(0, 40) ?? 'no revision'}.`, named);
  }
  return { revision, server: facts(result['serverInfo'], result, [revision]) };
}

/**
 * Asks what the server speaks. Rejects with `UpstreamError`: `OtherEraError` when the server names revisions and none of
 * the stateless ones is among them, `timeout`, `down`, and else `protocol` with the answered error (`errorOf`).
 */
export async function discover(
  send: SendHello,
  hello: Hello,
  timeoutMs: number,
): Promise<Introduced<StatelessRevision>> {
  let result: JsonObject;
  try {
    result = await say(send, LATEST_STATELESS, 'server/discover', timeoutMs, hello);
  } catch (error) {
    const supported = supportedOf(errorOf(error));
    if (supported === undefined) throw error;
    // The server may offer what it has just refused; asked once more, it shall decide.
    result = await say(send, choose(supported), 'server/discover', timeoutMs, hello);
  }
  const revisions = strings(result['supportedVersions']);
  const meta = result['_meta'];
  const info = isObject(meta) ? meta[META_SERVER_INFO] : undefined;
  return { revision: choose(revisions), server: facts(info ?? result['serverInfo'], result, revisions) };
}

async function say(
  send: SendHello,
  revision: StatelessRevision | undefined,
  method: string,
  timeoutMs: number,
  hello: Hello,
): Promise<JsonObject> {
  const { clientCapabilities: capabilities, clientInfo } = hello;
  const params = revision === undefined ? { protocolVersion: LATEST_SESSION, capabilities, clientInfo } : undefined;
  const ownMeta = revision && envelope(revision, hello);
  const leg = { ownMeta, request: (outgoing: Outgoing) => send(outgoing, revision) };
  try {
    return await ask(leg, method, params, { timeoutMs });
  } catch (error) {
    throw asRefusal(error);
  }
}

/** A JSON-RPC error that came with 401 or 403 is about the credential, whatever it says. */
function asRefusal(error: unknown): unknown {
  if (!(error instanceof UpstreamError) || error.reason === 'unauthorized') return error;
  if (error.status !== 401 && error.status !== 403) return error;
  return new UpstreamError('unauthorized', error.message, { status: error.status, cause: error });
}

/** The revisions that an error names whose server knows the stateless era. */
function supportedOf(error: JsonRpcErrorObject | undefined): readonly string[] | undefined {
  if (error?.code !== UNSUPPORTED_VERSION || !isObject(error.data)) return undefined;
  const { supported } = error.data as { supported?: unknown };
  return Array.isArray(supported) ? strings(supported) : undefined;
}

/** The latest stateless revision of those that a server names. Throws `OtherEraError` when it names none. */
function choose(revisions: readonly string[]): StatelessRevision {
  const revision = revisions.toSorted().findLast(isStatelessRevision);
  if (revision !== undefined) return revision;
  throw new OtherEraError(`The server speaks ${revisions.slice(0, 10).join(', ') || 'no revision at all'}.`, revisions);
}

/** What a greeting says of its server; members of another type count as absent. */
function facts(info: unknown, result: JsonObject, revisions: readonly string[]): ServerFacts {
  const { capabilities, instructions } = result as { capabilities?: unknown; instructions?: unknown };
  return {
    info: isObject(info) ? info : {},
    capabilities: isObject(capabilities) ? capabilities : {},
    instructions: typeof instructions === 'string' ? instructions : undefined,
    revisions,
  };
}

/** The texts of a list that a server sent; nothing for what is no list. */
function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}
