/** Legs to one configured server over legacy HTTP+SSE: one stream serves both kinds of callers, in the session era. */

import type { Connector } from '../connector.ts';
import { createDuplexConnector } from '../duplex/connector.ts';
import { dispatcherOf } from '../http/authorized.ts';
import { UpstreamError } from '../leg.ts';
import type { SseTarget, UpstreamOptions } from '../upstream.ts';
import { openStream } from './channel.ts';

export interface SseConnectorOptions {
  readonly upstream: UpstreamOptions;
  readonly target: Pick<SseTarget, 'url' | 'headers' | 'tls'>;
  /** Milliseconds, monotonic. */
  readonly monotonic: () => number;
  /** Whether this is the transport was not configured: that it was found is remembered. */
  readonly isGuess?: boolean;
}

/** Opens no connection yet. */
export function createSseConnector({ upstream, target, monotonic, isGuess }: SseConnectorOptions): Connector {
  const { env, connectTimeoutMs, era, name } = upstream;
  const { url, headers } = target;
  const dispatcher = dispatcherOf(upstream, target);
  return createDuplexConnector({
    upstream,
    monotonic,
    era: 'session',
    ...(isGuess === true && { transport: 'sse' }),
    open: async (hooks, opening) => {
      if (era === 'stateless') {
        const text = `"${name}" cannot speak the stateless era: legacy HTTP+SSE has none. Configure era auto or session.`;
        throw new UpstreamError('protocol', text);
      }
      return openStream({ url, headers, env, dispatcher, connectTimeoutMs }, hooks, opening);
    },
    free: () => void dispatcher.destroy().catch(() => undefined),
  });
}
