import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createProvider, type Provider } from './provider.ts';
import {
  createCertificate,
  MINUTE,
  openServer,
  openSite,
  type Certificate,
  type Site,
  type SiteServer,
} from './testing/site.ts';
import { openPeopleProvider, type PeopleProvider } from './testing/people-provider.ts';
import { formOf, WebBrowser, type WebPage } from './testing/web-browser.ts';
import { proof } from './tokens.ts';
import type { RefusalReason } from './types.ts';

const fixtures: { certificate?: Certificate } = {};
beforeAll(() => {
  fixtures.certificate = createCertificate();
});

const isCallback = (url: string): boolean => url.includes('/oauth/callback?');

function providerAt(people: PeopleProvider, more: Partial<Parameters<typeof createProvider>[0]> = {}): Provider {
  return createProvider({
    name: 'the Test Office',
    issuer: people.issuer,
    clientId: people.clientId,
    clientSecret: people.clientSecret,
    scopes: ['openid'],
    algorithms: ['RS256'],
    clockToleranceMs: MINUTE,
    claims: { roles: 'roles', groups: 'groups' },
    fetch,
    now: Date.now,
    ...more,
  });
}

function reasons(site: Site): RefusalReason[] {
  return site.events.flatMap((event) => (event.kind === 'refused' ? [event.reason] : []));
}

