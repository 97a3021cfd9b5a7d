/**
 * A call whose server wants a login first (MCP authorization; 2025-11-25 and 2026-07-28, "URL mode elicitation"). It is led
 * to the person in the one way that its client has, and sent again when the login has come: around everything that
 * follows an approval, so that no place with a server is held meanwhile and the policy decides anew. It leads nobody to an
 * authorization server by itself: what a client is given is a page of ours, except in the browser of this machine's user.
 */

import { UpstreamError } from '@sallyport/client';
import type { LoginNeeded } from '@sallyport/client/oauth';
import type { Answer, Exchange, Session } from '@sallyport/server';
import { isObject, wireError, withLogId } from '@sallyport/wire';
import { logIdOf, type Call, type Next, type Step, type Target } from '../call.ts';
import { Refused } from '../errors.ts';
import { askInRound, boundTo, canAskInRound, replyInRound, type Sealing } from '../round.ts';
import type { OpenBrowser } from './browser.ts';
import type { Callers } from './callers.ts';
import type { Logins } from './index.ts';
import { isElsewhere } from './opening.ts';
import type { Log, Owner } from './types.ts';

export interface LoginStepOptions extends Sealing {
  readonly logins: Pick<Logins, 'begin' | 'bind' | 'mayNeed' | 'ownerFor' | 'wait'> & {
    readonly callers: Pick<Callers, 'exchanges' | 'tokenOf'>;
  };
  /** The server that a request names of which nothing is listed to its caller before a login; undefined: none. */
  readonly unlisted: (exchange: Exchange) => string | undefined;
  /** Whether each principal speaks to a server with a token of its own. */
  readonly personal: (server: string) => boolean;
  /** Opens an address for the user of this machine; undefined where no program for it is named. */
  readonly openBrowser: OpenBrowser | undefined;
  /** Whether a call was made by this machine's user, here. */
  readonly isOwnUser: (exchange: Exchange) => boolean;
  /** Whether somebody may log in for the whole gateway. */
  readonly mayLogInForAll: (exchange: Exchange) => boolean;
  /** Whether the client can put an address before a person. */
  readonly canShowUrl: (exchange: Exchange) => boolean;
  /** The URL of a page of ours for this caller; undefined where there are no pages, or it was given very many. */
  readonly linkFor: (exchange: Exchange, wanted: Wanted) => Promise<string | undefined>;
  /** Remembers to tell a session when its login has come; gives the id by which it is told. */
  readonly announce: (session: Session, server: string, owner: Owner) => string;
  /** For how long a person may take. */
  readonly humanMs: () => number;
  readonly log: Log;
}

/** A login, and what for. */
export interface Wanted {
  readonly server: string;
  readonly owner: Owner;
  readonly login: LoginNeeded;
}

/** The key of our question among the input requests of a server. */
const KEY = 'sallyport-login';

/** A server that wants another login each time is not followed any further. */
const MAX_LOGINS = 4;

export interface LoginSteps {
  /** Around all that follows an approval. */
  readonly login: Step;
  /**
   * Something is unknown, or so it seems: before a login a server's names are, and the login is what its caller lacks. Rejects with
   * the error where it is none. `again` looks once more.
   */
  readonly unknown: (call: Call, error: Refused, again: () => Promise<Answer>) => Promise<Answer>;
}

export function createLoginSteps(options: LoginStepOptions): LoginSteps {
  const step = new LoginStep(options);
  const { logins } = options;
  return {
    login: (call, next) => {
      const { server } = call.target as Target;
      if (logins.callers.exchanges(server))
        return next(call).catch((error: unknown) => step.refuse(call, server, error));
      return logins.mayNeed(server) ? step.carry(call, next) : next(call);
    },
    unknown: (call, error, again) => {
      const server = options.unlisted(call.exchange);
      return server === undefined ? Promise.reject(error) : step.carryUnknown(call, { server, error, again });
    },
  };
}

/** A request for something that is unknown before a login. */
interface Unknown {
  readonly server: string;
  /** As it would be answered without a login. */
  readonly error: unknown;
  readonly again: () => Promise<Answer>;
}

