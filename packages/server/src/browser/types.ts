/**
 * The seam between whoever shows pages to a person and whoever knows who that person is. Types only; `createBrowser`
 * makes a {@link BrowserIdentity}. MCP endpoints never see one: there no cookie is a credential.
 *
 * An endpoint with a form works so, over TLS and on plain loopback alike:
 *
 *     GET   const session = await browser.signedIn(request, response);
 *           if (session === undefined) return browser.startSignIn(request, response, request.url);
 *           browser.page(response, { title, body: html`<form method="post">${session.fields('consent')} … </form>` });
 *     POST  const posted = await browser.posted(request, response, 'consent');
 *           if (posted === undefined) return; // refused, and answered
 *           … posted.session.principal, posted.form.get('decision')
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { JsonValue } from '@sallyport/wire';
import type { Principal } from '../exchange.ts';
import type { Html } from './html.ts';

export type { Html } from './html.ts';

/** Answers a request of its own; never rejects. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A person at a browser who has signed in. */
export interface BrowserSession {
  readonly principal: Principal;
  /** When the person signed in, in milliseconds since 1970. */
  readonly signedInMs: number;
  /** What `Browser.renew` finds the person by; undefined where nothing is kept of the sign-in. */
  readonly renewal?: string | undefined;
  /**
   * Hidden fields that every form must have: the proof that this session was shown it, for this purpose and no other.
   * On plain loopback, where there is no cookie, they carry the session itself, for one submission to the path of the
   * page that they stand in.
   */
  fields(purpose: string): Html;
}

/** A form that was submitted from a page of ours, by the session that was shown it. */
export interface PostedForm {
  readonly session: BrowserSession;
  /** No name stands in it twice. */
  readonly form: URLSearchParams;
}

export interface PageContent {
  /** 200 unless said otherwise. */
  readonly status?: number;
  readonly title: string;
  /** What stands below the title. Text in it is escaped; see `html`. No script and no style attribute would run. */
  readonly body: Html;
  /**
   * Origins (`https://example.com`) or schemes (`cursor:`) that a form of the page may lead to by redirection, besides
   * our own: browsers hold a redirected submission against the policy of the page that it came from.
   */
  readonly formAction?: readonly string[];
}

export interface BrowserIdentity {
  /**
   * Who sits at the browser that sent this. Changes nothing but the times of the session; may set a cookie on the
   * response, so it comes before its head is written. On plain loopback it knows a browser only on the one URL that a
   * sign-in led to.
   */
  signedIn(request: IncomingMessage, response: ServerResponse): Promise<BrowserSession | undefined>;
  /**
   * Answers with the sign-in page, status 401. Afterwards the browser is sent to `returnTo`: a path of ours with its
   * query, whose path is one of those that were allowed at start. It may come back with a parameter `continue` at the
   * end, which is not the caller's: `signedIn` reads it.
   */
  startSignIn(request: IncomingMessage, response: ServerResponse, returnTo: string): void;
  /**
   * Reads the form that was posted and checks where it comes from, whose it is and what for. Undefined: it was refused,
   * and the response is written. Reads at most 64 KiB.
   */
  posted(request: IncomingMessage, response: ServerResponse, purpose: string): Promise<PostedForm | undefined>;
  /** Writes a whole page. */
  page(response: ServerResponse, content: PageContent): void;
  /**
   * Sends the browser elsewhere after a form: a page that goes on by itself, since browsers hold every hop of a
   * redirected submission against `form-action`. `url` is http or https; `name` says to the person where it leads.
   */
  leave(response: ServerResponse, url: URL, name: string): void;
}

/** What a login link is for: what its page says, and what happens when the person it was made for agrees. */
export interface LinkPurpose {
  describe(payload: JsonValue, principal: Principal): LinkQuestion;
  /** Answers the request. The link is used up. */
  onConfirmed(confirmed: ConfirmedLink, request: IncomingMessage, response: ServerResponse): void | Promise<void>;
}

export interface LinkQuestion {
  readonly title: string;
  readonly body: Html;
  /** What the button says. */
  readonly action: string;
}

export interface ConfirmedLink {
  readonly payload: JsonValue;
  readonly session: BrowserSession;
}

/** Something for the log and the audit. `reason` and `detail` never hold a secret. */
export type BrowserEvent = {
  readonly address: string | undefined;
} & (
  | { readonly kind: 'signed_in'; readonly principal: Principal; readonly by: 'provider' | 'code' }
  | { readonly kind: 'signed_out'; readonly principal: Principal }
  /** A cookie was shown that had been replaced: it was copied. Its session is ended. */
  | { readonly kind: 'session_reused'; readonly principal: Principal }
  | { readonly kind: 'refused'; readonly reason: RefusalReason; readonly detail?: string }
  | { readonly kind: 'failed'; readonly detail: string }
);

/** Why a browser was turned away. */
export type RefusalReason =
  | 'not_secure'
  | 'bad_method'
  | 'cross_site'
  | 'bad_form'
  | 'no_session'
  | 'bad_csrf'
  | 'bad_return'
  | 'bad_code'
  | 'too_many'
  | 'bad_state'
  | 'other_browser'
  | 'provider_unavailable'
  | 'provider_refused'
  | 'unknown_link'
  | 'other_principal';
