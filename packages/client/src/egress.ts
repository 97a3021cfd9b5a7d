/** Fetching URLs that came from outside. Apart from the package's main entry, so that who fetches none does not load it. */

export { isPublicAddress } from './egress/addresses.ts';
export { dialPlain, systemLookup, type Lookup } from './egress/dial.ts';
export { createGuardedFetch, type GuardedFetch, type GuardedFetchOptions } from './egress/guarded-fetch.ts';
export {
  createGuardedOrigin,
  type GuardedOrigin,
  type GuardedOriginOptions,
  type OriginRequest,
  type OriginResponse,
} from './egress/guarded-origin.ts';
export { createHostList, createHostReach, hostEntry, hostPortText, hostProblem, readHostPort } from './egress/hosts.ts';
export { allowProblem, EgressRefused, type Reach } from './egress/reach.ts';
