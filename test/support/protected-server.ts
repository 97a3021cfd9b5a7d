/**
 * A remote MCP server that wants a login (MCP authorization): the official SDK in both eras behind a certified authorization
 * server (`oidc-provider`), on one free loopback port. It registers clients, rotates refresh tokens and takes every token back
 * when one comes twice. What it lists and answers is that of whoever the token was given to.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { McpServer, createMcpHandler } from '@modelcontextprotocol/server';
import { Provider } from 'oidc-provider';

export interface ProtectedServer extends AsyncDisposable {
  /** Of MCP. */
  readonly url: string;
  readonly issuer: string;
  /** Whoever comes to log in next. */
  person: string;
  /** They refuse. */
  refuses: boolean;
  /** Requests for MCP: the token of each, and whose it is where it is good. */
  readonly requests: { readonly token: string | undefined; readonly person: string | undefined }[];
  /** The grant type of every request that got a token, and `error: <code>` of every other. */
  readonly tokenRequests: string[];
  /** How often everything was taken back because a token came twice. */
  readonly thefts: number;
  /** Every header line that arrived, as it was written. */
  readonly headerLines: string[];
  /** Every token that is good at this moment. */
  tokens(): readonly string[];
  /** Access tokens are refused from now on; refresh tokens stay good. */
  expire(): void;
}

/** What `oidc-provider` has besides. */
interface Events {
  on(event: string, listener: (context: Context, error: { readonly error: string }) => void): void;
  interactionFinished(request: IncomingMessage, response: ServerResponse, result: object): Promise<void>;
}

interface Context {
  readonly oidc: {
    readonly params: { readonly grant_type: string; readonly resource: string };
    readonly client: { readonly clientId: string };
    readonly session: { readonly accountId: string };
    readonly provider: { readonly Grant: new (of: object) => Grant };
  };
}

interface Grant {
  addOIDCScope(scope: string): void;
  addResourceScope(resource: string, scope: string): void;
  save(): Promise<string>;
}

interface Page {
  body: string;
}

interface Artifact {
  readonly uid?: string;
  readonly grantId?: string;
  readonly accountId?: string;
  readonly userCode?: string;
  consumed?: boolean;
}

