/**
 * Our own authorization server through the whole gateway, with independent peers: the official client library from a 401 to a
 * call, a browser, a certified OpenID provider; and what its tokens are good for.
 */
import { auth, Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import type { StoredOAuthTokens } from '@modelcontextprotocol/client';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../gateway/gateway.ts';
import { WAIT_MS } from '../support/inbox.ts';
import { start } from '../support/process.ts';
import { bearer } from './support.ts';
import { WebBrowser } from '../../packages/server/src/browser/testing/web-browser.ts';
import {
  Application,
  approve,
  authorizeUrl,
  isCallback,
  obtain,
  openSite,
  post,
  register,
  secureFor,
  toConsent,
  type Kind,
  type Site,
  type Tokens,
  type Wanted,
} from './web-site.ts';
import { ask, askList, askMcp, toolsOf, type Answered } from './web-support.ts';

const program = fileURLToPath(new URL('../../packages/gateway/bin/sallyport.js', import.meta.url));
const KINDS: readonly Kind[] = ['tls', 'loopback'];

/** What a token gets at a path: its tools, or the status. */
async function outcome(site: Site, token: string, path = '/mcp'): Promise<unknown> {
  const answer = await askList(`${site.base}${path}`, { ...secureFor(site), headers: bearer(token) });
  return answer.status === 200 ? toolsOf(answer).length > 0 : answer.status;
}
const jsonOf = ({ body }: Answered): Record<string, unknown> => JSON.parse(body) as Record<string, unknown>;

describe.each(KINDS)('the official client, %s', (kind) => {
  const at: { site?: Site } = {};
  const site = (): Site => at.site as Site;
  beforeAll(async () => {
    const policy = {
      roles: { dev: { groups: ['eng'] } },
      rules: [{ effect: 'allow', roles: ['dev'], tools: ['up__pid'] }],
    };
    at.site = await openSite(kind, { configuration: { policy } });
  });
  afterAll(async () => await at.site?.[Symbol.asyncDispose]());

  const open = (application: Application): StreamableHTTPClientTransport =>
    new StreamableHTTPClientTransport(new URL(`${site().base}/mcp`), { authProvider: application });

  it.each(['legacy', 'stateless'] as const)(
    'comes from a 401 to a call, refreshes its token and revokes it, era %s',
    async (era) => {
      const { base, people } = site();
      people.person = { subject: 'alice', groups: ['eng'] };
      const application = new Application();
      const versionNegotiation = { mode: era === 'legacy' ? era : { pin: '2026-07-28' } } as const;
      const newClient = (): Client => new Client({ name: 'flow', version: '1' }, { versionNegotiation });
      const first = open(application);
      await expect(newClient().connect(first)).rejects.toBeInstanceOf(UnauthorizedError);
      expect(application.asked?.origin).toBe(base);

      const web = new WebBrowser(site().ca);
      const consent = await toConsent(web, String(application.asked));
      expect(consent.status).toBe(200);
      for (const shown of ['Library', '127.0.0.1:1', `${base}/mcp`]) expect(consent.text).toContain(shown);
      const answer = await approve(web, consent);
      expect([answer.get('iss'), answer.get('state')]).toEqual([base, 'the state']);
      await first.finishAuth(answer);

      const client = newClient();
      await client.connect(open(application));
      expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['up__pid']);
      const called = await client.callTool({ name: 'up__pid', arguments: {} });
      expect(called.content).toEqual([{ type: 'text', text: String(process.pid) }]);

      const before = application.tokens() as StoredOAuthTokens;
      expect(await auth(application, { serverUrl: `${base}/mcp` })).toBe('AUTHORIZED');
      const after = application.tokens() as StoredOAuthTokens;
      expect([after.access_token, after.refresh_token]).not.toEqual([before.access_token, before.refresh_token]);
      expect(await outcome(site(), after.access_token)).toBe(true);
      const again = await client.callTool({ name: 'up__pid', arguments: {} });
      expect(again.content).toEqual(called.content);

      const client_id = application.clientInformation()?.client_id ?? '';
      const revoked = await post(site(), '/oauth/revoke', { token: after.refresh_token ?? '', client_id });
      expect(revoked.status).toBe(200);
      expect(await outcome(site(), after.access_token)).toBe(401);
      await client.close();
    },
  );

  it('finds everything from the 401: the resource, its server, and what that can', async () => {
    const { base } = site();
    const refused = await askList(`${base}/mcp/s/up`, secureFor(site()));
    expect(refused.status).toBe(401);
    const [challenge = ''] = refused.headers['www-authenticate'] ?? [];
    const [, metadataUrl = ''] = /^Bearer .*resource_metadata="([^"]+)"/.exec(challenge) ?? [];
    expect(metadataUrl).toBe(`${base}/.well-known/oauth-protected-resource/mcp/s/up`);
    const resource = jsonOf(await ask(metadataUrl, secureFor(site())));
    expect(resource).toMatchObject({ resource: `${base}/mcp/s/up`, authorization_servers: [base] });
    const server = jsonOf(await ask(`${base}/.well-known/oauth-authorization-server`, secureFor(site())));
    expect(server).toMatchObject({
      issuer: base,
      authorization_endpoint: `${base}/oauth/authorize`,
      token_endpoint: `${base}/oauth/token`,
      registration_endpoint: `${base}/oauth/register`,
      revocation_endpoint: `${base}/oauth/revoke`,
      code_challenge_methods_supported: ['S256'],
    });
  });

  it('whoever has no role at the gateway gets a token and sees nothing', async () => {
    site().people.person = { subject: 'mallory', groups: ['sales'] };
    const { access_token: token } = await obtain(site(), new WebBrowser(site().ca));
    expect(await outcome(site(), token)).toBe(false);
    const called = await askMcp(
      `${site().base}/mcp`,
      'tools/call',
      { name: 'up__pid', arguments: {} },
      {
        ...secureFor(site()),
        headers: bearer(token),
      },
    );
    expect(jsonOf(called)['error']).toMatchObject({ code: -32602 });
  });

  it('UPS-11 is asked about for each client, although the browser approved another, and nothing goes out before', async () => {
    const web = new WebBrowser(site().ca);
    await obtain(site(), web);
    const clientId = await register(site(), { client_name: 'Second <b>client</b>' });
    const { url } = authorizeUrl(site(), clientId);
    const consent = await toConsent(web, url);
    expect(consent.status).toBe(200);
    expect(consent.text).toContain('Second &lt;b&gt;client&lt;/b&gt;');
    expect(consent.text).toContain('127.0.0.1:1');
    expect(consent.headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(consent.headers['x-frame-options']).toBe('DENY');
    expect(web.visited.filter((each) => isCallback(each))).toEqual([]);
    const denied = await web.submit(consent, 'deny', { decision: 'deny' }, isCallback);
    expect(new URL(denied.url).searchParams.get('error')).toBe('access_denied');
  });
});

