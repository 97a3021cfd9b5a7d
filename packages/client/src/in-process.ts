/**
 * The connector of a server that this process is itself: its legs are made by a function, and one serves callers of both eras.
 * There is nothing to guess and nothing to hand-shake.
 */

import type { Connector } from './connector.ts';
import { UpstreamError } from './leg.ts';
import type { InProcessTarget } from './upstream.ts';

export function createInProcessConnector(target: InProcessTarget): Connector {
  const stop = new AbortController();
  const end = (): void => stop.abort(new UpstreamError('down', 'The server is not used any more.'));
  return {
    isShared: true,
    async connect({ events }) {
      stop.signal.throwIfAborted();
      const leg = await target.connect(events, stop.signal);
      if (stop.signal.aborted) leg.destroy();
      stop.signal.throwIfAborted();
      return { leg, eras: [leg.era], serves: ['session', 'stateless'], pid: undefined, noiseLines: () => 0 };
    },
    async close() {
      end();
    },
    destroy: end,
  };
}
