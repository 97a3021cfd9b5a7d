/**
 * Renewing a grant, once for all who need it: callers of one process share a renewal, and processes take turns by a mark in
 * the grant itself, which is written before the refresh token is sent and runs out by itself. The next token is stored
 * before it is used, and only over the one that it replaces, so that a logout or login meanwhile wins.
 *
 * A server that rotates refresh tokens takes the second use of one for a theft. Therefore one whose answer was lost, or
 * whose sender died, is sent again only when the access token is of no use any more: then there is nothing to lose.
 */

import { AuthorizationError } from './error.ts';
import { NoSubjectToken } from './exchange.ts';
import { canRenew, failed, isExpired, renewed, spent, type Grant } from './grant.ts';
import { REQUEST_TIMEOUT_MS } from './requests.ts';
import { AnswerLost, TokenRefused, type Tokens } from './token-endpoint.ts';
import type { Vault } from './vault.ts';

export interface RenewalOptions {
  readonly vault: Vault<Grant>;
  /** Of the grant in the vault. */
  readonly key: string;
  /** Asks the server. Undefined: it was granted to a client that we are not any more. */
  readonly ask: (grant: Grant) => Promise<Tokens | undefined>;
  /** Gives back what nobody will use. Never rejects. */
  readonly drop: (grant: Grant) => Promise<void>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

export interface Renewal {
  /**
   * The grant that takes the place of one whose token is due, or was refused. It may be the same when a due token is still
   * good. Undefined: a login is needed. Throws when it may work later; a due token may be used until then.
   */
  renew(stale: string, isRefused: boolean): Promise<Grant | undefined>;
}

/** Longer than discovery and request together may take. */
const MARK_MS = 6 * REQUEST_TIMEOUT_MS;
/** How often somebody else's renewal is looked after. */
const LOOK_MS = 100;

export function createRenewal(options: RenewalOptions): Renewal {
  return new SharedRenewal(options);
}

class SharedRenewal implements Renewal {
  readonly #options: RenewalOptions;
  readonly #running = new Map<string, Promise<Grant | undefined>>();
  /** Could not be stored: the old one is spent, so it must not be lost. */
  #unstored: { readonly spent: Grant; readonly next: Grant } | undefined;

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  renew(stale: string, isRefused: boolean): Promise<Grant | undefined> {
    const key = `${isRefused} ${stale}`;
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const renewal = this.#renew(stale, isRefused).finally(() => this.#running.delete(key));
    this.#running.set(key, renewal);
    return renewal;
  }

  async #renew(stale: string, isRefused: boolean): Promise<Grant | undefined> {
    const { key, now, sleep, vault } = this.#options;
    if (this.#unstored !== undefined) await this.#store(this.#unstored.spent, this.#unstored.next);
    for (;;) {
      const { value: grant, version } = await vault.read(key);
      if (grant === undefined) return undefined;
      if (grant.accessToken !== stale) return grant;
      const isGood = !isRefused && !isExpired(grant, now());
      const turn = turnOf(grant, isGood, now());
      if (turn === 'keep') return grant;
      if (turn === 'login') return undefined;
      if (turn === 'later') throw new AuthorizationError('unavailable', later(grant));
      if (turn === 'wait') await sleep(LOOK_MS);
      else {
        const marked = { ...grant, renewing: { by: crypto.randomUUID(), untilMs: now() + MARK_MS } };
        if (await vault.replace(key, version, marked)) return await this.#spend(marked, isGood);
      }
    }
  }

  async #spend(grant: Grant, isGood: boolean): Promise<Grant | undefined> {
    const { ask, now, random } = this.#options;
    try {
      const tokens = await ask(grant);
      return tokens === undefined
        ? await this.#giveUp(grant, isGood)
        : await this.#store(grant, renewed(grant, tokens, now()));
    } catch (error) {
      if (!(error instanceof AuthorizationError)) throw error;
      if (isFinal(error, grant)) return await this.#giveUp(grant, isGood);
      // Nobody was asked, so nobody needs a pause; and whoever signs in must not wait for the end of one.
      if (error instanceof NoSubjectToken) {
        await this.#store(grant, spent(grant));
        throw error;
      }
      const next = await this.#store(grant, failed(grant, now(), random(), isGood && error instanceof AnswerLost));
      // Unless somebody else has renewed it, logged in or logged out meanwhile.
      if (next?.accessToken !== grant.accessToken) return next;
      throw error;
    }
  }

  async #giveUp(grant: Grant, isGood: boolean): Promise<Grant | undefined> {
    const rest = await this.#store(grant, spent(grant));
    return isGood || rest?.accessToken !== grant.accessToken ? rest : undefined;
  }

  /** `next` in the place of what it follows, unless that is not there any more. Answers with what is there then. */
  async #store(before: Grant, next: Grant): Promise<Grant | undefined> {
    const { drop, key, vault } = this.#options;
    this.#unstored = { spent: before, next };
    for (;;) {
      const { value: current, version } = await vault.read(key);
      const isOurs = current?.accessToken === before.accessToken && current.refreshToken === before.refreshToken;
      if (!isOurs || (await vault.replace(key, version, next))) {
        this.#unstored = undefined;
        if (isOurs) return next;
        if (current === undefined && next.accessToken !== before.accessToken) await drop(next);
        return current;
      }
    }
  }
}

/** What is to be done by who finds a grant whose token is due or refused. */
function turnOf(grant: Grant, isGood: boolean, nowMs: number): 'keep' | 'login' | 'later' | 'wait' | 'mine' {
  const { renewing, retryAtMs = 0 } = grant;
  if (!canRenew(grant)) return isGood ? 'keep' : 'login';
  // Also when the mark has run out: its sender may have died with the answer.
  if (renewing !== undefined && isGood) return 'keep';
  if (renewing !== undefined && renewing.untilMs > nowMs) return 'wait';
  if (retryAtMs > nowMs) return isGood ? 'keep' : 'later';
  return 'mine';
}

function later({ issuer, failures = 1 }: Grant): string {
  return `The token could not be renewed at ${issuer}, ${failures} times in a row. It is tried again shortly.`;
}

/** It will never be renewed: the server takes neither this refresh token nor, where it made it, this client. */
function isFinal(error: AuthorizationError, { by, client }: Grant): boolean {
  // What is exchanged may be another next time.
  if (by !== 'authorization_code' || !(error instanceof TokenRefused)) return false;
  if (error.code === 'invalid_grant') return true;
  return client.via === 'registered' && (error.code === 'invalid_client' || error.code === 'unauthorized_client');
}
