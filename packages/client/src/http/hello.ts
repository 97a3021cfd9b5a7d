/**
 * The first exchange with a server over HTTP: `initialize` in the session era (2025-11-25, lifecycle), `server/discover` in
 * the stateless era (2026-07-28, versioning). Each is tried once here; which comes first is decided in `open.ts`.
 */

import {
  isObject,
  isSessionRevision,
  LATEST_SESSION,
  LATEST_STATELESS,
  META_SERVER_INFO,
  type JsonObject,
  type SessionRevision,
  type StatelessRevision,
} from '@sallyport/wire';
import { ask, errorOf } from '../ask.ts';
import { UpstreamError, type Outgoing, type Pending, type ServerFacts } from '../leg.ts';
import { choose, envelope, facts, OtherEraError, strings, supportedOf, type Hello } from '../stdio/hello.ts';

/** Sends a request of the handshake: nothing tells the server when it is given up. */
export type SendHello = (outgoing: Outgoing, revision: StatelessRevision | undefined) => Pending;

export interface Introduced<R> {
  readonly revision: R;
  readonly server: ServerFacts;
}

/** Rejects with `UpstreamError`, `OtherEraError` when the server wants a revision that is not known. */
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
 * Rejects with `UpstreamError`: `OtherEraError` when the server names revisions and none of the stateless ones is among
 * them, and `protocol` with the answered error (`errorOf`).
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
  if (!(error instanceof UpstreamError) || (error.status !== 401 && error.status !== 403)) return error;
  return new UpstreamError('unauthorized', error.message, { status: error.status, cause: error });
}
