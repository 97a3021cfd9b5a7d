/**
 * How a person signs in: at the OpenID provider (authorization code with PKCE, state and nonce), or with a one-time code.
 * A sign-in that is under way belongs to the browser that began it: over TLS by a cookie of its own. On plain loopback
 * nothing binds it but its state; what comes of it there is good at one URL alone and is no session of that browser.
 */

import type { KeyObject } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createFailureLimit, type FailureLimit } from '../auth/failures.ts';
import type { Principal } from '../exchange.ts';
import { clearCookie, readCookie, setCookie, SIGN_IN_COOKIE } from './cookies.ts';
import type { Identity, Refusal } from './identity.ts';
import { createOnceTable, type OnceOptions, type OnceTable } from './once.ts';
import type { OneTimeCodes } from './one-time-codes.ts';
import type { Pages } from './pages.ts';
import { ProviderError, type Attempt, type Provider } from './provider.ts';
import type { Renewals } from './renewals.ts';
import { splitContinue } from './return-paths.ts';
import { signInForms } from './sign-in-page.ts';
import { createToken, digest, isSame, isToken, proof } from './tokens.ts';

export const CALLBACK_PATH = '/oauth/callback';

export interface SignInOptions extends OnceOptions {
  readonly identity: Identity;
  readonly pages: Pages;
  readonly codes: OneTimeCodes;
  readonly provider: Provider | undefined;
  readonly renewals: Pick<Renewals, 'keep'>;
  readonly isSecure: (request: IncomingMessage) => boolean;
  readonly addressOf: (request: IncomingMessage) => string | undefined;
  readonly mayReturnTo: (to: string) => boolean;
  /** Makes the PKCE verifier and the nonce of a sign-in from its state, so that neither is stored. Good for this alone. */
  readonly key: KeyObject;
  /** Wrong codes and callbacks, per address. */
  readonly failures: FailureLimit;
  /** How a person comes by a one-time code: a sentence. */
  readonly codeHint: string;
}

/** A sign-in that waits for the provider. */
interface UnderWay {
  readonly to: string;
  readonly redirectUri: string;
  /** Hash of the cookie of the browser that began it; absent on plain loopback. */
  readonly browser?: string;
}

/** RFC 9700 §4.7.1: state is good once. */
const SIGN_IN_TTL_MS = 10 * 60_000;
/** Sign-ins begun, of one address and of all, in a minute: they are kept for ten. */
const STARTS_PER_MINUTE = 30;
const ALL_STARTS_PER_MINUTE = 1200;

export class SignIn {
  readonly #options: SignInOptions;
  readonly #underWay: OnceTable<UnderWay>;
  readonly #starts: FailureLimit;
  readonly #allStarts: FailureLimit;

  constructor(options: SignInOptions) {
    this.#options = options;
    this.#underWay = createOnceTable<UnderWay>(options, { name: 'sign-in', ttlMs: SIGN_IN_TTL_MS });
    this.#starts = createFailureLimit(STARTS_PER_MINUTE, options.now);
    this.#allStarts = createFailureLimit(ALL_STARTS_PER_MINUTE, options.now);
  }

  /** The page, in place of one for which somebody must be signed in. */
  start(request: IncomingMessage, response: ServerResponse, returnTo: string): void {
    const { identity, mayReturnTo } = this.#options;
    if (!identity.admits(request, response)) return;
    // What led here before is used up, or this page would not be asked for.
    const to = splitContinue(returnTo)?.to ?? returnTo;
    if (!mayReturnTo(to)) return identity.refuse(request, response, BAD_RETURN);
    this.showPage(response, to, 401);
  }

  showPage(response: ServerResponse, to: string, status: number, problem?: string): void {
    const { codeHint, pages, provider } = this.#options;
    // No header would help; the scheme says so (RFC 9110 §15.5.2 wants one).
    if (status === 401) response.setHeader('www-authenticate', 'Cookie');
    const body = signInForms({ to, providerName: provider?.name, codeHint, problem });
    pages.page(response, { status, title: 'Sign in', body });
  }

  /** `POST /login`: to the provider, or at once with a code. */
  async begin(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { identity, mayReturnTo } = this.#options;
    const form = await identity.ownForm(request, response);
    if (form === undefined) return;
    const to = form.get('return');
    if (to !== null && !mayReturnTo(to)) return identity.refuse(request, response, BAD_RETURN);
    const code = form.get('code');
    if (code !== null) await this.#redeem(request, response, code.trim(), to);
    else await this.#toProvider(request, response, to ?? '/login');
  }

