/**
 * An enterprise in small, of certified authorization servers (`oidc-provider`) on free loopback ports: an identity provider that
 * gives people access tokens and exchanges them (RFC 8693) for tokens of a resource or for identity assertions, and an
 * authorization server that takes such assertions (RFC 7523 §2.1) for the MCP server beside it, which answers as whoever the
 * token is for.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, sign, verify } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { McpServer, createMcpHandler } from '@modelcontextprotocol/server';
import { Provider } from 'oidc-provider';

/** One request that arrived somewhere. */
export interface Arrived {
  readonly at: 'idp' | 'server';
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

export interface Enterprise extends AsyncDisposable {
  /** Of the identity provider. */
  readonly issuer: string;
  readonly tokenEndpoint: string;
  /** Of MCP. */
  readonly url: string;
  readonly arrived: Arrived[];
  /** Of every exchange, whose token it was, and of what type it said it is. */
  readonly exchanges: { readonly person: string; readonly type: string }[];
  /** The names of whoever the MCP server answered. */
  readonly served: (string | undefined)[];
  /** An access token of a person for a resource, good for so many seconds from now on. */
  token(person: string, resource: string, seconds?: number): string;
  /** It exchanges nothing from now on. */
  refuses: boolean;
  /** The key set of another issuer, whose ID tokens it exchanges instead. */
  trusts: string | undefined;
  /** The tokens that the MCP server took so far are good no more. */
  expire(): void;
}

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const ID_JAG = 'urn:ietf:params:oauth:token-type:id-jag';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

/** Who the gateway is at both. */
export const IDP_CLIENT = { clientId: 'gateway-at-idp', clientSecret: 'canary-idp-secret' };
export const SERVER_CLIENT = { clientId: 'gateway-at-server', clientSecret: 'canary-server-secret' };

type Params = Readonly<Record<string, string>>;

interface Context {
  readonly oidc: { readonly params: Params; readonly client: { readonly clientId: string } };
  body: object;
}

/** What `oidc-provider` has besides. */
interface Grants {
  registerGrantType(name: string, handler: (context: Context) => Promise<void>, params: readonly string[]): void;
  readonly AccessToken: new (of: object) => { save(): Promise<string> };
}

interface KeySet {
  readonly keys: readonly JsonWebKey[];
}

interface Place {
  readonly server: Server;
  readonly origin: string;
}

async function open(): Promise<Place> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** What the parts of an enterprise share. */
interface Scene {
  readonly idp: Place;
  readonly up: Place;
  readonly key: JsonWebKey;
  readonly state: Pick<Enterprise, 'refuses' | 'trusts'>;
  readonly arrived: Arrived[];
  readonly exchanges: { person: string; type: string }[];
  readonly served: (string | undefined)[];
  /** Of the MCP server: whose each token is. */
  readonly good: Map<string, string>;
}

export async function openEnterprise(): Promise<Enterprise> {
  const [idp, up] = [await open(), await open()];
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key: JsonWebKey = { ...privateKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' };
  const state = { refuses: false, trusts: undefined };
  const scene: Scene = { idp, up, key, state, arrived: [], exchanges: [], served: [], good: new Map() };
  listen(idp.server, 'idp', scene.arrived, identityProvider(scene));
  listen(up.server, 'server', scene.arrived, guardedServer(scene));
  const { arrived, exchanges, good, served } = scene;
  return Object.assign(state, {
    issuer: idp.origin,
    tokenEndpoint: `${idp.origin}/token`,
    url: urlOf(scene),
    arrived,
    exchanges,
    served,
    token: (sub: string, aud: string, forSeconds = 3600) =>
      signed({ iss: idp.origin, sub, aud, jti: randomUUID(), exp: seconds() + forSeconds }, 'at+jwt', key),
    expire: () => good.clear(),
    [Symbol.asyncDispose]: async () => {
      for (const { server } of [idp, up]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  });
}

function urlOf({ up }: Scene): string {
  return `${up.origin}/mcp`;
}

function identityProvider(scene: Scene): RequestListener {
  const { exchanges, good, idp, key, state } = scene;
  const provider = providerOf(idp.origin, IDP_CLIENT, EXCHANGE, [key]);
  grantOf(provider, EXCHANGE, async (context) => {
    const { audience: aud, requested_token_type: wanted, resource, ...shown } = context.oidc.params;
    const { subject_token: subject = '', subject_token_type: type = '' } = shown;
    const keys = state.trusts === undefined ? undefined : ((await (await fetch(state.trusts)).json()) as KeySet).keys;
    const claims = keys?.[0] === undefined ? claimsIn(subject, key, 'at+jwt') : claimsIn(subject, keys[0]);
    if (claims === undefined || state.refuses) throw refusal('invalid_grant');
    const person = String(claims['sub']);
    exchanges.push({ person, type });
    if (wanted === ID_JAG) {
      const assertion = { iss: idp.origin, sub: person, aud, resource, client_id: SERVER_CLIENT.clientId };
      const jag = signed({ ...assertion, exp: seconds() + 300 }, 'oauth-id-jag+jwt', key);
      context.body = { access_token: jag, issued_token_type: ID_JAG, token_type: 'N_A' };
    } else {
      if (resource !== urlOf(scene)) throw refusal('invalid_target');
      const token = await issue(provider, context, person, good);
      context.body = { access_token: token, issued_token_type: ACCESS_TOKEN, token_type: 'Bearer', expires_in: 3600 };
    }
  });
  return provider.callback();
}

/** Of the MCP server; it takes assertions of the identity provider that are for it and for this client. */
function authorizationServer(scene: Scene): RequestListener {
  const { good, idp, key, up } = scene;
  const provider = providerOf(up.origin, SERVER_CLIENT, JWT_BEARER, [key]);
  grantOf(provider, JWT_BEARER, async (context) => {
    const { client, params } = context.oidc;
    const claims = claimsIn(params['assertion'] ?? '', key, 'oauth-id-jag+jwt');
    const isOurs = claims?.['aud'] === up.origin && claims['resource'] === urlOf(scene) && claims['iss'] === idp.origin;
    if (!isOurs || claims['client_id'] !== client.clientId) throw refusal('invalid_grant');
    const token = await issue(provider, context, String(claims['sub']), good);
    context.body = { access_token: token, token_type: 'Bearer', expires_in: 3600 };
  });
  return provider.callback();
}

function guardedServer(scene: Scene): RequestListener {
  const { good, served, up } = scene;
  const authorize = authorizationServer(scene);
  const callers = new AsyncLocalStorage<string>();
  const mcp = toNodeHandler(createMcpHandler(() => serverFor(callers.getStore() ?? 'nobody')));
  return (request, response) => {
    if (request.url === '/.well-known/oauth-protected-resource/mcp') {
      const document = { resource: urlOf(scene), authorization_servers: [up.origin], scopes_supported: ['read'] };
      return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
    }
    if (request.url !== '/mcp') return authorize(request, response);
    const person = good.get(/^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '');
    served.push(person);
    if (person !== undefined) return void callers.run(person, () => mcp(request as never, response));
    const metadata = `${up.origin}/.well-known/oauth-protected-resource/mcp`;
    return void response.writeHead(401, { 'www-authenticate': `Bearer resource_metadata="${metadata}"` }).end();
  };
}

/** Notes what arrives before it is answered. */
function listen(server: Server, at: Arrived['at'], arrived: Arrived[], answer: RequestListener): void {
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    const { headers, url: path = '' } = request;
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      arrived.push({ at, path, authorization: headers.authorization, body });
    });
    answer(request, response);
  });
}

