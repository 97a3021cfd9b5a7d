/** The opening of both eras, the same on every transport: `initialize` and `server/discover` (pages "Lifecycle" and "Discovery"). */

import {
  isObject,
  META_SERVER_INFO,
  negotiateSession,
  SESSION_REVISIONS,
  STATELESS_REVISIONS,
  type JsonObject,
  type JsonRpcRequest,
  type SessionRevision,
} from '@sallyport/wire';
import type { ClientFacts, ServerDescription } from './exchange.ts';

/** What a client asks for in `initialize`. */
export interface Greeting {
  readonly revision: SessionRevision;
  readonly client: ClientFacts;
}

/** Undefined when a required member is missing. An unknown revision is answered with the latest. */
export function readInitialize(message: JsonRpcRequest): Greeting | undefined {
  const { protocolVersion, capabilities, clientInfo } = message.params ?? {};
  if (typeof protocolVersion !== 'string' || !isObject(capabilities)) return undefined;
  return {
    revision: negotiateSession(protocolVersion),
    client: { info: isObject(clientInfo) ? clientInfo : undefined, capabilities },
  };
}

export const INITIALIZE_NEEDS = 'initialize needs protocolVersion, capabilities and clientInfo.';

export function initializeResult(revision: SessionRevision, description: ServerDescription): JsonObject {
  return {
    protocolVersion: revision,
    capabilities: description.capabilities,
    serverInfo: description.info,
    ...(description.instructions !== undefined && { instructions: description.instructions }),
  };
}

export function discoverResult(description: ServerDescription): JsonObject {
  return {
    resultType: 'complete',
    supportedVersions: [...STATELESS_REVISIONS, ...SESSION_REVISIONS.toReversed()],
    capabilities: description.capabilities,
    ...(description.instructions !== undefined && { instructions: description.instructions }),
    ttlMs: 0,
    cacheScope: 'private',
    _meta: { [META_SERVER_INFO]: description.info },
  };
}
