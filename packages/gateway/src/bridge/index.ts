/**
 * The bridge between eras: a call of a session-era client on a stateless server, and the reverse. It translates the
 * envelope, the results, the errors, and input in the middle of a call (2026-07-28, "Multi round-trip requests"). Calls
 * within one era do not come here.
 */

import type { Answer } from '@sallyport/server';
import type { Call } from '../call.ts';
import type { HeldCall } from './held-call.ts';
import type { BridgeOptions, Carrier, Compose } from './options.ts';
import { ParkedCalls, unrefTimer } from './parked.ts';
import { toSession, type SessionSide } from './to-session.ts';
import { toStateless } from './to-stateless.ts';

export type { BridgeOptions, Carrier, Compose } from './options.ts';

export interface Bridge {
  /** Answers a call on a leg of the other era. Rejects with `UpstreamError` or `Refused`. */
  carry(call: Call, leg: Carrier, compose: Compose): Promise<Answer>;
  /**
   * Ends the calls that wait for their clients between two rounds, and lets none wait any more. Calls whose client is
   * there go on. Idempotent.
   */
  close(): void;
  /** How many calls wait for their clients between two rounds. */
  readonly parked: number;
}

export function createBridge(options: BridgeOptions): Bridge {
  const { seal, unseal, now, randomId, requestStateMs, setTimer = unrefTimer } = options;
  const parked = new ParkedCalls<HeldCall>({ requestStateMs, setTimer });
  const side: SessionSide = { options, parked, state: { seal, unseal, now, owner: randomId() } };
  return {
    carry: (call, leg, compose) =>
      leg.era === 'stateless' ? toStateless(options, call, leg, compose) : toSession(side, call, leg, compose),
    close: () => parked.close(),
    get parked() {
      return parked.size;
    },
  };
}
