import { describe, expect, it } from 'vitest';
import type { OAuthConfig } from './config/types-oauth.ts';
import type { RoomOptions } from './rooms.ts';
import { catalogSetup, loginServers } from './servers.ts';

const OIDC = { issuer: 'https://id.test', clientId: 'at id', clientSecret: 'of id' };
const OAUTH: OAuthConfig = { scopes: [], grant: 'authorization_code', per: 'principal', allowLoopbackHttp: false };

function fingerprint(url: string, oauth: OAuthConfig | undefined): string | undefined {
  const target = { kind: 'http', guessed: false, url, headers: {} };
  const config = {
    servers: [{ name: 'a', enabled: true, target, ...(oauth && { oauth }) }],
    naming: {},
    views: {},
    tools: {},
  };
  return catalogSetup(config as unknown as RoomOptions['config']).servers[0]?.fingerprint;
}

describe('what is known of a remote server', () => {
  it('AUT-05 counts for nothing when it was said to another token: of the gateway, of each principal, of the headers', () => {
    const [one, two] = ['https://one.example/mcp', 'https://two.example/mcp'];
    const same = [
      [OAUTH, { ...OAUTH, scopes: ['read'] }],
      [
        { ...OAUTH, per: 'gateway' as const },
        { ...OAUTH, grant: 'client_credentials' as const },
      ],
      [undefined],
    ];
    const prints = same.map((settings) => settings.map((oauth) => fingerprint(one, oauth)));
    for (const alike of prints) expect(new Set(alike).size).toBe(1);
    expect(new Set([...prints.flat(), fingerprint(two, OAUTH)]).size).toBe(4);
  });
});

describe('where the tokens of callers are exchanged', () => {
  const exchangeOf = (oauth: Partial<OAuthConfig>): unknown => {
    const target = { kind: 'ws', guessed: false, url: 'wss://up.test/mcp', headers: {} };
    const servers = [{ name: 'a', enabled: true, target, oauth: { ...OAUTH, ...oauth } }];
    return loginServers({ servers, auth: { oidc: OIDC } } as unknown as RoomOptions['config'])[0]?.exchange;
  };
  const grant = 'token_exchange';
  const subjectTokenType = 'access_token';
  const { clientId, clientSecret, issuer } = OIDC;
  const written = { clientId: 'written', privateKey: 'a key' };
  const tokenEndpoint = 'https://sts.test/token';

  it.each([
    ['nowhere without such a grant', { clientId: 'c' }, undefined],
    [
      'where people sign in, as who we are there',
      { grant, clientId: 'at the server' },
      { issuer, subjectTokenType, client: { clientId, clientSecret } },
    ],
    [
      'there as the client that is written',
      { grant, exchange: { ...written, subjectTokenType: 'jwt', audience: 'up' } },
      { issuer, subjectTokenType: 'jwt', audience: 'up', client: written },
    ],
    [
      'at an endpoint that is written, as who we are at the server, and never with what is for another',
      { grant, clientId: 'at the server', clientSecret: 'of it', exchange: { tokenEndpoint, subjectTokenType } },
      { tokenEndpoint, subjectTokenType, client: { clientId: 'at the server', clientSecret: 'of it' } },
    ],
    [
      'there as the client that is written too',
      {
        grant,
        clientId: 'at the server',
        clientSecret: 'of it',
        exchange: { tokenEndpoint, ...written, subjectTokenType },
      },
      { tokenEndpoint, subjectTokenType, client: written },
    ],
  ] as const)('is %s', (_what, oauth, expected) => {
    expect(exchangeOf(oauth)).toEqual(expected);
  });
});
