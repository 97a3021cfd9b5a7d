/** Browser sign-in through the whole gateway: what ties it to a browser, its cookies, their end, and forms. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { formOf, WebBrowser, type WebPage } from '../../packages/server/src/browser/testing/web-browser.ts';
import { approve, authorizeUrl, CALLBACK, obtain, openSite, register, toConsent, type Site } from './web-site.ts';
import { ask, askList, MCP_HEADERS } from './web-support.ts';

const SESSION = '__Host-sallyport';
const SIGN_IN = '__Host-sallyport-sign-in';
const MINUTE = 60_000;

/** Stands still, but for the tests that move it. */
const clock = { startMs: Date.now(), offsetMs: 0 };
const at: { site?: Site; clientId?: string } = {};
const site = (): Site => at.site as Site;

beforeAll(async () => {
  at.site = await openSite('tls', {
    auth: { browser: { idle: '2m', absolute: '5m', rotate: '1m' } },
    now: () => clock.startMs + clock.offsetMs,
  });
  at.clientId = await register(site());
});
afterAll(async () => await at.site?.[Symbol.asyncDispose]());
afterEach(() => {
  clock.offsetMs = 0;
  site().people.person = { subject: 'alice' };
});

const browser = (): WebBrowser => new WebBrowser(site().ca);
const url = (path: string): string => `${site().base}${path}`;
const sessionOf = (web: WebBrowser): string | undefined => web.cookie(site().base, SESSION);

/** Signed in by way of the sign-in page. */
async function signedIn(web: WebBrowser = browser()): Promise<WebBrowser> {
  const page = await web.submit(await web.open(url('/login')), 'Sign in with');
  expect(page.text).toContain('You are signed in');
  return web;
}

/** 200 for a browser that is known, 401 for one that is to sign in. */
async function statusOf(web: WebBrowser): Promise<number> {
  return (await web.open(authorizeUrl(site(), at.clientId as string).url)).status;
}

/** What somebody gets who has a session's cookie. */
async function statusWith(cookie: string | undefined): Promise<number> {
  const { status } = await ask(authorizeUrl(site(), at.clientId as string).url, {
    headers: { cookie: `${SESSION}=${cookie}` },
    with: { ca: site().ca as string },
  });
  return status;
}

describe('coming back from the provider', () => {
  /** As far as the URL that the provider sends the browser to. */
  const toCallback = async (web: WebBrowser): Promise<string> => {
    const login = await web.open(url('/login'));
    const { url: callback } = await web.submit(login, 'Sign in with', {}, (each) =>
      each.startsWith(url('/oauth/callback')),
    );
    return callback;
  };
  const changed = (callback: string, state: string | undefined): string => {
    const next = new URL(callback);
    if (state === undefined) next.searchParams.delete('state');
    else next.searchParams.set('state', state);
    return next.href;
  };

  const cases: readonly (readonly [string, (web: WebBrowser, callback: string) => Promise<WebPage>])[] = [
    ['without a state', async (web, callback) => await web.open(changed(callback, undefined))],
    ['with a state that is none', async (web, callback) => await web.open(changed(callback, 'x'.repeat(43)))],
    [
      'after eleven minutes',
      async (web, callback) => {
        clock.offsetMs = 11 * MINUTE;
        return await web.open(callback);
      },
    ],
    ['in another browser', async (_web, callback) => await browser().open(callback)],
    [
      'in another browser that has a sign-in of its own under way',
      async (_web, callback) => {
        const other = browser();
        await toCallback(other);
        return await other.open(callback);
      },
    ],
  ];

  it.each(cases)('P2-02 %s nobody is signed in, and the provider is asked nothing', async (_name, come) => {
    const web = browser();
    const callback = await toCallback(web);
    const before = site().people.tokenRequests;
    const page = await come(web, callback);
    expect(page.status).toBe(403);
    expect(site().people.tokenRequests).toBe(before);
    expect(sessionOf(web)).toBeUndefined();
  });

  it('P2-02 a second time with the same state nobody is signed in, and the provider is asked nothing', async () => {
    const web = browser();
    const callback = await toCallback(web);
    const begun = web.cookie(site().base, SIGN_IN) as string;
    expect((await web.open(callback)).text).toContain('You are signed in');
    const before = site().people.tokenRequests;
    expect((await web.open(callback)).status).toBe(403);
    // Nor with the cookie of the sign-in, which was taken away.
    web.plant(site().base, SIGN_IN, begun);
    expect((await web.open(callback)).status).toBe(403);
    expect(site().people.tokenRequests).toBe(before);
  });
});

