/**
 * The pages of a login at a server: what a login link asks, and where a browser comes back to. Whoever agreed to the link
 * is the one who must come back: over TLS a cookie tells, on plain loopback no more than that it is this machine. What the
 * authorization server says of an error is shown to nobody. Loaded with the other pages for people.
 */

import { hash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { html, type BrowserIdentity, type LinkPurpose } from '@sallyport/server/browser';
import type { JsonValue } from '@sallyport/wire';
import type { Sealing } from '../round.ts';
import type { Logins } from './index.ts';
import { linkFacts, loginIn } from './link.ts';
import type { Log } from './types.ts';

/** Of the browser that left for an authorization server. `__Host-`: set over TLS only, and for this host alone. */
const COOKIE = '__Host-sallyport-upstream';
const COOKIE_SECONDS = 600;
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

export interface LoginPagesOptions extends Pick<Sealing, 'unseal'> {
  readonly logins: Pick<Logins, 'bind' | 'boundTo' | 'finish' | 'isUnderWay' | 'ownerOf'>;
  readonly browser: () => Pick<BrowserIdentity, 'leave' | 'page'>;
  /** Over TLS, to us or to a trusted proxy that says so. */
  readonly isSecure: (request: IncomingMessage) => boolean;
  /** Made on this machine, straight to the listener. */
  readonly isLocal: (request: IncomingMessage) => boolean;
  readonly log: Log;
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
      onConfirmed: async ({ payload }, request, response) => await leave(payload, request, response, options),
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

async function leave(
  payload: JsonValue,
  request: IncomingMessage,
  response: ServerResponse,
  { browser, isSecure, logins, random, unseal }: LoginPagesOptions,
): Promise<void> {
  const facts = linkFacts(payload);
  const login = loginIn(facts, unseal);
  if (login === undefined || !(await logins.isUnderWay(login.state))) return browser().page(response, OVER);
  if (isSecure(request)) {
    // One for all logins of this browser, so that two at a time do not end each other.
    const token = cookieOf(request) ?? random(32).toString('base64url');
    response.setHeader('set-cookie', [
      ...[response.getHeader('set-cookie') ?? []].flat().map(String),
      `${COOKIE}=${token}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${COOKIE_SECONDS}`,
    ]);
    await logins.bind(login, digest(token));
  } else {
    await logins.bind(login, undefined);
  }
  browser().leave(response, new URL(login.url), facts.host);
}

async function comeBack(
  request: IncomingMessage,
  response: ServerResponse,
  options: LoginPagesOptions,
): Promise<boolean> {
  const { browser, isLocal, isSecure, log, logins } = options;
  if (request.method !== 'GET' || !(isSecure(request) || isLocal(request))) return false;
  const { searchParams } = new URL(request.url ?? '', 'http://own');
  const state = onlyState(searchParams);
  const found = state === undefined ? undefined : await logins.ownerOf(state);
  if (state === undefined || found === undefined) return false;
  const { server } = found;
  if (!(await isSameBrowser(request, state, options))) {
    log('warn', 'a login came back in another browser than it was begun in: it is refused', { server });
    browser().page(response, OTHER_BROWSER);
    return true;
  }
  try {
    await logins.finish(searchParams);
    log('info', 'somebody has logged in at a server', { server, owner: found.owner?.subject ?? 'the gateway' });
    browser().page(response, {
      title: 'You are logged in',
      body: html`<p>The gateway can use <strong>${server}</strong> now. You can close this page.</p>`,
    });
  } catch (error) {
    log('warn', 'a login at a server failed', { server, error: String(error) });
    browser().page(response, FAILED);
  }
  return true;
}

/** Undefined when there is none, or there are two. */
function onlyState(parameters: URLSearchParams): string | undefined {
  const states = parameters.getAll('state');
  return states.length === 1 ? states[0] : undefined;
}

/** A login that nobody was led to by us is finished by nobody. */
async function isSameBrowser(
  request: IncomingMessage,
  state: string,
  { isLocal, isSecure, logins }: LoginPagesOptions,
): Promise<boolean> {
  const bound = await logins.boundTo(state);
  if (bound === undefined) return false;
  if (bound.browser === undefined) return isLocal(request);
  const cookie = isSecure(request) ? cookieOf(request) : undefined;
  return cookie !== undefined && timingSafeEqual(Buffer.from(digest(cookie)), Buffer.from(bound.browser));
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

const FAILED = {
  status: 403,
  title: 'The login did not work',
  body: html`<p>
    The authorization server said no, or its answer could not be used. Nothing was changed. Do again what gave you the
    link, and try once more; the log of the gateway says why.
  </p>`,
};
