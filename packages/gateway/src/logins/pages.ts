/**
 * The pages of a login at a server: what a login link asks, and where a browser comes back to. Whoever agreed to the link
 * is the one who must come back: over TLS a cookie tells, on plain loopback no more than that it is this machine. What the
 * authorization server says of an error is shown to nobody. Loaded with the other pages for people.
 */

import { hash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '@sallyport/server';
import { html, type BrowserIdentity, type LinkPurpose, type PageContent } from '@sallyport/server/browser';
import type { JsonValue } from '@sallyport/wire';
import type { Sealing } from '../round.ts';
import type { Logins } from './index.ts';
import type { Led } from './led.ts';
import { CALLBACK_PATH, linkFacts, loginIn, type LinkFacts } from './link.ts';
import type { Log, LoginEvent } from './types.ts';

/** Of the browser that left for an authorization server. `__Host-`: set over TLS only, and for this host alone. */
const COOKIE = '__Host-sallyport-upstream';
const COOKIE_SECONDS = 600;
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

export interface LoginPagesOptions extends Pick<Sealing, 'unseal'> {
  readonly logins: Pick<Logins, 'bind' | 'boundTo' | 'finish' | 'isUnderWay' | 'ownerOf'>;
  readonly browser: () => Pick<BrowserIdentity, 'leave' | 'page'>;
  /** Whether somebody may log in for the whole gateway, at this moment. */
  readonly mayLogInForAll: (principal: Principal) => Promise<boolean>;
  /** Over TLS, to us or to a trusted proxy that says so. */
  readonly isSecure: (request: IncomingMessage) => boolean;
  /** Made on this machine, straight to the listener. */
  readonly isLocal: (request: IncomingMessage) => boolean;
  readonly log: Log;
  /** For the audit. */
  readonly told: (event: LoginEvent) => void;
  readonly random: (bytes: number) => Buffer;
}

export interface LoginPages {
  readonly purpose: LinkPurpose;
  /** False: nothing of a login at a server came back, and nothing was answered. */
  comeBack(request: IncomingMessage, response: ServerResponse): Promise<boolean>;
}

export function createLoginPages(options: LoginPagesOptions): LoginPages {
  return {
    purpose: {
      describe: (payload) => question(payload),
      onConfirmed: async ({ payload, session }, request, response) =>
        await leave({ facts: linkFacts(payload), who: session.principal }, request, response, options),
    },
    comeBack: async (request, response) => await comeBack(request, response, options),
  };
}

function question(payload: JsonValue): ReturnType<LinkPurpose['describe']> {
  const { forAll, host, issuer, scopes, server } = linkFacts(payload);
  const named = new URL(issuer).host;
  const other = named !== host && html`, whose answer goes to <strong>${named}</strong>`;
  const asked =
    scopes.length === 0
      ? html`<p>It decides itself what this gateway may do there.</p>`
      : html`<p>The gateway asks for:</p>
          <ul>
            ${scopes.map((scope) => html`<li><code>${scope}</code></li>`)}
          </ul>`;
  const whose = forAll
    ? 'Everybody who may use this server through this gateway will use it as the account that you log in with.'
    : 'The gateway then uses the server for you alone, as the account that you log in with.';
  return {
    title: `Log in for ${server}`,
    body: html`<p>The server <strong>${server}</strong> wants a login at <strong>${host}</strong>${other}.</p>
      ${asked}
      <p>${whose}</p>`,
    action: `Go on to ${host}`,
  };
}

interface Leaving {
  readonly facts: LinkFacts;
  readonly who: Principal;
}

async function leave(
  { facts, who }: Leaving,
  request: IncomingMessage,
  response: ServerResponse,
  { browser, isSecure, logins, mayLogInForAll, random, told, unseal }: LoginPagesOptions,
): Promise<void> {
  const owner = facts.forAll ? undefined : who;
  if (facts.forAll && !(await mayLogInForAll(who))) {
    told({ kind: 'refuse', server: facts.server, who, owner, reason: 'It is for the whole gateway.' });
    return browser().page(response, NOT_FOR_ALL);
  }
  const login = loginIn(facts, unseal);
  if (login === undefined || !(await logins.isUnderWay(login.state))) return browser().page(response, OVER);
  if (isSecure(request)) {
    // One for all logins of this browser, so that two at a time do not end each other.
    const token = cookieOf(request) ?? random(32).toString('base64url');
    response.setHeader('set-cookie', [
      ...[response.getHeader('set-cookie') ?? []].flat().map(String),
      `${COOKIE}=${token}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${COOKIE_SECONDS}`,
    ]);
    await logins.bind(login, { browser: digest(token), who });
  } else {
    await logins.bind(login, { who });
  }
  told({ kind: 'begin', server: facts.server, who, owner });
  browser().leave(response, new URL(login.url), facts.host);
}

async function comeBack(
  request: IncomingMessage,
  response: ServerResponse,
  options: LoginPagesOptions,
): Promise<boolean> {
  const { browser, isLocal, isSecure, log, logins, told } = options;
  if (request.method !== 'GET' || !(isSecure(request) || isLocal(request))) return false;
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://own');
  const state = onlyState(searchParams);
  const found = await logins.ownerOf(state);
  if (found === undefined) return false;
  const { owner, server } = found;
  const led = await logins.boundTo(state);
  const refuse = (reason: string, page: PageContent): true => {
    log('warn', 'a login at a server failed', { server, error: reason });
    told({ kind: 'refuse', server, owner, who: led?.who, reason });
    browser().page(response, page);
    return true;
  };
  try {
    const refusal = await refusalOf(request, { isForAll: owner === undefined, led }, options);
    if (refusal !== undefined) return refuse(...refusal);
    await logins.finish(searchParams, pathname.slice(CALLBACK_PATH.length + 1) || undefined);
    log('info', 'somebody has logged in at a server', { server, owner: owner ?? 'the gateway' });
    told({ kind: 'complete', server, owner, who: led?.who });
    browser().page(response, {
      title: 'You are logged in',
      body: html`<p>The gateway can use <strong>${server}</strong> now. You can close this page.</p>`,
    });
    return true;
  } catch (error) {
    return refuse(String(error), FAILED);
  }
}

interface Return {
  /** Undefined: nobody was led to this login by us. */
  readonly led: Led | undefined;
  /** The login is the gateway's. */
  readonly isForAll: boolean;
}

/** Why it is not finished, and what is said to whoever sits there. */
async function refusalOf(
  request: IncomingMessage,
  { isForAll, led }: Return,
  options: LoginPagesOptions,
): Promise<readonly [reason: string, page: PageContent] | undefined> {
  if (led === undefined || !isSameBrowser(request, led, options)) {
    return ['It came back in another browser than it was begun in.', OTHER_BROWSER];
  }
  const { who } = led;
  // The user of this machine always may; anybody else may have lost the right since.
  if (!isForAll || who === undefined || (await options.mayLogInForAll(who))) return undefined;
  return ['It is for the whole gateway, and who was led there may not give it any more.', NOT_FOR_ALL];
}

/** Empty, which is that of no login, when there is none or there are two. */
function onlyState(parameters: URLSearchParams): string {
  const [state = '', ...others] = parameters.getAll('state');
  return others.length === 0 ? state : '';
}

function isSameBrowser(
  request: IncomingMessage,
  { browser }: Led,
  { isLocal, isSecure }: Pick<LoginPagesOptions, 'isLocal' | 'isSecure'>,
): boolean {
  if (browser === undefined) return isLocal(request);
  const cookie = isSecure(request) ? cookieOf(request) : undefined;
  return cookie !== undefined && timingSafeEqual(Buffer.from(digest(cookie)), Buffer.from(browser));
}

/** Undefined when there is none, or there are two of which one is a stranger's. */
function cookieOf(request: IncomingMessage): string | undefined {
  const start = `${COOKIE}=`;
  const found = (request.headers.cookie ?? '').split(';').filter((each) => each.trimStart().startsWith(start));
  const value = found.length === 1 ? found[0]?.trim().slice(start.length) : undefined;
  return value !== undefined && TOKEN.test(value) ? value : undefined;
}

function digest(token: string): string {
  return hash('sha256', token, 'base64url');
}

const OVER = {
  status: 410,
  title: 'This login is over',
  body: html`<p>
    It was finished already, or it took too long. Do again what gave you the link, and open the new one.
  </p>`,
};

const OTHER_BROWSER = {
  status: 403,
  title: 'This login cannot be finished here',
  body: html`<p>It was begun in another browser. Open the login link again in this one, and log in from there.</p>`,
};

const NOT_FOR_ALL = {
  status: 403,
  title: 'This login is not yours to give',
  body: html`<p>
    It would be for everybody who uses this server through this gateway: only an administrator may do that.
  </p>`,
};

const FAILED = {
  status: 403,
  title: 'The login did not work',
  body: html`<p>
    The authorization server said no, or its answer could not be used. Nothing was changed. Do again what gave you the
    link, and try once more; the log of the gateway says why.
  </p>`,
};