describe('cookies', () => {
  it('P2-03 are HttpOnly, Secure, SameSite and __Host-, every one of them', async () => {
    const web = await signedIn();
    await approve(web, await toConsent(web, authorizeUrl(site(), at.clientId as string).url));
    await web.submit(await web.open(url('/login')), 'Sign out');
    const own = web.cookiesSet.filter((each) => each.url.startsWith(site().base));
    expect(own.length).toBeGreaterThan(2);
    for (const { text } of own) {
      const [pair = '', ...attributes] = text.split('; ');
      expect(pair).toMatch(/^__Host-sallyport(?:-sign-in)?=/);
      expect(attributes.filter((each) => !each.startsWith('Max-Age='))).toEqual([
        'Path=/',
        'Secure',
        'HttpOnly',
        'SameSite=Lax',
      ]);
    }
  });

  it('DSA-13 are no credential on any MCP or admin path, and none is set there', async () => {
    const web = await signedIn();
    const cookie = `${SESSION}=${sessionOf(web)}`;
    expect(await statusWith(sessionOf(web))).toBe(200);
    const upgrade = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    };
    const ca = { ca: site().ca as string };
    const answers = [
      await askList(url('/mcp'), { headers: { cookie }, with: ca }),
      await askList(url('/mcp/s/up'), { headers: { cookie, origin: site().base }, with: ca }),
      await ask(url('/mcp'), { headers: { cookie, accept: 'text/event-stream' }, with: ca }),
      await ask(url('/mcp'), { headers: { cookie, ...upgrade, origin: site().base }, with: ca }),
      await ask(url('/sse'), { headers: { cookie, accept: 'text/event-stream' }, with: ca }),
      await ask(url('/messages?sessionId=x'), {
        method: 'POST',
        body: '{}',
        headers: { ...MCP_HEADERS, cookie },
        with: ca,
      }),
      await ask(url('/api/v1/system'), { headers: { cookie }, with: ca }),
      await ask(url('/metrics'), { headers: { cookie }, with: ca }),
    ];
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 401));
    expect(answers.flatMap(({ headers }) => headers['set-cookie'] ?? [])).toEqual([]);
  });
});

describe('a session', () => {
  it('P2-04 gets a new id at the sign-in, whatever cookie was there', async () => {
    const attacker = await signedIn();
    const planted = sessionOf(attacker) as string;
    const victim = browser();
    victim.plant(site().base, SESSION, planted);
    site().people.person = { subject: 'victim' };
    // The page says who is signed in already; a form of it signs somebody else in.
    await victim.submit(await browser().open(url('/login')), 'Sign in with');
    expect(sessionOf(victim)).not.toBe(planted);
    expect(await statusWith(planted)).toBe(401);
    expect(await statusOf(victim)).toBe(200);
    const invented = browser();
    invented.plant(site().base, SESSION, 'A'.repeat(86));
    await signedIn(invented);
    expect(sessionOf(invented)).not.toBe('A'.repeat(86));
  });

  it('P2-04 ends when the same person signs in with other rights', async () => {
    site().people.person = { subject: 'carol', groups: ['eng'] };
    const [one, other] = [await signedIn(), await signedIn()];
    expect([await statusOf(one), await statusOf(other)]).toEqual([200, 200]);
    site().people.person = { subject: 'carol', groups: [] };
    const third = await signedIn();
    expect([await statusOf(one), await statusOf(other), await statusOf(third)]).toEqual([401, 401, 200]);
  });

  it('P2-04 gets a new id at intervals, and ends when the old one is shown again', async () => {
    const web = await signedIn();
    const first = sessionOf(web);
    clock.offsetMs = MINUTE + 1000;
    expect(await statusOf(web)).toBe(200);
    const second = sessionOf(web);
    expect(second).not.toBe(first);
    expect(await statusWith(second)).toBe(200);
    clock.offsetMs += MINUTE / 2;
    expect(await statusWith(first)).toBe(401);
    expect(await statusWith(second)).toBe(401);
  });

  it('P2-05 ends when it is not used', async () => {
    const web = await signedIn();
    clock.offsetMs = 2 * MINUTE - 1000;
    expect(await statusOf(web)).toBe(200);
    clock.offsetMs = 4 * MINUTE - 3000;
    expect(await statusOf(web)).toBe(200);
    const idle = await signedIn();
    clock.offsetMs += 2 * MINUTE;
    expect(await statusOf(idle)).toBe(401);
  });

  it('P2-05 ends after its time however busy it is', async () => {
    const web = await signedIn();
    for (const seconds of [60, 120, 180, 240, 298]) {
      clock.offsetMs = seconds * 1000;
      expect(await statusOf(web), `${seconds} s`).toBe(200);
    }
    clock.offsetMs = 5 * MINUTE;
    expect(await statusOf(web)).toBe(401);
  });

  it('P2-05 ends at once when the person signs out', async () => {
    const web = await signedIn();
    const cookie = sessionOf(web);
    const page = await web.submit(await web.open(url('/login')), 'Sign out');
    expect(page.text).toContain('You are signed out');
    expect(sessionOf(web)).toBeUndefined();
    expect(await statusWith(cookie)).toBe(401);
  });
});

