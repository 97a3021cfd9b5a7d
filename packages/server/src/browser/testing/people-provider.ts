/**
 * For tests: a certified OpenID provider (`oidc-provider`) on a free loopback port, at which whoever comes is a given person
 * without being asked.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';

/** Who comes next, and what the provider says of them. */
export interface Person {
  readonly subject: string;
  readonly roles?: readonly string[];
  readonly groups?: readonly string[];
}

export interface PeopleProvider extends AsyncDisposable {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Method and path, without the query, of each request that arrived. */
  readonly requests: string[];
  /** Requests to the token endpoint. */
  readonly tokenRequests: number;
  person: Person;
  /** From now on, whoever comes refuses to sign in. */
  refuses: boolean;
  /** Nothing that was issued is good any more. */
  forget(): Promise<void>;
  close(): Promise<void>;
}

const CLIENT = { clientId: 'gateway', clientSecret: 'a+secret/with:odd chars%' };

/** What `oidc-provider` has for pages of one's own. */
interface Interactions {
  interactionFinished(request: IncomingMessage, response: ServerResponse, result: object): Promise<void>;
}

/** `redirectUris` may be known only later, since they hold our own port. */
export async function openPeopleProvider(redirectUris: readonly string[]): Promise<PeopleProvider> {
  const requests: string[] = [];
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const key = { ...(await exportJWK(privateKey)), kid: 'one', alg: 'RS256', use: 'sig' };
  const state: { person: Person; refuses: boolean } = { person: { subject: 'alice' }, refuses: false };
  const artifacts = new Map<string, Artifact>();
  const provider = new Provider(
    issuer,
    configuration({ redirectUris, key, person: () => state.person, adapter: createAdapters(artifacts) }),
  );
  const answer = provider.callback();
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url?.replace(/\?.*/, '') ?? '';
    requests.push(`${request.method} ${path}`);
    if (!path.startsWith('/interaction/')) return answer(request, response);
    const result = state.refuses
      ? { error: 'access_denied', error_description: '<script>alert(1)</script> said no' }
      : { login: { accountId: state.person.subject } };
    void (provider as unknown as Interactions).interactionFinished(request, response, result);
  });
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    issuer,
    ...CLIENT,
    requests,
    get tokenRequests() {
      return requests.filter((each) => each === 'POST /token').length;
    },
    get person() {
      return state.person;
    },
    set person(person: Person) {
      state.person = person;
    },
    get refuses() {
      return state.refuses;
    },
    set refuses(refuses: boolean) {
      state.refuses = refuses;
    },
    forget: async () => artifacts.clear(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The parts of its context that are used. */
interface Context {
  readonly oidc: {
    readonly client: { readonly clientId: string };
    readonly session: { readonly accountId: string };
    readonly provider: {
      readonly Grant: new (of: object) => { addOIDCScope(scope: string): void; save(): Promise<string> };
    };
  };
}

interface Setting {
  readonly redirectUris: readonly string[];
  readonly key: object;
  readonly person: () => Person;
  readonly adapter: (kind: string) => object;
}

function configuration({ adapter, key, person, redirectUris }: Setting): object {
  return {
    adapter,
    jwks: { keys: [key] },
    cookies: { keys: ['a key of this test alone'] },
    claims: { openid: ['sub', 'roles', 'groups', 'name'] },
    conformIdTokenClaims: false,
    clients: [
      {
        client_id: CLIENT.clientId,
        client_secret: CLIENT.clientSecret,
        redirect_uris: redirectUris,
        grant_types: ['authorization_code', 'refresh_token'],
      },
    ],
    issueRefreshToken: () => true,
    expiresWithSession: () => false,
    // A token that is shown twice ends all that came of it.
    rotateRefreshToken: true,
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context: unknown, { uid }: { readonly uid: string }) => `/interaction/${uid}` },
    findAccount: (_context: unknown, accountId: string) => ({
      accountId,
      claims: async () => {
        const { roles = [], groups = [] } = person();
        return { sub: accountId, roles, groups, name: `${accountId} <b>of the Test</b>` };
      },
    }),
    loadExistingGrant: async ({ oidc }: Context) => {
      const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
      grant.addOIDCScope('openid');
      await grant.save();
      return grant;
    },
    ttl: { Session: 600, Grant: 600, Interaction: 600, AccessToken: 300, IdToken: 300, RefreshToken: 600 },
    renderError: (context: { body: string }, _out: unknown, error: Error) => {
      context.body = `the provider failed: ${error.message}`;
    },
  };
}

interface Artifact {
  readonly uid?: string;
  readonly grantId?: string;
  consumed?: boolean;
}

/** Where a provider keeps what it issued, of each kind. */
function createAdapters(artifacts: Map<string, Artifact>): (kind: string) => object {
  return (kind) => ({
    upsert: async (id: string, payload: Artifact) => void artifacts.set(`${kind} ${id}`, payload),
    find: async (id: string) => artifacts.get(`${kind} ${id}`),
    findByUid: async (uid: string) => artifacts.values().find((each) => each.uid === uid),
    consume: async (id: string) => void Object.assign(artifacts.get(`${kind} ${id}`) ?? {}, { consumed: true }),
    destroy: async (id: string) => void artifacts.delete(`${kind} ${id}`),
    revokeByGrantId: async (grantId: string) => {
      for (const [key, each] of artifacts) if (each.grantId === grantId) artifacts.delete(key);
    },
  });
}
