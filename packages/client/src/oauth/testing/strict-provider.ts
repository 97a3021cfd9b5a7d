/**
 * For tests: a certified authorization server (`oidc-provider`) on a free loopback port, which registers clients, rotates
 * refresh tokens and revokes all when one comes twice; the metadata of a protected resource; and a browser at which whoever
 * comes is signed in without being asked.
 */

import { generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';

export interface StrictProvider {
  readonly issuer: string;
  /** The protected resource. */
  readonly resource: string;
  /** The grant type of every request that got a token, and `error: <code>` of every other. */
  readonly tokenRequests: string[];
  /** How often everything was revoked because a token came twice. */
  readonly thefts: number;
  /** Whether an access token or refresh token is good. */
  knows(token: string): boolean;
  /** Goes where a browser would, until it comes back: the query it comes back with. */
  browse(url: string, redirectUri: string): Promise<URLSearchParams>;
  /** What a person does with a device code, in a browser of another machine. */
  enter(verificationUri: string, userCode: string): Promise<void>;
  close(): Promise<void>;
}

export const LIFETIME_MS: number = 3600_000;

/** `serve`: what answers at the protected resource; without it there are its metadata alone. */
export async function openStrictProvider(serve?: RequestListener): Promise<StrictProvider> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const resource = `${issuer}/mcp`;
  const artifacts = new Map<string, Artifact>();
  const tokenRequests: string[] = [];
  let thefts = 0;
  const provider = new Provider(issuer, configuration(artifacts));
  provider.on('grant.success', ({ oidc }: Context) => tokenRequests.push(oidc.params.grant_type));
  provider.on('grant.error', (_context, { error }) => tokenRequests.push(`error: ${error}`));
  provider.on('grant.revoked', ({ oidc }: Context) => {
    if (oidc.params.grant_type === 'refresh_token') thefts += 1;
  });
  const answer = provider.callback();
  server.on('request', (request: IncomingMessage, response) => {
    if (request.url === '/.well-known/oauth-protected-resource/mcp') {
      const document = { resource, authorization_servers: [issuer], scopes_supported: ['read'] };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
    } else if (request.url?.startsWith('/interaction/') === true) {
      void provider.interactionFinished(request, response, {
        login: { accountId: 'alice' },
        consent: {},
      });
    } else if (request.url === '/mcp' && serve !== undefined) serve(request, response);
    else answer(request, response);
  });
  return {
    issuer,
    resource,
    tokenRequests,
    get thefts() {
      return thefts;
    },
    knows: (token) =>
      ['AccessToken', 'RefreshToken', 'ClientCredentials'].some((kind) => artifacts.has(`${kind} ${token}`)),
    browse,
    enter,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type Cookies = Map<string, string>;

/** One request of a browser: where it is led, and what it is shown. */
async function visit(cookies: Cookies, url: string, form?: Readonly<Record<string, string>>): Promise<Visited> {
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  const sent = form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) };
  const response = await fetch(url, { redirect: 'manual', headers: { cookie }, ...sent });
  for (const line of response.headers.getSetCookie()) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    cookies.set(name, value);
  }
  const location = response.headers.get('location');
  const page = await response.text();
  if (response.status >= 400) throw new Error(`${url} answered ${response.status}: ${page}`);
  return { page, ...(location !== null && { to: new URL(location, url).href }) };
}

interface Visited {
  readonly page: string;
  readonly to?: string;
}

async function browse(start: string, redirectUri: string): Promise<URLSearchParams> {
  const cookies: Cookies = new Map();
  let url = start;
  for (let hops = 0; !url.startsWith(redirectUri); hops += 1) {
    const { page, to } = await visit(cookies, url);
    if (hops > 20 || to === undefined) throw new Error(`${url} leads nowhere: ${page}`);
    url = to;
  }
  return new URL(url).searchParams;
}

