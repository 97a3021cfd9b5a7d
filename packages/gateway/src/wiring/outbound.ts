/**
 * Requests to addresses that the operator wrote: sinks of the audit trail and alerts. They go as those of upstreams do, by the
 * proxy of the environment and with its authorities, follow no redirect, and have an end; where they lead is not asked, the
 * operator has said it. A connection is opened for each, so this is nothing for the path of a call.
 */

type Environment = Readonly<Record<string, string | undefined>>;

/** As the global `fetch`, for absolute URLs of http: and https:. */
export type OutboundFetch = (url: string, init: RequestInit) => Promise<Response>;

/** `env`: where `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are. `timeoutMs`: for all of a request; 30 s when left out. */
export function createOutbound(env: Environment, timeoutMs?: number): OutboundFetch {
  return async (url, init) => {
    const { createGuardedFetch } = await import('@sallyport/client/egress');
    const host = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
    return await createGuardedFetch({ allow: [host], env, ...(timeoutMs !== undefined && { timeoutMs }) })(url, init);
  };
}