describe('the tokens of our own server', () => {
  /** Stands still, but for the test that moves it. */
  const clock = { startMs: Date.now(), offsetMs: 0 };
  const at: { site?: Site; clientId?: string } = {};
  const get = (wanted: Wanted = {}): Promise<Tokens> =>
    obtain(site(), new WebBrowser(site().ca), { clientId: at.clientId as string, ...wanted });
  const site = (): Site => at.site as Site;
  beforeAll(async () => {
    at.site = await openSite('tls', {
      auth: { scopes: ['use'], server: { accessToken: '10m', refreshToken: '1d' } },
      configuration: {
        policy: {
          rules: [
            { effect: 'allow', tools: ['up__pid'] },
            { effect: 'allow', tools: ['up__raw'], scopes: ['count'] },
          ],
        },
        views: { few: { servers: ['up'] } },
      },
      now: () => clock.startMs + clock.offsetMs,
    });
    at.clientId = await register(site());
  });
  afterAll(async () => await at.site?.[Symbol.asyncDispose]());

  const refresh = (token: string, client_id: string): Promise<Answered> =>
    post(site(), '/oauth/token', { grant_type: 'refresh_token', refresh_token: token, client_id });

  it('are good as long as they say, and can be renewed afterwards', async () => {
    const tokens = await get();
    expect(tokens.expires_in).toBe(600);
    try {
      clock.offsetMs = 599_000;
      expect(await outcome(site(), tokens.access_token)).toBe(true);
      clock.offsetMs = 601_000;
      expect(await outcome(site(), tokens.access_token)).toBe(401);
      const renewed = await refresh(tokens.refresh_token, tokens.clientId);
      expect(renewed.status).toBe(200);
      expect(await outcome(site(), jsonOf(renewed)['access_token'] as string)).toBe(true);
      clock.offsetMs = 86_400_000 + 1000;
      const late = await refresh(jsonOf(renewed)['refresh_token'] as string, tokens.clientId);
      expect([late.status, jsonOf(late)['error']]).toEqual([400, 'invalid_grant']);
    } finally {
      clock.offsetMs = 0;
    }
  });

  it('are all worth nothing once an old refresh token comes back', async () => {
    const tokens = await get();
    const second = jsonOf(await refresh(tokens.refresh_token, tokens.clientId));
    const third = jsonOf(await refresh(second['refresh_token'] as string, tokens.clientId));
    expect(await outcome(site(), third['access_token'] as string)).toBe(true);
    const stolen = await refresh(tokens.refresh_token, tokens.clientId);
    expect([stolen.status, jsonOf(stolen)['error']]).toEqual([400, 'invalid_grant']);
    expect(await outcome(site(), third['access_token'] as string)).toBe(401);
    expect((await refresh(third['refresh_token'] as string, tokens.clientId)).status).toBe(400);
  });

  it('are good at the path that they were asked for, and at no other', async () => {
    const { base } = site();
    const narrow = await get({ resource: `${base}/mcp/s/up` });
    const paths = ['/mcp/s/up', '/mcp', '/mcp/v/few', '/mcp/s/other'];
    const statuses = [];
    for (const path of paths) statuses.push(await outcome(site(), narrow.access_token, path));
    expect(statuses).toEqual([true, 401, 401, 401]);
    const wide = await get({ resource: `${base}/mcp` });
    const reached = [];
    for (const path of paths) reached.push(await outcome(site(), wide.access_token, path));
    expect(reached).toEqual([true, true, true, 404]);
    const stranger = authorizeUrl(site(), wide.clientId, { resource: 'https://elsewhere.example/mcp' });
    const { url } = await toConsent(new WebBrowser(site().ca), stranger.url);
    expect(new URL(url).searchParams.get('error')).toBe('invalid_target');
  });

  it('have the scopes that were asked for; without those that every call needs they are no good', async () => {
    const usual = await get();
    expect(usual.scope).toBe('use');
    expect(await outcome(site(), usual.access_token)).toBe(true);
    const other = await get({ scope: 'count' });
    const refused = await askList(`${site().base}/mcp`, { ...secureFor(site()), headers: bearer(other.access_token) });
    expect(refused.status).toBe(403);
    expect(refused.headers['www-authenticate']?.join()).toMatch(/error="insufficient_scope"/);
    expect(refused.headers['www-authenticate']?.join()).toMatch(/scope="use"/);
  });

  it('step up: a tool that needs one more scope says which, and is there for a token with it', async () => {
    const call = (token: string): Promise<Answered> =>
      askMcp(
        `${site().base}/mcp`,
        'tools/call',
        { name: 'up__raw', arguments: {} },
        { ...secureFor(site()), headers: bearer(token) },
      );
    const usual = await get();
    const refused = await call(usual.access_token);
    expect(refused.status).toBe(403);
    const [challenge = ''] = refused.headers['www-authenticate'] ?? [];
    expect(challenge).toMatch(/error="insufficient_scope"/);
    const [, scope = ''] = /scope="([^"]*)"/.exec(challenge) ?? [];
    expect(scope.split(' ').toSorted()).toEqual(['count', 'use']);
    const more = await get({ scope });
    expect((await call(more.access_token)).status).toBe(200);
  });

  it('are worth nothing with another letter, as another kind, and at the end points of a client that is another', async () => {
    const tokens = await get();
    const changed = `${tokens.access_token.slice(0, -1)}${tokens.access_token.endsWith('A') ? 'B' : 'A'}`;
    for (const token of [changed, tokens.refresh_token, tokens.access_token.toUpperCase()]) {
      expect(await outcome(site(), token)).toBe(401);
    }
    const stranger = await register(site());
    const revoked = await post(site(), '/oauth/revoke', { token: tokens.access_token, client_id: stranger });
    expect([revoked.status, jsonOf(revoked)['error']]).toEqual([400, 'invalid_grant']);
    expect(await outcome(site(), tokens.access_token)).toBe(true);
    const stolen = await refresh(tokens.refresh_token, stranger);
    expect([stolen.status, jsonOf(stolen)['error']]).toEqual([400, 'invalid_grant']);
  });

  it('stand in no log', async () => {
    const tokens = await get();
    const log = JSON.stringify(site().started.log.items);
    expect(log).toContain('authorization server: issued');
    for (const secret of [tokens.access_token, tokens.refresh_token]) expect(log).not.toContain(secret);
  });
});

