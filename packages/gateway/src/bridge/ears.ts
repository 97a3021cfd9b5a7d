/** The cause of a call for the leg of the other era: the bridge hears of the call first, and it stays the same client's. */

import type { Cause } from '@sallyport/client';

export function withEars(cause: Cause | undefined, ears: Pick<Cause, 'notify' | 'ask' | 'deferred' | 'isAway'>): Cause {
  const owner = cause?.owner?.bind(cause);
  const logId = cause?.logId?.bind(cause);
  return { ...ears, ...(owner !== undefined && { owner }), ...(logId !== undefined && { logId }) };
}
