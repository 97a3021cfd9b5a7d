/**
 * Every grant that is stored is given up: taken out of the store first, so that nobody here uses it any more, then told to the
 * server that gave it (RFC 7009). For the day on which nothing may stay open; one login ends with `logout`.
 */

import { createAsking } from './asking.ts';
import type { Grant } from './grant.ts';
import { createRegistration, type ClientOptions, type Registered } from './registration.ts';
import type { Fetch } from './requests.ts';
import { createServers } from './servers.ts';
import { createVault, type OAuthRecords, type Sealing } from './vault.ts';

export interface RevocationOptions {
  readonly records: OAuthRecords & { list(prefix: string): Promise<readonly { readonly key: string }[]> };
  readonly sealing: Sealing;
  /** As what client, and by what way, the server of a resource is spoken to. Undefined: it is not configured any more. */
  readonly wayTo: (
    resource: string,
  ) => { readonly client: ClientOptions; readonly fetch: Fetch; readonly allowLoopbackHttp: boolean } | undefined;
  readonly timeout: (ms: number) => AbortSignal;
  /** From then on servers are not told any more. */
  readonly signal: AbortSignal;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** What became of a grant. `removed`: it is gone here, but its server could not be told. */
export interface RevokedGrant {
  /** Absent: the record could not be opened. */
  readonly resource?: string;
  readonly issuer?: string;
  readonly outcome: 'revoked' | 'removed';
}

const PREFIX = 'grant';
/** Where something was granted, the client was used. */
const ALREADY = (): Promise<void> => Promise.resolve();
/** So many servers are told at the same time. */
const AT_ONCE = 16;

export async function revokeGrants(options: RevocationOptions): Promise<readonly RevokedGrant[]> {
  const { records, sealing } = options;
  const vault = createVault<Grant>(records, sealing, PREFIX);
  const grants: (Grant | undefined)[] = [];
  for (const { key } of await records.list(`${PREFIX}/`)) {
    const id = key.slice(PREFIX.length + 1);
    const { value } = await vault.read(id);
    if (await vault.delete(id)) grants.push(value);
  }
  const done: RevokedGrant[] = [];
  for (let at = 0; at < grants.length; at += AT_ONCE)
    done.push(...(await Promise.all(grants.slice(at, at + AT_ONCE).map((grant) => giveUp(grant, options)))));
  return done;
}

async function giveUp(grant: Grant | undefined, options: RevocationOptions): Promise<RevokedGrant> {
  if (grant === undefined) return { outcome: 'removed' };
  const { by, issuer, resource } = grant;
  const { now, records, sealing, signal, timeout, wayTo } = options;
  const way = signal.aborted ? undefined : wayTo(resource);
  if (way === undefined) return { resource, issuer, outcome: 'removed' };
  const { allowLoopbackHttp, client, fetch } = way;
  const requests = { fetch, allowLoopbackHttp, timeout: (ms: number) => AbortSignal.any([timeout(ms), signal]) };
  const registration = createRegistration({
    client,
    requests,
    vault: createVault<Registered>(records, sealing, 'client'),
    claim: ALREADY,
    now,
  });
  const servers = createServers(requests, now);
  const asking = createAsking({
    grant: by,
    client,
    claim: ALREADY,
    exchange: undefined,
    isPersonal: true,
    registration,
    requests,
    servers,
  });
  return { resource, issuer, outcome: (await asking.giveBack(grant)) ? 'revoked' : 'removed' };
}
