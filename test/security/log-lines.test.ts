/** What strangers at the pages and at the authorization server write into the log, however often they come. */
import { expect, it } from 'vitest';
import { knock } from './support.ts';
import { openSite } from './web-site.ts';

const LINK = `/login/${'A'.repeat(43)}`;

it('of one address, kind and minute there is one line, and how many more there were', async () => {
  const site = await openSite('loopback');
  const { log } = site.started;
  const linesOf = (text: string): readonly unknown[] =>
    log.items.filter((line) => line.text === text).map(({ detail }) => detail['count'] ?? 1);
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const statuses = new Set<number>();
  for (let each = 0; each < 100; each++) {
    await knock(site.base + LINK);
    const body = `grant_type=refresh_token&client_id=sc_${'A'.repeat(22)}&refresh_token=x`;
    statuses.add((await knock(`${site.base}/oauth/token`, { method: 'POST', headers: form, body })).status);
  }
  expect(statuses).toEqual(new Set([401, 429]));
  expect([linesOf('browser: refused'), linesOf('authorization server: refused')]).toEqual([[1], [1]]);
  await site[Symbol.asyncDispose]();
  expect([linesOf('browser: refused'), linesOf('authorization server: refused')]).toEqual([
    [1, 99],
    [1, 99],
  ]);
});
