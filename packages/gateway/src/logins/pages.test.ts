/** What the page of a login link says, and where it leads. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { LinkPurpose } from '@sallyport/server/browser';
import { describe, expect, it } from 'vitest';
import type { Led } from './led.ts';
import { linkPayload } from './link.ts';
import { createLoginPages, type LoginPagesOptions } from './pages.ts';

type ConfirmedLink = Parameters<LinkPurpose['onConfirmed']>[0];

const login = (url: string, issuer: string): Parameters<typeof linkPayload>[2] => ({
  url,
  issuer,
  state: 's',
  expiresAtMs: 0,
  scopes: ['read'],
});

function pagesWith(
  browser: Partial<ReturnType<LoginPagesOptions['browser']>> = {},
  logins: Partial<LoginPagesOptions['logins']> = {},
  isAdmin = (): boolean => true,
  told: LoginPagesOptions['told'] = () => undefined,
): ReturnType<typeof createLoginPages> {
  return createLoginPages({
    logins: {
      bind: async () => undefined,
      isUnderWay: async () => true,
      ...logins,
    } as unknown as LoginPagesOptions['logins'],
    browser: () => browser as ReturnType<LoginPagesOptions['browser']>,
    mayLogInForAll: async () => isAdmin(),
    isSecure: () => false,
    isLocal: () => true,
    log: () => undefined,
    told,
    random: (bytes) => Buffer.alloc(bytes),
    unseal: (sealed) => sealed,
  });
}

const ADA = { issuer: 'local', subject: 'ada', roles: ['admin'] };
const confirmedBy = (payload: ReturnType<typeof linkPayload>): ConfirmedLink =>
  ({ payload, session: { principal: ADA } }) as unknown as ConfirmedLink;
const NOTHING = {} as ServerResponse;

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
    await purpose.onConfirmed(confirmedBy(payload), {} as IncomingMessage, NOTHING);
    expect(led).toEqual(['https://as.test/authorize', 'as.test']);
  });
});

describe('a login for the whole gateway', () => {
  it('P1-01 is begun and finished by whoever may give it at that moment', async () => {
    const [pages, finished]: [string[], string[]] = [[], []];
    const bound: { led?: Led } = {};
    const rights = { isAdmin: true };
    const told: string[] = [];
    const made = pagesWith(
      { leave: () => void pages.push('left'), page: (_response, { title }) => void pages.push(title) },
      {
        bind: async (_login, led) => void (bound.led = led),
        boundTo: async () => bound.led,
        ownerOf: async () => ({ server: 'up', owner: undefined }),
        finish: async (parameters, below) => {
          finished.push([parameters.get('state'), below].join(' '));
          return { server: 'up' };
        },
      },
      () => rights.isAdmin,
      ({ kind, server, who }) => void told.push(`${kind} ${server} ${who?.subject ?? 'user'}`),
    );
    const payload = linkPayload('up', true, login('https://as.test/authorize', 'https://as.test'), (text) => text);
    const leave = async (): Promise<void> =>
      await made.purpose.onConfirmed(confirmedBy(payload), {} as IncomingMessage, NOTHING);
    const back = async (): Promise<boolean> =>
      await made.comeBack({ method: 'GET', url: '/oauth/callback/abc?state=s&code=c' } as IncomingMessage, NOTHING);
    await leave();
    expect(bound.led).toEqual({ who: ADA });
    rights.isAdmin = false;
    expect(await back()).toBe(true);
    await leave();
    const refused = 'This login is not yours to give';
    expect([pages.splice(0), finished]).toEqual([['left', refused, refused], []]);
    // The user of this machine needs no role.
    bound.led = {};
    await back();
    expect([pages, finished]).toEqual([['You are logged in'], ['s abc']]);
    expect(told).toEqual(['begin up ada', 'refuse up ada', 'refuse up ada', 'complete up user']);
  });
});
