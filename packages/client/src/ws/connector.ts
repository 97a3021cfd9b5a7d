/** Legs to one configured server over WebSocket: one connection serves both kinds of callers. */

import type { Connector } from '../connector.ts';
import { createDuplexConnector } from '../duplex/connector.ts';
import type { UpstreamOptions, WsTarget } from '../upstream.ts';
import { openSocket } from './channel.ts';
import { reservedHeaders, whereOf } from './dial.ts';

export interface WsConnectorOptions {
  readonly upstream: UpstreamOptions;
  readonly target: WsTarget;
  /** Milliseconds, monotonic. */
  readonly monotonic: () => number;
}

/** Opens no connection yet. */
export function createWsConnector({ upstream, target, monotonic }: WsConnectorOptions): Connector {
  const { authorization, env, connectTimeoutMs, events } = upstream;
  for (const name of reservedHeaders(target.headers)) {
    const where = whereOf(target.url);
    events.log('warn', `The header ${name} is not sent to ${where} as configured: the protocol sets it.`);
  }
  return createDuplexConnector({
    upstream,
    monotonic,
    open: (hooks, opening) => openSocket({ target, authorization, env, connectTimeoutMs }, hooks, opening),
  });
}