function providerOf(
  issuer: string,
  { clientId, clientSecret }: typeof IDP_CLIENT,
  grantType: string,
  keys: readonly JsonWebKey[],
): Provider & Grants {
  return new Provider(issuer, {
    jwks: { keys },
    cookies: { keys: ['a key of this test alone'] },
    scopes: ['openid', 'read'],
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        grant_types: [grantType],
        redirect_uris: [],
        response_types: [],
      },
    ],
    features: { devInteractions: { enabled: false } },
    ttl: { AccessToken: 3600 },
    // Who took which token is known here otherwise.
    adapter: () => ({ upsert: async () => undefined, find: async () => undefined, destroy: async () => undefined }),
  }) as Provider & Grants;
}

function grantOf(provider: Grants, name: string, handle: (context: Context) => Promise<unknown>): void {
  const params = [
    'subject_token',
    'subject_token_type',
    'requested_token_type',
    'audience',
    'resource',
    'scope',
    'assertion',
  ];
  provider.registerGrantType(name, async (context) => void (await handle(context)), params);
}

/** As `oidc-provider` answers an error of OAuth. */
function refusal(error: string): Error {
  return Object.assign(new Error(error), { error, status: 400, statusCode: 400, expose: true });
}

async function issue(
  { AccessToken }: Grants,
  { oidc: { client } }: Context,
  accountId: string,
  good: Map<string, string>,
): Promise<string> {
  const token = await new AccessToken({ accountId, client, scope: 'read', gty: 'exchange' }).save();
  good.set(token, accountId);
  return token;
}

function seconds(): number {
  return Math.floor(Date.now() / 1000);
}

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function signed(claims: object, typ: string, key: JsonWebKey): string {
  const text = `${encoded({ alg: 'RS256', kid: key['kid'], typ })}.${encoded({ iat: seconds(), ...claims })}`;
  const signature = sign('sha256', Buffer.from(text), createPrivateKey({ key, format: 'jwk' }));
  return `${text}.${signature.toString('base64url')}`;
}

/** Undefined: it is not ours, of another type, or has expired. */
function claimsIn(token: string, key: JsonWebKey, typ?: string): Record<string, unknown> | undefined {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const [head, claims] = [header, payload].map(
    (part) => JSON.parse(Buffer.from(part, 'base64url').toString() || '{}') as Record<string, unknown>,
  );
  const publicKey = createPublicKey({ key, format: 'jwk' });
  const isOurs = verify('sha256', Buffer.from(`${header}.${payload}`), publicKey, Buffer.from(signature, 'base64url'));
  const isOfType = typ === undefined || head?.['typ'] === typ;
  return isOurs && isOfType && Number(claims?.['exp']) > seconds() ? claims : undefined;
}

/** `papers_of_NAME` is listed to NAME alone. */
function serverFor(person: string): McpServer {
  const server = new McpServer({ name: 'guarded', version: '1.0.0' });
  for (const name of ['whoami', `papers_of_${person}`]) {
    server.registerTool(name, { description: 'Says who asks.' }, async () => ({
      content: [{ type: 'text', text: person }],
    }));
  }
  return server;
}
