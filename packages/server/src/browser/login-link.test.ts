import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { principalKey, type Principal } from '../exchange.ts';
import { html } from './html.ts';
import { createCertificate, MINUTE, openServer, openSite, type Certificate, type Site } from './testing/site.ts';
import { formOf, WebBrowser, type WebPage } from './testing/web-browser.ts';
import type { LinkPurpose } from './types.ts';

const ALICE: Principal = { issuer: 'local', subject: 'alice', roles: [] };
const BOB: Principal = { issuer: 'local', subject: 'bob', roles: [] };

const fixtures: { certificate?: Certificate } = {};
beforeAll(() => {
  fixtures.certificate = createCertificate();
});

describe.each(['tls', 'loopback'] as const)('login links, %s', (kind) => {
  const made: { site?: Site; confirmed: unknown[] } = { confirmed: [] };
  const site = (): Site => made.site as Site;
  const upstream: LinkPurpose = {
    describe: (payload) => ({
      title: 'Connect a server',
      body: html`<p>Connect ${payload as string}?</p>`,
      action: 'Connect',
    }),
    onConfirmed: ({ payload, session }, _request, response) => {
      made.confirmed.push([payload, session.principal.subject]);
      site().browser.leave(response, new URL('https://upstream.test/authorize?a=b&c=d'), 'Upstream');
    },
  };
  const browserOf = (): WebBrowser => new WebBrowser(kind === 'tls' ? fixtures.certificate?.cert : undefined);
  const linkFor = async (principal: Principal, purpose = 'upstream'): Promise<string> =>
    site().origin + ((await site().browser.links.create(principalKey(principal), purpose, 'issues <b>')) as string);
  const openAs = async (principal: Principal, url: string, browser = browserOf()): Promise<WebPage> => {
    const page = await browser.open(url);
    if (!page.text.includes('id="code"')) return page;
    const { code } = await site().browser.codes.create(principal);
    return await browser.submit(page, 'id="code"', { code });
  };
  const toUpstream = (url: string): boolean => url.startsWith('https://upstream.test');

  beforeEach(async () => {
    made.confirmed = [];
    made.site = openSite(await openServer(kind === 'tls' ? fixtures.certificate : undefined), {
      purposes: { upstream },
    });
  });
  afterEach(async () => {
    await made.site?.close();
  });

  it('say what they are about to the caller they were made for, and do it once when agreed', async () => {
    const url = await linkFor(ALICE);
    const browser = browserOf();
    const page = await openAs(ALICE, url, browser);
    expect(page.text).toMatch(/Connect issues &lt;b&gt;\?[\s\S]*alice/);
    expect(made.confirmed).toEqual([]);
    expect((await browser.submit(page, 'Connect', {}, toUpstream)).url).toBe('https://upstream.test/authorize?a=b&c=d');
    expect(made.confirmed).toEqual([['issues <b>', 'alice']]);
    expect([401, 404]).toContain((await browser.submit(page, 'Connect', {}, toUpstream)).status);
    expect((await browser.open(url)).status).toBe(404);
    expect(made.confirmed).toHaveLength(1);
  });

  it('are for nobody else, and do not tell whom they are for', async () => {
    const url = await linkFor(ALICE);
    const browser = browserOf();
    const page = await openAs(BOB, url, browser);
    expect([page.status, page.text.includes('This link is not for you')]).toEqual([403, true]);
    expect(page.text).not.toMatch(/alice|issues/);
    // Nor with the form of a link of one's own.
    const own = await openAs(BOB, await linkFor(BOB), browser);
    const { fields } = formOf(own, 'Connect');
    const forged = await browser.post(url, fields);
    expect([401, 403]).toContain(forged.status);
    expect(made.confirmed).toEqual([]);
    expect((await openAs(ALICE, url)).text).toContain('Connect issues');
  });

  it('end after ten minutes', async () => {
    const url = await linkFor(ALICE);
    site().clock.nowMs += 10 * MINUTE;
    expect((await browserOf().open(url)).status).toBe(404);
  });

  it('are unknown when their purpose is, or when they were never made', async () => {
    for (const url of [await linkFor(ALICE, 'toString'), `${site().origin}/login/${'A'.repeat(43)}`]) {
      expect((await browserOf().open(url)).status).toBe(404);
    }
    expect(site().browser.route('/login/x')).toBeUndefined();
  });

  it('are taken by one of two who agree at once, and only for their principal', async () => {
    const state = (await linkFor(ALICE)).split('/').at(-1) as string;
    const { links } = site().browser;
    expect(await links.take(state, BOB)).toBeUndefined();
    expect(await links.take(state, { ...ALICE, issuer: 'https://id.test' })).toBeUndefined();
    const taken = await Promise.all([links.take(state, ALICE), links.take(state, ALICE)]);
    expect(taken.filter((each) => each !== undefined)).toMatchObject([{ payload: 'issues <b>' }]);
  });

  it('are not made without end for one caller', async () => {
    const { links } = site().browser;
    for (let at = 0; at < 60; at++) await linkFor(ALICE);
    expect(await links.create(principalKey(ALICE), 'upstream', 'x')).toBeUndefined();
    expect(await links.create(principalKey(BOB), 'upstream', 'x')).toMatch(/^\/login\/[\w-]{43}$/);
    site().clock.nowMs += MINUTE;
    expect(await links.create(principalKey(ALICE), 'upstream', 'x')).toBeDefined();
  });

  it('answer 500 without a reason when what was agreed to fails', async () => {
    const failing = openSite(await openServer(kind === 'tls' ? fixtures.certificate : undefined), {
      purposes: { upstream: { ...upstream, onConfirmed: () => Promise.reject(new Error('secret detail')) } },
    });
    const browser = browserOf();
    const path = (await failing.browser.links.create(principalKey(ALICE), 'upstream', 'x')) as string;
    const { code } = await failing.browser.codes.create(ALICE);
    const page = await browser.submit(await browser.open(failing.origin + path), 'id="code"', { code });
    const answer = await browser.submit(page, 'Connect');
    await failing.close();
    expect([answer.status, answer.text.includes('secret')]).toEqual([500, false]);
    expect(failing.events.at(-1)).toMatchObject({ kind: 'failed', detail: 'secret detail' });
  });
});
