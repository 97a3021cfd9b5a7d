/**
 * The server that a configured secret is for. Which one it is, the resource says, and may say another one tomorrow: a secret is
 * shown to the first server that it was used at and to no other. With another secret it begins anew.
 */

import { hash } from 'node:crypto';
import { AuthorizationError } from './error.ts';
import { shown } from './requests.ts';
import type { Vault } from './vault.ts';

/** What is kept, for a resource and a client. */
export interface Claimed {
  readonly issuer: string;
  /** Of the secret, hashed. */
  readonly secret: string;
}

/** Rejects with `refused` when the secret was used at another server. */
export type Claim = (issuer: string) => Promise<void>;

export interface ClaimingClient {
  readonly clientId?: string;
  readonly clientSecret?: string;
}

/** `url`: of the resource. */
export function createClaim(url: string, { clientId, clientSecret }: ClaimingClient, vault: Vault<Claimed>): Claim {
  return async (issuer) => {
    if (clientId === undefined || clientSecret === undefined) return;
    const key = hash('sha256', JSON.stringify([url, clientId]), 'base64url');
    const secret = hash('sha256', clientSecret, 'base64url');
    const { value: found, version } = await vault.read(key);
    const isNew = found?.secret !== secret;
    if (isNew && (await vault.replace(key, version, { issuer, secret }))) return;
    const first = isNew ? (await vault.read(key)).value : found;
    if (first?.issuer === issuer) return;
    const text = `oauth.clientSecret was used at ${shown(first?.issuer ?? '')} and is not shown to ${shown(issuer)}, which the server names now. If it has moved, register a client there and write its id and secret.`;
    throw new AuthorizationError('refused', text);
  };
}