  async #redeem(request: IncomingMessage, response: ServerResponse, code: string, to: string | null): Promise<void> {
    const { addressOf, codes, failures, identity, mayReturnTo } = this.#options;
    const good = await codes.take(code);
    if (good !== undefined && mayReturnTo(good.to)) {
      return await this.#accept(request, response, { principal: good.principal, to: to ?? good.to, by: 'code' });
    }
    const waitMs = failures.failed(addressOf(request));
    if (waitMs > 0) return this.#refuseForNow(request, response, waitMs);
    identity.report(request, { kind: 'refused', reason: 'bad_code' });
    this.showPage(response, to ?? '/login', 401, 'That code is not good, or not any more. Get another one.');
  }

  async #toProvider(request: IncomingMessage, response: ServerResponse, to: string): Promise<void> {
    const { addressOf, identity, isSecure, pages, provider, random } = this.#options;
    if (provider === undefined) return identity.refuse(request, response, BAD_RETURN);
    // What its own address is refused for counts against nobody else.
    const waitMs = this.#starts.failed(addressOf(request)) || this.#allStarts.failed('all');
    if (waitMs > 0) return this.#refuseForNow(request, response, waitMs);
    const redirectUri = identity.origins(request)[0] + CALLBACK_PATH;
    const browser = isSecure(request) ? createToken(random) : undefined;
    const bound = browser === undefined ? {} : { browser: digest(browser) };
    const state = await this.#underWay.put({ to, redirectUri, ...bound });
    try {
      const url = await provider.authorizationUrl(this.#attempt(state, redirectUri));
      if (browser !== undefined) setCookie(response, SIGN_IN_COOKIE, browser, SIGN_IN_TTL_MS / 1000);
      pages.leave(response, url, provider.name);
    } catch (error) {
      this.#refuseFor(request, response, error, to);
    }
  }

  /** `GET /oauth/callback`: nothing is asked of the provider before it is known that this browser began this sign-in. */
  async finish(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { identity, isSecure, provider, renewals } = this.#options;
    if (!identity.admits(request, response) || !identity.allows(request, response, ['GET'])) return;
    const { searchParams: parameters } = new URL(request.url ?? '', 'http://own');
    const state = parameters.get('state');
    const begun = isToken(state) ? await this.#underWay.peek(state) : undefined;
    if (!isToken(state) || begun === undefined || provider === undefined) {
      return this.#refuseCallback(request, response, 'bad_state');
    }
    if (!this.#isSameBrowser(request, begun)) return this.#refuseCallback(request, response, 'other_browser');
    if ((await this.#underWay.take(state)) === undefined) {
      return this.#refuseCallback(request, response, 'bad_state');
    }
    if (isSecure(request)) clearCookie(response, SIGN_IN_COOKIE);
    const { redirectUri, to } = begun;
    const found = await provider.redeem(parameters, this.#attempt(state, redirectUri)).catch((error: unknown) => {
      this.#refuseFor(request, response, error, to);
    });
    if (found === undefined) return;
    const renewal = await renewals.keep(found);
    await this.#accept(request, response, { principal: found, to, by: 'provider', renewal });
  }

  async #accept(request: IncomingMessage, response: ServerResponse, accepted: Accepted): Promise<void> {
    const { identity } = this.#options;
    const { by, principal, renewal, to } = accepted;
    await identity.accept(request, response, { principal, to, ...(renewal !== undefined && { renewal }) });
    identity.report(request, { kind: 'signed_in', principal, by });
  }

  #attempt(state: string, redirectUri: string): Attempt {
    const { key } = this.#options;
    return { state, redirectUri, nonce: proof(key, `nonce ${state}`), verifier: proof(key, `verifier ${state}`) };
  }

  #isSameBrowser(request: IncomingMessage, { browser }: UnderWay): boolean {
    if (!this.#options.isSecure(request)) return browser === undefined;
    const cookie = readCookie(request, SIGN_IN_COOKIE);
    return cookie !== undefined && browser !== undefined && isSame(digest(cookie), browser);
  }

  #refuseCallback(request: IncomingMessage, response: ServerResponse, reason: 'bad_state' | 'other_browser'): void {
    const { addressOf, failures, identity } = this.#options;
    const waitMs = failures.failed(addressOf(request));
    if (waitMs > 0) this.#refuseForNow(request, response, waitMs);
    else identity.refuse(request, response, { ...STRAY_CALLBACK, reason });
  }

  #refuseForNow(request: IncomingMessage, response: ServerResponse, waitMs: number): void {
    response.setHeader('retry-after', Math.ceil(waitMs / 1000));
    this.#options.identity.refuse(request, response, TOO_MANY);
  }

  #refuseFor(request: IncomingMessage, response: ServerResponse, error: unknown, to: string): void {
    if (!(error instanceof ProviderError)) throw error;
    const message = error.kind === 'unavailable' ? UNAVAILABLE : REFUSED;
    const next = { path: to, label: 'Try again' };
    this.#options.identity.refuse(request, response, { ...message, detail: error.message, next });
  }
}

interface Accepted {
  readonly principal: Principal;
  readonly to: string;
  readonly by: 'provider' | 'code';
  readonly renewal?: string | undefined;
}

const BAD_RETURN: Refusal = {
  status: 400,
  reason: 'bad_return',
  title: 'This link is not complete',
  text: 'It does not say where on this site to go. Go back to where you came from and begin again.',
};

const STRAY_CALLBACK: Omit<Refusal, 'reason'> = {
  status: 403,
  title: 'This sign-in cannot be finished',
  text: 'It was begun in another browser or another tab, it took too long, or it is finished already. You can begin again.',
  next: { path: '/login', label: 'Sign in' },
};

const TOO_MANY: Refusal = {
  status: 429,
  reason: 'too_many',
  title: 'Too many attempts',
  text: 'There were too many attempts from your network. Wait a minute and try again.',
};

const UNAVAILABLE: Refusal = {
  status: 503,
  reason: 'provider_unavailable',
  title: 'The identity provider cannot be reached',
  text: 'Signing in is not possible just now. Wait a minute and try again. If it goes on, tell whoever runs this gateway.',
};

const REFUSED: Refusal = {
  status: 403,
  reason: 'provider_refused',
  title: 'You were not signed in',
  text: 'The identity provider did not confirm who you are, or the sign-in was cancelled there.',
};
