/**
 * `/login/<state>`: the page of a login link. Whoever opens it signs in, must be the caller that the link was made for,
 * is told what it is about, and agrees. A look changes nothing; what agreeing does is the purpose's own affair.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { principalKey } from '../exchange.ts';
import { html } from './html.ts';
import type { Identity, Refusal } from './identity.ts';
import type { LoginLink, LoginLinks } from './login-links.ts';
import type { Pages } from './pages.ts';
import { whoIs } from './sign-in-page.ts';
import type { SignIn } from './sign-in.ts';
import type { BrowserSession, LinkPurpose } from './types.ts';

export interface LinkPageOptions {
  readonly identity: Identity;
  readonly signIn: SignIn;
  readonly pages: Pages;
  readonly links: LoginLinks;
  readonly purposes: Readonly<Record<string, LinkPurpose>>;
}

export class LinkPage {
  readonly #options: LinkPageOptions;

  constructor(options: LinkPageOptions) {
    this.#options = options;
  }

  /** GET. */
  async show(request: IncomingMessage, response: ServerResponse, state: string): Promise<void> {
    const { identity, links, pages, signIn } = this.#options;
    const path = `/login/${state}`;
    const link = await links.peek(state);
    const purpose = this.#purposeOf(link);
    if (link === undefined || purpose === undefined) return identity.refuse(request, response, UNKNOWN_LINK);
    const session = await identity.signedIn(request, response);
    if (session === undefined) return signIn.start(request, response, path);
    if (principalKey(session.principal) !== link.principal) return this.#refuseOther(request, response, session);
    const { action, body, title } = purpose.describe(link.payload, session.principal);
    pages.page(response, {
      title,
      body: html`${body}
        <h2>You are</h2>
        ${whoIs(session)}
        <form method="post" action="${path}">
          ${session.fields(purposeOfForm(state))}
          <button>${action}</button>
        </form>
        <p class="note">If you did not ask for this, close the page: nothing happens then.</p>`,
    });
  }

  /** POST: agreed. */
  async confirm(request: IncomingMessage, response: ServerResponse, state: string): Promise<void> {
    const { identity, links } = this.#options;
    const posted = await identity.posted(request, response, purposeOfForm(state));
    if (posted === undefined) return;
    const { session } = posted;
    const link = await links.take(state, session.principal);
    const purpose = this.#purposeOf(link);
    if (link === undefined || purpose === undefined) return identity.refuse(request, response, UNKNOWN_LINK);
    await purpose.onConfirmed({ payload: link.payload, session }, request, response);
  }

  #purposeOf(link: LoginLink | undefined): LinkPurpose | undefined {
    const { purposes } = this.#options;
    return link !== undefined && Object.hasOwn(purposes, link.purpose) ? purposes[link.purpose] : undefined;
  }

  /** Says nothing of whom it was made for. */
  #refuseOther(request: IncomingMessage, response: ServerResponse, session: BrowserSession): void {
    const { identity, pages } = this.#options;
    identity.report(request, { kind: 'refused', reason: 'other_principal' });
    pages.page(response, {
      status: 403,
      title: 'This link is not for you',
      body: html`<p>It was made for another account than the one you are signed in with.</p>
        ${whoIs(session)}
        <p>If the other account is yours too, sign out, open the link again and sign in with that one.</p>
        <a class="button quiet" href="/login">Your sign-in</a>`,
    });
  }
}

/** The form of one link is none of another. */
function purposeOfForm(state: string): string {
  return `link ${state}`;
}

const UNKNOWN_LINK: Refusal = {
  status: 404,
  reason: 'unknown_link',
  title: 'This link is not good any more',
  text: 'Login links are good once and for ten minutes. Do again what gave you this one, and open the link that you get then.',
};
