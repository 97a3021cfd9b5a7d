/**
 * Opaque access tokens: the authorization server is asked what they are (RFC 7662). Its answers are believed for a while,
 * also that a token is none, so that asking again costs it nothing; a few questions are under way at a time, and an address
 * that failed too often causes none.
 *
 * A client key of ours, or a JWT that says it is another issuer's, is nothing to show to this one.
 */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { createAccessToken, MAX_TOKEN_LENGTH, type AccessToken, type AccessTokenRules } from './access-token.ts';
import type { Rejected } from './authenticate.ts';
import { bearerOf } from './bearer.ts';
import { readClaims, type ClaimNames } from './claims.ts';
import { FETCH_TIMEOUT_MS, fetchJson, type Fetch } from './fetch-json.ts';
import { hasKeyForm } from './key-form.ts';
import type { Prove, Proved } from './proof.ts';
import { keepSubjectToken } from './subject-tokens.ts';
import { createTokenCache, tokenId } from './token-cache.ts';
import { createTurns } from './turns.ts';

export interface IntrospectionOptions extends AccessTokenRules {
  /** The introspection endpoint. Rejects while it is not known. */
  readonly endpoint: () => Promise<string>;
  readonly clientId: string;
  readonly clientSecret: string;
  /** For how long an answer is believed, at most. */
  readonly cacheMs: number;
  readonly claims: ClaimNames;
  /** Whether this address failed too often to be worth a question. */
  readonly isSlowedDown: (address: string | undefined) => boolean;
  readonly fetch: Fetch;
  readonly timeoutMs?: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const MAX_TOKENS = 10_000;
const MAX_REFUSED = 10_000;
/** A token that is none now could be one later, when the server was slow to learn of it. */
const REFUSED_MS = 10_000;
const CLOCK_TOLERANCE_MS = 60_000;
const AT_ONCE = 16;
/** As many as may have a stream open whose answer has become old: they are all asked about at the same time. */
const WAITING = 2048;
/** After a question in vain none is asked, so that a line of them does not wait for one time-out after another. */
const REST_MS = 1000;

interface Refused {
  readonly untilMs: number;
  readonly why: Rejected;
}

export function createIntrospectionVerify(options: IntrospectionOptions): Prove {
  const { cacheMs, isSlowedDown, issuer, now } = options;
  const rules = { ...options, clockToleranceMs: CLOCK_TOLERANCE_MS, required: [] };
  const known = createTokenCache<AccessToken>(MAX_TOKENS);
  const refused = createTokenCache<Refused>(MAX_REFUSED);
  const flights = new Map<string, Promise<Answered>>();
  const turns = createTurns(AT_ONCE, WAITING);
  let restUntilMs = 0;

  const remember = (shown: string, id: string, answer: JsonObject, askedMs: number): AccessToken | Rejected => {
    const claims = answer['active'] === true ? readClaims(answer, rules, now()) : INACTIVE;
    if ('problem' in claims) {
      known.delete(id);
      refused.set(id, { untilMs: askedMs + Math.min(cacheMs, REFUSED_MS), why: claims });
      return claims;
    }
    const untilMs = Math.min(askedMs + cacheMs, claims.expiresAtMs);
    // What may be different in the next answer would make somebody else of its holder.
    const { active: _active, exp: _exp, ...all } = answer;
    const token = createAccessToken({ ...claims, all }, options, () => now() < untilMs);
    keepSubjectToken(token.principal, { token: shown, kind: 'access_token', expiresAtMs: claims.expiresAtMs });
    known.set(id, token);
    return token;
  };

  const ask = async (token: string, id: string): Promise<AccessToken | Rejected> => {
    const askedMs = now();
    if (askedMs < restUntilMs) return RESTING;
    let answer: JsonObject;
    try {
      answer = await introspect(token, options);
    } catch (error) {
      restUntilMs = now() + REST_MS;
      return { problem: 'unavailable', detail: error instanceof Error ? error.message : 'introspection failed' };
    }
    return remember(token, id, answer, askedMs);
  };

  const askInTurn = async (token: string, id: string, isUnwanted: () => boolean): Promise<Answered> => {
    // Those who waited before it may have failed too often by now.
    const turn = turns.take(async () => (isUnwanted() ? undefined : await ask(token, id)));
    return turn === undefined ? BUSY : await turn;
  };

  const askOnce = (token: string, id: string, isUnwanted: () => boolean): Promise<Answered> => {
    const flight = flights.get(id);
    if (flight !== undefined) return flight;
    const begun = askInTurn(token, id, isUnwanted).finally(() => flights.delete(id));
    flights.set(id, begun);
    return begun;
  };

  return ({ address, authorization, path }): Proved | Promise<Proved> => {
    const token = bearerOf(authorization);
    if (token === undefined || !isTheirs(token, issuer)) return undefined;
    const id = tokenId(token);
    const before = known.get(id);
    if (before?.isCurrent() === true) return before.refusalAt(path) ?? before;
    const no = refused.get(id);
    if (no !== undefined && now() < no.untilMs) return no.why;
    // One that was good before is asked about again, whoever else has failed at its address.
    const isUnwanted = (): boolean => before === undefined && isSlowedDown(address);
    if (isUnwanted()) return undefined;
    return askOnce(token, id, isUnwanted).then((found) => (isToken(found) ? (found.refusalAt(path) ?? found) : found));
  };
}

/** Undefined: the address has failed too often. */
type Answered = AccessToken | Rejected | undefined;

const isToken = (found: Answered): found is AccessToken => found !== undefined && 'principal' in found;

const INACTIVE: Rejected = { problem: 'invalid', detail: 'the authorization server says that the token is not active' };
const RESTING: Rejected = { problem: 'unavailable', detail: 'the authorization server did not answer just now' };
const BUSY: Rejected = { problem: 'unavailable', detail: 'too many unknown tokens at once' };

/** Whether this issuer may see it. */
function isTheirs(token: string, issuer: string): boolean {
  const isKey: boolean = hasKeyForm(token);
  if (isKey || token.length > MAX_TOKEN_LENGTH) return false;
  const parts = token.split('.');
  if (parts.length !== 3) return true;
  try {
    const claims = JSON.parse(Buffer.from(parts[1] as string, 'base64url').toString()) as JsonValue;
    return !isObject(claims) || claims['iss'] === undefined || claims['iss'] === issuer;
  } catch {
    return true;
  }
}

/** RFC 7662 §2.1. */
async function introspect(token: string, options: IntrospectionOptions): Promise<JsonObject> {
  const { clientId, clientSecret, fetch, timeoutMs = FETCH_TIMEOUT_MS } = options;
  const body = new URLSearchParams({ token, token_type_hint: 'access_token' });
  const authorization = `Basic ${Buffer.from(`${formEncoded(clientId)}:${formEncoded(clientSecret)}`).toString('base64')}`;
  return await fetchJson(await options.endpoint(), { fetch, timeoutMs, form: { body, authorization } });
}

/** `application/x-www-form-urlencoded`, as RFC 6749 §2.3.1 wants both halves of the credential. */
function formEncoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}