describe.each(['tls', 'loopback'] as const)('signing in at the provider, %s', (kind) => {
  const made: { site?: Site; people?: PeopleProvider; server?: SiteServer } = {};
  const site = (): Site => made.site as Site;
  const people = (): PeopleProvider => made.people as PeopleProvider;
  const browserOf = (): WebBrowser => new WebBrowser(kind === 'tls' ? fixtures.certificate?.cert : undefined);
  /** As far as the way back, which is given instead of being asked for. */
  const comeBack = async (browser: WebBrowser): Promise<string> => {
    const page = await browser.open(`${site().origin}/consent?client=a&b=c`);
    return (await browser.submit(page, 'Sign in with the Test Office', {}, isCallback)).url;
  };

  beforeEach(async () => {
    const server = await openServer(kind === 'tls' ? fixtures.certificate : undefined);
    made.people = await openPeopleProvider([`${server.origin}/oauth/callback`]);
    made.site = openSite(server, { provider: providerAt(made.people) });
  });
  afterEach(async () => {
    await Promise.all([made.site?.close(), made.people?.close()]);
  });

  it('leads through the provider to the page that was asked for, and its form works once', async () => {
    people().person = { subject: 'alice', roles: ['developer'], groups: ['eng'] };
    const browser = browserOf();
    const first = await browser.open(`${site().origin}/consent?client=a&b=c`);
    expect(first.status).toBe(401);
    const page = await browser.submit(first, 'Sign in with the Test Office');
    expect(page.url).toMatch(/\/consent\?client=a&b=c/);
    expect(page.text).toContain('You are alice, developer.');
    expect((await browser.submit(page, 'Agree', { what: 'yes' })).text).toContain('done');
    expect(site().done).toMatchObject([
      { what: 'yes', principal: { issuer: people().issuer, subject: 'alice', roles: ['developer'], groups: ['eng'] } },
    ]);
    expect(site().events).toMatchObject([{ kind: 'signed_in', by: 'provider', address: '127.0.0.1' }]);
    expect(people().tokenRequests).toBe(1);
    expect(JSON.stringify(await site().records.list())).not.toContain('nonce');
  });

  it.each<[string, RefusalReason, (back: string, browser: WebBrowser) => Promise<string | void>]>([
    ['no state', 'bad_state', async (back) => back.replace(/state=[^&]+/, '')],
    ['a wrong state', 'bad_state', async (back) => back.replace(/state=[^&]+/, `state=${'A'.repeat(43)}`)],
    ['two states', 'provider_refused', async (back) => `${back}&state=${'A'.repeat(43)}`],
    ['a state 11 minutes old', 'bad_state', async () => void (site().clock.nowMs += 11 * MINUTE)],
  ])('P2-02 a callback with %s is refused and no token is asked for', async (_what, reason, change) => {
    const browser = browserOf();
    const back = await comeBack(browser);
    const page = await browser.open((await change(back, browser)) ?? back);
    expect(page.status).toBe(403);
    expect(reasons(site())).toEqual([reason]);
    expect(people().tokenRequests).toBe(0);
  });

  it('P2-02 a state is good once: used again, no token is asked for', async () => {
    const browser = browserOf();
    const back = await comeBack(browser);
    // The answer arrives twice at once, with all cookies.
    const cookie = browser.cookie(site().origin, '__Host-sallyport-sign-in');
    const headers: Record<string, string> =
      cookie === undefined ? {} : { cookie: `__Host-sallyport-sign-in=${cookie}` };
    const pages = await Promise.all([1, 2].map(() => browserOf().send(back, { method: 'GET', headers })));
    expect(pages.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([303, 403]);
    expect(people().tokenRequests).toBe(1);
    expect((await browserOf().send(back, { method: 'GET', headers })).status).toBe(403);
    expect(people().tokenRequests).toBe(1);
  });

  it('P2-02 an answer from another issuer is refused and no token is asked for (RFC 9207)', async () => {
    for (const change of [/&iss=[^&]+/, /&iss=(?=http)/] as const) {
      const browser = browserOf();
      const back = await comeBack(browser);
      const page = await browser.open(back.replace(change, change.source.includes('(?=') ? '&iss=x' : ''));
      expect(page.status).toBe(403);
    }
    expect(reasons(site())).toEqual(['provider_refused', 'provider_refused']);
    expect(people().tokenRequests).toBe(0);
  });

  it('P1-23 what the provider says when it refuses is not shown', async () => {
    people().refuses = true;
    const browser = browserOf();
    const page = await browser.submit(await browser.open(`${site().origin}/consent`), 'Sign in with');
    expect(page.status).toBe(403);
    expect(page.text).toContain('You were not signed in');
    expect(page.text).not.toMatch(/alert|access_denied|said no/);
    expect(site().events).toMatchObject([{ kind: 'refused', reason: 'provider_refused' }]);
    expect(JSON.stringify(site().events)).toContain('access_denied');
    expect(JSON.stringify(site().events)).not.toContain('alert');
    expect(people().tokenRequests).toBe(0);
  });

  it('says clearly that the provider is down, before the sign-in and after', async () => {
    const browser = browserOf();
    const back = await comeBack(browser);
    await people().close();
    const after = await browser.open(back);
    expect([after.status, after.text.includes('The identity provider cannot be reached')]).toEqual([503, true]);
    const other = openSite(await openServer(kind === 'tls' ? fixtures.certificate : undefined), {
      provider: providerAt(people()),
    });
    const before = await browserOf().open(`${other.origin}/login`);
    const page = await browserOf().submit(before, 'Sign in with');
    await other.close();
    expect([page.status, page.text.includes('The identity provider cannot be reached')]).toEqual([503, true]);
    expect(page.text).not.toMatch(/ECONNREFUSED|127\.0\.0\.1/);
  });

  it('leads nowhere but to paths that were allowed', async () => {
    const browser = browserOf();
    const page = await browser.open(`${site().origin}/login`);
    for (const to of ['https://evil.test/', '//evil.test', '/\\evil.test', '/mcp', '/consent/../mcp', '/consent#x']) {
      expect((await browser.submit(page, 'Sign in with', { return: to })).status, to).toBe(400);
    }
    expect(people().requests).toEqual([]);
  });

  it('begins no more than 30 times a minute for one address, and tells when to come again', async () => {
    const browser = browserOf();
    const start = (): Promise<WebPage> => browser.post(`${site().origin}/login`, { return: '/consent' });
    for (let at = 0; at < 30; at++) expect((await start()).status).toBe(200);
    const refused = await start();
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '60']);
    site().clock.nowMs += MINUTE;
    expect((await start()).status).toBe(200);
  });
});

