/**
 * What an author's function says of a caller, as a principal. It is looked at although it has a type: a row of a database without
 * the member that names somebody would make everybody the same one, and a query that was not awaited would let everybody in.
 */

import { isObject } from '@sallyport/wire';
import type { Verified } from '../../auth/authenticate.ts';
import type { Principal } from '../../exchange.ts';

const MEMBERS: ReadonlySet<string> = new Set(['issuer', 'subject', 'roles', 'groups', 'scopes', 'claims']);

/** Nothing but the members of a principal. Throws a `TypeError`, for the log, for what names nobody. */
export function principalFrom(given: unknown): Principal {
  if (!isObject(given)) throw new TypeError('what was returned is no principal');
  const { claims, groups = [], issuer, roles, scopes = [], subject } = given;
  if (!isName(issuer) || !isName(subject)) throw new TypeError('a principal has an issuer and a subject, both texts');
  if (![roles, groups, scopes].every(isTexts)) throw new TypeError('roles, groups and scopes are lists of texts');
  if (claims !== undefined && !isObject(claims)) throw new TypeError('claims are an object');
  const entries = Object.entries(given);
  const isBare = entries.every(([name, value]) => MEMBERS.has(name) && value !== undefined);
  // The same object where that is possible: who it is, is remembered by it.
  if (isBare) return given as unknown as Principal;
  return Object.fromEntries(
    entries.filter(([name, value]) => MEMBERS.has(name) && value !== undefined),
  ) as unknown as Principal;
}

/** What an author's function found out: a principal, why not, or nothing. The same. */
export function verifiedFrom(given: unknown): Verified {
  if (given === undefined || given === null) return undefined;
  const isRejected = isObject(given) && typeof given['problem'] === 'string' && given['subject'] === undefined;
  return isRejected ? (given as unknown as Verified) : principalFrom(given);
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}
