/** For tests: a gateway that logs in at the mock server. */

import type { UpstreamAuthorization, UpstreamAuthorizationOptions } from '../authorization.ts';
import type { LoginNeeded } from '../login.ts';
import { loginOf, testGateway, type TestGateway } from './gateway.ts';
import { openMockServer, type Asked, type MockServer } from './mock-server.ts';

export interface Scene {
  readonly mock: MockServer;
  readonly gateway: TestGateway;
  open(more?: Partial<UpstreamAuthorizationOptions>): UpstreamAuthorization;
  /** The query of a browser that comes back. */
  back(login: LoginNeeded, more?: Readonly<Record<string, string | undefined>>): URLSearchParams;
  signIn(authorization: UpstreamAuthorization): Promise<void>;
  /** Members of the next answers of the token endpoint, besides a token of which each is another. */
  tokens: Readonly<Record<string, string | number>>;
  /** Requests for tokens by their grant type. */
  asked(grantType: string): readonly Asked[];
}

/** Every member of `tokens` that ends in `_token` gets a number, and none comes twice. */
export async function openScene(): Promise<Scene> {
  const mock = await openMockServer();
  const gateway = testGateway();
  mock.publish();
  mock.answers.set('/register', { client_id: 'dynamic', client_secret: 'dynamic secret' });
  mock.answers.set('/revoke', 200);
  let count = 0;
  mock.answers.set('/token', () => {
    count += 1;
    const parts = Object.entries(scene.tokens);
    const numbered = parts.map(([name, value]) => [name, name.endsWith('_token') ? `${value}${count}` : value]);
    return { access_token: `at${count}`, token_type: 'Bearer', ...Object.fromEntries(numbered) };
  });
  const scene: Scene = {
    mock,
    gateway,
    tokens: { expires_in: 3600, refresh_token: 'rt' },
    open: (more) => gateway.open(mock.resource, more),
    back: ({ issuer, state }, more = {}) => {
      const all = Object.entries({ code: 'the code', state, iss: issuer, ...more });
      return new URLSearchParams(all.filter((each): each is [string, string] => each[1] !== undefined));
    },
    signIn: async (authorization) => {
      await authorization.finish(scene.back(await loginOf(authorization)));
    },
    asked: (grantType) => mock.asked('/token').filter(({ form }) => form.get('grant_type') === grantType),
  };
  return scene;
}
