/** A client of any revision, over Streamable HTTP. */
import type { MatrixClient } from './client.ts';
import { isStateless } from './revisions.ts';
import type { Revision } from './revisions.ts';
import { openSession } from './session-client.ts';
import { openStateless } from './stateless-client.ts';

/** It speaks `revision` and nothing else; what the gateway agreed to is in `negotiated`. */
export function openClient(url: string, revision: Revision): Promise<MatrixClient> {
  return isStateless(revision) ? openStateless(url) : openSession(url, revision);
}