it('an address that begins too often locks out nobody else', async () => {
  const server = await openServer();
  const people = await openPeopleProvider([`${server.origin}/oauth/callback`]);
  const at = { address: '192.0.2.1' };
  const site = openSite(server, { provider: providerAt(people), addressOf: () => at.address });
  const start = async (): Promise<number> =>
    (await new WebBrowser().post(`${site.origin}/login`, { return: '/consent' })).status;
  for (let each = 0; each < 30; each++) expect(await start()).toBe(200);
  // More than may be begun from all addresses together.
  for (let each = 0; each < 60; each++) {
    expect(new Set(await Promise.all(Array.from({ length: 20 }, start)))).toEqual(new Set([429]));
  }
  at.address = '192.0.2.2';
  expect(await start()).toBe(200);
  await Promise.all([site.close(), people.close()]);
});

describe('over TLS', () => {
  const made: { site?: Site; people?: PeopleProvider } = {};
  const site = (): Site => made.site as Site;
  const people = (): PeopleProvider => made.people as PeopleProvider;
  const browserOf = (): WebBrowser => new WebBrowser(fixtures.certificate?.cert);
  const signIn = async (browser: WebBrowser): Promise<WebPage> =>
    await browser.submit(await browser.open(`${site().origin}/consent`), 'Sign in with');

  beforeEach(async () => {
    const server = await openServer(fixtures.certificate);
    made.people = await openPeopleProvider([`${server.origin}/oauth/callback`]);
    made.site = openSite(server, { provider: providerAt(made.people) });
  });
  afterEach(async () => {
    await Promise.all([made.site?.close(), made.people?.close()]);
  });

  it('P2-02 a callback that another browser began is refused, and stays good for the one that did', async () => {
    const [alice, mallory] = [browserOf(), browserOf()];
    const page = await alice.open(`${site().origin}/consent`);
    const { url: back } = await alice.submit(page, 'Sign in with', {}, isCallback);
    expect((await mallory.open(back)).status).toBe(403);
    // With a cookie of his own sign-in, too.
    await mallory.submit(await mallory.open(`${site().origin}/consent`), 'Sign in with', {}, isCallback);
    expect((await mallory.open(back)).status).toBe(403);
    expect(reasons(site())).toEqual(['other_browser', 'other_browser']);
    expect(people().tokenRequests).toBe(0);
    expect((await alice.open(back)).text).toContain('You are alice');
  });

  it('P2-03 every cookie is __Host-, Secure, HttpOnly, SameSite, for all paths and no domain', async () => {
    const browser = browserOf();
    const page = await signIn(browser);
    await browser.submit(await browser.open(`${site().origin}/login`), 'Sign out');
    expect(page.status).toBe(200);
    const ours = browser.cookiesSet.filter(({ url }) => url.startsWith('https:')).map(({ text }) => text);
    expect(ours.map((text) => text.split('=')[0])).toEqual([
      '__Host-sallyport-sign-in',
      '__Host-sallyport-sign-in',
      '__Host-sallyport',
      '__Host-sallyport',
    ]);
    for (const text of ours) {
      expect(text).toMatch(
        /^__Host-sallyport(-sign-in)?=[\w-]*; Path=\/; Secure; HttpOnly; SameSite=Lax(; Max-Age=\d+)?$/,
      );
    }
  });

  it('P2-04 a cookie that was there before is not adopted, and the session it stood for ends', async () => {
    const [mallory, alice] = [browserOf(), browserOf()];
    people().person = { subject: 'mallory' };
    await signIn(mallory);
    const planted = mallory.cookie(site().origin, '__Host-sallyport') as string;
    const signInPage = await browserOf().open(`${site().origin}/consent`);
    people().person = { subject: 'alice' };
    for (const value of [planted, 'x'.repeat(86)]) {
      alice.plant(site().origin, '__Host-sallyport', value);
      expect((await alice.submit(signInPage, 'Sign in with')).text).toContain('You are alice');
      expect(alice.cookie(site().origin, '__Host-sallyport')).toMatch(/^[\w-]{86}$/);
      expect(alice.cookie(site().origin, '__Host-sallyport')?.slice(0, 43)).not.toBe(value.slice(0, 43));
    }
    expect((await mallory.open(`${site().origin}/consent`)).status).toBe(401);
  });

  it('P2-04 a change of roles ends the sessions that were begun without it', async () => {
    const [before, same, after] = [browserOf(), browserOf(), browserOf()];
    people().person = { subject: 'alice', roles: ['admin', 'developer'] };
    await signIn(before);
    people().person = { subject: 'alice', roles: ['developer', 'admin'] };
    await signIn(same);
    expect((await before.open(`${site().origin}/consent`)).status).toBe(200);
    people().person = { subject: 'alice', roles: ['developer'] };
    await signIn(after);
    const pages = await Promise.all([before, same, after].map((each) => each.open(`${site().origin}/consent`)));
    expect(pages.map(({ status }) => status)).toEqual([401, 401, 200]);
  });

  it('P2-04 the cookie is replaced at intervals, and one that was replaced ends the session of both', async () => {
    const browser = browserOf();
    await signIn(browser);
    const first = browser.cookie(site().origin, '__Host-sallyport') as string;
    const show = (cookie: string): Promise<WebPage> =>
      browserOf().send(`${site().origin}/consent`, {
        method: 'GET',
        headers: { cookie: `__Host-sallyport=${cookie}` },
      });
    site().clock.nowMs += 16 * MINUTE;
    expect((await browser.open(`${site().origin}/consent`)).status).toBe(200);
    const second = browser.cookie(site().origin, '__Host-sallyport') as string;
    expect(second).not.toBe(first);
    expect((await show(first)).status).toBe(200);
    site().clock.nowMs += 10_000;
    expect((await show(second)).status).toBe(200);
    expect((await show(first)).status).toBe(401);
    expect((await show(second)).status).toBe(401);
    expect(site().events.map(({ kind }) => kind)).toContain('session_reused');
  });

  it('ends the session everywhere when the person signs out', async () => {
    const browser = browserOf();
    await signIn(browser);
    const cookie = browser.cookie(site().origin, '__Host-sallyport') as string;
    const page = await browser.submit(await browser.open(`${site().origin}/login`), 'Sign out');
    expect(page.text).toContain('You are signed out');
    const headers = { cookie: `__Host-sallyport=${cookie}` };
    expect((await browser.send(`${site().origin}/consent`, { method: 'GET', headers })).status).toBe(401);
    expect(site().events.at(-1)).toMatchObject({ kind: 'signed_out', principal: { subject: 'alice' } });
  });

  it('believes neither of two cookies of one name', async () => {
    const browser = browserOf();
    await signIn(browser);
    const cookie = browser.cookie(site().origin, '__Host-sallyport') as string;
    const headers = { cookie: `__Host-sallyport=${cookie}; __Host-sallyport=${'x'.repeat(86)}` };
    expect((await browserOf().send(`${site().origin}/consent`, { method: 'GET', headers })).status).toBe(401);
  });
});

