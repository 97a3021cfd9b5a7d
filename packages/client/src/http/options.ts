/** What is needed to open a leg over Streamable HTTP. Types only. */

import type { Hello } from '../hello.ts';
import type { ConnectionOptions } from './connection.ts';
import type { EndpointOptions } from './endpoint.ts';

export interface HttpOptions extends ConnectionOptions, EndpointOptions, Hello {
  /** For the jitter of back-offs: [0, 1). */
  readonly random?: () => number;
}
