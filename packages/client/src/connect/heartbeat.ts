/**
 * Notices a server that is gone without a word (2025-11-25, ping): a leg is asked for a sign of life now and then, and when
 * two in a row stay away it counts as down. The stateless era has no ping, so it is `server/discover` there; over HTTP it has
 * no connection either, so nothing is asked.
 */

import type { SetTimer } from '../clock.ts';
import type { Connected, Connector, ConnectRequest } from '../connector.ts';
import { UpstreamError, type Leg, type LegEvents, type Pending } from '../leg.ts';
import type { Target } from '../upstream.ts';

const MAX_UNANSWERED = 2;

export interface HeartbeatOptions {
  /** Milliseconds between two; 0: none. */
  readonly intervalMs: number;
  /** Milliseconds for an answer. */
  readonly timeoutMs: number;
}

export interface BeatingOptions extends HeartbeatOptions {
  readonly name: string;
  readonly kind: Target['kind'];
  readonly setTimer: SetTimer;
  /** Answers requests of the server that belong to no call, also before the leg is handed out. */
  readonly onUnattributed: LegEvents['onUnattributed'];
}

export interface BeatingConnector extends Connector {
  /** Something came: a server may be too busy for a sign of life, and is there. */
  alive(): void;
  /** No more signs of life are asked for. */
  stop(): void;
}

export function createBeatingConnector(connector: Connector, options: BeatingOptions): BeatingConnector {
  const beating = new Set<Beat>();
  const connect = async (request: ConnectRequest): Promise<Connected> => {
    const own: { beat?: Beat } = {};
    const stop = (): void => {
      if (own.beat === undefined) return;
      beating.delete(own.beat);
      own.beat.stop();
    };
    const events: LegEvents = {
      ...request.events,
      onUnattributed: options.onUnattributed,
      onDown: (error) => {
        stop();
        request.events.onDown(error);
      },
    };
    const connected = await connector.connect({ ...request, events });
    if (!hasConnection(connected.leg, options)) return connected;
    own.beat = startBeat(connected.leg, options, (error) => {
      stop();
      connected.leg.destroy();
      request.events.onDown(error);
    });
    beating.add(own.beat);
    return connected;
  };
  return {
    isShared: connector.isShared,
    connect,
    alive: () => {
      for (const beat of beating) beat.alive();
    },
    stop: () => {
      for (const beat of beating) beat.stop();
      beating.clear();
    },
    close: () => connector.close(),
    destroy: () => connector.destroy(),
  };
}

function hasConnection(leg: Leg, { intervalMs, kind }: BeatingOptions): boolean {
  return intervalMs > 0 && !(kind === 'http' && leg.era === 'stateless');
}

interface Beat {
  alive(): void;
  stop(): void;
}

/** `onDead` is called once at most. */
function startBeat(leg: Leg, options: BeatingOptions, onDead: (error: UpstreamError) => void): Beat {
  const { intervalMs, timeoutMs, setTimer, name } = options;
  let unanswered = 0;
  let isOver = false;
  let pending: Pending | undefined;
  let takeBack = (): void => undefined;
  const beat = async (): Promise<void> => {
    pending = ping(leg, timeoutMs);
    try {
      await pending.answer;
      unanswered = 0;
    } catch (error) {
      unanswered++;
      if (!isOver && unanswered === MAX_UNANSWERED) return die(error as Error);
    }
    expect();
  };
  const expect = (): void => {
    if (!isOver) takeBack = setTimer(() => void beat(), intervalMs);
  };
  const die = (cause: Error): void => {
    isOver = true;
    const text = `The server "${name}" gave no sign of life ${MAX_UNANSWERED} times in a row: ${cause.message}`;
    onDead(new UpstreamError('down', text, { cause }));
  };
  expect();
  return {
    alive: () => {
      unanswered = 0;
    },
    stop: () => {
      isOver = true;
      takeBack();
      pending?.cancel('closed');
    },
  };
}

/** Any answer is a sign of life, also that the method is not known. */
function ping(leg: Leg, timeoutMs: number): Pending {
  const method = leg.era === 'session' ? 'ping' : 'server/discover';
  const params = leg.ownMeta && { _meta: leg.ownMeta };
  return leg.request({
    method,
    text: (id) => JSON.stringify({ jsonrpc: '2.0', id, method, params }),
    timeoutMs,
    maxMs: timeoutMs,
  });
}
