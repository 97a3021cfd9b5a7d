/**
 * Every path of a gateway with all that it can offer, by every method, without a credential; and credentials where none is
 * looked for.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openIdentityProvider, type IdentityProvider } from '../support/identity-provider.ts';
import { send } from '../gateway/raw-client.ts';
import {
  bearer,
  createIssuer,
  knock,
  list,
  randomKey,
  startGuarded,
  told,
  UPGRADE,
  type Guarded,
  type Knocked,
} from './support.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'];
const MCP = ['/mcp', '/mcp/s/up', '/mcp/v/few', '/mcp?servers=up', '/sse', '/messages', '/messages?sessionId=x'];
const NOWHERE = ['/mcp/s/none', '/mcp/v/none', '/mcp/x', '/mcp/', '//mcp', '/x', '/', '/mcp/..;/api/v1/keys', '/%6dcp'];
const ADMIN = ['servers', 'tools', 'system', 'reload', 'explain', 'sessions', 'principals', 'keys', 'audit', 'config']
  .concat(['health', 'cache', 'pins', ''])
  .map((name) => `/api/v1/${name}`);

/** What anybody may have, and by which methods: nothing else answers with success. */
const PUBLIC: Readonly<Record<string, readonly string[]>> = {
  '/healthz': ['GET', 'HEAD'],
  '/readyz': ['GET', 'HEAD'],
  '/.well-known/oauth-protected-resource': ['GET', 'HEAD'],
  '/.well-known/oauth-protected-resource/mcp': ['GET', 'HEAD'],
  '/.well-known/oauth-protected-resource/mcp/s/up': ['GET', 'HEAD'],
  // Which servers there are is told to nobody: those that are not have one, too.
  '/.well-known/oauth-protected-resource/mcp/s/none': ['GET', 'HEAD'],
  '/.well-known/oauth-authorization-server': ['GET', 'HEAD'],
  '/login': ['GET', 'HEAD'],
  '/api/v1/challenge?nonce=0123456789abcdef': ['GET', 'HEAD'],
};

/** Answer with what is wrong with the request, by a page or in OAuth's words. */
const PAGES = ['/logout', '/oauth/authorize', '/oauth/token', '/oauth/register', '/oauth/revoke', '/oauth/callback'];
const ELSEWHERE = [
  '/.well-known/openid-configuration',
  '/.well-known/security.txt',
  '/login/0123456789',
  '/api/v1/challenge',
];

const key = randomKey();
const issuer = createIssuer();
const at: { place?: Guarded; provider?: IdentityProvider } = {};
const place = (): Guarded => at.place as Guarded;

beforeAll(async () => {
  at.provider = await openIdentityProvider('jwt', []);
  at.place = await startGuarded({
    auth: {
      mode: ['key', 'jwt', 'oidc'],
      keys: [{ name: 'ann', key }],
      jwt: issuer.settings,
      oidc: { issuer: at.provider.issuer, clientId: 'none' },
      server: true,
    },
    views: { few: { servers: ['up'] } },
    limits: { failedAuthentications: 10_000, connections: 1000 },
  });
});

afterAll(async () => {
  await at.place?.[Symbol.asyncDispose]();
  await at.provider?.[Symbol.asyncDispose]();
});

