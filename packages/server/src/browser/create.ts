/**
 * The pages at which a person is known, put together: `/login`, `/login/<link or code>`, `/logout`, `/oauth/callback`,
 * and the seam for endpoints with pages of their own. Host and Origin are checked before by the listener. MCP paths are
 * none of these and never see a cookie.
 */

import type { KeyObject } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FailureLimit } from '../auth/failures.ts';
import { Identity } from './identity.ts';
import { LinkPage } from './link-page.ts';
import { createLoginLinks, type LoginLinks } from './login-links.ts';
import type { OnceOptions } from './once.ts';
import { createOneTimeCodes, isOneTimeCode, type OneTimeCodes } from './one-time-codes.ts';
import { createPages, type Pages } from './pages.ts';
import type { Provider } from './provider.ts';
import { createRenewals, type Renewals } from './renewals.ts';
import { createReturnPaths } from './return-paths.ts';
import { createBrowserSessions, type BrowserSessions, type SessionLifetimes } from './sessions.ts';
import { codeQuestion, signedInNote } from './sign-in-page.ts';
import { CALLBACK_PATH, SignIn } from './sign-in.ts';
import { isToken } from './tokens.ts';
import type { BrowserEvent, BrowserIdentity, Handler, LinkPurpose } from './types.ts';

/** `records` are for this alone. */
export interface BrowserOptions extends OnceOptions {
  /** What the pages call the product. */
  readonly product: string;
  readonly lifetimes: SessionLifetimes;
  /** Where people sign in; undefined: one-time codes are the only way. */
  readonly provider: Provider | undefined;
  /** How long a refresh token of the provider is kept from its last use on, in milliseconds. Absent: none is. */
  readonly renewalMs?: number;
  /** True for a request that came over TLS, to us or to a trusted proxy that says so. */
  readonly isSecure: (request: IncomingMessage) => boolean;
  /** True for a request made on this machine, straight to this listener. */
  readonly isLocal: (request: IncomingMessage) => boolean;
  readonly addressOf: (request: IncomingMessage) => string | undefined;
  /** Where we are reached, if not simply at the host that is asked for. */
  readonly publicUrl: URL | undefined;
  /** Paths of ours that a sign-in may lead to, exact. */
  readonly returnPaths: readonly string[];
  /** 256 bits or more, derived for this purpose alone and the same in all processes. */
  readonly key: KeyObject;
  /** Wrong codes and callbacks, per address. */
  readonly failures: FailureLimit;
  /** How a person comes by a one-time code: a sentence, what is to be typed in backticks. */
  readonly codeHint: string;
  /** What login links may be for, by name. */
  readonly purposes: Readonly<Record<string, LinkPurpose>>;
  /** For the log and the audit. Must not throw. */
  readonly report: (event: BrowserEvent) => void;
}

export interface Browser extends BrowserIdentity {
  /** What answers at a path, given without its query; undefined when it is none of these. */
  route(path: string): Handler | undefined;
  readonly links: LoginLinks;
  readonly codes: OneTimeCodes;
  readonly sessions: BrowserSessions;
  /** Who a person is now, by `BrowserSession.renewal`. */
  readonly renew: Renewals['renew'];
}

export function createBrowser(options: BrowserOptions): Browser {
  const pages = createPages(options.product);
  const sessions = createBrowserSessions(options);
  const links = createLoginLinks(options);
  const codes = createOneTimeCodes(options);
  const identity = new Identity({ ...options, pages, sessions });
  const mayReturnTo = createReturnPaths(options.returnPaths);
  const renewals = createRenewals(options);
  const signIn = new SignIn({ ...options, renewals, identity, pages, codes, mayReturnTo });
  const linkPage = new LinkPage({ ...options, identity, signIn, pages, links });
  const route = createRoute({ identity, signIn, linkPage, pages, isSecure: options.isSecure });
  return {
    route: (path) => {
      const work = route(path);
      return work && ((request, response) => void answer(work, { identity, pages, request, response }));
    },
    links,
    codes,
    sessions,
    renew: (name) => renewals.renew(name),
    signedIn: (request, response) => identity.signedIn(request, response),
    startSignIn: (request, response, returnTo) => signIn.start(request, response, returnTo),
    posted: (request, response, purpose) => identity.posted(request, response, purpose),
    page: (response, content) => pages.page(response, content),
    leave: (response, url, name) => pages.leave(response, url, name),
  };
}

type Work = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

interface Parts {
  readonly identity: Identity;
  readonly signIn: SignIn;
  readonly linkPage: LinkPage;
  readonly pages: Pages;
  readonly isSecure: (request: IncomingMessage) => boolean;
}

function createRoute(parts: Parts): (path: string) => Work | undefined {
  const { identity, linkPage, pages, signIn } = parts;
  const login = byMethod(identity, {
    show: (request, response) => showLogin(parts, request, response),
    submit: (request, response) => signIn.begin(request, response),
  });
  return (path) => {
    if (path === '/login') return login;
    if (path === pages.stylePath) return async (_request, response) => pages.style(response);
    if (path === '/logout') return (request, response) => signOut(parts, request, response);
    if (path === CALLBACK_PATH) return (request, response) => signIn.finish(request, response);
    const state = path.startsWith('/login/') ? path.slice('/login/'.length) : '';
    if (isToken(state)) {
      return byMethod(identity, {
        show: (request, response) => linkPage.show(request, response, state),
        submit: (request, response) => linkPage.confirm(request, response, state),
      });
    }
    if (!isOneTimeCode(state)) return undefined;
    return byMethod(identity, {
      show: async (_request, response) => pages.page(response, { title: 'Sign in', body: codeQuestion(state) }),
    });
  };
}

/** GET shows and changes nothing, POST submits. */
function byMethod(identity: Identity, work: { readonly show: Work; readonly submit?: Work }): Work {
  const methods = ['GET', 'HEAD', ...(work.submit === undefined ? [] : ['POST'])];
  return async (request, response) => {
    if (!identity.admits(request, response) || !identity.allows(request, response, methods)) return;
    await (request.method === 'POST' && work.submit ? work.submit : work.show)(request, response);
  };
}

async function showLogin(parts: Parts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { identity, isSecure, pages, signIn } = parts;
  const session = await identity.signedIn(request, response);
  if (session === undefined) return signIn.showPage(response, '/login', 200);
  pages.page(response, { title: 'You are signed in', body: signedInNote(session, isSecure(request)) });
}

async function signOut(parts: Parts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { identity, pages } = parts;
  const posted = await identity.posted(request, response, 'logout');
  if (posted === undefined) return;
  await identity.signOut(request, response);
  identity.report(request, { kind: 'signed_out', principal: posted.session.principal });
  pages.message(response, {
    status: 200,
    title: 'You are signed out',
    text: 'This browser is not known here any more.',
    next: { path: '/login', label: 'Sign in again' },
  });
}

/** What fails is said without a reason: the reader may be anybody. */
async function answer(
  work: Work,
  { identity, pages, request, response }: Pick<Parts, 'identity' | 'pages'> & Exchanged,
): Promise<void> {
  try {
    await work(request, response);
  } catch (error) {
    identity.report(request, { kind: 'failed', detail: error instanceof Error ? error.message : String(error) });
    if (response.headersSent) response.destroy();
    else pages.message(response, FAILED);
  }
}

interface Exchanged {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

const FAILED = {
  status: 500,
  title: 'That did not work',
  text: 'Something failed on our side. Try again; if it goes on, tell whoever runs this gateway.',
};