async function enter(verificationUri: string, userCode: string): Promise<void> {
  const cookies: Cookies = new Map();
  const { page } = await visit(cookies, verificationUri);
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(page)?.[1] ?? '';
  await visit(cookies, verificationUri, { xsrf, user_code: userCode });
  let visited = await visit(cookies, verificationUri, { xsrf, user_code: userCode, confirm: 'yes' });
  while (visited.to !== undefined) visited = await visit(cookies, visited.to);
  if (visited.page !== ENTERED) throw new Error(`The code was not entered: ${visited.page}`);
}

const ENTERED = 'The code was entered.';

/** The parts of its context that are used. */
interface Context {
  readonly oidc: {
    readonly params: { readonly grant_type: string };
    readonly client: { readonly clientId: string };
    readonly session: { readonly accountId: string };
    readonly provider: {
      readonly Grant: new (of: object) => {
        addOIDCScope(scope: string): void;
        addResourceScope(resource: string, scope: string): void;
        save(): Promise<string>;
      };
    };
  };
}

const SCOPES = 'read write admin';

interface Page {
  body: string;
}

function show(context: Page, page: string): void {
  context.body = page;
}

/** Pages that are no more than their forms. */
const DEVICE_FLOW = {
  enabled: true,
  userCodeInputSource: show,
  userCodeConfirmSource: show,
  successSource: (context: Page): void => show(context, ENTERED),
};

function configuration(artifacts: Map<string, Artifact>): object {
  return {
    adapter: (kind: string) => adapterOver(artifacts, kind),
    jwks: { keys: [generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })] },
    cookies: { keys: ['a key of this test alone'] },
    clients: [
      {
        client_id: 'machine',
        client_secret: 'a+secret/with:odd chars%',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        scope: SCOPES,
      },
    ],
    scopes: ['openid', 'offline_access', ...SCOPES.split(' ')],
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: (_context: unknown, _client: unknown, code: { readonly scopes: ReadonlySet<string> }) =>
      code.scopes.has('offline_access'),
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: DEVICE_FLOW,
      devInteractions: { enabled: false },
      registration: { enabled: true },
      revocation: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({ scope: SCOPES, accessTokenFormat: 'opaque' }),
        useGrantedResource: () => true,
      },
    },
    interactions: { url: (_context: unknown, { uid }: { readonly uid: string }) => `/interaction/${uid}` },
    findAccount: (_context: unknown, accountId: string) => ({ accountId, claims: async () => ({ sub: accountId }) }),
    loadExistingGrant: async ({ oidc }: Context) => {
      const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
      grant.addOIDCScope(`openid offline_access ${SCOPES}`);
      grant.addResourceScope((oidc.params as unknown as { resource: string }).resource, SCOPES);
      await grant.save();
      return grant;
    },
    ttl: {
      Session: 600,
      Grant: 86_400,
      Interaction: 600,
      AccessToken: LIFETIME_MS / 1000,
      ClientCredentials: LIFETIME_MS / 1000,
      IdToken: 600,
      RefreshToken: 86_400,
      DeviceCode: 600,
    },
    renderError: (context: Page, _out: unknown, error: Error) => {
      context.body = `the provider failed: ${error.message}`;
    },
  };
}

interface Artifact {
  readonly uid?: string;
  readonly userCode?: string;
  readonly grantId?: string;
  consumed?: boolean;
}

/** Where a provider keeps what it issued, of each kind. */
function adapterOver(artifacts: Map<string, Artifact>, kind: string): object {
  return {
    upsert: async (id: string, payload: Artifact) => void artifacts.set(`${kind} ${id}`, payload),
    find: async (id: string) => artifacts.get(`${kind} ${id}`),
    findByUserCode: async (userCode: string) => artifacts.values().find((each) => each.userCode === userCode),
    findByUid: async (uid: string) => artifacts.values().find((each) => each.uid === uid),
    consume: async (id: string) => void Object.assign(artifacts.get(`${kind} ${id}`) ?? {}, { consumed: true }),
    destroy: async (id: string) => void artifacts.delete(`${kind} ${id}`),
    revokeByGrantId: async (grantId: string) => {
      for (const [key, each] of artifacts) if (each.grantId === grantId) artifacts.delete(key);
    },
  };
}