/** What the call was before it was tried, to try it again from there. */
interface Trial {
  readonly call: Call;
  readonly next: Next;
  readonly exchange: Exchange;
}

class LoginStep {
  readonly #options: LoginStepOptions;

  constructor(options: LoginStepOptions) {
    this.#options = options;
  }

  /** Most calls are answered at once, and wait for nothing more than that here. */
  carry(call: Call, next: Next): Promise<Answer> {
    const { server } = call.target as Target;
    const isBack = this.#takeReply(call, server);
    const trial = { call, next, exchange: call.exchange };
    const wasPersonal = this.#options.personal(server);
    return next(call).catch(async (error: unknown) =>
      this.#follow(trial, await this.#wanted(trial, wasPersonal, error), isBack),
    );
  }

  async #follow(trial: Trial, first: Answer | Wanted, isBack: boolean): Promise<Answer> {
    let wanted = first;
    for (let logins = 0; !('kind' in wanted); logins++) {
      if (logins >= MAX_LOGINS) throw new Refused('needs_login', 'This server wants one login after the other.');
      const waits = (isBack && logins === 0) || (await this.#opened(trial.exchange, wanted));
      if (!waits) return await this.#lead(trial.call, wanted);
      await this.#wait(trial.exchange, wanted);
      wanted = await this.#try(trial);
    }
    return wanted;
  }

  async carryUnknown(call: Call, { again, error, server }: Unknown): Promise<Answer> {
    const { logins } = this.#options;
    const isBack = this.#takeReply(call, server);
    const owner = logins.ownerFor(server, call.exchange.principal);
    const begun = await logins.begin(server, owner).catch((reason: unknown) => {
      if (logins.callers.exchanges(server)) throw this.#notExchanged(call, server, reason);
      throw new Refused('needs_login', `The server "${server}" needs a login first, and none can be begun now.`, {
        ...data(server),
        detail: String(reason),
      });
    });
    // There is a token: then it is just unknown, unless it has come only now.
    if (begun === 'retry' && logins.callers.exchanges(server)) return await again();
    if (begun === 'retry') throw error;
    const wanted = { server, owner, login: begun.login };
    if (!isBack && !(await this.#opened(call.exchange, wanted))) return await this.#lead(call, wanted);
    await this.#wait(call.exchange, wanted);
    return await again();
  }

  /** Of a server at which nobody logs in: its caller is told what is missing, and has nowhere to go. */
  refuse(call: Call, server: string, error: unknown): never {
    if (!(error instanceof UpstreamError) || error.reason !== 'unauthorized') throw error;
    throw this.#notExchanged(call, server, error);
  }

  #notExchanged({ exchange }: Call, server: string, reason: unknown): Refused {
    const why = this.#options.logins.callers.tokenOf(exchange.principal)
      ? 'the one of this caller could not be exchanged for it.'
      : 'this caller has shown none that can be exchanged for it, or it has ended. Call with an access token of the identity provider, or sign in there again; a key or certificate is none.';
    return new Refused('needs_login', `The server "${server}" wants a token of each caller, and ${why}`, {
      ...data(server),
      detail: String(reason),
    });
  }

  /** True when the client comes back from our question, and said yes. */
  #takeReply(call: Call, server: string): boolean {
    const { exchange } = call;
    if (!canAskInRound(exchange)) return false;
    const reply = replyInRound(exchange, KEY, boundTo('login', exchange), this.#options.unseal);
    if (reply === undefined) return false;
    call.exchange = reply.exchange;
    const { response } = reply;
    if (isObject(response) && response['action'] === 'accept') return true;
    throw new Refused('needs_login', 'Nobody logged in: the login was declined.', {
      data: { server },
    });
  }

  /** The answer, or the login that is wanted before there is one. */
  async #try(trial: Trial): Promise<Answer | Wanted> {
    const { call, exchange, next } = trial;
    const wasPersonal = this.#options.personal((call.target as Target).server);
    // A step that took something out of the request does so again.
    call.exchange = exchange;
    delete call.instance;
    try {
      return await next(call);
    } catch (error) {
      return await this.#wanted(trial, wasPersonal, error);
    }
  }

