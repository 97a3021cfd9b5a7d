/** A client of any revision, on anything that carries messages. */
import type { OpenCarrier } from './carrier.ts';
import type { MatrixClient } from './client.ts';
import { isStateless } from './revisions.ts';
import type { Revision } from './revisions.ts';
import { openSession } from './session-client.ts';
import { openStateless } from './stateless-client.ts';

/** It speaks `revision` and nothing else; what the gateway agreed to is in `negotiated`. */
export function openClient(open: OpenCarrier, revision: Revision): Promise<MatrixClient> {
  return isStateless(revision) ? openStateless(open) : openSession(open, revision);
}