/** `redirectUris`: of the client `gateway`, which was registered by hand. */
export async function openProtectedServer(redirectUris: readonly string[] = []): Promise<ProtectedServer> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const resource = `${issuer}/mcp`;
  const artifacts = new Map<string, Artifact>();
  const facts = { person: 'alice', refuses: false, thefts: 0 };
  const requests: { token: string | undefined; person: string | undefined }[] = [];
  const [tokenRequests, headerLines]: [string[], string[]] = [[], []];
  const provider = new Provider(issuer, configuration(artifacts, redirectUris));
  const events = provider as unknown as Events;
  events.on('grant.success', ({ oidc }) => tokenRequests.push(oidc.params.grant_type));
  events.on('grant.error', (_context, { error }) => tokenRequests.push(`error: ${error}`));
  events.on('grant.revoked', ({ oidc }) => {
    if (oidc.params.grant_type === 'refresh_token') facts.thefts += 1;
  });
  const authorize = provider.callback();
  const callers = new AsyncLocalStorage<string>();
  const mcp = toNodeHandler(createMcpHandler(() => serverFor(callers.getStore() ?? 'nobody')));
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    headerLines.push(request.rawHeaders.join('\n'));
    const path = request.url?.replace(/\?.*/, '') ?? '';
    if (path === '/mcp') {
      const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
      const person = token === undefined ? undefined : artifacts.get(`AccessToken ${token}`)?.accountId;
      requests.push({ token, person });
      const metadata = `${issuer}/.well-known/oauth-protected-resource/mcp`;
      if (person !== undefined) void callers.run(person, () => mcp(asServed(request), response));
      else response.writeHead(401, { 'www-authenticate': `Bearer resource_metadata="${metadata}"` }).end();
    } else if (path === '/.well-known/oauth-protected-resource/mcp') {
      const document = { resource, authorization_servers: [issuer], scopes_supported: ['read'] };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
    } else if (path.startsWith('/interaction/')) {
      const no = { error: 'access_denied', error_description: 'secret words of the server' };
      const yes = { login: { accountId: facts.person }, consent: {} };
      void events.interactionFinished(request, response, facts.refuses ? no : yes);
    } else authorize(request, response);
  });
  return Object.assign(facts, {
    url: resource,
    issuer,
    requests,
    tokenRequests,
    headerLines,
    tokens: () => [...artifacts.keys()].flatMap((key) => /^(?:AccessToken|RefreshToken) (.*)$/.exec(key)?.[1] ?? []),
    expire: () => {
      for (const key of artifacts.keys()) if (key.startsWith('AccessToken ')) artifacts.delete(key);
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

/** `papers_of_NAME` is listed to NAME alone. */
function serverFor(person: string): McpServer {
  const server = new McpServer({ name: 'protected', version: '1.0.0' });
  server.registerTool('whoami', { description: 'Says who asks.' }, async () => ({
    content: [{ type: 'text', text: person }],
  }));
  server.registerTool(`papers_of_${person}`, { description: 'Private.' }, async () => ({
    content: [{ type: 'text', text: `papers of ${person}` }],
  }));
  return server;
}

const CLIENT = {
  client_id: 'gateway',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
};

const SCOPES = 'read write';
const HOUR = 3600;

function configuration(artifacts: Map<string, Artifact>, redirectUris: readonly string[]): object {
  return {
    adapter: (kind: string) => adapterOver(artifacts, kind),
    jwks: { keys: [generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })] },
    clients: redirectUris.length === 0 ? [] : [{ ...CLIENT, redirect_uris: redirectUris }],
    cookies: { keys: ['a key of this test alone'] },
    scopes: ['openid', 'offline_access', ...SCOPES.split(' ')],
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: (_context: unknown, _client: unknown, code: { readonly scopes: ReadonlySet<string> }) =>
      code.scopes.has('offline_access'),
    features: {
      devInteractions: { enabled: false },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: (context: Page, form: string) => void (context.body = form),
        userCodeConfirmSource: (context: Page, form: string) => void (context.body = form),
        successSource: (context: Page) => void (context.body = 'done'),
      },
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
      grant.addResourceScope(oidc.params.resource, SCOPES);
      await grant.save();
      return grant;
    },
    ttl: {
      DeviceCode: HOUR,
      Session: HOUR,
      Grant: 24 * HOUR,
      Interaction: HOUR,
      AccessToken: HOUR,
      IdToken: HOUR,
      RefreshToken: 24 * HOUR,
    },
    renderError: (context: Page, _out: unknown, error: Error) => {
      context.body = `the provider failed: ${error.message}`;
    },
  };
}

/** Where a provider keeps what it issued, of each kind. */
function adapterOver(artifacts: Map<string, Artifact>, kind: string): object {
  return {
    upsert: async (id: string, payload: Artifact) => void artifacts.set(`${kind} ${id}`, payload),
    find: async (id: string) => artifacts.get(`${kind} ${id}`),
    findByUid: async (uid: string) => artifacts.values().find((each) => each.uid === uid),
    findByUserCode: async (code: string) => artifacts.values().find(({ userCode }) => userCode === code),
    consume: async (id: string) => void Object.assign(artifacts.get(`${kind} ${id}`) ?? {}, { consumed: true }),
    destroy: async (id: string) => void artifacts.delete(`${kind} ${id}`),
    revokeByGrantId: async (grantId: string) => {
      for (const [key, each] of artifacts) if (each.grantId === grantId) artifacts.delete(key);
    },
  };
}

/** node:http types `method` and `url` as possibly undefined; for a request of a server they never are. */
function asServed(request: IncomingMessage): IncomingMessage & { readonly method: string; readonly url: string } {
  return Object.assign(request, { method: request.method ?? 'GET', url: request.url ?? '/' });
}
