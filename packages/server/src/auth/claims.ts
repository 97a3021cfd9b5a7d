/**
 * What the claims of an access token must be, and what is read from them (RFC 7519 §4.1, RFC 9068 §2.2, RFC 8693 §4.2).
 * The same for the payload of a JWT, once its signature is verified, and for what introspection answers (RFC 7662 §2.2).
 * Whether the token is meant for the path that is asked for is not decided here.
 *
 * What is malformed or has too many values is refused and not cut short: a group that is not seen could be one that a rule
 * denies.
 */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import type { Rejected } from './authenticate.ts';

/** Dotted paths into the claims, or the whole name of a claim that has dots itself. */
export interface ClaimNames {
  readonly roles: string;
  readonly groups: string;
}

export interface ClaimRules {
  /** Exact. */
  readonly issuer: string;
  readonly claims: ClaimNames;
  readonly clockToleranceMs: number;
  /** Claims that must be there, besides `sub` and `aud`. */
  readonly required: readonly ('iss' | 'exp')[];
}

/** What is known of a good token. */
export interface TokenClaims {
  readonly subject: string;
  readonly audiences: readonly string[];
  /** Milliseconds since 1970, without tolerance; Infinity: it does not say. */
  readonly expiresAtMs: number;
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  readonly groups: readonly string[];
  readonly all: JsonObject;
}

const MAX_VALUES = 512;
const MAX_LENGTH = 256;
/** The end of the year 9999. What lies behind it is no time. */
const MAX_SECONDS = 253_402_300_799;

export function readClaims(all: JsonObject, rules: ClaimRules, nowMs: number): TokenClaims | Rejected {
  const problem = issuerProblem(all, rules) ?? timeProblem(all, rules, nowMs) ?? bindingProblem(all);
  if (problem !== undefined) return invalid(problem);
  const { exp, sub } = all as Record<string, JsonValue | undefined>;
  if (typeof sub !== 'string' || sub === '' || sub.length > MAX_LENGTH) return invalid('it names no subject');
  const audiences = audiencesOf(all);
  if (audiences === undefined || audiences.length === 0) return invalid('it names no audience');
  const lists = readLists(all, rules.claims);
  if (typeof lists === 'string') return invalid(lists);
  const expiresAtMs = typeof exp === 'number' ? exp * 1000 : Infinity;
  return { subject: sub, audiences, expiresAtMs, ...lists, all };
}

function audiencesOf({ aud }: JsonObject): readonly string[] | undefined {
  return typeof aud === 'string' && aud !== '' ? [aud] : textsOf(aud);
}

type Lists = Pick<TokenClaims, 'scopes' | 'roles' | 'groups'>;

function readLists(all: JsonObject, names: ClaimNames): Lists | string {
  const scopes = textsOf(all['scope'] ?? all['scp']);
  const roles = textsOf(claimAt(all, names.roles));
  const groups = textsOf(claimAt(all, names.groups));
  if (scopes !== undefined && roles !== undefined && groups !== undefined) return { scopes, roles, groups };
  const which = scopes === undefined ? 'scope' : roles === undefined ? names.roles : names.groups;
  return `the claim ${which} is neither text nor a list of at most ${MAX_VALUES} texts of at most ${MAX_LENGTH} characters`;
}

function invalid(detail: string): Rejected {
  return { problem: 'invalid', detail: `the token is not good: ${detail}` };
}

function issuerProblem({ iss }: JsonObject, { issuer, required }: ClaimRules): string | undefined {
  if (iss === undefined && !required.includes('iss')) return undefined;
  return iss === issuer ? undefined : `its issuer is ${quoted(iss)}`;
}

function timeProblem({ exp, iat, nbf }: JsonObject, rules: ClaimRules, nowMs: number): string | undefined {
  const toleranceMs = rules.clockToleranceMs;
  if (exp === undefined ? rules.required.includes('exp') : !isTime(exp)) return 'its expiry is missing or no time';
  if (typeof exp === 'number' && exp * 1000 + toleranceMs <= nowMs) return 'it has expired';
  for (const [name, time] of [
    ['nbf', nbf],
    ['iat', iat],
  ] as const) {
    if (time === undefined) continue;
    if (!isTime(time)) return `its ${name} is no time`;
    if (time * 1000 - toleranceMs > nowMs) return `its ${name} lies in the future`;
  }
  return undefined;
}

/** NumericDate of RFC 7519 §2, within reason. */
function isTime(value: JsonValue): value is number {
  return typeof value === 'number' && value >= 0 && value <= MAX_SECONDS;
}

/** A token that is bound to a key (RFC 7800 §3) is worth nothing without it, and its possession is not proven here. */
function bindingProblem({ cnf }: JsonObject): string | undefined {
  return cnf === undefined ? undefined : 'it is bound to a key, so it is no bearer token';
}

/** Undefined: there is no such claim. */
export function claimAt(claims: JsonObject, path: string): JsonValue | undefined {
  if (Object.hasOwn(claims, path)) return claims[path];
  let at: JsonValue | undefined = claims;
  for (const name of path.split('.')) {
    if (!isObject(at) || !Object.hasOwn(at, name)) return undefined;
    at = at[name];
  }
  return at;
}

/** A list of texts, or one text with spaces between them. None where there is nothing; undefined for anything else. */
export function textsOf(value: JsonValue | undefined): readonly string[] | undefined {
  if (value === undefined || value === null) return [];
  const list = typeof value === 'string' ? value.split(' ').filter((text) => text !== '') : value;
  if (!Array.isArray(list) || list.length > MAX_VALUES) return undefined;
  const isText = (each: JsonValue): each is string => typeof each === 'string' && each.length <= MAX_LENGTH;
  return list.every(isText) ? list : undefined;
}

/** For the log. */
export function quoted(value: JsonValue | undefined): string {
  return JSON.stringify(value)?.slice(0, 200) ?? 'missing';
}
