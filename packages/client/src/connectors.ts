/** The one place that knows all transports: which connector a target gets. */

import type { Connector } from './connector.ts';
import { createGuessingConnector } from './guess.ts';
import { createHttpConnector } from './http/connector.ts';
import { createInProcessConnector } from './in-process.ts';
import { createSseConnector } from './sse/connector.ts';
import { createStdioConnector } from './stdio/connector.ts';
import type { UpstreamOptions } from './upstream.ts';
import { createWsConnector } from './ws/connector.ts';

/** `monotonic`: milliseconds. Opens nothing yet. */
export function createConnector(upstream: UpstreamOptions, monotonic: () => number): Connector {
  const { target } = upstream;
  if (target.kind === 'in-process') return createInProcessConnector(target);
  if (target.kind === 'stdio') return createStdioConnector({ upstream, target, monotonic });
  if (target.kind === 'ws') return createWsConnector({ upstream, target, monotonic });
  if (target.kind === 'sse') return createSseConnector({ upstream, target, monotonic });
  return target.guess === true
    ? createGuessingConnector({ upstream, target, monotonic })
    : createHttpConnector({ upstream, target, monotonic });
}
