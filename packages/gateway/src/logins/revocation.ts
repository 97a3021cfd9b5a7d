/**
 * All logins at servers end, whoever made them: for a lockdown. Needs no gateway. Servers that are not configured any more are
 * not told: nobody has said where they may be reached.
 */

import type { GuardedFetch } from '@sallyport/client/egress';
import type { RevokedGrant } from '@sallyport/client/oauth';
import type { Records } from '@sallyport/server';
import type { Sealing } from '../round.ts';
import type { LoginServer } from './types.ts';

export type { RevokedGrant } from '@sallyport/client/oauth';

export interface RevokeLoginsOptions {
  readonly servers: readonly LoginServer[];
  /** `egress.allow`. */
  readonly allow: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Grants and registrations. */
  readonly records: Records;
  readonly sealing: Sealing;
  /** For all of them. */
  readonly timeoutMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const LOOPBACK: readonly string[] = ['localhost', '127.0.0.0/8', '::1'];

/** Takes every login out of the store and tells the servers. Rejects when the store cannot be read. */
export async function revokeLogins(options: RevokeLoginsOptions): Promise<readonly RevokedGrant[]> {
  const { allow, env, now, records, sealing, servers, timeoutMs } = options;
  if ((await records.list('grant/')).length === 0) return [];
  const [{ createGuardedFetch }, { revokeGrants }] = await Promise.all([
    import('@sallyport/client/egress'),
    import('@sallyport/client/oauth'),
  ]);
  const fetches: GuardedFetch[] = [];
  const wayTo = (resource: string): ReturnType<Parameters<typeof revokeGrants>[0]['wayTo']> => {
    const server = servers.find(({ url }) => isOf(resource, url));
    if (server === undefined) return undefined;
    const { allowLoopbackHttp, grant: _grant, per: _per, scopes: _scopes, ...client } = server.oauth;
    const host = new URL(server.url).hostname.replace(/^\[(.*)\]$/, '$1');
    const opened = [...allow, host, ...(allowLoopbackHttp ? LOOPBACK : [])];
    const fetch = createGuardedFetch({ allow: opened, env, ...(server.tls && { tls: server.tls }) });
    fetches.push(fetch);
    return { client, fetch, allowLoopbackHttp };
  };
  try {
    return await revokeGrants({
      records,
      sealing: { seal: sealing.seal, unseal: (sealed, bound) => unsealed(sealing, sealed, bound) },
      wayTo,
      timeout: (ms) => AbortSignal.timeout(ms),
      signal: AbortSignal.timeout(timeoutMs),
      now,
    });
  } finally {
    for (const fetch of fetches) fetch.destroy();
  }
}

/** A resource is the server, or what it stands under (RFC 9728 §3.3). */
function isOf(resource: string, url: string): boolean {
  return URL.canParse(resource) && new URL(resource).origin === new URL(url).origin;
}

function unsealed({ unseal }: Sealing, sealed: string, bound: string): string {
  const text = unseal(sealed, bound);
  if (text === undefined) throw new Error('This record was sealed by somebody else.');
  return text;
}
