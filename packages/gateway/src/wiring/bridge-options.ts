/** What the bridge between eras is given of the other rooms. */

import type { Config } from '../config/index.ts';
import type { BridgeOptions } from '../bridge/index.ts';
import { sealing } from '../credentials/index.ts';
import type { RoomOptions } from '../rooms.ts';
import { askGuarded, unasked } from '../upstream/cause.ts';
import type { UpstreamRoom } from '../upstream/index.ts';
import { metaText } from '../upstream/request-text.ts';
import { statusFor } from '../upstream/send.ts';

export interface BridgeParts {
  readonly options: Pick<RoomOptions, 'guard' | 'now' | 'stateKey'>;
  readonly limits: () => Config['limits'];
  readonly upstreams: UpstreamRoom;
  readonly randomId: () => string;
}

export function bridgeOptions({ limits, options, randomId, upstreams }: BridgeParts): BridgeOptions {
  const { guard, now, stateKey } = options;
  return {
    metaText,
    ask: (call, method, params) => askGuarded(call, method, params, limits().humanMs, guard.meanwhile),
    unasked,
    needLevel: (leg, level) => upstreams.needLevel(leg, level),
    statusFor: (answer) => statusFor(answer, 'stateless'),
    ...sealing(stateKey),
    requestStateMs: limits().requestStateMs,
    randomId,
    now,
  };
}