describe('without TLS', () => {
  const made: { site?: Site; people?: PeopleProvider; server?: SiteServer } = {};
  const site = (): Site => made.site as Site;
  afterEach(async () => {
    await Promise.all([made.site?.close(), made.people?.close()]);
  });
  const open = async (): Promise<void> => {
    made.server = await openServer();
    made.people = await openPeopleProvider([`${made.server.origin}/oauth/callback`]);
    made.site = openSite(made.server, { provider: providerAt(made.people) });
  };

  it('P2-03 sets no cookie and reads none', async () => {
    await open();
    const browser = new WebBrowser();
    const page = await browser.submit(await browser.open(`${site().origin}/consent`), 'Sign in with');
    expect(page.text).toContain('You are alice');
    expect(browser.cookiesSet.filter(({ url }) => url.startsWith(site().origin))).toEqual([]);
    const session = await site().browser.sessions.begin({ issuer: 'x', subject: 'alice', roles: [] });
    const headers = { cookie: `__Host-sallyport=${session}` };
    expect((await browser.send(`${site().origin}/consent`, { method: 'GET', headers })).status).toBe(401);
  });

  it('knows the browser at one URL alone, for one submission, and for ten minutes', async () => {
    await open();
    const browser = new WebBrowser();
    const signIn = async (): Promise<WebPage> =>
      await browser.submit(await browser.open(`${site().origin}/consent?client=a`), 'Sign in with');
    const page = await signIn();
    const again = await browser.open(page.url);
    expect(again.status).toBe(200);
    expect((await browser.open(page.url.replace('client=a', 'client=b'))).status).toBe(401);
    expect((await browser.open(page.url.replace('/consent', '/login'))).text).not.toContain('alice');
    const { fields } = formOf(page, 'Agree');
    const elsewhere = { ...fields, csrf: proof(fields['continue'] as string, 'logout') };
    expect((await browser.post(`${site().origin}/logout`, elsewhere)).status).toBe(401);
    expect((await browser.submit(page, 'Agree')).text).toContain('done');
    expect((await browser.submit(again, 'Agree')).status).toBe(401);
    expect((await browser.open(page.url)).status).toBe(401);
    const late = await signIn();
    site().clock.nowMs += 10 * MINUTE;
    expect((await browser.submit(late, 'Agree')).status).toBe(401);
    expect(site().done).toHaveLength(1);
  });

  it('P2-02 does not finish what was begun over TLS, with the cookie of that browser out of sight', async () => {
    made.server = await openServer();
    made.people = await openPeopleProvider([`${made.server.origin.replace('http:', 'https:')}/oauth/callback`]);
    const isSecure = (request: { headers: Record<string, unknown> }): boolean => request.headers['x-tls'] === '1';
    made.site = openSite(made.server, { provider: providerAt(made.people), isSecure, isLocal: () => true });
    const browser = new WebBrowser();
    const tls = { 'x-tls': '1', origin: site().origin.replace('http:', 'https:') };
    const page = await browser.post(`${site().origin}/login`, { return: '/consent' }, tls);
    const state = /state=([\w-]{43})/.exec(page.text)?.[1] as string;
    const back = `${site().origin}/oauth/callback?code=x&state=${state}&iss=${made.people.issuer}`;
    expect((await browser.open(back)).status).toBe(403);
    expect(reasons(site())).toEqual(['other_browser']);
    expect(made.people.tokenRequests).toBe(0);
  });

  it('is known to others by its public URL, and takes forms of pages that were reached there', async () => {
    const attempts: string[] = [];
    const provider: Provider = {
      name: 'Test',
      authorizationUrl: async ({ redirectUri }) => {
        attempts.push(redirectUri);
        return new URL('https://id.test/');
      },
      redeem: () => Promise.reject(new Error('nobody comes back')),
      refreshTokenOf: () => undefined,
      renew: () => Promise.reject(new Error('nobody came')),
    };
    made.site = openSite(await openServer(), { provider, publicUrl: new URL('https://gateway.test/some/path') });
    const post = (origin: string): Promise<WebPage> =>
      new WebBrowser().post(`${site().origin}/login`, { return: '/consent' }, { origin });
    expect((await post('https://gateway.test')).status).toBe(200);
    expect((await post(site().origin)).status).toBe(200);
    expect((await post('https://gateway.test:8443')).status).toBe(403);
    expect(attempts).toEqual(Array(2).fill('https://gateway.test/oauth/callback'));
  });

  it('shows nothing to anybody who is not on this machine', async () => {
    made.site = openSite(await openServer(), { isLocal: () => false });
    const browser = new WebBrowser();
    for (const path of ['/login', '/consent', '/oauth/callback?state=x', `/login/${'A'.repeat(43)}`]) {
      const page = await browser.open(site().origin + path);
      expect([page.status, page.text.includes('Signing in needs HTTPS')], path).toEqual([403, true]);
    }
    expect((await browser.post(`${site().origin}/login`, { code: 'x' })).status).toBe(403);
    expect((await browser.post(`${site().origin}/consent`, {})).status).toBe(403);
  });
});

afterAll(() => {
  delete fixtures.certificate;
});
