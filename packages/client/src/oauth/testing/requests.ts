/** For tests: requests to servers on loopback, without a guard and without a clock. */

import type { Requests } from '../requests.ts';

export function loopbackRequests(more: Partial<Requests> = {}): Requests {
  return {
    fetch: (url, init) => fetch(url, init),
    allowLoopbackHttp: true,
    timeout: () => new AbortController().signal,
    ...more,
  };
}