const ask = (path: string, method: string, headers: Readonly<Record<string, string>> = {}): Promise<Knocked> =>
  knock(`${place().base}${path}`, {
    method,
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    ...(['POST', 'PUT', 'PATCH'].includes(method) && { body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' }),
  });

/** Method and path of what answers with success, and what is asked for where it does not. */
async function crawl(paths: readonly string[]): Promise<{ succeeded: string[]; unchallenged: string[] }> {
  const [succeeded, unchallenged]: [string[], string[]] = [[], []];
  for (const path of paths) {
    const upgrading = knock(`${place().base}${path}`, { headers: UPGRADE });
    const named = [
      ...METHODS.map((method) => ({ name: `${method} ${path}`, answer: ask(path, method) })),
      { name: `UPGRADE ${path}`, answer: upgrading },
    ];
    for (const { name, answer } of named) {
      const { status, headers } = await answer;
      if (status < 300) succeeded.push(name);
      if (status !== 401 || headers['www-authenticate']?.startsWith('Bearer ') !== true) unchallenged.push(name);
    }
  }
  return { succeeded, unchallenged };
}

describe('without a credential', () => {
  it('DSA-01 every MCP and admin path, and every path that is none, answers 401 with a challenge by every method', async () => {
    const { succeeded, unchallenged } = await crawl([...MCP, ...NOWHERE, ...ADMIN, '/metrics']);
    expect(succeeded).toEqual([]);
    expect(unchallenged).toEqual([]);
  });

  it('DSA-01 what answers with success is the published list, and no path of the web besides', async () => {
    const { succeeded } = await crawl([...Object.keys(PUBLIC), ...PAGES, ...ELSEWHERE]);
    const upgraded = succeeded.filter((each) => each.startsWith('UPGRADE'));
    // A request to become a WebSocket is the plain one where there is none.
    expect(upgraded.every((each) => Object.hasOwn(PUBLIC, each.slice(8)))).toBe(true);
    const published = Object.entries(PUBLIC).flatMap(([path, methods]) => methods.map((method) => `${method} ${path}`));
    expect(succeeded.filter((each) => !each.startsWith('UPGRADE')).toSorted()).toEqual(published.toSorted());
  });

  it.each([
    ['/mcp/s/up', '/mcp/s/no'],
    ['/mcp/v/few', '/mcp/v/fow'],
    ['/mcp?servers=up', '/mcp?servers=no'],
    ['/api/v1/keys', '/api/v1/kays'],
  ])('AUT-05 nobody can tell %s from %s, which is not there', async (there, absent) => {
    expect(await told(place().base, there)).toEqual(await told(place().base, absent));
  });
});

describe('a credential', () => {
  it('DSA-13 in the query, a cookie, the body or another header is none, by every way in, and stands in no log', async () => {
    const { base, started } = place();
    const token = issuer.token({ aud: started.url });
    for (const secret of [key, token]) {
      const query = ['access_token', 'token', 'key', 'api_key', 'authorization', 'bearer'].map(
        (name) => `${name}=${secret}`,
      );
      const asked: Promise<Knocked>[] = [
        ...query.map((each) => list(`${started.url}?${each}`)),
        ...query.map((each) => knock(`${base}/sse?${each}`)),
        ...query.map((each) => knock(`${started.url}?${each}`, { headers: UPGRADE })),
        ...['authorization', 'token', '__Host-session', 'access_token'].map((name) =>
          list(started.url, { cookie: `${name}=${secret}` }),
        ),
        ...['x-api-key', 'x-authorization', 'proxy-authorization', 'mcp-authorization', 'api-key'].map((name) =>
          list(started.url, { [name]: name.startsWith('proxy') ? `Bearer ${secret}` : secret }),
        ),
        list(
          started.url,
          {},
          JSON.stringify({
            jsonrpc: '2.0',
            id: 1,
            method: 'tools/list',
            access_token: secret,
            params: { _meta: { authorization: `Bearer ${secret}`, access_token: secret } },
          }),
        ),
        knock(started.url, {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: `access_token=${secret}`,
        }),
        knock(started.url, { headers: { ...UPGRADE, 'sec-websocket-protocol': `bearer.${secret}, mcp` } }),
      ];
      for (const { status, body } of await Promise.all(asked)) {
        expect(status).toBe(401);
        expect(body).not.toContain(secret);
      }
      expect((await list(started.url, bearer(secret))).status).toBe(200);
      expect(JSON.stringify(started.log.items)).not.toContain(secret);
    }
    expect(place().up.server.of('tools/call')).toEqual([]);
  });

  it('INP-11 does not make another method of a request, whatever its headers say', async () => {
    for (const name of ['x-http-method-override', 'x-method-override', 'x-http-method']) {
      const answer = await send(place().started.url, undefined, { ...bearer(key), [name]: 'POST' }, 'PUT');
      expect(answer.status).toBe(405);
      answer.abort();
    }
  });
});
