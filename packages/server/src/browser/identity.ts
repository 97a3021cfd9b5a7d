/**
 * Who sits at a browser. Over TLS a cookie tells. On plain loopback no cookie is set or read, since every page of every
 * other port of this machine would be sent it too: there a sign-in leads to one URL with a token in it, which is good for
 * that page and for one submission of its form. Over plain HTTP from elsewhere nobody is known.
 * How people sign in is not known here; see sign-in.ts.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '../exchange.ts';
import { clearCookie, readCookie, SESSION_COOKIE, setCookie } from './cookies.ts';
import { isFromOwnPage, readForm } from './forms.ts';
import { html } from './html.ts';
import { createOnceTable, type OnceOptions, type OnceTable } from './once.ts';
import type { Message, Pages } from './pages.ts';
import { pathOf, splitContinue, withContinue } from './return-paths.ts';
import type { BrowserSessions } from './sessions.ts';
import { isSame, isToken, proof } from './tokens.ts';
import type { BrowserEvent, BrowserSession, PostedForm, RefusalReason } from './types.ts';

export interface IdentityOptions extends OnceOptions {
  readonly sessions: BrowserSessions;
  readonly pages: Pages;
  /** True for a request that came over TLS, to us or to a trusted proxy that says so. */
  readonly isSecure: (request: IncomingMessage) => boolean;
  /** True for a request made on this machine, straight to this listener. */
  readonly isLocal: (request: IncomingMessage) => boolean;
  readonly addressOf: (request: IncomingMessage) => string | undefined;
  /** Where we are reached, if not simply at the host that is asked for. Its path is not looked at. */
  readonly publicUrl: URL | undefined;
  readonly report: (event: BrowserEvent) => void;
}

/** What a person is told, and what is reported. */
export interface Refusal extends Message {
  readonly reason: RefusalReason;
  readonly detail?: string;
}

/** Long enough to read a page and to decide. */
const PASS_TTL_MS = 10 * 60_000;

/** A sign-in on plain loopback: good at one URL. */
interface Pass {
  readonly principal: Principal;
  readonly signedInMs: number;
  readonly renewal?: string;
  readonly to: string;
}

/** A session, and what only its browser knows of it. */
interface Known {
  readonly session: BrowserSession;
  readonly secret: string;
}

export class Identity {
  readonly #options: IdentityOptions;
  readonly #passes: OnceTable<Pass>;

  constructor(options: IdentityOptions) {
    this.#options = options;
    this.#passes = createOnceTable<Pass>(options, { name: 'pass', ttlMs: PASS_TTL_MS });
  }

  /** The origins that our own pages have, as this browser sees them; the first is the one that others are told. */
  origins(request: IncomingMessage): readonly [string, ...string[]] {
    const { isSecure, publicUrl } = this.#options;
    const own = `${isSecure(request) ? 'https' : 'http'}://${request.headers.host ?? ''}`.toLowerCase();
    return publicUrl === undefined ? [own] : [publicUrl.origin, own];
  }