describe('a form', () => {
  type Submit = (web: WebBrowser, form: ReturnType<typeof formOf>) => Promise<WebPage>;
  const without = ({ fields }: ReturnType<typeof formOf>): Record<string, string> => {
    const { csrf: _csrf, ...rest } = fields;
    return rest;
  };
  const OWN = { 'content-type': 'application/x-www-form-urlencoded' };
  const body = (fields: Readonly<Record<string, string>>): string => new URLSearchParams(fields).toString();
  const raw = async (web: WebBrowser, form: ReturnType<typeof formOf>, more: object): Promise<WebPage> =>
    await web.send(form.action, {
      method: 'POST',
      headers: { ...OWN, origin: site().base, 'sec-fetch-site': 'same-origin', ...more },
      body: body({ ...form.fields, decision: 'approve' }),
    });

  const wrong: readonly (readonly [string, Submit, readonly number[]])[] = [
    ['without its token', (web, form) => web.post(form.action, { ...without(form), decision: 'approve' }), [403]],
    [
      'with a wrong token',
      (web, form) => web.post(form.action, { ...form.fields, csrf: 'A'.repeat(43), decision: 'approve' }),
      [403],
    ],
    [
      'with the token of another session',
      async (web, form) => {
        const other = await signedIn();
        const theirs = formOf(await other.open(authorizeUrl(site(), at.clientId as string).url), 'approve');
        return await web.post(form.action, { ...form.fields, csrf: theirs.fields['csrf'] ?? '', decision: 'approve' });
      },
      [403],
    ],
    [
      'with the token of the page that signs out',
      async (web, form) => {
        const { fields } = formOf(await web.open(url('/login')), 'Sign out');
        return await web.post(form.action, { ...form.fields, csrf: fields['csrf'] ?? '', decision: 'approve' });
      },
      [403],
    ],
    [
      'from another site',
      (web, form) => raw(web, form, { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }),
      [403],
    ],
    ['from a page below', (web, form) => raw(web, form, { 'sec-fetch-site': 'same-site' }), [403]],
    ['from nowhere', (web, form) => raw(web, form, { origin: 'null' }), [403]],
    ['as text', (web, form) => raw(web, form, { 'content-type': 'text/plain' }), [403, 415]],
    ['as JSON', (web, form) => raw(web, form, { 'content-type': 'application/json' }), [403, 415]],
    [
      'by GET',
      (web, form) =>
        web.send(`${form.action}&${body({ ...form.fields, decision: 'approve' })}`, { method: 'GET', headers: {} }),
      [200, 400],
    ],
  ];

  it.each(wrong)('P2-06 that is sent %s changes nothing', async (_name, submit, statuses) => {
    const web = await signedIn();
    const form = formOf(await web.open(authorizeUrl(site(), at.clientId as string).url), 'approve');
    const approvals = (): number =>
      site().started.log.items.filter(({ text }) => text === 'authorization server: approved').length;
    const before = approvals();
    const page = await submit(web, form);
    expect(statuses).toContain(page.status);
    expect([page.headers['location'], page.text.includes(CALLBACK) && page.text.includes('code=')]).toEqual([
      undefined,
      false,
    ]);
    expect(approvals()).toBe(before);
    // As it was filled in it is good, so it was nothing else that was wrong.
    const good = await web.post(form.action, { ...form.fields, decision: 'approve' });
    expect([good.status, approvals()]).toEqual([200, before + 1]);
  });

  it('P2-06 to sign out is no different', async () => {
    const web = await signedIn();
    const form = formOf(await web.open(url('/login')), 'Sign out');
    for (const submit of [
      () => web.post(form.action, without(form)),
      () => web.send(form.action, { method: 'GET', headers: {} }),
      () =>
        web.send(form.action, {
          method: 'POST',
          headers: { ...OWN, origin: 'https://evil.example' },
          body: body(form.fields),
        }),
    ]) {
      expect([403, 405]).toContain((await submit()).status);
      expect(await statusOf(web)).toBe(200);
    }
  });
});

describe('on plain loopback', () => {
  it('no cookie is set and none is read: a sign-in holds for one page and one submission', async () => {
    await using plain = await openSite('loopback');
    const web = new WebBrowser();
    const clientId = await register(plain);
    const wanted = authorizeUrl(plain, clientId);
    const consent = await toConsent(web, wanted.url);
    expect(consent.status).toBe(200);
    expect(web.cookiesSet.filter((each) => each.url.startsWith(plain.base))).toEqual([]);
    const form = formOf(consent, 'approve');
    expect((await new WebBrowser().open(wanted.url)).status).toBe(401);
    await approve(web, consent);
    const again = await web.post(form.action, { ...form.fields, decision: 'approve' });
    expect(again.status).toBe(401);
    expect((await web.open(wanted.url)).status).toBe(401);
    expect((await obtain(plain, web, { clientId })).access_token).toMatch(/^sat_/);
  });

  it.each([
    ['x-forwarded-for', '192.0.2.1'],
    ['forwarded', 'for=192.0.2.1;proto=https'],
    ['via', '1.1 proxy'],
  ])('nobody can sign in through a proxy that is not named (%s)', async (name, value) => {
    await using plain = await openSite('loopback');
    const { body: text, headers, status } = await ask(`${plain.base}/login`, { headers: { [name]: value } });
    expect(status).toBe(403);
    expect(headers['set-cookie']).toBeUndefined();
    expect(text).not.toContain('Sign in with');
  });
});
