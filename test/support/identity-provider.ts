/**
 * A certified OpenID provider (`oidc-provider`) on a free loopback port: it issues access tokens to its clients, introspects
 * them, changes its keys, and can be down.
 */
import { generateKeyPair, randomUUID } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { Provider } from 'oidc-provider';

export interface ProviderClient {
  readonly id: string;
  readonly secret: string;
  /** What the claim `roles` of its tokens says. */
  readonly roles: readonly string[];
}

export interface IdentityProvider extends AsyncDisposable {
  readonly issuer: string;
  /** Method and path of each request that arrived. */
  readonly requests: readonly string[];
  /** By the client credentials grant, for a resource (RFC 8707). */
  token(client: ProviderClient, resource: string, scope?: string): Promise<string>;
  /** Ends an opaque token (RFC 7009). */
  revoke(client: ProviderClient, token: string): Promise<void>;
  /** Signs with a new key from now on; the one before stays in its set, or is dropped. */
  rotate(before: 'kept' | 'dropped'): Promise<void>;
  /** Keys before the one in use leave the set. */
  dropOldKeys(): void;
  /** Answers nothing but 503 from now on, until `up`. */
  down(): void;
  up(): void;
}

const SCOPES = ['mcp', 'read', 'write'];

/** `format`: of every access token; opaque ones are introspected. */
export async function openIdentityProvider(
  format: 'jwt' | 'opaque',
  clients: readonly ProviderClient[],
): Promise<IdentityProvider> {
  const requests: string[] = [];
  const state: { keys: readonly JsonWebKey[]; isUp: boolean; answer: RequestListener } = {
    keys: [await newKey()],
    isUp: true,
    answer: () => {},
  };
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (state.isUp) state.answer(request, response);
    else response.writeHead(503).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const artifacts = new Map<string, object>();
  const use = (keys: readonly JsonWebKey[]): void => {
    state.keys = keys;
    const adapter = (kind: string): object => adapterOver(artifacts, kind);
    state.answer = new Provider(issuer, { ...configuration(keys, clients, format), adapter }).callback();
  };
  use(state.keys);
  return {
    issuer,
    requests,
    token: (client, resource, scope = 'mcp') => tokenOf(issuer, client, resource, scope),
    revoke: async (client, token) => void (await post(`${issuer}/token/revocation`, client, { token })),
    rotate: async (before) => use([await newKey(), ...(before === 'kept' ? state.keys : [])]),
    dropOldKeys: () => use(state.keys.slice(0, 1)),
    down: () => void (state.isUp = false),
    up: () => void (state.isUp = true),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function newKey(): Promise<JsonWebKey> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), alg: 'RS256', use: 'sig' };
}

function configuration(
  keys: readonly JsonWebKey[],
  clients: readonly ProviderClient[],
  format: 'jwt' | 'opaque',
): object {
  const rolesOf = new Map(clients.map(({ id, roles }) => [id, roles]));
  const resourceServer = {
    scope: SCOPES.join(' '),
    accessTokenFormat: format,
    ...(format === 'jwt' && { jwt: { sign: { alg: 'RS256' } } }),
  };
  return {
    jwks: { keys },
    cookies: { keys: ['a key of this test alone'] },
    scopes: ['openid', ...SCOPES],
    clients: clients.map(({ id, secret }) => ({
      client_id: id,
      client_secret: secret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      scope: SCOPES.join(' '),
    })),
    features: {
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: () => true },
      devInteractions: { enabled: false },
      resourceIndicators: { enabled: true, getResourceServerInfo: () => resourceServer },
    },
    ttl: { ClientCredentials: 86_400 * 3 },
    extraTokenClaims: (_context: unknown, { clientId }: { readonly clientId: string }) => ({
      roles: rolesOf.get(clientId),
      // What it says of an opaque token of a client names nobody else.
      ...(format === 'opaque' && { sub: clientId }),
    }),
  };
}

/** What was issued outlives a change of keys. */
function adapterOver(artifacts: Map<string, object>, kind: string): object {
  return {
    upsert: async (id: string, payload: object) => void artifacts.set(`${kind} ${id}`, payload),
    find: async (id: string) => artifacts.get(`${kind} ${id}`),
    destroy: async (id: string) => void artifacts.delete(`${kind} ${id}`),
  };
}

async function tokenOf(issuer: string, client: ProviderClient, resource: string, scope: string): Promise<string> {
  const response = await post(`${issuer}/token`, client, { grant_type: 'client_credentials', resource, scope });
  const answer = (await response.json()) as { access_token?: string };
  if (answer.access_token === undefined) throw new Error(`no token: ${JSON.stringify(answer)}`);
  return answer.access_token;
}

async function post(url: string, { id, secret }: ProviderClient, form: Record<string, string>): Promise<Response> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` },
    body: new URLSearchParams(form),
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return response;
}
