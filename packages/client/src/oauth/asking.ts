/**
 * How tokens are asked for by each type of grant, and given back. It decides nothing and stores nothing.
 */

import type { AuthorizationServer } from 'oauth4webapi';
import type { Claim } from './claim.ts';
import { assertIdentity, configuredClient, exchangeServer, exchangeToken, type ExchangeOptions } from './exchange.ts';
import type { Grant, GrantType } from './grant.ts';
import { askAs, type ClientOptions, type Registration } from './registration.ts';
import type { Requests } from './requests.ts';
import type { ProtectedResource } from './resource-metadata.ts';
import type { Servers } from './servers.ts';
import { askForTokens, revoke, type Tokens } from './token-endpoint.ts';

export interface AskingOptions {
  readonly grant: GrantType;
  readonly client: ClientOptions;
  /** Asked before this client is used at a server that a resource has named. */
  readonly claim: Claim;
  /** For the grants that exchange a token of the caller. */
  readonly exchange: ExchangeOptions | undefined;
  /** It is for a principal's token, not for the gateway's own. */
  readonly isPersonal: boolean;
  readonly registration: Registration;
  readonly requests: Requests;
  readonly servers: Servers;
}

export interface Asking {
  /** Which server grants access to a resource; `before`: the issuer of the grant that there is. */
  choose(resource: ProtectedResource, before: string | undefined): Promise<AuthorizationServer>;
  /** Asks for the next tokens of a grant. Undefined: it was granted to a client that we are not any more. */
  next(grant: Grant): Promise<Tokens | undefined>;
  /** Whether the server took note of all. Never rejects. */
  giveBack(grant: Grant): Promise<boolean>;
}

export function createAsking(options: AskingOptions): Asking {
  const { claim, client, grant: type, isPersonal, registration, requests, servers } = options;
  const exchange = options.exchange ?? { subjectToken: () => Promise.resolve(undefined) };
  /** Where tokens are exchanged is configured: what the resource says of its servers has no say in it. */
  const serverOf = async (issuer: string): Promise<AuthorizationServer> =>
    await (type === 'token_exchange' ? exchangeServer(exchange, { requests, servers }) : servers.metadata(issuer));
  return {
    choose: async (resource, before) =>
      await (type === 'token_exchange'
        ? exchangeServer(exchange, { requests, servers })
        : servers.choose(resource, before)),
    next: async (grant) => {
      const { client: reference, issuer, refreshToken, resource, scopes } = grant;
      const server = await serverOf(issuer);
      if (type === 'token_exchange') return await exchangeToken(exchange, client, grant, { requests, servers });
      await claim(issuer);
      if (type === 'identity_assertion')
        return await assertIdentity(exchange, client, grant, { server, servers, requests, isPersonal });
      if (type === 'authorization_code') {
        const form = { refresh_token: refreshToken ?? '', resource };
        return await askAs({ registration, requests }, { server, client: reference }, 'refresh_token', form);
      }
      const form = { resource, ...(scopes.length > 0 && { scope: scopes.join(' ') }) };
      return await askForTokens({ server, client: configuredClient(client), requests }, type, form);
    },
    giveBack: async ({ accessToken, client: reference, issuer, refreshToken }) => {
      try {
        const server = await serverOf(issuer);
        const credentials = await registration.credentials(issuer, reference);
        if (credentials === undefined) return false;
        const endpoint = { server, client: credentials, requests };
        const isDone = refreshToken === undefined || (await revoke(endpoint, refreshToken, 'refresh_token'));
        return (await revoke(endpoint, accessToken, 'access_token')) && isDone;
      } catch {
        return false;
      }
    },
  };
}