  /** What follows from an error: a login, or the answer of another try. Throws the error otherwise. */
  #wanted(trial: Trial, wasPersonal: boolean, error: unknown): Promise<Answer | Wanted> | Wanted {
    if (!(error instanceof UpstreamError) || error.reason !== 'unauthorized') throw error;
    const { server } = trial.call.target as Target;
    const owner = this.#options.logins.ownerFor(server, trial.exchange.principal);
    if (error.login !== undefined) return { server, owner, login: error.login };
    // It was the gateway's own connection that was refused: the caller has one of its own from now on.
    const isNews = !wasPersonal && this.#options.personal(server);
    if (isNews) return this.#try(trial);
    throw error;
  }

  /** Whether the person at this machine was led there. */
  async #opened(exchange: Exchange, { login, server }: Wanted): Promise<boolean> {
    const { isOwnUser, log, logins, openBrowser } = this.#options;
    if (openBrowser === undefined || isElsewhere(login) || !isOwnUser(exchange)) return false;
    // It leads nobody over a page of ours, and must come back to this machine.
    await logins.bind(login, {});
    const isOpen = await openBrowser(login);
    log(isOpen ? 'info' : 'warn', isOpen ? 'a browser was opened for a login' : 'no browser could be opened', {
      server,
    });
    return isOpen;
  }

  /** Resolves when the call may be tried again. */
  async #wait(exchange: Exchange, { login, owner, server }: Wanted): Promise<void> {
    const stop = new AbortController();
    exchange.onCancel(() => stop.abort());
    exchange.hold();
    const patience = { ms: this.#options.humanMs(), signal: stop.signal };
    const came = await this.#options.logins.wait(server, owner, login, patience);
    if (exchange.cancelled) throw new UpstreamError('cancelled', 'The client went before anybody had logged in.');
    if (came === 'came') return;
    const why = came === 'late' ? 'Nobody logged in in time' : 'The login did not work';
    throw new Refused('needs_login', `The server "${server}" needs a login first. ${why}.`, data(server));
  }

  /** How the client is told where to go. */
  async #lead(call: Call, wanted: Wanted): Promise<Answer> {
    const { canShowUrl, linkFor, mayLogInForAll } = this.#options;
    const { exchange } = call;
    const { login, owner, server } = wanted;
    const name = `The server "${server}" needs a login first`;
    if (owner === undefined && !mayLogInForAll(exchange)) {
      throw new Refused('needs_login', `${name}, by whoever runs this gateway.`, data(server));
    }
    const byVerb = `${name}: run \`sallyport login ${server}\` on the machine of the gateway`;
    const url = isElsewhere(login) ? undefined : await linkFor(exchange, wanted);
    if (url === undefined) throw new Refused('needs_login', `${byVerb}.`, data(server));
    const params = { mode: 'url', message: `${name}. The page says what it is about.`, url };
    if (canShowUrl(exchange)) {
      if (canAskInRound(exchange)) {
        const question = { key: KEY, method: 'elicitation/create', params };
        return askInRound(exchange, question, null, boundTo('login', exchange), this.#options.seal);
      }
      if (exchange.revision === '2025-11-25' && exchange.session !== undefined) {
        return this.#elicitationRequired(call, exchange.session, wanted, params);
      }
    }
    throw new Refused('needs_login', `${byVerb}, or open ${url}`, { data: { server, url } });
  }

  /** 2025-11-25, "URL Elicitation Required Error". */
  #elicitationRequired(
    call: Call,
    session: Session,
    { owner, server }: Wanted,
    params: { readonly message: string; readonly url: string },
  ): Answer {
    const elicitationId = this.#options.announce(session, server, owner);
    const elicitations = [{ ...params, mode: 'url', elicitationId }];
    const { error } = wireError('url_elicitation_required', params.message, { server, elicitations });
    call.failure = 'url_elicitation_required';
    return { kind: 'error', error: withLogId(error, logIdOf(call)), status: 200 };
  }
}

function data(server: string): { readonly data: { readonly server: string } } {
  return { data: { server } };
}
