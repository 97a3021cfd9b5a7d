/**
 * A dispatcher that puts the token of one server on every request to its origin, and sends a request again when the server
 * asked for another token and there is one (RFC 6750 §2.1 and §3). Where tokens come from is not known here.
 *
 * The clock of a request runs on meanwhile: discovery and renewal are bounded and wait for no person, and a caller whose
 * time is over must not be held by an authorization server that hangs. What was begun for it goes on and helps the next.
 */

import { answerRefusal, noToken, refusalOf } from '../authorize.ts';
import type { ResponseHeaders } from '../http-status.ts';
import type { Refusal } from '../oauth/authorization.ts';
import { tlsRules } from '../tls.ts';
import type { Authorization, HttpTarget, UpstreamOptions } from '../upstream.ts';
import { createDispatcher, type HttpDispatcher, type HttpRequest } from './dispatcher.ts';
import type { Exchange, RefusalReader } from './exchange.ts';
import { createOverheard } from './overheard.ts';

/** What reaches one configured server, as it is to be verified and with the tokens that it wants. */
export function dispatcherOf(
  { authorization, connectTimeoutMs, env, onWire }: UpstreamOptions,
  { tls, url }: Pick<HttpTarget, 'tls' | 'url'>,
): HttpDispatcher {
  const plain = createDispatcher(url, env, { connectTimeoutMs, ...(tls && { tls: tlsRules(tls) }) });
  const dispatcher = onWire === undefined ? plain : createOverheard(plain, onWire);
  return authorization === undefined ? dispatcher : createAuthorized({ dispatcher, authorization, url });
}

export interface AuthorizedOptions {
  readonly dispatcher: HttpDispatcher;
  readonly authorization: Authorization;
  /** Of the server. No other origin gets a token. */
  readonly url: URL;
}

export function createAuthorized(options: AuthorizedOptions): HttpDispatcher {
  return new AuthorizedDispatcher(options);
}

/** One request on its way. */
class Sending implements RefusalReader {
  readonly request: HttpRequest;
  readonly exchange: Exchange;
  /** It went with this one. */
  token: string | undefined;
  /** How often it was sent again. */
  repeats = 0;
  readonly #dispatcher: AuthorizedDispatcher;

  constructor(dispatcher: AuthorizedDispatcher, request: HttpRequest, exchange: Exchange) {
    this.#dispatcher = dispatcher;
    this.request = request;
    this.exchange = exchange;
  }

  refused(status: number, headers: ResponseHeaders): (() => void) | undefined {
    const refusal = refusalOf(status, headers, this.token);
    return refusal && (() => this.#dispatcher.answer(refusal, this));
  }
}

class AuthorizedDispatcher implements HttpDispatcher {
  readonly #dispatcher: HttpDispatcher;
  readonly #authorization: Authorization;
  readonly #origin: string;
  readonly #where: string;
  /** What is opened again when there is another token than the one that was refused last. */
  readonly #waiting = new Set<() => void>();
  #refused: string | undefined;

  constructor({ authorization, dispatcher, url }: AuthorizedOptions) {
    this.#authorization = authorization;
    this.#dispatcher = dispatcher;
    this.#origin = url.origin;
    this.#where = url.origin + url.pathname;
  }

  dispatch(request: HttpRequest, exchange: Exchange): void {
    if (request.origin === this.#origin) this.#send(new Sending(this, request, exchange));
    else this.#dispatcher.dispatch(request, exchange);
  }

  whenAuthorized(open: () => void): () => void {
    this.#waiting.add(open);
    return () => this.#waiting.delete(open);
  }

  close(): Promise<void> {
    this.#waiting.clear();
    return this.#dispatcher.close();
  }

  destroy(): Promise<void> {
    this.#waiting.clear();
    return this.#dispatcher.destroy();
  }

  #send(sending: Sending): void {
    const token = this.#authorization.token();
    if (typeof token !== 'object') return this.#sendWith(token, sending);
    token.then(
      (found) => this.#sendWith(found, sending),
      (error: unknown) => sending.exchange.fail(noToken(error, this.#where)),
    );
  }

  #sendWith(token: string | undefined, sending: Sending): void {
    const { exchange, request } = sending;
    // It was given up while its token was fetched.
    if (exchange.isOver) return;
    // Nobody waits for the end of a session, and nobody is to log in for it.
    if (request.method !== 'DELETE') exchange.refusals = sending;
    sending.token = token;
    this.#dispatcher.dispatch(
      token === undefined ? request : { ...request, headers: [...request.headers, 'authorization', `Bearer ${token}`] },
      exchange,
    );
    if (this.#waiting.size > 0 && token !== this.#refused) this.#openWaiting();
  }

  /** Sends it again with another token, or fails it. */
  answer(refusal: Refusal, sending: Sending): void {
    this.#refused = refusal.sent;
    answerRefusal(this.#authorization, refusal, { where: this.#where, repeats: sending.repeats }).then(
      () => {
        sending.repeats++;
        this.#send(sending);
      },
      (error: Error) => sending.exchange.fail(error),
    );
  }

  #openWaiting(): void {
    const all = [...this.#waiting];
    this.#waiting.clear();
    for (const open of all) open();
  }
}
