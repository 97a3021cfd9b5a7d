/**
 * For tests: a certified OpenID provider (`oidc-provider`) on a free loopback port, which issues access tokens for resources,
 * introspects them, changes its keys, and can be unreachable. Nothing of the package imports it.
 */

import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { Provider } from 'oidc-provider';

export interface IdentityProviderOptions {
  /** Of every access token, opaque ones are introspected. */
  readonly format: 'jwt' | 'opaque';
  readonly lifetimeSeconds?: number;
}

export interface IdentityProvider {
  readonly issuer: string;
  /** Method and path of each request that arrived. */
  readonly requests: readonly string[];
  /** Issued by the token endpoint to the client itself. */
  clientToken(resource: string, scope?: string): Promise<string>;
  /** Of a user, as the authorization code grant ends. */
  userToken(
    subject: string,
    resource: string,
    scope?: string,
  ): Promise<{ readonly token: string; readonly revoke: () => Promise<void> }>;
  /** Signs with a new key from now on; the old one stays in the set, or is dropped. */
  rotate(old: 'keep' | 'drop'): Promise<void>;
  /** The old key leaves the set. */
  dropOldKeys(): void;
  /** From now on it answers nothing but 503, until `up`. */
  down(): void;
  up(): void;
  close(): Promise<void>;
}

export const CLIENT: { readonly id: string; readonly secret: string } = {
  id: 'gateway',
  secret: 'a+secret/with:odd chars% of some length',
};

export async function openIdentityProvider(options: IdentityProviderOptions): Promise<IdentityProvider> {
  const { format, lifetimeSeconds = 300 } = options;
  const requests: string[] = [];
  let keys: readonly JWK[] = [await newKey()];
  let isUp = true;
  let answer: RequestListener = () => {};
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (isUp) answer(request, response);
    else response.writeHead(503).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const artifacts = new Map<string, object>();
  const resourceServer = (): object => ({
    scope: 'mcp read write',
    accessTokenFormat: format,
    ...(format === 'jwt' && { jwt: { sign: { alg: 'RS256' } } }),
  });
  const make = (): Provider => {
    const adapter = (kind: string): object => adapterOver(artifacts, kind);
    const made = new Provider(issuer, { ...configuration(keys, resourceServer, lifetimeSeconds), adapter });
    answer = made.callback();
    return made;
  };
  let provider = make();
  const use = (next: readonly JWK[]): void => {
    keys = next;
    provider = make();
  };

  return {
    issuer,
    requests,
    clientToken: (resource, scope = 'mcp') => clientToken(issuer, resource, scope),
    userToken: async (subject, resource, scope = 'mcp') => {
      const client = await provider.Client.find(CLIENT.id);
      const grant = new provider.Grant({ accountId: subject, clientId: CLIENT.id });
      grant.addResourceScope(resource, scope);
      const grantId = await grant.save();
      const properties = { accountId: subject, client, grantId, gty: 'authorization_code', scope };
      const token = new provider.AccessToken({
        ...properties,
        resourceServer: new provider.ResourceServer(resource, resourceServer()),
      });
      return { token: await token.save(), revoke: () => token.destroy() };
    },
    rotate: async (old) => use([await newKey(), ...(old === 'keep' ? keys : [])]),
    dropOldKeys: () => use(keys.slice(0, 1)),
    down: () => void (isUp = false),
    up: () => void (isUp = true),
    close: () => closed(server),
  };
}

async function newKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid: crypto.randomUUID(), alg: 'RS256', use: 'sig' };
}

function configuration(keys: readonly JWK[], resourceServer: () => object, lifetimeSeconds: number): object {
  return {
    jwks: { keys },
    cookies: { keys: ['a key of this test alone'] },
    scopes: ['openid', 'mcp', 'read', 'write'],
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        scope: 'mcp read write',
      },
    ],
    features: {
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      devInteractions: { enabled: false },
      resourceIndicators: { enabled: true, getResourceServerInfo: resourceServer },
    },
    ttl: { AccessToken: lifetimeSeconds, ClientCredentials: lifetimeSeconds, Grant: lifetimeSeconds },
    extraTokenClaims: () => ({ realm_access: { roles: ['dev'] } }),
  };
}

/** Where a provider keeps what it issued: as long as this test's provider lives, whichever keys it has. */
function adapterOver(artifacts: Map<string, object>, kind: string): object {
  return {
    upsert: async (id: string, payload: object) => void artifacts.set(`${kind} ${id}`, payload),
    find: async (id: string) => artifacts.get(`${kind} ${id}`),
    destroy: async (id: string) => void artifacts.delete(`${kind} ${id}`),
  };
}

async function clientToken(issuer: string, resource: string, scope: string): Promise<string> {
  const credential = `${encodeURIComponent(CLIENT.id)}:${encodeURIComponent(CLIENT.secret)}`;
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(credential).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope }),
  });
  const answer = (await response.json()) as { access_token?: string };
  if (answer.access_token === undefined) throw new Error(`no token: ${JSON.stringify(answer)}`);
  return answer.access_token;
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