  async signedIn(request: IncomingMessage, response: ServerResponse): Promise<BrowserSession | undefined> {
    const { isLocal, isSecure } = this.#options;
    if (isSecure(request)) return (await this.#byCookie(request, response))?.session;
    const parts = splitContinue(request.url ?? '');
    if (parts === undefined || !isLocal(request)) return undefined;
    const pass = await this.#passes.peek(parts.token);
    return pass?.to === parts.to ? knownBy(pass, parts.token, true).session : undefined;
  }

  /** Begins a session with a cookie of its own, whatever cookie came, and sends the browser on. */
  async accept(
    request: IncomingMessage,
    response: ServerResponse,
    { principal, renewal, to }: Omit<Pass, 'signedInMs'>,
  ): Promise<void> {
    const { isSecure, now, pages, sessions } = this.#options;
    if (!isSecure(request)) {
      const kept = renewal === undefined ? {} : { renewal };
      const token = await this.#passes.put({ principal, signedInMs: now(), to, ...kept });
      return pages.redirect(response, withContinue(to, token));
    }
    const before = readCookie(request, SESSION_COOKIE);
    if (before !== undefined) await sessions.end(before);
    setCookie(response, SESSION_COOKIE, await sessions.begin(principal, renewal));
    pages.redirect(response, to);
  }

  async signOut(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { isSecure, sessions } = this.#options;
    const cookie = readCookie(request, SESSION_COOKIE);
    if (cookie === undefined || !isSecure(request)) return;
    await sessions.end(cookie);
    clearCookie(response, SESSION_COOKIE);
  }

  async posted(request: IncomingMessage, response: ServerResponse, purpose: string): Promise<PostedForm | undefined> {
    const form = await this.ownForm(request, response);
    if (form === undefined) return undefined;
    const { isSecure } = this.#options;
    const known = isSecure(request) ? await this.#byCookie(request, response) : await this.#byPass(request, form);
    if (known === undefined) return this.#refuseStranger(request, response);
    if (!isSame(form.get('csrf') ?? '', proof(known.secret, purpose))) {
      return this.refuse(request, response, { ...NOT_OURS, reason: 'bad_csrf' });
    }
    if (!isSecure(request) && (await this.#passes.take(known.secret)) === undefined) {
      return this.#refuseStranger(request, response);
    }
    return { session: known.session, form };
  }

  /** A form that one of our pages sent, whoever sits there. Undefined: it was refused, and answered. */
  async ownForm(request: IncomingMessage, response: ServerResponse): Promise<URLSearchParams | undefined> {
    if (!this.admits(request, response) || !this.allows(request, response, ['POST'])) return undefined;
    if (!isFromOwnPage(request, this.origins(request))) {
      return this.refuse(request, response, { ...NOT_OURS, reason: 'cross_site' });
    }
    const read = await readForm(request);
    if (read === undefined) return undefined;
    if ('form' in read) return read.form;
    return this.refuse(request, response, { ...NOT_OURS, status: read.status, reason: 'bad_form' });
  }

  /** False: over plain HTTP from elsewhere nobody can be known, and that was answered. */
  admits(request: IncomingMessage, response: ServerResponse): boolean {
    const { isLocal, isSecure } = this.#options;
    if (isSecure(request) || isLocal(request)) return true;
    this.refuse(request, response, NOT_SECURE);
    return false;
  }

  /** False: a method that the path does not know, and that was answered. */
  allows(request: IncomingMessage, response: ServerResponse, methods: readonly string[]): boolean {
    if (methods.includes(request.method ?? '')) return true;
    response.setHeader('allow', methods.join(', '));
    this.refuse(request, response, BAD_METHOD);
    return false;
  }

  refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): undefined {
    const { reason, detail } = refusal;
    this.report(request, { kind: 'refused', reason, ...(detail === undefined ? {} : { detail }) });
    this.#options.pages.message(response, refusal);
  }

  report(request: IncomingMessage, event: BrowserEventBody): void {
    const { addressOf, report } = this.#options;
    report({ ...event, address: addressOf(request) });
  }

  async #byCookie(request: IncomingMessage, response: ServerResponse): Promise<Known | undefined> {
    const cookie = readCookie(request, SESSION_COOKIE);
    const looked = cookie === undefined ? undefined : await this.#options.sessions.find(cookie);
    if (looked === undefined) return undefined;
    if ('reused' in looked) {
      clearCookie(response, SESSION_COOKIE);
      this.report(request, { kind: 'session_reused', principal: looked.reused });
      return undefined;
    }
    const { name, replaced } = looked.found;
    if (replaced !== undefined) setCookie(response, SESSION_COOKIE, replaced);
    return knownBy(looked.found, name, false);
  }

  /** The form goes to the path of its page. */
  async #byPass(request: IncomingMessage, form: URLSearchParams): Promise<Known | undefined> {
    const token = form.get('continue');
    const pass = isToken(token) ? await this.#passes.peek(token) : undefined;
    if (pass === undefined || !isToken(token) || pathOf(pass.to) !== pathOf(request.url ?? '')) return undefined;
    return knownBy(pass, token, true);
  }

  #refuseStranger(request: IncomingMessage, response: ServerResponse): undefined {
    return this.refuse(request, response, NOT_SIGNED_IN);
  }
}

type Distribute<T> = T extends unknown ? Omit<T, 'address'> : never;
type BrowserEventBody = Distribute<BrowserEvent>;

function knownBy(
  who: Pick<BrowserSession, 'principal' | 'renewal' | 'signedInMs'>,
  secret: string,
  isPass: boolean,
): Known {
  const { principal, renewal, signedInMs } = who;
  const carried = isPass && html`<input type="hidden" name="continue" value="${secret}" />`;
  const fields: BrowserSession['fields'] = (purpose) =>
    html`<input type="hidden" name="csrf" value="${proof(secret, purpose)}" />${carried}`;
  return { session: { principal, signedInMs, renewal, fields }, secret };
}

const NOT_OURS: Message = {
  status: 403,
  title: 'This form could not be accepted',
  text: 'It did not come from a page of this site, or the page was too old. Go back, load the page again and try once more.',
};

const NOT_SIGNED_IN: Refusal = {
  status: 401,
  reason: 'no_session',
  title: 'You are not signed in any more',
  text: 'Your sign-in ended before the form arrived. Open the page again, sign in, and try once more. Nothing was changed.',
};

const NOT_SECURE: Refusal = {
  status: 403,
  reason: 'not_secure',
  title: 'Signing in needs HTTPS',
  text: 'This page was asked for over a connection that others can read. Open it with https:// in front.',
};

const BAD_METHOD: Refusal = {
  status: 405,
  reason: 'bad_method',
  title: 'Not in this way',
  text: 'This address is no page. Go back to the page that led here.',
};
