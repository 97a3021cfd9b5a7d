/** What the page of a login link says, and where it leads. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { linkPayload } from './link.ts';
import { createLoginPages, type LoginPagesOptions } from './pages.ts';

const login = (url: string, issuer: string): Parameters<typeof linkPayload>[2] => ({
  url,
  issuer,
  state: 's',
  expiresAtMs: 0,
  scopes: ['read'],
});

function pagesWith(
  browser: Partial<ReturnType<LoginPagesOptions['browser']>> = {},
): ReturnType<typeof createLoginPages> {
  return createLoginPages({
    logins: { bind: async () => undefined, isUnderWay: async () => true } as unknown as LoginPagesOptions['logins'],
    browser: () => browser as ReturnType<LoginPagesOptions['browser']>,
    isSecure: () => false,
    isLocal: () => true,
    log: () => undefined,
    random: (bytes) => Buffer.alloc(bytes),
    unseal: (sealed) => sealed,
  });
}

/** Its markup. */
function said(payload: ReturnType<typeof linkPayload>): string {
  const { action, body } = pagesWith().purpose.describe(payload, { issuer: 'local', subject: 'alice', roles: [] });
  const [made] = Object.getOwnPropertySymbols(body);
  return `${String(Reflect.get(body, made as symbol))} ${action}`;
}

describe('the page of a login link', () => {
  it('UPS-04 UPS-11 names who is logged in at, and who gets the answer where that is somebody else', () => {
    const own = said(
      linkPayload('up', false, login('https://as.test/authorize', 'https://as.test/tenant'), (text) => text),
    );
    expect(own).toMatch(/a login at <strong>as\.test<\/strong>\.[^]*Go on to as\.test$/);
    const other = linkPayload('up', false, login('https://as.test/authorize', 'https://evil.test'), (text) => text);
    expect(said(other)).toMatch(
      /a login at <strong>as\.test<\/strong>, whose answer goes to <strong>evil\.test<\/strong>\.[^]*Go on to as\.test$/,
    );
  });

  it('leads where it says', async () => {
    const led: unknown[] = [];
    const { purpose } = pagesWith({ leave: (_response, url, name) => void led.push(url.href, name) });
    const payload = linkPayload('up', false, login('https://as.test/authorize', 'https://evil.test'), (text) => text);
    const confirmed = { payload } as Parameters<typeof purpose.onConfirmed>[0];
    await purpose.onConfirmed(confirmed, {} as IncomingMessage, {} as ServerResponse);
    expect(led).toEqual(['https://as.test/authorize', 'as.test']);
  });
});