describe('two processes with one state', () => {
  it('a token of one is good at the other, and revoked at both', { timeout: 60_000 }, async () => {
    await using state = await temporaryFolder();
    await using folder = await temporaryFolder();
    await using site = await openSite('tls', {
      isPublic: true,
      stateDirectory: state.path,
      configuration: { store: 'sqlite' },
    });
    const file = `${folder.path}/second.json`;
    const mcpServers = { up: { url: site.up.url, type: 'http' } };
    const listen = { ...site.listen, port: 0, host: 'localhost' };
    await writeFile(file, JSON.stringify({ mcpServers, listen, auth: site.auth }), { mode: 0o600 });
    await using second = start(process.execPath, [program, 'serve', file], {
      env: { PATH: process.env['PATH'], HOME: folder.path, SALLYPORT_HOME: state.path, NO_COLOR: '1' },
    });
    const [, url = ''] = await second.untilLine(/ready at (https:\S+)/);
    const there = { ...site, base: new URL(url).origin };

    const tokens = await obtain(site, new WebBrowser(site.ca));
    expect(await outcome(there, tokens.access_token)).toBe(true);
    const revoked = await post(site, '/oauth/revoke', { token: tokens.refresh_token, client_id: tokens.clientId });
    expect(revoked.status).toBe(200);
    expect(await outcome(site, tokens.access_token)).toBe(401);
    // Asked all the time: what was looked up is believed there for a while.
    await expect.poll(() => outcome(there, tokens.access_token), { interval: 20, timeout: WAIT_MS }).toBe(401);
  });
});
