/** Fetching URLs that came from outside. Apart from the package's main entry, so that who fetches none does not load it. */

export { isPublicAddress } from './egress/addresses.ts';
export type { Lookup } from './egress/dial.ts';
export { createGuardedFetch, type GuardedFetch, type GuardedFetchOptions } from './egress/guarded-fetch.ts';
export { allowProblem, EgressRefused } from './egress/reach.ts';
