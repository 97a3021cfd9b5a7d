import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Principal } from '../exchange.ts';
import { openServer, openSite, MINUTE, type Site } from './testing/site.ts';
import { WebBrowser, type WebPage } from './testing/web-browser.ts';

const ALICE: Principal = { issuer: 'local', subject: 'alice', roles: ['dev'] };

describe('one-time codes', () => {
  const made: { site?: Site } = {};
  const site = (): Site => made.site as Site;
  const codes = (): Site['browser']['codes'] => site().browser.codes;
  const enter = async (code: string): Promise<WebPage> => {
    const browser = new WebBrowser();
    return await browser.submit(await browser.open(`${site().origin}/consent?a=b`), 'id="code"', { code });
  };
  beforeEach(async () => {
    made.site = openSite(await openServer());
  });
  afterEach(async () => {
    await made.site?.close();
  });

  it('stand for a principal once, on the page that asked', async () => {
    const { code } = await codes().create(ALICE);
    const page = await enter(`  ${code}\n`);
    expect([page.text.includes('You are alice, dev.'), page.url.includes('/consent?a=b&continue=')]).toEqual([
      true,
      true,
    ]);
    expect((await enter(code)).status).toBe(401);
    expect(site().events).toMatchObject([
      { kind: 'signed_in', by: 'code', principal: ALICE },
      { kind: 'refused', reason: 'bad_code' },
    ]);
  });

  it('are good for two minutes', async () => {
    const { code, expiresAtMs } = await codes().create(ALICE);
    expect(expiresAtMs).toBe(site().clock.nowMs + 2 * MINUTE);
    site().clock.nowMs = expiresAtMs;
    expect((await enter(code)).text).toContain('That code is not good');
  });

  it('can be opened as a link, which is not used up by a look and leads where it was made for', async () => {
    const { path } = await codes().create(ALICE, '/consent?x=y');
    const browser = new WebBrowser();
    await browser.open(site().origin + path);
    const page = await browser.submit(await browser.open(site().origin + path), 'Continue');
    expect([page.url.includes('/consent?x=y&continue='), page.text.includes('You are alice')]).toEqual([true, true]);
    const stray = await codes().create(ALICE, '/mcp');
    expect((await browser.submit(await browser.open(site().origin + stray.path), 'Continue')).status).toBe(401);
  });

  it('are stored as hashes', async () => {
    const { code } = await codes().create(ALICE);
    expect(JSON.stringify(await site().records.list())).not.toContain(code.slice(2));
  });

  it('ADM-03 100 wrong ones: 60 are tried, the rest are told to wait, and a good one still works', async () => {
    const statuses: (number | string)[] = [];
    for (let at = 0; at < 100; at++) {
      const page = await enter(`c-${String(at).padStart(43, '0')}`);
      const { 'retry-after': wait } = page.headers;
      statuses.push(wait === undefined ? page.status : `${page.status} after ${wait}`);
    }
    expect(statuses).toEqual([...Array<number>(60).fill(401), ...Array<string>(40).fill('429 after 60')]);
    const { code } = await codes().create(ALICE);
    expect((await enter(code)).text).toContain('You are alice');
  });

  it.each(['', 'c-', 'x', 'A'.repeat(43), `c-${'A'.repeat(44)}`, 'c-../../session', '\u0000'])(
    'know no %j',
    async (code) => {
      expect(await codes().take(code)).toBeUndefined();
    },
  );
});
