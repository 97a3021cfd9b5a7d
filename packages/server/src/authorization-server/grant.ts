/**
 * A grant: what a person approved for a client, from the code to the last token, in one record. One record, so that
 * taking a code, rotating a refresh token and revoking are each one write that one of several processes wins, and a
 * token dies with its grant. Types, and the check of what storage gives back; nothing is stored here.
 */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import type { Principal } from '../exchange.ts';

export interface Grant {
  readonly clientId: string;
  /** As it was found last, at the sign-in of the person or since; without scopes. */
  readonly principal: Principal;
  readonly signedInMs: number;
  /** What is found by it is who the person is then; absent: nothing but the sign-in is known. */
  readonly renewal?: string;
  readonly scopes: readonly string[];
  /** The URL that its access tokens are for (RFC 8707). */
  readonly resource: string;
  /** When it was approved, in milliseconds since 1970. */
  readonly approvedMs: number;
  /** The client has registered for refresh tokens. */
  readonly refreshes: boolean;
  /** Kept when it is spent, so that a second use is known for one. */
  readonly code: { readonly hash: string; readonly redirectUri: string; readonly challenge: string };
  readonly spent: boolean;
  /** The access tokens given last. */
  readonly access: readonly GrantedAccess[];
  readonly refresh?: RefreshState;
}

export interface GrantedAccess {
  readonly hash: string;
  readonly scopes: readonly string[];
  readonly expiresAtMs: number;
}

export interface RefreshState {
  /** Of the one refresh token that is good. */
  readonly hash: string;
  /** Of the one before, and when it was exchanged. */
  readonly previous?: string;
  readonly rotatedMs: number;
}

type Check = (value: JsonValue | undefined) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isNumber: Check = (value) => typeof value === 'number';
const isBoolean: Check = (value) => typeof value === 'boolean';
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const shape = (members: Readonly<Record<string, Check>>): Check => {
  return (value) => isObject(value) && Object.entries(members).every(([name, check]) => check(value[name]));
};

const isGrant = shape({
  clientId: isText,
  principal: shape({
    issuer: isText,
    subject: isText,
    roles: listOf(isText),
    groups: optional(listOf(isText)),
    claims: optional(isObject),
  }),
  signedInMs: isNumber,
  renewal: optional(isText),
  scopes: listOf(isText),
  resource: isText,
  approvedMs: isNumber,
  refreshes: isBoolean,
  code: shape({ hash: isText, redirectUri: isText, challenge: isText }),
  spent: isBoolean,
  access: listOf(shape({ hash: isText, scopes: listOf(isText), expiresAtMs: isNumber })),
  refresh: optional(shape({ hash: isText, previous: optional(isText), rotatedMs: isNumber })),
});

/** Storage may have been edited by hand: what does not look like a grant is none. */
export function readGrant(value: JsonValue): Grant | undefined {
  return isGrant(value) ? (value as unknown as Grant) : undefined;
}

/** As storage takes it. */
export function storedGrant(grant: Grant): JsonObject {
  return grant as unknown as JsonObject;
}
