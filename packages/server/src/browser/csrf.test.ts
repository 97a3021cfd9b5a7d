import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Principal } from '../exchange.ts';
import { createCertificate, openServer, openSite, type Certificate, type Site } from './testing/site.ts';
import { formOf, WebBrowser, type WebPage } from './testing/web-browser.ts';
import { proof } from './tokens.ts';
import type { RefusalReason } from './types.ts';

const fixtures: { certificate?: Certificate } = {};
beforeAll(() => {
  fixtures.certificate = createCertificate();
});

describe.each(['tls', 'loopback'] as const)('a form, %s', (kind) => {
  const made: { site?: Site } = {};
  const site = (): Site => made.site as Site;
  const url = (): string => `${site().origin}/consent`;
  const signedIn = async (subject: string): Promise<{ browser: WebBrowser; page: WebPage }> => {
    const browser = new WebBrowser(kind === 'tls' ? fixtures.certificate?.cert : undefined);
    const principal: Principal = { issuer: 'local', subject, roles: [] };
    const { code } = await site().browser.codes.create(principal);
    return { browser, page: await browser.submit(await browser.open(url()), 'id="code"', { code }) };
  };
  const refused = (): RefusalReason[] =>
    site().events.flatMap((event) => (event.kind === 'refused' ? [event.reason] : []));

  beforeEach(async () => {
    made.site = openSite(await openServer(kind === 'tls' ? fixtures.certificate : undefined));
  });
  afterEach(async () => {
    await made.site?.close();
  });

  it('P2-06 is refused without the token, with a wrong one, and with the one of another purpose', async () => {
    const { browser, page } = await signedIn('alice');
    const { fields } = formOf(page, 'Agree');
    const { csrf = '', ...others } = fields;
    const changed = csrf.slice(0, -1) + (csrf.endsWith('A') ? 'B' : 'A');
    const ofAnother =
      kind === 'tls'
        ? (formOf(await browser.open(`${site().origin}/login`), 'Sign out').fields['csrf'] as string)
        : proof(fields['continue'] as string, 'logout');
    const wrong = [others, ...['', changed, `${csrf}A`, ofAnother].map((each) => ({ ...fields, csrf: each }))];
    for (const form of wrong) {
      expect((await browser.post(url(), form)).status).toBe(403);
    }
    expect(refused()).toEqual(Array(5).fill('bad_csrf'));
    expect(site().done).toEqual([]);
    expect((await browser.post(url(), fields)).status).toBe(200);
  });

  it('P2-06 is refused with the token of another session', async () => {
    const [alice, bob] = [await signedIn('alice'), await signedIn('bob')];
    const [own, others] = [formOf(alice.page, 'Agree').fields, formOf(bob.page, 'Agree').fields];
    const answer = await alice.browser.post(url(), { ...own, csrf: others['csrf'] as string });
    expect([answer.status, site().done]).toEqual([403, []]);
  });

  it('P2-06 is refused when another site, or nobody, is said to have sent it', async () => {
    const { browser, page } = await signedIn('alice');
    const { fields } = formOf(page, 'Agree');
    const stranger = [
      { origin: 'https://evil.test' },
      { origin: 'null' },
      { origin: '' },
      { origin: site().origin.replace(/:\d+$/, ':1') },
      { origin: `${site().origin}.evil.test` },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'none' },
    ];
    for (const headers of stranger) expect((await browser.post(url(), fields, headers as never)).status).toBe(403);
    const silent = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = new URLSearchParams(fields).toString();
    expect((await browser.send(url(), { method: 'POST', headers: silent, body })).status).toBe(403);
    expect(refused()).toEqual(Array(stranger.length + 1).fill('cross_site'));
    expect(site().done).toEqual([]);
  });

  it('P2-06 is refused as text, in parts, as JSON, compressed, too large, and with a name twice', async () => {
    const { browser, page } = await signedIn('alice');
    const { fields } = formOf(page, 'Agree');
    const form = new URLSearchParams(fields).toString();
    const send = async (type: string, body: string, more: Record<string, string> = {}): Promise<number> => {
      const own = { origin: site().origin, 'sec-fetch-site': 'same-origin', 'content-type': type, ...more };
      return (await browser.send(url(), { method: 'POST', headers: own, body })).status;
    };
    const URLENCODED = 'application/x-www-form-urlencoded';
    expect(await send('text/plain', form)).toBe(415);
    expect(await send('', form)).toBe(415);
    expect(await send('application/json', JSON.stringify(fields))).toBe(415);
    expect(await send(`${URLENCODED}; charset=utf-16`, form)).toBe(415);
    const parts = Object.entries(fields).map(
      ([name, value]) => `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
    );
    expect(await send('multipart/form-data; boundary=x', `${parts.join('')}--x--`)).toBe(415);
    expect(await send(URLENCODED, form, { 'content-encoding': 'gzip' })).toBe(415);
    // JSON under the name of a form is one strange field, in which no token stands.
    expect([401, 403]).toContain(await send(URLENCODED, JSON.stringify(fields)));
    expect(await send(URLENCODED, `${form}&csrf=${fields['csrf']}`)).toBe(400);
    expect(await send(URLENCODED, Buffer.from([0x61, 0x3d, 0xff]).toString('latin1') + '\ufffd'.repeat(70_000))).toBe(
      413,
    );
    expect(site().done).toEqual([]);
    expect(await send(`${URLENCODED}; charset=UTF-8`, form)).toBe(200);
  });

  it('P2-06 GET changes nothing, and what only POST does answers 405', async () => {
    const { browser, page } = await signedIn('alice');
    const { fields } = formOf(page, 'Agree');
    await browser.open(`${url()}?${new URLSearchParams({ ...fields, what: 'x' }).toString()}`);
    expect(site().done).toEqual([]);
    const { code } = await site().browser.codes.create({ issuer: 'local', subject: 'bob', roles: [] });
    for (let at = 0; at < 3; at++) expect((await browser.open(`${site().origin}/login/${code}`)).status).toBe(200);
    expect(await site().browser.codes.take(code)).toMatchObject({ principal: { subject: 'bob' } });
    const out = await browser.open(`${site().origin}/logout`);
    expect([out.status, out.headers.allow]).toEqual([405, 'POST']);
    expect((await browser.post(`${site().origin}/oauth/callback`, {})).status).toBe(405);
    expect((await browser.send(`${site().origin}/login`, { method: 'PUT', headers: {} })).status).toBe(405);
    expect((await browser.open(page.url)).status).toBe(200);
  });

  it('P2-06 is not accepted by a session that ended meanwhile', async () => {
    const { browser, page } = await signedIn('alice');
    site().clock.nowMs += 31 * 60_000;
    expect((await browser.submit(page, 'Agree')).status).toBe(401);
    expect([refused(), site().done]).toEqual([['no_session'], []]);
  });
});
