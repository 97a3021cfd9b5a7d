/**
 * Whether a call may go to its server: the limits of the server and the tool over time, and then its turn at the server. Both
 * stand behind what decides whether the call is allowed at all: a limit must not tell of what its caller may not see.
 */

import { principalKey } from '@sallyport/server';
import { createBucketTable, take } from '@sallyport/server/limits';
import type { Step, Target } from '../call.ts';
import { longest, overRate, refusalOf } from './exceeded.ts';
import type { CallLimits, SetTimer } from './limits.ts';
import { ServerQueues } from './queue.ts';

export interface TargetRateOptions {
  readonly limits: () => Pick<CallLimits, 'rate'>;
  /** Milliseconds, monotonic. */
  readonly monotonic: () => number;
}

/** Both limits are asked before either is used. */
export function createAdmitTarget({ limits, monotonic }: TargetRateOptions): Step {
  const [servers, tools] = [createBucketTable(), createBucketTable()];
  return (call, next) => {
    const { server, kind, canonicalId } = call.target as Target;
    const { rate } = limits();
    if (rate.perServer === undefined && rate.perTool === undefined) return next(call);
    const nowMs = monotonic();
    const whole = servers.of(server, rate.perServer, nowMs);
    const tool = tools.of(kind === 'tool' ? canonicalId : undefined, rate.perTool, nowMs);
    const exceeded = longest(overRate('perServer', whole), overRate('perTool', tool));
    if (exceeded !== undefined) return Promise.reject(refusalOf(exceeded));
    take(whole);
    take(tool);
    return next(call);
  };
}

export interface TurnOptions {
  readonly limits: () => Pick<CallLimits, 'serverConcurrency' | 'serverQueue'>;
  /** How long a call waits for its turn: as long as it would for its answer. Milliseconds. */
  readonly callTimeoutMs: (server: string, method: string) => number;
  readonly setTimer: SetTimer;
}

/** Nobody else may be waited for behind it: whoever has a turn keeps others from it. */
export function createTakeTurn({ limits, callTimeoutMs, setTimer }: TurnOptions): Step {
  const queues = new ServerQueues({ limits, setTimer });
  return async (call, next) => {
    const { exchange } = call;
    const { method } = exchange.message;
    const { server } = call.target as Target;
    // It waits for a task at its server, and costs it nothing meanwhile.
    if (method === 'tasks/result') return await next(call);
    const waiting = queues.enter(server, {
      principal: () => principalKey(exchange.principal),
      exchange,
      timeoutMs: () => callTimeoutMs(server, method),
    });
    if (waiting !== undefined) await waiting;
    try {
      return await next(call);
    } finally {
      queues.leave(server);
    }
  };
}
